// SPDX-License-Identifier: Apache-2.0
//
// Runs that explore nothing, as a guide has it: random mode, and scripts. No
// thread ever repeats what a log says, and each event is added behind all that
// it depends on: so the graph is lean, and there is little to be done for each.
#include <cstdlib>

#include "engine.h"
#include "lean_graph.h"
#include "recorder.h"
#include "report.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

// --- Turns -------------------------------------------------------------------

// Who is to go on, or kNone.
[[gnu::always_inline]] inline thread_number checker::pick_guided() noexcept {
  if (first_ != kNone) return first_;
  if (guide_.scripted()) [[unlikely]] {
    const thread_number t = pick_scripted();
    if (t != kNone) return t;
  }
  const std::uint32_t n = able_.size();
  if (n == 0) return kNone;
  if (guide_.walks()) return able_[guide_.walk_to(n)];
  return pick_foremost();
}

// The one of highest priority, of some.
[[gnu::noinline]] thread_number checker::pick_foremost() noexcept {
  const std::uint32_t n = able_.size();
  guide_.at_step(self_, g_->size());
  thread_number best = able_[0];
  for (std::uint32_t i = 1; i < n; ++i) {
    const thread_number t = able_[i];
    const auto mine = guide_.priority_of(t), its = guide_.priority_of(best);
    if (mine > its || (mine == its && t < best)) best = t;
  }
  return best;
}

// How many events come to nothing before threads read what is there, and no
// older values; and as many again before they are taken to wait in vain.
constexpr std::uint32_t kStaleInVain = 2000;

// The thread that the script has next; kNone: whichever can run.
thread_number checker::pick_scripted() noexcept {
  const thread_number t = guide_.scripted_thread();
  if (t < threads_.size() && able_.contains(t)) return t;
  if (!guide_.at_end())
    misfit([&] {
      return "the replay string does not fit the test: thread " + number(t) +
             " cannot go on where it should";
    });
  return kNone;
}

void checker::give_guided_turn() noexcept {
  if (g_->size() >= kMostGuidedEvents) too_long(kMostGuidedEvents);
  const thread_number t = pick_guided();
  if (t != self_) switch_to(t);
}

// The running thread cannot go on, for now.
[[gnu::always_inline]] inline void checker::go_on() noexcept {
  const thread_number t = pick_guided();
  if (t == kNone) end_run(unfinished_ == 0 ? outcome::complete : judge());
  if (t != self_) switch_to(t);
}

void checker::dispatch_guided() noexcept { go_on(); }

// --- Events ------------------------------------------------------------------

void checker::follow_script(const event& e) noexcept {
  if (!guide_.fits(e))
    misfit([&] {
      return "the replay string does not fit the test: thread " +
             number(e.thread) + " does something else" +
             (e.where.line != 0 ? " at " + place(e.where) : text());
    });
  guide_.step();
}

// The running thread has done this one.
inline void checker::done_guided(const event& e) noexcept {
  ++current_->done;
  if (guide_.scripted()) [[unlikely]]
    follow_script(e);
}

// The draft becomes an event.
[[gnu::always_inline]] inline void checker::add_guided(event& e, kind what,
                                                       graph::place_list* l,
                                                       std::uint32_t place) {
  g_->add_lean(e, what, self_, l, place);
  done_guided(e);
}

// The same, unless SC objects to it.
bool checker::try_guided(event& e, graph::place_list& l, std::uint32_t place) {
  g_->add_lean(e, e.what, self_, &l, place);
  if (!g_->remains_sc_consistent()) {
    g_->pop();
    return false;
  }
  done_guided(e);
  return true;
}

// A fence, or the way out of a sleep.
event_id checker::add_guided(const event& e) {
  event& mine = g_->draft();
  mine = e;
  if (e.what == kind::fence) {
    add_guided(mine, kind::fence);
  } else {
    add_guided(mine, kind::resume);
  }
  watch_progress(mine);
  return g_->last_of(self_);
}

// A thread that sees nothing new lets the others go on; if no thread sees
// anything new any more, they wait in vain.
void checker::watch_progress(const event& e) {
  switch (e.what) {
    case kind::read:
    case kind::update_read:
      if (e.previous != kNone && g_->at(e.previous).is_read() &&
          g_->at(e.previous).rf == e.rf)
        return nothing_new(e);
      // (An update sees its own last round anew: its write tells.)
      if (e.what == kind::read) current_->rounds = 0;
      return;
    case kind::fence:
      return nothing_new(e);
    default:
      return progress();
  }
}

