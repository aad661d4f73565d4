// SPDX-License-Identifier: Apache-2.0
//
// Contention statistics. What is timed is compared with how long the test has
// made it take at least; counts are exact.
#include <gtest/gtest.h>
#include <sync/lock_stat.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace syncxx_test {
namespace {

using namespace std::chrono_literals;
namespace lock_stat = syncxx::lock_stat;

TEST(LockStatDurations, PercentileIsTheEndOfABucketAtMost) {
  lock_stat::durations d;
  EXPECT_EQ(d.percentile(0.5), 0ns);
  d.count = 100;
  d.buckets[4] = 98;  // 8 to 15
  d.buckets[10] = 2;  // 512 to 1023
  d.max = 600ns;
  EXPECT_EQ(d.percentile(0), 15ns);
  EXPECT_EQ(d.percentile(0.5), 15ns);
  EXPECT_EQ(d.percentile(0.98), 15ns);
  EXPECT_EQ(d.percentile(0.99), 600ns);
  EXPECT_EQ(d.percentile(1), 600ns);
  d.buckets[0] = 900;
  d.count = 1000;
  EXPECT_EQ(d.percentile(0.5), 0ns);
}

#if !SYNCXX_HOOKED

TEST(LockStat, DoesNothingInThePlainLibrary) {
  lock_stat::enable();
  EXPECT_FALSE(lock_stat::is_enabled());
  lock_stat::set_hold_sampling(3);
  lock_stat::reset();
  EXPECT_TRUE(lock_stat::snapshot().classes.empty());
  EXPECT_EQ(lock_stat::text(), "");
  EXPECT_EQ(lock_stat::json(), "");
  lock_stat::print();
  lock_stat::disable();
}

#endif

}  // namespace
}  // namespace syncxx_test

#if SYNCXX_HOOKED

#include <sync/biased_shared_mutex.h>
#include <sync/byte_mutex.h>
#include <sync/condition_variable.h>
#include <sync/deadlock.h>
#include <sync/event.h>
#include <sync/mutex.h>
#include <sync/queue_lock.h>
#include <sync/recursive_mutex.h>
#include <sync/semaphore.h>
#include <sync/shared_mutex.h>
#include <sync/spinlock.h>
#include <sync/ticket_lock.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <system_error>
#include <thread>

#include "src/deadlock/report/debug_info.h"
#include "tests/support/findings.h"
#include "tests/support/misuse_child.h"
#include "tests/support/misuse_mode.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/thread_safety_off.h"

namespace syncxx_test {
namespace {

using lock_stat::lock_class;
using syncxx::misuse_action;

const lock_class* find(const lock_stat::report& all, const std::string& name) {
  for (const lock_class& c : all.classes)
    if (c.name == name) return &c;
  return nullptr;
}

// Counts from zero while it is there.
class counting {
 public:
  counting() {
    lock_stat::set_hold_sampling(1);
    lock_stat::enable();
    lock_stat::reset();
  }
  counting(const counting&) = delete;
  counting& operator=(const counting&) = delete;
  ~counting() {
    lock_stat::disable();
    lock_stat::set_hold_sampling(1);
  }
};

// Whatever the checker does.
class LockStat : public testing::TestWithParam<misuse_action> {
 protected:
  // The class of locks that are called so; all zero if there is none.
  static lock_class of(const std::string& name) {
    const lock_stat::report all = lock_stat::snapshot();
    const lock_class* const found = find(all, name);
    return found != nullptr ? *found : lock_class{};
  }

