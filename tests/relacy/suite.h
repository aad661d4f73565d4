// SPDX-License-Identifier: Apache-2.0
//
// How a Relacy test is written and run.
#ifndef SYNCXX_TESTS_RELACY_SUITE_H_
#define SYNCXX_TESTS_RELACY_SUITE_H_

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <ostream>

#include <sync/relacy/atomic.h>

#include "tests/relacy/world.h"

namespace relacy_test {

namespace world = syncxx::relacy;

inline void require(bool holds, const char* what) {
  if (!holds)
    rl::ctx().fail_test(what, rl::test_result_user_assert_failed,
                        rl::debug_info());
}

// A test has `threads` threads that run thread(i), and afterwards finish(),
// with shared() Objects that are made anew for each iteration.
template <class Test, class Objects, rl::thread_id_t Threads>
struct suite : rl::test_suite<Test, Threads> {
  void before() {
    world::begin_iteration();
    shared_.emplace();
  }
  void after() {
    static_cast<Test*>(this)->finish();
    shared_.reset();
  }
  void finish() {}

  Objects& shared() { return *shared_; }

 private:
  std::optional<Objects> shared_;
};

inline int& failures() {
  static int count = 0;
  return count;
}

inline unsigned iterations() {
  const char* const wanted = std::getenv("SYNCXX_RELACY_ITERATIONS");
  return wanted == nullptr
             ? 20000
             : static_cast<unsigned>(std::strtoul(wanted, nullptr, 10));
}

// (A string stream would allocate with Relacy and free without it.)
inline std::ostream& nowhere() {
  static std::ostream none(nullptr);
  return none;
}

inline void report(bool good, const char* name, rl::test_result_e r) {
  std::printf("%s: %s: %s\n", good ? "ok" : "FAILED", name,
              rl::test_result_str(r));
  std::fflush(stdout);
  if (!good) ++failures();
}

template <class Test>
rl::test_result_e run(std::ostream& out) {
  rl::test_params how;
  how.iteration_count = iterations();
  how.search_type = rl::random_scheduler_type;
  how.output_stream = &out;
  how.progress_stream = &out;
  how.execution_depth_limit = 20000;
  rl::simulate<Test>(how);
  return how.test_result;
}

// Nothing is found in the primitives as they are.
template <class Test>
void passes(const char* name) {
  const rl::test_result_e r = run<Test>(nowhere());
  const bool good = r == rl::test_result_success;
  report(good, name, r);
  if (!good) run<Test>(std::cout);  // the same again, with its history
}

// Something is, with what `bugs` breaks.
template <class Test>
void finds(const char* name, const world::sabotage& bugs) {
  world::seeded() = bugs;
  const rl::test_result_e r = run<Test>(nowhere());
  world::seeded() = {};
  report(r != rl::test_result_success, name, r);
}

inline constexpr world::sabotage kNoRelease{true, false, 0};
inline constexpr world::sabotage kNoAcquire{false, true, 0};
inline constexpr world::sabotage kNoWakes{false, false, 1};

}  // namespace relacy_test

#endif  // SYNCXX_TESTS_RELACY_SUITE_H_
