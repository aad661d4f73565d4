// SPDX-License-Identifier: Apache-2.0
//
// Every adapter that this build has, as lists of types.
#ifndef SYNCXX_BENCH_ADAPTERS_ALL_H_
#define SYNCXX_BENCH_ADAPTERS_ALL_H_

#include "bench/adapters/concepts.h"
#include "bench/adapters/floor.h"
#include "bench/adapters/pthread.h"
#include "bench/adapters/std.h"
#include "bench/adapters/syncxx.h"
#if defined(SYNCXX_BENCH_HAVE_ABSL)
#include "bench/adapters/absl.h"
#endif
#if defined(SYNCXX_BENCH_HAVE_TBB)
#include "bench/adapters/tbb.h"
#endif
#if defined(SYNCXX_BENCH_HAVE_NSYNC)
#include "bench/adapters/nsync.h"
#endif
#if defined(SYNCXX_BENCH_HAVE_CK)
#include "bench/adapters/ck.h"
#endif
#if defined(SYNCXX_BENCH_HAVE_BOOST)
#include "bench/adapters/boost.h"
#endif

namespace syncxx_bench {

template <class... T>
struct types {
  template <class... U>
  friend constexpr types<T..., U...> operator+(types, types<U...>) {
    return {};
  }

  // Calls f.operator()<T>() for each, in order.
  template <class F>
  static void for_each(F f) {
    (f.template operator()<T>(), ...);
  }
};

#if defined(SYNCXX_BENCH_HAVE_ABSL)
using absl_mutexes = types<absl_mutex>;
using absl_condvars = types<absl_condvar>;
using absl_events = types<absl_notification>;
using absl_latches = types<absl_blocking_counter>;
using absl_onces = types<absl_once>;
#else
using absl_mutexes = types<>;
using absl_condvars = types<>;
using absl_events = types<>;
using absl_latches = types<>;
using absl_onces = types<>;
#endif

#if defined(SYNCXX_BENCH_HAVE_TBB)
using tbb_mutexes = types<tbb_mutex>;
using tbb_spinlocks = types<tbb_spin_mutex, tbb_queuing_mutex>;
using tbb_onces = types<tbb_once>;
#else
using tbb_mutexes = types<>;
using tbb_spinlocks = types<>;
using tbb_onces = types<>;
#endif

#if defined(SYNCXX_BENCH_HAVE_NSYNC)
using nsync_mutexes = types<nsync_mutex>;
using nsync_condvars = types<nsync_condvar>;
using nsync_events = types<nsync_note_event>;
using nsync_latches = types<nsync_counter_latch>;
using nsync_onces = types<nsync_once_flag>;
#else
using nsync_mutexes = types<>;
using nsync_condvars = types<>;
using nsync_events = types<>;
using nsync_latches = types<>;
using nsync_onces = types<>;
#endif

#if defined(SYNCXX_BENCH_HAVE_CK)
using ck_spinlocks = types<ck_fas, ck_ticket, ck_mcs, ck_clh>;
using ck_barriers = types<ck_central_barrier>;
#else
using ck_spinlocks = types<>;
using ck_barriers = types<>;
#endif

#if defined(SYNCXX_BENCH_HAVE_BOOST)
using boost_spinlocks = types<boost_spinlock>;
using boost_condvars = types<boost_condvar>;
using boost_latches = types<boost_latch>;
using boost_barriers = types<boost_barrier>;
using boost_onces = types<boost_once>;
#else
using boost_spinlocks = types<>;
using boost_condvars = types<>;
using boost_latches = types<>;
using boost_barriers = types<>;
using boost_onces = types<>;
#endif

// Locks whose waiters sleep.
using parking_mutexes = decltype(
    types<self_mutex, self_byte_mutex, std_mutex, pthread_adaptive_mutex>{} +
    absl_mutexes{} + nsync_mutexes{} + tbb_mutexes{});
// Those that the kernel knows the owner of.
using pi_mutexes = types<self_pi_mutex, pthread_inherit_mutex>;
using robust_mutexes = types<self_robust_mutex, pthread_robust_mutex>;
using robust_pi_mutexes =
    types<self_robust_pi_mutex, pthread_robust_inherit_mutex>;
// Locks whose waiters don't.
using spinlocks = decltype(types<self_spinlock, self_ticket_lock, self_mcs_lock,
                                 self_queue_lock, pthread_spin>{} +
                           boost_spinlocks{} + tbb_spinlocks{} +
                           ck_spinlocks{});
using semaphores = types<self_semaphore, posix_semaphore, std_semaphore>;
// Not that of libstdc++ 12: a thread whose compare-exchange fails takes that
// for "no token", and may go to sleep while there is one. Seen to hang.
using contended_semaphores = types<self_semaphore, posix_semaphore>;
using condvars = decltype(types<self_condvar, self_condvar_any, std_condvar,
                                std_condvar_any, pthread_condvar>{} +
                          absl_condvars{} + nsync_condvars{} +
                          boost_condvars{});
using pi_condvars = types<self_pi_condvar, pthread_inherit_condvar>;
using notifiers =
    types<self_event_count, self_event_count_update, std_atomic_notifier>;
using events = decltype(types<self_event, std_flag_event, std_condvar_event>{} +
                        absl_events{} + nsync_events{});
using latches = decltype(types<self_latch, std_latch>{} + absl_latches{} +
                         nsync_latches{} + boost_latches{});
using barriers = decltype(types<self_barrier, std_barrier, pthread_barrier>{} +
                          boost_barriers{} + ck_barriers{});
using onces = decltype(types<self_once, std_once, pthread_once_flag>{} +
                       absl_onces{} + tbb_onces{} + nsync_onces{} +
                       boost_onces{});

}  // namespace syncxx_bench

#endif  // SYNCXX_BENCH_ADAPTERS_ALL_H_
