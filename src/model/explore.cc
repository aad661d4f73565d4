// SPDX-License-Identifier: Apache-2.0
//
// Which graphs there are: TruSt (Kokologiannakis, Marmanis, Gladstein,
// Vafeiadis, "Truly Stateless, Optimal Dynamic Partial Order Reduction", POPL
// 2022). A new read takes the latest write first, and the other writes that
// coherence allows later. A new write takes the last place in co first, and the
// others later. And a new write may be read by reads that were there before it:
// such a revisit makes a new graph, without what came after the read and is not
// needed for the write. A revisit is made from one graph only of those that
// differ in what is left out: the one where all of that had been added
// "maximally", each read taking the latest write and each write the last place.
//
// Awaits (spin.cc) read only values that let them go on. Their maximal choice
// is the latest such write; while there is none, the thread is blocked and adds
// nothing. This is in the spirit of Kokologiannakis, Marmanis, Vafeiadis,
// "Unblocking Dynamic Partial Order Reduction", CAV 2023.
#include <algorithm>

#include "engine.h"
#include "interleaving.h"
#include "observer.h"
#include "report.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

knowledge checker::known(std::uint32_t memo, const value& v) const noexcept {
  if (memo == kNone) return knowledge::unknown;
  const await_memo& m = memos_[memo];
  if (std::find(m.failing.begin(), m.failing.end(), v) != m.failing.end())
    return knowledge::failing;
  if (std::find(m.passing.begin(), m.passing.end(), v) != m.passing.end())
    return knowledge::passing;
  return knowledge::unknown;
}

// What is known of the read that the running thread is about to make: what a
// value does to it depends on nothing but its past.
std::uint32_t checker::memo_here() {
  const auto [it, fresh] =
      memo_numbers_.try_emplace(g_->past(self_) + current_->done,
                                static_cast<std::uint32_t>(memos_.size()));
  if (fresh) memos_.emplace_back();
  return it->second;
}

// The writes that a new read of the running thread may take, latest first.
void checker::options_of_read(const event& e) {
  const location_id l = e.location;
  const auto co = g_->co(l);
  const std::uint32_t earliest = g_->earliest(l, g_->now(self_));
  const event_id last = g_->last_of(self_);
  const bool exchange = e.access == access_kind::compare_exchange_strong ||
                        e.access == access_kind::compare_exchange_weak;
  const bool updating = e.what == kind::update_read;
  const std::size_t base = x_->options.size();
  for (auto place = static_cast<std::uint32_t>(co.size()) + 1;
       place-- > earliest;) {
    const event_id w = g_->at_place(l, place);
    if (e.since != 0 && (w == kInitial || w < e.since)) continue;
    const value data = data_of(l, w);
    const bool fails = e.await && known(e.memo, data) == knowledge::failing;
    if (fails && e.awaits_value()) continue;
    const bool updates = !fails && (exchange ? data == e.expected : updating);
    if (updates) {
      // Another update of the same write would have to be revisited.
      const event_id other = g_->updater(l, place);
      if (other != kNone && last != kNone &&
          g_->porf_before(other, g_->porf(last)))
        continue;
    }
    x_->options.push_back({w, false});
  }
  if (e.access != access_kind::compare_exchange_weak || may_not_guess(e))
    return;
  for (std::size_t i = base, end = x_->options.size(); i < end; ++i) {
    const event_id w = x_->options[i].from;
    if (!(data_of(l, w) == e.expected)) continue;
    if (e.await) {
      const vec<value>& retried = memos_[e.memo].retried;
      if (std::find(retried.begin(), retried.end(), e.expected) !=
          retried.end())
        continue;
    }
    x_->options.push_back({w, true});
  }
}

// A compare-exchange fails spuriously once at most at each place of a thread.
bool checker::may_not_guess(const event& e) const {
  for (const event_id id : g_->of_thread(self_)) {
    const event& then = g_->at(id);
    if (then.guessed && then.call() == e.call()) return true;
  }
  return false;
}

