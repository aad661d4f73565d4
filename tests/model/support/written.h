// SPDX-License-Identifier: Apache-2.0
//
// What the executions of a program write, by whom and in which order: with
// rounds that come to nothing (src/model/rounds.cc) and without them it must be
// the same set of possibilities.
#ifndef SYNCXX_TESTS_MODEL_SUPPORT_WRITTEN_H_
#define SYNCXX_TESTS_MODEL_SUPPORT_WRITTEN_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <set>

#include <sync/model/check.h>

#include "src/model/observer.h"

namespace syncxx_test {

namespace engine = syncxx::model::engine;

struct explored {
  std::set<std::uint64_t> written;  // hashes
  std::uint64_t executions = 0;
  std::uint64_t blocked = 0;
};

inline std::set<std::uint64_t>* g_written = nullptr;

// Each thread's writes, and the order of those to each location. Locations are
// named in the order in which the threads write to them; a queue of sleepers
// has no value that is the same in two explorations.
inline void note_writes(const engine::graph& g) {
  std::uint64_t h = 0;
  const auto mix = [&h](std::uint64_t x) {
    h = (h ^ x) * 0x9e3779b97f4a7c15u;
    h ^= h >> 32;
  };
  std::map<engine::event_id, std::uint64_t> index;  // in its thread
  std::map<engine::location_id, std::uint64_t> names;
  for (engine::thread_number t = 0; t < g.threads(); ++t) {
    std::uint64_t n = 0;
    mix(t);
    for (const engine::event_id id : g.of_thread(t)) {
      const engine::event& e = g.at(id);
      if (!e.is_write()) continue;
      index[id] = ++n;
      mix(names.try_emplace(e.location, names.size()).first->second);
      if (e.access != engine::access_kind::futex) mix(e.data.lo);
    }
  }
  std::map<std::uint64_t, engine::location_id> by_name;
  for (const auto& [location, name] : names) by_name[name] = location;
  for (const auto& [name, location] : by_name) {
    mix(name);
    for (const engine::event_id id : g.co(location)) {
      mix(g.at(id).thread);
      mix(index[id]);
    }
  }
  g_written->insert(h);
}

inline explored explore(const std::function<void()>& test) {
  explored all;
  g_written = &all.written;
  engine::g_observer = &note_writes;
  const syncxx::model::result r = syncxx::model::check(test);
  engine::g_observer = nullptr;
  EXPECT_EQ(r.what, syncxx::model::verdict::ok) << r.message << r.timeline;
  all.executions = r.executions;
  all.blocked = r.blocked;
  return all;
}

enum class fewer { yes, not_always };

// Without these rounds, and with them.
inline void expect_the_same(const std::function<void()>& test,
                            fewer executions = fewer::yes) {
  const explored without = explore(test);
  ::setenv("SYNCXX_MODEL_ALL_ROUNDS", "1", 1);
  const explored with = explore(test);
  ::unsetenv("SYNCXX_MODEL_ALL_ROUNDS");
  EXPECT_EQ(without.written, with.written);
  EXPECT_LE(without.executions, with.executions);
  if (executions == fewer::yes) {
    EXPECT_LT(without.executions, with.executions);
  }
  EXPECT_LE(without.blocked, with.blocked);
}

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_MODEL_SUPPORT_WRITTEN_H_
