// SPDX-License-Identifier: Apache-2.0
//
// A step in words.
#include <cerrno>
#include <cstdio>

#include "report.h"
#include "trace.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
namespace {

const char* call_of(access_kind what) noexcept {
  switch (what) {
    case access_kind::exchange:
      return "exchange";
    case access_kind::fetch_add:
      return "fetch_add";
    case access_kind::fetch_sub:
      return "fetch_sub";
    case access_kind::fetch_and:
      return "fetch_and";
    case access_kind::fetch_or:
      return "fetch_or";
    case access_kind::fetch_xor:
      return "fetch_xor";
    case access_kind::compare_exchange_weak:
      return "compare_exchange_weak";
    case access_kind::compare_exchange_strong:
      return "compare_exchange";
    default:
      return "update";
  }
}

text object(const trace& t, std::uint32_t number) {
  return number == kNone ? text("an object") : t.objects[number].name;
}

text comma_order(const trace_step& s) { return text(", ") + name_of(s.order); }

text sleepers(std::int64_t n) {
  if (n == 0) return "nobody";
  return number(static_cast<std::uint64_t>(n)) +
         (n == 1 ? " sleeper" : " sleepers");
}

text describe_update(const trace& t, const trace_step& s) {
  const text what = text(call_of(s.access)) + " on " + object(t, s.object);
  if (!s.reads) return what + comma_order(s);  // never came to it
  const text seen = print(s.seen, s.size);
  if (s.writes)
    return what + ": " + seen + " becomes " + print(s.made, s.size) +
           comma_order(s);
  if (s.guessed) return what + " fails spuriously" + comma_order(s);
  return what + " fails: " + seen + ", not " + print(s.expected, s.size) +
         comma_order(s);
}

text describe_wait(const trace& t, const trace_step& s) {
  const text futex = " the futex " + object(t, s.object);
  if (s.what == action::sleep)
    return "sleeps on" + futex + ", which is " + print(s.seen, s.size);
  switch (s.result) {
    case -EAGAIN:
      return "does not sleep on" + futex + ": it is " + print(s.seen, s.size) +
             ", not " + print(s.expected, s.size);
    case -EINTR:
      return "returns from" + futex + " as if by a signal";
    case -ETIMEDOUT:
      return "runs out of time on" + futex;
    default:
      return s.failed ? "waits on" + futex : "wakes up from" + futex;
  }
}

text describe_heap(const trace& t, const trace_step& s) {
  if (s.what == action::release) return "deletes " + object(t, s.object);
  return "allocates " + object(t, s.object) + ", " + number(s.size) + " bytes";
}

text describe_cell(const trace& t, const trace_step& s) {
  const bool read = s.what == action::cell_read;
  text value;
  if (s.size != 0 && !s.failed) value = print(read ? s.seen : s.made, s.size);
  if (!value.empty()) value += read ? " from " : " to ";
  return (read ? "reads " : "writes ") + value + object(t, s.object);
}

}  // namespace

const char* name_of(memory_order order) noexcept {
  switch (order) {
    case memory_order_relaxed:
      return "relaxed";
    case memory_order_consume:
      return "consume";
    case memory_order_acquire:
      return "acquire";
    case memory_order_release:
      return "release";
    case memory_order_acq_rel:
      return "acq_rel";
    case memory_order_seq_cst:
      return "seq_cst";
  }
  return "?";
}

// The bytes as an unsigned number: nothing more is known of their type.
text print(const value& v, std::uint32_t size) {
  constexpr std::uint64_t kDecimal = 1000000;
  char buffer[40];
  const auto word = [](std::uint64_t x) {
    return static_cast<unsigned long long>(x);
  };
  if (size > 16) return "a value of " + number(size) + " bytes";
  if (v.hi == 0 && v.lo < kDecimal) return number(v.lo);
  if (v.hi == 0)
    std::snprintf(buffer, sizeof buffer, "%#llx", word(v.lo));
  else
    std::snprintf(buffer, sizeof buffer, "0x%llx%016llx", word(v.hi),
                  word(v.lo));
  return buffer;
}

text kind_of(const trace_object& o) {
  const char* const what = o.block ? "block" : o.cell ? "cell" : "atomic";
  if (o.size == 0) return what;
  return text(what) + " of " + number(o.size) +
         (o.size == 1 ? " byte" : " bytes");
}

text place(const trace_step& s) {
  if (s.where.line == 0) return {};
  text words = (s.after ? "after " : "") + place(s.where);
  if (s.called.line != 0) words += ", called at " + place(s.called);
  return words;
}

text program_place(const trace_step& s) {
  if (s.called.line != 0) return place(s.called);
  return s.where.line == 0 || s.after ? text() : place(s.where);
}

text describe(const trace& t, const trace_step& s) {
  switch (s.what) {
    case action::load:
      return "reads " + (s.reads ? print(s.seen, s.size) + " from " : text()) +
             object(t, s.object) + comma_order(s);
    case action::store:
      return "writes " + (s.writes ? print(s.made, s.size) + " to " : text()) +
             object(t, s.object) + comma_order(s);
    case action::update:
    case action::compare_exchange:
      return describe_update(t, s);
    case action::fence:
      return text(s.access == access_kind::heavy_fence   ? "heavy fence"
                  : s.access == access_kind::light_fence ? "light fence"
                                                         : "fence") +
             comma_order(s);
    case action::create:
      return s.peer == kNone ? "starts a thread"
                             : "starts thread " + number(s.peer);
    case action::join:
      return "joins thread " + number(s.peer);
    case action::wait:
    case action::sleep:
      return describe_wait(t, s);
    case action::wake:
      return "wakes " + sleepers(s.result) + " on the futex " +
             object(t, s.object);
    case action::count:
      return "counts " + sleepers(s.result) + " on the futex " +
             object(t, s.object);
    case action::move:
      return "wakes or moves " + sleepers(s.result < 0 ? 0 : s.result) +
             " from the futex " + object(t, s.object) + " to " +
             object(t, s.other);
    case action::choice:
      return "chooses " + number(static_cast<std::uint64_t>(s.result)) +
             " of " + number(s.size);
    case action::clock:
      return "looks at the clock: all deadlines have passed";
    case action::make:
      return "makes " + object(t, s.object);
    case action::destroy:
      return "destroys " + object(t, s.object);
    case action::cell_read:
    case action::cell_write:
      return describe_cell(t, s);
    case action::allocate:
    case action::release:
      return describe_heap(t, s);
    case action::require:
      return "requires what does not hold";
    case action::assume:
      return "assumes what does not hold";
    case action::misuse:
      return "misuses " + object(t, s.object);
    case action::fail:
      return "fails";
  }
  return {};
}

text explain(const trace& t, const trace_step& s) {
  text why;
  const auto add = [&why](const text& more) {
    why += (why.empty() ? "" : "; ") + more;
  };
  const auto step = [&t](step_number i) {
    const text at = program_place(t.steps[i]);
    return (at.empty() ? at : "at " + at + " ") + "by thread " +
           number(t.steps[i].thread) + ", step " + number(i + 1);
  };
  const bool silent =
      s.failed && (s.what == action::cell_read || s.what == action::cell_write);
  if (s.reads && !silent) {
    if (s.from == kInitial)
      add("the initial value");
    else if (s.from != kNone)
      add("written " + step(s.from));
    if (s.stale)
      add("stale: step " + number(s.latest + 1) + " has written " +
          print(t.steps[s.latest].made, s.size));
  } else if (s.what == action::wait && s.from < kInitial) {
    add("woken " + step(s.from));
  }
  if (s.lasting) add("nothing deletes it");
  return why;
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
