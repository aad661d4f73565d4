// SPDX-License-Identifier: Apache-2.0
//
// lock_manager used wrongly: what is said, and that nothing has changed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sync/lock_manager.h>

#include <memory>
#include <system_error>
#include <thread>

#include "tests/support/environment.h"
#include "tests/support/threads.h"
#include "tests/support/transactions.h"

namespace syncxx_test {
namespace {

using manager = syncxx::lock_manager<int>;
using transaction = manager::transaction;
using testing::HasSubstr;

template <class F>
void expect_error(std::errc code, const char* words, F f) {
  try {
    f();
    ADD_FAILURE() << "nothing was thrown; expected: " << words;
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(words));
  }
}

TEST(LockMisuseTest, UseAfterTheEndIsAnError) {
  manager m;
  transaction t(m, {.name = "t"});
  t.commit();
  constexpr auto kCode = std::errc::operation_not_permitted;
  expect_error(kCode,
               "lock of transaction #1 't', which has been committed: begin "
               "another",
               [&] { t.lock(1); });
  expect_error(kCode, "lock", [&] { t.try_lock(1); });
  expect_error(kCode, "commit", [&] { t.commit(); });
  expect_error(kCode, "rollback", [&] { t.rollback(); });
  expect_error(kCode, "on_rollback", [&] { t.on_rollback([] {}); });
  expect_error(kCode, "rollback() comes first", [&] { t.restart(); });
  transaction back(m);
  expect_error(kCode, "rollback() comes first", [&] { back.restart(); });
  back.rollback();
  expect_error(kCode, "rolled back: restart() it", [&] { back.lock(1); });
  expect_error(kCode, "rolled back", [&] { back.commit(); });
  back.restart();
  back.lock(1);
}

TEST(LockMisuseTest, ASecondThreadIsAnErrorWhileOneWaits) {
  manager m;
  transaction holder(m), t(m);
  holder.lock(1);
  auto waits = run_in_background([&] { t.lock(1); });
  await_waiting(m, t);
  constexpr auto kCode = std::errc::device_or_resource_busy;
  expect_error(kCode, "another thread waits", [&] { t.lock(2); });
  expect_error(kCode, "another thread waits", [&] { t.try_lock(2); });
  expect_error(kCode, "another thread waits", [&] { t.commit(); });
  expect_error(kCode, "another thread waits", [&] { t.rollback(); });
  expect_error(kCode, "another thread waits", [&] { t.on_rollback([] {}); });
  holder.commit();
  waits.result();
  EXPECT_EQ(t.locks_held(), 1u);
}

TEST(LockMisuseDeathTest, WhatCannotThrowEndsTheProgram) {
  if (under_qemu()) GTEST_SKIP() << "qemu-user does not start this death test";
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        auto m = std::make_unique<manager>();
        transaction t(*m, {.name = "late"});
        m.reset();
      },
      "destruction of a lock_manager of which 1 transactions are alive .the "
      "oldest is #1 'late'.: destroy them first");
  EXPECT_DEATH(
      {
        manager m;
        transaction holder(m);
        holder.lock(1);
        auto t = std::make_unique<transaction>(m);
        std::thread waits([&] { t->lock(1); });
        await_waiting(m, *t);
        t.reset();
      },
      "in which another thread waits for a lock");
}

}  // namespace
}  // namespace syncxx_test
