// SPDX-License-Identifier: Apache-2.0
//
// back_off: how long to stay away before the next try, in a loop that tries
// locks and gives back what it has when one of them is taken.
//
// Choose it where a thread cannot wait for a lock because it holds another one
// that somebody may want in the opposite order. Choose lock_all where all locks
// are known at once: it is such a loop, and waits for the right one; a timed
// lock where one try is enough.
//
//   syncxx::back_off pause;
//   for (;; pause.wait()) {
//     const std::lock_guard first(a);
//     const std::unique_lock second(b, std::try_to_lock);
//     if (!second) continue;  // a is given back, then comes the pause
//     ...
//     break;
//   }
//
// Each pause is of random length, and about twice as long as the last: threads
// that have met once do not go on meeting in step (livelock). First the CPU
// pauses, then it is given away, then the thread sleeps, so that in the end
// whoever holds the lock runs, also on one CPU and below a real-time thread.
//
// Promises
//   size      24 bytes; constinit
//   cost      nothing before the first pause. Then about 0.25 us, 0.5, 1, … 8
//             (16 in all; left out where the thread that loaded the library may
//             use one CPU only), 4 times some yields, and sleeps of 25 us, 50,
//             … up to the longest (1 ms unless told otherwise), each shortened
//             by a random part of up to a half
//   progress  all but surely: of threads that only pause between their tries
//             one gets through in the end. No bound for a given thread
//   waits     wait_until() ends with its deadline on any clock. A stop request
//             is for the loop to look at
//   errors    std::invalid_argument if the longest sleep is not positive
//   signals   one ends a sleep, and nothing else
//   fork      parent and child go on with the same pauses: make a new one there
//
// For one thread at a time. Not copyable: a copy would pause in step with the
// original. Design: docs/design/back_off.md.
#ifndef SYNCXX_BACK_OFF_H_
#define SYNCXX_BACK_OFF_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <stdexcept>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>

namespace syncxx::inline SYNCXX_ABI {

namespace detail {

// One pause.
struct back_off_step {
  enum class kind : std::uint8_t { pause, yield, sleep };
  kind how;
  std::int64_t amount;  // nanoseconds; of yields how many
};

// The pauses of one back_off, one after the other.
class back_off_plan {
 public:
  static constexpr unsigned kPauses = 6;
  static constexpr unsigned kYields = 4;
  static constexpr unsigned kMostYields = 3;  // in one step
  static constexpr std::int64_t kFirstPauseNs = 250;
  static constexpr std::int64_t kFirstSleepNs = 25'000;

  constexpr explicit back_off_plan(std::int64_t longest_ns) noexcept
      : longest_ns_(longest_ns) {}

  constexpr bool is_seeded() const noexcept { return random_ != 0; }
  constexpr void seed(std::uint64_t number) noexcept {
    random_ = number != 0 ? number : 1;
  }
  constexpr void restart() noexcept { steps_ = 0; }
  constexpr std::uint64_t steps() const noexcept { return steps_; }

  constexpr back_off_step next() noexcept {
    using kind = back_off_step::kind;
    const std::uint64_t n = steps_++;
    if (n < kPauses) return {kind::pause, shortened(kFirstPauseNs << n)};
    if (n < kPauses + kYields)
      return {kind::yield,
              1 + static_cast<std::int64_t>(random() % kMostYields)};
    const std::uint64_t doublings = n - kPauses - kYields;
    // (2^20 first sleeps are 26 s; then the longest is reached at once.)
    return {
        kind::sleep,
        shortened(doublings > 20 ? longest_ns_ : kFirstSleepNs << doublings)};
  }

 private:
  // At least a half of the whole, or of the longest.
  constexpr std::int64_t shortened(std::int64_t whole) noexcept {
    const std::int64_t most = std::min(whole, longest_ns_);
    return most - static_cast<std::int64_t>(
                      random() % static_cast<std::uint64_t>(most / 2 + 1));
  }
  // xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift
  // generators, scrambled", ACM TOMS 42(4), 2016. The low bits are its weakest.
  constexpr std::uint64_t random() noexcept {
    random_ ^= random_ >> 12;
    random_ ^= random_ << 25;
    random_ ^= random_ >> 27;
    return (random_ * 0x2545F4914F6CDD1Du) >> 16;
  }

  std::uint64_t random_ = 0;  // 0: has no seed yet
  std::uint64_t steps_ = 0;
  std::int64_t longest_ns_;
};

// A seed that no other back_off has, of any thread.
SYNCXX_COLD std::uint64_t back_off_seed() noexcept;

}  // namespace detail

class back_off {
 public:
  static constexpr std::chrono::nanoseconds kLongestSleep{1'000'000};

  constexpr back_off() noexcept : plan_(kLongestSleep.count()) {}
  // No pause is longer than `longest_sleep`, but for what the scheduler adds.
  // Throws std::invalid_argument unless that is positive.
  template <class Rep, class Period>
  constexpr explicit back_off(
      const std::chrono::duration<Rep, Period>& longest_sleep)
      : plan_(checked(detail::saturating_ns(longest_sleep))) {}
  back_off(const back_off&) = delete;
  back_off& operator=(const back_off&) = delete;

  // Pauses. To be called with nothing held that others want.
  void wait() noexcept { wait(detail::deadline::never()); }
  // The same, until `time` at the latest. False, at once, if it has passed.
  template <class Clock, class Duration>
  bool wait_until(const std::chrono::time_point<Clock, Duration>& time) {
    return wait(detail::deadline::of(time));
  }

  // How often it has paused since it was made or reset.
  constexpr std::uint64_t retries() const noexcept { return plan_.steps(); }
  // The next pause is as short as the first. To be called after a success.
  constexpr void reset() noexcept { plan_.restart(); }

 private:
  static constexpr std::int64_t checked(std::int64_t longest_ns) {
    if (longest_ns <= 0)
      throw std::invalid_argument(
          "syncxx: back_off: the longest sleep must be longer than 0");
    return longest_ns;
  }
  SYNCXX_COLD bool wait(detail::deadline until) noexcept;

  detail::back_off_plan plan_;
};

static_assert(SYNCXX_IN_RELACY || sizeof(back_off) == 24);

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_BACK_OFF_H_
