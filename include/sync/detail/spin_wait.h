// SPDX-License-Identifier: Apache-2.0
//
// How long, and how politely, to spin.
//
// A spinner that reads a contended line slows down the thread it waits for:
// each look takes the line away (~100 ns there and back between two CPUs). A
// look only every microsecond lets the owner run tens of critical sections
// undisturbed in its own cache, and both threads get more done. So the pauses
// between two looks are long from the start, and grow. Backoff: Anderson, "The
// Performance of Spin Lock Alternatives for Shared-Memory Multiprocessors",
// IEEE TPDS 1990. Figures: docs/design/mutex.md.
#ifndef SYNCXX_DETAIL_SPIN_WAIT_H_
#define SYNCXX_DETAIL_SPIN_WAIT_H_

#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

class spin_wait {
 public:
  // Before parking: pauses, longer each time, and says whether to look again.
  // False: enough (about 5 us), sleep. On one CPU always: nobody else can run.
  SYNCXX_COLD bool spin() noexcept;

  // Without parking, for what another running thread will do in a moment: the
  // same pauses, then the CPU is given away, in the end by short sleeps so that
  // a real-time spinner cannot keep the thread it waits for from running.
  SYNCXX_COLD void wait() noexcept;

 private:
  unsigned round_ = 0;
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_SPIN_WAIT_H_
