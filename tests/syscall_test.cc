// SPDX-License-Identifier: Apache-2.0
//
// No system call where nobody sleeps: counted by seccomp, in a child process.
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <signal.h>
#include <sync/barrier.h>
#include <sync/biased_shared_mutex.h>
#include <sync/byte_mutex.h>
#include <sync/condition_variable.h>
#include <sync/event.h>
#include <sync/event_count.h>
#include <sync/latch.h>
#include <sync/mcs_lock.h>
#include <sync/mutex.h>
#include <sync/once.h>
#include <sync/parking_lot.h>
#include <sync/pi_mutex.h>
#include <sync/queue_lock.h>
#include <sync/recursive_mutex.h>
#include <sync/robust_mutex.h>
#include <sync/semaphore.h>
#include <sync/seqlock.h>
#include <sync/shared_mutex.h>
#include <sync/spinlock.h>
#include <sync/ticket_lock.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "tests/support/seccomp_filter.h"
#include "tests/support/syscall_meter.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"
#include "tests/support/wait_forms.h"
#include "tests/support/waitables.h"

namespace syncxx_test {
namespace {

class SyscallTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!no_syscall_counting().empty()) GTEST_SKIP() << no_syscall_counting();
  }
};

// The meter itself must be able to fail.
TEST_F(SyscallTest, MeterCounts) {
  const auto readings = measure_syscalls([](syscall_meter& meter) {
    meter.count("getppid twice", [] {
      syscall(SYS_getppid);
      syscall(SYS_getppid);
    });
    meter.count("nothing", [] {});
    meter.count("a yield", [] { std::this_thread::yield(); });
  });
  ASSERT_EQ(readings.size(), 3u);
  EXPECT_EQ(readings[0].calls, 2);
  EXPECT_EQ(readings[0].first_call, SYS_getppid);
  EXPECT_EQ(readings[1].calls, 0);
  EXPECT_EQ(readings[2].calls, 1);
}

template <class M>
void expect_quiet_lock() {
  expect_no_syscalls(measure_syscalls([](syscall_meter& meter) {
    M m;
    const std::stop_source source;
    const std::stop_token stop = source.get_token();
    meter.count("lock, unlock", [&] {
      m.lock();
      m.unlock();
    });
    meter.count("try_lock, unlock", [&] {
      if (m.try_lock()) m.unlock();
    });
    if constexpr (requires { m.try_lock_for(1h); }) {
      meter.count("try_lock_for, unlock", [&] {
        if (m.try_lock_for(1h)) m.unlock();
      });
    }
    if constexpr (requires { m.lock(stop); }) {
      meter.count("lock(stop_token), unlock", [&] {
        if (m.lock(stop)) m.unlock();
      });
    }
    meter.count("unique_lock", [&] { const std::unique_lock lock(m); });
    meter.count("destruction", [&] {
      M other;
      other.lock();
      other.unlock();
    });
  }));
}

TEST_F(SyscallTest, UncontendedMutex) { expect_quiet_lock<syncxx::mutex>(); }
TEST_F(SyscallTest, UncontendedRecursiveMutex) {
  expect_quiet_lock<syncxx::recursive_mutex>();
}
TEST_F(SyscallTest, UncontendedSharedMutex) {
  expect_quiet_lock<syncxx::shared_mutex>();
  expect_no_syscalls(measure_syscalls([](syscall_meter& meter) {
    syncxx::shared_mutex m;
    const std::stop_source source;
    const std::stop_token stop = source.get_token();
    meter.count("lock_shared, unlock_shared", [&] {
      m.lock_shared();
      m.unlock_shared();
    });
    meter.count("three readers", [&] {
      m.lock_shared();
      m.try_lock_shared_for(1h, stop);
      m.lock_shared(stop);
      for (int i = 0; i < 3; ++i) m.unlock_shared();
    });
    meter.count("an upgrade and back", [&] {
      m.lock_upgrade();
      m.unlock_upgrade_and_lock();
      m.unlock_and_lock_upgrade();
      m.unlock_upgrade_and_lock_shared();
      m.unlock_shared();
    });
    meter.count("lock, on to shared", [&] {
      m.lock(stop);
      m.unlock_and_lock_shared();
      m.unlock_shared();
    });
  }));
}
TEST_F(SyscallTest, UncontendedByteMutex) {
  expect_quiet_lock<syncxx::byte_mutex>();
}
TEST_F(SyscallTest, UncontendedSpinlock) {
  expect_quiet_lock<syncxx::spinlock>();
}

