// SPDX-License-Identifier: Apache-2.0
//
// <sync/deadlock.h>, and what follows a finding. What is found, in whole
// programs: tests/deadlock/corpus/.
#include <sync/deadlock.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sync/barrier.h>
#include <sync/event.h>
#include <sync/misuse.h>
#include <sync/mutex.h>
#include <sync/shared_mutex.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "tests/support/environment.h"

namespace syncxx_test {
namespace {

using syncxx::misuse_action;

#if !(defined(SYNCXX_HOOKS) && SYNCXX_HOOKS)

TEST(DeadlockTest, PlainLibraryDoesNothing) {
  syncxx::mutex a;
  syncxx::mutex b;
  syncxx::set_lock_name(a, "a");
  syncxx::set_lock_class(b, "b");
  syncxx::acquire_order(a, b);
  syncxx::on_finding([](const syncxx::deadlock_finding&, void*) { FAIL(); });
  std::thread([&] {
    const std::scoped_lock both(b);
    const std::scoped_lock wrong(a);
  }).join();
  syncxx::report_now();
  SUCCEED();
}

#else

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class DeadlockTest : public testing::Test {
 protected:
  void SetUp() override {
    syncxx::set_misuse_action(misuse_action::report);
    syncxx::on_finding(hear, this);
    testing::internal::CaptureStderr();
  }
  void TearDown() override {
    printed();
    syncxx::on_finding(nullptr);
    syncxx::report_all_inversions(false);
    syncxx::set_long_hold_limit(std::chrono::nanoseconds(0));
    syncxx::set_misuse_action(misuse_action::abort);
  }
  // What was written since the last question.
  std::string printed() {
    if (!capturing_) return {};
    capturing_ = false;
    return testing::internal::GetCapturedStderr();
  }
  std::vector<std::string> kinds() {
    const std::lock_guard guard(lock_);
    return kinds_;
  }
  std::string text() {
    const std::lock_guard guard(lock_);
    return text_;
  }

  // One after the other, in threads that are all alive together.
  template <class... F>
  static void in_turn(F... bodies) {
    std::vector<std::thread> threads;
    std::vector<std::unique_ptr<syncxx::event>> done;
    for (std::size_t i = 0; i <= sizeof...(F); ++i)
      done.push_back(std::make_unique<syncxx::event>());
    std::size_t i = 0;
    const auto start = [&](auto body) {
      threads.emplace_back([&, body, i] {
        done[i]->wait();
        body();
        done[i + 1]->set();
        done.back()->wait();
      });
      ++i;
    };
    (start(bodies), ...);
    done[0]->set();
    for (std::thread& thread : threads) thread.join();
  }
  // Findings at the same places are folded: each line has its own.
#define NEST(a, b) nest<__LINE__>(a, b)
  template <int Line, class A, class B>
  static auto nest(A& a, B& b) {
    return [&a, &b] {
      const std::lock_guard outer(a);
      const std::lock_guard inner(b);
    };
  }

 private:
  static void hear(const syncxx::deadlock_finding& found, void* self) {
    auto& test = *static_cast<DeadlockTest*>(self);
    const std::lock_guard guard(test.lock_);
    test.kinds_.emplace_back(found.kind);
    test.text_ += found.text;
  }

  std::mutex lock_;
  std::vector<std::string> kinds_;
  std::string text_;
  bool capturing_ = true;
};

TEST_F(DeadlockTest, NamesAreInReports) {
  syncxx::mutex a;
  syncxx::mutex b;
  syncxx::set_lock_name(a, "accounts");
  syncxx::set_lock_name(b, "journal");
  in_turn(NEST(a, b), NEST(b, a));
  EXPECT_THAT(kinds(), ElementsAre("lock_order_inversion"));
  EXPECT_THAT(text(), HasSubstr("accounts"));
  EXPECT_THAT(text(), HasSubstr("journal"));
  EXPECT_EQ(printed(), text());
}

TEST_F(DeadlockTest, DestroyedLockIsAnother) {
  alignas(syncxx::mutex) std::byte memory[2][sizeof(syncxx::mutex)];
  for (int round = 0; round < 2; ++round) {
    auto* const a = new (memory[round]) syncxx::mutex;
    auto* const b = new (memory[1 - round]) syncxx::mutex;
    in_turn(NEST(*a, *b));
    a->~mutex();
    b->~mutex();
  }
  EXPECT_THAT(kinds(), IsEmpty());
}

TEST_F(DeadlockTest, ClassesHaveAnOrder) {
  syncxx::mutex accounts[2];
  syncxx::mutex books[2];
  for (syncxx::mutex& m : accounts) syncxx::set_lock_class(m, "account");
  for (syncxx::mutex& m : books) syncxx::set_lock_class(m, "book");
  in_turn(NEST(accounts[0], books[0]), NEST(books[1], accounts[1]));
  EXPECT_THAT(kinds(), ElementsAre("lock_order_inversion"));
  EXPECT_THAT(text(), HasSubstr("account"));
  EXPECT_THAT(text(), HasSubstr("book"));
}

TEST_F(DeadlockTest, LocksOfOneClassHaveTheirOwn) {
  syncxx::mutex m[3];
  for (syncxx::mutex& each : m) syncxx::set_lock_class(each, "node of a list");
  in_turn(NEST(m[0], m[1]), NEST(m[1], m[2]));
  EXPECT_THAT(kinds(), IsEmpty());
  in_turn(NEST(m[0], m[1]), NEST(m[1], m[0]));
  EXPECT_THAT(kinds(), ElementsAre("lock_order_inversion"));
}

TEST_F(DeadlockTest, DeclaredOrderIsKept) {
  syncxx::mutex first;
  syncxx::shared_mutex second;
  syncxx::mutex third;
  syncxx::acquire_order(first, second, third);
  in_turn(NEST(first, second), NEST(second, third), NEST(first, third));
  EXPECT_THAT(kinds(), IsEmpty());
  in_turn(NEST(third, second));
  EXPECT_THAT(kinds(), ElementsAre("lock_order_inversion"));
}

TEST_F(DeadlockTest, DeclaredOrderOfClassesIsKept) {
  syncxx::mutex tree;
  syncxx::mutex leaf;
  syncxx::set_lock_class(tree, "a tree");
  syncxx::set_lock_class(leaf, "a leaf");
  syncxx::acquire_order_of_classes("a tree", "a leaf");
  in_turn(NEST(tree, leaf));
  EXPECT_THAT(kinds(), IsEmpty());
  in_turn(NEST(leaf, tree));
  EXPECT_THAT(kinds(), ElementsAre("lock_order_inversion"));
}

TEST_F(DeadlockTest, GateIsReportedOnDemandOnly) {
  syncxx::mutex gate;
  syncxx::mutex a;
  syncxx::mutex b;
  const auto with_gate = [&](syncxx::mutex& x, syncxx::mutex& y) {
    return [&] {
      const std::lock_guard guard(gate);
      NEST(x, y)();
    };
  };
  in_turn(with_gate(a, b), with_gate(b, a));
  EXPECT_THAT(kinds(), IsEmpty());
  syncxx::mutex c;
  syncxx::mutex d;
  syncxx::report_all_inversions(true);
  in_turn(with_gate(c, d), with_gate(d, c));
  EXPECT_THAT(kinds(), ElementsAre("lock_order_inversion"));
}

TEST_F(DeadlockTest, OneThreadIsReportedOnDemandOnly) {
  syncxx::mutex a;
  syncxx::mutex b;
  in_turn([&] {
    NEST(a, b)();
    NEST(b, a)();
  });
  EXPECT_THAT(kinds(), IsEmpty());
  syncxx::mutex c;
  syncxx::mutex d;
  syncxx::report_all_inversions(true);
  in_turn([&] {
    NEST(c, d)();
    NEST(d, c)();
  });
  EXPECT_THAT(kinds(), ElementsAre("lock_order_inversion"));
}

TEST_F(DeadlockTest, SuppressedIsNotToldOf) {
  syncxx::mutex a;
  syncxx::mutex b;
  syncxx::set_lock_name(a, "known to be wrong");
  syncxx::suppress_findings("lock_order_inversion", "known*wrong");
  in_turn(NEST(a, b), NEST(b, a));
  EXPECT_THAT(kinds(), IsEmpty());
  EXPECT_THROW(syncxx::suppress_findings("no such kind", "*"),
               std::invalid_argument);
}

TEST_F(DeadlockTest, LongHold) {
  syncxx::mutex m;
  syncxx::set_long_hold_limit(std::chrono::milliseconds(20));
  { const std::lock_guard guard(m); }
  EXPECT_THAT(kinds(), IsEmpty());
  {
    const std::lock_guard guard(m);
    std::this_thread::sleep_for(std::chrono::milliseconds(40));
  }
  EXPECT_THAT(kinds(), ElementsAre("long_hold"));
}

TEST_F(DeadlockTest, ReportNowSaysWhoHoldsAndWhoWaits) {
  syncxx::mutex m;
  syncxx::set_lock_name(m, "the busy one");
  m.lock();
  std::thread waiter([&] { const std::lock_guard guard(m); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  syncxx::report_now();
  m.unlock();
  waiter.join();
  const std::string dump = printed();
  EXPECT_THAT(dump, HasSubstr("the busy one"));
  EXPECT_THAT(dump, HasSubstr("waits for"));
  EXPECT_THAT(dump, HasSubstr("holds"));
}

// --- Recovery ----------------------------------------------------------------

// Each of n threads takes its own lock, and then the next one's.
int victims_of_a_ring(std::size_t n) {
  std::vector<syncxx::mutex> locks(n);
  syncxx::barrier all_have_one(static_cast<std::ptrdiff_t>(n));
  std::atomic<int> victims{0};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < n; ++i) {
    threads.emplace_back([&, i] {
      const std::lock_guard mine(locks[i]);
      all_have_one.arrive_and_wait();
      try {
        const std::lock_guard next(locks[(i + 1) % n]);
      } catch (const std::system_error& error) {
        EXPECT_EQ(error.code(), std::errc::resource_deadlock_would_occur);
        EXPECT_THAT(error.what(), HasSubstr("waits for mutex"));
        ++victims;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return victims;
}

TEST_F(DeadlockTest, OneVictimForEachDeadlock) {
  syncxx::set_misuse_action(misuse_action::throw_exception);
  for (int round = 0; round < iterations(200); ++round) {
    const std::size_t n = 2 + static_cast<std::size_t>(round) % 7;
    ASSERT_EQ(victims_of_a_ring(n), 1) << n << " threads, round " << round;
  }
}

TEST_F(DeadlockTest, NoVictimWithoutDeadlock) {
  syncxx::set_misuse_action(misuse_action::throw_exception);
  syncxx::mutex locks[4];
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < iterations(5000); ++i) {
        const std::lock_guard outer(locks[t % 2]);
        const std::lock_guard inner(locks[2 + t / 2]);
      }
    });
  }
  for (std::thread& thread : threads) EXPECT_NO_THROW(thread.join());
  EXPECT_THAT(kinds(), IsEmpty());
}

TEST_F(DeadlockTest, WaitThatEndsByItselfIsNoDeadlock) {
  using namespace std::chrono_literals;
  syncxx::mutex a;
  syncxx::mutex b;
  syncxx::barrier both(2);
  const auto run = [&](syncxx::mutex& own, syncxx::mutex& other) {
    return std::thread([&] {
      const std::lock_guard guard(own);
      both.arrive_and_wait();
      if (other.try_lock_for(50ms)) other.unlock();
    });
  };
  std::thread first = run(a, b);
  std::thread second = run(b, a);
  first.join();
  second.join();
  for (const std::string& kind : kinds()) EXPECT_NE(kind, "deadlock");
}

#endif

}  // namespace
}  // namespace syncxx_test
