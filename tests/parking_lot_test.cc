// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/parking_lot.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

using lot = syncxx::parking_lot;
using status = lot::park_status;
using result = lot::park_result;
using op = lot::requeue_op;

static_assert(!std::is_default_constructible_v<lot>);

const auto yes = [] { return true; };
const auto nothing = [] {};
const auto no_token = [](const lot::unpark_result&) {
  return std::uintptr_t{0};
};

// A thread that parks at an address, and what came of it.
class parked {
 public:
  explicit parked(const void* address, std::uintptr_t token = 0,
                  std::stop_token stop = {})
      : thread_([=] { return lot::park(address, yes, nothing, stop, token); }) {
    thread_.await_sleep();
  }
  bool parked_still() const { return !thread_.finished(); }
  result end() { return thread_.result(); }
  std::uintptr_t expect_unparked() {
    const result r = end();
    EXPECT_EQ(r.status, status::unparked);
    return r.token;
  }

 private:
  background<result> thread_;
};

using crowd = std::vector<std::unique_ptr<parked>>;

crowd park_in_turn(const void* address, std::uintptr_t count) {
  crowd all;
  for (std::uintptr_t i = 0; i < count; ++i)
    all.push_back(std::make_unique<parked>(address, i));
  return all;
}

TEST(ParkingLotTest, InvalidIsNotQueued) {
  int here = 0;
  bool slept = false;
  const result r = lot::park(
      &here, [] { return false; }, [&] { slept = true; });
  EXPECT_EQ(r.status, status::invalid);
  EXPECT_FALSE(slept);
  EXPECT_EQ(lot::unpark_all(&here), 0u);
}

TEST(ParkingLotTest, UnparkOfNobodyCallsBack) {
  int here = 0;
  int calls = 0;
  const lot::unpark_result r =
      lot::unpark_one(&here, [&](const lot::unpark_result& found) {
        ++calls;
        EXPECT_EQ(found.unparked, 0u);
        EXPECT_FALSE(found.more);
        EXPECT_FALSE(found.fair);
        return std::uintptr_t{1};
      });
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(r.unparked, 0u);
}

TEST(ParkingLotTest, TokensGoBothWays) {
  int here = 0;
  parked one(&here, 11);
  const auto found = lot::unpark_one(&here, [](const auto& r) {
    return r.token * 2 + std::uintptr_t{r.more};
  });
  EXPECT_EQ(found.unparked, 1u);
  EXPECT_EQ(found.token, 11u);
  EXPECT_EQ(one.expect_unparked(), 22u);
}

TEST(ParkingLotTest, FirstInFirstOutAndKnowsWhetherMoreWait) {
  int here = 0, elsewhere = 0;
  parked stranger(&elsewhere, 99);
  crowd all = park_in_turn(&here, 3);
  for (std::uintptr_t i = 0; i < 3; ++i) {
    const auto found = lot::unpark_one(&here, no_token);
    EXPECT_EQ(found.unparked, 1u);
    EXPECT_EQ(found.token, i);
    EXPECT_EQ(found.more, i != 2);
    all[i]->expect_unparked();
  }
  EXPECT_EQ(lot::unpark_one(&here).unparked, 0u);
  EXPECT_TRUE(stranger.parked_still());
  EXPECT_EQ(lot::unpark_all(&elsewhere), 1u);
}

TEST(ParkingLotTest, UnparkAllHandsItsToken) {
  int here = 0, elsewhere = 0;
  parked stranger(&elsewhere);
  crowd all = park_in_turn(&here, 5);
  EXPECT_EQ(lot::unpark_all(&here, 7), 5u);
  for (auto& each : all) EXPECT_EQ(each->expect_unparked(), 7u);
  EXPECT_TRUE(stranger.parked_still());
  lot::unpark_one(&elsewhere);
}

// validate() is called under the queue's lock, before_sleep() is not.
TEST(ParkingLotTest, BeforeSleepMayCallTheLot) {
  int here = 0;
  const result r = lot::park(&here, yes, [&] {
    const auto found =
        lot::unpark_one(&here, [](const auto&) { return std::uintptr_t{5}; });
    EXPECT_EQ(found.unparked, 1u);
  });
  EXPECT_EQ(r.status, status::unparked);
  EXPECT_EQ(r.token, 5u);
}

