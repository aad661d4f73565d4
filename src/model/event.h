// SPDX-License-Identifier: Apache-2.0
//
// One event of an execution graph.
#ifndef SYNCXX_SRC_MODEL_EVENT_H_
#define SYNCXX_SRC_MODEL_EVENT_H_

#include <cstdint>

#include <sync/model/access.h>

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

// Events are numbered in the order in which they were added.
using event_id = std::uint32_t;
using location_id = std::uint32_t;
using thread_number = std::uint32_t;
inline constexpr std::uint32_t kNone = 0xffffffffu;
inline constexpr event_id kInitial = 0xfffffffeu;  // read from: initial value

enum class kind : std::uint8_t {
  read,         // a load, or a compare-exchange that fails
  update_read,  // the first half of a read-modify-write; the other follows
  write,
  update_write,
  fence,
  create,  // of thread `location`
  start,   // of a thread; depends on its create
  finish,
  join,    // of thread `location`; depends on its finish
  resume,  // out of a futex sleep; depends on the wake, without ordering
  choice,  // one of `location` alternatives; value.lo
};

// What an event takes over from the one before it in its thread.
struct carried {
  std::uint32_t release = 0;  // index of the last release fence in po
  std::uint32_t open = 0;     // updates begun and not ended, in po
  std::uint32_t time = 0;     // jumps of the clock that have happened
  bool clocked = false;       // the clock has been read, in its past
  bool disturbed = false;     // a sleep has ended for no reason, in its past
  bool heavy = false;         // a heavy fence that releases, in po
  bool light = false;         // the same, of a light one
};

// Names a place in the code: where calls are not inlined, the site is the same
// for all operations of a type.
inline std::uint64_t call_of(const void* site, const source& where) noexcept {
  return reinterpret_cast<std::uintptr_t>(site) +
         (std::uint64_t{where.line} << 48);
}

// A memory order in a byte.
class small_order {
 public:
  constexpr small_order(memory_order o = memory_order_relaxed) noexcept
      : order_(static_cast<std::uint8_t>(o)) {}
  constexpr operator memory_order() const noexcept {
    return static_cast<memory_order>(order_);
  }

 private:
  std::uint8_t order_;
};

// What every event has: a cache line.
struct event_head : carried {
  kind what{};
  small_order order;
  std::uint16_t thread = 0;
  std::uint8_t size = 0;
  access_kind access{};  // what the program called
  bool await = false;    // a read that only certain values may let go on
  bool vain = false;     // an update's value leads back: its thread stays
  bool guessed = false;  // a weak compare-exchange that fails spuriously
  small_order failure;   // of a compare-exchange
  small_order success;
  bool confirms = false;    // reads what the look before it has (rounds.cc)
  std::uint32_t index = 0;  // in po, from 1
  location_id location = kNone;  // or what the kind says
  event_id rf = kNone;           // what it reads from or depends on
  std::uint32_t memo = kNone;    // which values let an await go on
  location_id queue = kNone;     // look before a sleep: the queue
  event_id previous = kNone;     // same thread and location
  std::uint32_t co = 0;          // of a write: place in co, from 1
  std::uint32_t stuck = 0;       // of an await: see await_note
  std::uint32_t since = 0;       // of an await: see await_note
};
static_assert(sizeof(event_head) == 64);

struct alignas(16) event : event_head {
  value data{};                // read or written
  std::uint64_t past = 0;      // names the event and all it depends on
  const void* site = nullptr;  // where the program called it
  source where{};              // the same, for people; line 0: unknown
  value expected{};            // of a compare-exchange
  value operand{};             // of an update, with what makes its value
  value (*update)(const value& old, const value& operand) = nullptr;

  bool is_read() const noexcept {
    return what == kind::read || what == kind::update_read;
  }
  std::uint64_t call() const noexcept { return call_of(site, where); }
  // Awaits by updates take part with whatever they read (spin.cc).
  bool awaits_value() const noexcept {
    return await && this->access == access_kind::load;
  }
  // A look that finds what the thread is to sleep on: it joins the queue in the
  // same step.
  bool begins_sleep() const noexcept {
    return queue != kNone && data == expected;
  }
  bool is_write() const noexcept {
    return what == kind::write || what == kind::update_write;
  }
  // Asymmetric fences. A heavy one is a fence besides.
  bool is_heavy() const noexcept {
    return what == kind::fence && access == access_kind::heavy_fence;
  }
  bool is_light() const noexcept {
    return what == kind::fence && access == access_kind::light_fence;
  }
};

// What the program has called, as an event. `all`: not only what a load has.
inline void describe(event& e, const access& a, location_id l, const void* site,
                     bool all = true) noexcept {
  e.location = l;
  e.access = a.what;
  e.size = a.size;
  e.order = a.order;
  e.site = site;
  e.where = a.where;
  if (!all) return;
  e.success = a.order;
  e.failure = a.failure;
  e.expected = a.expected;
  e.operand = a.operand;
  e.update = a.update;
}

constexpr bool acquires(memory_order order) noexcept {
  return order == memory_order_acquire || order == memory_order_acq_rel ||
         order == memory_order_seq_cst;
}
constexpr bool releases(memory_order order) noexcept {
  return order == memory_order_release || order == memory_order_acq_rel ||
         order == memory_order_seq_cst;
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_EVENT_H_