TEST_F(SyscallTest, UncontendedTicketLock) {
  expect_quiet_lock<syncxx::ticket_lock>();
}
TEST_F(SyscallTest, UncontendedQueueLock) {
  expect_quiet_lock<syncxx::queue_lock>();
}
TEST_F(SyscallTest, UncontendedMcsLock) {
  expect_no_syscalls(measure_syscalls([](syscall_meter& meter) {
    syncxx::mcs_lock lock;
    syncxx::mcs_lock::node mine;
    meter.count("lock, unlock", [&] {
      lock.lock(mine);
      lock.unlock(mine);
    });
    meter.count("try_lock, unlock", [&] {
      if (lock.try_lock(mine)) lock.unlock(mine);
    });
    meter.count("guard", [&] { const syncxx::mcs_lock::guard guard(lock); });
  }));
}

TEST_F(SyscallTest, UncontendedBiasedSharedMutex) {
  expect_quiet_lock<syncxx::biased_shared_mutex>();
}

// But for the write that ends the bias.
TEST_F(SyscallTest, ReadersOfABiasedSharedMutex) {
  const auto readings = measure_syscalls([](syscall_meter& meter) {
    syncxx::biased_shared_mutex m;
    m.lock_shared();
    m.unlock_shared();
    meter.count("lock_shared, unlock_shared", [&] {
      m.lock_shared();
      m.unlock_shared();
    });
    meter.count("try_lock_shared_for, unlock_shared", [&] {
      if (m.try_lock_shared_for(1h)) m.unlock_shared();
    });
    meter.count("lock, unlock", [&] {
      m.lock();
      m.unlock();
    });
    meter.count("lock, unlock again", [&] {
      m.lock();
      m.unlock();
    });
  });
  ASSERT_EQ(readings.size(), 4u);
  EXPECT_EQ(readings[0].calls, 0);
  EXPECT_EQ(readings[1].calls, 0);
  EXPECT_EQ(readings[2].calls, 1);
  EXPECT_EQ(readings[2].first_call, SYS_membarrier);
  EXPECT_EQ(readings[3].calls, 0);
}

TEST_F(SyscallTest, UncontendedSeqlock) {
  expect_no_syscalls(measure_syscalls([](syscall_meter& meter) {
    syncxx::seqlock<long> lock;
    meter.count("load", [&] { static_cast<void>(lock.load()); });
    meter.count("store", [&] { lock.store(1); });
    meter.count("update", [&] { lock.update([](long& v) { ++v; }); });
  }));
}

// A thread's first use asks the kernel for its number, and for its list.
TEST_F(SyscallTest, UncontendedPiMutex) {
  syncxx::pi_mutex first;
  first.lock();
  first.unlock();
  // (measure_syscalls forks: the child asks anew.)
  expect_no_syscalls(measure_syscalls([](syscall_meter& meter) {
    syncxx::pi_mutex m;
    m.lock();
    m.unlock();
    meter.count("lock, unlock", [&] {
      m.lock();
      m.unlock();
    });
    meter.count("try_lock, unlock", [&] {
      if (m.try_lock()) m.unlock();
    });
    meter.count("try_lock_for, unlock", [&] {
      if (m.try_lock_for(1h)) m.unlock();
    });
    syncxx::pi_condition_variable c;
    meter.count("notify_one", [&] { c.notify_one(); });
    meter.count("notify_all", [&] { c.notify_all(); });
  }));
}
template <class M>
void expect_no_syscalls_of_robust() {
  expect_no_syscalls(measure_syscalls([](syscall_meter& meter) {
    M m;
    m.lock();
    m.unlock();
    meter.count("lock, unlock", [&] {
      m.lock();
      m.unlock();
    });
    meter.count("try_lock, unlock", [&] {
      if (m.try_lock()) m.unlock();
    });
  }));
}
TEST_F(SyscallTest, UncontendedRobustMutex) {
  expect_no_syscalls_of_robust<syncxx::robust_mutex>();
  expect_no_syscalls_of_robust<syncxx::robust_pi_mutex>();
}

