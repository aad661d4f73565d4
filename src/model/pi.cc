// SPDX-License-Identifier: Apache-2.0
//
// PI futexes and robust lists, as the model has them, as far as their
// user-space side goes. Words name threads by their numbers in the model.
//
// - The kernel changes a word and the queue that belongs to it in one step. A
//   thread's own change of a word is relaxed. What it writes for another one,
//   the new owner, is a release, as for a thread that has died: it is its last
//   look at an object that the new owner may destroy.
// - PI queues are written before words. That two updates of a queue are in each
//   other's way is found when it is written, and must be before a thread reads
//   a word that comes of it, and fails with that.
// - Queues are first in, first out: there are no priorities, and no other
//   owners' locks are looked at (so no deadlock of several is found).
// - A thread dies only where a test lets it, and as one that holds no PI lock
//   that is not in its robust list.
#include <algorithm>
#include <cerrno>

#include <sync/detail/thread_id.h>

#include "../futex/syscall.h"
#include "close_queue.h"
#include "mortal.h"
#include "mutation.h"
#include "recorder.h"
#include "running.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
namespace {

using detail::kOwnerDiedBit;
using detail::kTidMask;
using detail::kWaitersBit;

std::uint32_t bits(const value& v) noexcept {
  return static_cast<std::uint32_t>(v.lo);
}
std::uint32_t name_of(thread_number t) noexcept { return t + 1; }

// No wake is for who waits for a PI lock.
constexpr std::uint32_t kNoWake = 0;

}  // namespace

// The kernel, for the running thread.
class pi_kernel {
 public:
  explicit pi_kernel(checker& c) noexcept : c_(c) {}

  int clear_and_wake(const void* word, std::uint32_t cleared);
  int lock(const void* word, bool timed);
  int trylock(const void* word);
  int unlock(const void* word);
  int wait_requeue(const void* word, const value& expected, bool timed,
                   const void* mutex);
  int cmp_requeue(const void* word, const value& expected, int more,
                  const void* mutex);
  void be_mortal() noexcept { c_.current_->mortal = true; }
  void choose_to_die();
  detail::robust_head* list() noexcept;

 private:
  value open_word(location_id l, memory_order order = memory_order_relaxed);
  void close_word(location_id l, std::uint32_t now);
  void see_word(location_id l);
  void robust_death(void* entry, bool pending);
  [[noreturn]] void die();

  checker& c_;
};

value pi_kernel::open_word(location_id l, memory_order order) {
  access a;
  a.what = access_kind::futex;
  a.size = sizeof(std::uint32_t);
  a.order = order;
  return c_.read(a, l, true);
}

void pi_kernel::close_word(location_id l, std::uint32_t now) {
  access a;
  a.what = access_kind::futex;
  a.size = sizeof(std::uint32_t);
  a.order = memory_order_relaxed;
  c_.modify(a, l, {now, 0});
}

int pi_kernel::clear_and_wake(const void* word, std::uint32_t cleared) {
  if (c_.current_->mortal) [[unlikely]]
    c_.choose_to_die();
  const location_id hidden = c_.memory_.hidden(word);
  const location_id l = c_.memory_.atomic(word, sizeof(std::uint32_t));
  const value before = c_.open_queue(hidden);
  const value w = open_word(l);
  // The word first: who joins the queue later must have seen it.
  close_word(l, bits(w) & ~cleared);
  int woken = 0;
  c_.close_queue(hidden, before, [&](futex_queue& q) {
    if (q.empty()) return;
    q.erase(q.begin());
    woken = 1;
  });
  if (woken != 0) c_.wake_sleepers();
  return woken;
}

// A thread that the kernel has made the owner comes back with the word before
// its eyes: it sees no older one.
void pi_kernel::see_word(location_id l) { close_word(l, bits(open_word(l))); }

int pi_kernel::trylock(const void* word) {
  if (c_.current_->mortal) [[unlikely]]
    c_.choose_to_die();
  const location_id hidden = c_.memory_.hidden(word);
  const location_id l = c_.memory_.atomic(word, sizeof(std::uint32_t));
  const value before = c_.open_queue(hidden);
  const std::uint32_t w = bits(open_word(l));
  const bool is_free = (w & kTidMask) == 0;
  c_.close_queue(hidden, before, [](const futex_queue&) {});
  close_word(l, is_free ? (w & kOwnerDiedBit) | name_of(c_.self_) : w);
  return is_free ? 0 : -EAGAIN;
}

