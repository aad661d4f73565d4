// SPDX-License-Identifier: Apache-2.0
//
// The core of lock_manager, without its key type: one queue for each key that
// is locked or waited for, the transactions, and the search for cycles.
// Design: docs/design/lock_manager.md. Code: src/deadlock/recovery/.
#ifndef SYNCXX_DETAIL_LOCK_TABLE_H_
#define SYNCXX_DETAIL_LOCK_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sync/detail/atomic.h>
#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/lock_policy.h>
#include <sync/detail/thread.h>
#include <sync/event.h>
#include <sync/mutex.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

class transaction_core;
struct lock_request;
struct lock_queue;

inline constexpr std::size_t kLockModes = 6;

struct request_links {
  lock_request* prev = nullptr;
  lock_request* next = nullptr;
};

// Requests in their order, linked through one of their members.
template <request_links lock_request::*Links>
class request_list {
 public:
  bool empty() const noexcept { return first_ == nullptr; }
  std::size_t size() const noexcept { return size_; }
  lock_request* first() const noexcept { return first_; }
  static lock_request* next(const lock_request& r) noexcept;
  static lock_request* prev(const lock_request& r) noexcept;
  void push_back(lock_request& r) noexcept;
  void remove(lock_request& r) noexcept;

 private:
  lock_request* first_ = nullptr;
  lock_request* last_ = nullptr;
  std::size_t size_ = 0;
};

// What one transaction has of one key, or wants.
struct lock_request {
  transaction_core* owner;
  lock_queue* queue;
  lock_mode mode;    // held; as a newcomer none
  lock_mode wanted;  // held: mode, unless it waits for a conversion
  bool held = false;
  request_links place;               // among the holders, or the newcomers
  request_links turn;                // among the conversions that wait
  lock_request* of_owner = nullptr;  // what its owner has locked before
  // For the search: the modes whose newcomers have walked past this one.
  std::uint64_t walked_in = 0;
  std::uint8_t walked_by = 0;
};

// The requests for one key.
//
//  list         | in it                         | leaves when
//  holders      | granted, in mode              | its transaction ends
//  conversions  | holders that want a stronger  | the mode admits it (L1), it
//               | mode                          | gives up, or is aborted
//  newcomers    | not granted                   | granted (L2), gives up,
//               |                               | or is aborted
//
// L1: a conversion is granted as soon as what it wants is compatible with what
//     all others hold.
// L2: a newcomer is granted when it is the first one, no conversion waits, and
//     what it wants is compatible with what all hold.
// L3: while the mutex is free nothing that L1 or L2 grants
//     waits, and no list is empty but those of a queue in
//     use.
struct lock_queue {
  explicit lock_queue(std::size_t hash_of_key) noexcept : hash(hash_of_key) {}

  request_list<&lock_request::place> holders;
  request_list<&lock_request::turn> conversions;
  request_list<&lock_request::place> newcomers;
  std::size_t held[kLockModes] = {};  // how many hold it in each mode
  std::size_t hash;
  lock_queue* chain = nullptr;  // in the table, later among the dead
  lock_queue* dirty_next = nullptr;
  bool dirty = false;         // L1 to L3 are to be made true
  bool recheck = false;       // who waits may wait for others than before
  std::uint64_t seen_in = 0;  // for the search: the modes that have been seen
  std::uint8_t seen_by = 0;
};

// "deadlock of 2 transactions: ...".
std::string cycle_text(const std::vector<deadlock_member>& cycle,
                       std::size_t victim);

//  state        | meaning                           | left by
//  active       |                                   | lock() that aborts ->
//  aborted,
//               |                                   | commit(), rollback()
//  aborted      | to be rolled back; holds, waits   | rollback() ->
//  rolling_back
//               | for nothing                       |
//  rolling_back | undo actions run; still holds     | -> rolled_back
//  rolled_back  | holds nothing                     | restart() -> active
//  committed    | holds nothing                     | -
enum class transaction_state : std::uint8_t {
  active,
  aborted,
  rolling_back,
  rolled_back,
  committed,
};

