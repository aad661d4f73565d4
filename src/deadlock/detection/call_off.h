// SPDX-License-Identifier: Apache-2.0
//
// Calling off a wait: by another thread, once, and not another wait than the
// one that was meant.
//
//   the waiter                          the other, under the searchers' lock
//     open(n)
//     tells that wait n begins            sees wait n, decides
//     sleeps                              request(n): if true,
//     tells that it is over                 copies what wakes it
//     close(): if true, takes and         gives the lock back, wakes it
//       gives back the searchers' lock,
//       and has another waker from now on
//
// A request that comes when the wait is over by itself but not closed is told
// by close() nevertheless, and the waiter ignores it: it has what it waited
// for. The copy wakes nobody then.
//
// Relaxed throughout: the word decides, by the order of its own changes. Who
// sees the wait (thread_record::look) sees that it was opened before, and with
// what; what is written for the waiter is ordered by the searchers' lock.
#ifndef SYNCXX_SRC_DEADLOCK_DETECTION_CALL_OFF_H_
#define SYNCXX_SRC_DEADLOCK_DETECTION_CALL_OFF_H_

#include <cstdint>

#include <sync/detail/atomic.h>
#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

class call_off {
 public:
  // --- By the thread that waits ----------------------------------------------

  // `wait`: its number, odd, another for each.
  void open(std::uint32_t wait) noexcept {
    state_.store(wait, memory_order_relaxed);
  }
  // Whether it is this wait that can be called off, or has been already.
  bool is_of(std::uint32_t wait) const noexcept {
    return is_open(wait) || was_requested(wait);
  }
  // True: it has been called off.
  bool close() noexcept {
    return (state_.exchange(kClosed, memory_order_relaxed) & kRequested) != 0;
  }

  // --- By whoever has seen that it waits (thread_record::look) ---------------

  bool is_open(std::uint32_t wait) const noexcept {
    return state_.load(memory_order_relaxed) == wait;
  }
  bool was_requested(std::uint32_t wait) const noexcept {
    return state_.load(memory_order_relaxed) == (kRequested | wait);
  }
  // False: that wait is over, or has been called off, or never could be.
  bool request(std::uint32_t wait) noexcept {
    std::uint64_t open = wait;
    return state_.compare_exchange_strong(
        open, kRequested | wait, memory_order_relaxed, memory_order_relaxed);
  }

 private:
  //  state_            | meaning                        | left by
  //  kClosed           | no wait that can be called off | open()
  //  n                 | wait n can be                  | request(n), close()
  //  kRequested | n    | it has been                    | close()
  static constexpr std::uint64_t kClosed = 0;
  static constexpr std::uint64_t kRequested = std::uint64_t{1} << 32;

  atomic<std::uint64_t> state_{kClosed};
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_DEADLOCK_DETECTION_CALL_OFF_H_