int pi_kernel::lock(const void* word, bool timed) {
  if (c_.current_->mortal) [[unlikely]]
    c_.choose_to_die();
  const location_id hidden = c_.memory_.hidden(word);
  const location_id l = c_.memory_.atomic(word, sizeof(std::uint32_t));
  const std::uint32_t ticket = c_.current_->done;
  const std::uint32_t me = name_of(c_.self_);
  const value before = c_.open_queue(hidden);
  const std::uint32_t w = bits(open_word(l));
  const bool is_free = (w & kTidMask) == 0;
  const bool is_mine = (w & kTidMask) == me;
  const bool waits = !is_free && !is_mine;
  c_.close_queue(hidden, before, [&](futex_queue& q) {
    if (waits) q.push_back({c_.self_, ticket, kNoWake, kNone});
  });
  close_word(l, is_free ? (w & kOwnerDiedBit) | me
                : waits ? w | kWaitersBit
                        : w);
  if (!waits) return is_free ? 0 : -EDEADLK;
  const location_id queues[] = {hidden};
  if (c_.sleep_in(queues, ticket, timed)) {
    see_word(l);
    return 0;
  }
  if (!c_.dequeue(hidden, ticket)) c_.assume(false);
  return -ETIMEDOUT;
}

int pi_kernel::unlock(const void* word) {
  if (c_.current_->mortal) [[unlikely]]
    c_.choose_to_die();
  const location_id hidden = c_.memory_.hidden(word);
  const location_id l = c_.memory_.atomic(word, sizeof(std::uint32_t));
  const value before = c_.open_queue(hidden);
  const std::uint32_t w = bits(open_word(l, memory_order_release));
  const bool is_mine = (w & kTidMask) == name_of(c_.self_);
  const bool handed = is_mine && !c_.queues_[before].empty();
  // (As the kernel: whether anybody else waits or not.)
  const std::uint32_t next =
      handed ? name_of(c_.queues_[before].front().thread) | kWaitersBit : 0;
  c_.close_queue(hidden, before, [&](futex_queue& q) {
    if (handed) q.erase(q.begin());
  });
  close_word(l, is_mine ? next : w);
  if (handed) c_.wake_sleepers();
  return is_mine ? 0 : -EPERM;
}

int pi_kernel::wait_requeue(const void* word, const value& expected, bool timed,
                            const void* mutex) {
  if (c_.nap(word, expected) != 0) return -EAGAIN;
  const location_id hidden = c_.memory_.hidden(word);
  const std::uint32_t ticket = c_.current_->done;
  if (!c_.enqueue(hidden, word, sizeof(std::uint32_t), expected, kNoWake,
                  ticket))
    return -EAGAIN;
  const location_id queues[] = {hidden};
  if (c_.sleep_in(queues, ticket, timed)) {
    see_word(c_.memory_.atomic(mutex, sizeof(std::uint32_t)));
    return 0;
  }
  if (!c_.dequeue(hidden, ticket)) c_.assume(false);
  return -ETIMEDOUT;
}

int pi_kernel::cmp_requeue(const void* word, const value& expected, int more,
                           const void* mutex) {
  const location_id source_queue = c_.memory_.hidden(word);
  const location_id source = c_.memory_.atomic(word, sizeof(std::uint32_t));
  const value source_before = c_.open_queue(source_queue);
  access a;
  a.what = access_kind::futex;
  a.size = sizeof(std::uint32_t);
  a.order = memory_order_relaxed;
  const auto nothing = [](const futex_queue&) {};
  if (!(c_.read(a, source, false) == expected)) {
    c_.close_queue(source_queue, source_before, nothing);
    return -EAGAIN;
  }
  const location_id target_queue = c_.memory_.hidden(mutex);
  const location_id target = c_.memory_.atomic(mutex, sizeof(std::uint32_t));
  const value target_before = c_.open_queue(target_queue);
  std::uint32_t w = bits(open_word(target, memory_order_release));
  int done = 0;
  value source_after, target_after;
  {
    futex_queue from = c_.queues_[source_before];
    futex_queue to = c_.queues_[target_before];
    for (std::size_t i = 0; i < from.size() && done <= more;) {
      if (from[i].moved_to != kNone) {
        ++i;
        continue;
      }
      ++done;
      if ((w & kTidMask) == 0) {
        w |= name_of(from[i].thread);
        from.erase(from.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        w |= kWaitersBit;
        to.push_back(from[i]);
        from[i].moved_to = target_queue;
        ++i;
      }
    }
    source_after = c_.queues_.number(from);
    target_after = c_.queues_.number(to);
  }
  c_.close_queue(source_queue, source_after, nothing);
  c_.close_queue(target_queue, target_after, nothing);
  close_word(target, w);
  if (done != 0) c_.wake_sleepers();
  return done;
}

// --- Death -------------------------------------------------------------------

void pi_kernel::choose_to_die() {
  const auto died = [](const thread_state& t) { return t.died; };
  if (c_.current_->following ||
      std::any_of(c_.threads_.begin(), c_.threads_.end(), died))
    return;
  if (c_.choose(2, access_kind::other, c_.guide_.spares()) != 0) die();
}

// The running thread's. (No thread_local, which every switch would carry.)
detail::robust_head* pi_kernel::list() noexcept {
  robust_links& own = c_.current_->robust;
  if (own.head.list == nullptr) {
    own.head = {&own.head, -32, nullptr};
    own.prev = &own.head;
  }
  return &own.head;
}

// handle_futex_death() of the kernel, for one entry of the list. Where the
// entry says that the word is a PI lock's also what exit_pi_state_list() does
// next: the lock goes to the first waiter. (In between the word has no number,
// and nobody but the kernel can give it one.)
void pi_kernel::robust_death(void* entry, bool pending) {
  const auto address = reinterpret_cast<std::uintptr_t>(entry);
  const bool inherits = (address & 1) != 0;
  const void* const word =
      reinterpret_cast<void*>((address & ~std::uintptr_t{1}) - 32);
  if (!c_.memory_.has(word)) return;  // freed: EFAULT, or anything
  const location_id hidden = c_.memory_.hidden(word);
  const location_id l = c_.memory_.atomic(word, sizeof(std::uint32_t));
  const value before = inherits ? c_.open_queue(hidden) : value{};
  const std::uint32_t w = bits(open_word(l, memory_order_acq_rel));
  const bool mine = (w & kTidMask) == name_of(c_.self_);
  const bool handed = inherits && mine && !c_.queues_[before].empty();
  std::uint32_t next = mine ? (w & kWaitersBit) | kOwnerDiedBit : w;
  if (handed) next |= name_of(c_.queues_[before].front().thread) | kWaitersBit;
  if (inherits) {
    c_.close_queue(hidden, before, [&](futex_queue& q) {
      if (handed) q.erase(q.begin());
    });
  }
  close_word(l, next);
  if (handed) c_.wake_sleepers();
  const bool wakes =
      mine ? (w & kWaitersBit) != 0 : pending && (w & kTidMask) == 0;
  if (!inherits && wakes) c_.futex_wake(word, 1, detail::kAnySleeper);
}

void pi_kernel::die() {
  c_.current_->died = true;
  detail::robust_head* const list = this->list();
  void* const pending = list->pending;
  int most = 64;
  for (void* at = list->list; at != list && --most > 0;) {
    // (Its next owner changes it.)
    void* const next = *reinterpret_cast<void**>(
        reinterpret_cast<std::uintptr_t>(at) & ~std::uintptr_t{1});
    if (at != pending) robust_death(at, false);
    at = next;
  }
  if (pending != nullptr) robust_death(pending, true);
  delete c_.current_->body;
  c_.current_->body = nullptr;
  c_.finish();
}

void choose_death(checker& c) { pi_kernel(c).choose_to_die(); }

}  // namespace model::engine