void checker::push_alternatives(alternative::type what, event_id target,
                                std::uint32_t base) {
  exploration& x = *x_;
  const auto last = static_cast<std::uint32_t>(x.options.size());
  if (base == last) return;
  alternative a;
  a.what = what;
  a.target = target;
  a.base = a.first = base;
  a.last = last;
  x.work.push_back(a);
}

// Whether `e` was added maximally, seen from a revisit by `write`. `unsure`: an
// await's loop has yet to be asked what it makes of a value.
bool checker::maximal(event_id id, event_id write, bool& unsure) {
  const event& e = g_->at(id);
  const std::uint32_t* const porf = g_->porf(write);
  const auto previous = [&](event_id other) {
    return other == kInitial || other <= id ||
           (other != write && g_->porf_before(other, porf));
  };
  if (e.what == kind::choice) return e.data.lo == 0;
  if (!e.is_read() && !e.is_write()) return true;
  if (e.confirms) return true;  // as the look before it says
  const auto co = g_->co(e.location);
  std::uint32_t place = 0;
  if (e.is_write()) {
    for (const event_id r : g_->reads(e.location))
      if (g_->at(r).rf == id && previous(r)) return false;
    if (e.what == kind::update_write) return true;  // as its read says
    place = e.co;
  } else {
    if (e.guessed || !previous(e.rf)) return false;
    place = g_->place_of(e.rf);
  }
  for (std::size_t i = place; i < co.size(); ++i) {
    if (co[i] == write || !previous(co[i])) continue;
    if (!e.awaits_value()) return false;
    switch (known(e.memo, g_->at(co[i]).data)) {
      case knowledge::failing:
        continue;
      case knowledge::unknown:
        unsure = true;
        continue;
      case knowledge::passing: {
        const event_id other =
            g_->updater(e.location, static_cast<std::uint32_t>(i) + 1);
        if (e.what == kind::update_read && other != kNone && previous(other))
          continue;
        return false;
      }
    }
  }
  return true;
}

// Notes the reads that a new write may be read by instead. An await that would
// only go round with it is blocked instead, to see whether it can remain so for
// ever: such a branch ends as soon as the await can go on.
void checker::note_revisits(event_id write, event_id conflict) {
  const event& w = g_->at(write);
  const std::uint32_t* const porf = g_->porf(write);
  bool unsure = false;
  for (event_id id = write; id-- > 0;) {
    if (g_->porf_before(id, porf)) continue;
    if (!maximal(id, write, unsure)) return;
    const event& r = g_->at(id);
    if (!r.is_read() || r.location != w.location || r.confirms) continue;
    if (conflict != kNone && conflict <= id) continue;
    alternative a;
    a.what = alternative::type::revisit;
    a.failing = r.awaits_value() && known(r.memo, w.data) == knowledge::failing;
    a.unsure = unsure;
    a.target = write;
    a.read = id;
    a.base = a.first = a.last = static_cast<std::uint32_t>(x_->options.size());
    x_->work.push_back(a);
  }
}

exploration& checker::push_exploration() {
  if (spare_.empty()) {
    stack_.push_back(std::make_unique<exploration>(stride_));
  } else {
    stack_.push_back(std::move(spare_.back()));
    spare_.pop_back();
  }
  x_ = stack_.back().get();
  g_ = &x_->g;
  return *x_;
}

void checker::drop_exploration() {
  std::unique_ptr<exploration> done = std::move(stack_.back());
  stack_.pop_back();
  if (done != nullptr) {
    done->g.clear();
    done->work.clear();
    done->options.clear();
    done->take_again = false;
    spare_.push_back(std::move(done));
  }
  x_ = stack_.empty() ? nullptr : stack_.back().get();
  g_ = x_ == nullptr ? nullptr : &x_->g;
}

