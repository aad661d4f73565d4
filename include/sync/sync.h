// SPDX-License-Identifier: Apache-2.0
//
// Every public header of syncxx.
#ifndef SYNCXX_SYNC_H_
#define SYNCXX_SYNC_H_

#include <sync/asymmetric_fence.h>
#include <sync/atomic.h>
#include <sync/back_off.h>
#include <sync/bankers_allocator.h>
#include <sync/barrier.h>
#include <sync/biased_shared_mutex.h>
#include <sync/byte_mutex.h>
#include <sync/condition_variable.h>
#include <sync/deadlock.h>
#include <sync/event.h>
#include <sync/event_count.h>
#include <sync/futex.h>
#include <sync/guarded.h>
#include <sync/interprocess.h>
#include <sync/latch.h>
#include <sync/lock_all.h>
#include <sync/lock_guards.h>
#include <sync/lock_manager.h>
#include <sync/lock_stat.h>
#include <sync/mcs_lock.h>
#include <sync/misuse.h>
#include <sync/mutex.h>
#include <sync/once.h>
#include <sync/ordered_mutex.h>
#include <sync/parking_lot.h>
#include <sync/pi_mutex.h>
#include <sync/queue_lock.h>
#include <sync/recursive_mutex.h>
#include <sync/robust_mutex.h>
#include <sync/semaphore.h>
#include <sync/seqlock.h>
#include <sync/shared_mutex.h>
#include <sync/spinlock.h>
#include <sync/thread.h>
#include <sync/ticket_lock.h>
#include <sync/version.h>
#include <sync/wait_any.h>

#endif  // SYNCXX_SYNC_H_
