// SPDX-License-Identifier: Apache-2.0
//
// lock_manager: locks on keys, for transactions that may deadlock and recover.
//
// Choose it where a piece of work locks things as it finds them, in no order
// that is known ahead, and can be undone: rows, files, nodes of a tree,
// accounts. Choose std::scoped_lock or an order of locks where what is needed
// is known ahead, shared_mutex for one thing: both cost a tenth.
//
//   lock_manager<int> accounts;
//   accounts.run([&](auto& tx) {  // again, if a deadlock had to be broken
//     tx.lock(from, lock_mode::X);
//     tx.lock(to, lock_mode::X);
//     balance[from] -= 5, balance[to] += 5;
//   });  // commits: all locks are released
//
// Promises
//   locking   strict two-phase: a lock is kept until its transaction ends. So
//             transactions that lock what they use have the effect of some
//             order, one after the other (Eswaran et al. 1976)
//   fairness  per key first come, first served, but that conversions (a lock
//             that is held, wanted in a stronger mode) go first: nobody starves
//   deadlocks are found and broken, by aborting one transaction of the cycle
//             and none that is in no cycle (detect), or cannot come up
//             (wait_die, wound_wait). One that is begun again keeps its age:
//             but for fewest_locks, lowest_priority and choose_victim everyone
//             gets through in the end
//   cost      one mutex for the whole manager, under which a lock with its
//             release takes about 0.05 us; a wait looks at whom it would wait
//             for, and at whom those wait for. Memory for what is locked or
//             waited for now, and 8 bytes for each key of the most at a time
//   progress  blocking
//   ordering  the end of a transaction synchronizes with every lock that it had
//             kept others from
//   waits     can be bounded by any clock and by a stop_token; they are a part
//             of cycles like any other. By a clock of the user's that goes
//             slower than the steady one a wait may lose its place in the line
//   lifetime  transactions must not outlive their manager
//   errors    transaction_aborted (a std::system_error,
//             resource_deadlock_would_occur): make way, roll back. Other
//             std::system_error: EPERM, use of a transaction that has ended;
//             EBUSY, while another thread waits in it; EINVAL, a victim that is
//             not in the cycle. std::bad_alloc, and what the keys' operations
//             throw: the lock has not been taken. The destruction of a manager
//             with transactions, and of a transaction in which another thread
//             waits, ends the program with a message
//   fork      in the child: construct anew
//
// Key is copied; Hash, Equal, its copy constructor and operator<< (for
// messages; without one a key is named by its hash) must not use the manager,
// and all but Hash and destructors are called under its mutex.
//
// A transaction is for one thread at a time, and a thread that has two of one
// manager must not wait in one for the other: no policy sees that.
// Design: docs/design/lock_manager.md. Not in the model library.
#ifndef SYNCXX_LOCK_MANAGER_H_
#define SYNCXX_LOCK_MANAGER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/lock_policy.h>
#include <sync/detail/lock_table.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {

// What a lock lets its holder do, and others (Gray 1978; U: as in SQL
// Server). IS and IX are for a key that stands for many, before one of them is
// locked: a table before its row.
enum class lock_mode : std::uint8_t {
  IS,   // intention shared: to lock parts in S
  IX,   // intention exclusive: to lock parts in X
  S,    // shared: to read
  SIX,  // S and IX: to read the whole, and lock parts in X
  U,    // update: to read now and perhaps, converted to X, to write
  X,    // exclusive: to write
};

// Whether two transactions may hold a key in these modes at once.
//
//        IS   IX   S    SIX  U    X
//  IS    yes  yes  yes  yes  yes  -
//  IX    yes  yes  -    -    -    -
//  S     yes  -    yes  -    yes  -
//  SIX   yes  -    -    -    -    -
//  U     yes  -    yes  -    -    -
//  X     -    -    -    -    -    -
constexpr bool compatible(lock_mode a, lock_mode b) noexcept {
  constexpr std::uint8_t kRows[] = {0b011111, 0b000011, 0b010101,
                                    0b000001, 0b000101, 0b000000};
  return (kRows[static_cast<int>(a)] >> static_cast<int>(b) & 1) != 0;
}

// What a transaction holds that held one and asks for the other: the weakest
// mode that is as strong as both.
//
//        IS   IX   S    SIX  U    X
//  IS    IS   IX   S    SIX  U    X
//  IX    IX   IX   SIX  SIX  SIX  X
//  S     S    SIX  S    SIX  U    X
//  SIX   SIX  SIX  SIX  SIX  SIX  X
//  U     U    SIX  U    SIX  U    X
//  X     X    X    X    X    X    X
constexpr lock_mode supremum(lock_mode a, lock_mode b) noexcept {
  using enum lock_mode;
  constexpr lock_mode kRows[][detail::kLockModes] = {
      {IS, IX, S, SIX, U, X}, {IX, IX, SIX, SIX, SIX, X},
      {S, SIX, S, SIX, U, X}, {SIX, SIX, SIX, SIX, SIX, X},
      {U, SIX, U, SIX, U, X}, {X, X, X, X, X, X},
  };
  return kRows[static_cast<int>(a)][static_cast<int>(b)];
}

// "IS", "IX", "S", "SIX", "U" or "X".
const char* to_string(lock_mode mode) noexcept;

template <class Key, class Hash = std::hash<Key>,
          class Equal = std::equal_to<Key>>
class lock_manager : private detail::lock_table {
 public:
  using key_type = Key;

