// SPDX-License-Identifier: Apache-2.0
//
// The four bytes and the protocol of seqlock: a count of writes, and the lock
// of the writers.
#ifndef SYNCXX_DETAIL_RAW_SEQUENCE_H_
#define SYNCXX_DETAIL_RAW_SEQUENCE_H_

#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/futex.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

class raw_sequence {
 public:
  constexpr raw_sequence() noexcept = default;
  raw_sequence(const raw_sequence&) = delete;
  raw_sequence& operator=(const raw_sequence&) = delete;

  // --- Readers -------------------------------------------------------------
  std::uint32_t begin_read() const noexcept {
    // [Q3] acquire; pairs with [Q2]: the value of the last write, or a later
    // one's words.
    return word_.load(memory_order_acquire);
  }
  // Whether what was read since then is of one write.
  bool end_read(std::uint32_t before) const noexcept {
    // Relaxed: [Q5] keeps it behind the words, and shows it the beginning of a
    // write that any of them is of.
    const std::uint32_t after = word_.load(memory_order_relaxed);
    return ((before ^ after) & ~kLockBits) == 0 && (before & kWriting) == 0;
  }

  // --- Writers ---------------------------------------------------------------
  // Excludes other writers.
  void lock() noexcept { lock(kLocked); }
  // And sends readers away.
  void lock_to_write() noexcept { lock(kLocked + kWriting); }
  void begin_to_write() noexcept {
    // Relaxed: [Q6] shows it to whoever reads a word that is written behind it.
    word_.fetch_add(kWriting, memory_order_relaxed);
  }
  void unlock_written() noexcept { unlock(kWriting); }
  void unlock() noexcept { unlock(0); }

 private:
  void lock(std::uint32_t step) noexcept {
    std::uint32_t w = word_.load(memory_order_relaxed);
    // [Q1] acquire; pairs with [Q2]: writers follow each other.
    if ((w & kLockBits) != 0 ||
        !word_.compare_exchange_strong(w, w + step, memory_order_acquire,
                                       memory_order_relaxed)) [[unlikely]]
      lock_slow(step);
  }
  void unlock(std::uint32_t step) noexcept {
    std::uint32_t w = 0;
    do {
      w = word_.load(memory_order_relaxed);
      // [Q2] release; pairs with [Q1], [Q3], [Q4]. *this may be gone once it is
      // visible to the last user.
    } while (!confirm(word_, w, (w & ~kLockBits) + step, memory_order_release));
    if ((w & kParked) != 0) [[unlikely]]
      unpark(&word_, 1);
  }
  SYNCXX_COLD void lock_slow(std::uint32_t step) noexcept;

  //  bits  | meaning                       | changed by
  //  2..31 | twice the writes, +1 while    | the owner, +1 before it writes and
  //        | one is being made (kWriting)  | +1 as it unlocks
  //  1     | kParked: writers may sleep    | set by a writer before it sleeps,
  //        |                               | cleared by the owner as it unlocks
  //  0     | kLocked: a writer owns it     | lock [Q1], [Q4]; unlock [Q2]
  //
  // I1: as mutex's: while a writer sleeps kParked is set, or a writer that was
  //     woken will set it again.
  // I2: kParked implies kLocked, and an odd count does.
  static constexpr std::uint32_t kLocked = 1;
  static constexpr std::uint32_t kParked = 2;
  static constexpr std::uint32_t kLockBits = kLocked | kParked;
  static constexpr std::uint32_t kWriting = 4;

  futex_word word_{0};
};

static_assert(SYNCXX_IN_RELACY || sizeof(raw_sequence) == 4);

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_RAW_SEQUENCE_H_