void model::engine::be_mortal() {
  pi_kernel(running_checker("be_mortal()")).be_mortal();
}

// --- What the primitives call ------------------------------------------------

namespace detail {
namespace {

using model::engine::action;
using model::engine::pi_kernel;
using model::engine::recorded;

pi_kernel kernel() noexcept {
  return pi_kernel(model::engine::running_checker("a futex operation"));
}
bool timed(deadline until) noexcept { return !until.is_never(); }
bool dropped(const wake_site& where) noexcept {
  return model::engine::g_mutating && model::engine::drops_wake(where);
}

}  // namespace

robust_head* robust_list() { return kernel().list(); }

int sys::futex_clear_and_wake(const futex_word* word, std::uint32_t bits,
                              futex_scope) noexcept {
  pi_kernel k = kernel();
  recorded as(action::wake, word, sizeof *word);
  return as.result(k.clear_and_wake(word, bits));
}

int sys::futex_lock_pi(const futex_word* word, deadline until,
                       futex_scope) noexcept {
  pi_kernel k = kernel();
  recorded as(action::wait, word, sizeof *word);
  return as.result(k.lock(word, timed(until)));
}

int sys::futex_trylock_pi(const futex_word* word, futex_scope) noexcept {
  pi_kernel k = kernel();
  recorded as(action::wait, word, sizeof *word);
  return as.result(k.trylock(word));
}

int sys::futex_unlock_pi(const futex_word* word, futex_scope,
                         wake_site where) noexcept {
  if (dropped(where)) return 0;
  pi_kernel k = kernel();
  recorded as(action::wake, word, sizeof *word);
  return as.result(k.unlock(word));
}

int sys::futex_wait_requeue_pi(const futex_word* word, std::uint32_t expected,
                               deadline until, const futex_word* mutex,
                               futex_scope) noexcept {
  pi_kernel k = kernel();
  recorded as(action::wait, word, sizeof *word);
  if (as) [[unlikely]]
    as->expected({expected, 0});
  return as.result(k.wait_requeue(word, {expected, 0}, timed(until), mutex));
}

int sys::futex_cmp_requeue_pi(const futex_word* word, std::uint32_t expected,
                              int more, const futex_word* mutex, futex_scope,
                              wake_site where) noexcept {
  if (dropped(where)) return 0;
  pi_kernel k = kernel();
  recorded as(action::move, word, sizeof *word);
  if (as) [[unlikely]] {
    as->target(mutex);
    as->expected({expected, 0});
  }
  return as.result(k.cmp_requeue(word, {expected, 0}, more, mutex));
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
