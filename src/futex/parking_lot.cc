// SPDX-License-Identifier: Apache-2.0
//
// The table behind parking_lot: buckets of threads on their own stacks.
//
// No unpark is lost. A thread calls validate() and joins the queue under the
// lock of its bucket [PL1], [PL2]; an unpark takes it out, and calls the
// callback, under the same lock. So validate() has seen what every callback
// before it did, and every unpark after it finds the thread. The thread sleeps
// only if, in one step with queueing, the kernel has seen kParked in its own
// word; whoever has taken it out changes the word [PL3] before the wake.
//
// Either it is unparked, or it gives up. Whether a thread is in a queue is
// known under the lock of the bucket it is in, and only there: one that runs
// out of time looks once more under that lock. Still queued: it takes itself
// out, and no unpark can find it. Else an unpark has it, and it waits for
// kUnparked and the token. There is no third case, so nothing handed over is
// lost.
//
// Moved while giving up. The address in a node changes under the locks of both
// buckets. A thread that gives up locks the bucket of the address that it read,
// and reads it again: the same bucket means that nobody can move it now.
//
// No deadlock: two buckets are locked in the order of their addresses, and no
// callback may call the lot.
//
// No stranger is touched. A node is on the stack of its thread, which stays in
// park() while the node is in a queue, and then until it reads kUnparked: that
// store is the unparker's last access. The wake after it names the address.
//
// The queue of an address is the part of its bucket's list with that address,
// in the order of arrival. Two addresses of one bucket cost each other time and
// nothing else.
#include <sync/parking_lot.h>

#include "sleeper.h"

#include <cstddef>
#include <utility>

#include <sync/atomic.h>
#include <sync/detail/atomic.h>
#include <sync/detail/clock.h>
#include <sync/detail/spin_wait.h>

#if !SYNCXX_MODELLED && !SYNCXX_IN_RELACY
#include <pthread.h>
#endif

namespace syncxx::inline SYNCXX_ABI {
namespace {

using detail::atomic;
using detail::memory_order_acquire;
using detail::memory_order_relaxed;
using detail::memory_order_release;

// A thread waits at least that long, and at most about twice as long, until it
// is time to be fair to it (if threads are unparked that often).
constexpr std::int64_t kPatienceNs = 500'000;

// One parked thread. All but address_ and state_ belong to the holder of its
// bucket, and once it is out of the queue to the unparker, until [PL3].
struct parked_thread {
  //  state     | meaning                              | left by
  //  kParked   | in a queue, or taken out by an       | unparker -> kUnparked
  //            | unparker that still uses the node    |
  //  kUnparked | nobody uses the node; token is there | -
  static constexpr std::uint32_t kParked = 0;
  static constexpr std::uint32_t kUnparked = 1;

  parked_thread(const void* at, std::uintptr_t own_token,
                std::int64_t began) noexcept
      : address(at), token(own_token), since(began) {}

  // Relaxed: it changes under the locks of the bucket it leaves and of the one
  // it comes to.
  atomic<const void*> address;
  cell<parked_thread*> next{nullptr};
  cell<parked_thread*> prev{nullptr};
  cell<bool> queued{true};
  cell<std::uintptr_t> token;  // its own, then the one that it is handed
  const std::int64_t since;
  detail::futex_word state{kParked};
};

// A queue of parked threads, and its lock: a spin lock, held for a few
// instructions for each of the threads, and for callbacks.
class alignas(64) bucket {
 public:
  constexpr bucket() noexcept = default;

  parked_thread* acquire() noexcept {
    for (detail::patience others;; others.wait()) {
      std::uintptr_t tail = tail_.load(memory_order_relaxed);
      // [PL1] acquire; pairs with [PL2]: links, tokens and what callbacks did.
      if ((tail & kBusy) == 0 &&
          tail_.compare_exchange_weak(tail, tail | kBusy, memory_order_acquire,
                                      memory_order_relaxed)) {
        return reinterpret_cast<parked_thread*>(tail);
      }
    }
  }
  void release(parked_thread* tail) noexcept {
    // [PL2] release; pairs with [PL1].
    tail_.store(reinterpret_cast<std::uintptr_t>(tail), memory_order_release);
  }

  // Called by the holder: whether it is time to be fair to one that has waited
  // since then. If so, it is not for a while. The low digits of the clock are
  // random enough to keep two threads from running in step with it.
  bool be_fair(std::int64_t now, std::int64_t since) noexcept {
    if (now - since < kPatienceNs) return false;
    fair_at_.store(now + kPatienceNs + now % kPatienceNs, memory_order_relaxed);
    return true;
  }
  bool may_be_fair(std::int64_t now) const noexcept {
    return now >= fair_at_.load(memory_order_relaxed);
  }

  // In the child of a fork.
  void forget_all() noexcept {
    if (tail_.load(memory_order_relaxed) != kEmpty)
      tail_.store(kEmpty, memory_order_relaxed);
  }

