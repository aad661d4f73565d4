// SPDX-License-Identifier: Apache-2.0
//
// Every public header of syncxx.
#ifndef SYNCXX_SYNC_H_
#define SYNCXX_SYNC_H_

#include <sync/atomic.h>
#include <sync/condition_variable.h>
#include <sync/event.h>
#include <sync/futex.h>
#include <sync/latch.h>
#include <sync/lock_guards.h>
#include <sync/misuse.h>
#include <sync/mutex.h>
#include <sync/pi_mutex.h>
#include <sync/recursive_mutex.h>
#include <sync/robust_mutex.h>
#include <sync/semaphore.h>
#include <sync/spinlock.h>
#include <sync/thread.h>
#include <sync/version.h>

#endif  // SYNCXX_SYNC_H_
