// SPDX-License-Identifier: Apache-2.0
//
// <sync/model/std.h>: programs in std:: names, each correct and with a bug.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/model/std_names/first.h"
#include "tests/model/support/checks.h"

// Late: the headers above keep the real std.
#include <sync/model/std.h>

#include "tests/model/std_names/programs.h"

namespace {

using syncxx_test::expect_ok;
using syncxx_test::expect_verdict;
using syncxx_test::model::verdict;

static_assert(!std::is_same_v<std::mutex, syncxx_real_std::mutex>);
static_assert(std::is_same_v<std::mutex, syncxx::mutex>);
static_assert(
    std::is_same_v<std::atomic_uint32_t, syncxx::atomic<std::uint32_t>>);
static_assert(std::is_same_v<std::vector<int>, syncxx_real_std::vector<int>>);

TEST(std_names, message_passing) {
  using enum std::memory_order;
  expect_ok([] { programs::message_passing(release, acquire); });
  expect_verdict(verdict::data_race,
                 [] { programs::message_passing(relaxed, acquire); });
}

TEST(std_names, store_buffering) {
  expect_ok([] { programs::store_buffering(true); });
  expect_verdict(verdict::assertion_failed,
                 [] { programs::store_buffering(false); });
}

template <class Pause>
void spin(Pause pause) {
  using enum std::memory_order;
  expect_ok([=] { programs::spin_lock(release, pause); });
  expect_verdict(verdict::data_race,
                 [=] { programs::spin_lock(relaxed, pause); });
}

TEST(std_names, spinning) {
  spin([] {});
  spin([] { std::this_thread::yield(); });
  spin([] { std::this_thread::sleep_for(std::chrono::milliseconds(1)); });
}

TEST(std_names, spinning_in_vain) {
  expect_verdict(verdict::livelock, [] {
    std::atomic<int> x{0};
    while (x == 0) std::this_thread::sleep_for(std::chrono::seconds(1));
  });
}

TEST(std_names, atomic_wait) {
  expect_ok([] { programs::atomic_wait(true); });
  expect_verdict(verdict::deadlock, [] { programs::atomic_wait(false); });
}

TEST(std_names, mutexes) {
  expect_ok([] { programs::counter<std::mutex>(true); });
  expect_ok([] { programs::counter<std::timed_mutex>(true); });
  expect_ok([] { programs::counter<std::recursive_mutex>(true); });
  expect_ok([] { programs::counter<std::recursive_timed_mutex>(true); });
  expect_verdict(verdict::data_race,
                 [] { programs::counter<std::mutex>(false); });
}

TEST(std_names, two_locks) {
  // Too many tries to see them all.
  syncxx::model::options some;
  some.max_executions = 2000;
  const auto r = syncxx::model::check([] { programs::two_locks(true); }, some);
  EXPECT_EQ(r.what, verdict::bound_reached) << r.message;
  expect_verdict(verdict::deadlock, [] { programs::two_locks(false); });
}

TEST(std_names, condition_variable) {
  expect_ok([] { programs::queue(true); });
  expect_ok(programs::full_queue);
  expect_verdict(verdict::deadlock, [] { programs::queue(false); });
}

TEST(std_names, condition_variable_any) {
  expect_ok([] { programs::wait_for_any(true); });
  expect_verdict(verdict::deadlock, [] { programs::wait_for_any(false); });
}

TEST(std_names, semaphore_and_latch) {
  expect_ok([] { programs::handover(true); });
  expect_verdict(verdict::assertion_failed, [] { programs::handover(false); });
  expect_ok([] { programs::arrive(true); });
  expect_verdict(verdict::assertion_failed, [] { programs::arrive(false); });
}

TEST(std_names, barrier_and_once) {
  expect_ok([] { programs::meet(true); });
  expect_verdict(verdict::assertion_failed, [] { programs::meet(false); });
  expect_ok([] { programs::set_up(true); });
  expect_verdict(verdict::data_race, [] { programs::set_up(false); });
}

TEST(std_names, stop_token) {
  expect_ok([] { programs::stopped(true); });
  expect_verdict(verdict::deadlock, [] { programs::stopped(false); });
}

TEST(std_names, threads) {
  expect_ok(programs::threads);
  expect_verdict(verdict::assertion_failed, programs::never_joined);
}

TEST(std_names, time) {
  expect_ok(programs::time_passes);
  expect_ok([] { programs::spin_until([] {}); });
  expect_ok([] { programs::spin_until([] { std::this_thread::yield(); }); });
  expect_ok([] {
    programs::spin_until(
        [] { std::this_thread::sleep_for(std::chrono::milliseconds(1)); });
  });
}

TEST(std_names, included_first) {
  EXPECT_THAT(syncxx_test::results_of_first(),
              ::testing::ElementsAre(verdict::ok, verdict::data_race,
                                     verdict::ok, verdict::data_race,
                                     verdict::ok, verdict::deadlock));
}

}  // namespace
