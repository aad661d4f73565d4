// SPDX-License-Identifier: Apache-2.0
//
// What the hooked library does about misuse of a shared_mutex: each of its
// ownerships given back by who does not have it, and asked for by who waits for
// itself.
#include <gtest/gtest.h>
#include <sync/misuse.h>
#include <sync/shared_mutex.h>

#include <chrono>
#include <stop_token>
#include <system_error>

#include "tests/support/misuse_mode.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"
#include "tests/support/waiter.h"

namespace syncxx_test {
namespace {

#if !(defined(SYNCXX_HOOKS) && SYNCXX_HOOKS)

TEST(MisuseSharedMutexTest, IsTestedInTheHookedBuild) {
  GTEST_SKIP() << "the plain library has no misuse checks";
}

#else

using namespace std::chrono_literals;
using syncxx::misuse_action;

// Nothing has changed afterwards. (The same places each time: what has been
// reported once is quick to report again.)
TEST(MisuseSharedMutexTest, SharedMutexUnlockedByWhoDoesNotHoldIt) {
  const auto code = std::errc::operation_not_permitted;
  syncxx::shared_mutex m;
  enum class held { nothing, exclusively, upgrade, shared };
  const auto expect_not_held = [&](held mine) {
    if (mine != held::exclusively) {
      expect_system_error(code, [&] { m.unlock(); });
      expect_system_error(code, [&] { m.unlock_and_lock_shared(); });
    }
    if (mine != held::upgrade) {
      expect_system_error(code, [&] { m.unlock_upgrade(); });
      expect_system_error(code, [&] { m.unlock_upgrade_and_lock(); });
    }
    if (mine != held::shared)
      expect_system_error(code, [&] { m.unlock_shared(); });
  };
  for (const held mine :
       {held::nothing, held::exclusively, held::upgrade, held::shared}) {
    on_another_thread([&] {
      if (mine == held::exclusively) m.lock();
      if (mine == held::upgrade) m.lock_upgrade();
      if (mine == held::shared) m.lock_shared();
      expect_not_held(mine);
      on_another_thread([&] { expect_not_held(held::nothing); });
      if (mine == held::exclusively) m.unlock();
      if (mine == held::upgrade) m.unlock_upgrade();
      if (mine == held::shared) m.unlock_shared();
    });
  }
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

TEST(MisuseSharedMutexTest, SharedMutexLockedTwice) {
  const auto code = std::errc::resource_deadlock_would_occur;
  const std::stop_source source;
  syncxx::shared_mutex m;
  m.lock();
  expect_system_error(code, [&] { m.lock(); });
  expect_system_error(code, [&] { m.lock_shared(); });
  expect_system_error(code, [&] { m.lock_upgrade(source.get_token()); });
  expect_system_error(code, [&] { m.try_lock_shared_for(1h); });
  EXPECT_FALSE(m.try_lock_shared()) << "an answer, not a misuse";
  m.unlock_and_lock_upgrade();
  expect_system_error(code, [&] { m.lock(); });
  expect_system_error(code, [&] { m.try_lock_upgrade_for(1h); });
  m.lock_shared();  // nobody waits for anything
  m.unlock_shared();
  m.unlock_upgrade_and_lock_shared();
  expect_system_error(code, [&] { m.lock(); });
  m.unlock_shared();
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

// Whose share it is that a thread gives back is not known unless all are.
TEST(MisuseSharedMutexTest, SharesTakenUnseenAreNobodysMisuse) {
  syncxx::shared_mutex m;
  {
    const misuse_mode off(misuse_action::off);
    m.lock_shared();
  }
  const misuse_mode mode(misuse_action::throw_exception);
  on_another_thread([&] {
    m.lock_shared();
    on_another_thread([&] { m.unlock_shared(); });  // the first one, perhaps
    m.unlock_shared();
  });
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

#endif

}  // namespace
}  // namespace syncxx_test
