// SPDX-License-Identifier: Apache-2.0
//
// The twelve bytes and the protocol of syncxx::barrier and
// interprocess::barrier, without their completion function and hooks.
#ifndef SYNCXX_DETAIL_RAW_BARRIER_H_
#define SYNCXX_DETAIL_RAW_BARRIER_H_

#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// Of barrier and interprocess::barrier.
template <futex_scope Scope>
class basic_raw_barrier {
 public:
  // Four times as many as Linux can have threads.
  static constexpr std::uint32_t kMax = (1u << 24) - 1;

  // A phase: counted in steps of two, modulo 2^32.
  using phase = std::uint32_t;

  enum class arrival : std::uint8_t {
    early,    // others are missing
    last,     // the phase is complete; its end is the caller's business
    refused,  // more than were missing; nothing was changed
  };

  constexpr explicit basic_raw_barrier(std::uint32_t expected) noexcept
      : arrivals_(expected * kOne), expected_(expected) {}
  basic_raw_barrier(const basic_raw_barrier&) = delete;
  basic_raw_barrier& operator=(const basic_raw_barrier&) = delete;

  // Arrives `n` times, 0 < n, and says in which phase that was. `Renew`: the
  // last arrival begins the next phase in the same step; without, nobody can
  // arrive before renew(). After the last arrival, release().
  template <bool Renew>
  arrival arrive(std::uint32_t n, phase& in) noexcept {
    // [BR1] acquire; pairs with [BR2], [BR7]: what each thread wrote before it
    // arrived is seen by the last (a compare-exchange that succeeds has found
    // what was read here), and so is the number that a drop has left.
    std::uint32_t w = arrivals_.load(memory_order_acquire);
    for (;;) {
      const phase released = phase_.load(memory_order_relaxed) & ~kParked;
      in = phase_of(w, released);
      if (w / kOne <= n || (w & kBusy) != 0) {
        if ((w & kBusy) != 0 || in != released) [[unlikely]] {
          w = await_others();
          continue;
        }
        if (w / kOne < n) [[unlikely]]
          return arrival::refused;
        // [BR9] release, acquire on failure; pairs with [BR2], [BR6], [BR7]:
        // expected_ is not read as a drop in a later phase will leave it.
        if (arrivals_.compare_exchange_weak(
                w, Renew ? fresh(in + kStep) : w - n * kOne,
                memory_order_release, memory_order_acquire)) {
          return arrival::last;
        }
        // [BR2] release, acquire on failure; pairs with [BR1], [BR2], [BR7],
        // [BR8], [BR9]. *this may be gone once it is visible.
      } else if (arrivals_.compare_exchange_weak(w, w - n * kOne,
                                                 memory_order_release,
                                                 memory_order_acquire)) {
        return arrival::early;
      }
    }
  }

  // Arrives once, and is not expected in the phases to come.
  SYNCXX_COLD arrival arrive_and_drop(bool renew, phase& in) noexcept;

  void renew(phase ended) noexcept {
    // Relaxed: whoever arrives next knows of the release() behind it.
    arrivals_.store(fresh(ended + kStep), memory_order_relaxed);
  }
  void release(phase ended) noexcept {
    const futex_word* const word = &phase_;
    // [BR4] release; pairs with [BR5], [AW1]: what was written before any
    // arrival, and by the completion, is seen by the released. *this may be
    // gone once it is visible.
    const std::uint32_t w =
        phase_.exchange(ended + kStep, memory_order_release);
    if ((w & kParked) != 0) unpark(word, kAllSleepers, kAnySleeper, Scope);
  }

  // Whether the phase has been released.
  bool is_over(phase in) const noexcept {
    // [BR5] acquire; pairs with [BR4].
    return comes_after(phase_.load(memory_order_acquire), in);
  }
  // Until it has. False: stopped or past the deadline.
  bool wait(phase in, deadline until, const stop_token* stop) const noexcept;

 private:
  static constexpr bool comes_after(std::uint32_t w, phase in) noexcept {
    return static_cast<std::int32_t>((w & ~kParked) - in) > 0;
  }
  static constexpr phase phase_of(std::uint32_t w, phase released) noexcept {
    return released + ((w - released) & kPhase);
  }
  // arrivals_ as a phase begins.
  std::uint32_t fresh(phase begun) const noexcept {
    return expected_.load(memory_order_relaxed) * kOne | (begun & kPhase);
  }
  SYNCXX_COLD std::uint32_t await_others() const noexcept;

  //  phase_    |
  //  bits 1..31 | the phase to be released next, modulo 2^31  | release()
  //  bit 0      | kParked: threads may sleep here             | set before a
  //             |                                             | thread sleeps,
  //             |                                             | cleared by
  //             |                                             | release()
  //  arrivals_ |
  //  bits 8..31 | how many arrivals this phase still lacks    | arrivals
  //  bits 1..7  | the phase that arrivals count for, mod 2^7  | the last one
  //  bit 0      | kBusy: a thread drops out, and will store   | that thread
  //             | this word soon; nobody else changes it      |
  //  expected_  | how many arrivals each phase to come needs  | it, while kBusy
  //
  // I1: a thread sleeps only while kParked is set, or a wake of all is under
  //     way. kParked may be set spuriously, never missing.
  // I2: the phase of arrivals_ is that of phase_, or the next one while a
  //     last arrival is on its way from the one word to the other. (A phase
  //     ends only when the one before it has been released.)
  // I3: expected_ is at least what a phase still lacks.
  static constexpr std::uint32_t kParked = 1;
  static constexpr std::uint32_t kBusy = 1;
  static constexpr std::uint32_t kStep = 2;
  static constexpr std::uint32_t kPhase = 0xfe;
  static constexpr std::uint32_t kOne = 0x100;

  mutable futex_word phase_{0};
  atomic<std::uint32_t> arrivals_;
  atomic<std::uint32_t> expected_;
};

static_assert(SYNCXX_IN_RELACY ||
              sizeof(basic_raw_barrier<futex_scope::process_private>) == 12);

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_RAW_BARRIER_H_