// Goes to the next graph to be run. False: all have been.
bool checker::next() {
  while (x_ != nullptr) {
    exploration& x = *x_;
    if (x.work.empty()) {
      alternative origin = x.origin;
      const bool again = x.take_again;
      drop_exploration();
      if (again && x_ != nullptr) {
        origin.failing = x_->g.at(origin.read).awaits_value();
        x_->work.push_back(origin);
      }
      continue;
    }
    alternative& a = x.work.back();
    x.g.cut(a.target);
    switch (a.what) {
      case alternative::type::read:
        if (!a.failed && !a.conflict) a.passed = true;
        a.failed = false;
        if (next_option(x)) return true;
        break;
      case alternative::type::place:
        if (next_place(x)) return true;
        break;
      case alternative::type::choice:
        x.g.choose(a.target, x.options[a.first].from);
        if (++a.first == a.last) {
          x.options.resize(a.base);
          x.work.pop_back();
        }
        return true;
      case alternative::type::revisit: {
        const alternative revisit = a;
        x.work.pop_back();
        // (A thread that was found stuck at once behind it is not so there.)
        x.g.forget_awaits(revisit.target);
        if (take_revisit(x, revisit)) return true;
        break;
      }
    }
  }
  return false;
}

// The next write for the last read, or, where none has let its thread go on,
// the thread blocked there.
bool checker::next_option(exploration& x) {
  alternative& a = x.work.back();
  const event_id id = a.target;
  while (a.first < a.last) {
    const option o = x.options[a.first++];
    event& e = x.g.at(id);
    const value data = data_of(e.location, o.from);
    if (e.awaits_value() && !o.guessed &&
        known(e.memo, data) == knowledge::failing)
      continue;
    settle_kind(e, data, o.guessed);
    x.g.read_from(id, o.from, data);
    if (!x.g.sc_consistent() || x.g.overslept(id)) continue;
    const event_id other = e.what == kind::update_read
                               ? x.g.updater(e.location, x.g.place_of(o.from))
                               : kNone;
    a.conflict = other != kNone;
    if (a.conflict && e.access != access_kind::futex) {
      // Nobody needs to run for that: only what the write revisits counts.
      event write = e;
      write.what = kind::update_write;
      write.await = write.confirms = false;
      write.memo = kNone;
      write.data = e.update != nullptr ? e.update(data, e.operand) : e.operand;
      const std::size_t before = x.work.size();
      note_revisits(x.g.add(write, x.g.place_of(o.from)), other);
      if (x.work.size() != before) return false;
      x.g.pop();
      continue;
    }
    if (a.first == a.last && !e.await) {
      x.options.resize(a.base);
      x.work.pop_back();
    }
    return true;
  }
  const bool passed = a.passed;
  x.options.resize(a.base);
  x.work.pop_back();
  const event e = x.g.at(id);
  if (!passed && stays_behind(e)) return true;
  if (!e.awaits_value()) return false;
  if (passed) {  // it may wait in vain all the same
    const auto co = x.g.co(e.location);
    const value latest = data_of(e.location, co.empty() ? kInitial : co.back());
    if (known(e.memo, latest) != knowledge::failing) return false;
  }
  x.g.pop();
  x.g.note_await(e.thread, {e.index, e.memo, x.g.size(),
                            passed && e.stuck == 0 ? x.g.size() : e.stuck});
  return true;
}

bool checker::next_place(exploration& x) {
  alternative& a = x.work.back();
  bool found = false;
  while (a.first < a.last && !found) {
    x.g.move_in_co(a.target, x.options[a.first++].from);
    found = x.g.sc_consistent();
  }
  if (a.first == a.last) {
    x.options.resize(a.base);
    x.work.pop_back();
  }
  return found;
}

