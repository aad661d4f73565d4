// SPDX-License-Identifier: Apache-2.0
//
// Transactions that a test can look at.
#ifndef SYNCXX_TESTS_SUPPORT_TRANSACTIONS_H_
#define SYNCXX_TESTS_SUPPORT_TRANSACTIONS_H_

#include <sync/lock_manager.h>

#include "tests/support/threads.h"

namespace syncxx_test {

template <class Key>
bool awaits(const syncxx::lock_manager<Key>& manager,
            const typename syncxx::lock_manager<Key>::transaction& t) {
  for (const auto& one : manager.snapshot().transactions)
    if (one.transaction == t.number()) return one.waits;
  return false;
}

template <class Key>
void await_waiting(const syncxx::lock_manager<Key>& manager,
                   const typename syncxx::lock_manager<Key>::transaction& t) {
  await([&] { return awaits(manager, t); });
}

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_TRANSACTIONS_H_