  const misuse_mode mode_{GetParam()};
  const counting counting_;
};
INSTANTIATE_TEST_SUITE_P(Checker, LockStat,
                         testing::Values(misuse_action::off,
                                         misuse_action::abort),
                         [](const auto& each) {
                           return std::string(
                               each.param == misuse_action::off ? "off" : "on");
                         });

TEST_P(LockStat, CountsAcquisitionsAndHolds) {
  syncxx::mutex m;
  syncxx::set_lock_name(m, "plain");
  for (int i = 0; i < 10; ++i) {
    const std::lock_guard lock(m);
    if (i == 3) std::this_thread::sleep_for(2ms);
  }
  ASSERT_TRUE(m.try_lock());
  m.unlock();
  const lock_class c = of("plain");
  EXPECT_TRUE(c.is_named);
  EXPECT_EQ(c.kind, "mutex");
  EXPECT_GE(c.locks, 1u);  // resets leave that
  EXPECT_EQ(c.acquisitions, 11u);
  EXPECT_EQ(c.shared, 0u);
  EXPECT_EQ(c.contended, 0u);
  EXPECT_EQ(c.wait.count, 0u);
  EXPECT_EQ(c.hold.count, 11u);
  EXPECT_GE(c.hold.max, 2ms);
  EXPECT_GE(c.hold.total, c.hold.max);
  std::uint64_t in_buckets = 0;
  for (const std::uint64_t n : c.hold.buckets) in_buckets += n;
  EXPECT_EQ(in_buckets, 11u);
  EXPECT_TRUE(c.sites.empty());
}

template <class L>
class LockStatKinds : public testing::Test {};
using kinds =
    testing::Types<syncxx::mutex, syncxx::spinlock, syncxx::byte_mutex,
                   syncxx::ticket_lock, syncxx::queue_lock,
                   syncxx::shared_mutex, syncxx::biased_shared_mutex>;
TYPED_TEST_SUITE(LockStatKinds, kinds);

TYPED_TEST(LockStatKinds, AWaitIsCountedWithItsPlace) {
  const counting on;
  // Until the other thread has come while the lock was held.
  for (int ms = 1; ms < 1000; ms *= 2) {
    lock_stat::reset();
    TypeParam m;
    syncxx::set_lock_name(m, "waited for");
    syncxx::event waits;
    std::thread other;
    {
      const std::lock_guard lock(m);
      other = std::thread([&] {
        waits.set();
        const std::lock_guard mine(m);
      });
      waits.wait();
      std::this_thread::sleep_for(std::chrono::milliseconds(ms));
    }
    other.join();
    const lock_stat::report all = lock_stat::snapshot();
    const lock_class* const c = find(all, "waited for");
    ASSERT_NE(c, nullptr);
    EXPECT_EQ(c->acquisitions, 2u);
    EXPECT_EQ(c->hold.count, 2u);
    EXPECT_EQ(c->contended, c->wait.count);
    if (c->contended == 0) continue;
    EXPECT_EQ(c->contended, 1u);
    EXPECT_GT(c->wait.total, 0ns);
    EXPECT_EQ(c->wait.total, c->wait.max);
    ASSERT_EQ(c->sites.size(), 1u);
    EXPECT_EQ(c->sites[0].waits, 1u);
    EXPECT_EQ(c->sites[0].total, c->wait.total);
    EXPECT_NE(c->sites[0].place, "");
    return;
  }
  ADD_FAILURE() << "no wait was counted";
}

TEST_P(LockStat, AWaitThatIsGivenUpIsNoAcquisition) {
  syncxx::mutex m;
  syncxx::set_lock_name(m, "given up");
  m.lock();
  std::thread([&] {
    EXPECT_FALSE(m.try_lock());
    EXPECT_FALSE(m.try_lock_for(2ms));
    syncxx::mutex another;
    const std::lock_guard lock(another);
  }).join();
  m.unlock();
  const lock_class c = of("given up");
  EXPECT_EQ(c.acquisitions, 1u);
  EXPECT_EQ(c.contended, 0u);
  EXPECT_EQ(c.wait.count, 1u);
  EXPECT_GE(c.wait.total, 1ms);
}

TEST_P(LockStat, AnAcquisitionAfterOneThatWasGivenUpIsNotContended) {
  syncxx::mutex m;
  syncxx::set_lock_name(m, "later");
  syncxx::event tried;
  syncxx::event go_on;
  m.lock();
  std::thread other([&] {
    EXPECT_FALSE(m.try_lock_for(1ms));
    tried.set();
    go_on.wait();
    m.lock();
    m.unlock();
  });
  tried.wait();
  m.unlock();
  go_on.set();
  other.join();
  EXPECT_EQ(of("later").acquisitions, 2u);
  EXPECT_EQ(of("later").contended, 0u);
}

TEST_P(LockStat, SharedAcquisitionsAreOfTheSameLock) {
  syncxx::shared_mutex m;
  syncxx::set_lock_name(m, "shared");
  for (int i = 0; i < 3; ++i) const std::shared_lock lock(m);
  m.lock();
  m.unlock_and_lock_shared();
  m.unlock_shared();
  const lock_class c = of("shared");
  EXPECT_EQ(c.kind, "shared_mutex");
  EXPECT_EQ(c.acquisitions, 5u);  // with that from writer to reader
  EXPECT_EQ(c.shared, 4u);
  EXPECT_EQ(c.hold.count, 5u);
}

TEST_P(LockStat, InnerLevelsAreNone) {
  syncxx::recursive_mutex m;
  syncxx::set_lock_name(m, "recursive");
  for (int i = 0; i < 5; ++i) m.lock();
  for (int i = 0; i < 5; ++i) m.unlock();
  EXPECT_EQ(of("recursive").acquisitions, 1u);
  EXPECT_EQ(of("recursive").hold.count, 1u);
}

TEST_P(LockStat, SemaphoresAreTakenAndNotHeld) {
  syncxx::counting_semaphore<> s(2);
  syncxx::set_lock_name(s, "semaphore");
  s.acquire();
  s.acquire();
  EXPECT_FALSE(s.try_acquire_for(1ms));
  s.release(2);
  EXPECT_EQ(of("semaphore").acquisitions, 2u);
  EXPECT_EQ(of("semaphore").wait.count, 1u);
  EXPECT_EQ(of("semaphore").hold.count, 0u);
}

TEST_P(LockStat, AConditionsWaitIsNoneForTheLock) {
  syncxx::mutex m;
  syncxx::set_lock_name(m, "of a condition");
  syncxx::condition_variable c;
  std::unique_lock lock(m);
  EXPECT_EQ(c.wait_for(lock, 200ms), std::cv_status::timeout);
  lock.unlock();
  const lock_class l = of("of a condition");
  EXPECT_EQ(l.acquisitions, 2u);  // once more after the wait
  EXPECT_EQ(l.contended, 0u);
  EXPECT_EQ(l.wait.count, 0u);
  EXPECT_EQ(l.hold.count, 2u);
  EXPECT_LT(l.hold.total, 200ms);
}

// --- Classes -----------------------------------------------------------------

TEST_P(LockStat, ClassesNamesAndPlaces) {
  struct locks {
    syncxx::mutex in_class[3];
    syncxx::mutex named;
  };
  const auto all = std::make_unique<locks>();
  for (syncxx::mutex& m : all->in_class) {
    syncxx::set_lock_class(m, "accounts");
    syncxx::set_lock_name(m, "not this");
    m.lock();
    m.unlock();
  }
  syncxx::set_lock_name(all->named, "first name");
  all->named.lock();
  all->named.unlock();
  syncxx::set_lock_name(all->named, "second name");
  all->named.lock();
  all->named.unlock();
  int line = 0;
  for (int i = 0; i < 4; ++i) {
    syncxx::mutex here;
    line = __LINE__ + 1;
    here.lock();
    here.unlock();
  }
  EXPECT_EQ(of("accounts").acquisitions, 3u);
  EXPECT_GE(of("accounts").locks, 3u);
  EXPECT_EQ(of("not this").acquisitions, 0u);
  EXPECT_EQ(of("first name").acquisitions, 1u);
  EXPECT_EQ(of("second name").acquisitions, 1u);
  const std::string place = "lock_stat_test.cc:" + std::to_string(line);
  std::uint64_t at_place = 0;
  for (const lock_class& c : lock_stat::snapshot().classes) {
    if (c.name.size() < place.size() ||
        c.name.substr(c.name.size() - place.size()) != place)
      continue;
    EXPECT_FALSE(c.is_named);
    at_place += c.acquisitions;
  }
  if (syncxx::detail::debug_info::is_built_in()) {
    EXPECT_EQ(at_place, 4u);
  }
}

TEST_P(LockStat, AnotherLockInTheSameMemoryIsAnother) {
  alignas(syncxx::mutex) std::byte memory[sizeof(syncxx::mutex)];
  for (const char* name : {"one", "two"}) {
    auto* const m = std::construct_at(reinterpret_cast<syncxx::mutex*>(memory));
    syncxx::set_lock_name(*m, name);
    m->lock();
    m->unlock();
    std::destroy_at(m);
  }
  EXPECT_EQ(of("one").acquisitions, 1u);
  EXPECT_EQ(of("two").acquisitions, 1u);
}

// --- Threads, resets, processes ----------------------------------------------

TEST_P(LockStat, CountsOfThreadsThatHaveEndedStay) {
  constexpr int kThreads = 16;
  constexpr int kRounds = 500;
  syncxx::mutex m;
  syncxx::set_lock_name(m, "of many");
  for (int round = 0; round < 2; ++round) {
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (int k = 0; k < kRounds; ++k) const std::lock_guard lock(m);
      });
    }
    for (std::thread& t : threads) t.join();
  }
  const lock_class c = of("of many");
  EXPECT_EQ(c.acquisitions, 2u * kThreads * kRounds);
  EXPECT_EQ(c.hold.count, 2u * kThreads * kRounds);
  EXPECT_EQ(c.contended, c.wait.count);
  EXPECT_EQ(lock_stat::snapshot().missed, 0u);
}

