// SPDX-License-Identifier: Apache-2.0
//
// Owners killed at each instruction: robust_kill_test.cc.
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sync/atomic.h>
#include <sync/robust_mutex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <stop_token>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/lock_suite.h"
#include "tests/support/lockable_concepts.h"
#include "tests/support/misuse_mode.h"
#include "tests/support/shared_object.h"
#include "tests/support/signal_storm.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

using syncxx::robust_mutex;
using syncxx::robust_pi_mutex;

template <class M>
constexpr bool kIsAsPromised =
    sizeof(M) == 40 &&
    std::is_standard_layout_v<M>&& std::is_nothrow_default_constructible_v<
        M>&& std::is_trivially_destructible_v<M> == !kHooked
    && mutex_type<M> && timed_lockable<M>;
static_assert(kIsAsPromised<robust_mutex>);
static_assert(kIsAsPromised<robust_pi_mutex>);

template <class M>
struct kit : lock_kit<M> {
  static constexpr bool kBounded = false;
  static std::string_view why_not() { return no_robust_lists(); }
};
using kits = ::testing::Types<kit<robust_mutex>, kit<robust_pi_mutex>>;
INSTANTIATE_TYPED_TEST_SUITE_P(RobustMutex, LockSuite, kits);
static_assert(stoppable_lock<robust_mutex>);
static_assert(!stoppable_lock<robust_pi_mutex>);

// Blocks, in the form with a stop token if there is one.
template <class M>
bool lock_stoppably(M& m, std::stop_token stop) {
  if constexpr (stoppable_lock<M>)
    return m.lock(stop);
  else
    m.lock();
  return true;
}

template <class M>
std::uint32_t word_of(const M& m) {
  const void* const word = &m;
  return static_cast<const syncxx::atomic<std::uint32_t>*>(word)->load();
}

template <class M>
class RobustMutexTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = no_robust_lists(); !why.empty()) GTEST_SKIP() << why;
  }
};

using mutexes = testing::Types<robust_mutex, robust_pi_mutex>;
TYPED_TEST_SUITE(RobustMutexTest, mutexes);

// A thread that ends while it owns the lock. (It says nothing of that itself.)
template <class M>
void die_with(M& m) {
  std::thread([&m] { m.lock(); }).join();
}

// The bit that says that somebody may sleep goes when nobody does.
TYPED_TEST(RobustMutexTest, IsQuietAgainAfterContention) {
  TypeParam m;
  m.lock();
  background<bool> waiting([&] {
    m.lock();
    m.unlock();
    return true;
  });
  waiting.await_sleep();
  EXPECT_NE(word_of(m) & FUTEX_WAITERS, 0u);
  m.unlock();
  EXPECT_TRUE(waiting.result());
  m.lock();
  m.unlock();
  EXPECT_EQ(word_of(m), 0u);
}

TYPED_TEST(RobustMutexTest, NextOwnerIsToldOfADeath) {
  TypeParam m;
  die_with(m);
  m.lock();
  EXPECT_TRUE(m.owner_died());
  EXPECT_TRUE(m.owner_died());
  m.make_consistent();
  EXPECT_FALSE(m.owner_died());
  m.unlock();
  m.lock();
  EXPECT_FALSE(m.owner_died());
  m.unlock();
}

TYPED_TEST(RobustMutexTest, EachFormIsToldOfADeath) {
  std::stop_source source;
  const auto expect_told = [](bool (*form)(TypeParam&)) {
    TypeParam m;
    die_with(m);
    ASSERT_TRUE(form(m));
    EXPECT_TRUE(m.owner_died());
    m.make_consistent();
    m.unlock();
    EXPECT_TRUE(try_from_another_thread(m));
  };
  expect_told([](TypeParam& m) { return m.try_lock(); });
  expect_told([](TypeParam& m) { return m.try_lock_for(-1s); });
  expect_told([](TypeParam& m) { return m.try_lock_for(1h); });
  expect_told(
      [](TypeParam& m) { return lock_stoppably(m, std::stop_token()); });
}

// Waiters asleep when the owner dies: one is woken by the kernel, the others by
// those before them.
TYPED_TEST(RobustMutexTest, SleepersAreServedAfterADeath) {
  for (int round = 0; round < iterations(50); ++round) {
    TypeParam m;
    std::atomic<bool> owned{false}, end{false};
    std::thread owner([&] {
      m.lock();
      owned = true;
      await([&] { return end.load(); });
    });
    await([&] { return owned.load(); });
    std::atomic<int> told{0};
    std::vector<std::unique_ptr<background<bool>>> waiting;
    for (int i = 0; i < 4; ++i) {
      waiting.push_back(std::make_unique<background<bool>>([&] {
        m.lock();
        if (m.owner_died()) {
          told.fetch_add(1);
          m.make_consistent();
        }
        m.unlock();
        return true;
      }));
      waiting.back()->await_sleep();
    }
    end = true;
    for (auto& one : waiting) EXPECT_TRUE(one->result());
    owner.join();
    EXPECT_EQ(told.load(), 1);
  }
}

