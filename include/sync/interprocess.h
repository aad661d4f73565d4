// SPDX-License-Identifier: Apache-2.0
//
// interprocess: primitives for memory that several processes share.
//
// Choose them for objects in a shared mapping (mmap with MAP_SHARED of a file
// or memfd, or inherited through fork). Within one process choose the types
// without: their sleeps and wakes cost less, for the kernel need not look up
// what is mapped. Where a process may be killed while it owns a lock choose
// robust_mutex.
//
// Each has the interface, size and memory orders of the type of the same name
// outside of the namespace, and is the same code with shared futexes. (A
// robust_mutex has them always: it is one type.)
//
// Promises, besides those
//   memory    no pointers: processes may map an object at different addresses.
//             Zero bytes are a mutex that is free, a semaphore without tokens,
//             an event that is not set, an open latch, a condition variable: a
//             new file or memfd needs no constructor. (A barrier must be told
//             how many it expects; its completion function is in the memory
//             too, and is called in the process that arrives last)
//   mix       every process must use the same kind of library on an object, of
//             one version: plain and hooked share one representation, but the
//             hooked one knows of its own process only
//   killed    a process that is killed while it sleeps in a wait does no harm
//             (at a barrier it has arrived). One that is killed while it owns a
//             lock leaves it owned, but for a robust one; an upgrader that
//             waits to become the writer is an owner. One that is killed on its
//             way in or out of a call may take a token or a wake with it
//   unmapped  a process may unmap an object when none of its threads is in a
//             call on it, but for the release that let the last one go
//   stop      a stop_token is the process's own; the rest of the wait is shared
//   numbers   pi_mutex and robust_mutex name their owner by its thread number:
//             all users must be in one pid namespace. A pi_mutex whose owner
//             was killed says so until another thread gets the number
//   fork      the child shares the objects with its parent, and may use them;
//             what the forking thread owned is the parent's
//
// Design: docs/design/interprocess.md. Stress: stress/interprocess*_stress.cc.
#ifndef SYNCXX_INTERPROCESS_H_
#define SYNCXX_INTERPROCESS_H_

#include <cstddef>
#include <utility>

#include <sync/barrier.h>
#include <sync/detail/annotations.h>
#include <sync/detail/config.h>
#include <sync/detail/futex.h>
#include <sync/event.h>
#include <sync/interprocess/condition_variable.h>
#include <sync/interprocess/mutex.h>
#include <sync/interprocess/shared_mutex.h>
#include <sync/latch.h>
#include <sync/pi_mutex.h>
#include <sync/robust_mutex.h>
#include <sync/semaphore.h>

namespace syncxx::inline SYNCXX_ABI {
namespace interprocess {

template <std::ptrdiff_t LeastMaxValue = detail::raw_semaphore::kMax>
class counting_semaphore
    : public detail::basic_semaphore<LeastMaxValue,
                                     futex_scope::process_shared> {
 public:
  // Throws std::invalid_argument unless 0 <= desired <= max().
  constexpr explicit counting_semaphore(std::ptrdiff_t desired)
      : counting_semaphore::basic_semaphore(desired) {}
};

using binary_semaphore = counting_semaphore<1>;

class event : public detail::basic_event<futex_scope::process_shared> {
 public:
  constexpr explicit event(bool set = false) noexcept : basic_event(set) {}
};

class auto_reset_event
    : public detail::basic_auto_reset_event<futex_scope::process_shared> {
 public:
  constexpr explicit auto_reset_event(bool set = false) noexcept
      : basic_auto_reset_event(set) {}
};

class latch : public detail::basic_latch<futex_scope::process_shared> {
 public:
  // Throws std::invalid_argument unless 0 <= expected <= max().
  constexpr explicit latch(std::ptrdiff_t expected) : basic_latch(expected) {}
};

// A token is good in the process in which it was got.
template <class CompletionFunction = detail::no_completion>
class barrier : public detail::basic_barrier<CompletionFunction,
                                             futex_scope::process_shared> {
 public:
  // Throws std::invalid_argument unless 0 <= expected <= max().
  constexpr explicit barrier(
      std::ptrdiff_t expected,
      CompletionFunction completion = CompletionFunction())
      : barrier::basic_barrier(expected, std::move(completion)) {}
};

class SYNCXX_CAPABILITY("pi_mutex") pi_mutex
    : public detail::basic_pi_mutex<futex_scope::process_shared> {
 public:
  constexpr pi_mutex() noexcept = default;
};

using robust_mutex = syncxx::robust_mutex;
using robust_pi_mutex = syncxx::robust_pi_mutex;

static_assert(SYNCXX_IN_RELACY ||
              (sizeof(mutex) == 4 && sizeof(counting_semaphore<>) == 4 &&
               sizeof(event) == 4 && sizeof(auto_reset_event) == 4 &&
               sizeof(latch) == 4 && sizeof(barrier<>) == 12 &&
               sizeof(pi_mutex) == 4));

}  // namespace interprocess
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_INTERPROCESS_H_
