// SPDX-License-Identifier: Apache-2.0
//
// The bias of a shared lock towards its readers: while it is on, a reader only
// makes itself visible to writers, in a slot of its own thread.
//
// After D. Dice and A. Kogan, "BRAVO: Biased Locking for Reader-Writer Locks",
// USENIX ATC 2019. What differs: slots belong to threads, not to whoever hashes
// to them, so that a plain store takes one, and the fence behind it is
// asymmetric: 0 atomic read-modify-writes where BRAVO has one and a full fence;
// a writer that waits for a visible reader sleeps; its wait can end early.
#ifndef SYNCXX_DETAIL_READER_BIAS_H_
#define SYNCXX_DETAIL_READER_BIAS_H_

#include <cstddef>
#include <cstdint>

#include <sync/asymmetric_fence.h>
#include <sync/detail/cache_line.h>
#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

class reader_bias;

// What writers look at of a thread. Records are static and never freed: a
// thread takes one when it first reads with bias and gives it back at its end.
// One that ends as a visible reader keeps it.
struct alignas(kCacheLine) reader_record {
#if SYNCXX_MODELLED  // each is a look of each writer
  static constexpr std::size_t kSlots = 2;
#else
  static constexpr std::size_t kSlots = 8;
#endif

  // The slot that a lock is looked for in first. Neighbouring locks differ.
  static std::size_t place_of(const reader_bias* lock) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(lock);
    return (address / 8 ^ address / 64) % kSlots;
  }

  // By its thread: gives up the slot, and wakes the writers that wait for that.
  void leave(atomic<const reader_bias*>& slot) noexcept {
    // [V4] release; pairs with [V6], [V9], [V10]: what the reader did comes
    // before what a writer does. The lock may be gone once it is visible.
    slot.store(nullptr, memory_order_release);
    // [V5] seq_cst; pairs with [V8]: the slot is empty for a writer that this
    // thread does not see waiting.
    asymmetric_thread_fence_light(memory_order_seq_cst);
    if ((wanted.load(memory_order_relaxed) & kWanted) != 0) [[unlikely]]
      wake_writers();
  }
  SYNCXX_COLD void wake_writers() noexcept;

  //  slots[i] | null, or the lock that the thread reads, is about to read, or
  //           | has found not to be biased; written by the thread alone
  //  wanted   | odd: writers may sleep here, for a slot to be given up; by +1
  //           | of the thread, which then wakes them all, it becomes even and
  //           | another number (so that none falls asleep that missed this)
  //  owner    | 1: a thread has the record
  static constexpr std::uint32_t kWanted = 1;
  atomic<const reader_bias*> slots[kSlots];
  futex_word wanted{0};
  atomic<std::uint32_t> owner{0};
};

// The calling thread's; null: it has none (yet).
extern thread_local constinit reader_record* t_reader_record
    __attribute__((tls_model("initial-exec")));

// Its users hold the lock behind it where the comments say so: shared by
// readers that are not visible, exclusively by writers.
class reader_bias {
 public:
  constexpr reader_bias() noexcept = default;
  reader_bias(const reader_bias&) = delete;
  reader_bias& operator=(const reader_bias&) = delete;

  // --- Readers -------------------------------------------------------------
  // True: the calling thread reads now, and leave() ends that.
  SYNCXX_ALWAYS_INLINE bool enter() noexcept {
    const std::uint32_t state = state_.load(memory_order_relaxed);
    if (state != kOn) return state == kFenced && enter_fenced();
    reader_record* const mine = t_reader_record;
    return mine != nullptr &&
           enter(*mine, mine->slots[reader_record::place_of(this)]);
  }
  // The same, by any slot; takes a record first if there is none.
  SYNCXX_COLD bool enter_slow() noexcept;

