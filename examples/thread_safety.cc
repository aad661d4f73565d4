// SPDX-License-Identifier: Apache-2.0
//
// Which lock protects which data, said in the code and checked by clang
// (-Wthread-safety): delete the guard in deposit() and it does not compile.
// Other compilers build the same program without the check.
#include <sync/lock_guards.h>
#include <sync/mutex.h>

#include <cstdio>
#include <thread>
#include <vector>

class account {
 public:
  explicit account(long balance) : balance_(balance) {}

  void deposit(long amount) {
    const syncxx::lock_guard lock(mutex_);
    add(amount);
  }
  long balance() const {
    const syncxx::lock_guard lock(mutex_);
    return balance_;
  }

  // Two locks, in no order that the callers must agree on.
  static bool transfer(account& from, account& to, long amount) {
    const syncxx::scoped_lock both(from.mutex_, to.mutex_);
    if (from.balance_ < amount) return false;
    from.add(-amount);
    to.add(amount);
    return true;
  }

 private:
  // Callers hold the lock; clang holds them to it.
  void add(long amount) SYNCXX_REQUIRES(mutex_) { balance_ += amount; }

  mutable syncxx::mutex mutex_;
  long balance_ SYNCXX_GUARDED_BY(mutex_);
};

int main() {
  account alice(1000), bob(1000);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 2; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < 10'000; ++i) {
          if (t == 0)
            account::transfer(alice, bob, i % 7);
          else
            account::transfer(bob, alice, i % 5);
        }
      });
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) alice.deposit(1);
    });
  }

  const long total = alice.balance() + bob.balance();
  std::printf("alice %ld, bob %ld, together %ld\n", alice.balance(),
              bob.balance(), total);
#if defined(__clang__)
  std::puts("checked by -Wthread-safety where that is on");
#else
  std::puts("not checked: this compiler knows no thread-safety attributes");
#endif
  return total == 2100 ? 0 : 1;
}
