// SPDX-License-Identifier: Apache-2.0
//
// What the hooked library does about misuse: each kind of misuse under each
// action, by name of both places.
#include <gtest/gtest.h>
#include <sync/byte_mutex.h>
#include <sync/condition_variable.h>
#include <sync/event.h>
#include <sync/latch.h>
#include <sync/misuse.h>
#include <sync/mutex.h>
#include <sync/queue_lock.h>
#include <sync/recursive_mutex.h>
#include <sync/semaphore.h>
#include <sync/shared_mutex.h>
#include <sync/spinlock.h>
#include <sync/ticket_lock.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>

#include "tests/support/misuse_child.h"
#include "tests/support/misuse_mode.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

using syncxx::misuse_action;

#if !(defined(SYNCXX_HOOKS) && SYNCXX_HOOKS)

TEST(MisuseActionTest, PlainLibraryDoesNotLook) {
  syncxx::set_misuse_action(misuse_action::abort);
  EXPECT_EQ(syncxx::get_misuse_action(), misuse_action::off);
}

TEST(MisuseActionTest, IsTestedInTheHookedBuild) {
  GTEST_SKIP() << "the plain library has no misuse checks";
}

#else

// The two places of each report, by name.
#define PLACE [[gnu::noinline]]
template <class T>
PLACE void earlier_place(T operation) {
  operation();
  __asm__ __volatile__("");  // no tail call: this frame must be there
}
template <class T>
PLACE void later_place(T operation) {
  operation();
  __asm__ __volatile__("");
}
template <class T>
void on_another_thread(T operation) {
  std::thread(operation).join();
}
// The thread goes on holding what it has taken.
template <class T>
void on_a_lasting_thread(T operation) {
  syncxx::event done;
  std::thread([&] {
    operation();
    done.set();
    for (;;) ::pause();
  }).detach();
  done.wait();
}

// A report of `what` that names both places; just `what` where no tool can
// find names for code.
std::string report_of(const std::string& what, const char* here,
                      const char* there) {
  const std::string headline = "syncxx: misuse: " + what;
  if (!has_lines()) return headline;
  return headline + "(.|\n)*here(.|\n)*" + here + "(.|\n)*" + there;
}

class MisuseActionDeathTest : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST(MisuseActionTest, AbortIsTheDefault) {
  if (std::getenv("SYNCXX_DEADLOCK") != nullptr)
    GTEST_SKIP() << "SYNCXX_DEADLOCK is set";
  EXPECT_EQ(syncxx::get_misuse_action(), misuse_action::abort);
}

TEST(MisuseActionTest, ActionCanBeSet) {
  for (const misuse_action action :
       {misuse_action::off, misuse_action::report,
        misuse_action::throw_exception, misuse_action::abort}) {
    const misuse_mode mode(action);
    EXPECT_EQ(syncxx::get_misuse_action(), action);
  }
}

// --- Default: print both places and abort ------------------------------------

TEST_F(MisuseActionDeathTest, StrangersUnlock) {
  syncxx::mutex m;
  EXPECT_DEATH(
      {
        earlier_place([&] { m.lock(); });
        on_another_thread([&] { later_place([&] { m.unlock(); }); });
      },
      report_of("unlock of a mutex by a thread that does not hold it",
                "later_place", "earlier_place"));
  syncxx::spinlock s;
  EXPECT_DEATH(
      {
        earlier_place([&] { s.lock(); });
        on_another_thread([&] { later_place([&] { s.unlock(); }); });
      },
      report_of("unlock of a spinlock by a thread that does not hold it",
                "later_place", "earlier_place"));
  syncxx::recursive_mutex r;
  EXPECT_DEATH(
      {
        earlier_place([&] { r.lock(); });
        on_another_thread([&] { later_place([&] { r.unlock(); }); });
      },
      report_of("unlock of a recursive_mutex by a thread that does not hold it",
                "later_place", "earlier_place"));
}