TEST_F(SyscallTest, IdleNotify) {
  expect_no_syscalls(measure_syscalls([](syscall_meter& meter) {
    syncxx::condition_variable c;
    syncxx::condition_variable_any any;
    meter.count("notify_one", [&] { c.notify_one(); });
    meter.count("notify_all", [&] { c.notify_all(); });
    meter.count("any notify_one", [&] { any.notify_one(); });
    meter.count("any notify_all", [&] { any.notify_all(); });
    syncxx::event_count count;
    meter.count("count notify_one", [&] { count.notify_one(); });
    meter.count("count notify_all", [&] { count.notify_all(); });
    meter.count("prepare_wait, cancel_wait", [&] {
      static_cast<void>(count.prepare_wait());
      count.cancel_wait();
    });
    meter.count("await of what is true",
                [&] { count.await([] { return true; }); });
    meter.count("unpark_one", [&] { syncxx::parking_lot::unpark_one(&c); });
    meter.count("unpark_all", [&] { syncxx::parking_lot::unpark_all(&c); });
  }));
}

TEST_F(SyscallTest, IdleSemaphoreEventLatchBarrierOnce) {
  expect_no_syscalls(measure_syscalls([](syscall_meter& meter) {
    syncxx::counting_semaphore<> s(1);
    meter.count("acquire", [&] { s.acquire(); });
    meter.count("release", [&] { s.release(); });
    meter.count("release(5)", [&] { s.release(5); });
    meter.count("try_acquire", [&] { s.try_acquire(); });

    syncxx::event e;
    meter.count("event set", [&] { e.set(); });
    meter.count("event wait after set", [&] { e.wait(); });
    meter.count("event reset", [&] { e.reset(); });
    meter.count("event try_wait", [&] { e.try_wait(); });

    syncxx::auto_reset_event a;
    meter.count("auto set", [&] { a.set(); });
    meter.count("auto set again", [&] { a.set(); });
    meter.count("auto wait after set", [&] { a.wait(); });
    meter.count("auto reset", [&] { a.reset(); });

    syncxx::latch l(2);
    meter.count("count_down", [&] { l.count_down(); });
    meter.count("last count_down", [&] { l.count_down(); });
    meter.count("latch wait after it has opened", [&] { l.wait(); });

    syncxx::barrier<> b(2);
    auto t = b.arrive();
    meter.count("barrier arrive", [&] { t = b.arrive(); });
    meter.count("last arrive", [&] { static_cast<void>(b.arrive()); });
    meter.count("barrier wait after the phase", [&] { b.try_wait(t); });
    meter.count("barrier drop", [&] { b.arrive_and_drop(); });

    syncxx::once_flag o;
    meter.count("the call", [&] { syncxx::call_once(o, [] {}); });
    meter.count("call_once after it", [&] { syncxx::call_once(o, [] {}); });
  }));
}

class WaitableSyscallTest : public SyscallTest,
                            public testing::WithParamInterface<waitable_kind> {
};

// An expired deadline is known without asking the kernel, in every form.
class ExpiredDeadline : public WaitableSyscallTest {};
INSTANTIATE_TEST_SUITE_P(, ExpiredDeadline, testing::ValuesIn(waitables()),
                         waitable_name);

TEST_P(ExpiredDeadline, MakesNoSyscall) {
  expect_no_syscalls(measure_syscalls([](syscall_meter& meter) {
    const auto w = GetParam().make(false);
    const std::stop_source source;
    const std::stop_token stop = source.get_token();
    const auto past = past_forms(GetParam());
    const auto timed = timed_forms(GetParam());
    // The waitable was shut by another thread, as far as it has owners.
    background<bool> other([&] {
      for (const auto& form : past)
        meter.count(form.name.c_str(), [&] { form.run(*w, 0ns, stop); });
      for (const auto& form : timed) {
        // Coarse deadlines are rounded up, by less than 2 ms.
        meter.count(form.name.c_str(), [&] { form.run(*w, -2ms, stop); });
        meter.count(form.name.c_str(), [&] { form.run(*w, -1h, stop); });
      }
      // The thread is under the filter and cannot end like others.
      _exit(testing::Test::HasFailure() ? 1 : 0);
      return true;
    });
    other.result();
  }));
}

