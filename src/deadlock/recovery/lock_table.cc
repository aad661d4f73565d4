// SPDX-License-Identifier: Apache-2.0
//
// lock_manager: queues, grants, waits, and the ends of transactions.
//
// One mutex guards everything, so each call is one step but for its sleep and
// for what section leaves for later. What needs an argument is the sleep.
//
// One outcome a wait. A request that waits is its owner's pending_. Whoever
// grants or refuses it takes it from there under the mutex, once (decide()).
// If the owner was asleep then, exactly one set() of decided_ follows.
//
// No wake is lost, none is left over. The owner says that it sleeps before it
// gives up the mutex for the first time after enqueueing: a decision made
// before needs no wake, since the owner looks at pending_ itself; one made
// afterwards sets decided_. An owner whose time has passed, or that was asked
// to stop, looks again under the mutex: either the request still waits, and
// it takes it back, so that nobody will decide it; or it has been decided, and
// the owner waits for the set() that is on its way. So decided_ is not set
// whenever its owner is not asleep.
//
// Lifetime. set() is called after the mutex has been given up, on transactions
// that are asleep: they cannot end before that set() has let them. An
// auto_reset_event may be destroyed although the set() that let its waiter go
// has not returned.
//
// Order. Who releases a lock and who is granted it have both held the mutex, or
// the grant reaches a sleeper by decided_.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <sync/detail/annotations.h>
#include <sync/detail/spin_wait.h>
#include <sync/lock_manager.h>

#include "src/await_event.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

constexpr std::size_t kFirstBuckets = 16;
constexpr std::chrono::microseconds kFirstBackOff{16};

[[noreturn]] SYNCXX_COLD void fail(int code, const std::string& what) {
  throw std::system_error(code, std::generic_category(), "syncxx: " + what);
}

// Whether `wanted` goes with what others hold; `own`: what the caller holds.
bool admits(const lock_queue& queue, lock_mode wanted,
            const lock_mode* own = nullptr) noexcept {
  for (std::size_t m = 0; m < kLockModes; ++m) {
    const auto mode = static_cast<lock_mode>(m);
    const std::size_t mine = own != nullptr && *own == mode ? 1 : 0;
    if (queue.held[m] > mine && !compatible(mode, wanted)) return false;
  }
  return true;
}

// Whether a newcomer is to be served at once (L2).
bool admits_newcomer(const lock_queue& queue, lock_mode wanted) noexcept {
  return queue.newcomers.empty() && queue.conversions.empty() &&
         admits(queue, wanted);
}

bool is_empty(const lock_queue& queue) noexcept {
  return queue.holders.empty() && queue.newcomers.empty();
}

std::size_t& count(lock_queue& queue, lock_mode mode) noexcept {
  return queue.held[static_cast<std::size_t>(mode)];
}

void run_backwards(std::vector<std::function<void()>>& undo) noexcept {
  for (; !undo.empty(); undo.pop_back()) undo.back()();
}

}  // namespace

// --- The mutex, and what is left for later -----------------------------------

// Holds the mutex. When it gives it up it wakes who has been decided, and frees
// what is no longer needed: keys' destructors are the user's.
class lock_table::section {
 public:
  explicit section(lock_table& table) : table_(table) { enter(); }
  section(const section&) = delete;
  section& operator=(const section&) = delete;
  ~section() {
    if (inside_) leave();
  }

  void enter() SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    table_.mutex_.lock();
    inside_ = true;
  }
  void leave() SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    transaction_core* woken = std::exchange(table_.woken_, nullptr);
    lock_queue* queues = std::exchange(table_.dead_queues_, nullptr);
    lock_request* requests = std::exchange(table_.dead_requests_, nullptr);
    inside_ = false;
    table_.mutex_.unlock();
    while (woken != nullptr) {  // each may be gone after its set()
      transaction_core* const next = woken->woken_next_;
      woken->decided_.set();
      woken = next;
    }
    while (requests != nullptr)
      delete std::exchange(requests, requests->place.next);
    while (queues != nullptr)
      table_.destroy(std::exchange(queues, queues->chain));
  }

 private:
  lock_table& table_;
  bool inside_ = false;
};

