// SPDX-License-Identifier: Apache-2.0
//
// What a stretch of a benchmark cost the machine: context switches and
// processor time of the whole process.
#ifndef SYNCXX_BENCH_HARNESS_USAGE_H_
#define SYNCXX_BENCH_HARNESS_USAGE_H_

#include <sys/resource.h>

#include <cstdint>

namespace syncxx_bench {

struct usage {
  std::int64_t voluntary = 0;    // a thread went to sleep
  std::int64_t involuntary = 0;  // a thread was preempted
  std::int64_t cpu_ns = 0;
  std::int64_t user_ns = 0;  // of that, outside of the kernel

  static usage of(int who) {
    rusage r{};
    getrusage(who, &r);
    auto ns = [](const timeval& t) {
      return t.tv_sec * 1'000'000'000LL + t.tv_usec * 1'000LL;
    };
    return {r.ru_nvcsw, r.ru_nivcsw, ns(r.ru_utime) + ns(r.ru_stime),
            ns(r.ru_utime)};
  }
  static usage of_process() { return of(RUSAGE_SELF); }
  static usage of_this_thread() { return of(RUSAGE_THREAD); }

  std::int64_t switches() const { return voluntary + involuntary; }

  friend usage operator-(const usage& a, const usage& b) {
    return {a.voluntary - b.voluntary, a.involuntary - b.involuntary,
            a.cpu_ns - b.cpu_ns, a.user_ns - b.user_ns};
  }
};

}  // namespace syncxx_bench

#endif  // SYNCXX_BENCH_HARNESS_USAGE_H_
