// SPDX-License-Identifier: Apache-2.0
//
// Loops that wait. A thread that reads, finds that it has to wait and reads
// again would add an event each time round, without end. Reading again the
// value that made the loop go round is not a new behaviour, so such a read is
// made an await: it takes part in an execution only with a value that ends the
// loop.
//
// How a loop is known. A read at the place in the code, and of the location, of
// an earlier read, with nothing but reads (and fences, and updates that change
// nothing) in between, may be the head of one. The thread is fed the same
// values again, without events, for another round or more. If its state at the
// head (registers, stack, plain writes) repeats, it would go round for ever;
// with a spin hint in it a loop is taken for waiting also if its state does not
// settle. If it does anything else, it was no such loop: the run is done over,
// and the state at the suspected head remembered.
//
// A loop that writes while it waits (it takes a spin lock to look, say) is not
// an await. With a spin hint in it, it goes round in vain a few times at most:
// more would show nothing new, and there would be no end to it.
#include "engine.h"
#include "report.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
namespace {

constexpr std::uint32_t kLongestCycle = 64;
constexpr std::uint32_t kMostRounds = 64;
constexpr std::uint32_t kMostWritingRounds = 2;

}  // namespace

bool same_operation(const event& e, const access& a, location_id l,
                    const void* site) noexcept {
  return e.site == site && e.where.line == a.where.line && e.location == l &&
         e.access == a.what && e.expected == a.expected;
}

// Whether this read may be the head of a loop; then me.cycle is set.
bool checker::suspicious(const access& a, location_id l) {
  thread_state& me = *current_;
  const auto& po = g_->of_thread(self_);
  const auto at = static_cast<std::uint32_t>(po.size());
  for (std::uint32_t i = at; i > 0 && at - i < kLongestCycle; --i) {
    const event& e = g_->at(po[i - 1]);
    if (e.is_read()) {
      if (e.queue != kNone)
        return false;  // the loop may know that it has slept
      if (!same_operation(e, a, l, me.site) || separate(e)) continue;
      const fingerprint state = this->state();
      fingerprint suspected =
          state ^ me.plain_writes;  // with what it would be fed
      for (std::uint32_t j = i; j <= at; ++j) {
        const value& data = g_->at(po[j - 1]).data;
        suspected =
            (suspected ^ data.lo ^ (data.hi << 1)) * 0xff51afd7ed558ccdu;
        suspected ^= suspected >> 32;
      }
      if (no_spin_.contains(suspected) ||
          no_spin_.contains(g_->past(self_) + i))
        return false;
      me.following = true;
      me.looked = false;
      me.idle = false;
      me.cycle = i;
      me.in_cycle = 0;
      me.rounds = 0;
      me.state = state ^ world();
      me.suspected = suspected;
      return true;
    }
    if (e.what == kind::fence) continue;
    if (e.what == kind::update_write && e.access != access_kind::futex &&
        e.data == g_->at(po[i - 2]).data)
      continue;
    return false;
  }
  return false;
}

const event& checker::next_in_cycle() {
  const auto& po = g_->of_thread(self_);
  return g_->at(po[current_->cycle - 1 + current_->in_cycle]);
}

value checker::follow(const access& a, location_id l) {
  thread_state& me = *current_;
  if (me.idle) nap_matters();  // a futex operation
  const auto& po = g_->of_thread(self_);
  if (me.cycle - 1 + me.in_cycle == po.size()) {
    me.in_cycle = 0;
    const fingerprint state = this->state() ^ world();
    if (state == me.state) spin_confirmed();
    me.state = state;
    if (++me.rounds == kMostRounds) {
      if (me.hinted) spin_confirmed();
      give_up_following();
    }
  }
  const event& e = next_in_cycle();
  if (!same_operation(e, a, l, me.site)) give_up_following();
  exchanged_ = e.what == kind::update_read;
  me.in_cycle += exchanged_ ? 2 : 1;
  return e.data;
}

void checker::spin_hint(bool again) noexcept {
  thread_state& me = *current_;
  me.hinted = true;
  if (me.following) return;
  if (!again) me.writing_rounds = 0;
  const auto& po = g_->of_thread(self_);
  bool wrote = false;
  for (std::uint32_t i = me.round_began; again && i < me.done; ++i)
    wrote |= g_->at(po[i]).is_write();
  if (wrote && ++me.writing_rounds == kMostWritingRounds)
    block(obstacle::rounds, me.round_began);
  me.round_began = me.done;
}