 private:
  //  tail_     | meaning
  //  kEmpty    | nobody is parked here
  //  pointer   | the last node of a circular list; the first is its next
  //  … | kBusy | a thread holds the bucket
  static constexpr std::uintptr_t kEmpty = 0;
  static constexpr std::uintptr_t kBusy = 1;

  atomic<std::uintptr_t> tail_{kEmpty};
  atomic<std::int64_t> fair_at_{0};  // the holder's: not fair before that
};

// --- The table ---------------------------------------------------------------

// How many: see docs/design/parking_lot.md. A checker has two, which an address
// chooses by itself, so that tests have what collides and what does not.
#if SYNCXX_MODELLED
constexpr std::size_t kBuckets = 2;
#else
constexpr std::size_t kBuckets = 1024;
#endif
constinit bucket g_buckets[kBuckets];

bucket& bucket_of(const void* address) noexcept {
  const auto key = reinterpret_cast<std::uintptr_t>(address);
#if SYNCXX_MODELLED
  return g_buckets[key / 8 % kBuckets];
#else
  // Multiplicative hashing (Knuth, TAOCP 6.4): the upper bits of a product with
  // 2^64 over the golden ratio.
  constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15u;
  return g_buckets[(key * kGolden) >> 54];
#endif
}
static_assert(SYNCXX_MODELLED || kBuckets == std::size_t{1} << (64 - 54));

#if !SYNCXX_MODELLED && !SYNCXX_IN_RELACY
// The child has one thread, which is not parked. (If there is no memory for
// this, a child may find threads in the lot that it has not.)
[[maybe_unused]] const int g_forks = ::pthread_atfork(nullptr, nullptr, [] {
  for (bucket& each : g_buckets) each.forget_all();
});
#endif

// A bucket, held.
class held_bucket {
 public:
  explicit held_bucket(bucket& b) noexcept : bucket_(&b), tail_(b.acquire()) {}
  held_bucket(const held_bucket&) = delete;
  held_bucket& operator=(const held_bucket&) = delete;
  ~held_bucket() { bucket_->release(tail_); }

  void push_back(parked_thread& t) noexcept {
    if (tail_ == nullptr) {
      t.next = &t;
      t.prev = &t;
    } else {
      parked_thread* const first = tail_->next;
      t.prev = tail_;
      t.next = first;
      first->prev = &t;
      tail_->next = &t;
    }
    tail_ = &t;
  }
  void remove(parked_thread& t) noexcept {
    parked_thread* const next = t.next;
    parked_thread* const prev = t.prev;
    prev->next = next;
    next->prev = prev;
    if (tail_ == &t) tail_ = next == &t ? nullptr : prev;
  }
  // Takes one out for good.
  void take(parked_thread& t) noexcept {
    remove(t);
    t.queued = false;
  }

  // Calls f(thread) for those at `address` that are queued now, in order, until
  // it says false; f may remove the one it is called with, and push it back.
  template <class F>
  void for_each_at(const void* address, F f) noexcept {
    if (tail_ == nullptr) return;
    parked_thread* const last = tail_;
    parked_thread* next = last->next;
    for (bool go_on = true; go_on;) {
      parked_thread& t = *next;
      next = t.next;
      go_on = &t != last;
      if (t.address.load(memory_order_relaxed) == address && !f(t)) return;
    }
  }

  bool has_any_at(const void* address) noexcept {
    bool any = false;
    for_each_at(address, [&](parked_thread&) {
      any = true;
      return false;
    });
    return any;
  }

  // The one at `address` that is to be unparked, or null: the first in line.
  // When it is time to be fair, the one that has waited longest; that is
  // another one if it has parked again because it came too late.
  parked_thread* choose(const void* address, bool& fair) noexcept {
    fair = false;
    parked_thread* first = nullptr;
    for_each_at(address, [&](parked_thread& t) {
      first = &t;
      return false;
    });
    if (first == nullptr) return nullptr;
    const std::int64_t now = detail::now_ns(detail::clock_id::monotonic);
    if (!bucket_->may_be_fair(now)) return first;
    parked_thread* oldest = first;
    for_each_at(address, [&](parked_thread& t) {
      if (t.since < oldest->since) oldest = &t;
      return true;
    });
    fair = bucket_->be_fair(now, oldest->since);
    return fair ? oldest : first;
  }