TEST_F(MisuseActionDeathTest, UnlockOfAFreeLock) {
  syncxx::mutex m;
  EXPECT_DEATH(m.unlock(), "unlock of a mutex that nobody holds");
  syncxx::spinlock s;
  EXPECT_DEATH(s.unlock(), "unlock of a spinlock that nobody holds");
  syncxx::byte_mutex b;
  EXPECT_DEATH(b.unlock(), "unlock of a byte_mutex that nobody holds");
  syncxx::ticket_lock t;
  EXPECT_DEATH(t.unlock(), "unlock of a ticket_lock that nobody holds");
  syncxx::queue_lock q;
  EXPECT_DEATH(q.unlock(), "unlock of a queue_lock that nobody holds");
}

TEST_F(MisuseActionDeathTest, SecondLock) {
  syncxx::mutex m;
  EXPECT_DEATH(
      {
        earlier_place([&] { m.lock(); });
        later_place([&] { m.lock(); });
      },
      report_of("lock\\(\\) of a mutex that this thread already holds",
                "later_place", "earlier_place"));
  syncxx::spinlock s;
  EXPECT_DEATH(
      {
        earlier_place([&] { s.lock(); });
        later_place([&] { s.lock(); });
      },
      report_of("lock\\(\\) of a spinlock that this thread already holds",
                "later_place", "earlier_place"));
  syncxx::byte_mutex b;
  EXPECT_DEATH(
      {
        earlier_place([&] { b.lock(); });
        later_place([&] { b.lock(); });
      },
      report_of("lock\\(\\) of a byte_mutex that this thread already holds",
                "later_place", "earlier_place"));
}

template <class M>
void destroy_while_held() {
  alignas(M) unsigned char memory[sizeof(M)];
  M* const m = new (memory) M;
  earlier_place([m] { m->lock(); });
  later_place([m] { m->~M(); });
}

TEST_F(MisuseActionDeathTest, DestructionWhileHeld) {
  const auto report = [](const char* type) {
    return report_of(std::string("destruction of a ") + type + " that is held",
                     "later_place", "earlier_place");
  };
  EXPECT_DEATH(destroy_while_held<syncxx::mutex>(), report("mutex"));
  EXPECT_DEATH(destroy_while_held<syncxx::spinlock>(), report("spinlock"));
  EXPECT_DEATH(destroy_while_held<syncxx::byte_mutex>(), report("byte_mutex"));
  EXPECT_DEATH(destroy_while_held<syncxx::ticket_lock>(),
               report("ticket_lock"));
  EXPECT_DEATH(destroy_while_held<syncxx::queue_lock>(), report("queue_lock"));
  EXPECT_DEATH(destroy_while_held<syncxx::recursive_mutex>(),
               report("recursive_mutex"));
  EXPECT_DEATH(
      {
        syncxx::set_misuse_action(misuse_action::throw_exception);
        destroy_while_held<syncxx::mutex>();  // a destructor cannot throw
      },
      "destruction of a mutex that is held");
}

// The three ways to own a shared_mutex.
TEST_F(MisuseActionDeathTest, SharedMutex) {
  syncxx::shared_mutex m;
  EXPECT_DEATH(
      {
        earlier_place([&] { m.lock(); });
        on_another_thread([&] { later_place([&] { m.unlock(); }); });
      },
      report_of("unlock of a shared_mutex by a thread that does not hold it",
                "later_place", "earlier_place"));
  EXPECT_DEATH(
      {
        earlier_place([&] { m.lock_shared(); });
        on_another_thread([&] { later_place([&] { m.unlock_shared(); }); });
      },
      report_of("unlock_shared of a shared_mutex by a thread that does not "
                "share it",
                "later_place", "earlier_place"));
  EXPECT_DEATH(
      {
        earlier_place([&] { m.lock_upgrade(); });
        on_another_thread(
            [&] { later_place([&] { m.unlock_upgrade_and_lock(); }); });
      },
      report_of("unlock_upgrade of a shared_mutex by a thread that does not "
                "hold it",
                "later_place", "earlier_place"));
  EXPECT_DEATH(
      {
        earlier_place([&] { m.lock_shared(); });
        later_place([&] { m.lock(); });
      },
      report_of("lock\\(\\) of a shared_mutex that this thread already holds",
                "later_place", "earlier_place"));
  EXPECT_DEATH(
      {
        auto* const held = new syncxx::shared_mutex;
        on_a_lasting_thread(
            [&] { earlier_place([&] { held->lock_shared(); }); });
        later_place([&] { delete held; });
      },
      report_of("destruction of a shared_mutex that is held", "later_place",
                "earlier_place"));
}