// A transaction, without the type of the keys.
class transaction_core {
 public:
  transaction_core(const transaction_core&) = delete;
  transaction_core& operator=(const transaction_core&) = delete;

  // Ends it: its locks are released, and what it has done stands. Throws
  // transaction_aborted if it has been aborted (nothing is released then).
  void commit();
  // Ends it: calls the undo actions, the last one first, and releases the
  // locks. Does nothing if it has been rolled back.
  void rollback();
  // After rollback(): begins it again, with its number, and so its age.
  void restart();

  // Called by rollback(), while the locks are held. Must not throw (that ends
  // the program), and use this transaction for nothing but holds(). Can be left
  // to it by an aborted one, too: so it may be told before the change or after.
  void on_rollback(std::function<void()> undo);

  // From 1, in the order in which they begin: the smaller, the older.
  std::uint64_t number() const noexcept { return number_; }
  const std::string& name() const noexcept { return options_.name; }
  int priority() const noexcept { return options_.priority; }
  std::size_t locks_held() const;
  // Neither ended nor aborted.
  bool is_active() const;
  // Whether it is to be rolled back: the next lock() or commit() throws.
  bool is_aborted() const;
  // Whether that is what `e` says, also after it has been rolled back.
  bool is_aborted_by(const transaction_aborted& e) const;

 protected:
  transaction_core(lock_table& table, transaction_options options);
  // Rolls back; what that throws ends the program.
  ~transaction_core();  // NOLINT(bugprone-exception-escape)

 private:
  friend class lock_table;
  enum class outcome : std::uint8_t { none, granted, refused };

  std::string label() const;  // "#3 'name'"

  lock_table& table_;
  const transaction_options options_;
  std::uint64_t number_ = 0;
  auto_reset_event decided_;  // one set() for each outcome of a sleeper
  atomic<bool> asleep_{false};

  // The rest under the table's mutex, but what is said.
  transaction_state state_ = transaction_state::active;
  outcome outcome_ = outcome::none;  // of the last wait; then its owner's
  bool doomed_ = false;              // chosen by the search that goes on
  std::size_t locks_ = 0;
  lock_request* last_ = nullptr;     // what it holds
  lock_request* pending_ = nullptr;  // what it waits for
  std::vector<std::function<void()>> undo_;
  std::shared_ptr<const transaction_aborted::report> report_;
  transaction_core* prev_ = nullptr;  // in the table, by age
  transaction_core* next_ = nullptr;
  transaction_core* woken_next_ = nullptr;
  transaction_core* search_next_ = nullptr;
  transaction_core* search_parent_ = nullptr;
  std::uint64_t searched_in_ = 0;
};

class lock_table {
 public:
  lock_table(const lock_table&) = delete;
  lock_table& operator=(const lock_table&) = delete;

  lock_snapshot snapshot() const;
  lock_statistics statistics() const;
  std::size_t locked_keys() const;
  const lock_manager_options& options() const noexcept { return options_; }

 protected:
  explicit lock_table(lock_manager_options options);
  // Ends the program if a transaction lives.
  virtual ~lock_table();  // NOLINT(bugprone-exception-escape)

  // For the keys' type; `key` points to one. Called under the mutex, but for
  // destroy().
  virtual bool is_of(const lock_queue& queue, const void* key) const = 0;
  virtual lock_queue* make(const void* key, std::size_t hash) = 0;
  virtual void destroy(lock_queue* queue) noexcept = 0;
  virtual std::string text(const lock_queue& queue) const = 0;

  // True: locked. False: not in time. `until` in the past: takes what is free.
  // Throws transaction_aborted, std::system_error, std::bad_alloc, and what the
  // keys and choose_victim throw.
  bool acquire(transaction_core& t, const void* key, std::size_t hash,
               lock_mode mode, deadline until, const stop_token* stop);
  std::optional<lock_mode> find_mode(const transaction_core& t, const void* key,
                                     std::size_t hash) const;
  // Before the attempt number `attempt` (from 1) of a transaction.
  void back_off(const transaction_core& t, unsigned attempt) const;

 private:
  friend class transaction_core;
  friend class syncxx::deadlock_cycle;
  class section;

