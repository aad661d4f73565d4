// SPDX-License-Identifier: Apache-2.0
//
// Futexes, as the model has them: what the kernel keeps in a hash bucket is the
// value of a hidden location that belongs to the address, and each operation is
// one acquire-release update of it, as if under the bucket's lock. A wait looks
// at its word and joins the queue in one step; a wait that is refused leaves
// the queue alone. It is left by an update as well (time-out, spurious return),
// or by another thread's. Being woken orders nothing: the sleeper's next look
// must do that.
#include "../futex/syscall.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "close_queue.h"
#include "mutation.h"
#include "recorder.h"
#include "report.h"
#include "running.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

// --- Queues ------------------------------------------------------------------

value futex_queues::number(const futex_queue& q) {
  if (q.empty()) return {0, 0};
  std::uint64_t h = 0;
  for (const futex_waiter& w : q)
    h = (h ^ w.thread ^ (std::uint64_t{w.ticket} << 16) ^
         (std::uint64_t{w.mask} << 32) ^ w.moved_to) *
        0x9e3779b97f4a7c15u;
  for (;; ++h) {
    const auto [it, fresh] = numbers_.try_emplace(h, queues_.size());
    if (fresh) queues_.push_back(q);
    if (queues_[it->second] == q) return {it->second, 0};
  }
}

value checker::open_queue(location_id l, memory_order order) {
  access a;
  a.what = access_kind::futex;
  a.size = sizeof(std::uint64_t);
  a.order = order;
  return read(a, l, true);
}

// --- Operations --------------------------------------------------------------

// Queues the running thread if the object has the value; in one step.
bool checker::enqueue(location_id hidden, const void* word, std::uint32_t size,
                      const value& expected, std::uint32_t mask,
                      std::uint32_t ticket, memory_order order, bool again) {
  const location_id l = memory_.atomic(word, size);
  access a;
  a.what = access_kind::futex;
  a.size = static_cast<std::uint8_t>(size);
  a.order = memory_order_relaxed;
  a.expected = expected;
  a.confirms = again;
  if (!(read(a, l, false, hidden) == expected)) return false;
  close_queue(hidden, open_queue(hidden, order), [&](futex_queue& q) {
    q.push_back({self_, ticket, mask, kNone});
  });
  return true;
}

// Takes the running thread out of the queue where it is by now. False: it has
// been woken.
bool checker::dequeue(location_id hidden, std::uint32_t ticket) {
  for (;;) {
    location_id next = kNone;
    bool found = false;
    close_queue(hidden, open_queue(hidden), [&](futex_queue& q) {
      for (std::size_t i = 0; i < q.size(); ++i) {
        if (q[i].thread != self_ || q[i].ticket != ticket) continue;
        if (q[i].moved_to == kNone) {
          q.erase(q.begin() + static_cast<std::ptrdiff_t>(i));
          found = true;
        } else {
          next = q[i].moved_to;
        }
        break;
      }
    });
    if (found) return true;
    if (next == kNone) return false;
    hidden = next;
  }
}

// The update that has woken the sleeper with this ticket, or kNone.
event_id checker::woken_by(location_id hidden, thread_number t,
                           std::uint32_t ticket) const {
  bool was_there = false;
  for (std::size_t i = 0; i < g_->co(hidden).size(); ++i) {
    const event_id id = g_->co(hidden)[i];
    const futex_queue& q = queues_[g_->at(id).data];
    bool here = false;
    for (const futex_waiter& w : q) {
      if (w.thread != t || w.ticket != ticket) continue;
      if (w.moved_to != kNone) return woken_by(w.moved_to, t, ticket);
      here = true;
    }
    if (was_there && !here) return id;
    was_there |= here;
  }
  return kNone;
}

// Sleeps in the queues given. False: the time has passed.
bool checker::sleep_in(std::span<const location_id> queues,
                       std::uint32_t ticket, bool timed) {
  if (recording_ != nullptr) [[unlikely]]
    recording_->asleep();
  if (timed && choose(2, access_kind::timed_sleep) != 0) return false;
  event e = fresh(kind::resume);
  if (replaying()) {
    step(e);
    return true;
  }
  for (;;) {
    wait_turn();
    e.rf = kNone;
    for (const location_id l : queues) {
      const event_id id = woken_by(l, self_, ticket);
      if (id != kNone && e.rf == kNone) e.rf = id;
    }
    if (e.rf != kNone) break;
    current_->timed = timed;
    block(obstacle::sleep, ticket);
  }
  need(e.rf);
  add_event(e);
  return true;
}

