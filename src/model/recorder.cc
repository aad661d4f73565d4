// SPDX-License-Identifier: Apache-2.0
#include "recorder.h"

#include <algorithm>
#include <cstring>

#include "places.h"
#include "report.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
namespace {

// Of more nobody reads.
constexpr std::size_t kMostSteps = 10000;

value bytes_at(const void* address, std::uint32_t size) {
  value v;
  std::memcpy(static_cast<void*>(&v), address, std::min(size, 16u));
  return v;
}

action action_of(access_kind what) noexcept {
  switch (what) {
    case access_kind::load:
      return action::load;
    case access_kind::store:
      return action::store;
    case access_kind::compare_exchange_weak:
    case access_kind::compare_exchange_strong:
      return action::compare_exchange;
    default:
      return action::update;
  }
}

bool uses_cell(const trace_step& s) noexcept {
  return s.what == action::cell_read || s.what == action::cell_write;
}

bool uses_heap(const trace_step& s) noexcept {
  return s.what == action::allocate || s.what == action::release;
}

// Whether every run of the thread has an event for it.
bool has_events(action what) noexcept {
  switch (what) {
    case action::load:
    case action::store:
    case action::update:
    case action::compare_exchange:
    case action::fence:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool trace::before(step_number a, step_number b) const noexcept {
  const trace_step& s = steps[a];
  const trace_step& t = steps[b];
  if (s.thread == t.thread) return a < b;
  if (s.thread >= t.clock.size()) return false;
  return t.clock[s.thread] >= s.last + (s.plain ? 1 : 0);
}

// --- During the run ----------------------------------------------------------

trace_step& recorder::pending() { return *pending_[checker_.self()]; }

std::uint32_t recorder::make_object(const void* address, bool cell,
                                    std::uint32_t size, const source& where) {
  const auto number = static_cast<std::uint32_t>(trace_.objects.size());
  trace_object& o = trace_.objects.emplace_back();
  o.address = static_cast<const std::byte*>(address);
  o.size = size;
  o.cell = cell;
  o.where = where;
  living_[address] = number;
  return number;
}

std::uint32_t recorder::object_at(const void* address, bool cell,
                                  std::uint32_t size, const source& where) {
  const auto it = living_.find(address);
  if (it == living_.end()) {
    const std::uint32_t made = make_object(address, cell, size, where);
    trace_object& o = trace_.objects[made];
    o.known = size != 0;
    o.initial = bytes_at(address, size);
    return made;
  }
  trace_object& o = trace_.objects[it->second];
  if (o.where.line == 0) o.where = where;
  return it->second;
}

void recorder::begin(action what, const void* address, std::uint32_t size,
                     const source& where) {
  settle();
  const thread_number t = checker_.self();
  if (pending_.size() <= t) {
    pending_.resize(t + 1);
    last_.resize(t + 1);
  }
  trace_step s;
  s.what = what;
  s.thread = t;
  s.address = address;
  s.size = size;
  s.where = where;
  // (What is not begun by the test itself is called from nowhere.)
  const call_path from = what == action::fail ? call_path() : find_caller();
  if (where.line == 0) s.where = uses_heap(s) ? from.outer : from.inner;
  if (from.inner.line != from.outer.line && !uses_heap(s))
    s.called = from.outer;
  if (s.where.line == 0) {
    s.where = last_[t].where;
    s.called = last_[t].called;
    s.after = s.where.line != 0;
  }
  s.first = s.last = checker_.position();
  if (what == action::make) {
    s.object = make_object(address, false, size, source());
  } else if (address != nullptr && !uses_heap(s)) {
    if (what != action::destroy || living_.contains(address))
      s.object =
          object_at(address, uses_cell(s), size,
                    s.after || what == action::destroy ? source() : s.where);
  }
  if (uses_cell(s)) trace_.objects[s.object].cell = true;
  if (what == action::cell_read) s.seen = bytes_at(address, size);
  if (!s.after) {
    last_[t].where = s.where;
    last_[t].called = s.called;
  }
  pending_[t] = std::move(s);
}

value recorder::perform(const access& a, const void* site) noexcept {
  begin(action_of(a.what), a.address, a.size, a.where);
  trace_step& s = pending();
  s.access = a.what;
  s.order = a.order;
  s.made = a.operand;
  s.expected = a.expected;
  access there = a;
  there.where = where(a.where);
  const value v = checker_.perform(there, site);
  end(0);
  return v;
}

// What the step was in the graph.
void recorder::read_events(trace_step& s) {
  const graph& g = checker_.now();
  for (std::uint32_t i = s.first; i < s.last; ++i) {
    const event_id id = g.of_thread(s.thread)[i];
    const event& e = g.at(id);
    if (step_of_.size() <= id) step_of_.resize(id + 1, kNone);
    step_of_[id] = static_cast<std::uint32_t>(trace_.steps.size());
    // The hidden half of a futex operation is nobody's memory.
    if (e.access == access_kind::futex && e.what != kind::read) continue;
    if (e.is_read()) {
      s.reads = true;
      s.seen = e.data;
      s.size = e.size;
      s.guessed = e.guessed;
      s.read_from = e.rf;
      trace_object& o = trace_.objects[s.object];
      o.size = e.size;
      o.known = true;
      o.initial = checker_.objects().at(e.location).initial;
    } else if (e.is_write()) {
      s.writes = true;
      s.made = e.data;
      s.write = id;
    } else if (e.what == kind::resume) {
      s.read_from = e.rf;
    } else if (e.what == kind::choice && s.what == action::choice) {
      s.size = e.location;
    }
    if (e.is_read() || e.is_write()) s.order = e.order;
  }
}

void recorder::keep(trace_step s) {
  const graph& g = checker_.now();
  s.clock.assign(checker_.past(), checker_.past() + g.threads());
  if (trace_.steps.size() >= kMostSteps) {
    ++trace_.left_out;
    if (!s.failed) return;
    trace_.steps.pop_back();
  }
  trace_.steps.push_back(std::move(s));
}

void recorder::end(std::int64_t result) {
  const thread_number t = checker_.self();
  if (!pending_[t]) return;
  trace_step s = std::move(*pending_[t]);
  pending_[t].reset();
  s.result = result;
  s.last = checker_.position();
  s.plain = s.first == s.last;
  if (s.plain && has_events(s.what)) return;  // a waiting loop tried again
  read_events(s);
  s.reads |= s.what == action::cell_read;
  s.writes |= s.what == action::cell_write;
  trace_object* const o =
      s.object == kNone ? nullptr : &trace_.objects[s.object];
  if (s.what == action::make) {
    o->known = result != 0;
    o->initial = bytes_at(s.address, s.size);
  } else if (s.what == action::allocate) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    s.address = reinterpret_cast<const void*>(result);
  }
  const bool value_follows = s.what == action::cell_write;
  keep(std::move(s));
  if (value_follows && trace_.left_out == 0)
    unsettled_ = static_cast<step_number>(trace_.steps.size()) - 1;
}

// A cell is written behind its step, before anything else happens.
void recorder::settle() {
  if (unsettled_ == kNone) return;
  trace_step& s = trace_.steps[unsettled_];
  s.made = bytes_at(s.address, s.size);
  unsettled_ = kNone;
}

void recorder::asleep() {
  settle();
  trace_step& s = pending();
  trace_step rest = s;
  s.what = action::sleep;
  s.last = rest.first = rest.last = checker_.position();
  read_events(s);
  keep(s);
  s = std::move(rest);
}

// --- After it ----------------------------------------------------------------

// The step that the failing thread never ended.
void recorder::end_failing() {
  if (!failed()) return;
  const thread_number t = checker_.self();
  if (pending_.size() <= t) {
    pending_.resize(t + 1);
    last_.resize(t + 1);
  }
  if (!pending_[t]) begin(action::fail, nullptr, 0, source());
  trace_step s = *pending_[t];
  s.failed = true;
  s.last = checker_.past()[t];
  s.plain = true;
  if (s.what == action::cell_read) s.reads = true;
  if (s.what == action::cell_write) s.size = 0;  // never written
  keep(std::move(s));
}

value recorder::latest(location_id l) const {
  const auto co = checker_.now().co(l);
  return checker_.data_of(l, co.empty() ? kInitial : co.back());
}

text recorder::state_of(thread_number t) const {
  const thread_state& s = checker_.threads_[t];
  if (s.at == stage::finished) return "has ended";
  if (s.at == stage::unstarted) return "has not begun";
  if (failed() && t == checker_.self()) return "fails";
  const bool begun = t < pending_.size() && pending_[t];
  const text object = begun && pending_[t]->object != kNone
                          ? trace_.objects[pending_[t]->object].name
                          : text("an object");
  switch (s.blocked) {
    case obstacle::join:
      return "waits for thread " + number(s.on) + " to end";
    case obstacle::await:
      return "spins on " + object + ", which stays " +
             print(latest(s.on), begun ? pending_[t]->size : 0);
    case obstacle::sleep:
      return "sleeps on the futex " + object;
    case obstacle::rounds:
      return "goes round in vain";
    default:
      return begun ? "is about to go on" : "has come this far";
  }
}

// Of its present operation, for a message: " at …", or nothing.
text recorder::place_of(thread_number t) const {
  if (t >= pending_.size() || !pending_[t]) return {};
  const text at = program_place(*pending_[t]);
  return at.empty() ? at : " at " + at;
}

// Where the test is now, in the same way.
text recorder::place_here() {
  const call_path from = find_caller();
  return from.outer.line == 0 ? text() : ", at " + place(from.outer);
}

void recorder::end_threads() {
  for (thread_number t = 0; t < checker_.threads_.size(); ++t) {
    if (checker_.threads_[t].at == stage::absent) continue;
    trace_.threads.resize(t + 1);
    trace_thread& thread = trace_.threads[t];
    thread.state = state_of(t);
    thread.ended = checker_.threads_[t].at == stage::finished;
    if (t >= pending_.size()) continue;
    const trace_step& last = pending_[t] ? *pending_[t] : last_[t];
    const text at = place(last);
    thread.line = last.where;
    if (at.empty()) continue;
    if (last.after)
      thread.where = at;
    else
      thread.where = (pending_[t] ? "at " : "after ") + at;
  }
}

bool recorder::in_block(const trace_object& o, const trace_step& of) const {
  const auto* const base = static_cast<const std::byte*>(of.address);
  std::uint32_t size = of.size;
  for (const trace_step& s : trace_.steps)
    if (s.what == action::allocate && s.address == base) size = s.size;
  return o.address >= base && o.address < base + size;
}

// What the failing step is in conflict with.
void recorder::mark_culprits() {
  if (trace_.steps.empty() || !trace_.steps.back().failed) return;
  const auto last = static_cast<step_number>(trace_.steps.size()) - 1;
  trace_step& f = trace_.steps[last];
  const auto same = [&](const trace_step& s) {
    if (uses_heap(f) && uses_heap(s)) return s.address == f.address;
    if (uses_heap(f))
      return s.object != kNone && in_block(trace_.objects[s.object], f);
    if (uses_heap(s))
      return f.object != kNone && in_block(trace_.objects[f.object], s);
    return f.object != kNone && s.object == f.object;
  };
  const bool ends = f.what == action::destroy || f.what == action::release;
  for (step_number i = last; i-- > 0;) {
    trace_step& s = trace_.steps[i];
    if (!same(s)) continue;
    bool conflicts = false;
    switch (trace_.what) {
      case verdict::data_race:
        conflicts = (s.writes || s.what == action::make ||
                     f.what == action::cell_write) &&
                    s.what != action::allocate && !trace_.before(i, last);
        break;
      case verdict::use_after_free:
        conflicts =
            ends ? !trace_.before(i, last)
                 : s.what == action::destroy || s.what == action::release;
        break;
      case verdict::double_free:
        conflicts = s.what == action::release;
        break;
      default:
        break;
    }
    if (!conflicts) continue;
    s.culprit = true;
    return;
  }
}

void recorder::mark_leaks() {
  if (trace_.what != verdict::leak) return;
  for (trace_step& s : trace_.steps) {
    if (s.what != action::allocate) continue;
    s.lasting = std::none_of(trace_.steps.begin(), trace_.steps.end(),
                             [&s](const trace_step& other) {
                               return other.what == action::release &&
                                      other.address == s.address;
                             });
  }
}

// Where that was allocated which nothing deletes.
void recorder::tell_leaks() {
  constexpr std::size_t kMost = 3;
  vec<text> places;
  for (const trace_step& s : trace_.steps) {
    const text at = s.lasting ? program_place(s) : text();
    if (!at.empty() &&
        std::find(places.begin(), places.end(), at) == places.end())
      places.push_back(at);
  }
  for (std::size_t i = 0; i < places.size() && i < kMost; ++i)
    trace_.message += (i == 0 ? "; allocated at " : ", at ") + places[i];
  if (places.size() > kMost) trace_.message += " and elsewhere";
}

bool recorder::worth_showing(const trace_step& s) const {
  if (s.failed || s.culprit || s.lasting) return true;
  switch (s.what) {
    case action::make:
    case action::destroy:
      return false;
    case action::clock:
      return s.result != 0;
    case action::allocate:
    case action::release: {
      if (trace_.steps.empty() || !trace_.steps.back().failed) return false;
      const trace_step& f = trace_.steps.back();
      if (uses_heap(f)) return f.address == s.address;
      return f.object != kNone && in_block(trace_.objects[f.object], s) &&
             trace_.what == verdict::use_after_free;
    }
    default:
      return true;
  }
}

void recorder::drop_dull_steps() {
  vec<trace_step>& steps = trace_.steps;
  vec<bool> shown(steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i)
    shown[i] = worth_showing(steps[i]);
  vec<step_number> renumber(steps.size(), kNone);
  vec<std::uint32_t> done(checker_.threads_.size(), 0);
  step_number kept = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (!shown[i]) continue;
    renumber[i] = kept;
    trace_step& s = steps[i];
    // The events of dropped steps are its own as well.
    s.first = std::exchange(done[s.thread], s.last);
    if (kept != i) steps[kept] = std::move(s);
    ++kept;
  }
  steps.resize(kept);
  for (step_number& s : step_of_)
    if (s != kNone) s = s < renumber.size() ? renumber[s] : kNone;
}

// Which step each read reads from, and whether there was a later one.
void recorder::link_reads() {
  const graph& g = checker_.now();
  vec<trace_step>& steps = trace_.steps;
  vec<step_number> last_write(trace_.objects.size(), kNone);
  for (step_number i = 0; i < steps.size(); ++i) {
    trace_step& s = steps[i];
    if (uses_cell(s) && s.reads && !s.failed)
      s.from = last_write[s.object] == kNone ? kInitial : last_write[s.object];
    if (s.read_from == kInitial) s.from = kInitial;
    if (s.read_from < step_of_.size()) s.from = step_of_[s.read_from];
    if (s.write != kNone) s.place = g.at(s.write).co;
    if (s.reads && !uses_cell(s)) {
      const std::uint32_t seen = g.place_of(s.read_from);
      std::uint32_t best = seen;
      for (step_number j = 0; j < i; ++j) {
        if (steps[j].object != s.object || steps[j].place <= best) continue;
        best = steps[j].place;
        s.latest = j;
      }
      s.stale = best != seen;
    }
    if (s.writes) {
      last_write[s.object] = i;
      trace_.objects[s.object].order.push_back(i);
    }
  }
  for (trace_object& o : trace_.objects)
    std::sort(o.order.begin(), o.order.end(),
              [&](step_number a, step_number b) {
                return steps[a].place != steps[b].place
                           ? steps[a].place < steps[b].place
                           : a < b;
              });
}

// The steps of other threads that a step is the first of its thread to come
// after, without those that others among them come after.
void recorder::link_clock(trace_step& s, vec<std::uint32_t>& seen,
                          const vec<vec<step_number>>& of_thread) {
  vec<step_number> from;
  for (thread_number u = 0; u < s.clock.size(); ++u) {
    if (u == s.thread || s.clock[u] <= seen[u]) continue;
    step_number source_step = kNone;
    for (const step_number i : of_thread[u]) {
      const trace_step& other = trace_.steps[i];
      if (other.last > s.clock[u] && other.first >= s.clock[u]) break;
      if (!other.plain || other.last < s.clock[u]) source_step = i;
    }
    if (source_step != kNone) from.push_back(source_step);
  }
  for (const step_number a : from) {
    const bool implied = std::any_of(
        from.begin(), from.end(),
        [&](step_number b) { return a != b && trace_.before(a, b); });
    if (!implied) s.synchronizes.push_back(a);
  }
  seen = s.clock;
}

void recorder::link_clocks() {
  const std::size_t threads = checker_.threads_.size();
  vec<vec<std::uint32_t>> seen(threads);
  vec<vec<step_number>> of_thread(threads);
  for (step_number i = 0; i < trace_.steps.size(); ++i) {
    trace_step& s = trace_.steps[i];
    s.clock.resize(threads, 0);
    seen[s.thread].resize(threads, 0);
    link_clock(s, seen[s.thread], of_thread);
    of_thread[s.thread].push_back(i);
  }
}

trace recorder::take(verdict what, const text& message) {
  settle();
  trace_.what = what;
  trace_.message = message;
  end_failing();
  mark_culprits();
  mark_leaks();
  tell_leaks();
  drop_dull_steps();
  link_reads();
  link_clocks();
  name_objects();
  name_in_message();
  end_threads();
  return std::move(trace_);
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
