// SPDX-License-Identifier: Apache-2.0
//
// The door between the model world's types and the checker: what an atomic, a
// cell, a fence or a sleep asks it for. Not an interface for users, who include
// <sync/model/check.h>.
#ifndef SYNCXX_MODEL_ACCESS_H_
#define SYNCXX_MODEL_ACCESS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

using std::memory_order;
using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_consume;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

// A place in the program. (std::source_location would do, but for clang 14.)
struct source {
  const char* file = "";
  unsigned line = 0;  // 0: unknown
  // For padding: what is left in that would make states of a thread differ.
  unsigned nothing = 0;
  static constexpr source current(const char* file = __builtin_FILE(),
                                  unsigned line = __builtin_LINE()) noexcept {
    source s;
    s.file = file;
    s.line = line;
    return s;
  }
};

// The bytes of an atomic's value, up to 16.
struct value {
  std::uint64_t lo = 0;
  std::uint64_t hi = 0;
  bool operator==(const value&) const noexcept = default;
};

enum class access_kind : std::uint8_t {
  load,
  store,
  exchange,
  fetch_add,
  fetch_sub,
  fetch_and,
  fetch_or,
  fetch_xor,
  compare_exchange_weak,
  compare_exchange_strong,
  futex,        // a queue of sleepers, or a look at a word under its lock
  disturbance,  // a choice: a sleep ends before it begins, or does not
  timed_sleep,  // a choice: woken, or out of time
  clock,        // a choice: the time stands still, or jumps
  rest,         // no choice: the time jumps
  heavy_fence,  // one that orders against light fences, too
  light_fence,  // one that orders against heavy fences alone
  other,
};

// One operation on an atomic object.
struct access {
  access_kind what{};
  bool confirms = false;  // that what the thread has seen is still so
  std::uint8_t size = 0;
  std::uint8_t nothing = 0;  // for padding, as in source
  memory_order order = memory_order_seq_cst;
  memory_order failure = memory_order_seq_cst;
  std::uint32_t nothing_either = 0;
  const void* address = nullptr;
  value operand{};   // stored, added, …; compare-exchange: the new value
  value expected{};  // compare-exchange
  // The new value of a read-modify-write, made of the old one and `operand`.
  value (*update)(const value& old, const value& operand) = nullptr;
  source where{};
};

// Returns the value read. (A stub in check.cc, which saves the caller's
// registers.)
value perform(access* what) noexcept __asm__("syncxx_model_access");

// Whether the compare-exchange just performed has stored its value.
bool last_exchange_succeeded() noexcept;

// `where` may be default-constructed: unknown. `what`: heavy or light fence;
// other: atomic_thread_fence.
void fence(memory_order order, const source& where,
           access_kind what = access_kind::other) noexcept;
// An atomic object begins and ends its life. Outside check they do nothing.
void construct(const void* object, std::size_t size) noexcept;
void destroy(const void* object) noexcept;

// Blocks while the object has the value, until a notification; may return
// though it still has. `notify` wakes one of those that wait, whichever, or
// all.
void wait(const void* object, std::size_t size, const value& old,
          const source& where) noexcept;
void notify(const void* object, std::size_t size, bool all,
            const source& where) noexcept;

// Plain shared data. `size` is that of the value; 0: its bytes tell nothing.
void cell_construct(const void* cell, std::size_t size,
                    bool initialized) noexcept;
void cell_read(const void* cell, std::size_t size,
               const source& where) noexcept;
void cell_write(const void* cell, std::size_t size,
                const source& where) noexcept;

// Between two looks of a loop that waits for another thread. `again`: not for
// the first time in this loop, as far as is known.
void spin_hint(bool again = false) noexcept;
// A modelled clock: jumps far ahead, or does not, as an explored choice.
std::int64_t clock_ns(int clock, bool base = false) noexcept;
// Time passes: the thread's next look at a clock is past every deadline.
void rest() noexcept;
// The calling thread's number, from 1.
std::uintptr_t self_number() noexcept;
bool running() noexcept;

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_MODEL_ACCESS_H_