// After an update of a queue: those it has woken can go on.
void checker::wake_sleepers() noexcept {
  for (thread_number t = 0; t < threads_.size(); ++t)
    if (threads_[t].blocked == obstacle::sleep) unblock(t);
  guide_.reconsider();
}

int checker::futex_wait(const void* word, std::uint32_t size,
                        const value& expected, bool timed, std::uint32_t mask,
                        bool again) {
  if (current_->mortal) [[unlikely]]
    choose_to_die();
  if (const int error = nap(word, expected); error != 0) return error;
  const location_id hidden = memory_.hidden(word);
  const std::uint32_t ticket = current_->done;
  if (!enqueue(hidden, word, size, expected, mask, ticket, memory_order_acq_rel,
               again))
    return -EAGAIN;
  const location_id queues[] = {hidden};
  if (sleep_in(queues, ticket, timed)) return 0;
  // Had it been woken, this would be an execution where it was.
  if (!dequeue(hidden, ticket)) assume(false);
  return -ETIMEDOUT;
}

int checker::futex_wake(const void* word, int count, std::uint32_t mask) {
  if (current_->mortal) [[unlikely]]
    choose_to_die();
  const location_id hidden = memory_.hidden(word);
  int woken = 0;
  close_queue(hidden, open_queue(hidden), [&](futex_queue& q) {
    for (std::size_t i = 0; i < q.size() && woken < count;) {
      if (q[i].moved_to != kNone || (q[i].mask & mask) == 0) {
        ++i;
        continue;
      }
      q.erase(q.begin() + static_cast<std::ptrdiff_t>(i));
      ++woken;
    }
  });
  if (woken != 0) wake_sleepers();
  return woken;
}

int checker::futex_count(const void* word, int at_most) {
  if (current_->mortal) [[unlikely]]
    choose_to_die();
  const location_id hidden = memory_.hidden(word);
  int count = 0;
  close_queue(hidden, open_queue(hidden), [&](const futex_queue& q) {
    for (const futex_waiter& w : q)
      if (w.moved_to == kNone && count < at_most) ++count;
  });
  return count;
}

int checker::futex_requeue(const void* from, const value& expected, int wake,
                           int move, const void* to) {
  const location_id source_queue = memory_.hidden(from);
  const location_id l = memory_.atomic(from, sizeof(std::uint32_t));
  const value source_before = open_queue(source_queue);
  access a;
  a.what = access_kind::futex;
  a.size = sizeof(std::uint32_t);
  a.order = memory_order_relaxed;
  if (!(read(a, l, false) == expected)) {
    close_queue(source_queue, source_before, [](const futex_queue&) {});
    return -EAGAIN;
  }
  const location_id target_queue = memory_.hidden(to);
  const value target_before = open_queue(target_queue);
  int done = 0;
  value source_after;
  close_queue(target_queue, target_before, [&](futex_queue& moved) {
    futex_queue q = queues_[source_before];
    for (std::size_t i = 0; i < q.size();) {
      if (q[i].moved_to != kNone || done - wake >= move) {
        ++i;
      } else if (done < wake) {
        ++done;
        q.erase(q.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        ++done;
        futex_waiter w = q[i];
        moved.push_back(w);
        q[i].moved_to = target_queue;
        ++i;
      }
    }
    source_after = queues_.number(q);
  });
  close_queue(source_queue, source_after, [](const futex_queue&) {});
  wake_sleepers();
  return done;
}

int checker::futex_waitv(std::span<const detail::sys::waitv_entry> entries,
                         bool timed) {
  if (!entries.empty()) {
    const detail::sys::waitv_entry& last = entries.back();
    const int error = nap(last.word, {last.expected, 0});
    if (error != 0) return error;
  }
  const std::uint32_t ticket = current_->done;
  std::array<location_id, detail::sys::kWaitvMax> queues;
  if (entries.size() > queues.size()) return -EINVAL;
  const auto leave = [&](std::size_t count, int woken) {
    for (std::size_t i = 0; i < count; ++i)
      if (static_cast<int>(i) != woken && !dequeue(queues[i], ticket))
        woken = static_cast<int>(i);
    return woken;
  };
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const detail::sys::waitv_entry& e = entries[i];
    queues[i] = memory_.hidden(e.word);
    if (!enqueue(queues[i], e.word, sizeof(std::uint32_t), {e.expected, 0},
                 detail::kAnySleeper, ticket)) {
      const int woken = leave(i, -1);
      return woken >= 0 ? woken : -EAGAIN;
    }
  }
  const std::span<const location_id> all(queues.data(), entries.size());
  if (sleep_in(all, ticket, timed)) {
    // Which of them: the first that it is no longer in.
    int woken = -1;
    for (std::size_t i = 0; i < all.size() && woken < 0; ++i) {
      const event_id id = g_->at(g_->of_thread(self_)[current_->done - 1]).rf;
      if (g_->at(id).location == queues[i]) woken = static_cast<int>(i);
    }
    return leave(all.size(), woken);
  }
  if (leave(all.size(), -1) >= 0) assume(false);
  return -ETIMEDOUT;
}

