// SPDX-License-Identifier: Apache-2.0
//
// What a lock_manager is told and what it tells: how it treats deadlocks, whom
// it aborts and why, who holds what. Part of <sync/lock_manager.h>.
#ifndef SYNCXX_DETAIL_LOCK_POLICY_H_
#define SYNCXX_DETAIL_LOCK_POLICY_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {

enum class lock_mode : std::uint8_t;  // in <sync/lock_manager.h>

namespace detail {
class lock_table;
class transaction_core;
}

// What a manager does about deadlocks. The older of two transactions is the one
// that was begun first; one that is begun again keeps its age. It is its
// number.
enum class deadlock_policy : std::uint8_t {
  detect,      // who is about to wait looks for a cycle; one of it is aborted
  wait_die,    // the older may wait for the younger; the younger is aborted
               // instead of waiting for the older
  wound_wait,  // the younger may wait for the older; the older aborts the
               // younger that it would wait for
};

// Whom deadlock_policy::detect aborts; among equals the youngest.
enum class victim_policy : std::uint8_t {
  youngest,         // the oldest always gets through: nobody starves
  fewest_locks,     // that has the least to do again, likely
  lowest_priority,  // of transaction_options::priority
};

// One of a cycle: it waits for the next one, and the last for the first.
struct deadlock_member {
  std::uint64_t transaction = 0;  // its number: the greater, the younger
  std::string name;
  int priority = 0;
  std::size_t locks_held = 0;
  std::string key;     // what it waits for, as text
  lock_mode wanted{};  // in which mode
  // Whether the next one holds the key, in the mode next_mode; else it waits
  // for it ahead of this one, for the mode next_mode.
  bool next_holds = false;
  lock_mode next_mode{};
};

// Who holds what and who waits, at one moment.
struct lock_snapshot {
  struct holder {
    std::uint64_t transaction = 0;
    lock_mode mode{};
    lock_mode wanted{};  // mode, unless it waits for a conversion
  };
  struct waiter {
    std::uint64_t transaction = 0;
    lock_mode wanted{};
  };
  struct key_state {
    std::string key;
    std::vector<holder> holders;
    std::vector<waiter> waiters;  // in their order; not conversions
  };
  struct transaction_state {
    std::uint64_t transaction = 0;
    std::string name;
    std::size_t locks_held = 0;
    bool waits = false;
    bool aborted = false;  // or being rolled back
  };
  std::vector<transaction_state> transactions;  // all objects, by age
  std::vector<key_state> keys;                  // in no order

  // For people.
  std::string text() const;
};

// A cycle that has been found, for who chooses its victim.
// (Valid during the call.)
class deadlock_cycle {
 public:
  deadlock_cycle(const deadlock_cycle&) = delete;
  deadlock_cycle& operator=(const deadlock_cycle&) = delete;
  // At least two. The first one is about to wait; the others do.
  const std::vector<deadlock_member>& members() const noexcept {
    return members_;
  }
  // All locks at this moment.
  lock_snapshot snapshot() const;

 private:
  friend class detail::lock_table;
  explicit deadlock_cycle(const detail::lock_table& table) noexcept
      : table_(&table) {}
  deadlock_cycle(deadlock_cycle&&) noexcept = default;

  const detail::lock_table* table_;
  std::vector<deadlock_member> members_;
};

struct lock_manager_options {
  deadlock_policy policy = deadlock_policy::detect;
  victim_policy victim = victim_policy::youngest;
  // If not empty, chooses the victim in place of `victim`: returns its place in
  // members(). Called in the thread that is about to wait, whose lock() passes
  // on what it throws; must not call the manager or its transactions.
  std::function<std::size_t(const deadlock_cycle&)> choose_victim{};
  // How long run() waits at most before it begins an aborted transaction again:
  // a random time up to a bound that doubles, and ends here.
  std::chrono::microseconds longest_back_off{1000};
};

struct transaction_options {
  std::string name{};  // for messages
  int priority = 0;
};

// What has happened since the manager was made.
struct lock_statistics {
  std::uint64_t waits = 0;      // locks that were not to be had at once
  std::uint64_t deadlocks = 0;  // victims of detect
  std::uint64_t deaths = 0;     // victims of wait_die
  std::uint64_t wounds = 0;     // victims of wound_wait
};

// Thrown by what a transaction does after it has been chosen to make way. Its
// locks are still held, so that what it has done can be undone.
class transaction_aborted : public std::system_error {
 public:
  // Its code is resource_deadlock_would_occur.
  struct report {
    std::uint64_t transaction = 0;
    deadlock_policy reason{};
    std::vector<deadlock_member> cycle;
    std::string text;
  };
  explicit transaction_aborted(std::shared_ptr<const report> about);

  // Which one was aborted, and by what policy.
  std::uint64_t transaction() const noexcept { return about_->transaction; }
  deadlock_policy reason() const noexcept { return about_->reason; }
  // The cycle, where there was one: with deadlock_policy::detect.
  const std::vector<deadlock_member>& cycle() const noexcept {
    return about_->cycle;
  }

 private:
  friend class detail::transaction_core;
  std::shared_ptr<const report> about_;
};

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_LOCK_POLICY_H_
