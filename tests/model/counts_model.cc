// SPDX-License-Identifier: Apache-2.0
//
// Programs with a known number of executions: the checker visits each once.
#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include <sync/atomic.h>
#include <sync/model/check.h>

namespace {

using namespace syncxx;  // atomic, model
constexpr auto relaxed = memory_order_relaxed;
constexpr auto acquire = memory_order_acquire;
constexpr auto release = memory_order_release;

// Runs the check with the debug mode that fails on an execution visited twice.
model::result count(const std::function<void()>& test) {
  setenv("SYNCXX_MODEL_DUPLICATES", "1", 1);
  const model::result r = model::check(test);
  unsetenv("SYNCXX_MODEL_DUPLICATES");
  return r;
}

void expect_count(const std::function<void()>& test, std::uint64_t executions) {
  const model::result r = count(test);
  EXPECT_EQ(r.what, model::verdict::ok) << r.message;
  EXPECT_EQ(r.executions, executions);
  EXPECT_EQ(r.blocked, 0u);
}

std::uint64_t factorial(std::uint64_t n) {
  return n <= 1 ? 1 : n * factorial(n - 1);
}

std::function<void()> store_buffering(memory_order store, memory_order load,
                                      bool fences = false) {
  return [=] {
    syncxx::atomic<int> x{0}, y{0};
    const auto side = [&](syncxx::atomic<int>& mine,
                          syncxx::atomic<int>& other) {
      mine.store(1, store);
      if (fences) syncxx::atomic_thread_fence(memory_order_seq_cst);
      (void)other.load(load);
    };
    model::thread a([&] { side(x, y); });
    model::thread b([&] { side(y, x); });
  };
}

TEST(CountsTest, StoreBuffering) {
  expect_count(store_buffering(relaxed, relaxed), 4);
  expect_count(store_buffering(release, acquire), 4);
  expect_count(store_buffering(memory_order_seq_cst, memory_order_seq_cst), 3);
  expect_count(store_buffering(relaxed, relaxed, true), 3);
}

TEST(CountsTest, TwoPlusTwoWrites) {
  expect_count(
      [] {
        syncxx::atomic<int> x{0}, y{0};
        model::thread a([&] {
          x.store(1, relaxed);
          y.store(2, relaxed);
        });
        model::thread b([&] {
          y.store(1, relaxed);
          x.store(2, relaxed);
        });
      },
      4);
}

TEST(CountsTest, IndependentReadsOfIndependentWrites) {
  expect_count(
      [] {
        syncxx::atomic<int> x{0}, y{0};
        model::thread a([&] { x.store(1, release); });
        model::thread b([&] { y.store(1, release); });
        model::thread c([&] {
          (void)x.load(acquire);
          (void)y.load(acquire);
        });
        model::thread d([&] {
          (void)y.load(acquire);
          (void)x.load(acquire);
        });
      },
      16);
}

TEST(CountsTest, Increments) {
  for (unsigned n = 2; n <= 7; ++n) {
    expect_count(
        [n] {
          syncxx::atomic<int> x{0};
          std::vector<model::thread> threads;
          for (unsigned i = 0; i < n; ++i)
            threads.emplace_back([&x] { x.fetch_add(1, relaxed); });
        },
        factorial(n));
  }
}

TEST(CountsTest, IncrementsAndAStore) {
  for (unsigned n = 2; n <= 4; ++n) {
    expect_count(
        [n] {
          syncxx::atomic<int> x{0};
          std::vector<model::thread> threads;
          threads.emplace_back([&x] { x.store(42, release); });
          for (unsigned i = 0; i < n; ++i)
            threads.emplace_back([&x] { x.fetch_add(1, relaxed); });
        },
        factorial(n + 1));
  }
}

TEST(CountsTest, Readers) {
  for (const unsigned n : {2u, 8u, 13u}) {
    expect_count(
        [n] {
          syncxx::atomic<int> x{0};
          std::vector<model::thread> threads;
          threads.emplace_back([&x] { x.store(42, release); });
          for (unsigned i = 0; i < n; ++i)
            threads.emplace_back([&x] { (void)x.load(acquire); });
        },
        std::uint64_t{1} << n);
  }
}

TEST(CountsTest, LastZero) {
  const auto test = [](int n) {
    return [n] {
      syncxx::atomic<int> array[16]{};
      std::vector<model::thread> threads;
      threads.emplace_back([&array, n] {
        int i = n;
        while (array[i].load(acquire) != 0) --i;
      });
      for (int j = 1; j <= n; ++j)
        threads.emplace_back([&array, j] {
          array[j].store(array[j - 1].load(acquire) + 1, release);
        });
    };
  };
  expect_count(test(5), 64);
  expect_count(test(10), 3328);
  expect_count(test(15), 147456);
}

std::function<void()> fibonacci(int bound) {
  return [bound] {
    syncxx::atomic<int> x{1}, y{1};
    const auto add_to = [&](syncxx::atomic<int>& sum) {
      for (int i = 0; i < 5; ++i) {
        const int a = x.load(acquire);
        const int b = y.load(acquire);
        sum.store(a + b, release);
      }
    };
    model::thread a([&] { add_to(x); });
    model::thread b([&] { add_to(y); });
    model::thread c([&] {
      const int i = x.load(acquire);
      model::require(i <= bound, "x within the bound");
      const int j = y.load(acquire);
      model::require(j <= bound, "y within the bound");
    });
  };
}

TEST(CountsTest, Fibonacci) { expect_count(fibonacci(144), 525630); }

TEST(CountsTest, FibonacciWithTheBoundTooLow) {
  const model::result r = count(fibonacci(143));
  EXPECT_EQ(r.what, model::verdict::assertion_failed) << r.message;
  EXPECT_NE(r.message.find("within the bound"), std::string::npos);
}

TEST(CountsTest, TicketLock) {
  for (unsigned n = 2; n <= 4; ++n) {
    expect_count(
        [n] {
          syncxx::atomic<int> next{0}, serving{0};
          std::vector<model::thread> threads;
          for (unsigned i = 0; i < n; ++i)
            threads.emplace_back([&] {
              const int mine = next.fetch_add(1, relaxed);
              while (serving.load(acquire) != mine) {
              }
              serving.store(mine + 1, release);
            });
        },
        factorial(n));
  }
}

}  // namespace