TEST_F(MisuseActionDeathTest, DestructionWhileAnotherHolds) {
  EXPECT_DEATH(
      {
        auto m = std::make_unique<syncxx::mutex>();
        on_a_lasting_thread([&] { earlier_place([&] { m->lock(); }); });
        later_place([&] { m.reset(); });
      },
      report_of("destruction of a mutex that is held", "later_place",
                "earlier_place"));
}

TEST_F(MisuseActionDeathTest, SemaphorePastItsMax) {
  EXPECT_DEATH(
      {
        syncxx::binary_semaphore s(0);
        earlier_place([&] { s.release(); });
        later_place([&] { s.release(); });
      },
      report_of("release of a semaphore past its max\\(\\)", "later_place",
                "earlier_place"));
}

TEST_F(MisuseActionDeathTest, LatchBelowZero) {
  EXPECT_DEATH(
      {
        syncxx::latch l(1);
        earlier_place([&] { l.count_down(); });
        later_place([&] { l.count_down(); });
      },
      report_of("a latch counted down", "later_place", "earlier_place"));
}

TEST_F(MisuseActionDeathTest, LatchBelowZeroByArriving) {
  EXPECT_DEATH(
      {
        syncxx::latch l(2);
        earlier_place([&] { l.count_down(); });
        later_place([&] { l.arrive_and_wait(2); });
      },
      report_of("a latch counted down", "later_place", "earlier_place"));
}

// Nothing conflicts with these: there is one place.
TEST_F(MisuseActionDeathTest, WaitWithoutTheLock) {
  EXPECT_DEATH(
      {
        syncxx::mutex m;
        syncxx::condition_variable c;
        std::unique_lock lock(m, std::defer_lock);
        later_place([&] { c.wait(lock); });
      },
      report_of("wait with a lock that does not own its mutex", "later_place",
                "lock the mutex first"));
  EXPECT_DEATH(
      {
        syncxx::mutex m;
        syncxx::condition_variable_any c;
        later_place([&] { c.wait(m); });
      },
      report_of("unlock of a mutex that nobody holds", "later_place", ""));
}

TEST_F(MisuseActionDeathTest, NegativeCounts) {
  EXPECT_DEATH(
      {
        syncxx::counting_semaphore<> s(0);
        later_place([&] { s.release(-1); });
      },
      report_of("release of a negative number of tokens", "later_place", ""));
  EXPECT_DEATH(
      {
        syncxx::latch l(1);
        later_place([&] { l.count_down(-1); });
      },
      report_of("a latch counted down", "later_place", ""));
}

// The guard believes that it owns the lock; another thread does.
TEST_F(MisuseActionDeathTest, WaitWithALockThatAnotherHolds) {
  EXPECT_DEATH(
      {
        syncxx::mutex m;
        syncxx::condition_variable c;
        earlier_place([&] { m.lock(); });
        on_another_thread([&] {
          std::unique_lock lock(m, std::adopt_lock);
          later_place([&] { c.wait(lock); });
        });
      },
      report_of("unlock of a mutex by a thread that does not hold it",
                "later_place", "earlier_place"));
}

TEST_F(MisuseActionDeathTest, OwnerEnds) {
  EXPECT_DEATH(
      {
        syncxx::mutex m;
        on_another_thread([&] { earlier_place([&] { m.lock(); }); });
      },
      report_of("a thread has ended that holds a lock", "", "earlier_place"));
}

