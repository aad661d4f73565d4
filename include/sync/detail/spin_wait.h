// SPDX-License-Identifier: Apache-2.0
//
// How long, and how politely, to spin.
//
// A spinner that reads a contended line slows down the thread it waits for:
// each look takes the line away (~100 ns there and back between two CPUs). A
// look only every microsecond lets the owner run tens of critical sections
// undisturbed in its own cache, and both threads get more done. So there are
// few looks: the first after about a short critical section, for where threads
// rarely meet, and then each pause is three times the last. Backoff: Anderson,
// "The Performance of Spin Lock Alternatives for Shared-Memory
// Multiprocessors", IEEE TPDS 1990. Figures: docs/design/spinning.md.
#ifndef SYNCXX_DETAIL_SPIN_WAIT_H_
#define SYNCXX_DETAIL_SPIN_WAIT_H_

#include <cstdint>

#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// How many CPUs the thread that loaded the library might use then; 0 before.
SYNCXX_COLD unsigned usable_cpus() noexcept;

// What back_off is made of: pauses of the CPU, for about so long; false, at
// once, where nobody else can run meanwhile (one CPU).
SYNCXX_COLD bool pause_for_ns(std::int64_t ns) noexcept;
// A sleep of so long, or until a signal comes. No cancellation point; errno is
// kept.
SYNCXX_COLD void nap_for(std::int64_t ns) noexcept;

// Before parking: about 25 us of looks at most, as long as a sleep and the wake
// from it take. A thread whose spinning fails (the thread it waits for does not
// run, or runs on the same CPU) parks at once the next times, twice as many
// after each failure, until a try succeeds.
// (Parks, or gives the CPU away some times before it does: yield().)
class spinner {
 public:
  // Briefly: 5 us. Where yield() follows, and where nobody else can take what
  // the thread waits for, so that a long pause is lost to all.
  enum class how { for_a_lock, briefly };

  explicit spinner(how to_spin) noexcept : briefly_(to_spin == how::briefly) {}
  spinner(const spinner&) = delete;
  spinner& operator=(const spinner&) = delete;
  ~spinner() { restart(); }

  // Pauses, longer each time, and says whether to look again. False: do not
  // spin on. On one CPU always: nobody else can run.
  SYNCXX_COLD bool spin() noexcept;
  // The same, unless may_run() says that those waited for cannot all run.
  template <class MayRun>
  bool spin(MayRun may_run) noexcept {
    return round_ != kGivenUp && (round_ != 0 || may_run()) && spin();
  }
  // After that, where threads hand something to and fro: gives the CPU away,
  // which is a syscall, and says whether to look again. One that sleeps makes
  // the other wait for its wake, and so sleep, too. Not for locks: who gives
  // the CPU away comes back to a lock that is taken again. Learnt as well: not
  // where a yield lasts, since the CPU went to other work.
  SYNCXX_COLD bool yield() noexcept;
  // After a sleep; what was waited for did not come while spinning or did not
  // last.
  void restart() noexcept {
    if (round_ != 0 && round_ != kGivenUp) succeeded();
    round_ = kFirstRound;
    yields_ = 0;
  }

 private:
  SYNCXX_COLD static void succeeded() noexcept;

  static constexpr unsigned kGivenUp = ~0u;
  // (Another order of the threads shows what another look would.)
  static constexpr unsigned kFirstRound =
      SYNCXX_MODELLED || SYNCXX_IN_RELACY ? kGivenUp : 0;
  unsigned round_ = kFirstRound;  // pauses so far; kGivenUp: no more of them
  unsigned yields_ = 0;           // so far; kGivenUp: no more of them
  const bool briefly_;
};

// Without parking, for what another thread will do in a moment: the same
// pauses, then the CPU is given away, in the end by short sleeps so that a
// real-time thread cannot keep the one it waits for from running.
class patience {
 public:
  SYNCXX_COLD void wait() noexcept;

 private:
  unsigned round_ = 0;
};

// For one that stands in a line, where nobody else can take what it waits for:
// `ahead` threads, at least 1, go first. There is no reason to stay away, so
// the pauses are short and grow with the line only. Where the threads ahead
// cannot all run, or where spinning has been in vain lately (learnt as by
// spinner), the CPU is given away at once, and in the end as by patience.
class line_patience {
 public:
  line_patience() noexcept = default;
  // The one ahead was running a moment ago: spinning is worth while, whatever
  // has been learnt.
  enum class ahead_runs { yes };
  explicit line_patience(ahead_runs) noexcept : sure_(true) {}
  line_patience(const line_patience&) = delete;
  line_patience& operator=(const line_patience&) = delete;
  ~line_patience() {
    if (round_ != 0) over();
  }

  SYNCXX_COLD void wait(unsigned ahead) noexcept;
  // The same for one that can sleep: false, without a wait, when it should.
  SYNCXX_COLD bool try_wait(unsigned ahead) noexcept;

 private:
  SYNCXX_COLD void over() noexcept;

  unsigned round_ = 0;  // since the line has moved
  unsigned ahead_ = 0;
  bool sure_ = false;
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_SPIN_WAIT_H_