// --- The table of queues -----------------------------------------------------

lock_table::lock_table(lock_manager_options options)
    : options_(std::move(options)), buckets_(kFirstBuckets) {}

// NOLINTNEXTLINE(bugprone-exception-escape): it ends the program.
lock_table::~lock_table() {
  if (transactions_ == 0) return;
  fail(EBUSY, "destruction of a lock_manager of which " +
                  std::to_string(transactions_) +
                  " transactions are alive (the oldest is " + first_->label() +
                  "): destroy them first");
}

// Spreads what std::hash leaves as it is (Knuth's multiplicative hashing).
std::size_t lock_table::bucket(std::size_t hash) const noexcept {
  constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;
  return static_cast<std::size_t>((hash * kGolden) >> 32) &
         (buckets_.size() - 1);
}

lock_queue* lock_table::find(const void* key, std::size_t hash) const {
  lock_queue* queue = buckets_[bucket(hash)];
  while (queue != nullptr && (queue->hash != hash || !is_of(*queue, key)))
    queue = queue->chain;
  return queue;
}

void lock_table::insert(lock_queue& queue) noexcept {
  if (queues_ >= buckets_.size()) grow();
  lock_queue*& chain = buckets_[bucket(queue.hash)];
  queue.chain = std::exchange(chain, &queue);
  ++queues_;
}

void lock_table::grow() noexcept {
  std::vector<lock_queue*> old;
  try {
    old.resize(buckets_.size() * 2);
  } catch (...) {
    return;  // longer chains will do
  }
  old.swap(buckets_);
  for (lock_queue* queue : old) {
    while (queue != nullptr) {
      lock_queue*& chain = buckets_[bucket(queue->hash)];
      lock_queue* const next = std::exchange(queue->chain, chain);
      chain = std::exchange(queue, next);
    }
  }
}

void lock_table::drop(lock_queue& queue) noexcept {
  lock_queue** at = &buckets_[bucket(queue.hash)];
  while (*at != &queue) at = &(*at)->chain;
  *at = queue.chain;
  --queues_;
  queue.chain = std::exchange(dead_queues_, &queue);
}

// By the shorter of the two ways.
lock_request* lock_table::find_held(const transaction_core& t,
                                    const lock_queue& queue) noexcept {
  lock_request* r = nullptr;
  if (queue.holders.size() < t.locks_) {
    r = queue.holders.first();
    while (r != nullptr && r->owner != &t) r = queue.holders.next(*r);
  } else {
    r = t.last_;
    while (r != nullptr && r->queue != &queue) r = r->of_owner;
  }
  return r;
}

std::size_t lock_table::locked_keys() const {
  const std::lock_guard lock(mutex_);
  return queues_;
}

lock_statistics lock_table::statistics() const {
  const std::lock_guard lock(mutex_);
  return statistics_;
}

std::optional<lock_mode> lock_table::find_mode(const transaction_core& t,
                                               const void* key,
                                               std::size_t hash) const {
  const std::lock_guard lock(mutex_);
  const lock_queue* const queue = find(key, hash);
  if (queue == nullptr) return std::nullopt;
  const lock_request* const r = find_held(t, *queue);
  if (r == nullptr) return std::nullopt;
  return r->mode;
}

// --- Locking -----------------------------------------------------------------

void lock_table::check_awake(const transaction_core& t,
                             const char* call) const {
  // Relaxed: it is set under the mutex.
  if (!t.asleep_.load(memory_order_relaxed)) [[likely]]
    return;
  fail(EBUSY, std::string(call) + " of transaction " + t.label() +
                  ", in which another thread waits for a lock: a transaction "
                  "is for one thread at a time");
}

