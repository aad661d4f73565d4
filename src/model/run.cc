// SPDX-License-Identifier: Apache-2.0
//
// One run of the test: fibers, whose turn it is, and how a run ends.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <exception>

#include "recorder.h"
#include "report.h"
#include "running.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

checker* g_checker = nullptr;
bool g_forked = false;

namespace {

// An execution longer than this is taken for one that never ends.
constexpr std::uint32_t kMostEvents = 1u << 15;

}  // namespace

thread_state& checker::thread(thread_number t) {
  while (threads_.size() <= t) threads_.add();
  return threads_[t];
}

outcome checker::run() {
  for (thread_state& t : threads_) {
    static_cast<thread_run&>(t) = {};
    t.storage.at_end.clear();
    t.storage.after_end.clear();
  }
  sieve_.met = false;
  memory_.begin_run();
  locks_.begin_run();
  repeatable_ = true;
  for (thread_number t = 0; t < g_->threads(); ++t) thread(t);
  first_ = half_done();
  if (probed_ != kNone) first_ = g_->at(probed_).thread;
  if (g_->threads() == 0) g_->add_thread();
  last_progress_ = g_->size();
  culprit_ = kNone;
  collision_ = {};
  thread(0).at = stage::unstarted;
  able_.clear();
  able_.add(0);
  unfinished_ = 1;
  self_ = 0;
  current_ = &threads_[0];
  const thread_number t = guide_.on() ? 0 : pick();
  current_ = nullptr;
  self_ = t;
  thread_state& first = thread(t);
  start_fiber(t);
  if (!block_.empty()) {
    block_.save(host_storage_);
    block_.reset();
  }
  current_ = &first;
  g_checker = this;
  run_fibers(host_, first.fiber);
  g_checker = nullptr;
  if (!block_.empty()) block_.load(host_storage_);
  if (sieve_.read != kNone && !sieve_.met) forget_sifting();
  memory_.end_run(outcome_ == outcome::complete && probed_ == kNone);
  for (thread_state& s : threads_)
    if (s.fiber.caught_exceptions != nullptr) [[unlikely]]
      drop_exceptions(s.fiber);
  return outcome_;
}

void checker::main_entry(void* self) {
  auto& c = *static_cast<checker*>(self);
  context_started(c.current_->fiber, c.host_);
  c.thread_body(0);
}

void checker::thread_entry(void* self) {
  auto& c = *static_cast<checker*>(self);
  context_started(c.current_->fiber, c.host_);
  c.thread_body(c.self_);
}

void checker::thread_body(thread_number t) {
  thread_state& me = threads_[t];
  try {
    if (t == 0) {
      test_();
      destroy_thread_locals();
    } else {
      guide_.on() ? start_guided(me.created)
                  : begin_or_end(kind::start, me.created);
      clean_stack();  // begin_or_end() has left its frames there
      me.body->run();
      destroy_thread_locals();
      delete me.body;
      me.body = nullptr;
    }
  } catch (const std::exception& e) {
    fail(verdict::assertion_failed, [&] {
      return text("an exception came out of thread ") + number(t) + ": " +
             e.what();
    });
  } catch (...) {
    fail(verdict::assertion_failed,
         [&] { return text("an exception came out of thread ") + number(t); });
  }
  if (g_forked) outside("the end of the test's body");
  // (In line: what is compared of threads depends on how deep they are.)
  end_thread();
}

void checker::finish() noexcept { end_thread(); }

// The running thread has come to its end.
[[gnu::always_inline]] inline void checker::end_thread() noexcept {
  if (guide_.on()) finish_guided();
  thread_state& me = *current_;
  begin_or_end(kind::finish, kNone);
  me.at = stage::finished;
  if (me.joiner != kNone) unblock(me.joiner);
  dispatch();
  std::abort();  // not reached: a finished thread is not picked
}

// A thread with an update that it has begun and not ended, or kNone.
thread_number checker::half_done() const noexcept {
  for (thread_number t = 0; t < g_->threads(); ++t) {
    const event_id last = g_->last_of(t);
    if (last != kNone && g_->at(last).open != 0) return t;
  }
  return kNone;
}

// Leaves the test where it is: its stacks are started anew in the next run.
void checker::end_run(outcome how) noexcept {
  outcome_ = how;
  switch_context(current_->fiber, host_, true);
  std::abort();
}

