// SPDX-License-Identifier: Apache-2.0
//
// Transfers between accounts that lock what they need when they need it, in
// whatever order: two that block each other are a deadlock, of which one is
// rolled back and run again.
#include <sync/lock_manager.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <numeric>
#include <thread>
#include <vector>

using syncxx::lock_mode;

int main() {
  constexpr int kAccounts = 4, kTellers = 4, kTransfers = 2'000;
  syncxx::lock_manager<int> accounts;
  std::array<long, kAccounts> balance;  // each under the lock of its number
  balance.fill(1'000);

  const auto change = [&](auto& tx, int account, long amount) {
    long& b = balance[static_cast<std::size_t>(account)];
    tx.lock(account, lock_mode::X);  // may throw transaction_aborted
    tx.on_rollback([&b, before = b] { b = before; });
    b += amount;
  };
  {
    std::vector<std::jthread> tellers;
    for (int t = 0; t < kTellers; ++t)
      tellers.emplace_back([&, t] {
        for (int i = 0; i < kTransfers; ++i) {
          const int from = (i + t) % kAccounts;
          const int to = (from + 1 + i % (kAccounts - 1)) % kAccounts;
          accounts.run([&](auto& tx) {
            change(tx, from, -5);
            std::this_thread::yield();  // long enough for others to come by
            change(tx, to, 5);
          });
        }
      });
  }  // joins them

  const long total = accounts.run([&](auto& tx) {
    for (int a = 0; a < kAccounts; ++a) tx.lock(a, lock_mode::S);
    return std::accumulate(balance.begin(), balance.end(), 0L);
  });
  const auto seen = accounts.statistics();
  std::printf("%d transfers, %llu waits, %llu deadlocks; the total is %ld\n",
              kTellers * kTransfers,
              static_cast<unsigned long long>(seen.waits),
              static_cast<unsigned long long>(seen.deadlocks), total);
  return total == kAccounts * 1'000 ? 0 : 1;
}
