// SPDX-License-Identifier: Apache-2.0
//
// A failing execution as people are shown it: the steps of all threads in one
// order, with what each read saw and why. recorder.h makes it, timeline.cc puts
// it into text, page.cc onto a page.
#ifndef SYNCXX_SRC_MODEL_TRACE_H_
#define SYNCXX_SRC_MODEL_TRACE_H_

#include <cstdint>
#include <string>

#include <sync/model/access.h>
#include <sync/model/check.h>

#include "graph.h"
#include "memory_resource.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

enum class action : std::uint8_t {
  load,
  store,
  update,            // any read-modify-write but the next
  compare_exchange,  // which may have failed
  fence,
  create,
  join,
  wait,     // a futex wait that did not sleep, or is over
  sleep,    // a futex wait that has queued its thread
  wake,     // of a futex
  count,    // of a futex's sleepers
  move,     // of sleepers to another futex
  choice,   // model::choose
  clock,    // a look at it
  make,     // the construction of an object
  destroy,  // its end
  cell_read,
  cell_write,
  allocate,  // operator new
  release,   // operator delete
  require,   // that did not hold
  assume,    // that did not hold
  misuse,    // of a primitive
  fail,      // anything else
};

using step_number = std::uint32_t;  // kNone, kInitial as for events

struct trace_step {
  action what{};
  access_kind access = access_kind::other;
  memory_order order = memory_order_relaxed;
  bool reads = false, writes = false;
  bool stale = false;    // there was a later write than the one read
  bool guessed = false;  // a compare-exchange that failed spuriously
  bool failed = false;   // where the execution fails
  bool culprit = false;  // what the failing step conflicts with
  bool after = false;    // `where` is the place of the thread's last step
  bool lasting = false;  // an allocation that nothing frees
  bool plain = false;    // without events
  source where{};
  source called{};  // `where` is in the library: the program's call of that
  thread_number thread = 0;
  thread_number peer = kNone;    // who is created, or joined
  std::uint32_t object = kNone;  // in trace::objects
  std::uint32_t other = kNone;   // the same: where sleepers are moved to
  std::uint32_t size = 0;        // of the values; of an allocation
  std::int64_t result = 0;       // of a futex operation, a choice, a clock
  value seen{}, made{}, expected{};
  step_number from = kNone;    // reads: what wrote the value; woken: by what
  step_number latest = kNone;  // of a stale read: what it missed
  std::uint32_t place = 0;     // of a write: in co, from 1
  // Events of its thread: it is those in (first, last], or lies behind `last`.
  std::uint32_t first = 0, last = 0;
  vec<std::uint32_t> clock;       // hb, by thread
  vec<step_number> synchronizes;  // the steps that it newly happens after
  // Until the trace is complete.
  event_id read_from = kNone, write = kNone;
  const void* address = nullptr;
};

struct trace_object {
  const std::byte* address = nullptr;
  std::uint32_t size = 0;  // 0: bytes mean nothing
  bool cell = false;
  bool block = false;  // of the heap
  bool known = false;  // `initial` is
  value initial{};
  source where{};  // of its first use
  text name;
  vec<step_number> order;  // its writes in co
};

struct trace_thread {
  text state;  // at the end
  bool ended = false;
  text where;  // it is, or nothing
  source line{};
};

struct trace {
  verdict what{};
  text message;
  std::uint32_t left_out = 0;  // steps, for being too many
  vec<trace_step> steps;       // of which the first has number 1
  vec<trace_object> objects;
  vec<trace_thread> threads;

  // Whether steps[a] happens before steps[b].
  bool before(step_number a, step_number b) const noexcept;
};

// In words.
text describe(const trace& t, const trace_step& s);  // what it does
text explain(const trace& t, const trace_step& s);   // what it saw, or nothing
text place(const trace_step& s);                     // or nothing
text program_place(const trace_step& s);             // in the program itself
text print(const value& v, std::uint32_t size);
text kind_of(const trace_object& o);
const char* name_of(memory_order order) noexcept;

// The program's own lines, where its files can be read.
class program_text {
 public:
  text line(const source& where);  // trimmed, or nothing

 private:
  ordered_map<text, vec<text>> files_;
};

text timeline(const trace& t);
text page(const trace& t);

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_TRACE_H_