  // False: the calling thread is no visible reader.
  bool leave() noexcept {
    reader_record* const mine = t_reader_record;
    if (mine == nullptr) return false;
    atomic<const reader_bias*>& slot =
        mine->slots[reader_record::place_of(this)];
    if (slot.load(memory_order_relaxed) != this) return leave_slow();
    mine->leave(slot);
    return true;
  }

  // With the lock held shared, not by bias: turns the bias on, unless writers
  // are frequent.
  void reconsider() noexcept {
    const std::uint32_t state = state_.load(memory_order_relaxed);
    if (state == kOff || state == kLeaving) turn_on();
  }

  // --- Writers ---------------------------------------------------------------
  // With the lock held: turns the bias off and waits for the visible readers.
  // False: stopped or past the deadline; there may be some. A deadline that is
  // known to be past does not wait at all.
  bool revoke(deadline until, const stop_token* stop) noexcept {
    return state_.load(memory_order_relaxed) == kOff ||
           revoke_slow(until, stop);
  }

 private:
  bool enter(reader_record& mine, atomic<const reader_bias*>& slot) noexcept {
    if (slot.load(memory_order_relaxed) != nullptr) return false;
    // [V1] release; pairs with [V6], [V9], [V10]: a writer that finds another
    // lock here has the thread's earlier sections behind it, as with [V4].
    slot.store(this, memory_order_release);
    // [V2] seq_cst; pairs with [V7]: a writer that does not see the slot is
    // seen here.
    asymmetric_thread_fence_light(memory_order_seq_cst);
    // [V3] acquire; pairs with [V11], [V17]: what the last writer did.
    if (state_.load(memory_order_acquire) == kOn) [[likely]]
      return true;
    mine.leave(slot);
    return false;
  }
  bool enter_fenced() noexcept;
  bool enter_fenced(reader_record& mine,
                    atomic<const reader_bias*>& slot) noexcept;
  SYNCXX_COLD bool leave_slow() noexcept;
  bool may_be_light() noexcept;
  SYNCXX_COLD void turn_on() noexcept;
  SYNCXX_COLD void lighten() noexcept;
  SYNCXX_COLD bool revoke_slow(deadline until, const stop_token* stop) noexcept;
  bool await_and_leave_off(deadline until, const stop_token* stop) noexcept;
  bool await_readers(deadline until, const stop_token* stop) const noexcept;
  bool await_reader(reader_record& theirs,
                    const atomic<const reader_bias*>& slot, deadline until,
                    const stop_token* stop) const noexcept;

  //  state_   | meaning                            | left by
  //  kOff     | there is no visible reader         | reader -> kOn [V11],
  //           |                                    | -> kFenced [V16]
  //  kOn      | there may be, and more may come,    | writer -> kLeaving
  //           | with light fences                  |
  //  kFenced  | the same, with full fences: writers | writer -> kLeaving
  //           | need no heavy one                  | reader -> kOn [V17]
  //  kLeaving | there may be, but no more come     | writer -> kOff
  //           | (they withdraw)                    | reader, as from kOff
  //
  // I1: state_ is written with the lock behind it held, exclusively or shared;
  //     but kFenced -> kOn, by compare-exchange, by a visible reader.
  // I2: a writer that has seen kOff, or has awaited the readers of kLeaving,
  //     with the lock held, is alone.
  // I3: a light reader that is there, or about to be, has been waited for by a
  //     writer with a heavy fence before state_ is anything else than kOn or
  //     kLeaving.
  static constexpr std::uint32_t kOff = 0;
  static constexpr std::uint32_t kOn = 1;
  static constexpr std::uint32_t kLeaving = 2;
  static constexpr std::uint32_t kFenced = 3;

  atomic<std::uint32_t> state_{kOff};
  atomic<std::uint32_t> looks_{0};  // of readers at what to do next, roughly
  // Steady time before which it does not become kOn. Written with the lock
  // held.
  atomic<std::int64_t> heavy_until_{0};
};

static_assert(SYNCXX_IN_RELACY || sizeof(reader_bias) == 16);

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_READER_BIAS_H_
