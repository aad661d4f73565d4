// SPDX-License-Identifier: Apache-2.0
//
// The umbrella: one include brings every public name.
#include <sync/sync.h>
// The umbrella comes first, so that it cannot lean on what others include.
#include <gtest/gtest.h>
#include <semaphore.h>
#include <unistd.h>

#include <mutex>
#include <string>
#include <type_traits>

#include "tests/support/environment.h"
#include "tests/support/thread_safety_off.h"

namespace syncxx_test {
namespace {

TEST(SyncTest, VersionIsOneNumber) {
  static_assert(SYNCXX_VERSION == SYNCXX_VERSION_MAJOR * 10000 +
                                      SYNCXX_VERSION_MINOR * 100 +
                                      SYNCXX_VERSION_PATCH);
  static_assert(SYNCXX_VERSION_MINOR < 100 && SYNCXX_VERSION_PATCH < 100);
  EXPECT_EQ(std::string(SYNCXX_VERSION_STRING),
            std::to_string(SYNCXX_VERSION_MAJOR) + "." +
                std::to_string(SYNCXX_VERSION_MINOR) + "." +
                std::to_string(SYNCXX_VERSION_PATCH));
}

// A program written for std:: works with the name swapped.
TEST(SyncTest, NamesOfTheStandardAreHere) {
  namespace sx = syncxx;
  sx::mutex m;
  sx::timed_mutex timed;
  sx::recursive_mutex recursive;
  sx::recursive_timed_mutex recursive_timed;
  {
    sx::lock_guard a(m);
    sx::unique_lock b(timed);
    sx::scoped_lock c(recursive, recursive_timed);
    EXPECT_TRUE(b.owns_lock());
  }
  {
    sx::unique_lock deferred(m, sx::defer_lock);
    sx::unique_lock tried(timed, sx::try_to_lock);
    deferred.lock();
    sx::unique_lock adopted(*deferred.release(), sx::adopt_lock);
  }
  sx::condition_variable cv;
  sx::condition_variable_any cv_any;
  cv.notify_one();
  cv_any.notify_all();
  static_assert(std::is_same_v<sx::cv_status, std::cv_status>);
  static_assert(std::is_same_v<sx::stop_token, std::stop_token>);
  static_assert(std::is_same_v<sx::stop_source, std::stop_source>);

  sx::counting_semaphore<> semaphore(1);
  sx::counting_semaphore<3> small(0);
  sx::binary_semaphore binary(1);
  sx::latch latch(1);
  sx::atomic<int> number(0);
  sx::thread([&] {
    semaphore.acquire();
    small.release();
    binary.acquire();
    number = 1;
    sx::atomic_thread_fence(std::memory_order_seq_cst);
    latch.count_down();
  }).join();
  latch.wait();
  EXPECT_EQ(number.load(), 1);
  sx::barrier<> barrier(1);
  barrier.wait(barrier.arrive());
  sx::once_flag once;
  sx::call_once(once, [] {});
  EXPECT_TRUE(once.is_done());
  sx::stop_callback callback(sx::stop_token(), [] {});
}

TEST(SyncTest, NamesOfOurOwnAreHere) {
  syncxx::spinlock spin;
  syncxx::byte_mutex byte;
  syncxx::event_count count;
  count.notify_one();
  EXPECT_EQ(syncxx::parking_lot::unpark_all(&byte), 0u);
  syncxx::event event(true);
  syncxx::auto_reset_event auto_event(true);
  syncxx::cell<int> cell(2);
  const std::lock_guard lock(spin);
  EXPECT_TRUE(event.try_wait());
  EXPECT_TRUE(auto_event.try_wait());
  EXPECT_EQ(cell.get(), 2);
  syncxx::atomic<std::uint32_t> word(0);
  EXPECT_EQ(syncxx::futex_wake(word), 0);
}

// <sync/semaphore.h> must not hide POSIX's, nor the namespace sync(2).
TEST(SyncTest, LeavesPosixAlone) {
  const auto call = &::sync;
  EXPECT_NE(call, nullptr);
}

}  // namespace
}  // namespace syncxx_test
