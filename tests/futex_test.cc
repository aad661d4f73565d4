// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/futex.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/threads.h"
#include "tests/support/user_clock.h"

namespace syncxx_test {
namespace {

using syncxx::futex_result;
using syncxx::futex_scope;
using syncxx::futex_wait_entry;
using word = std::atomic<std::uint32_t>;
using std::chrono::steady_clock;
using std::chrono::system_clock;

static_assert(std::is_same_v<
              decltype(syncxx::futex_wake(std::declval<const word&>())), int>);

// Sleeps until the word is no longer 0; the API may wake for no reason.
std::unique_ptr<background<bool>> sleeper(
    const word& w, futex_scope scope = futex_scope::process_private) {
  return std::make_unique<background<bool>>([&w, scope] {
    while (w.load() == 0) syncxx::futex_wait(w, 0, scope);
    return true;
  });
}

std::vector<std::unique_ptr<background<bool>>> sleepers(const word& w, int n) {
  std::vector<std::unique_ptr<background<bool>>> all;
  for (int i = 0; i < n; ++i) {
    all.push_back(sleeper(w));
    all.back()->await_sleep();
  }
  return all;
}

TEST(FutexTest, WaitComparesFirst) {
  const word w(1);
  EXPECT_EQ(syncxx::futex_wait(w, 0), futex_result::value_changed);
  EXPECT_EQ(syncxx::futex_wait_for(w, 0, 1h), futex_result::value_changed);
  EXPECT_EQ(syncxx::futex_wait_until(w, 0, steady_clock::now() + 1h),
            futex_result::value_changed);
  EXPECT_EQ(syncxx::futex_wait_for(w, 0, -1s), futex_result::value_changed);
}

TEST(FutexTest, WaitTimesOutAndNotEarly) {
  const word w(0);
  EXPECT_EQ(syncxx::futex_wait_for(w, 0, 0s), futex_result::timed_out);
  EXPECT_EQ(syncxx::futex_wait_for(w, 0, -1h), futex_result::timed_out);
  EXPECT_EQ(syncxx::futex_wait_until(w, 0, steady_clock::time_point::min()),
            futex_result::timed_out);
  EXPECT_EQ(syncxx::futex_wait_until(w, 0, system_clock::now() - 1s),
            futex_result::timed_out);

  const auto start = steady_clock::now();
  while (syncxx::futex_wait_for(w, 0, std::chrono::duration<double>(0.01)) !=
         futex_result::timed_out) {
  }
  EXPECT_GE(steady_clock::now() - start, 10ms);
  const auto until = system_clock::now() + 10ms;
  while (syncxx::futex_wait_until(w, 0, until) != futex_result::timed_out) {
  }
  EXPECT_GE(system_clock::now(), until);
  const auto slow = slow_clock::now() + 3ms;
  while (slow_clock::now() < slow) syncxx::futex_wait_until(w, 0, slow);
}

TEST(FutexTest, WakeTellsHowMany) {
  word w(0);
  EXPECT_EQ(syncxx::futex_wake(w), 0);
  EXPECT_EQ(syncxx::futex_wake_all(w), 0);
  auto all = sleepers(w, 5);
  EXPECT_EQ(syncxx::futex_wake(w, 0), 0);
  EXPECT_EQ(syncxx::futex_wake(w, -3), 0);
  w.store(1);
  EXPECT_EQ(syncxx::futex_wake(w), 1);
  EXPECT_EQ(syncxx::futex_wake(w, 2), 2);
  EXPECT_EQ(syncxx::futex_wake_all(w), 2);
  for (auto& one : all) EXPECT_TRUE(one->result());
}

TEST(FutexTest, SharedWordsAreWokenAcrossProcesses) {
  void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  auto* words = new (page) word[2]{};
  const pid_t child = fork_child([&] {
    words[1].store(1);
    while (words[0].load() == 0)
      syncxx::futex_wait(words[0], 0, futex_scope::process_shared);
  });
  await([&] { return words[1].load() == 1; });
  std::this_thread::sleep_for(5ms);  // most likely asleep; right either way
  words[0].store(1);
  syncxx::futex_wake_all(words[0], futex_scope::process_shared);
  EXPECT_TRUE(join_child(child));
  munmap(page, 4096);
}

// A wake may come after the word is gone.
TEST(FutexTest, WakeOnUnmappedMemoryWakesNobody) {
  void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  const auto* w = new (page) word(0);
  munmap(page, 4096);
  EXPECT_EQ(syncxx::futex_wake(*w), 0);
  EXPECT_EQ(syncxx::futex_wake_all(*w), 0);
  EXPECT_EQ(syncxx::futex_wake(*w, 1, futex_scope::process_shared), 0);
}

TEST(FutexTest, RequeueMovesSleepers) {
  word from(0), to(0);
  auto all = sleepers(from, 5);
  EXPECT_EQ(syncxx::futex_requeue(from, 7, to, 1, 10), std::nullopt)
      << "the value differs";
  // Moves only: nobody's `from` has changed, nobody gets out.
  EXPECT_EQ(syncxx::futex_requeue(from, 0, to, 0, 4), 4);
  EXPECT_EQ(syncxx::futex_wake_all(to), 4);
  for (auto& one : all) {
    one->await_sleep();  // on `from` again
    EXPECT_FALSE(one->finished());
  }
  from.store(1);
  EXPECT_EQ(syncxx::futex_requeue(from, 1, to, 2, 2), 4);  // 2 woken, 2 moved
  EXPECT_EQ(syncxx::futex_wake_all(from), 1);
  EXPECT_EQ(syncxx::futex_wake_all(to), 2);
  for (auto& one : all) EXPECT_TRUE(one->result());
}

TEST(FutexTest, RequeueRefusesNegativeCounts) {
  word from(0), to(0);
  EXPECT_THROW(syncxx::futex_requeue(from, 0, to, -1, 1), std::system_error);
  EXPECT_THROW(syncxx::futex_requeue(from, 0, to, 1, -1), std::system_error);
}

class FutexWaitAnyTest : public testing::Test {
 protected:
  std::vector<futex_wait_entry> entries_of(std::vector<word>& words) {
    std::vector<futex_wait_entry> entries;
    for (word& w : words) entries.push_back({&w, 0});
    return entries;
  }
};

TEST_F(FutexWaitAnyTest, TellsWhichHasChanged) {
  std::vector<word> words(5);
  const auto entries = entries_of(words);
  words[3].store(1);
  EXPECT_EQ(syncxx::futex_wait_any(entries), std::size_t{3});
  EXPECT_EQ(syncxx::futex_wait_any_for(entries, -1s), std::size_t{3});
}

TEST_F(FutexWaitAnyTest, TimesOutAndNotEarly) {
  std::vector<word> words(3);
  const auto entries = entries_of(words);
  EXPECT_EQ(syncxx::futex_wait_any_for(entries, 0s), std::nullopt);
  const auto start = steady_clock::now();
  EXPECT_EQ(syncxx::futex_wait_any_for(entries, 10ms), std::nullopt);
  EXPECT_GE(steady_clock::now() - start, 10ms);
  const auto until = system_clock::now() + 10ms;
  EXPECT_EQ(syncxx::futex_wait_any_until(entries, until), std::nullopt);
  EXPECT_GE(system_clock::now(), until);
}

// Changes each word in turn while a thread sleeps on all of them.
TEST_F(FutexWaitAnyTest, WakesForEachOfUpTo128) {
  for (const std::size_t n : {1u, 2u, 128u}) {
    std::vector<word> words(n);
    const auto entries = entries_of(words);
    for (const std::size_t which : {std::size_t{0}, n / 2, n - 1}) {
      for (word& w : words) w.store(0);
      background<bool> waiting([&] {
        while (words[which].load() == 0) syncxx::futex_wait_any(entries);
        return syncxx::futex_wait_any(entries) == which;
      });
      waiting.await_sleep();
      words[which].store(1);
      syncxx::futex_wake(words[which]);
      EXPECT_TRUE(waiting.result()) << which << " of " << n;
    }
  }
}

TEST_F(FutexWaitAnyTest, MixesScopes) {
  void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  auto* shared = new (page) word(0);
  word ours(0);
  const futex_wait_entry entries[] = {{&ours, 0},
                                      {shared, 0, futex_scope::process_shared}};
  background<bool> waiting([&] {
    while (shared->load() == 0) syncxx::futex_wait_any(entries);
    return true;
  });
  waiting.await_sleep();
  shared->store(1);
  syncxx::futex_wake(*shared, 1, futex_scope::process_shared);
  EXPECT_TRUE(waiting.result());
  munmap(page, 4096);
}

TEST_F(FutexWaitAnyTest, RefusesWhatCannotBe) {
  std::vector<word> words(129);
  EXPECT_THROW(syncxx::futex_wait_any(entries_of(words)), std::length_error);
  EXPECT_THROW(syncxx::futex_wait_any({}), std::invalid_argument);
  const futex_wait_entry nowhere[] = {{nullptr, 0}};
  EXPECT_THROW(syncxx::futex_wait_any(nowhere), std::invalid_argument);
}

}  // namespace
}  // namespace syncxx_test