  explicit lock_manager(lock_manager_options options = {}, Hash hash = Hash(),
                        Equal equal = Equal())
      : lock_table(std::move(options)),
        hash_(std::move(hash)),
        equal_(std::move(equal)) {}
  explicit lock_manager(deadlock_policy policy)
      : lock_manager(lock_manager_options{.policy = policy}) {}
  ~lock_manager() override = default;

  // Begins when it is constructed, and is rolled back when it is destroyed, if
  // it has not been committed. What it has besides lock(): see
  // detail::transaction_core.
  class transaction : public detail::transaction_core {
   public:
    explicit transaction(lock_manager& manager,
                         transaction_options options = {})
        : transaction_core(manager, std::move(options)), manager_(manager) {}

    // Blocks until the key is locked in this mode, or a stronger one. What is
    // held already is converted to supremum(held, mode).
    void lock(const Key& key, lock_mode mode = lock_mode::X) {
      take(key, mode, detail::deadline::never());
    }
    // Never waits, and aborts nobody (but a conversion that is granted may,
    // under wait_die and wound_wait). False: it would have to wait.
    bool try_lock(const Key& key, lock_mode mode = lock_mode::X) {
      return take(key, mode, detail::deadline::past());
    }
    // Block until the key is locked (true), or the time has passed or a stop
    // was requested (false): then nothing has changed, and the transaction goes
    // on. What is to be had at once is taken even so.
    template <class Rep, class Period>
    bool try_lock_for(const Key& key, lock_mode mode,
                      const std::chrono::duration<Rep, Period>& time,
                      const stop_token& stop = stop_token{}) {
      return take(key, mode, detail::deadline::after(time), &stop);
    }
    template <class Clock, class Duration>
    bool try_lock_until(const Key& key, lock_mode mode,
                        const std::chrono::time_point<Clock, Duration>& time,
                        const stop_token& stop = stop_token{}) {
      return detail::wait_until(
          time,
          [&](detail::deadline until) { return take(key, mode, until, &stop); },
          stop);
    }
    bool lock(const Key& key, lock_mode mode, const stop_token& stop) {
      return take(key, mode, detail::deadline::never(), &stop);
    }

    // The mode in which it holds the key, if it does.
    std::optional<lock_mode> holds(const Key& key) const {
      return manager_.find_mode(*this, std::addressof(key),
                                manager_.hash_(key));
    }

   private:
    bool take(const Key& key, lock_mode mode, detail::deadline until,
              const stop_token* stop = nullptr) {
      return manager_.acquire(*this, std::addressof(key), manager_.hash_(key),
                              mode, until, stop);
    }
    lock_manager& manager_;
  };

  // A transaction by hand.
  transaction begin(transaction_options options = {}) {
    return transaction(*this, std::move(options));
  }

  // f(transaction&), committed; its result. If the transaction is aborted it is
  // rolled back, and f called again, a little later, as often as need be. Any
  // other exception of f rolls back and passes on. f may commit or roll back
  // itself; it must let transaction_aborted pass.
  template <class F>
  auto run(F&& f) {
    return run(transaction_options{}, std::forward<F>(f));
  }
  template <class F>
  auto run(transaction_options options, F&& f) {
    using result = std::invoke_result_t<F&, transaction&>;
    static_assert(!std::is_reference_v<result>,
                  "what f returns would be used without the locks: return a "
                  "value");
    transaction t(*this, std::move(options));
    for (unsigned attempt = 1;; ++attempt) {
      try {
        if constexpr (std::is_void_v<result>) {
          std::invoke(f, t);
          end(t);
          return;
        } else {
          result made = std::invoke(f, t);
          end(t);
          return made;
        }
      } catch (const transaction_aborted& e) {
        if (!t.is_aborted_by(e) && !t.is_aborted()) throw;  // of another one
      }
      t.rollback();
      back_off(t, attempt);
      t.restart();
    }
  }

  // Who holds what and who waits; what has happened; how many keys are locked.
  using lock_table::locked_keys;
  using lock_table::options;
  using lock_table::snapshot;
  using lock_table::statistics;

 private:
  struct entry : detail::lock_queue {
    entry(const Key& k, std::size_t hash_of_key)
        : lock_queue(hash_of_key), key(k) {}
    const Key key;
  };
  static const Key& key_of(const detail::lock_queue& queue) noexcept {
    return static_cast<const entry&>(queue).key;
  }

  bool is_of(const detail::lock_queue& queue, const void* key) const override {
    return equal_(key_of(queue), *static_cast<const Key*>(key));
  }
  detail::lock_queue* make(const void* key, std::size_t hash) override {
    return new entry(*static_cast<const Key*>(key), hash);
  }
  void destroy(detail::lock_queue* queue) noexcept override {
    delete static_cast<entry*>(queue);
  }
  std::string text(const detail::lock_queue& queue) const override {
    // As operator<< would, without a stream.
    if constexpr (std::is_integral_v<Key> && sizeof(Key) > 1 &&
                  requires(const Key& key) { std::to_string(key); })
      return std::to_string(key_of(queue));
    std::ostringstream out;
    if constexpr (requires(std::ostream & to, const Key& key) { to << key; })
      out << key_of(queue);
    else
      out << "with hash 0x" << std::hex << queue.hash;
    return std::move(out).str();
  }
  // Whatever f has left of it.
  static void end(transaction& t) {
    if (t.is_active() || t.is_aborted()) t.commit();
  }

  [[no_unique_address]] Hash hash_;
  [[no_unique_address]] Equal equal_;
};

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_LOCK_MANAGER_H_