  void begin(transaction_core& t);
  bool forget(transaction_core& t);
  void commit(transaction_core& t);
  void rollback(transaction_core& t);
  void restart(transaction_core& t);
  void check(const transaction_core& t, const char* call) const;
  void check_open(const transaction_core& t, const char* call) const;
  void check_awake(const transaction_core& t, const char* call) const;

  std::size_t bucket(std::size_t hash) const noexcept;
  lock_queue* find(const void* key, std::size_t hash) const;
  void insert(lock_queue& queue) noexcept;
  void grow() noexcept;
  void drop(lock_queue& queue) noexcept;
  static lock_request* find_held(const transaction_core& t,
                                 const lock_queue& queue) noexcept;

  lock_request& make_request(transaction_core& t, const void* key,
                             std::size_t hash, lock_queue* queue,
                             lock_mode wanted);
  void wait_for(lock_request& r) noexcept;
  bool sleep(transaction_core& t, section& here, deadline until,
             const stop_token* stop);
  void hold(lock_request& r) noexcept;
  void convert(lock_request& r, lock_mode mode) noexcept;
  void grant(lock_request& r) noexcept;
  void decide(transaction_core& t, transaction_core::outcome what) noexcept;
  void leave(lock_request& r) noexcept;
  void release_all(transaction_core& t) noexcept;
  void abort(transaction_core& t,
             std::shared_ptr<const transaction_aborted::report> why) noexcept;
  void mark_dirty(lock_queue& queue) noexcept;
  void settle() noexcept;
  void serve(lock_queue& queue) noexcept;

  template <class F>
  bool any_blocker(lock_request& r, F f, std::uint64_t search = 0) const;
  void make_way(transaction_core& t);
  void break_cycles(transaction_core& t);
  transaction_core* find_cycle(transaction_core& t) noexcept;
  deadlock_cycle describe(const transaction_core& t,
                          const transaction_core& last) const;
  deadlock_member describe_wait(const transaction_core& t,
                                const transaction_core& next) const;
  std::size_t choose(const deadlock_cycle& found) const;
  bool avoid(lock_request& waiting) noexcept;
  void avoid_all(lock_queue& queue) noexcept;
  std::shared_ptr<const transaction_aborted::report> about(
      const transaction_core& aborted, const lock_request& waiting,
      const transaction_core& other) const noexcept;
  lock_snapshot take_snapshot() const;

  const lock_manager_options options_;
  mutable mutex mutex_;
  // All below is guarded by mutex_.
  std::vector<lock_queue*> buckets_;  // a power of two, each a chain
  std::size_t queues_ = 0;
  transaction_core* first_ = nullptr;  // all that live
  transaction_core* last_ = nullptr;
  std::size_t transactions_ = 0;
  std::uint64_t begun_ = 0;
  std::uint64_t search_ = 0;
  lock_statistics statistics_;
  lock_queue* dirty_first_ = nullptr;
  lock_queue* dirty_last_ = nullptr;
  // For section: to be done when the mutex is free.
  transaction_core* woken_ = nullptr;
  lock_queue* dead_queues_ = nullptr;
  lock_request* dead_requests_ = nullptr;
};

template <request_links lock_request::*Links>
lock_request* request_list<Links>::next(const lock_request& r) noexcept {
  return (r.*Links).next;
}
template <request_links lock_request::*Links>
lock_request* request_list<Links>::prev(const lock_request& r) noexcept {
  return (r.*Links).prev;
}
template <request_links lock_request::*Links>
void request_list<Links>::push_back(lock_request& r) noexcept {
  (r.*Links) = {last_, nullptr};
  (last_ == nullptr ? first_ : (last_->*Links).next) = &r;
  last_ = &r;
  ++size_;
}
template <request_links lock_request::*Links>
void request_list<Links>::remove(lock_request& r) noexcept {
  const request_links at = r.*Links;
  (at.prev == nullptr ? first_ : (at.prev->*Links).next) = at.next;
  (at.next == nullptr ? last_ : (at.next->*Links).prev) = at.prev;
  --size_;
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_LOCK_TABLE_H_