// The lowest thread that is not known to be blocked, or what it depends on.
thread_number checker::pick() noexcept {
  thread_number t = first_;
  if (t == kNone) {
    for (t = 0; t < threads_.size(); ++t) {
      const thread_state& s = threads_[t];
      if (s.at == stage::finished || s.blocked != obstacle::none) continue;
      if (s.at != stage::absent) break;
      if (t < g_->threads() && g_->last_of(t) != kNone) break;
    }
    if (t == threads_.size()) return kNone;
  }
  for (;;) {
    thread_state& s = threads_[t];
    if (s.at == stage::absent) {  // its creator has to come that far
      t = g_->at(g_->at(g_->of_thread(t).front()).rf).thread;
      continue;
    }
    if (s.needs == kNone) return t;
    if (threads_[s.needs].done >= s.needs_index) {
      s.needs = kNone;
      return t;
    }
    t = s.needs;
  }
}

// The program's thread_local objects change hands.
[[gnu::noinline]] void checker::switch_thread_locals(
    thread_state& next) noexcept {
  block_.save(current_->storage);
  if (next.at == stage::unstarted) {
    block_.reset();
  } else {
    block_.load(next.storage);
  }
}

[[gnu::noinline]] void checker::start_fiber(thread_number t) noexcept {
  thread_state& s = threads_[t];
  s.at = stage::ready;
  if (!s.stack) s.stack.emplace(memory_.stack_memory(t), memory::kStackEach);
  s.stack->start(s.fiber, t == 0 ? &main_entry : &thread_entry, this);
}

// Lets the thread go on whose turn it is; returns when it is the caller's.
void checker::dispatch() noexcept {
  if (guide_.on()) return dispatch_guided();
  const thread_number t = pick();
  if (t == kNone) end_run(judge());
  if (t != self_) switch_to(t);
}

// Exploring: returns when the caller is the lowest thread that can go on.
void checker::give_turn() noexcept {
  if (guide_.on()) return give_guided_turn();
  if (g_->size() >= kMostEvents) too_long(kMostEvents);
  for (;;) {
    const thread_number t = pick();
    if (t == self_) {
      if (probed_ != kNone) end_run(outcome::complete);
      if (current_->stuck) end_run(outcome::dropped);
      return;
    }
    switch_to(t);
  }
}

void checker::too_long(std::uint32_t events) noexcept {
  fail(verdict::bound_reached, [&] {
    return "an execution has " + number(events) +
           " events: a loop without end?";
  });
}

// Replay: what an event depends on must have been executed.
void checker::need(event_id id) noexcept {
  if (id >= kInitial) return;
  // (Not the event itself: it moves when others are added.)
  const thread_number t = g_->at(id).thread;
  const std::uint32_t index = g_->at(id).index;
  if (threads_[t].done >= index && t < threads_.size()) return;
  current_->needs = t;
  current_->needs_index = index;
  do {
    dispatch();
  } while (threads_[t].done < index);
  current_->needs = kNone;
}

void checker::block(obstacle why, std::uint32_t on) noexcept {
  current_->blocked = why;
  current_->on = on;
  if (why == obstacle::join) threads_[on].joiner = self_;
  if (guide_.on()) able_.remove(self_);
  do {
    dispatch();
  } while (current_->blocked != obstacle::none);
}

// The event of the log that the running thread repeats; checks that it is one.
event& checker::logged(kind what, location_id l, const access* a) {
  const event_id id = g_->of_thread(self_)[current_->done];
  event& e = g_->at(id);
  const bool same_kind =
      e.what == what || (what == kind::read && e.what == kind::update_read);
  if (!same_kind) nondeterministic(e, "does another operation");
  if (l != kNone && e.location != l) nondeterministic(e, "uses another object");
  if (a != nullptr && (e.access != a->what))
    nondeterministic(e, "does another operation");
  return e;
}

void checker::nondeterministic(const event& e, const char* now) noexcept {
  misfit([&] {
    return "the test is not deterministic: run again with the same values, "
           "thread " +
           number(e.thread) + " " + now + " at its step " + number(e.index) +
           (e.where.line != 0 ? " (then at " + place(e.where) + ")" : text()) +
           "; it must not depend on time, random numbers, addresses, or what "
           "an earlier run left behind";
  });
}

void checker::begin_or_end(kind what, event_id rf) {
  if (replaying() || current_->following) {
    step(fresh(what));
    return;
  }
  wait_turn();
  event& e = draft(what);
  e.rf = rf;
  add_event(e);
}

// An event without alternatives.
event_id checker::step(const event& e) {
  if (replaying()) {
    logged(e.what, e.location, nullptr);
    const event_id id = g_->of_thread(self_)[current_->done];
    need(g_->at(id).rf);
    ++current_->done;
    return id;
  }
  if (current_->sifting && e.what == kind::finish) end_sifting_elsewhere(kEnds);
  if (current_->following) give_up_following();
  wait_turn();
  return add_event(e);
}

