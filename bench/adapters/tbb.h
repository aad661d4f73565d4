// SPDX-License-Identifier: Apache-2.0
//
// oneTBB: the adaptive mutex, the spin mutex, the FIFO queuing mutex, and its
// call_once.
#ifndef SYNCXX_BENCH_ADAPTERS_TBB_H_
#define SYNCXX_BENCH_ADAPTERS_TBB_H_

#include <oneapi/tbb/collaborative_call_once.h>
#include <oneapi/tbb/mutex.h>
#include <oneapi/tbb/queuing_mutex.h>
#include <oneapi/tbb/spin_mutex.h>

#include "bench/adapters/concepts.h"

namespace syncxx_bench {

struct tbb_mutex : lockable<tbb::mutex> {
  static constexpr std::string_view kName = "tbb::mutex";
  static constexpr std::string_view kLibrary = "tbb";
};

// Spins with pauses, then with sched_yield.
struct tbb_spin_mutex : lockable<tbb::spin_mutex> {
  static constexpr std::string_view kName = "tbb::spin_mutex";
  static constexpr std::string_view kLibrary = "tbb";
  static constexpr waiting kWaiting = waiting::kSpins;
};

class tbb_queuing_mutex {
 public:
  using node = tbb::queuing_mutex::scoped_lock;
  static constexpr std::string_view kName = "tbb::queuing_mutex";
  static constexpr std::string_view kLibrary = "tbb";
  static constexpr std::size_t kSize = sizeof(tbb::queuing_mutex);
  static constexpr waiting kWaiting = waiting::kSpinsFifo;

  void lock(node& n) { n.acquire(mutex_); }
  void unlock(node& n) { n.release(); }

 private:
  tbb::queuing_mutex mutex_;
};

// Those that come while it is being done help with it, if it has tasks.
class tbb_once {
 public:
  static constexpr std::string_view kName = "tbb::collaborative_call_once";
  static constexpr std::string_view kLibrary = "tbb";
  static constexpr std::size_t kSize = sizeof(tbb::collaborative_once_flag);

  void call() { tbb::collaborative_call_once(flag_, do_once); }

 private:
  tbb::collaborative_once_flag flag_;
};

}  // namespace syncxx_bench

#endif  // SYNCXX_BENCH_ADAPTERS_TBB_H_