class StopRequested : public WaitableSyscallTest {};
INSTANTIATE_TEST_SUITE_P(, StopRequested,
                         testing::ValuesIn(stoppable_waitables()),
                         waitable_name);

TEST_P(StopRequested, BeforeMakesNoSyscall) {
  expect_no_syscalls(measure_syscalls([](syscall_meter& meter) {
    const auto w = GetParam().make(false);
    std::stop_source source;
    source.request_stop();
    const std::stop_token stop = source.get_token();
    const auto forms = stoppable_forms(GetParam());
    background<bool> other([&] {
      for (const auto& form : forms)
        meter.count(form.name.c_str(), [&] { form.run(*w, 1h, stop); });
      _exit(testing::Test::HasFailure() ? 1 : 0);
      return true;
    });
    other.result();
  }));
}

// As MutexForgetsItsCrowd.
TEST_F(SyscallTest, SharedMutexForgetsItsCrowd) {
  const auto readings = measure_syscalls([](syscall_meter& meter) {
    syncxx::shared_mutex m;
    m.lock();
    std::vector<std::unique_ptr<background<bool>>> crowd;
    for (int i = 0; i < 6; ++i) {
      crowd.push_back(std::make_unique<background<bool>>([&m, i] {
        if (i == 4) return m.try_lock_shared_for(2ms);  // they give up
        if (i == 5) return m.try_lock_for(2ms);
        if (i % 2 == 0) {
          m.lock_shared();
          m.unlock_shared();
        } else {
          m.lock();
          m.unlock();
        }
        return true;
      }));
    }
    for (auto& one : crowd) one->await_sleep();
    EXPECT_FALSE(crowd[4]->result());
    EXPECT_FALSE(crowd[5]->result());
    m.unlock();
    crowd.clear();
    for (const char* pair : {"first pair", "second pair", "third pair"}) {
      meter.count(pair, [&] {
        m.lock();
        m.unlock();
        m.lock_shared();
        m.unlock_shared();
      });
    }
  });
  ASSERT_EQ(readings.size(), 3u);
  EXPECT_LE(readings[0].calls, 1);
  EXPECT_EQ(readings[1].calls, 0);
  EXPECT_EQ(readings[2].calls, 0);
}

// What a crowd leaves behind costs at most one wake, then nothing.
TEST_F(SyscallTest, MutexForgetsItsCrowd) {
  const auto readings = measure_syscalls([](syscall_meter& meter) {
    syncxx::mutex m;
    m.lock();
    std::vector<std::unique_ptr<background<bool>>> crowd;
    for (int i = 0; i < 4; ++i) {
      crowd.push_back(std::make_unique<background<bool>>([&m, i] {
        if (i == 3) return m.try_lock_for(2ms);  // gives up
        m.lock();
        m.unlock();
        return true;
      }));
    }
    for (auto& one : crowd) one->await_sleep();
    EXPECT_FALSE(crowd.back()->result());
    m.unlock();
    crowd.clear();
    meter.count("first pair", [&] {
      m.lock();
      m.unlock();
    });
    meter.count("second pair", [&] {
      m.lock();
      m.unlock();
    });
    meter.count("third pair", [&] {
      m.lock();
      m.unlock();
    });
  });
  ASSERT_EQ(readings.size(), 3u);
  EXPECT_LE(readings[0].calls, 1);
  EXPECT_EQ(readings[1].calls, 0);
  EXPECT_EQ(readings[2].calls, 0);
}

TEST_F(SyscallTest, MutexForgetsWaitersThatGaveUp) {
  const auto readings = measure_syscalls([](syscall_meter& meter) {
    syncxx::mutex m;
    m.lock();
    EXPECT_FALSE(
        background<bool>([&m] { return m.try_lock_for(2ms); }).result());
    meter.count("unlock after a timeout", [&] { m.unlock(); });
    meter.count("next pair", [&] {
      m.lock();
      m.unlock();
    });
  });
  ASSERT_EQ(readings.size(), 2u);
  EXPECT_LE(readings[0].calls, 1);
  EXPECT_EQ(readings[1].calls, 0);
}

