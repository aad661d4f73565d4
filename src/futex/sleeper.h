// SPDX-License-Identifier: Apache-2.0
//
// How a slow path goes to sleep: the one wait of the library.
//
// A sleeper lives on the stack of one blocking call and knows what may end it
// besides a wake: a deadline and a stop request. Every slow path is a loop
//
//   sleeper self(until, stop);
//   for (;;) {
//     ...take what there is, or...
//     if (self.must_leave()) return leave();  // before publishing "parked"
//     ...publish in the word that somebody sleeps, value `w`...
//     self.sleep(word, w);
//   }
//
// so that an expired deadline makes no syscall, and a wake, a signal, another
// value or a spurious return all mean the same: look again. A sleep that was
// refused (and, where nothing was published, the look before it) must leave no
// trace in the thread: the checker leaves such rounds out.
#ifndef SYNCXX_SRC_FUTEX_SLEEPER_H_
#define SYNCXX_SRC_FUTEX_SLEEPER_H_

#include <cstdint>
#include <optional>

#include <sync/atomic.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// A stop request that one blocking call listens to. The callback runs on the
// requester's thread, and the destructor waits for it to end, so that the
// requester never touches a waiter that has gone.
//
// A bare wake on the primitive's word would be lost when it falls between the
// waiter's check and its sleep. So the request has a word of its own, and the
// waiter sleeps on both with futex_waitv. Where that syscall is missing, the
// requester wakes the primitive's word until the waiter says that it is awake.
class stop_listener {
 public:
  explicit stop_listener(const stop_token& token)
      : callback_(token, on_stop{this}) {}
  stop_listener(const stop_listener&) = delete;
  stop_listener& operator=(const stop_listener&) = delete;

  // Sleeps while `word` is `expected` and no stop is requested. As
  // sys::futex_waitv.
  int sleep(const futex_word& word, std::uint32_t expected, deadline until,
            std::uint32_t mask, futex_scope scope) noexcept;

 private:
  struct on_stop {
    stop_listener* self;
    void operator()() const noexcept { self->request(); }
  };
  void request() noexcept;
  int sleep_without_waitv(const futex_word& word, std::uint32_t expected,
                          deadline until, std::uint32_t mask,
                          futex_scope scope) noexcept;

  //  state_    | meaning                                | left by
  //  kIdle     | no request; the waiter is awake, or    | request() -> kStopped
  //            | sleeps on state_ as well               | waiter -> kSleeping
  //  kSleeping | no request; the waiter sleeps, or soon | request() -> kStopped
  //            | will, on target_ alone                 | waiter -> kIdle
  //  kStopped  | requested                              | waiter -> kAwake
  //  kAwake    | requested, and the waiter has seen it  | -
  static constexpr std::uint32_t kIdle = 0;
  static constexpr std::uint32_t kSleeping = 1;
  static constexpr std::uint32_t kStopped = 2;
  static constexpr std::uint32_t kAwake = 3;

  futex_word state_{kIdle};
  cell<const futex_word*> target_{nullptr};  // written before kSleeping
  futex_scope target_scope_ = futex_scope::process_private;
  stop_callback<on_stop> callback_;  // last: may call request() at once
};

enum class sleep_result : std::uint8_t {
  refused,  // the word was not as expected
  woken,    // by a wake, which may have been meant for others
  ended,    // for another reason: no wake was used up
};

class sleeper {
 public:
  // `stop` may be null; it must outlive the sleeper.
  sleeper(deadline until, const stop_token* stop,
          futex_scope scope = futex_scope::process_private) noexcept
      : until_(until),
        stop_(stop != nullptr && stop->stop_possible() ? stop : nullptr),
        scope_(scope) {}

  sleeper(const sleeper&) = delete;
  sleeper& operator=(const sleeper&) = delete;
  ~sleeper() {
    if (listener_) stop_listening();
  }

  // Whether the wait is over without success: stopped, or past its deadline.
  bool must_leave() const noexcept {
    return (stop_ != nullptr && stop_->stop_requested()) || until_.has_passed();
  }

  // Sleeps while `word` is `expected`, until a wake whose mask meets `mask`,
  // the deadline, a stop request, a signal, or for no reason. With a stop token
  // the mask does not narrow the wakes (futex_waitv has none): a wake of one
  // thread with a narrower mask may reach such a waiter instead.
  sleep_result sleep(const futex_word& word, std::uint32_t expected,
                     std::uint32_t mask = kAnySleeper) noexcept;

 private:
  void stop_listening() noexcept;

  const deadline until_;
  const stop_token* const stop_;
  const futex_scope scope_;
  std::optional<stop_listener> listener_;  // made by the first sleep
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_FUTEX_SLEEPER_H_