void lock_table::check(const transaction_core& t, const char* call) const {
  check_open(t, call);
  if (t.state_ == transaction_state::aborted) [[unlikely]]
    throw transaction_aborted(t.report_);
}

// It has not ended, but may be aborted.
void lock_table::check_open(const transaction_core& t, const char* call) const {
  check_awake(t, call);
  if (t.state_ <= transaction_state::aborted) [[likely]]
    return;
  const char* const how =
      t.state_ == transaction_state::committed     ? "committed: begin another"
      : t.state_ == transaction_state::rolled_back ? "rolled back: restart() it"
                                                   : "begun to roll back";
  fail(EPERM, std::string(call) + " of transaction " + t.label() +
                  ", which has been " + how);
}

bool lock_table::acquire(transaction_core& t, const void* key, std::size_t hash,
                         lock_mode mode, deadline until,
                         const stop_token* stop) {
  section here(*this);
  check(t, "lock");
  lock_queue* const queue = find(key, hash);
  lock_request* const held = queue == nullptr ? nullptr : find_held(t, *queue);
  const lock_mode wanted = held == nullptr ? mode : supremum(held->mode, mode);
  if (held != nullptr && held->mode == wanted) return true;

  if (held == nullptr &&
      (queue == nullptr || admits_newcomer(*queue, wanted))) {
    hold(make_request(t, key, hash, queue, wanted));
    return true;
  }
  if (held != nullptr && admits(*queue, wanted, &held->mode)) {
    convert(*held, wanted);
    settle();
    if (t.state_ == transaction_state::aborted)
      throw transaction_aborted(t.report_);
    return true;
  }
  if (until.has_passed() || (stop != nullptr && stop->stop_requested()))
    return false;

  if (held != nullptr) held->wanted = wanted;
  wait_for(held != nullptr ? *held : make_request(t, key, hash, queue, wanted));
  try {
    make_way(t);
  } catch (...) {
    if (t.pending_ != nullptr) leave(*t.pending_);
    settle();
    throw;
  }
  settle();
  if (t.pending_ != nullptr) return sleep(t, here, until, stop);
  if (t.state_ == transaction_state::aborted)
    throw transaction_aborted(t.report_);
  return true;
}

bool lock_table::sleep(transaction_core& t, section& here, deadline until,
                       const stop_token* stop) {
  t.asleep_.store(true, memory_order_relaxed);
  here.leave();
  if (!await_event(t.decided_, until, stop)) {
    here.enter();
    if (t.pending_ != nullptr) {
      leave(*t.pending_);
      t.asleep_.store(false, memory_order_relaxed);
      settle();
      return false;
    }
    here.leave();
    t.decided_.wait();
  }
  t.asleep_.store(false, memory_order_relaxed);
  if (t.outcome_ == transaction_core::outcome::refused)
    throw transaction_aborted(t.report_);
  return true;
}

// Of a queue that is made if there is none. Changes nothing if it throws.
lock_request& lock_table::make_request(transaction_core& t, const void* key,
                                       std::size_t hash, lock_queue* queue,
                                       lock_mode wanted) {
  auto made = std::make_unique<lock_request>();
  if (queue == nullptr) {
    queue = make(key, hash);
    insert(*queue);
  }
  made->owner = &t;
  made->queue = queue;
  made->mode = made->wanted = wanted;
  return *made.release();
}

// A lock that is to be converted, or a request that is in no list, waits.
void lock_table::wait_for(lock_request& r) noexcept {
  if (r.held) {
    r.queue->conversions.push_back(r);
    r.queue->recheck = true;  // newcomers wait for it from now on
    mark_dirty(*r.queue);
  } else {
    r.queue->newcomers.push_back(r);
  }
  r.owner->pending_ = &r;
  r.owner->outcome_ = transaction_core::outcome::none;
  ++statistics_.waits;
}

