// SPDX-License-Identifier: Apache-2.0
//
// The primitives in the Relacy world: the kernel's queues on Relacy's park and
// unpark, and the library's sources, all defined here (Relacy wants a program
// to be one source file).
#ifndef SYNCXX_TESTS_RELACY_WORLD_H_
#define SYNCXX_TESTS_RELACY_WORLD_H_

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>

#include <sync/detail/futex.h>
#include <sync/detail/hooks.h>
#include <sync/detail/spin_wait.h>
#include <sync/relacy/atomic.h>

#include "src/futex/syscall.h"

#if !SYNCXX_IN_RELACY
#error "compile this with -DSYNCXX_RELACY=1"
#endif

namespace syncxx::inline SYNCXX_ABI {
namespace relacy {

// --- The kernel's queues -----------------------------------------------------

struct sleeper {
  static constexpr std::size_t kMostWords = 2;
  rl::thread_id_t thread = 0;
  std::size_t words = 0;
  const void* word[kMostWords] = {};  // where it is queued
  std::uint32_t mask = 0;
  int woken = 0;  // which of the words
};

// All who sleep, in the order in which they began.
struct queues {
  std::size_t count = 0;
  sleeper* sleepers[kMostThreads] = {};
  int wakes = 0;

  void remove(std::size_t i) {
    for (; i + 1 < count; ++i) sleepers[i] = sleepers[i + 1];
    --count;
  }
};
inline queues& kernel() noexcept {
  static queues all;
  return all;
}

// Before each iteration: the last may have been abandoned anywhere.
inline void begin_iteration() {
  kernel() = {};
  for (std::int64_t& each : all_jumps()) each = 0;
}

// Sleeps until woken, out of time or for no reason; the caller has compared the
// words, and Relacy switches threads nowhere in between.
inline int sleep(sleeper& self, bool timed) {
  queues& q = kernel();
  self.thread = rl::ctx().current_thread();
  q.sleepers[q.count++] = &self;
  const rl::unpark_reason why =
      rl::ctx().park_current_thread(timed, true, false, rl::debug_info());
  if (why == rl::unpark_reason_normal) return self.woken;
  for (std::size_t i = 0; i < q.count; ++i)
    if (q.sleepers[i] == &self) q.remove(i--);
  if (why != rl::unpark_reason_timeout) return -EINTR;
  ++jumps();
  return -ETIMEDOUT;
}

// Index of the word in what it sleeps on, or -1.
inline int index_of(const sleeper& s, const void* word) {
  for (std::size_t i = 0; i < s.words; ++i)
    if (s.word[i] == word) return static_cast<int>(i);
  return -1;
}

inline int wake(const void* word, int count, std::uint32_t mask) {
  queues& q = kernel();
  int woken = 0;
  for (std::size_t i = 0; i < q.count && woken < count;) {
    sleeper& s = *q.sleepers[i];
    const int index = index_of(s, word);
    if (index < 0 || (s.mask & mask) == 0) {
      ++i;
      continue;
    }
    s.woken = index;
    q.remove(i);
    rl::ctx().unpark_thread(s.thread, false, rl::debug_info());
    ++woken;
  }
  return woken;
}

// A wake that a test has broken.
inline bool is_lost() {
  const int every = seeded().lost_wakes;
  return every != 0 && ++kernel().wakes % every == 0;
}

}  // namespace relacy

// --- What the primitives call ------------------------------------------------

namespace detail::sys {

int futex_wait(const futex_word* word, std::uint32_t expected, deadline until,
               std::uint32_t mask, futex_scope, on_refusal) noexcept {
  relacy::sleeper self;
  self.words = 1;
  self.word[0] = word;
  self.mask = mask;
  if (word->latest() != expected) return -EAGAIN;
  return relacy::sleep(self, !until.is_never());
}

int futex_wake(const futex_word* word, int count, std::uint32_t mask,
               futex_scope) noexcept {
  rl::ctx().sched();
  if (relacy::is_lost()) return 0;
  return relacy::wake(word, count, mask);
}

int futex_requeue(const futex_word* from, std::uint32_t expected, int wake,
                  int move, const futex_word* to, futex_scope,
                  wake_site) noexcept {
  if (from->latest() != expected) return -EAGAIN;
  int done = relacy::wake(from, wake, kAnySleeper);
  relacy::queues& q = relacy::kernel();
  for (std::size_t i = 0; i < q.count && done < wake + move; ++i) {
    relacy::sleeper& s = *q.sleepers[i];
    const int index = relacy::index_of(s, from);
    if (index < 0) continue;
    s.word[index] = to;
    ++done;
  }
  return done;
}

int futex_count(const futex_word* word, int at_most, futex_scope) noexcept {
  rl::ctx().sched();
  const relacy::queues& q = relacy::kernel();
  int count = 0;
  for (std::size_t i = 0; i < q.count && count < at_most; ++i)
    if (relacy::index_of(*q.sleepers[i], word) >= 0) ++count;
  return count;
}

// (Stop requests are the standard's own here, and not tested: nobody waits for
// more than a word and such a request.)
int futex_waitv(std::span<const waitv_entry>, deadline) noexcept {
  return -ENOSYS;
}

}  // namespace detail::sys

namespace detail {

int unpark(const futex_word* word, int count, std::uint32_t mask,
           futex_scope scope, wake_site) noexcept {
  return sys::futex_wake(word, count, mask, scope);
}

unsigned usable_cpus() noexcept { return 2; }
// Another order of the threads shows what another look would.
bool spinner::spin() noexcept { return false; }
bool spinner::yield() noexcept {
  static_cast<void>(yields_);
  return false;
}
void spinner::succeeded() noexcept {}
void patience::wait() noexcept {
  static_cast<void>(round_);
  relacy::yield();
}

void line_patience::wait(unsigned) noexcept {
  static_cast<void>(round_);
  relacy::yield();
}
bool line_patience::try_wait(unsigned) noexcept { return false; }
void line_patience::over() noexcept {
  static_cast<void>(ahead_);
  static_cast<void>(sure_);
}

void misused(const void*, object_kind, const char* what, int) {
  rl::ctx().fail_test(what, rl::test_result_user_assert_failed,
                      rl::debug_info());
  std::abort();  // not reached: the iteration is left
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#include "src/barrier.cc"
#include "src/condition_variable.cc"
#include "src/event.cc"
#include "src/event_count.cc"
#include "src/futex/sleeper.cc"
#include "src/latch.cc"
#include "src/mcs_lock.cc"
#include "src/mutex.cc"
#include "src/queue_lock.cc"
#include "src/semaphore.cc"
#include "src/seqlock.cc"
#include "src/shared_mutex.cc"
#include "src/spinlock.cc"
#include "src/ticket_lock.cc"

#endif  // SYNCXX_TESTS_RELACY_WORLD_H_