// Makes a.read read from a.target, in a graph of its own. False: inconsistent.
bool checker::take_revisit(exploration& x, const alternative& a) {
  if (a.unsure && !still_maximal(a)) return false;
  const graph& from = x.g;
  const std::uint32_t* const porf = from.porf(a.target);
  keep_.assign(from.size(), false);
  for (event_id id = 0; id <= a.target; ++id)
    keep_[id] = id <= a.read || id == a.target || from.porf_before(id, porf);
  keep_[a.read] = !a.failing;
  // Without what led to a stuck await there is nothing to be learnt.
  for (thread_number t = 0; t < from.threads(); ++t) {
    const event_id last = from.last_of(t);
    if (from.awaits(t).stuck != 0 && last != kNone &&
        (!keep_[last] || last == a.read))
      return false;
  }
  exploration& y = push_exploration();
  y.origin = a;
  y.g.assign(from, keep_, renumber_);
  const event_id write = renumber_[a.target];
  const event& w = y.g.at(write);
  const location_id l = w.location;
  const event_id before_read = from.before(a.read);
  const std::uint32_t of_read =
      y.g.earliest(l, before_read == kNone ? kNoPast : from.hb(before_read));
  if (a.failing) {
    const event& r = from.at(a.read);
    y.g.note_await(r.thread, {r.index, r.memo, y.g.size(), write});
  } else {
    const event_id read = renumber_[a.read];
    settle_kind(y.g.at(read), w.data, false);
    y.g.read_from(read, write, w.data);
    if (y.g.overslept(read)) {
      drop_exploration();
      return false;
    }
  }
  if (w.what == kind::update_write) {
    const std::uint32_t place = y.g.place_of(w.rf);
    y.g.move_in_co(write, place);
    if (place >= of_read && y.g.updater(l, place + 1) == kNone) {
      const auto co = y.g.co(l);
      const bool torn = place + 1 < co.size() &&
                        y.g.at(co[place + 1]).what == kind::update_write &&
                        y.g.at(co[place + 1]).rf == w.rf;
      if (!torn && y.g.sc_consistent()) return true;
    }
    drop_exploration();
    return false;
  }
  const event_id before_write = y.g.before(write);
  const std::uint32_t earliest = std::max(
      of_read,
      y.g.earliest(l, before_write == kNone ? kNoPast : y.g.hb(before_write)));
  const auto places = static_cast<std::uint32_t>(y.g.co(l).size()) - 1;
  y.g.move_in_co(write, places);
  for (std::uint32_t place = places + 1; place-- > earliest;) {
    // Behind another write, unless an update of that follows it.
    if (place < places && y.g.updater(l, place) != kNone &&
        y.g.updater(l, place) != write)
      continue;
    y.options.push_back({place, false});
  }
  if (y.options.empty()) {
    drop_exploration();
    return false;
  }
  alternative places_left;
  places_left.what = alternative::type::place;
  places_left.target = write;
  places_left.last = static_cast<std::uint32_t>(y.options.size());
  y.work.push_back(places_left);
  if (next_place(y)) return true;
  drop_exploration();
  return false;
}

// Asks the loops that note_revisits() could not.
bool checker::still_maximal(const alternative& a) {
  const std::uint32_t* const porf = g_->porf(a.target);
  for (event_id id = a.target; id-- > a.read;) {
    if (g_->porf_before(id, porf)) continue;
    bool unsure = false;
    if (!maximal(id, a.target, unsure)) return false;
    if (!unsure) continue;
    const event e = g_->at(id);
    const auto co = g_->co(e.location);
    for (std::size_t i = g_->place_of(e.rf); i < co.size(); ++i) {
      const event_id w = co[i];
      if (w == a.target || (w > id && !g_->porf_before(w, porf))) continue;
      if (known(e.memo, g_->at(w).data) == knowledge::unknown) passes(id, w);
    }
    if (!maximal(id, a.target, unsure)) return false;
  }
  return true;
}