// A request that is in no list becomes a lock.
void lock_table::hold(lock_request& r) noexcept {
  transaction_core& t = *r.owner;
  r.mode = r.wanted;
  r.held = true;
  r.queue->holders.push_back(r);
  ++count(*r.queue, r.mode);
  r.of_owner = std::exchange(t.last_, &r);
  ++t.locks_;
}

// A lock changes its mode; who waits may wait for it from now on.
void lock_table::convert(lock_request& r, lock_mode mode) noexcept {
  --count(*r.queue, r.mode);
  ++count(*r.queue, mode);
  r.mode = r.wanted = mode;
  r.queue->recheck = true;
  mark_dirty(*r.queue);
}

void lock_table::grant(lock_request& r) noexcept {
  if (r.held) {
    r.queue->conversions.remove(r);
    convert(r, r.wanted);
  } else {
    r.queue->newcomers.remove(r);
    hold(r);
  }
  r.owner->pending_ = nullptr;
  decide(*r.owner, transaction_core::outcome::granted);
}

// The request of `t` no longer waits.
void lock_table::decide(transaction_core& t,
                        transaction_core::outcome what) noexcept {
  t.outcome_ = what;
  if (t.asleep_.load(memory_order_relaxed))
    t.woken_next_ = std::exchange(woken_, &t);
}

// Takes back a request that waits.
void lock_table::leave(lock_request& r) noexcept {
  r.owner->pending_ = nullptr;
  mark_dirty(*r.queue);
  if (r.held) {
    r.queue->conversions.remove(r);
    r.wanted = r.mode;
  } else {
    r.queue->newcomers.remove(r);
    r.place.next = std::exchange(dead_requests_, &r);
  }
}

void lock_table::release_all(transaction_core& t) noexcept {
  for (lock_request* r = std::exchange(t.last_, nullptr); r != nullptr;) {
    lock_request* const next = r->of_owner;
    r->queue->holders.remove(*r);
    --count(*r->queue, r->mode);
    mark_dirty(*r->queue);
    r->place.next = std::exchange(dead_requests_, r);
    r = next;
  }
  t.locks_ = 0;
}

void lock_table::abort(
    transaction_core& t,
    std::shared_ptr<const transaction_aborted::report> why) noexcept {
  t.state_ = transaction_state::aborted;
  t.report_ = std::move(why);
  if (t.pending_ == nullptr) return;
  leave(*t.pending_);
  decide(t, transaction_core::outcome::refused);
}

// --- Granting ----------------------------------------------------------------

void lock_table::mark_dirty(lock_queue& queue) noexcept {
  if (std::exchange(queue.dirty, true)) return;
  queue.dirty_next = nullptr;
  (dirty_first_ == nullptr ? dirty_first_ : dirty_last_->dirty_next) = &queue;
  dirty_last_ = &queue;
}

// Makes (L3) true: serves the queues that have changed, and, where no cycle may
// come up, aborts who must make way now. Each round grants or aborts something,
// or ends with a queue less to look at.
void lock_table::settle() noexcept {
  while (dirty_first_ != nullptr) {
    lock_queue& queue = *dirty_first_;
    dirty_first_ = queue.dirty_next;
    serve(queue);
    queue.dirty = false;
    if (std::exchange(queue.recheck, false)) avoid_all(queue);
    if (!queue.dirty && is_empty(queue)) drop(queue);
  }
}

void lock_table::serve(lock_queue& queue) noexcept {
  for (lock_request* r = queue.conversions.first(); r != nullptr;) {
    lock_request* const next = queue.conversions.next(*r);
    if (admits(queue, r->wanted, &r->mode)) grant(*r);  // (L1)
    r = next;
  }
  if (!queue.conversions.empty()) return;
  for (;;) {  // (L2)
    lock_request* const r = queue.newcomers.first();
    if (r == nullptr || !admits(queue, r->wanted)) return;
    grant(*r);
  }
}