// The stranger may have all that the owner had: stack, thread id, address.
TEST_F(MisuseActionDeathTest, OwnerHasEnded) {
  EXPECT_DEATH(
      {
        syncxx::mutex m;
        syncxx::set_misuse_action(misuse_action::report);
        on_another_thread([&] { earlier_place([&] { m.lock(); }); });
        syncxx::set_misuse_action(misuse_action::abort);
        on_another_thread([&] { later_place([&] { m.unlock(); }); });
        // Whoever has ended is not known any more.
        std::abort();
      },
      report_of("a thread has ended that holds a lock", "", "earlier_place"));
}

// --- Throwing: the code says what, and nothing has changed -------------------

bool is_free(syncxx::mutex& m) {
  bool locked = false;
  on_another_thread([&] {
    locked = m.try_lock();
    if (locked) m.unlock();
  });
  return locked;
}

TEST(MisuseActionThrowTest, StrangersUnlockLeavesItLocked) {
  syncxx::mutex m;
  m.lock();
  on_another_thread([&] {
    expect_system_error(std::errc::operation_not_permitted,
                        [&] { m.unlock(); });
  });
  EXPECT_FALSE(is_free(m));
  m.unlock();
  EXPECT_TRUE(is_free(m));
  expect_system_error(std::errc::operation_not_permitted, [&] { m.unlock(); });
  EXPECT_TRUE(is_free(m));
}

TEST(MisuseActionThrowTest, SecondLockOfEveryForm) {
  const auto code = std::errc::resource_deadlock_would_occur;
  const std::stop_source source;
  const std::stop_token stop = source.get_token();
  syncxx::mutex m;
  m.lock();
  expect_system_error(code, [&] { m.lock(); });
  expect_system_error(code, [&] { m.lock(stop); });
  expect_system_error(code, [&] { m.try_lock_for(1h); });
  expect_system_error(code, [&] { m.try_lock_for(1h, stop); });
  expect_system_error(
      code, [&] { m.try_lock_until(std::chrono::steady_clock::now() + 1h); });
  EXPECT_FALSE(m.try_lock()) << "an answer, not a misuse";
  m.unlock();
  EXPECT_TRUE(is_free(m));

  syncxx::spinlock s;
  s.lock();
  expect_system_error(code, [&] { s.lock(); });
  expect_system_error(code, [&] { s.try_lock_for(1h); });
  s.unlock();
}

// Each kind, on a thread that goes on afterwards with the object unharmed.
TEST(MisuseActionThrowTest, CodeOfEachKind) {
  syncxx::recursive_mutex r;
  r.lock();
  r.lock();
  on_another_thread([&] {
    expect_system_error(std::errc::operation_not_permitted,
                        [&] { r.unlock(); });
    EXPECT_FALSE(r.try_lock());
  });
  r.unlock();
  r.unlock();
  expect_system_error(std::errc::operation_not_permitted, [&] { r.unlock(); });

  syncxx::spinlock spin;
  expect_system_error(std::errc::operation_not_permitted,
                      [&] { spin.unlock(); });
  syncxx::byte_mutex byte;
  expect_system_error(std::errc::operation_not_permitted,
                      [&] { byte.unlock(); });

  syncxx::binary_semaphore s(1);
  expect_system_error(std::errc::value_too_large, [&] { s.release(); });
  expect_system_error(std::errc::invalid_argument, [&] { s.release(-1); });
  EXPECT_TRUE(s.try_acquire());
  EXPECT_FALSE(s.try_acquire());

  syncxx::latch l(1);
  expect_system_error(std::errc::invalid_argument, [&] { l.count_down(2); });
  EXPECT_FALSE(l.try_wait());
  l.count_down();
  expect_system_error(std::errc::invalid_argument, [&] { l.count_down(); });
  EXPECT_TRUE(l.try_wait());

  syncxx::mutex m;
  syncxx::condition_variable c;
  std::unique_lock lock(m, std::defer_lock);
  expect_system_error(std::errc::operation_not_permitted,
                      [&] { c.wait(lock); });
  expect_system_error(std::errc::operation_not_permitted,
                      [&] { c.wait_for(lock, 1h); });
}