TYPED_TEST(RobustMutexTest, UnlockWithoutRepairLosesItForGood) {
  constexpr auto code = std::errc::state_not_recoverable;
  const misuse_mode mode(syncxx::misuse_action::throw_exception);
  TypeParam m;
  std::atomic<bool> owned{false}, end{false};
  std::thread owner([&] {
    m.lock();
    owned = true;
    await([&] { return end.load(); });
  });
  await([&] { return owned.load(); });
  std::atomic<int> died{0}, lost{0};
  std::vector<std::unique_ptr<background<bool>>> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.push_back(std::make_unique<background<bool>>([&] {
      try {
        m.lock();
        died.fetch_add(m.owner_died() ? 1 : 0);
        m.unlock();
      } catch (const std::system_error& e) {
        lost.fetch_add(e.code() == code ? 1 : 0);
      }
      return true;
    }));
    waiting.back()->await_sleep();
  }
  end = true;
  for (auto& one : waiting) one->result();
  owner.join();
  EXPECT_EQ(died.load(), 1);
  EXPECT_EQ(lost.load(), 2);
  for (int i = 0; i < 2; ++i) {
    expect_system_error(code, [&] { m.lock(); });
    expect_system_error(code, [&] { m.try_lock(); });
    expect_system_error(code, [&] { m.try_lock_for(1ms); });
    expect_system_error(code, [&] { lock_stoppably(m, std::stop_token()); });
  }
}

// Told again: the one who was to repair it has died as well.
TYPED_TEST(RobustMutexTest, DeathDuringRepair) {
  TypeParam m;
  for (int i = 0; i < 3; ++i) die_with(m);
  m.lock();
  EXPECT_TRUE(m.owner_died());
  m.make_consistent();
  m.unlock();
  std::thread([&] {
    m.lock();
    EXPECT_FALSE(m.owner_died());
    m.unlock();
    m.lock();  // and dies
  }).join();
  m.lock();
  EXPECT_TRUE(m.owner_died());
  m.make_consistent();
  m.unlock();
}

TYPED_TEST(RobustMutexTest, MisuseIsAnError) {
  constexpr auto stranger = std::errc::operation_not_permitted;
  constexpr auto deadlock = std::errc::resource_deadlock_would_occur;
  TypeParam m;
  expect_system_error(stranger, [&] { m.unlock(); });
  expect_system_error(stranger, [&] { m.owner_died(); });
  expect_system_error(stranger, [&] { m.make_consistent(); });
  m.lock();
  EXPECT_FALSE(m.try_lock());
  expect_system_error(deadlock, [&] { m.lock(); });
  expect_system_error(deadlock, [&] { m.try_lock_for(1h); });
  expect_system_error(deadlock, [&] { lock_stoppably(m, std::stop_token()); });
  expect_system_error(std::errc::invalid_argument,
                      [&] { m.make_consistent(); });
  std::thread([&] {
    expect_system_error(stranger, [&] { m.unlock(); });
  }).join();
  EXPECT_FALSE(try_from_another_thread(m));
  m.unlock();
  EXPECT_TRUE(try_from_another_thread(m));
}

// --- One list with glibc's robust mutexes
// --------------------------------------

class glibc_mutex {
 public:
  explicit glibc_mutex(bool inherits) {
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    if (inherits) pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&m_, &a);
    pthread_mutexattr_destroy(&a);
  }
  glibc_mutex(const glibc_mutex&) = delete;
  glibc_mutex& operator=(const glibc_mutex&) = delete;
  ~glibc_mutex() { pthread_mutex_destroy(&m_); }
  int lock() { return pthread_mutex_lock(&m_); }
  void consistent() { pthread_mutex_consistent(&m_); }
  void unlock() { pthread_mutex_unlock(&m_); }

 private:
  pthread_mutex_t m_;
};

long length_of_list() {
  robust_list_head* head = nullptr;
  std::size_t size = 0;
  if (syscall(SYS_get_robust_list, 0, &head, &size) != 0) return -1;
  long n = 0;
  for (const robust_list* at = head->list.next; at != &head->list; ++n) {
    at = reinterpret_cast<const robust_list*>(
        reinterpret_cast<std::uintptr_t>(at) & ~std::uintptr_t{1});
    if (at == &head->list || n > 1000) break;
    at = at->next;
  }
  return head->list_op_pending == nullptr ? n : -2;
}