std::uint32_t checker::spawn_exploring(task* body, const source& where) {
  if (replaying()) {
    const event& then = logged(kind::create, kNone, nullptr);
    thread_state& child = thread(then.location);
    child.at = stage::unstarted;
    child.created = g_->of_thread(self_)[current_->done];
    child.body = body;
    ++current_->done;
    child.born = {self_, current_->done};
    return then.location;
  }
  if (current_->following) give_up_following();
  wait_turn();
  const thread_number made = g_->add_thread();
  if (made >= stride_) {
    too_many_threads_ = true;
    end_run(outcome::failed);
  }
  event& e = draft(kind::create);
  e.location = made;
  e.where = where;
  thread_state& child = thread(made);
  child.created = add_event(e);
  child.born = {self_, current_->done};
  child.at = stage::unstarted;
  child.body = body;
  child.done = 0;
  child.blocked = obstacle::none;
  child.needs = kNone;
  child.following = child.sifting = child.rested = false;
  return made;
}

void checker::join_exploring(thread_number t, const source& where) {
  if (replaying()) {
    event e = fresh(kind::join);
    e.location = t;
    step(e);
    return;
  }
  if (current_->following) give_up_following();
  const auto has_ended = [&] {
    const event_id last = g_->last_of(t);
    return last != kNone && g_->at(last).what == kind::finish;
  };
  for (wait_turn(); !has_ended(); wait_turn()) block(obstacle::join, t);
  const event_id last = g_->last_of(t);
  need(last);
  event& e = draft(kind::join);
  e.location = t;
  e.where = where;
  e.rf = last;
  add_event(e);
}

void checker::assume(bool holds) {
  if (holds) return;
  if (current_->following) give_up_following();
  block(obstacle::assume, kNone);
}

// When no thread can go on.
outcome checker::judge() {
  const auto left = [](const thread_state& s) {
    return s.at != stage::absent && s.at != stage::finished;
  };
  if (std::none_of(threads_.begin(), threads_.end(), left))
    return outcome::complete;
  bool dropped = false, spins = false, stale = false;
  bool no_execution = false;  // but for what is to be learnt from it
  text who;
  const auto place_of = [this](thread_number t) {
    return recording_ == nullptr ? text() : recording_->place_of(t);
  };
  for (thread_number t = 0; t < threads_.size(); ++t) {
    const thread_state& s = threads_[t];
    if (!left(s)) continue;
    who += (who.empty() ? "thread " : ", thread ") + number(t);
    switch (s.blocked) {
      case obstacle::join:
        who += " waits for the end of thread " + number(s.on) + place_of(t);
        break;
      case obstacle::vain:
      case obstacle::await: {
        spins = true;
        const bool waits = s.blocked == obstacle::await;
        const event& at = waits ? s.pending : g_->at(g_->last_of(t));
        who += " spins";
        if (recording_ != nullptr)
          who += place_of(t);
        else if (at.where.line != 0)
          who += " at " + place(at.where);
        // It may look at a clock: then this is one in which time passes.
        if (at.memo == kNone) {  // only shown to wait
          dropped = true;
          break;
        }
        dropped |= memos_[at.memo].timed;
        // What its loop reads must be the latest, and must not be a
        // compare-exchange that failed for no reason.
        const auto co = g_->co(s.on);
        const value latest = data_of(s.on, co.empty() ? kInitial : co.back());
        stale |= known(at.memo, latest) != knowledge::failing;
        no_execution |= waits && at.stuck != 0;
        const auto& po = g_->of_thread(t);
        const std::uint32_t cycle = memos_[at.memo].cycle;
        for (std::uint32_t i = cycle; i != 0 && i <= po.size(); ++i) {
          const event& e = g_->at(po[i - 1]);
          if (e.is_read() &&
              (e.guessed || g_->place_of(e.rf) != g_->co(e.location).size()))
            stale = true;
        }
        break;
      }
      case obstacle::sleep:
        // With a time, this is an execution in which that runs out.
        dropped |= s.timed;
        who += " sleeps on a futex" + place_of(t);
        break;
      case obstacle::rounds:
        spins = true;
        stale |= !in_vain(s, t);
        who += " goes round in vain" + place_of(t);
        break;
      case obstacle::out_of_date:
        dropped = no_execution = true;
        break;
      default:
        dropped = true;
        break;
    }
  }
  const bool fails = !dropped && !stale;
  // (A livelock is shown as threads that wait.)
  if (fails || recording_ != nullptr)
    failure_ = text(spins ? "nobody will change what is waited for: "
                          : "every thread left waits for another: ") +
               who;
  if (!fails) return no_execution ? outcome::dropped : outcome::blocked;
  result_.what = spins ? verdict::livelock : verdict::deadlock;
  return outcome::failed;
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