template <class Condition>
void expect_quiet_after_crowd(bool broadcast) {
  expect_no_syscalls(measure_syscalls([broadcast](syscall_meter& meter) {
    syncxx::mutex m;
    Condition c;
    std::stop_source source;
    std::vector<std::unique_ptr<background<bool>>> crowd;
    for (int i = 0; i < 5; ++i) {
      crowd.push_back(std::make_unique<background<bool>>([&, i] {
        std::unique_lock lock(m);
        if (i == 0)
          c.wait_for(lock, 2ms);
        else if (i == 1)
          c.wait(lock, source.get_token());
        else
          c.wait(lock);
        return true;
      }));
      if (i > 0) crowd.back()->await_sleep();
    }
    crowd.front()->result();
    source.request_stop();
    crowd[1]->result();
    if (broadcast)
      c.notify_all();
    else
      for (int i = 0; i < 3; ++i) c.notify_one();
    crowd.clear();
    meter.count("notify_one", [&] { c.notify_one(); });
    meter.count("notify_all", [&] { c.notify_all(); });
    meter.count("notify_one again", [&] { c.notify_one(); });
  }));
}

TEST_F(SyscallTest, ConditionVariableForgetsItsCrowd) {
  expect_quiet_after_crowd<syncxx::condition_variable>(true);
  expect_quiet_after_crowd<syncxx::condition_variable>(false);
}
TEST_F(SyscallTest, ConditionVariableAnyForgetsItsCrowd) {
  expect_quiet_after_crowd<syncxx::condition_variable_any>(true);
  expect_quiet_after_crowd<syncxx::condition_variable_any>(false);
}

// Waiters came, one gave up, the others were served; then nobody is asleep.
class AfterTheCrowd : public WaitableSyscallTest {};
INSTANTIATE_TEST_SUITE_P(, AfterTheCrowd,
                         testing::Values(waitable_named("counting_semaphore"),
                                         waitable_named("event"),
                                         waitable_named("auto_reset_event")),
                         waitable_name);

TEST_P(AfterTheCrowd, OpenMakesAtMostOneMoreSyscall) {
  const auto readings = measure_syscalls([](syscall_meter& meter) {
    const auto w = GetParam().make(false);
    background<bool> hasty([&] { return w->wait_for(2ms, nullptr); });
    std::vector<std::unique_ptr<background<bool>>> crowd;
    for (int i = 0; i < 3; ++i) {
      crowd.push_back(std::make_unique<background<bool>>([&] {
        w->wait(nullptr);
        w->give_back();
        return true;
      }));
      crowd.back()->await_sleep();
    }
    EXPECT_FALSE(hasty.result());
    w->open();
    crowd.clear();
    meter.count("first", [&] {
      if (w->try_wait()) w->give_back();
    });
    meter.count("second", [&] {
      if (w->try_wait()) w->give_back();
    });
    meter.count("third", [&] {
      if (w->try_wait()) w->give_back();
    });
  });
  ASSERT_EQ(readings.size(), 3u);
  EXPECT_LE(readings[0].calls, 1);
  EXPECT_EQ(readings[1].calls, 0);
  EXPECT_EQ(readings[2].calls, 0);
}

// A sleeper that leaves asks the kernel whether another sleeps. That one may be
// gone, by itself, before the answer has come: here the first answer is made up
// and says that there is one, as it would to a thread that was interrupted just
// then.
std::atomic<int> questions{0};

TEST_F(SyscallTest, SemaphoreForgetsSleepersThatLeaveTogether) {
  const auto readings = measure_syscalls([](syscall_meter& meter) {
    syncxx::counting_semaphore<> s(0);
    struct sigaction action = {};
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    action.sa_sigaction = [](int, siginfo_t*, void* context) {
      set_syscall_result(context, questions.fetch_add(1) == 0 ? 1 : 0);
    };
    sigaction(SIGSYS, &action, nullptr);
    ASSERT_TRUE(trap_futex_operation(FUTEX_REQUEUE_PRIVATE));
    // (On a busy machine the time may be over before it has slept.)
    for (int i = 0; i < 100 && questions.load() == 0; ++i)
      EXPECT_FALSE(s.try_acquire_for(1ms));
    EXPECT_GE(questions.load(), 1) << "the question is another one by now";
    meter.count("release", [&] { s.release(); });
    meter.count("release(5)", [&] { s.release(5); });
    meter.count("acquire", [&] { s.acquire(); });
  });
  expect_no_syscalls(readings);
}

}  // namespace
}  // namespace syncxx_test
