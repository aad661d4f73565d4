// SPDX-License-Identifier: Apache-2.0
//
// The slow paths of barrier.
//
// One completion a phase. An arrival is one compare-exchange on arrivals_,
// which holds the phase and what it lacks: it counts for the phase that it
// names, and the one that finds as many missing as it brings is the last. There
// is one last arrival a phase, and it alone goes on to renew() and release().
//
// Nobody gets through early. phase_ is changed by last arrivals only, in the
// order of the phases: one that would end a phase although the one before has
// not been released waits for that (I2). So a wait, which goes by phase_
// alone, ends when as many phases have been released as the token says.
//
// No wake is lost: futex/await_word.h; release() clears kParked, and wakes
// everybody if it was set (I1).
//
// Destroy after release. The exchange of phase_ is the last access of the
// thread that ends a phase; the compare-exchange of arrivals_ that of the
// others, unless they wait.
//
// A drop changes two words: what the phases to come expect, and what this one
// lacks. kBusy makes that one step: no arrival is counted in between, so no
// phase can end and begin with one number and not the other.
#include <sync/detail/raw_barrier.h>

#include "futex/await_word.h"

#include <sync/detail/spin_wait.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

template <futex_scope Scope>
bool basic_raw_barrier<Scope>::wait(phase in, deadline until,
                                    const stop_token* stop) const noexcept {
  return await_word(
      phase_, kParked, until, stop,
      [in](std::uint32_t w) { return comes_after(w, in); }, Scope,
      [this] {
        return arrivals_.load(memory_order_relaxed) / kOne < usable_cpus();
      });
}

// Waits until no drop is under way and the phase before has been released, and
// returns arrivals_.
template <futex_scope Scope>
std::uint32_t basic_raw_barrier<Scope>::await_others() const noexcept {
  for (patience others;; others.wait()) {
    // [BR8] acquire; pairs with [BR2], [BR7]: as [BR1].
    const std::uint32_t w = arrivals_.load(memory_order_acquire);
    if ((w & kBusy) != 0) continue;
    const phase released = phase_.load(memory_order_relaxed) & ~kParked;
    if (phase_of(w, released) == released) return w;
  }
}

template <futex_scope Scope>
typename basic_raw_barrier<Scope>::arrival
basic_raw_barrier<Scope>::arrive_and_drop(bool renew, phase& in) noexcept {
  for (;;) {
    std::uint32_t w = await_others();
    const std::uint32_t left = w / kOne;
    if (left == 0) return arrival::refused;
    // [BR6] acquire; pairs with [BR9]. It takes the word for this thread:
    // others wait until it is stored.
    if (!arrivals_.compare_exchange_weak(w, w | kBusy, memory_order_acquire,
                                         memory_order_relaxed)) {
      continue;
    }
    in = phase_of(w, phase_.load(memory_order_relaxed) & ~kParked);
    expected_.store(expected_.load(memory_order_relaxed) - 1,
                    memory_order_relaxed);
    // [BR7] release; pairs with [BR1], [BR2], [BR8], [BR9]: as [BR2], for what
    // was read with [BR8] as well, and the new number.
    arrivals_.store(left == 1 && renew ? fresh(in + kStep) : w - kOne,
                    memory_order_release);
    return left == 1 ? arrival::last : arrival::early;
  }
}

template class basic_raw_barrier<futex_scope::process_private>;
template class basic_raw_barrier<futex_scope::process_shared>;

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