// Runs what `read` and `write` depend on, to see whether the read's loop ends
// with that value; the answer goes into the memo. (Values that it has been seen
// with are to be tried behind it: sift.cc.)
bool checker::passes(event_id read, event_id write) {
  const graph& from = *g_;
  vec<bool> keep(from.size(), false);
  const auto keep_with_past = [&](event_id last) {
    const std::uint32_t* const past = from.porf(last);
    for (event_id id = 0; id < from.size(); ++id)
      if (id == last || from.porf_before(id, past)) keep[id] = true;
  };
  keep_with_past(write);
  const event_id before = from.before(read);
  if (before != kNone) keep_with_past(before);
  const auto& seen = memos_[from.at(read).memo].seen;
  for (const event_id w : from.co(from.at(read).location))
    if (std::find(seen.begin(), seen.end(), from.at(w).data) != seen.end() &&
        !from.porf_before(read, from.porf(w)))
      keep_with_past(w);
  keep[read] = true;
  const std::uint32_t memo = from.at(read).memo;
  const value data = from.at(write).data;
  vec<event_id> renumber;
  exploration& y = push_exploration();
  y.g.assign(from, keep, renumber);
  const event_id r = renumber[read];
  settle_kind(y.g.at(r), data, false);
  y.g.read_from(r, renumber[write], data);
  probed_ = r;
  outcome how = outcome::again;
  while (how == outcome::again) how = run();
  probed_ = kNone;
  drop_exploration();
  if (start_over_ || how == outcome::failed) return true;
  const bool failing = known(memo, data) == knowledge::failing;
  if (!failing) memos_[memo].passing.push_back(data);
  return !failing;
}

// Goes to the next graph of which an execution within the preemption bound may
// come. What a revisit leaves out may have needed some more.
bool checker::next_within_bound() {
  while (next()) {
    if (how_.preemption_bound < 0) return true;
    const auto most = static_cast<std::uint32_t>(how_.preemption_bound) +
                      static_cast<std::uint32_t>(g_->threads());
    if (preemptions(*g_, most) <= most) return true;
  }
  return false;
}

bool checker::within_bound() const {
  if (how_.preemption_bound < 0) return true;
  const auto most = static_cast<std::uint32_t>(how_.preemption_bound);
  return preemptions(*g_, most) <= most;
}

result checker::explore() {
  // After a failure, to find a shorter one.
  constexpr std::uint32_t kSearchOn = 1000;
  for (;;) {
    push_exploration();
    outcome how = outcome::again;
    do {
      how = run();
      if (too_many_threads_) return result_;
      if (start_over_) break;
      if (how == outcome::complete && within_bound()) {
        ++result_.executions;
        if (!end_of_complete_run()) how = outcome::failed;
      } else if (how == outcome::blocked && within_bound()) {
        ++result_.blocked;
      }
      if (how == outcome::failed && within_bound()) keep_failure();
      result_.what = verdict::ok;
      if (found_ && ++searched_ > kSearchOn) return failed();
      if (how_.max_executions != 0 &&
          result_.executions + result_.blocked >= how_.max_executions) {
        if (found_) return failed();
        result_.what = verdict::bound_reached;
        result_.message = "max_executions reached";
        return result_;
      }
    } while (how == outcome::again || (next_within_bound() && !start_over_));
    if (!start_over_) return found_ ? failed() : result_;
    start_over_ = false;
    sieve_.read = kNone;
    if (found_) return failed();
    while (!stack_.empty()) drop_exploration();
    memos_.clear();
    memo_numbers_.clear();
    seen_.clear();
    result_ = {};
  }
}

void (*g_observer)(const graph&) = nullptr;

// Leaks, and the promise that each graph comes once. False: failed.
bool checker::end_of_complete_run() {
  if (g_observer != nullptr) g_observer(*g_);
  if (check_duplicates_ && !seen_.emplace(g_->hash(), true).second) {
    result_.what = verdict::misuse;
    failure_ =
        "the checker has explored one execution twice: please report this";
    return false;
  }
  if (memory::saw_stranger()) {
    result_.what = verdict::misuse;
    failure_ =
        "a thread that the checker does not know (a std::thread?) has deleted "
        "what the test has allocated: threads of a test are syncxx::thread or "
        "model::thread";
    return false;
  }
  std::size_t bytes = 0;
  if (const std::size_t blocks = memory_.leaked(bytes);
      blocks != 0 && how_.check_leaks) {
    result_.what = verdict::leak;
    failure_ = number(blocks) + " blocks of " + number(bytes) +
               " bytes in all are never deleted";
    return false;
  }
  return true;
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