TEST(MisuseActionThrowTest, GuardsDoNotUnlockWhatTheyDidNotLock) {
  syncxx::mutex m;
  std::lock_guard outer(m);
  expect_system_error(std::errc::resource_deadlock_would_occur,
                      [&] { std::lock_guard inner(m); });
  EXPECT_FALSE(is_free(m));
}

// --- Report, off, and the environment ----------------------------------------

template <class F>
std::string stderr_of(F operation) {
  testing::internal::CaptureStderr();
  operation();
  return testing::internal::GetCapturedStderr();
}

TEST(MisuseActionReportTest, PrintsAndGoesOn) {
  const misuse_mode mode(misuse_action::report);
  syncxx::mutex m;
  m.lock();
  const std::string said =
      stderr_of([&] { on_another_thread([&] { m.unlock(); }); });
  EXPECT_NE(said.find("syncxx: misuse: unlock of a mutex by a thread that does "
                      "not hold it"),
            std::string::npos)
      << said;
  EXPECT_TRUE(is_free(m)) << "the plain library would have unlocked it";

  syncxx::binary_semaphore s(1);
  const std::string then = stderr_of([&] {
    EXPECT_THROW(s.release(), std::system_error);  // as in the plain library
  });
  EXPECT_NE(then.find("past its max()"), std::string::npos) << then;
}

TEST(MisuseActionReportTest, OffIsSilent) {
  const misuse_mode mode(misuse_action::off);
  syncxx::mutex m;
  const std::string said = stderr_of([&] {
    m.lock();
    on_another_thread([&] { m.unlock(); });
    syncxx::latch l(0);
    EXPECT_THROW(l.count_down(), std::system_error);
  });
  EXPECT_EQ(said, "");
  EXPECT_TRUE(is_free(m));
}

class MisuseActionEnvironmentDeathTest : public MisuseActionDeathTest {
 protected:
  void TearDown() override { unsetenv("SYNCXX_DEADLOCK"); }

  // In a new process that starts with this value: what is the action?
  void expect_action(const char* value, misuse_action action) {
    setenv("SYNCXX_DEADLOCK", value, 1);
    EXPECT_EXIT(std::_Exit(10 + static_cast<int>(syncxx::get_misuse_action())),
                testing::ExitedWithCode(10 + static_cast<int>(action)), "")
        << value;
  }
};

TEST_F(MisuseActionEnvironmentDeathTest, ChoosesTheAction) {
  expect_action("off", misuse_action::off);
  expect_action("report", misuse_action::report);
  expect_action("throw", misuse_action::throw_exception);
  expect_action("abort", misuse_action::abort);
  expect_action("", misuse_action::abort);
}

TEST_F(MisuseActionEnvironmentDeathTest, UnknownValueIsSaidAndTakenAsAbort) {
  setenv("SYNCXX_DEADLOCK", "loudly", 1);
  EXPECT_EXIT(
      std::_Exit(10 + static_cast<int>(syncxx::get_misuse_action())),
      testing::ExitedWithCode(10 + static_cast<int>(misuse_action::abort)),
      "SYNCXX_DEADLOCK.*loudly");
}

TEST_F(MisuseActionEnvironmentDeathTest, ThrowsFromTheStart) {
  setenv("SYNCXX_DEADLOCK", "throw", 1);
  EXPECT_EXIT(
      {
        syncxx::mutex m;
        m.lock();
        try {
          m.lock();
        } catch (const std::system_error& error) {
          std::_Exit(error.code().value());
        }
      },
      testing::ExitedWithCode(EDEADLK), "already holds");
}

#endif

}  // namespace
}  // namespace syncxx_test