void checker::nothing_new(const event& e) {
  constexpr std::uint32_t kPatience = 3;
  const std::uint32_t in_vain = guide_.scripted() ? 100 : 2 * kStaleInVain;
  if ((e.is_read() || e.is_write()) && ++current_->rounds >= kPatience) {
    current_->rounds = 0;
    guide_.yield(self_);
    guide_.reconsider();
  }
  if (!guide_.at_end()) last_progress_ = g_->size();  // it is the script's
  if (g_->size() < last_progress_ + in_vain) return;
  fail(verdict::livelock, [this] {
    text who;
    for (thread_number t = 0; t < threads_.size(); ++t) {
      if (!able_.contains(t)) continue;
      const event_id last = g_->last_of(t);
      who += (who.empty() ? "thread " : ", thread ") + number(t) + " spins";
      if (last != kNone && g_->at(last).where.line != 0)
        who += " at " + place(g_->at(last).where);
    }
    return "nobody will change what is waited for: " + who;
  });
}

// --- Threads -----------------------------------------------------------------

// It has just been picked.
void checker::start_guided(event_id created) {
  event& e = draft(kind::start);
  e.rf = created;
  add_guided(e, kind::start);
  progress();
}

void checker::finish_guided() noexcept {
  wait_guided_turn();
  add_guided(draft(kind::finish), kind::finish);
  progress();
  thread_state& me = *current_;
  me.at = stage::finished;
  able_.remove(self_);
  --unfinished_;
  if (me.joiner != kNone) unblock(me.joiner);
  go_on();
  std::abort();  // not reached: a finished thread is not picked
}

// The number of a thread that is created now, if the script has it.
thread_number checker::scripted_new_thread(const source& where) noexcept {
  const thread_number wanted = guide_.created();
  if (wanted != kNone &&
      (wanted >= memory::kThreads ||
       (wanted < threads_.size() && threads_[wanted].at != stage::absent)))
    misfit([&] {
      return "the replay string does not fit the test: there is no thread " +
             number(wanted) + " to be started at " + place(where);
    });
  return wanted;
}

std::uint32_t checker::spawn_guided(task* body, const source& where) {
  wait_guided_turn();
  const thread_number made = guide_.scripted()
                                 ? g_->add_thread(scripted_new_thread(where))
                                 : g_->add_next_thread();
  if (made >= stride_) {
    too_many_threads_ = true;
    end_run(outcome::failed);
  }
  event& e = draft(kind::create);
  e.location = made;
  e.where = where;
  add_guided(e, kind::create);
  progress();
  thread_state& child = thread(made);
  child.created = g_->last_of(self_);
  child.born = {self_, current_->done};
  child.at = stage::unstarted;
  child.body = body;
  able_.add(made);
  ++unfinished_;
  if (guide_.new_thread(made, self_)) guide_.reconsider();
  return made;
}

void checker::join_guided(thread_number t, const source& where) {
  if (guide_.scripted()) wait_guided_turn();
  if (threads_[t].at != stage::finished) {
    current_->blocked = obstacle::join;
    current_->on = t;
    threads_[t].joiner = self_;
    able_.remove(self_);
    go_on();  // and then it has just been picked
  } else if (!guide_.scripted()) {
    wait_guided_turn();
  }
  event& e = draft(kind::join);
  e.location = t;
  e.where = where;
  e.rf = g_->last_of(t);
  add_guided(e, kind::join);
  progress();
}

// --- Accesses ----------------------------------------------------------------

// The draft, a read, takes that write.
[[gnu::always_inline]] inline void checker::look_at(event& e,
                                                    event_id write) noexcept {
  e.rf = write;
  const value data = data_of(e.location, write);
  if (e.access == access_kind::load) {
    e.data = data;
    return;
  }
  const bool refuses = e.access == access_kind::compare_exchange_weak &&
                       data == e.expected && guide_.refuses();
  settle_kind(e, data, refuses);
}

[[gnu::always_inline]] inline void checker::add_read_guided(
    event& e, graph::place_list& at) {
  if (e.what == kind::read) {
    add_guided(e, kind::read, &at);
  } else {
    add_guided(e, kind::update_read, &at);
  }
}

[[gnu::always_inline]] inline value checker::read_here(const access& a,
                                                       location_id l,
                                                       bool updates,
                                                       location_id queue) {
  wait_guided_turn();
  event& e = draft(updates ? kind::update_read : kind::read);
  describe(e, a, l, current_->site, updates || queue != kNone);
  e.queue = queue;
  graph::place_list& at = g_->location(l);
  const std::uint32_t places = at.co.size();
  if (places == 0 && !memory_.at(l).initialized) [[unlikely]]
    not_initialized(a);
  if (recording_ != nullptr && shows_waiting()) [[unlikely]] {
    current_->pending = e;
    block(obstacle::await, l);
  }
  if (places != 0 ? guide_.reads_older() : guide_.scripted()) {
    add_older_read(e, at);
  } else {
    look_at(e, places == 0 ? kInitial : at.co.back());
    add_read_guided(e, at);
  }
  if (e.open != 0) first_ = self_;
  watch_progress(e);
  return e.data;
}

