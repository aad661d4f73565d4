// SPDX-License-Identifier: Apache-2.0
//
// The eight bytes and the protocol of interprocess::condition_variable: a word
// to sleep on that every notification changes. It has no pointers, for the
// processes may map it at different addresses.
//
// Reference: bionic and musl's process-shared condition variables wait for a
// sequence number like this one.
#ifndef SYNCXX_DETAIL_WAIT_SEQUENCE_H_
#define SYNCXX_DETAIL_WAIT_SEQUENCE_H_

#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/raw_mutex.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

class wait_sequence {
 public:
  using mutex_type = basic_raw_mutex<futex_scope::process_shared>;

  constexpr wait_sequence() noexcept = default;
  wait_sequence(const wait_sequence&) = delete;
  wait_sequence& operator=(const wait_sequence&) = delete;

  // Unlocks `mutex`, waits to be notified, and locks it again. False: stopped
  // or past the deadline, and not notified. May return true for no reason.
  SYNCXX_COLD bool wait(mutex_type& mutex, deadline until,
                        const stop_token* stop) noexcept;

  // A waiter that a notifier must not miss has set kParked before the mutex was
  // unlocked, and the notifier has had that mutex since.
  bool empty() const noexcept {
    return (word_.load(memory_order_relaxed) & kParked) == 0;
  }
  void notify_one() noexcept {
    if (!empty()) notify_one_slow();
  }
  void notify_all() noexcept {
    if (!empty()) notify_all_slow();
  }

 private:
  std::uint32_t place_of(const mutex_type& mutex) const noexcept;
  const futex_word* mutex_at(std::uint32_t place) const noexcept;
  std::uint32_t arrive(std::uint32_t place) noexcept;
  SYNCXX_COLD void notify_one_slow() noexcept;
  SYNCXX_COLD void notify_all_slow() noexcept;

  //  word_ bits | meaning                          | changed by
  //  0..25      | sequence number, modulo 2^26     | every notification that
  //             |                                  | finds kParked; a waiter
  //             |                                  | that changes kPlace
  //  26..30     | kUsed, once a thread has waited  | the first waiter
  //  31         | kParked: threads may wait here   | set by a waiter under its
  //             |                                  | mutex; cleared by a
  //             |                                  | notification that wakes
  //             all
  //
  //  hints_     | meaning                          | changed by
  //  kPlace     | where in this page the mutex of  | a waiter, before the word
  //             | all waiters is, none of whom has |
  //             | a deadline or a stop token; 0:   |
  //             | it is not known, or some have    |
  //  kSeveral   | more than one may wait           | a waiter
  //
  // I1: a thread sleeps only while kParked is set, or a notification that wakes
  //     or moves all is under way.
  // I2: kParked is cleared only together with a new sequence number, so a
  //     waiter whose expected value is not there any more was notified.
  // I3: while kParked is set, kPlace becomes 0 only together with a new
  //     sequence number, and nothing else.
  // I4: a waiter writes and reads nothing here once it has unlocked the mutex;
  //     a notifier, once it has changed the word. The kernel does.
  // kUsed keeps the word apart from the small numbers that other objects hold:
  // a notifier that is late names it to the kernel as the value to find, when
  // the memory may be in use for something else.
  static constexpr std::uint32_t kSequence = (1u << 26) - 1;
  static constexpr std::uint32_t kUsed = 0b10110u << 26;
  static constexpr std::uint32_t kParked = 1u << 31;
  static constexpr std::uint32_t kPlace = (1u << 11) - 1;
  static constexpr std::uint32_t kSeveral = 1u << 11;

  static constexpr std::uint32_t next(std::uint32_t w) noexcept {
    return (w & ~kSequence) | ((w + 1) & kSequence);
  }

  futex_word word_{0};
  atomic<std::uint32_t> hints_{0};
};

static_assert(SYNCXX_IN_RELACY || sizeof(wait_sequence) == 8);

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_WAIT_SEQUENCE_H_
