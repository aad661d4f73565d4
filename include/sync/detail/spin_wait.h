// SPDX-License-Identifier: Apache-2.0
//
// How long, and how politely, to spin.
//
// A spinner that reads a contended line at full speed slows down the thread it
// waits for: each read costs the owner a line transfer (~100 ns there and back
// between two CPUs). So the pauses between two looks grow, and the owner runs
// mostly undisturbed. Backoff: Anderson, "The Performance of Spin Lock
// Alternatives for Shared-Memory Multiprocessors", IEEE TPDS 1990.
#ifndef SYNCXX_DETAIL_SPIN_WAIT_H_
#define SYNCXX_DETAIL_SPIN_WAIT_H_

#include <sync/detail/config.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

#ifndef SYNCXX_SPIN_ROUNDS
#define SYNCXX_SPIN_ROUNDS 7
#endif
#ifndef SYNCXX_SPIN_FIRST
#define SYNCXX_SPIN_FIRST 1
#endif

class spin_wait {
 public:
  // Before parking: pauses, longer each time, and says whether to look again.
  // False: enough, sleep. On one CPU it is always false: nobody else can run.
  bool spin() noexcept {
    if (round_ >= kRounds || !others_can_run()) return false;
    pause_round();
    return true;
  }

  // Without parking, for what another running thread will do in a moment: the
  // same pauses, then the CPU is given away, in the end by short sleeps so that
  // a real-time spinner cannot keep the thread it waits for from running.
  void wait() noexcept {
    if (round_ < kRounds && others_can_run())
      pause_round();
    else
      give_way();
  }

 private:
  void pause_round() noexcept {
    for (unsigned i = 0; i < (unsigned{SYNCXX_SPIN_FIRST} << round_); ++i)
      pause();
    ++round_;
  }
  SYNCXX_COLD void give_way() noexcept;
  static bool others_can_run() noexcept;

  static constexpr unsigned kRounds = SYNCXX_SPIN_ROUNDS;
  static constexpr unsigned kYields = 64;

  unsigned round_ = 0;
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_SPIN_WAIT_H_
