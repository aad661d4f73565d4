// SPDX-License-Identifier: Apache-2.0
//
// What one of each costs in memory, as JSON.
#include <pthread.h>
#include <sync/guarded.h>
#include <sync/interprocess.h>
#include <sync/seqlock.h>

#include <cstdint>
#include <cstdio>
#include <string_view>

#include "bench/adapters/all.h"
#include "bench/adapters/shared.h"
#include "bench/harness/json.h"
#include "bench/harness/machine.h"

namespace syncxx_bench {
namespace {

// Of what no adapter stands for.
template <class T>
void write_size(json_writer& out, const char* kind, const char* name) {
  out.begin_object();
  out.field("kind", kind);
  out.field("name", name);
  out.field("library", std::string_view(name).substr(0, 6) == "syncxx"
                           ? "syncxx"
                           : "pthread");
  out.field("bytes", sizeof(T));
  out.end_object();
}

void write_others(json_writer& out) {
  struct three {
    std::uint64_t word[3];
  };
  write_size<syncxx::seqlock<three>>(out, "seqlock", "syncxx::seqlock, 24 B");
  write_size<syncxx::guarded<three>>(out, "guarded", "syncxx::guarded, 24 B");
  constexpr const char* kBetween = "interprocess";
  namespace ip = syncxx::interprocess;
  write_size<ip::mutex>(out, kBetween, "syncxx::interprocess::mutex");
  write_size<ip::shared_mutex>(out, kBetween,
                               "syncxx::interprocess::shared_mutex");
  write_size<ip::pi_mutex>(out, kBetween, "syncxx::interprocess::pi_mutex");
  write_size<ip::barrier<>>(out, kBetween, "syncxx::interprocess::barrier");
  write_size<ip::condition_variable>(
      out, kBetween, "syncxx::interprocess::condition_variable");
  write_size<ip::counting_semaphore<>>(
      out, kBetween, "syncxx::interprocess::counting_semaphore");
  write_size<ip::event>(out, kBetween, "syncxx::interprocess::event");
  write_size<ip::latch>(out, kBetween, "syncxx::interprocess::latch");
  write_size<pthread_mutex_t>(out, kBetween, "pthread_mutex(PROCESS_SHARED)");
  write_size<pthread_cond_t>(out, kBetween, "pthread_cond(PROCESS_SHARED)");
}

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
  shared_mutexes::for_each(of_kind("shared_mutex"));
  spinlocks::for_each(of_kind("spinlock"));
  condvars::for_each(of_kind("condition_variable"));
  pi_condvars::for_each(of_kind("pi_condition_variable"));
  semaphores::for_each(of_kind("semaphore"));
  events::for_each(of_kind("event"));
  types<self_auto_reset_event>::for_each(of_kind("event"));
  types<self_event_count>::for_each(of_kind("event_count"));
  latches::for_each(of_kind("latch"));
  barriers::for_each(of_kind("barrier"));
  onces::for_each(of_kind("once_flag"));
  write_others(out);
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