// --- Transactions ------------------------------------------------------------

void lock_table::begin(transaction_core& t) {
  const std::lock_guard lock(mutex_);
  t.number_ = ++begun_;
  t.prev_ = last_;
  (last_ == nullptr ? first_ : last_->next_) = &t;
  last_ = &t;
  ++transactions_;
}

// False: it has not ended.
bool lock_table::forget(transaction_core& t) {
  const std::lock_guard lock(mutex_);
  if (t.state_ != transaction_state::committed &&
      t.state_ != transaction_state::rolled_back) {
    return false;
  }
  (t.prev_ == nullptr ? first_ : t.prev_->next_) = t.next_;
  (t.next_ == nullptr ? last_ : t.next_->prev_) = t.prev_;
  --transactions_;
  return true;
}

void lock_table::commit(transaction_core& t) {
  std::vector<std::function<void()>> undo;  // destroyed when the mutex is free
  const section here(*this);
  check(t, "commit");
  t.state_ = transaction_state::committed;
  undo.swap(t.undo_);
  release_all(t);
  settle();
}

void lock_table::rollback(transaction_core& t) {
  std::vector<std::function<void()>> undo;
  {
    const section here(*this);
    if (t.state_ == transaction_state::rolled_back) return;
    check_open(t, "rollback");
    t.state_ = transaction_state::rolling_back;
    undo.swap(t.undo_);
  }
  run_backwards(undo);
  const section here(*this);
  release_all(t);
  t.state_ = transaction_state::rolled_back;
  settle();
}

void lock_table::restart(transaction_core& t) {
  const section here(*this);
  if (t.state_ != transaction_state::rolled_back)
    fail(EPERM, "restart of transaction " + t.label() +
                    ", which has not been rolled back: rollback() comes first");
  t.report_.reset();
  t.state_ = transaction_state::active;
}

void lock_table::back_off(const transaction_core& t, unsigned attempt) const {
  // splitmix64 (Steele, Lea, Flood 2014) of who and how often.
  std::uint64_t z =
      t.number_ * 0x9e3779b97f4a7c15 + attempt * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  const std::chrono::nanoseconds bound = std::min(
      options_.longest_back_off, kFirstBackOff * (1 << std::min(attempt, 19u)));
  if (bound.count() <= 0) return yield();
  nap_for(
      static_cast<std::int64_t>(z % static_cast<std::uint64_t>(bound.count())));
}

transaction_core::transaction_core(lock_table& table,
                                   transaction_options options)
    : table_(table), options_(std::move(options)) {
  table_.begin(*this);
}

// NOLINTNEXTLINE(bugprone-exception-escape): as it says.
transaction_core::~transaction_core() {
  if (table_.forget(*this)) return;
  table_.rollback(*this);
  table_.forget(*this);
}

void transaction_core::commit() { table_.commit(*this); }
void transaction_core::rollback() { table_.rollback(*this); }
void transaction_core::restart() { table_.restart(*this); }

void transaction_core::on_rollback(std::function<void()> undo) {
  const std::lock_guard lock(table_.mutex_);
  // What an aborted one has done already is to be undone all the same.
  table_.check_open(*this, "on_rollback");
  undo_.push_back(std::move(undo));
}

std::size_t transaction_core::locks_held() const {
  const std::lock_guard lock(table_.mutex_);
  return locks_;
}

bool transaction_core::is_active() const {
  const std::lock_guard lock(table_.mutex_);
  return state_ == transaction_state::active;
}

bool transaction_core::is_aborted_by(const transaction_aborted& e) const {
  const std::lock_guard lock(table_.mutex_);
  return report_ != nullptr && e.about_ == report_;
}

bool transaction_core::is_aborted() const {
  const std::lock_guard lock(table_.mutex_);
  return state_ == transaction_state::aborted;
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