TYPED_TEST(RobustMutexTest, SharesTheListWithGlibc) {
  std::minstd_rand random(3);
  for (int round = 0; round < iterations(300); ++round) {
    TypeParam ours[3];
    glibc_mutex plain[2]{glibc_mutex(false), glibc_mutex(false)};
    glibc_mutex inherit[2]{glibc_mutex(true), glibc_mutex(true)};
    const auto lock = [&](int i) {
      if (i < 3)
        ours[i].lock();
      else if (i < 5)
        EXPECT_EQ(plain[i - 3].lock(), 0);
      else
        EXPECT_EQ(inherit[i - 5].lock(), 0);
    };
    const auto unlock = [&](int i) {
      if (i < 3)
        ours[i].unlock();
      else if (i < 5)
        plain[i - 3].unlock();
      else
        inherit[i - 5].unlock();
    };
    std::vector<int> all{0, 1, 2, 3, 4, 5, 6};
    std::vector<int> held;
    // A thread takes all of them in one order and gives some back in another.
    std::thread([&] {
      std::shuffle(all.begin(), all.end(), random);
      for (const int i : all) lock(i);
      EXPECT_EQ(length_of_list(), 7);
      held = all;
      std::shuffle(held.begin(), held.end(), random);
      for (auto left = random() % 8; held.size() > left; held.pop_back())
        unlock(held.back());
      EXPECT_EQ(length_of_list(), static_cast<long>(held.size()));
    }).join();
    // It has died with the others.
    const auto is_held = [&](int i) {
      return std::find(held.begin(), held.end(), i) != held.end();
    };
    for (int i = 0; i < 7; ++i) {
      if (i < 3) {
        ours[i].lock();
        EXPECT_EQ(ours[i].owner_died(), is_held(i)) << i;
        if (is_held(i)) ours[i].make_consistent();
        ours[i].unlock();
        continue;
      }
      glibc_mutex& m = i < 5 ? plain[i - 3] : inherit[i - 5];
      EXPECT_EQ(m.lock(), is_held(i) ? EOWNERDEAD : 0) << i;
      if (is_held(i)) m.consistent();
      m.unlock();
    }
    EXPECT_EQ(length_of_list(), 0);
  }
}

// --- Processes
// ------------------------------------------------------------------

TYPED_TEST(RobustMutexTest, ExcludesProcesses) {
  struct page {
    TypeParam m;
    long count, mirror;
    bool torn;
  };
  const shared_object<page> p;
  const int rounds = iterations(20'000);
  const auto work = [&] {
    for (int i = 0; i < rounds; ++i) {
      p->m.lock();
      p->torn = p->torn || p->count != p->mirror;
      ++p->count;
      ++p->mirror;
      p->m.unlock();
    }
  };
  const pid_t one = fork_child(work), two = fork_child(work);
  EXPECT_TRUE(join_child(one));
  EXPECT_TRUE(join_child(two));
  EXPECT_FALSE(p->torn);
  EXPECT_EQ(p->count, 2L * rounds);
}

TYPED_TEST(RobustMutexTest, ChildOfForkDoesNotOwnIt) {
  const shared_object<TypeParam> m;
  m->lock();
  EXPECT_TRUE(succeeds_in_child([&] {
    expect_system_error(std::errc::operation_not_permitted,
                        [&] { m->unlock(); });
    EXPECT_FALSE(m->try_lock());
    EXPECT_FALSE(m->try_lock_for(1ms));
  }));
  EXPECT_FALSE(try_from_another_thread(*m));
  m->unlock();
  EXPECT_TRUE(succeeds_in_child([&] {
    m->lock();
    EXPECT_FALSE(m->owner_died());
    m->unlock();
  }));
}

// Processes that are killed at any moment, over and over.
TYPED_TEST(RobustMutexTest, SurvivesRandomKills) {
  struct page {
    TypeParam m;
    long turns, deaths, a, b;
  };
  const shared_object<page> p;
  const auto work = [&] {
    for (;;) {
      p->m.lock();
      if (p->m.owner_died()) {
        p->b = p->a;
        ++p->deaths;
        p->m.make_consistent();
      }
      EXPECT_EQ(p->a, p->b);
      ++p->a;
      ++p->turns;
      ++p->b;
      p->m.unlock();
    }
  };
  std::minstd_rand random(5);
  std::vector<pid_t> crew;
  for (int i = 0; i < 3; ++i) crew.push_back(fork_child(work));
  for (int i = 0; i < iterations(200); ++i) {
    usleep(static_cast<useconds_t>(random() % 2000));
    pid_t& victim = crew[random() % crew.size()];
    kill(victim, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(victim, &status, 0), victim);
    EXPECT_TRUE(WIFSIGNALED(status)) << "it has ended by itself";
    victim = fork_child(work);
  }
  for (const pid_t one : crew) {
    kill(one, SIGKILL);
    waitpid(one, nullptr, 0);
  }
  p->m.lock();  // does not hang
  if (p->m.owner_died())
    p->m.make_consistent();
  else
    EXPECT_EQ(p->a, p->b);
  p->m.unlock();
  EXPECT_GT(p->turns, 0);
  this->RecordProperty("deaths", static_cast<int>(p->deaths));
}

TYPED_TEST(RobustMutexTest, SignalsDoNotEndWaits) {
  TypeParam m;
  m.lock();
  background<bool> waiting([&] {
    m.lock();
    m.unlock();
    return true;
  });
  background<bool> timed([&] {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_FALSE(m.try_lock_for(50ms));
    return std::chrono::steady_clock::now() - start >= 50ms;
  });
  waiting.await_sleep();
  {
    const signal_storm storm({waiting.native(), timed.native()},
                             signal_storm::restart::no);
    await([&] { return timed.finished(); });
    EXPECT_FALSE(waiting.finished());
  }
  m.unlock();
  EXPECT_TRUE(waiting.result());
  EXPECT_TRUE(timed.result());
}

}  // namespace
}  // namespace syncxx_test