 private:
  bucket* const bucket_;
  parked_thread* tail_;
};

// Lets go of a chain of threads that were taken out, and wakes them.
void deliver(parked_thread* chain) noexcept {
  while (chain != nullptr) {
    parked_thread& t = *chain;
    chain = t.next;
    const detail::futex_word* const word = &t.state;
    // [PL3] release; pairs with [PL4]: the token, and what came before. The
    // node may be gone once it is visible.
    t.state.store(parked_thread::kUnparked, memory_order_release);
    detail::unpark(word, 1);
  }
}

void deliver_one(parked_thread* t) noexcept {
  if (t == nullptr) return;
  t->next = nullptr;
  deliver(t);
}

bool is_unparked(const parked_thread& t) noexcept {
  // [PL4] acquire; pairs with [PL3].
  return t.state.load(memory_order_acquire) == parked_thread::kUnparked;
}

// Takes the calling thread out of the queue in which it is. False: an unparker
// has done so.
bool leave(parked_thread& self) noexcept {
  for (;;) {
    bucket& here = bucket_of(self.address.load(memory_order_relaxed));
    held_bucket queue(here);
    if (&bucket_of(self.address.load(memory_order_relaxed)) != &here) continue;
    if (!self.queued) return false;
    queue.remove(self);
    return true;
  }
}

}  // namespace

parking_lot::park_result parking_lot::park_at(
    const void* address, detail::function_ref<bool()> validate,
    detail::function_ref<void()> before_sleep,
    const park_options& how) noexcept {
  parked_thread self(address, how.token,
                     how.since != kNow
                         ? how.since
                         : detail::now_ns(detail::clock_id::monotonic));
  {
    held_bucket queue(bucket_of(address));
    if (!validate()) return {park_status::invalid, 0};
    queue.push_back(self);
  }
  before_sleep();
  detail::sleeper sleeping(how.until, how.stop);
  while (!is_unparked(self)) {
    if (!sleeping.must_leave()) {
      sleeping.sleep(self.state, parked_thread::kParked);
      continue;
    }
    if (leave(self)) return {park_status::gave_up, 0};
    for (detail::patience unparker; !is_unparked(self);) unparker.wait();
  }
  return {park_status::unparked, self.token};
}

parking_lot::unpark_result parking_lot::unpark_one_at(
    const void* address,
    detail::function_ref<std::uintptr_t(const unpark_result&)>
        callback) noexcept {
  unpark_result result;
  parked_thread* taken = nullptr;
  {
    held_bucket queue(bucket_of(address));
    taken = queue.choose(address, result.fair);
    if (taken != nullptr) {
      queue.take(*taken);
      result.unparked = 1;
      result.more = queue.has_any_at(address);
      result.token = taken->token;
    }
    const std::uintptr_t token = callback(result);
    if (taken != nullptr) taken->token = token;
  }
  deliver_one(taken);
  return result;
}

std::size_t parking_lot::unpark_all(const void* address,
                                    std::uintptr_t token) noexcept {
  std::size_t count = 0;
  parked_thread* first = nullptr;
  {
    held_bucket queue(bucket_of(address));
    parked_thread* last = nullptr;
    queue.for_each_at(address, [&](parked_thread& t) {
      queue.take(t);
      t.token = token;
      t.next = nullptr;
      if (last == nullptr)
        first = &t;
      else
        last->next = &t;
      last = &t;
      ++count;
      return true;
    });
  }
  deliver(first);
  return count;
}

namespace {

using requeue_op = parking_lot::requeue_op;

constexpr bool unparks(requeue_op op) noexcept {
  return op == requeue_op::unpark_one ||
         op == requeue_op::unpark_one_requeue_rest;
}
constexpr std::size_t most_to_move(requeue_op op) noexcept {
  switch (op) {
    case requeue_op::requeue_one:
      return 1;
    case requeue_op::requeue_all:
    case requeue_op::unpark_one_requeue_rest:
      return ~std::size_t{0};
    default:
      return 0;
  }
}

// What unpark_requeue does once both queues are held (`there` may be `here`).
// Returns the thread that was taken out.
parked_thread* requeue(held_bucket& here, const void* from, held_bucket& there,
                       const void* to, requeue_op op,
                       parking_lot::unpark_result& result) noexcept {
  parked_thread* taken = nullptr;
  if (unparks(op)) taken = here.choose(from, result.fair);
  if (taken != nullptr) {
    here.take(*taken);
    result.unparked = 1;
    result.token = taken->token;
  }
  const std::size_t most = from == to ? 0 : most_to_move(op);
  here.for_each_at(from, [&](parked_thread& t) {
    if (result.requeued == most) {
      result.more = true;
      return false;
    }
    here.remove(t);
    t.address.store(to, memory_order_relaxed);
    there.push_back(t);
    ++result.requeued;
    return true;
  });
  return taken;
}

}  // namespace

parking_lot::unpark_result parking_lot::unpark_requeue_at(
    const void* from, const void* to,
    detail::function_ref<requeue_op()> validate,
    detail::function_ref<std::uintptr_t(requeue_op, const unpark_result&)>
        callback) noexcept {
  unpark_result result;
  parked_thread* taken = nullptr;
  const auto while_held = [&](held_bucket& here, held_bucket& there) {
    const requeue_op op = validate();
    if (op == requeue_op::abort) return;
    taken = requeue(here, from, there, to, op, result);
    const std::uintptr_t token = callback(op, result);
    if (taken != nullptr) taken->token = token;
  };
  bucket* const a = &bucket_of(from);
  bucket* const b = &bucket_of(to);
  if (a == b) {
    held_bucket both(*a);
    while_held(both, both);
  } else if (a < b) {
    held_bucket here(*a);
    held_bucket there(*b);
    while_held(here, there);
  } else {
    held_bucket there(*b);
    held_bucket here(*a);
    while_held(here, there);
  }
  deliver_one(taken);
  return result;
}

}  // namespace syncxx::inline SYNCXX_ABI