value checker::read_guided(const access& a, location_id l, bool updates,
                           location_id queue) {
  return read_here(a, l, updates, queue);
}

// Where another than the latest write may be read.
void checker::add_older_read(event& e, graph::place_list& at) {
  const std::uint32_t places = at.co.size();
  // Nobody falls asleep on what had changed before the queue's last user came.
  const std::uint32_t earliest_asleep =
      e.queue == kNone || g_->co(e.queue).empty()
          ? 0
          : g_->earliest(e.location, g_->view(g_->co(e.queue).back()));
  // The latest write will do always. Who has waited for long reads it: visible
  // in a finite period of time ([intro.progress]).
  const bool at_last =
      !guide_.scripted() && g_->size() > last_progress_ + kStaleInVain;
  for (std::uint32_t i = at_last ? places : guided_place(e, places);
       i != places; ++i) {
    look_at(e, g_->at_place(e.location, i));
    if (e.what == kind::update_read && g_->updater(e.location, i) != kNone)
      continue;
    if (e.begins_sleep() && i < earliest_asleep) continue;
    if (!g_->may_be_inconsistent()) return add_read_guided(e, at);
    if (try_guided(e, at)) return;
  }
  look_at(e, g_->at_place(e.location, places));
  add_read_guided(e, at);
}

// The place in co, of those that coherence allows, that a read takes, or behind
// which a write goes.
std::uint32_t checker::guided_place(const event& e,
                                    std::uint32_t places) noexcept {
  const std::uint32_t most = places - g_->earliest(e.location, g_->now(self_));
  const std::uint32_t back =
      e.is_read() ? guide_.read(most) : guide_.write(most);
  if (back > most)
    misfit([&] {
      return "the replay string does not fit the test: no such write at " +
             place(e.where);
    });
  return places - back;
}

// The second half of the update that has been begun. (In between, nobody else
// has a turn.)
void checker::modify_guided(location_id l, const value& data) {
  static_cast<void>(guide_.goes_on());
  event& e = g_->draft();
  event_id begun = g_->last_of(self_);
  while (g_->at(begun).what != kind::update_read || g_->at(begun).location != l)
    begun = g_->before(begun);
  const event& half = g_->at(begun);
  e = half;
  e.what = kind::update_write;
  e.data = data;
  add_guided(e, kind::update_write, &g_->location(l), g_->place_of(e.rf));
  first_ = e.open != 0 ? self_ : kNone;
  if (data == half.data) {
    nothing_new(e);
  } else {
    progress();
  }
}

[[gnu::always_inline]] inline void checker::write_here(const access& a,
                                                       location_id l) {
  wait_guided_turn();
  event& e = draft(kind::write);
  e.location = l;
  e.access = a.what;
  e.size = a.size;
  e.order = a.order;
  e.data = a.operand;
  e.site = current_->site;
  e.where = a.where;
  graph::place_list& at = g_->location(l);
  const std::uint32_t places = at.co.size();
  if (places != 0 ? guide_.writes_earlier() : guide_.scripted()) {
    add_earlier_write(e, at);
  } else {
    add_guided(e, kind::write, &at, places);
  }
  progress();
}

// Where it may go before others.
void checker::add_earlier_write(event& e, graph::place_list& at) {
  const std::uint32_t places = at.co.size();
  for (std::uint32_t i = guided_place(e, places); i != places; ++i)
    if (g_->updater(e.location, i) == kNone && try_guided(e, at, i)) return;
  add_guided(e, kind::write, &at, places);
}

value checker::perform_guided(const access& a, const void* site) noexcept {
  current_->site = site;
  const location_id l = memory_.atomic(a.address, a.size);
  switch (a.what) {
    case access_kind::load:
      return read_here(a, l, false, kNone);
    case access_kind::store:
      write_here(a, l);
      return {};
    case access_kind::compare_exchange_weak:
    case access_kind::compare_exchange_strong: {
      const value old = read_guided(a, l, true);
      exchanged_ = g_->at(g_->last_of(self_)).what == kind::update_read;
      if (exchanged_) modify_guided(l, a.operand);
      return old;
    }
    default: {
      const value old = read_guided(a, l, true);
      modify_guided(l, a.update(old, a.operand));
      return old;
    }
  }
}

int checker::choose_guided(std::uint32_t n, access_kind what, bool one_only) {
  wait_guided_turn();
  event& e = draft(kind::choice);
  e.location = n;
  e.access = what;
  e.data.lo = guide_.choice(n, what);
  if (one_only || e.data.lo >= n) e.data.lo = 0;
  add_guided(e, kind::choice);
  nothing_new(e);
  return static_cast<int>(e.data.lo);
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
