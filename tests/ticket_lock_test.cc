// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/misuse.h>
#include <sync/ticket_lock.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <type_traits>

#include "tests/support/fair_lock_suite.h"
#include "tests/support/misuse_mode.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"
#include "tests/support/zeroed_memory.h"

namespace syncxx_test {
namespace {

using syncxx::ticket_lock;

static_assert(sizeof(ticket_lock) == 4);
static_assert(alignof(ticket_lock) == 4);
static_assert(std::is_standard_layout_v<ticket_lock>);
static_assert(std::is_trivially_destructible_v<ticket_lock> == !kHooked);

INSTANTIATE_TYPED_TEST_SUITE_P(TicketLock, FairLockSuite, ticket_lock);

constinit ticket_lock global;

TEST(TicketLockTest, GlobalIsReadyBeforeMain) {
  std::lock_guard lock(global);
  EXPECT_FALSE(try_from_another_thread(global));
}

TEST(TicketLockTest, WorksInZeroedMemory) {
  const auto l = make_zeroed<ticket_lock>();
  l->lock();
  EXPECT_FALSE(try_from_another_thread(*l));
  l->unlock();
  EXPECT_TRUE(try_from_another_thread(*l));
}

// --- The two counters --------------------------------------------------------

struct tickets {
  std::uint16_t next;
  std::uint16_t serving;
  friend bool operator==(const tickets&, const tickets&) = default;
};

tickets tickets_of(const ticket_lock& lock) {
  tickets t{};
  std::memcpy(&t, static_cast<const void*>(&lock), sizeof t);
  return t;
}
void preset(ticket_lock& lock, tickets t) {
  std::memcpy(static_cast<void*>(&lock), &t, sizeof t);
}

TEST(TicketLockTest, GoesRoundTheCircleOfTickets) {
  ticket_lock lock;
  preset(lock, {0xfffe, 0xfffe});
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(try_from_another_thread(lock));
    lock.lock();
    EXPECT_FALSE(try_from_another_thread(lock));
    lock.unlock();
  }
  EXPECT_EQ(tickets_of(lock), (tickets{6, 6}));
}

TEST(TicketLockTest, ThreadsWaitAcrossTheEndOfTheCircle) {
  for (int i = 0; i < iterations(50); ++i) {
    ticket_lock lock;
    preset(lock, {0xfffd, 0xfffd});
    expect_exclusion(lock, 6, 3);
    EXPECT_EQ(tickets_of(lock), (tickets{15, 15}));
  }
}

// As if 32767 threads were in line.
TEST(TicketLockTest, ALineThatIsTooLongIsAnError) {
  const misuse_mode mode(syncxx::misuse_action::throw_exception);
  ticket_lock lock;
  for (const unsigned first : {0u, 40000u}) {
    const tickets full{static_cast<std::uint16_t>(first + 0x7fff),
                       static_cast<std::uint16_t>(first)};
    preset(lock, full);
    try {
      lock.lock();
      ADD_FAILURE() << "there was a place in a full line";
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.code(), std::errc::resource_unavailable_try_again);
    }
    EXPECT_EQ(tickets_of(lock), full) << "the ticket was given back";
    EXPECT_FALSE(lock.try_lock());
  }
  // All of them go; the lock is as good as new.
  const tickets now = tickets_of(lock);
  preset(lock, {now.next, now.next});
  lock.lock();
  EXPECT_FALSE(try_from_another_thread(lock));
  lock.unlock();
  EXPECT_TRUE(try_from_another_thread(lock));
}

TEST(TicketLockTest, TheLastPlaceInLineIsOne) {
  ticket_lock lock;
  preset(lock, {0x7ffe, 0});  // one place is left
  background<bool> last([&] {
    lock.lock();
    lock.unlock();
    return true;
  });
  auto* const halves = reinterpret_cast<std::uint16_t*>(&lock);
  await([&] { return std::atomic_ref(halves[0]).load() == 0x7fff; });
  EXPECT_FALSE(last.finished());
  // The owners before it, as far as the lock knows.
  for (std::uint16_t i = 1; i <= 0x7ffe; ++i)
    std::atomic_ref(halves[1]).store(i, std::memory_order_release);
  EXPECT_TRUE(last.result());
  EXPECT_TRUE(try_from_another_thread(lock));
}

}  // namespace
}  // namespace syncxx_test
