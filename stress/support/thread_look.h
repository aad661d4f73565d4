// SPDX-License-Identifier: Apache-2.0
//
// What the kernel says about another thread of this process: is it asleep in
// a futex call, and on which word? Read from /proc, so it needs no help from
// the thread itself; where /proc does not tell (qemu-user), nothing is known.
#ifndef SYNCXX_STRESS_SUPPORT_THREAD_LOOK_H_
#define SYNCXX_STRESS_SUPPORT_THREAD_LOOK_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace syncxx::stress {

struct thread_look {
  char state = '?';  // R running, S asleep, D, T stopped, Z gone
  bool in_syscall = false;
  long syscall = -1;
  std::uint64_t arguments[6] = {};

  // Blocked inside a futex wait of any kind.
  bool waits_in_futex() const noexcept;

  // The addresses of the words it sleeps on; several for futex_waitv.
  std::vector<std::uint64_t> futex_words() const;

  // "S in futex(wait_bitset, 0x7f…) word 0x00000002, expects 0x00000002".
  std::string describe() const;
};

thread_look look_at(pid_t tid);

// Whether look_at can see futex waits here.
bool can_look() noexcept;

// Reads memory of this process that may be gone; false if it is.
bool peek(std::uint64_t address, void* out, std::size_t size) noexcept;

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_THREAD_LOOK_H_
