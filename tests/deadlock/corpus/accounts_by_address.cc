// SPDX-License-Identifier: Apache-2.0
//
// Money goes between accounts in all directions; the lock with the lower
// address is taken first.
//
// expect: none
#include <functional>

#include "support/corpus.h"

namespace {

struct account {
  corpus::mutex lock;
  int balance = 100;
};

void transfer(account& from, account& to, int amount) {
  const bool in_order = std::less<>()(&from, &to);
  const std::unique_lock first(in_order ? from.lock : to.lock);
  const std::unique_lock second(in_order ? to.lock : from.lock);
  from.balance -= amount;
  to.balance += amount;
}

}  // namespace

int main() {
  constexpr int kAccounts = 4;
  const corpus::several<account> accounts(kAccounts);
  corpus::at_once_of(3, [&](int thread) {
    for (int i = 0; i < 200; ++i) {
      const int from = (i + thread) % kAccounts;
      const int to = (from + 1 + i % (kAccounts - 1)) % kAccounts;
      transfer(accounts[from], accounts[to], 1);
    }
  });
  int sum = 0;
  for (int i = 0; i < kAccounts; ++i) sum += accounts[i].balance;
  corpus::require(sum == 100 * kAccounts, "no money is lost");
}
