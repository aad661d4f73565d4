// SPDX-License-Identifier: Apache-2.0
//
// Where a number was measured: processor, kernel, compiler, and the version of
// each library that was measured beside this one.
#ifndef SYNCXX_BENCH_HARNESS_MACHINE_H_
#define SYNCXX_BENCH_HARNESS_MACHINE_H_

#include <gnu/libc-version.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <ctime>
#include <fstream>
#include <string>

#include "bench/harness/json.h"

#if defined(SYNCXX_BENCH_HAVE_ABSL)
#include <absl/base/config.h>
#endif
#if defined(SYNCXX_BENCH_HAVE_TBB)
#include <oneapi/tbb/version.h>
#endif
#if defined(SYNCXX_BENCH_HAVE_CK)
#include <ck_md.h>
#endif
#if defined(SYNCXX_BENCH_HAVE_BOOST)
#include <boost/version.hpp>
#endif
#if __has_include(<sync/version.h>)
#include <sync/version.h>
#endif

namespace syncxx_bench {

#define SYNCXX_BENCH_TEXT_(x) #x
#define SYNCXX_BENCH_TEXT(x) SYNCXX_BENCH_TEXT_(x)

inline std::string cpu_model() {
  std::ifstream in("/proc/cpuinfo");
  std::string line;
  while (std::getline(in, line)) {
    if (line.rfind("model name", 0) == 0) {
      const std::size_t colon = line.find(':');
      return colon + 2 <= line.size() ? line.substr(colon + 2) : line;
    }
  }
  return "unknown";
}

inline long cpu_count() { return sysconf(_SC_NPROCESSORS_ONLN); }

inline std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

inline void write_libraries(json_writer& out) {
  out.begin_object();
#if defined(SYNCXX_VERSION_STRING)
  out.field("syncxx", SYNCXX_VERSION_STRING);
#endif
  out.field("glibc", gnu_get_libc_version());
#if defined(_GLIBCXX_RELEASE)
  out.field("libstdc++", _GLIBCXX_RELEASE);
#endif
#if defined(SYNCXX_BENCH_HAVE_ABSL) && defined(ABSL_LTS_RELEASE_VERSION)
  out.field(
      "absl",
      "LTS " SYNCXX_BENCH_TEXT(ABSL_LTS_RELEASE_VERSION) "." SYNCXX_BENCH_TEXT(
          ABSL_LTS_RELEASE_PATCH_LEVEL));
#endif
#if defined(SYNCXX_BENCH_HAVE_TBB)
  out.field("tbb", TBB_runtime_version());
#endif
#if defined(SYNCXX_BENCH_HAVE_NSYNC)
  out.field("nsync", "see package");
#endif
#if defined(SYNCXX_BENCH_HAVE_CK)
  out.field("ck", CK_VERSION);
#endif
#if defined(SYNCXX_BENCH_HAVE_BOOST)
  out.field("boost", BOOST_LIB_VERSION);
#endif
  out.end_object();
}

inline void write_machine(json_writer& out) {
  utsname names{};
  uname(&names);
  double load[1] = {0};
  if (getloadavg(load, 1) != 1) load[0] = 0;
  out.begin_object();
  out.field("cpu", cpu_model());
  out.field("cpus", cpu_count());
  out.field("kernel", names.release);
  out.field("architecture", names.machine);
#if defined(__clang__)
  out.field("compiler", "clang " __clang_version__);
#else
  out.field("compiler", "g++ " __VERSION__);
#endif
#if defined(__OPTIMIZE__)
  out.field("optimized", true);
#else
  out.field("optimized", false);
#endif
  out.field("date", utc_now());
  out.field("load_average", load[0]);
  out.end_object();
}

}  // namespace syncxx_bench

#endif  // SYNCXX_BENCH_HARNESS_MACHINE_H_
