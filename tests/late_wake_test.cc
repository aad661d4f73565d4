// SPDX-License-Identifier: Apache-2.0
//
// The wake that a release ends with may come when the memory is something else.
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <sync/detail/raw_mutex.h>
#include <sync/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "tests/support/child_process.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

// A priority-inheriting lock, as the kernel makes it and pthread_mutex_t of
// PTHREAD_PRIO_INHERIT uses it: the word holds the owner's thread id.
class pi_lock {
 public:
  explicit pi_lock(syncxx::futex_scope scope)
      : private_flag_(scope == syncxx::futex_scope::process_private
                          ? FUTEX_PRIVATE_FLAG
                          : 0) {}
  bool lock() { return call(FUTEX_LOCK_PI); }
  bool unlock() { return call(FUTEX_UNLOCK_PI); }
  auto& word() const { return word_; }

 private:
  bool call(int operation) {
    return syscall(SYS_futex, &word_, operation | private_flag_, 0, nullptr,
                   nullptr, 0) == 0;
  }

  syncxx::detail::futex_word word_{0};
  int private_flag_;
};

// By the time of a release's wake the memory may hold another futex, where the
// kernel refuses a plain wake if a thread waits for a priority-inheriting lock.
TEST(LateWakeTest, OnMemoryOfAPriorityInheritingLock) {
  using syncxx::futex_scope;
  for (const futex_scope scope :
       {futex_scope::process_private, futex_scope::process_shared}) {
    pi_lock probe(scope);
    if (!probe.lock() || !probe.unlock())
      GTEST_SKIP() << "no priority-inheriting futexes here";
    EXPECT_TRUE(succeeds_in_child([scope] {
      pi_lock newcomer(scope);
      ASSERT_TRUE(newcomer.lock());
      background<bool> waiting(
          [&] { return newcomer.lock() && newcomer.unlock(); });
      waiting.await_sleep();
      // The wakes that the releases of this library end with.
      for (const std::uint32_t mask :
           {syncxx::detail::raw_mutex::kQueue,
            syncxx::detail::raw_mutex::kClaimant, syncxx::detail::kAnySleeper})
        EXPECT_EQ(syncxx::detail::unpark(&newcomer.word(), 1, mask, scope), 0);
      EXPECT_EQ(syncxx::futex_wake_all(newcomer.word(), scope), 0);
      EXPECT_FALSE(waiting.finished());
      EXPECT_TRUE(newcomer.unlock());
      EXPECT_TRUE(waiting.result());
    }));
  }
}

}  // namespace
}  // namespace syncxx_test
