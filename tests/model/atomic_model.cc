// SPDX-License-Identifier: Apache-2.0
//
// The model's atomics: every kind of type, wait and notify, atomic_flag.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <new>
#include <string>
#include <type_traits>
#include <vector>

#include <sync/atomic.h>
#include <sync/model/check.h>
#include <sync/semaphore.h>
#include <sync/spinlock.h>

#include "tests/model/support/checks.h"

namespace {

using syncxx_test::expect_ok;
using syncxx_test::expect_verdict;
using syncxx_test::model::verdict;
namespace model = syncxx::model;

enum class colour : std::uint16_t { red, green };

struct pair {
  std::uint64_t first, second;
  bool operator==(const pair&) const = default;
};

struct padded {
  std::int8_t small;
  std::int32_t big;
  bool operator==(const padded&) const = default;
};

class no_default {
 public:
  constexpr explicit no_default(int n) : n_(n) {}
  bool operator==(const no_default&) const = default;

 private:
  int n_;
};

int g_objects[2];

template <class T>
struct values;
template <class T>
requires(std::is_arithmetic_v<T>) struct values<T> {
  static constexpr T a() { return static_cast<T>(0); }
  static constexpr T b() { return static_cast<T>(1); }
};
template <>
struct values<int*> {
  static constexpr int* a() { return &g_objects[0]; }
  static constexpr int* b() { return &g_objects[1]; }
};
template <>
struct values<colour> {
  static constexpr colour a() { return colour::red; }
  static constexpr colour b() { return colour::green; }
};
template <>
struct values<pair> {
  static constexpr pair a() { return {1, 2}; }
  static constexpr pair b() { return {1, 3}; }  // differs in the upper half
};
template <>
struct values<padded> {
  static constexpr padded a() { return {1, 2}; }
  static constexpr padded b() { return {1, 3}; }
};
template <>
struct values<no_default> {
  static constexpr no_default a() { return no_default(1); }
  static constexpr no_default b() { return no_default(2); }
};

template <class T>
class any_atomic : public ::testing::Test {};

using types = ::testing::Types<bool, std::int8_t, std::uint16_t, std::int32_t,
                               std::uint64_t, float, double, long double, int*,
                               colour, pair, padded, no_default>;

class type_names {
 public:
  template <class T>
  static std::string GetName(int i) {
    constexpr const char* kNames[] = {
        "bool",  "int8",   "uint16",      "int32",   "uint64",
        "float", "double", "long_double", "pointer", "enum_",
        "pair",  "padded", "no_default"};
    return kNames[i];
  }
};

TYPED_TEST_SUITE(any_atomic, types, type_names);

// All the operations that every type has; a reader sees the old value or the
// new one, never a mixture.
TYPED_TEST(any_atomic, load_store_exchange) {
  expect_ok([] {
    constexpr TypeParam a = values<TypeParam>::a();
    constexpr TypeParam b = values<TypeParam>::b();
    syncxx::atomic<TypeParam> x(a);
    model::thread other([&] { x.store(b, std::memory_order_release); });
    const TypeParam seen = x.load(std::memory_order_acquire);
    model::require(seen == a || seen == b);
    const TypeParam before = x.exchange(a);
    model::require(before == b || seen == a);
    other.join();
    const TypeParam last = x;
    model::require(last == (before == b ? a : b) || before == a);
  });
}

// Two threads replace the same value: one of them, and the other is told what
// is there. (Nothing but the values counts: see `padded`.)
TYPED_TEST(any_atomic, one_compare_exchange_succeeds) {
  expect_ok([] {
    constexpr TypeParam a = values<TypeParam>::a();
    constexpr TypeParam b = values<TypeParam>::b();
    syncxx::atomic<TypeParam> x(a);
    bool won[2] = {};
    const auto replace = [&](bool& mine) {
      TypeParam expected = a;
      mine = x.compare_exchange_strong(expected, b);
      model::require(mine ? expected == a : expected == b);
    };
    model::thread other([&] { replace(won[1]); });
    replace(won[0]);
    other.join();
    model::require(won[0] != won[1], "exactly one wins");
  });
}

TYPED_TEST(any_atomic, wait_and_notify) {
  expect_ok([] {
    constexpr TypeParam a = values<TypeParam>::a();
    constexpr TypeParam b = values<TypeParam>::b();
    syncxx::atomic<TypeParam> x(a);
    model::thread other([&] {
      x.store(b, std::memory_order_relaxed);
      x.notify_one();
    });
    x.wait(a, std::memory_order_relaxed);
    model::require(x.load(std::memory_order_relaxed) == b);
  });
}

// --- Values ------------------------------------------------------------------

// A padded value that was made in memory full of ones is equal to itself.
TEST(atomic_values, padding_does_not_count) {
  expect_ok([] {
    alignas(padded) unsigned char dirty[sizeof(padded)];
    std::fill(std::begin(dirty), std::end(dirty),
              static_cast<unsigned char>(0xff));
    auto* const p = new (dirty) padded;
    p->small = 1;
    p->big = 2;
    syncxx::atomic<padded> x(*p);
    padded expected{1, 2};
    model::require(x.compare_exchange_strong(expected, padded{3, 4}));
    x.store(*p);
    expected = padded{1, 2};
    model::require(x.compare_exchange_strong(expected, *p));
    x.wait(padded{3, 4});
  });
}

TEST(atomic_values, not_equal_but_the_same_bytes) {
  expect_ok([] {  // [atomics.types.float]: compared as bytes
    syncxx::atomic<double> x(0.0);
    double expected = -0.0;
    model::require(!x.compare_exchange_strong(expected, 1.0));
    x.wait(-0.0);
  });
}

TEST(atomic_values, arithmetic) {
  expect_ok([] {
    syncxx::atomic<float> f(1.5f);
    model::require(f.fetch_add(1.0f) == 1.5f && (f -= 0.5f) == 2.0f);
    syncxx::atomic<std::int8_t> i(std::int8_t{127});
    model::require(++i == -128 && i-- == -128 && i == 127);
    syncxx::atomic<unsigned> bits(6u);
    model::require((bits &= 3u) == 2u && (bits |= 8u) == 10u &&
                   bits.fetch_xor(15u) == 10u && bits == 5u);
    int numbers[3] = {};
    syncxx::atomic<int*> p(numbers);
    model::require(p.fetch_add(2) == numbers && --p == numbers + 1 &&
                   (p += 1) == numbers + 2);
  });
}

constinit syncxx::atomic<int> g_constant(7);
constinit syncxx::atomic_flag g_flag;

// Objects outside of the test begin each execution as they were.
TEST(atomic_values, constant_initialization) {
  expect_ok([] {
    model::require(g_constant.load() == 7);
    model::require(!g_flag.test());
    model::thread other([] { g_constant.fetch_add(1); });
    g_constant.fetch_add(1);
    g_flag.test_and_set();
    other.join();
    model::require(g_constant.load() == 9);
  });
}

// --- wait, notify ------------------------------------------------------------

TEST(atomic_wait, nobody_notifies) {
  expect_verdict(verdict::deadlock, [] {
    syncxx::atomic<int> x(0);
    model::thread other([&] { x.store(1); });
    x.wait(0);
  });
}

// The notification comes before the store: it may come too early.
TEST(atomic_wait, notified_too_early) {
  expect_verdict(verdict::deadlock, [] {
    syncxx::atomic<int> x(0);
    model::thread other([&] {
      x.notify_all();
      x.store(1);
    });
    x.wait(0);
  });
}

TEST(atomic_wait, one_notification_for_two) {
  expect_verdict(verdict::deadlock, [] {
    syncxx::atomic<int> x(0);
    model::thread a([&] { x.wait(0); });
    model::thread b([&] { x.wait(0); });
    x.store(1);
    x.notify_one();
  });
}

TEST(atomic_wait, notify_all_wakes_all) {
  for (const int waiters : {1, 2, 3}) {
    expect_ok([=] {
      syncxx::atomic<std::uint64_t> x(0u);
      std::vector<model::thread> crew;
      for (int i = 0; i < waiters; ++i) crew.emplace_back([&] { x.wait(0u); });
      x.store(1u);
      x.notify_all();
    });
  }
}

// The first notification may wake the second thread, and so may the other,
// which by then waits for the next value.
TEST(atomic_wait, two_notifications_for_one) {
  expect_verdict(verdict::deadlock, [] {
    syncxx::atomic<int> x(0);
    model::thread first([&] { x.wait(0); });
    model::thread second([&] {
      x.wait(0);
      x.wait(1);
    });
    x.store(1);
    x.notify_one();
    x.store(2);
    x.notify_one();
  });
}

TEST(atomic_wait, back_to_the_old_value) {
  // It may return, having seen the 1, or go on waiting: nobody must count on
  // the first.
  expect_verdict(verdict::deadlock, [] {
    syncxx::atomic<int> x(0);
    model::thread other([&] {
      x.store(1);
      x.notify_one();
      x.store(0);
    });
    x.wait(0);
  });
}

// It orders as the load that it is, and no more.
TEST(atomic_wait, message_passing) {
  const auto pass = [](std::memory_order store, std::memory_order wait) {
    return [=] {
      syncxx::cell<int> message(0);
      syncxx::atomic<bool> ready(false);
      model::thread writer([&] {
        message = 42;
        ready.store(true, store);
        ready.notify_one();
      });
      ready.wait(false, wait);
      model::require(message == 42);
    };
  };
  using enum std::memory_order;
  expect_ok(pass(release, acquire));
  expect_ok(pass(seq_cst, seq_cst));
  expect_verdict(verdict::data_race, pass(relaxed, acquire));
  expect_verdict(verdict::data_race, pass(release, relaxed));
}

// To have waited does not order what the waiter did before it began.
TEST(atomic_wait, waiting_releases_nothing) {
  expect_verdict(verdict::data_race, [] {
    syncxx::cell<int> mine(0);
    syncxx::atomic<int> x(0);
    model::thread waiter([&] {
      mine = 1;
      x.wait(0, std::memory_order_acquire);
    });
    x.store(1, std::memory_order_release);
    x.notify_one();
    mine = 2;
  });
}

// The waiter goes on when it sees the store, which comes before the
// notification.
TEST(atomic_wait, destroyed_before_the_notification) {
  expect_verdict(verdict::use_after_free, [] {
    auto* const x = new syncxx::atomic<int>(0);
    model::thread other([=] {
      x->store(1);
      x->notify_one();
    });
    x->wait(0);
    delete x;
  });
}

// --- atomic_flag -------------------------------------------------------------

TEST(atomic_flag, lock) {
  const auto exclusion = [](std::memory_order release) {
    return [=] {
      syncxx::atomic_flag locked;
      syncxx::cell<int> count(0);
      const auto work = [&] {
        while (locked.test_and_set(std::memory_order_acquire))
          locked.wait(true, std::memory_order_relaxed);
        count = count + 1;
        locked.clear(release);
        locked.notify_one();
      };
      model::thread a(work), b(work);
      a.join();
      b.join();
      model::require(count == 2);
    };
  };
  expect_ok(exclusion(std::memory_order_release));
  expect_verdict(verdict::data_race, exclusion(std::memory_order_relaxed));
}

// --- Time --------------------------------------------------------------------

// A timed sleep that nobody ends is no deadlock, and does end.
TEST(timed_wait, alone) {
  expect_ok([] {
    syncxx::counting_semaphore<> s(0);
    model::require(!s.try_acquire_for(std::chrono::seconds(1)));
  });
}

// A loop that looks at the clock ends, though nobody writes what it reads.
TEST(timed_wait, spinning) {
  const syncxx_test::misuse_throws plain;  // (for its own lock)
  expect_ok([]() SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    syncxx::spinlock l;
    l.lock();
    model::require(!l.try_lock_for(std::chrono::seconds(1)));
  });
}

}  // namespace
