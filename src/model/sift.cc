// SPDX-License-Identifier: Apache-2.0
//
// Whether a read is the first round of the loop behind it.
//
// That a loop only leads back is known from its second and third rounds: in the
// first, a register may hold what is not looked at any more. But a read before
// the loop may look like its first round (a function that is called twice), and
// a loop may remember that it has gone round (a flag). So what an await has
// read is tried again, in runs that add nothing to the graph: once at once, and
// once behind each value that leads back. If the thread then is not in the same
// state at its next operation (registers, stacks, heap, the caller's locals),
// all is started over with that known of the state and the value (after a
// number of them, of the place in the code): such a round is left out only if
// nothing at all differs before it and behind it. That shows some rounds which
// do not matter. (What is left out all the same: docs/design/model-checker.md,
// "Known gaps".)
#include <algorithm>

#include "engine.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
namespace {

// Of a place in the code. A state may differ from run to run in what nobody
// looks at, and all must not be started over for ever.
constexpr std::uint32_t kMostFound = 16;

// What a test may keep outside of itself: locals of the function that has
// called check(), and of its callers. (That rounds are counted there makes none
// of them a new state for spin.cc.)
SYNCXX_READS_ALL fingerprint
hash_of(std::span<const std::uintptr_t> words) noexcept {
  fingerprint h = 0;
  for (const std::uintptr_t word : words) mix(h, word);
  return h;
}

fingerprint pair_key(fingerprint state, const value& round,
                     const value& other) noexcept {
  mix(state, round.lo ^ (round.hi << 1));
  mix(state, other.lo ^ (other.hi << 1));
  return state;
}

}  // namespace

// Before a read where rounds are known to differ: its index, or kNone
// elsewhere.
std::uint32_t checker::note_head(const access& a) {
  if (!sieve_.found.contains(call_of(current_->site, a.where))) return kNone;
  const std::uint32_t index = current_->done;
  current_->heads.resize(index + 1);
  current_->heads[index] = {state(), world(), kNoFingerprint};
  return index;
}

// Whether this read is no round of the loop behind it.
bool checker::separate(const event& e) const {
  if (sieve_.found.empty() || !sieve_.found.contains(e.call())) return false;
  const head& then = current_->heads[e.index - 1];
  const head& now = current_->heads[current_->done];
  // (In between, others may have run.)
  return (then.state != now.state || then.behind != now.before) &&
         (sieve_.separate.contains(pair_key(then.state, e.data, {})) ||
          sieve_.separate.contains(e.call()));
}

// An await that is its thread's last event has been read: the value with which
// to go on.
value checker::sift(event_id read, fingerprint head) {
  const event& e = g_->at(read);
  const value data = e.data;
  if (e.guessed || e.memo == kNone) return data;
  await_memo& memo = memos_[e.memo];
  thread_state& me = *current_;
  if (memo.head == kNoFingerprint) memo.head = head;
  if (sieve_.read != read) {
    if (probed_ != kNone) return data;
    if (memo.hinted || sieve_.separate.contains(e.call())) return data;
    if (std::find(memo.seen.begin(), memo.seen.end(), data) == memo.seen.end())
      memo.seen.push_back(data);
    const auto next = std::find_if(
        memo.failing.begin(), memo.failing.end(), [&](const value& v) {
          return !(v == data) &&
                 !sieve_.tried.contains(pair_key(memo.head, v, data));
        });
    if (next == memo.failing.end()) return data;
    sieve_.read = read;
    sieve_.round = *next;
    sieve_.cycle =
        memo.cycles[static_cast<std::size_t>(next - memo.failing.begin())];
    sieve_.moved = sieve_.second = false;
    sieve_.met = true;
    end_run(outcome::again);
  }
  sieve_.met = true;
  me.following = me.sifting = true;
  me.idle = false;
  me.cycle = sieve_.cycle;
  me.in_cycle = 0;
  me.sifted = !sieve_.second;
  return me.sifted ? data : sieve_.round;
}