TEST(ParkingLotTest, GivesUpAtItsTime) {
  int here = 0;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(lot::park_for(&here, yes, nothing, 2ms).status, status::gave_up);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 2ms);
  const auto when = std::chrono::system_clock::now() + 2ms;
  EXPECT_EQ(lot::park_until(&here, yes, nothing, when).status, status::gave_up);
  EXPECT_GE(std::chrono::system_clock::now(), when);
  int slept = 0;
  EXPECT_EQ(lot::park_for(
                &here, yes, [&] { ++slept; }, -1s)
                .status,
            status::gave_up);
  EXPECT_EQ(slept, 1);
  EXPECT_EQ(lot::unpark_all(&here), 0u);
}

TEST(ParkingLotTest, AStopEndsIt) {
  int here = 0;
  std::stop_source source;
  parked waiter(&here, 0, source.get_token());
  source.request_stop();
  EXPECT_EQ(waiter.end().status, status::gave_up);
  EXPECT_EQ(lot::park(&here, yes, nothing, source.get_token()).status,
            status::gave_up);
  EXPECT_EQ(lot::unpark_all(&here), 0u);
}

TEST(ParkingLotTest, FairOnlyToOneThatHasWaitedLong) {
  int here = 0;
  const auto is_fair = [&] {
    bool fair = false;
    lot::unpark_one(&here, [&](const lot::unpark_result& r) {
      fair = r.fair;
      return std::uintptr_t{0};
    });
    return fair;
  };
  crowd all = park_in_turn(&here, 3);
  std::this_thread::sleep_for(3ms);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(is_fair());
  // At once again: not yet (unless this thread has stood still for so long).
  const bool again = is_fair();
  EXPECT_TRUE(!again || std::chrono::steady_clock::now() - start >= 500us);
  std::this_thread::sleep_for(3ms);
  EXPECT_TRUE(is_fair());
  for (auto& each : all) each->expect_unparked();
}

TEST(ParkingLotTest, RequeueOps) {
  struct expected {
    op what;
    std::size_t unparked, requeued;
    bool more;
  };
  for (const expected& e : {expected{op::abort, 0, 0, false},
                            {op::unpark_one, 1, 0, true},
                            {op::requeue_one, 0, 1, true},
                            {op::requeue_all, 0, 3, false},
                            {op::unpark_one_requeue_rest, 1, 2, false}}) {
    int from = 0, to = 0;
    crowd all = park_in_turn(&from, 3);
    int calls = 0;
    const auto found = lot::unpark_requeue(
        &from, &to, [&] { return e.what; },
        [&](op o, const lot::unpark_result& r) {
          ++calls;
          EXPECT_EQ(o, e.what);
          EXPECT_EQ(r.requeued, e.requeued);
          return std::uintptr_t{8};
        });
    EXPECT_EQ(calls, e.what == op::abort ? 0 : 1);
    EXPECT_EQ(found.unparked, e.unparked);
    EXPECT_EQ(found.requeued, e.requeued);
    EXPECT_EQ(found.more, e.more);
    std::size_t next = 0;
    if (e.unparked != 0) {
      EXPECT_EQ(all[0]->expect_unparked(), 8u);
      next = 1;
    }
    // The moved are in the queue of `to`, the others in that of `from`, each in
    // the order of their arrival.
    const auto expect_queue = [&](const void* address, std::size_t count) {
      for (; count != 0; --count, ++next) {
        EXPECT_EQ(lot::unpark_one(address).token, next);
        all[next]->expect_unparked();
      }
      EXPECT_EQ(lot::unpark_one(address).unparked, 0u);
    };
    expect_queue(&to, e.requeued);
    expect_queue(&from, 3 - e.requeued - e.unparked);
  }
}

TEST(ParkingLotTest, RequeueOntoItselfMovesNobody) {
  int here = 0;
  crowd all = park_in_turn(&here, 2);
  const auto found = lot::unpark_requeue(
      &here, &here, [] { return op::unpark_one_requeue_rest; },
      [](op, const auto&) { return std::uintptr_t{1}; });
  EXPECT_EQ(found.unparked, 1u);
  EXPECT_EQ(found.requeued, 0u);
  EXPECT_TRUE(found.more);
  EXPECT_EQ(lot::unpark_all(&here), 1u);
  for (auto& each : all) each->expect_unparked();
}

