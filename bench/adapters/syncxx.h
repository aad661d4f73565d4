// SPDX-License-Identifier: Apache-2.0
//
// This library, under the same shells as its peers.
#ifndef SYNCXX_BENCH_ADAPTERS_SYNCXX_H_
#define SYNCXX_BENCH_ADAPTERS_SYNCXX_H_

#include "bench/adapters/concepts.h"

#if __has_include(<sync/mutex.h>)
#include <sync/mutex.h>
#define SYNCXX_BENCH_SELF_MUTEX 1
namespace syncxx_bench {
struct self_mutex : lockable<syncxx::mutex> {
  static constexpr std::string_view kName = "syncxx::mutex";
  static constexpr std::string_view kLibrary = "syncxx";
};
}  // namespace syncxx_bench
#endif

#if __has_include(<sync/spinlock.h>)
#include <sync/spinlock.h>
#define SYNCXX_BENCH_SELF_SPINLOCK 1
namespace syncxx_bench {
struct self_spinlock : lockable<syncxx::spinlock> {
  static constexpr std::string_view kName = "syncxx::spinlock";
  static constexpr std::string_view kLibrary = "syncxx";
  static constexpr waiting kWaiting = waiting::kSpins;
};
}  // namespace syncxx_bench
#endif

#endif  // SYNCXX_BENCH_ADAPTERS_SYNCXX_H_
