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
// value or a spurious return all mean the same: look again. A sleep that ended
// with `changed` (and, where nothing was published, the look before it) must
// leave no trace in the thread: the checker leaves such rounds out.
#ifndef SYNCXX_SRC_FUTEX_SLEEPER_H_
#define SYNCXX_SRC_FUTEX_SLEEPER_H_

#include <cstdint>
#include <optional>
#include <span>

#include <sync/atomic.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {

struct futex_wait_entry;

namespace detail {

// A sleeper that has been woken in vain for this long is the next owner.
inline constexpr std::int64_t kSleeperPatienceNs = 1'000'000;

// What ended a sleep on one word.
enum class sleep_end : std::uint8_t {
  woken,    // a wake of that word
  changed,  // the word was not `expected`, or a stop was requested
  other,    // time, a stop request, a signal
};

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

  // Sleeps while `word` is `expected` and no stop is requested.
  sleep_end sleep(const futex_word& word, std::uint32_t expected,
                  deadline until, std::uint32_t mask,
                  futex_scope scope) noexcept;
  // The same for several words; false if the time has passed.
  bool sleep_any(std::span<const futex_wait_entry> words, deadline until);

 private:
  struct on_stop {
    stop_listener* self;
    void operator()() const noexcept { self->request(); }
  };
  void request() noexcept;
  // For a sleep that a change of state_ does not end: until it has ended, a
  // request wakes `word`.
  template <class Sleep>
  void sleep_reachably(const futex_word& word, futex_scope scope,
                       const Sleep& sleep) {
    target_ = &word;
    target_scope_ = scope;
    std::uint32_t state = kIdle;
    // [S3] release, acquire on failure; pairs with [S1]: publishes target_; as
    // [S4].
    if (!state_.compare_exchange_strong(state, kSleeping, memory_order_release,
                                        memory_order_acquire)) {
      return;  // requested
    }
    sleep();
    state = kSleeping;
    if (!state_.compare_exchange_strong(state, kIdle, memory_order_relaxed,
                                        memory_order_relaxed)) {
      // [S5] acquire; pairs with [S1]: as [S4], and target_, which the
      // requester may be reading, is not written again.
      static_cast<void>(state_.load(memory_order_acquire));
      state_.store(kAwake, memory_order_relaxed);
    }
  }

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
  // At most until `pause_ends`, in steady time: then it ends with `other`.
  sleep_end sleep(const futex_word& word, std::uint32_t expected,
                  std::uint32_t mask = kAnySleeper,
                  deadline pause_ends = deadline::never()) noexcept;

  // Sleeps while each of the words, 1 to 128, has the value its entry names.
  // False: the time has passed, and no wake was consumed. True: any wakes of
  // them may have been.
  bool sleep_any(std::span<const futex_wait_entry> words);

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