// A deadline and a stop token go along with a thread that is moved.
TEST(ParkingLotTest, TheMovedGiveUpToo) {
  int from = 0, to = 0;
  std::stop_source source;
  parked stoppable(&from, 0, source.get_token());
  auto timed = run_in_background(
      [&] { return lot::park_for(&from, yes, nothing, 50ms); });
  timed.await_sleep();
  const auto found = lot::unpark_requeue(
      &from, &to, [] { return op::requeue_all; },
      [](op, const auto&) { return std::uintptr_t{0}; });
  source.request_stop();
  EXPECT_EQ(stoppable.end().status, status::gave_up);
  EXPECT_EQ(timed.result().status, status::gave_up);
  EXPECT_LE(found.requeued, 2u);
  EXPECT_EQ(lot::unpark_all(&to), 0u);
  EXPECT_EQ(lot::unpark_all(&from), 0u);
}

// More threads than a bucket holds on its own: every address, whichever share
// a bucket, has a queue of its own.
TEST(ParkingLotTest, ManyAddressesAtOnce) {
  constexpr std::size_t kThreads = 96;
  std::vector<char> addresses(kThreads / 2);
  crowd all;
  for (std::size_t i = 0; i < kThreads; ++i)
    all.push_back(std::make_unique<parked>(&addresses[i / 2], i));
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    EXPECT_EQ(lot::unpark_one(&addresses[i]).token, 2 * i);
    EXPECT_EQ(lot::unpark_all(&addresses[i], i), 1u);
    all[2 * i]->expect_unparked();
    EXPECT_EQ(all[2 * i + 1]->expect_unparked(), i);
  }
}

// Whoever is counted as unparked returns as unparked, and nobody else does,
// however timeouts and moves fall.
TEST(ParkingLotTest, TimeoutsAgainstUnparksAndMoves) {
  constexpr unsigned kThreads = 4;
  char places[8] = {};
  std::atomic<bool> done{false};
  std::atomic<std::size_t> returned{0}, gave_up{0};
  std::vector<std::thread> crew;
  for (unsigned id = 0; id < kThreads; ++id) {
    crew.emplace_back([&, id] {
      std::minstd_rand random(id + 1);
      while (!done.load()) {
        const auto time = std::chrono::microseconds(random() % 200);
        const result r =
            lot::park_for(&places[random() % 8], yes, nothing, time);
        ASSERT_NE(r.status, status::invalid);
        if (r.unparked()) {
          EXPECT_EQ(r.token, 3u);
          returned.fetch_add(1);
        } else {
          gave_up.fetch_add(1);
        }
      }
    });
  }
  std::size_t unparked = 0;
  std::minstd_rand random(77);
  const auto hand = [](auto&&...) { return std::uintptr_t{3}; };
  for (int i = 0; i < iterations(20'000); ++i) {
    const void* const from = &places[random() % 8];
    const void* const to = &places[random() % 8];
    switch (random() % 3) {
      case 0:
        unparked += lot::unpark_one(from, hand).unparked;
        break;
      case 1:
        unparked += lot::unpark_all(from, 3);
        break;
      default: {
        const auto what = static_cast<op>(random() % 5);
        unparked += lot::unpark_requeue(
                        from, to, [&] { return what; }, hand)
                        .unparked;
      }
    }
    if (i % 16 == 0) std::this_thread::sleep_for(50us);
  }
  done.store(true);
  for (std::thread& thread : crew) thread.join();
  EXPECT_EQ(returned.load(), unparked);
  EXPECT_GT(unparked, 0u);
  EXPECT_GT(gave_up.load(), 0u);
  for (const char& place : places) EXPECT_EQ(lot::unpark_all(&place), 0u);
}

TEST(ParkingLotTest, TheChildOfAForkBeginsEmpty) {
  int here = 0;
  parked waiter(&here);
  EXPECT_TRUE(succeeds_in_child([&] {
    EXPECT_EQ(lot::unpark_all(&here), 0u);
    EXPECT_EQ(lot::park_for(&here, yes, nothing, 1ms).status, status::gave_up);
    // (TSan allows no new threads in such a child.)
    if (SYNCXX_TSAN || !no_fork_beside_threads().empty()) return;
    parked another(&here, 4);
    EXPECT_EQ(lot::unpark_one(&here).token, 4u);
    another.expect_unparked();
  }));
  EXPECT_TRUE(waiter.parked_still());
  EXPECT_EQ(lot::unpark_all(&here), 1u);
}

}  // namespace
}  // namespace syncxx_test