TEST_P(LockStat, ReadingWhileOthersCount) {
  syncxx::mutex m;
  syncxx::set_lock_name(m, "read meanwhile");
  std::vector<std::thread> threads;
  threads.reserve(3);
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 3000; ++k) const std::lock_guard lock(m);
    });
  }
  std::uint64_t before = 0;
  for (int i = 0; i < 20; ++i) {
    const std::uint64_t now = of("read meanwhile").acquisitions;
    EXPECT_GE(now, before);
    before = now;
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(of("read meanwhile").acquisitions, 9000u);
}

TEST_P(LockStat, ResetForgetsAll) {
  syncxx::mutex m;
  syncxx::set_lock_name(m, "reset");
  const auto use = [&] { const std::lock_guard lock(m); };
  use();
  std::thread(use).join();
  m.lock();
  lock_stat::reset();
  m.unlock();  // was taken before
  EXPECT_EQ(of("reset").acquisitions, 0u);
  EXPECT_EQ(of("reset").hold.count, 0u);
  std::thread(use).join();
  use();
  EXPECT_EQ(of("reset").acquisitions, 2u);
  EXPECT_EQ(of("reset").hold.count, 2u);
}

TEST_P(LockStat, ALockHeldFromBeforeIsNotTimed) {
  syncxx::mutex m;
  syncxx::set_lock_name(m, "switched");
  m.lock();
  lock_stat::disable();
  EXPECT_FALSE(lock_stat::is_enabled());
  m.unlock();
  m.lock();
  lock_stat::enable();
  EXPECT_TRUE(lock_stat::is_enabled());
  m.unlock();
  EXPECT_EQ(of("switched").acquisitions, 1u);
  EXPECT_EQ(of("switched").hold.count, 0u);
}

