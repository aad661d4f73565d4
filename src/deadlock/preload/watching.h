// SPDX-License-Identifier: Apache-2.0
//
// What all interposed functions share: whether they are to tell the checker,
// and what its answers mean.
//
// Each interposed function does what the real one does, in this order: tells
// what is about to happen, tries (a try never blocks), tells of a wait only if
// that fails, and lets the real function wait and decide. Nothing is told but
// what the real functions say: the program's locks stay the program's.
//
// These files are compiled without exceptions: a cancelled thread is unwound
// through their frames by another copy of the unwinder than theirs, so there
// must be nothing to clean up in them.
#ifndef SYNCXX_SRC_DEADLOCK_PRELOAD_WATCHING_H_
#define SYNCXX_SRC_DEADLOCK_PRELOAD_WATCHING_H_

#include <pthread.h>
#include <time.h>

#include <cstdlib>

#include <sync/detail/config.h>

#include "../checker.h"
#include "../checker_fast.h"
#include "../statistics/statistics.h"
#include "real.h"

// What the library exports; exports.map gives some of them a version.
#define SYNCXX_EXPORTED extern "C" __attribute__((visibility("default")))

// glibc's way of running something when a thread is cancelled that needs
// neither an exception table nor a jump buffer. It has no declaration for
// users.
extern "C" void _pthread_cleanup_push(_pthread_cleanup_buffer* buffer,
                                      void (*routine)(void*), void* argument);
extern "C" void _pthread_cleanup_pop(_pthread_cleanup_buffer* buffer,
                                     int execute);

namespace syncxx::inline SYNCXX_ABI {
namespace detail::preload {

using checker::verdict;
using detail::waits;

// Whether a thread tells the checker what it does.
enum class phase : unsigned char {
  not_begun,
  tells,
  has_ended,  // has told of its end
};
extern thread_local constinit phase t_phase
    __attribute__((tls_model("initial-exec")));

// The first call of an interposed function that tells something, in a thread.
// True if the checker listens now; false while it begins.
SYNCXX_COLD bool start() noexcept;

inline bool is_watching() noexcept {
  if (t_phase == phase::tells) [[likely]]
    return true;
  return start();
}

[[noreturn]] SYNCXX_COLD void end_program() noexcept;

// Whether an operation is not to be done.
inline bool is_refused(verdict answer) noexcept {
  if (answer < verdict::raise) [[likely]]
    return false;
  if (answer == verdict::end) end_program();
  return true;
}

// --- What is told -----------------------------------------------------------
//
// To the checker, if there is something for it to do, and to the statistics if
// they are on.

SYNCXX_ALWAYS_INLINE verdict attempt(const void* object, object_kind kind,
                                     waits how, call_site site) noexcept {
  if (statistics::is_on()) [[unlikely]]
    statistics::attempt();
  return checker::attempt_known(object, kind, site)
             ? verdict::none
             : checker::attempt(object, kind, how, site);
}

inline verdict releasing(const void* object, object_kind kind,
                         const call_site& site) noexcept {
  if (statistics::is_on()) [[unlikely]]
    statistics::releasing(object, kind);
  if (kind != object_kind::posix_semaphore &&
      (released_last(object, kind) || checker::releasing_known(object, kind)))
      [[likely]]
    return verdict::none;
  return checker::releasing(object, kind, site);
}

inline verdict wait_begin(const void* object, object_kind kind, waits how,
                          const call_site& site) noexcept {
  if (statistics::is_on()) [[unlikely]]
    statistics::wait_begin(object, kind, site);
  return checker::wait_begin(object, kind, how, site);
}

inline void wait_end(const void* object, object_kind kind) noexcept {
  if (statistics::is_on()) [[unlikely]]
    statistics::wait_end(object, kind);
  checker::wait_end(object, kind);
}

inline verdict destroyed(const void* object, object_kind kind,
                         const call_site& site) noexcept {
  if (statistics::is_on()) [[unlikely]]
    statistics::forget(object, kind);
  return checker::destroyed(object, kind, site);
}

inline void memory_released(const void* begin, std::size_t size,
                            const call_site& site) noexcept {
  if (statistics::is_on()) [[unlikely]]
    statistics::forget(begin, size);
  checker::memory_released(begin, size, site);
}

// The kernel's number of the calling thread, as glibc writes it into mutexes.
int own_tid() noexcept;

// A timed function checks its arguments before it looks at the object, and so
// it must not be tried first with ones that are not valid.
inline bool is_valid(const timespec* until,
                     clockid_t clock = CLOCK_REALTIME) noexcept {
  return until != nullptr && until->tv_nsec >= 0 &&
         until->tv_nsec < 1'000'000'000 &&
         (clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC);
}

// Wait, with the checker told. The result of wait(), or EDEADLK if the thread
// is to give up.
template <class Wait>
SYNCXX_ALWAYS_INLINE int wait_for(const void* object, object_kind kind,
                                  waits how, const call_site& site,
                                  Wait&& wait) noexcept {
  if (is_refused(wait_begin(object, kind, how, site))) return EDEADLK;
  const int result = wait();
  preload::wait_end(object, kind);
  return result;
}

// --- Memory (memory.cc) ------------------------------------------------------

// A free() is told only if there has been a lock in that memory.
class known_memory {
 public:
  void note(const void* object) noexcept {
    const std::uintptr_t line = line_of(object);
    if ((lines_[word(line)] & bit(line)) == 0) [[unlikely]]
      add(object);
  }
  bool may_hold_lock(const void* begin, std::size_t size) const noexcept;

 private:
  static constexpr unsigned kLineShift = 6;
  static constexpr unsigned kLinesLog2 = 20;
  static constexpr unsigned kPageShift = 12;
  static constexpr unsigned kPagesLog2 = 15;

  static std::uintptr_t line_of(const void* at) noexcept {
    const auto line = reinterpret_cast<std::uintptr_t>(at) >> kLineShift;
    return (line ^ (line >> kLinesLog2)) &
           ((std::uintptr_t{1} << kLinesLog2) - 1);
  }
  static std::uintptr_t page_of(const void* at) noexcept {
    const auto page = reinterpret_cast<std::uintptr_t>(at) >> kPageShift;
    return (page ^ (page >> kPagesLog2)) &
           ((std::uintptr_t{1} << kPagesLog2) - 1);
  }
  static std::size_t word(std::uintptr_t i) noexcept { return i / 64; }
  static std::uint64_t bit(std::uintptr_t i) noexcept {
    return std::uint64_t{1} << (i % 64);
  }
  SYNCXX_COLD void add(const void* object) noexcept;

  // Sets of hashed addresses; what is in them stays there.
  std::uint64_t lines_[(std::size_t{1} << kLinesLog2) / 64] = {};
  std::uint64_t pages_[(std::size_t{1} << kPagesLog2) / 64] = {};
};

extern constinit known_memory g_known_memory;

// acquired(), by a thread that owns it.
inline void took(const void* object, object_kind kind,
                 const call_site& site) noexcept {
  if (statistics::is_on()) [[unlikely]]
    statistics::acquired(object, kind, site);
  if (acquired_as_expected(object, kind)) [[likely]]
    return;  // what is expected has been noted before
  g_known_memory.note(object);
  checker::acquired(object, kind, site);
}

// An object is made where there may have been another: what is known of that is
// dropped.
void made_anew(const void* object, object_kind kind) noexcept;

// --- Thread dumps (dump.cc), ends of threads (thread.cc) ---------------------

void begin_dumps() noexcept;
void begin_threads() noexcept;

}  // namespace detail::preload
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_DEADLOCK_PRELOAD_WATCHING_H_
