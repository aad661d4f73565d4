// SPDX-License-Identifier: Apache-2.0
//
// Model tests of the word by which a wait is called off
// (src/deadlock/detection/call_off.h), in the way in which wait_for.cc,
// victims.cc and misuse.cc use it: no wait ends by what was meant for another,
// one request of several is heard, and what is written for the victim is
// there, and nobody writes it meanwhile.
//
// Bounds: one waiter with two waits, one or two that may call it off, twice
// each. Exhaustive.
#include <gtest/gtest.h>

#include <sync/atomic.h>
#include <sync/detail/raw_mutex.h>
#include <sync/model/check.h>

#include <cstdint>

#include "src/deadlock/detection/call_off.h"
#include "tests/model/support/checks.h"

namespace syncxx_test {
namespace {

namespace model = syncxx::model;
constexpr auto relaxed = syncxx::memory_order_relaxed;
constexpr auto acquire = syncxx::memory_order_acquire;
constexpr auto release = syncxx::memory_order_release;
constexpr auto seq_cst = syncxx::memory_order_seq_cst;

struct scene {
  syncxx::detail::call_off word;
  syncxx::detail::raw_mutex searchers;
  syncxx::atomic<std::uint32_t> version{0};  // thread_record's
  syncxx::cell<int> found{0};                // thread_record::found
  syncxx::cell<int> woken_by{0};             // the number of a stop source
  syncxx::atomic<bool> stopped[3] = {false, false, false};
  int called_off = 0;  // the waiter's

  // One wait of the waiter's, by itself or by a stop as long as it takes.
  void wait(std::uint32_t n) {
    const int mine = woken_by.get();
    word.open(n);
    version.store(n, seq_cst);
    const bool gives_up = stopped[mine].load(relaxed);
    version.store(n + 1, release);
    if (!word.close()) {
      model::require(!gives_up, "it is not woken for another wait");
      return;
    }
    searchers.lock();
    searchers.unlock();
    model::require(found.get() == static_cast<int>(n), "the words are its own");
    woken_by.set(mine + 1);
    ++called_off;
  }

  // True: the wait that was seen has been called off.
  bool call() {
    const std::uint32_t seen = version.load(acquire);
    if ((seen & 1) == 0) return false;
    searchers.lock();
    int wakes = -1;
    if (version.load(acquire) == seen && !word.was_requested(seen)) {
      found.set(static_cast<int>(seen));
      if (word.request(seen)) wakes = woken_by.get();
    }
    searchers.unlock();
    if (wakes >= 0) stopped[wakes].store(true, relaxed);
    return wakes >= 0;
  }
};

TEST(CallOffModel, EndsNoOtherWait) {
  expect_ok([] {
    scene s;
    int calls = 0;
    {
      model::thread waiter([&] {
        s.wait(1);
        s.wait(3);
      });
      model::thread other([&] {
        calls += s.call() ? 1 : 0;
        calls += s.call() ? 1 : 0;
      });
    }
    model::require(s.called_off == calls, "each call is heard");
  });
}

TEST(CallOffModel, OneOfTwoCallsAWaitOff) {
  expect_ok([] {
    scene s;
    int first = 0;
    int second = 0;
    {
      model::thread waiter([&] { s.wait(1); });
      model::thread one([&] { first = s.call() ? 1 : 0; });
      model::thread two([&] { second = s.call() ? 1 : 0; });
    }
    model::require(first + second <= 1, "one victim for one wait");
    model::require(s.called_off == first + second, "it is heard");
  });
}

}  // namespace
}  // namespace syncxx_test