TEST_P(LockStat, HoldsOfEveryNthAcquisition) {
  syncxx::mutex m;
  syncxx::set_lock_name(m, "sampled");
  const auto use = [&](int times) {
    for (int i = 0; i < times; ++i) const std::lock_guard lock(m);
  };
  lock_stat::set_hold_sampling(10);
  use(100);
  EXPECT_EQ(of("sampled").acquisitions, 100u);
  EXPECT_EQ(of("sampled").hold.count, 10u);
  EXPECT_NE(lock_stat::text().find("1 in 10"), std::string::npos);
  lock_stat::set_hold_sampling(0);
  use(100);
  EXPECT_EQ(of("sampled").acquisitions, 200u);
  EXPECT_EQ(of("sampled").hold.count, 10u);
}

TEST_P(LockStat, TheChildOfAForkBeginsAnew) {
  syncxx::mutex m;
  syncxx::set_lock_name(m, "forked");
  const auto use = [&] { const std::lock_guard lock(m); };
  use();
  const outcome child = in_child([&] {
    use();
    use();
    if (of("forked").acquisitions != 2) _exit(1);
  });
  EXPECT_TRUE(child.exited(outcome::kDone)) << child;
  EXPECT_EQ(of("forked").acquisitions, 1u);
}

TEST_P(LockStat, WhatIsTooMuchIsInOneRow) {
  const outcome child = in_child([&] {
    constexpr std::size_t kMore = 100;
    constexpr std::size_t kLocks = 4096 + kMore;  // as counters.h
    const auto locks = std::make_unique<syncxx::mutex[]>(kLocks);
    std::uint64_t before = 0;
    for (const lock_class& c : lock_stat::snapshot().classes)
      before += c.acquisitions;
    for (std::size_t i = 0; i < kLocks; ++i) {
      syncxx::set_lock_class(locks[i], "class " + std::to_string(i));
      locks[i].lock();
      locks[i].unlock();
    }
    if (of("others").acquisitions < kMore) _exit(1);
    std::uint64_t all = 0;
    for (const lock_class& c : lock_stat::snapshot().classes)
      all += c.acquisitions;
    if (all != before + kLocks) _exit(2);
  });
  EXPECT_TRUE(child.exited(outcome::kDone)) << child;
}

