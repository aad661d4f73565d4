// SPDX-License-Identifier: Apache-2.0
//
// What the checker has found, as data; report() below tells it.
#ifndef SYNCXX_SRC_DEADLOCK_REPORT_FINDING_H_
#define SYNCXX_SRC_DEADLOCK_REPORT_FINDING_H_

#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/hooks.h>

#include "place.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// The names in JSON are the enumerators'.
enum class finding_kind : std::uint8_t {
  lock_order_inversion,       // might deadlock: links
  deadlock,                   // has: links
  self_deadlock,              // here, other: where it was taken first
  unlock_not_owner,           // here, other: who holds it (nobody: none)
  destroyed_while_held,       // here, other: who holds it
  thread_exit_holding,        // here: the end; other: where it was taken
  wrong_mutex_for_condition,  // here, other: who waits with another mutex
  blocking_under_spinlock,    // here, other: where the spinlock was taken
  reader_reentry,             // here, other: the first lock_shared
  long_hold,                  // here: the unlock; other: the lock; duration
  lost_notify,                // here: the wait; other: the last notify
  misuse,                     // whatever else: here, other, before
};

// An object of the program.
struct object_ref {
  const void* address = nullptr;
  object_kind kind{};
  const char* name = nullptr;  // as the program has named it; or null
};

// Somebody doing something somewhere. thread 0: nobody.
struct deed {
  std::uint64_t thread = 0;  // its serial number, never used again
  int tid = 0;               // the kernel's, which may be
  object_ref object;         // with which
  place at;                  // depth 0: not known
};

// One thread's part in a circle: it holds `held`, and waits (has waited) for
// `wanted`, which is the next link's `held`. held.object.address is null where
// the thread itself is what the one before waits for (a join).
struct deadlock_link {
  deed held;
  deed wanted;
};

struct finding {
  finding_kind kind;
  const char* what;  // one line: "lock() of a mutex that this thread already…"
  int code;          // the errno value that goes with it
  // deadlock, lock_order_inversion; read by number, since there may be
  // thousands.
  std::uint32_t links = 0;
  const deadlock_link& (*link)(const void* circle, std::uint32_t i) = nullptr;
  const void* circle = nullptr;
  // The others; null: not known, or there is none.
  const deed* here = nullptr;
  const deed* other = nullptr;
  const deed* before = nullptr;  // the one before `other`, of those that gave
  std::int64_t duration_ns = 0;  // long_hold
};

// Tells it: as text to stderr or SYNCXX_DEADLOCK_LOG, as a line of JSON to
// SYNCXX_DEADLOCK_JSON, as Graphviz to SYNCXX_DEADLOCK_DOT, to the callback.
// The same finding at the same places again takes one line of text, and no
// more. False: it is suppressed, and was not told. One at a time; allocates
// nothing with malloc.
bool report(const finding& found) noexcept;

// Hears of each finding that is told (not of one that is like an earlier one),
// after it has been written, in the thread that has found it. `text` is what
// was written. Null: nobody hears. Not called for what is found inside of it.
using finding_callback = void (*)(const finding& found, const char* text,
                                  void* context);
void set_callback(finding_callback callback, void* context) noexcept;

// Reads the environment: where findings go, which are suppressed. To be called
// when the program starts; report() does it if nobody has.
void begin_reports() noexcept;

// The same at run time. Null or "": not into a file (the text: to stderr).
enum class report_file : std::uint8_t { log, json, graph };
void set_report_file(report_file which, const char* path) noexcept;

// In the child of a fork: nobody is in report().
void reset_report_lock() noexcept;

// "lock_order_inversion", ...
const char* name_of(finding_kind kind) noexcept;

// Findings that are not told. `kind`: a finding_kind's name, or "*" for all.
// `pattern`: "*" stands for any characters; it must match whole the name of a
// function, of a source file (with or without its directories), of a loaded
// file or of a lock, anywhere in the finding. Copies both. False: there is no
// such kind, or no memory.
namespace suppressions {
bool add(const char* kind, const char* pattern) noexcept;
// A file of them. What is wrong with it, or in it, is said on stderr.
void add_file(const char* path) noexcept;
}  // namespace suppressions

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_REPORT_FINDING_H_
