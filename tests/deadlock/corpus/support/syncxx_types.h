// SPDX-License-Identifier: Apache-2.0
//
// The corpus in this library's own types, with its hooks.
#ifndef SYNCXX_TESTS_DEADLOCK_CORPUS_SUPPORT_SYNCXX_TYPES_H_
#define SYNCXX_TESTS_DEADLOCK_CORPUS_SUPPORT_SYNCXX_TYPES_H_

#include <sync/barrier.h>
#include <sync/condition_variable.h>
#include <sync/lock_all.h>
#include <sync/mutex.h>
#include <sync/recursive_mutex.h>
#include <sync/semaphore.h>
#include <sync/shared_mutex.h>
#include <sync/spinlock.h>
#include <sync/thread.h>

#if !defined(SYNCXX_HOOKS)
#error "The corpus shows what the hooked library finds: link syncxx::hooks."
#endif

namespace corpus {

using barrier = syncxx::barrier<>;
using semaphore = syncxx::counting_semaphore<>;
using syncxx::condition_variable;
using syncxx::lock_all;
using syncxx::mutex;
using syncxx::recursive_mutex;
using syncxx::shared_mutex;
using syncxx::spinlock;
using syncxx::thread;

}  // namespace corpus

#endif  // SYNCXX_TESTS_DEADLOCK_CORPUS_SUPPORT_SYNCXX_TYPES_H_