// --- With the checker --------------------------------------------------------

TEST_P(LockStat, TheCheckerFindsWhatItFinds) {
  if (GetParam() == misuse_action::off) GTEST_SKIP() << "the checker is off";
  syncxx::set_misuse_action(misuse_action::throw_exception);
  syncxx::mutex m;
  syncxx::set_lock_name(m, "misused");
  m.lock();
  EXPECT_THROW(CONFLICT(m.lock()), std::system_error);
  m.unlock();
  EXPECT_THROW(MISUSE(m.unlock()), std::system_error);
  m.lock();
  m.unlock();
  EXPECT_EQ(of("misused").acquisitions, 2u);
  EXPECT_EQ(of("misused").contended, 0u);
}

TEST_P(LockStat, ADeadlocksVictimThrows) {
  if (GetParam() == misuse_action::off) GTEST_SKIP() << "the checker is off";
  syncxx::set_misuse_action(misuse_action::throw_exception);
  syncxx::mutex a;
  syncxx::mutex b;
  syncxx::set_lock_class(a, "circle");
  syncxx::set_lock_class(b, "circle");
  syncxx::event has_a;
  syncxx::event has_b;
  std::atomic<int> victims{0};
  const auto take = [&](syncxx::mutex& mine, syncxx::mutex& other,
                        syncxx::event& has, syncxx::event& wait) {
    mine.lock();
    has.set();
    wait.wait();
    try {
      other.lock();
      other.unlock();
    } catch (const std::system_error&) {
      ++victims;
    }
    mine.unlock();
  };
  std::thread one([&] { take(a, b, has_a, has_b); });
  take(b, a, has_b, has_a);
  one.join();
  EXPECT_EQ(victims, 1);
  const lock_class c = of("circle");
  EXPECT_EQ(c.acquisitions, 3u);  // the victim has not got its second
  EXPECT_EQ(c.contended, 1u);
  EXPECT_EQ(c.wait.count, 1u);
  EXPECT_EQ(c.hold.count, 3u);
}

// --- Output ------------------------------------------------------------------

TEST_P(LockStat, TheTableHasRowsInOrder) {
  syncxx::mutex few;
  syncxx::mutex many;
  syncxx::set_lock_name(few, "few");
  syncxx::set_lock_name(many, "many");
  few.lock();
  few.unlock();
  for (int i = 0; i < 9; ++i) const std::lock_guard lock(many);
  const std::string table = lock_stat::text();
  EXPECT_NE(table.find("syncxx: locks of process " + std::to_string(getpid())),
            std::string::npos)
      << table;
  EXPECT_LT(table.find("  many "), table.find("  few ")) << table;
  EXPECT_NE(table.find("taken"), std::string::npos) << table;
  const std::string short_one = lock_stat::text(1);
  EXPECT_EQ(short_one.find("  few "), std::string::npos) << short_one;
  EXPECT_NE(short_one.find(" more, with shorter waits"), std::string::npos);
}

TEST_P(LockStat, PrintsWhereItIsTold) {
  const temporary_directory files;
  const outcome child = in_child([&] {
    set_environment("SYNCXX_LOCKSTAT_LOG", files / "table");
    set_environment("SYNCXX_LOCKSTAT_JSON", files / "json");
    syncxx::mutex m;
    syncxx::set_lock_name(m, "printed");
    m.lock();
    m.unlock();
    lock_stat::print();
  });
  EXPECT_TRUE(child.exited(outcome::kDone)) << child;
  EXPECT_NE(contents_of(files / "table").find("printed"), std::string::npos);
  const std::string json = contents_of(files / "json");
  EXPECT_EQ(json.find("{\"version\":1,\"kind\":\"lock_statistics\""), 0u)
      << json;
  EXPECT_NE(json.find("\"name\":\"printed\",\"named_by\":\"program\""),
            std::string::npos)
      << json;
  EXPECT_EQ(json.find('\n'), json.size() - 1);
}

}  // namespace
}  // namespace syncxx_test

#endif  // SYNCXX_HOOKED
