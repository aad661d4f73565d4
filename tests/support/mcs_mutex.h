// SPDX-License-Identifier: Apache-2.0
//
// mcs_lock with the interface of a mutex, for suites that want one: a node of
// its own for each turn, freed as soon as the turn is over.
#ifndef SYNCXX_TESTS_SUPPORT_MCS_MUTEX_H_
#define SYNCXX_TESTS_SUPPORT_MCS_MUTEX_H_

#include <sync/mcs_lock.h>

#include <memory>
#include <utility>

#include "tests/support/thread_safety_off.h"

namespace syncxx_test {

class mcs_mutex {
 public:
  mcs_mutex() = default;
  mcs_mutex(const mcs_mutex&) = delete;
  mcs_mutex& operator=(const mcs_mutex&) = delete;

  void lock() {
    auto mine = std::make_unique<syncxx::mcs_lock::node>();
    lock_.lock(*mine);
    owner_ = std::move(mine);
  }
  bool try_lock() {
    auto mine = std::make_unique<syncxx::mcs_lock::node>();
    if (!lock_.try_lock(*mine)) return false;
    owner_ = std::move(mine);
    return true;
  }
  void unlock() {
    const auto mine = std::move(owner_);
    lock_.unlock(*mine);
  }

 private:
  syncxx::mcs_lock lock_;  // first: tests look at its word
  std::unique_ptr<syncxx::mcs_lock::node> owner_;
};

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_MCS_MUTEX_H_
