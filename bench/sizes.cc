// SPDX-License-Identifier: Apache-2.0
//
// What one of each costs in memory, as JSON.
#include <cstdio>

#include "bench/adapters/all.h"
#include "bench/harness/json.h"
#include "bench/harness/machine.h"

namespace syncxx_bench {
namespace {

void write_sizes(json_writer& out) {
  const auto of_kind = [&out](const char* kind) {
    return [&out, kind]<named T>() {
      out.begin_object();
      out.field("kind", kind);
      out.field("name", T::kName);
      out.field("library", T::kLibrary);
      out.field("bytes", T::kSize);
      out.end_object();
    };
  };
  out.begin_array();
  parking_mutexes::for_each(of_kind("mutex"));
  types<self_recursive_mutex, std_recursive_mutex>::for_each(
      of_kind("recursive_mutex"));
  types<std_timed_mutex>::for_each(of_kind("timed_mutex"));
  pi_mutexes::for_each(of_kind("pi_mutex"));
  robust_mutexes::for_each(of_kind("robust_mutex"));
  robust_pi_mutexes::for_each(of_kind("robust_pi_mutex"));
  spinlocks::for_each(of_kind("spinlock"));
  condvars::for_each(of_kind("condition_variable"));
  semaphores::for_each(of_kind("semaphore"));
  events::for_each(of_kind("event"));
  types<self_auto_reset_event>::for_each(of_kind("event"));
  types<self_event_count>::for_each(of_kind("event_count"));
  latches::for_each(of_kind("latch"));
  barriers::for_each(of_kind("barrier"));
  onces::for_each(of_kind("once_flag"));
  out.end_array();
}

}  // namespace
}  // namespace syncxx_bench

int main() {
  syncxx_bench::json_writer out(stdout);
  out.begin_object();
  out.field("program", "sizes");
  out.field("schema", 1);
  out.key("libraries");
  syncxx_bench::write_libraries(out);
  out.key("sizes");
  syncxx_bench::write_sizes(out);
  out.end_object();
  return 0;
}
