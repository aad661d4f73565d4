// SPDX-License-Identifier: Apache-2.0
//
// Sleeps that end for no reason, before they begin, as by a signal.
//
// Most of these lead back to the same sleep, and show nothing that is not seen
// without. That a sleep is of that kind is found by trying, in runs that add
// nothing to the graph:
//  - behind the sleep the thread is fed what it knows already (each location
//    has the value that the thread read or wrote last). It has to come back to
//    the sleep, without having changed anything, and after another return its
//    state (registers, stacks, heap) has to repeat;
//  - where the state behind the first return is another than that behind the
//    second and third, each other value that the word has had must make the
//    thread do the same from both: they differ in what is not looked at;
//  - the state behind the first return is also that of a sleep that is refused
//    since the word has another value.
// A thread that is woken for no reason and reads a new value does then what one
// does whose sleep was refused, which is explored; and one that reads the old
// value sleeps as before.
//
// At most one sleep of an execution ends for no reason. (That a sleeper leaves
// a queue where others have seen it is explored with time-outs.)
#include <cerrno>

#include "engine.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
namespace {

constexpr std::uint32_t kMostReturns = 3;

}  // namespace

// Before a sleep. Zero: it begins; or the error with which it does not.
int checker::nap(const void* word, const value& expected) {
  thread_state& me = *current_;
  if (me.following) {
    if (!me.idle) give_up_following();
    return interrupt(word, expected);
  }
  const std::uint64_t key =
      me.done == 0 ? self_ : g_->at(g_->of_thread(self_)[me.done - 1]).past;
  const auto known = naps_.find(key);
  const bool useless =
      known != naps_.end() && known->second.at == nap_memo::stage::useless;
  if (choose(2, access_kind::disturbance, useless || g_->disturbed()) == 0)
    return 0;
  if (replaying() || guide_.on()) return -EINTR;
  nap_memo& memo = naps_[key];
  if (memo.at == nap_memo::stage::matters) return -EINTR;
  if (memo.at == nap_memo::stage::useless) end_run(outcome::dropped);
  me.following = me.idle = me.returned = true;
  me.probing = false;
  me.nap = key;
  me.word = word;
  me.expected = expected;
  me.returns = 1;
  me.path = 0;
  return memo.at == nap_memo::stage::refusal ? -EAGAIN : -EINTR;
}

// The thread sleeps again.
int checker::interrupt(const void* word, const value& expected) {
  thread_state& me = *current_;
  if (me.probing) {
    mix(me.path, reinterpret_cast<std::uintptr_t>(word));
    mix(me.path, expected.lo);
  } else {
    if (word != me.word || !(expected == me.expected)) nap_matters();
    // Without a look in between, where its state would be compared.
    if (me.returned) nap_matters();
    ++me.returns;
    me.returned = true;
  }
  return -EINTR;
}

void checker::nap_matters() noexcept {
  naps_[current_->nap].at = nap_memo::stage::matters;
  end_run(outcome::again);
}

// Another value is tried, if there is one.
void checker::next_stage(nap_memo& memo) {
  memo.at =
      memo.others.empty() ? nap_memo::stage::refusal : nap_memo::stage::first;
  end_run(outcome::again);
}

// The first access behind a return.
void checker::after_nap(const access& a, location_id l) {
  thread_state& me = *current_;
  nap_memo& memo = naps_[me.nap];
  const fingerprint now = state() ^ world();
  switch (memo.at) {
    case nap_memo::stage::refusal:
      memo.at = now == memo.after ? nap_memo::stage::useless
                                  : nap_memo::stage::matters;
      end_run(outcome::again);
    case nap_memo::stage::first:
      me.probing = me.returns == 1;
      break;
    case nap_memo::stage::second:
      me.probing = me.returns == 2;
      break;
    default:  // loop
      if (me.returns == 1) {
        memo.after = now;
      } else if (now == memo.after && me.returns == 2) {
        memo.others.clear();
        next_stage(memo);
      } else if (now == me.state) {
        const auto try_other = [&](const value& v) {
          if (!(v == me.expected)) memo.others.push_back(v);
        };
        if (a.address != me.word) nap_matters();
        try_other(memory_.at(l).initial);
        for (const event_id w : g_->co(l)) try_other(g_->at(w).data);
        next_stage(memo);
      } else if (me.returns == kMostReturns) {
        nap_matters();
      }
      me.state = now;
      break;
  }
}

// What the thread sees behind a nap, nothing having changed.
value checker::follow_idle(const access& a, location_id l) {
  thread_state& me = *current_;
  nap_memo& memo = naps_[me.nap];
  if (me.probing) {
    mix(me.path, reinterpret_cast<std::uintptr_t>(a.address));
    mix(me.path, reinterpret_cast<std::uintptr_t>(me.site));
    mix(me.path, a.operand.lo);
    mix(me.path, a.expected.lo);
    if (memo.at == nap_memo::stage::first) {
      memo.path = me.path;
      memo.at = nap_memo::stage::second;
      end_run(outcome::again);
    }
    if (me.path != memo.path) nap_matters();
    memo.others.pop_back();
    next_stage(memo);
  }
  if (me.returned) {
    me.returned = false;
    after_nap(a, l);
    if (me.probing) {
      if (a.what != access_kind::load || a.address != me.word) nap_matters();
      return memo.others.back();
    }
  }
  value v = me.expected;
  if (a.address != me.word) {
    const event_id last = g_->last_access(l, self_);
    if (last == kNone) nap_matters();
    v = g_->at(last).data;
  }
  const bool changes =
      a.what == access_kind::store ||
      (a.update != nullptr ? !(a.update(v, a.operand) == v)
                           : a.what != access_kind::load && v == a.expected);
  if (changes) nap_matters();
  exchanged_ = false;
  return v;
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