// --- Waiting for an atomic ---------------------------------------------------

// [atomics.wait]. Its queue is not the kernel's of the same address: wake-ups
// are not first come, first served, and a wait orders no more than the standard
// says. But a waiter must see what was stored before a notification that it
// comes too late for, so notifying releases to those that queue afterwards. A
// wait that ends for no reason would look again, and sleep again: no new
// behaviour.
void checker::wait(const void* object, std::size_t size, const value& old) {
  const location_id hidden = memory_.hidden(object, true);
  const std::uint32_t ticket = current_->done;
  if (!enqueue(hidden, object, static_cast<std::uint32_t>(size), old,
               detail::kAnySleeper, ticket, memory_order_acquire))
    return;
  const location_id queues[] = {hidden};
  sleep_in(queues, ticket, false);
}

void checker::notify(const void* object, std::size_t size, bool all) {
  memory_.atomic(object, static_cast<std::uint32_t>(size));  // is it alive?
  const location_id hidden = memory_.hidden(object, true);
  const value before = open_queue(hidden, memory_order_release);
  const auto sleepers = static_cast<int>(queues_[before].size());
  const int chosen = all || sleepers < 2 ? 0 : choose(sleepers);
  close_queue(hidden, before, [&](futex_queue& q) {
    if (all) {
      q.clear();
    } else if (sleepers != 0) {
      q.erase(q.begin() + chosen);
    }
  });
  if (sleepers != 0) wake_sleepers();
}

}  // namespace model::engine

// --- What the primitives call ------------------------------------------------

namespace detail::sys {
namespace {

using model::engine::action;
using model::engine::checker;
using model::engine::recorded;

checker& checker_or_die() noexcept {
  return model::engine::running_checker("a futex operation");
}

// A deadline without end is none; one in the past has no place here.
bool timed(deadline until) noexcept { return !until.is_never(); }

}  // namespace

int futex_wait(const futex_word* word, std::uint32_t expected, deadline until,
               std::uint32_t mask, futex_scope, on_refusal then) noexcept {
  checker& c = checker_or_die();
  c.clean_stack();
  recorded as(action::wait, word, sizeof *word);
  if (as) [[unlikely]]
    as->expected({expected, 0});
  return as.result(c.futex_wait(word, sizeof *word, {expected, 0}, timed(until),
                                mask, then == on_refusal::again));
}

int futex_wake(const futex_word* word, int count, std::uint32_t mask,
               futex_scope) noexcept {
  checker& c = checker_or_die();
  c.clean_stack();
  recorded as(action::wake, word, sizeof *word);
  return as.result(c.futex_wake(word, count, mask));
}

int futex_requeue(const futex_word* from, std::uint32_t expected, int wake,
                  int move, const futex_word* to, futex_scope,
                  wake_site where) noexcept {
  if (model::engine::g_mutating && model::engine::drops_wake(where)) return 0;
  checker& c = checker_or_die();
  c.clean_stack();
  recorded as(action::move, from, sizeof *from);
  if (as) [[unlikely]] {
    as->target(to);
    as->expected({expected, 0});
  }
  return as.result(c.futex_requeue(from, {expected, 0}, wake, move, to));
}

int futex_count(const futex_word* word, int at_most, futex_scope) noexcept {
  checker& c = checker_or_die();
  c.clean_stack();
  recorded as(action::count, word, sizeof *word);
  return as.result(c.futex_count(word, at_most));
}

// As on a kernel without it, for tests of what is done then.
int futex_waitv(std::span<const waitv_entry> entries, deadline until) noexcept {
  if (std::getenv("SYNCXX_MODEL_NO_WAITV") != nullptr) return -ENOSYS;
  checker& c = checker_or_die();
  c.clean_stack();
  recorded as(action::wait, entries.empty() ? nullptr : entries.back().word,
              sizeof(std::uint32_t));
  return as.result(c.futex_waitv(entries, timed(until)));
}

}  // namespace detail::sys

int detail::unpark(const futex_word* word, int count, std::uint32_t mask,
                   futex_scope scope, wake_site where) noexcept {
  if (model::engine::g_mutating && model::engine::drops_wake(where)) return 0;
  return sys::futex_wake(word, count, mask, scope);
}

}  // namespace syncxx::inline SYNCXX_ABI
