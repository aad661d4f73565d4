// SPDX-License-Identifier: Apache-2.0
//
// Lets the model checker explore code that is written with std:: names.
//
//   #include <gtest/gtest.h>       // what shall keep the real std
//   #include <sync/model/check.h>
//   #include <sync/model/std.h>    // from here on std:: is the checker's
//   #include "my_queue.h"          // std::atomic, std::mutex, std::thread, ...
//
// or, for sources that stay as they are: -include sync/model/std.h.
//
// How: std becomes a macro for a namespace that has the checker's types under
// the standard's names, and all else of the real std. The standard headers are
// included here, before that, so that including them again does nothing.
//
// Mapped: atomic (with its free functions and typedefs), atomic_flag, fences,
// mutex and its timed and recursive kinds, condition_variable(_any),
// counting_semaphore, binary_semaphore, latch, barrier, once_flag, call_once,
// notify_all_at_thread_exit, thread, jthread, this_thread, stop_token,
// stop_source, stop_callback, the clocks' now(). Locks over them (lock_guard,
// unique_lock, scoped_lock, lock, ...) are the real ones. Not known to the
// checker, and so errors of the compiler: shared_mutex, future and what belongs
// to it, atomic_ref, parallel algorithms. Unseen: the counter of shared_ptr.
// Sharing one between threads may be taken for a race.
//
// What has to be written differently:
//   using namespace std;      unqualified names that are mapped are ambiguous
//   namespace std { ... }     specialise syncxx_real_std::hash and the like
//   later #includes           none of headers that declare something in std
//                             (others than the standard's are such)
// A std::thread that is destroyed while joinable fails the test.
//
// In a build without the checker this header does nothing.
#ifndef SYNCXX_MODEL_STD_H_
#define SYNCXX_MODEL_STD_H_

#include <sync/detail/config.h>

#if SYNCXX_MODELLED
#include <sync/model/std_names.h>

// NOLINTNEXTLINE(bugprone-reserved-identifier)
#define std syncxx_model_std
#else
namespace std {}
namespace syncxx_real_std = ::std;
#endif

#endif  // SYNCXX_MODEL_STD_H_