// A value of an await turns out to lead back: those that it has read before
// are tried behind it.
void checker::sift_seen(event_id read, std::uint32_t cycle) {
  const event& e = g_->at(read);
  const await_memo& memo = memos_[e.memo];
  if (memo.hinted || e.guessed || !e.awaits_value()) return;
  const auto co = g_->co(e.location);
  while (g_->last_of(self_) != read && g_->last_of(self_) + 1 == g_->size())
    g_->pop();  // a fence of the loop
  if (g_->last_of(self_) != read) return;
  for (const value& v : memo.seen) {
    if (v == e.data || sieve_.tried.contains(pair_key(memo.head, e.data, v)))
      continue;
    for (auto place = static_cast<std::uint32_t>(co.size()) + 1; place-- > 0;) {
      const event_id w = g_->at_place(e.location, place);
      if (!(data_of(e.location, w) == v)) continue;
      sieve_.read = read;
      sieve_.round = e.data;
      sieve_.cycle = cycle;
      sieve_.second = false;
      sieve_.moved = true;
      sieve_.rf = e.rf;
      sieve_.met = true;
      g_->read_from(read, w, v);
      sieve_.past = e.past;
      end_run(outcome::again);
    }
  }
}

// The run has ended before it came to the read: with another thread, which may
// have changed the graph.
void checker::forget_sifting() {
  const event_id read = sieve_.read;
  sieve_.read = kNone;
  if (!sieve_.moved || start_over_) return;
  if (read < g_->size() && g_->at(read).past == sieve_.past)
    g_->read_from(read, sieve_.rf, sieve_.round);
  if (outcome_ != outcome::dropped) outcome_ = outcome::again;
}

// The next access to an atomic.
value checker::sift_next(const access& a, location_id l) {
  thread_state& me = *current_;
  if (me.sifted) {
    fingerprint path = state() ^ world() ^ hash_of(memory_.callers());
    mix(path, reinterpret_cast<std::uintptr_t>(a.address));
    mix(path, reinterpret_cast<std::uintptr_t>(me.site));
    mix(path, (std::uint64_t{a.where.line} << 8) |
                  static_cast<std::uint64_t>(a.what));
    mix(path, a.operand.lo ^ (a.expected.lo << 1));
    end_sifting(path);
  }
  const event& read = g_->at(sieve_.read);
  while (next_in_cycle().what == kind::fence) ++me.in_cycle;
  const event& e = next_in_cycle();
  if (!same_operation(e, a, l, me.site)) end_sifting(kNoFingerprint);
  me.in_cycle += e.what == kind::update_read ? 2 : 1;
  me.sifted = e.index == read.index;
  if (me.sifted) static_cast<void>(state());
  exchanged_ = me.sifted && a.what != access_kind::load && e.data == a.expected;
  return e.data;
}

// At another operation than an access to an atomic.
void checker::end_sifting_elsewhere(fingerprint path) {
  if (!current_->sifted) end_sifting(kNoFingerprint);
  if (path == kNoFingerprint) path = stack_state();
  end_sifting(path ^ world() ^ hash_of(memory_.callers()));
}

// What the thread does with the value is known.
void checker::end_sifting(fingerprint path) {
  const event& e = g_->at(sieve_.read);
  if (!sieve_.second) {
    sieve_.second = true;
    sieve_.path = path;
  } else {
    const await_memo& memo = memos_[e.memo];
    if (path != sieve_.path) {
      sieve_.separate.emplace(pair_key(memo.head, sieve_.round, {}), true);
      if (++sieve_.found[e.call()] == kMostFound)
        sieve_.separate.emplace(e.call(), true);
      sieve_.read = kNone;
      start_over_ = true;
      end_run(outcome::failed);
    }
    sieve_.tried.emplace(pair_key(memo.head, sieve_.round, e.data), true);
    if (sieve_.moved) g_->read_from(sieve_.read, sieve_.rf, sieve_.round);
    sieve_.read = kNone;
  }
  end_run(outcome::again);
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
