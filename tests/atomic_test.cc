// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/atomic.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>

#include "tests/support/environment.h"
#include "tests/support/lockable_concepts.h"
#include "tests/support/watchdog.h"

namespace syncxx_test {
namespace {

using syncxx::atomic;
using syncxx::cell;

static_assert(std::is_same_v<atomic<int>, std::atomic<int>>);
static_assert(sizeof(cell<char>) == sizeof(char));
static_assert(sizeof(cell<long>) == sizeof(long));
static_assert(pinned<cell<int>>);
static_assert(std::is_trivially_destructible_v<cell<int>>);
static_assert(std::is_convertible_v<const cell<int>&, int>);

TEST(CellTest, HoldsAValue) {
  cell<int> c(3);
  EXPECT_EQ(c.get(), 3);
  c.set(4);
  EXPECT_EQ(c, 4);
  c = 5;
  const int copy = c;
  EXPECT_EQ(copy, 5);
  EXPECT_EQ((c = 6).get(), 6);
  c = c + 1;
  EXPECT_EQ(c.get(), 7);
  const cell<std::string> s(std::string("text"));
  EXPECT_EQ(s.get(), "text");
}

TEST(CellTest, DefaultConstructsClasses) {
  cell<std::string> s;
  EXPECT_EQ(s.get(), "");
  s = std::string("other");
  EXPECT_EQ(s.get().size(), 5u);
}

TEST(CellTest, HoldsWhatOnlyMoves) {
  cell<std::unique_ptr<int>> c(std::make_unique<int>(7));
  EXPECT_EQ(*c.get(), 7);
  c.set(std::make_unique<int>(8));
  EXPECT_EQ(*c.get(), 8);
  c = nullptr;
  EXPECT_EQ(c.get(), nullptr);
}

TEST(CellTest, IsConstexpr) {
  constexpr int kSum = [] {
    cell<int> c(1);
    c.set(c.get() + 1);
    c = c + 1;
    return c.get();
  }();
  static_assert(kSum == 3);
}

// The smallest structure of one's own: a cell published through an atomic.
TEST(AtomicTest, PublishesACell) {
  for (int i = 0; i < iterations(2000); ++i) {
    cell<int> data(0);
    atomic<bool> ready(false);
    std::thread writer([&] {
      data = 42;
      ready.store(true, std::memory_order_release);
    });
    while (!ready.load(std::memory_order_acquire)) std::this_thread::yield();
    EXPECT_EQ(data.get(), 42);
    writer.join();
  }
}

// Store buffering: with a fence between its store and its load in each thread,
// one of them must see the other's store.
TEST(AtomicTest, FenceForbidsStoreBuffering) {
  if (kThreadSanitizer) GTEST_SKIP() << "TSan does not model fences";
  int both_missed = 0;
  for (int i = 0; i < iterations(2000); ++i) {
    atomic<int> x(0), y(0);
    int seen_y = -1, seen_x = -1;
    atomic<int> ready(0);
    const auto side = [&ready](atomic<int>& mine, atomic<int>& other,
                               int& seen) {
      ready.fetch_add(1);
      while (ready.load() < 2) {
      }
      mine.store(1, std::memory_order_relaxed);
      syncxx::atomic_thread_fence(std::memory_order_seq_cst);
      seen = other.load(std::memory_order_relaxed);
    };
    std::thread one([&] { side(x, y, seen_y); });
    side(y, x, seen_x);
    one.join();
    both_missed += seen_x == 0 && seen_y == 0 ? 1 : 0;
  }
  EXPECT_EQ(both_missed, 0);
}

}  // namespace
}  // namespace syncxx_test