// Whether the last round of a loop that writes has read the latest of what
// others wrote: it would go on like that for ever.
bool checker::in_vain(const thread_state& s, thread_number t) const {
  const auto& po = g_->of_thread(t);
  for (std::uint32_t i = s.on; i < po.size(); ++i) {
    const event& e = g_->at(po[i]);
    if (!e.is_read()) continue;
    const auto co = g_->co(e.location);
    for (std::uint32_t later = g_->place_of(e.rf); later < co.size(); ++later)
      if (g_->at(co[later]).thread != t) return false;
    if (e.guessed) return false;
  }
  return true;
}

void checker::follow_fence(const event& e) {
  if (current_->idle) nap_matters();
  if (current_->sifting) {
    if (current_->sifted) give_up_following();
    return;
  }
  if (current_->cycle - 1 + current_->in_cycle == g_->of_thread(self_).size())
    give_up_following();
  const event& then = next_in_cycle();
  if (then.what != kind::fence || then.order != e.order ||
      then.access != e.access)
    give_up_following();
  ++current_->in_cycle;
}

void checker::give_up_following(fingerprint how) noexcept {
  if (current_->sifting) end_sifting_elsewhere(how);
  if (current_->idle) nap_matters();
  // By its past as well: a state may differ from run to run in what does not
  // matter, and this must not be tried for ever.
  no_spin_.emplace(current_->suspected, true);
  no_spin_.emplace(g_->past(self_) + current_->cycle, true);
  end_run(outcome::again);
}

void checker::spin_confirmed() {
  const auto& po = g_->of_thread(self_);
  std::size_t i = po.size();
  while (!g_->at(po[i - 1]).is_read()) --i;
  read_failed(po[i - 1], current_->cycle);
}

// The value that `read`, the running thread's last read, has does not let it go
// on. What came after it is void. Where it was added the next option is tried,
// or the thread blocked if there is none; an update stays, as a read. If it was
// there from the beginning, by a revisit, that is done again.
void checker::read_failed(event_id read, std::uint32_t cycle) {
  event& r = g_->at(read);
  if (!r.await) {
    await_sites_.emplace(r.call(), true);
    start_over_ = true;
    end_run(outcome::failed);
  }
  await_memo& memo = memos_[r.memo];
  // Values may lead back to different places: from the first of them on.
  if (memo.cycle == 0 || cycle < memo.cycle) memo.cycle = cycle;
  memo.timed |= current_->looked;
  memo.hinted |= current_->hinted;
  if (r.guessed) {
    memo.retried.push_back(r.expected);
  } else if (known(r.memo, r.data) == knowledge::unknown) {
    memo.failing.push_back(r.data);
    memo.cycles.push_back(cycle);
  }
  sift_seen(read, cycle);
  if (probed_ != kNone) end_run(outcome::dropped);
  auto& work = x_->work;
  std::size_t at = work.size();
  while (at > 0 && (work[at - 1].what != alternative::type::read ||
                    work[at - 1].target != read))
    --at;
  if (at == 0) {  // it was there from the beginning
    work.clear();
    x_->options.clear();
    x_->take_again = x_->origin.read == read;
    end_run(outcome::dropped);
  }
  g_->cut(read);
  for (; work.size() > at; work.pop_back())
    x_->options.resize(work.back().base);
  if (r.awaits_value()) {
    work.back().failed = true;
    end_run(outcome::dropped);
  }
  event& again = g_->at(read);
  settle_kind(again, again.data, again.guessed);
  if (again.guessed) {
    work.back().failed = true;
    end_run(outcome::dropped);
  }
  g_->read_from(read, again.rf, again.data);
  work.back().conflict = false;
  end_run(outcome::again);
}

// Behind an update that only leads back its thread comes no further, until
// another write revisits it.
void checker::stay_if_vain(const event& e) noexcept {
  if (!e.vain) return;
  if (e.index != g_->of_thread(self_).size()) end_run(outcome::dropped);
  block(obstacle::vain, e.location);
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
