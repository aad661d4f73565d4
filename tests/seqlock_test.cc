// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/seqlock.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/support/environment.h"
#include "tests/support/lockable_concepts.h"
#include "tests/support/threads.h"
#include "tests/support/zeroed_memory.h"

namespace syncxx_test {
namespace {

using syncxx::seqlock;

struct three {
  int a = 1, b = 2, c = 3;
  bool operator==(const three&) const = default;
};
struct odd {
  char text[5];
};
struct with_padding {
  char c;
  long l;
};
template <std::size_t Words>
using block = std::array<std::uint64_t, Words>;

static_assert(pinned<seqlock<int>>);
static_assert(std::is_trivially_destructible_v<seqlock<block<7>>>);
static_assert(sizeof(seqlock<char>) == 8);
static_assert(sizeof(seqlock<three>) == 16);
static_assert(sizeof(seqlock<odd>) == 12);
static_assert(sizeof(seqlock<block<2>>) == 24);

constinit seqlock<three> g_three;
constinit seqlock<odd> g_odd{odd{"four"}};
constinit seqlock<double> g_double{0.5};

TEST(SeqlockTest, BeginsWithItsValue) {
  EXPECT_EQ(g_three.load(), three{});
  EXPECT_STREQ(g_odd.load().text, "four");
  EXPECT_EQ(g_double.load(), 0.5);
  const seqlock<with_padding> padded(with_padding{'x', -7});
  EXPECT_EQ(padded.load().c, 'x');
  EXPECT_EQ(padded.load().l, -7);
}

TEST(SeqlockTest, StoresAndLoadsValuesOfAnySize) {
  const auto check = []<class T>(const T& value) {
    seqlock<T> lock;
    lock.store(value);
    const T got = lock.load();
    EXPECT_EQ(std::memcmp(&got, &value, sizeof value), 0);
  };
  check(char{'a'});
  check(std::int16_t{-3});
  check(std::array<char, 3>{'a', 'b', 'c'});
  check(std::uint64_t{1} << 63);
  check(std::array<int, 3>{1, 2, 3});
  check(block<2>{1, 2});
  check(block<32>{1, 2, 3});
  check(std::array<char, 129>{'x'});
}

TEST(SeqlockTest, WorksInZeroedMemory) {
  const auto memory = make_zeroed<seqlock<block<2>>>();
  EXPECT_EQ(memory->load(), (block<2>{0, 0}));
  memory->store({3, 4});
  EXPECT_EQ(memory->load(), (block<2>{3, 4}));
}

TEST(SeqlockTest, UpdatesInPlaceOrByWhatIsReturned) {
  seqlock<three> lock;
  lock.update([](three& v) { v.a = 10; });
  lock.update([](three v) {
    v.b = 20;
    return v;
  });
  lock.update([](const auto& v) { return three{v.a, v.b, 30}; });
  EXPECT_EQ(lock.load(), (three{10, 20, 30}));
}

TEST(SeqlockTest, AnUpdateThatThrowsChangesNothing) {
  seqlock<three> lock;
  EXPECT_THROW(lock.update([](three& v) {
    v.a = 10;
    throw std::runtime_error("no");
  }),
               std::runtime_error);
  EXPECT_EQ(lock.load(), three{});
  lock.store({4, 5, 6});  // nobody owns it
  EXPECT_EQ(lock.load(), (three{4, 5, 6}));
}

TEST(SeqlockTest, ReadersDoNotWaitForTheFunctionOfAnUpdate) {
  seqlock<three> lock;
  lock.update([&](three& v) {
    three seen{};
    EXPECT_TRUE(lock.try_load(seen));
    EXPECT_EQ(seen, three{});
    v.c = 9;
  });
  EXPECT_EQ(lock.load().c, 9);
}

// A writer that has the lock keeps another asleep, and wakes it.
TEST(SeqlockTest, WritersWaitForEachOther) {
  seqlock<three> lock;
  std::optional<background<bool>> other;
  lock.update([&](three& v) {
    other.emplace([&] {
      lock.update([](three& w) { w.b = w.a + 1; });
      return true;
    });
    other->await_sleep();
    EXPECT_FALSE(other->finished());
    v.a = 41;
  });
  EXPECT_TRUE(other->result());
  EXPECT_EQ(lock.load().b, 42);
}

// Each word of a value is the same number: a copy of two writes is seen.
TEST(SeqlockTest, NoCopyIsTorn) {
  seqlock<block<16>> lock;
  std::atomic<bool> stop{false};
  std::atomic<int> started{0};
  std::vector<std::thread> crew;
  for (int r = 0; r < 2; ++r) {
    crew.emplace_back([&] {
      std::uint64_t last = 0;
      bool whole = true, in_order = true;
      started.fetch_add(1);
      do {
        const block<16> copy = lock.load();
        for (const std::uint64_t w : copy) whole &= w == copy[0];
        in_order &= copy[0] >= last;
        last = copy[0];
      } while (!stop.load());
      EXPECT_TRUE(whole);
      EXPECT_TRUE(in_order);
    });
  }
  await([&] { return started.load() == 2; });
  const int rounds = iterations(200'000);
  std::vector<std::thread> writers;
  for (int w = 0; w < 2; ++w) {
    writers.emplace_back([&] {
      for (int i = 0; i < rounds; ++i)
        lock.update([](block<16>& b) {
          for (std::uint64_t& word : b) ++word;
        });
    });
  }
  for (std::thread& w : writers) w.join();
  stop.store(true);
  for (std::thread& r : crew) r.join();
  EXPECT_EQ(lock.load()[0], 2u * static_cast<unsigned>(rounds));
}

// The count of writes in the first four bytes, twice the writes, times 4.
void preset(seqlock<three>& lock, std::uint32_t word) {
  std::memcpy(static_cast<void*>(&lock), &word, sizeof word);
}
std::uint32_t word_of(const seqlock<three>& lock) {
  std::uint32_t word = 0;
  std::memcpy(&word, static_cast<const void*>(&lock), sizeof word);
  return word;
}

TEST(SeqlockTest, TheCountWrapsAround) {
  seqlock<three> lock;
  preset(lock, 0xfffffff8u);
  EXPECT_EQ(lock.load(), three{});
  lock.store({7, 8, 9});
  EXPECT_EQ(word_of(lock), 0u);
  EXPECT_EQ(lock.load(), (three{7, 8, 9}));
  lock.update([](three& v) { ++v.a; });
  EXPECT_EQ(word_of(lock), 8u);
  EXPECT_EQ(lock.load().a, 8);
}

// While somebody writes (an odd count) nothing can be loaded.
TEST(SeqlockTest, ATryFailsWhileSomebodyWrites) {
  seqlock<three> lock;
  preset(lock, 4 + 1);
  three value;
  EXPECT_FALSE(lock.try_load(value));
  preset(lock, 0xfffffffcu | 1);  // about to wrap around
  EXPECT_FALSE(lock.try_load(value));
  preset(lock, 0);
  EXPECT_TRUE(lock.try_load(value));
}

TEST(SeqlockTest, ALoadWaitsForTheWriter) {
  seqlock<three> lock;
  preset(lock, 4 + 1);
  background<three> reader([&] { return lock.load(); });
  static_cast<void>(reader.tid());
  EXPECT_FALSE(reader.finished());
  std::atomic_ref<std::uint32_t>(*reinterpret_cast<std::uint32_t*>(&lock))
      .store(8, std::memory_order_release);
  EXPECT_EQ(reader.result(), three{});
}

}  // namespace
}  // namespace syncxx_test
