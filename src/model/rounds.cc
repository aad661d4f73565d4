// SPDX-License-Identifier: Apache-2.0
//
// Rounds that come to nothing. A lock-free loop looks at a word, makes a new
// value of it, and confirms: a compare-exchange takes the word from what was
// seen to that, or a futex call sleeps while it is still what was seen. If it
// is not, the loop looks again, as if it had not looked (detail::confirm()'s
// promise, and sleeper::sleep()'s). An execution in which this happens has the
// same threads do the same as the one without that round: they differ in reads
// that nothing comes of, and there are many of them. So only those are explored
// in which what is confirmed is what was seen: the confirming read reads from
// the same write as the look. (Another write of the same value would do in
// reality: then the look can have read that one.) "Confirming reads" are from
// Kokologiannakis, Ren, Vafeiadis, "Dynamic Partial Order Reductions for
// Spinloops", FMCAD 2021.
//
// A confirming read has one option, so it is no place for a choice: it is
// always maximal, and no write revisits it; it revisits the look. Where it
// cannot be had (the write seen has another update, say) its thread stays for
// good where it is, before that event, and the execution is not counted. It is
// run all the same: the others may write what the look then reads instead.
#include <cstdlib>

#include "engine.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

// Whether the running thread has looked at this location, found `seen`, and
// done nothing since: else what it does now confirms nothing, and is a
// compare-exchange or sleep like any other.
bool checker::looked_at(location_id l, const value& seen) const noexcept {
  if (all_rounds_) return false;
  const auto& po = g_->of_thread(self_);
  for (std::uint32_t i = current_->done; i > 0; --i) {
    const event& e = g_->at(po[i - 1]);
    if (e.what == kind::choice) continue;
    if (e.what != kind::read || e.access == access_kind::futex) return false;
    // A look that acquires would have learnt more from a later write of the
    // same value; of an await, its loop has something to say (spin.cc).
    if (e.location == l)
      return e.data == seen && !e.await && !acquires(e.order);
  }
  return false;
}

// A new event, which reads what the look has read.
value checker::confirm(event& e) {
  const graph::await_note& note = g_->awaits(self_);
  if (note.index == current_->done + 1 && note.memo == kNone && note.since != 0)
    stay_out_of_date();
  e.confirms = true;
  e.rf = g_->at(g_->last_access(e.location, self_)).rf;
  settle_kind(e, data_of(e.location, e.rf), false);
  const std::uint32_t place = g_->place_of(e.rf);
  if (g_->earliest(e.location, g_->now(self_)) > place) stay_out_of_date();
  const bool updates = e.what == kind::update_read;
  const event_id other =
      updates ? g_->updater(e.location, place) : event_id{kNone};
  if (other != kNone && g_->porf_before(other, g_->porf(g_->last_of(self_))))
    stay_out_of_date();
  const event_id id = add_event(e);
  if (!g_->sc_consistent()) {
    g_->pop();
    --current_->done;
    stay_out_of_date();
  }
  if (g_->at(id).open != 0) first_ = self_;
  if (updates) {
    // With another update of what was seen there is only what the write
    // revisits; then this thread stays behind.
    alternative a;
    a.what = alternative::type::read;
    a.conflict = other != kNone;
    a.target = id;
    a.base = a.first = a.last = static_cast<std::uint32_t>(x_->options.size());
    x_->work.push_back(a);
  }
  need(e.rf);
  return e.data;
}

// Whether `e`, its thread's next event or its last, joins a queue after a look
// that was confirmed.
bool checker::falls_asleep(const event& e) const noexcept {
  if (e.access != access_kind::futex || e.what != kind::update_read)
    return false;
  const event_id look = e.index == 0
                            ? g_->last_of(e.thread)
                            : g_->before(g_->of_thread(e.thread).back());
  return look != kNone && g_->at(look).confirms && g_->at(look).begins_sleep();
}

// Nothing has come of the graph's last event, which confirms (or is a sleep
// that does): if so it goes, and its thread with it, for as long as there is
// what it has met.
bool checker::stays_behind(const event& e) {
  const bool asleep = falls_asleep(e);
  if (!e.confirms && !asleep) return false;
  g_->pop();
  if (asleep) g_->pop();  // its look
  g_->note_await(e.thread,
                 {asleep ? e.index - 1 : e.index, kNone, g_->size(), 0});
  return true;
}

// The word has changed since the look, as everybody knows who joins the queue.
void checker::wake_up_out_of_date() noexcept {
  g_->pop();  // the look
  --current_->done;
  g_->note_await(self_, {current_->done + 1, kNone, g_->size(), 0});
  first_ = half_done();
  stay_out_of_date();
}

void checker::stay_out_of_date() noexcept {
  block(obstacle::out_of_date, kNone);
  std::abort();  // not reached: nobody ends that
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
