// SPDX-License-Identifier: Apache-2.0
//
// What clang's thread-safety analysis must say of our locks and guards, and
// where it must be silent. Compiled with -Xclang -verify, which fails when a
// warning differs from the comments here.
// What is expected stands behind what it is about:
// clang-format off
#include <sync/byte_mutex.h>
#include <sync/lock_all.h>
#include <sync/lock_guards.h>
#include <sync/mcs_lock.h>
#include <sync/mutex.h>
#include <sync/ordered_mutex.h>
#include <sync/queue_lock.h>
#include <sync/recursive_mutex.h>
#include <sync/shared_mutex.h>
#include <sync/spinlock.h>
#include <sync/ticket_lock.h>

#include <chrono>
#include <stop_token>

using namespace std::chrono_literals;

template <class Mutex>
struct account {
  Mutex m;
  int balance SYNCXX_GUARDED_BY(m) = 0;
};

struct ledger : account<syncxx::mutex> {
  int count() SYNCXX_REQUIRES(m) { return balance; }

  void no_lock() {
    balance = 1;  // expected-warning {{requires holding mutex 'm' exclusively}}
    count();      // expected-warning {{requires holding mutex 'm' exclusively}}
  }

  void bare() {
    m.lock();
    balance = 1;
    m.unlock();
    balance = 2;  // expected-warning {{requires holding mutex 'm' exclusively}}
  }

  void forgotten() {
    m.lock();  // expected-note {{mutex acquired here}}
  }            // expected-warning {{mutex 'm' is still held at the end of function}}

  void twice() {
    m.lock();  // expected-note {{mutex acquired here}}
    m.lock();  // expected-warning {{acquiring mutex 'm' that is already held}}
    m.unlock();
  }

  void not_held() {
    m.unlock();  // expected-warning {{releasing mutex 'm' that was not held}}
  }

  void guarded() {
    syncxx::lock_guard lock(m);
    balance = 1;
    count();
  }

  void relocked() {
    syncxx::unique_lock lock(m);
    balance = 1;
    lock.unlock();
    balance = 2;  // expected-warning {{requires holding mutex 'm' exclusively}}
    lock.lock();
    balance = 3;
  }

  void scoped(ledger& other) {
    syncxx::scoped_lock lock(m, other.m);
    balance = 1;
    other.balance = 1;
  }

  void scoped_alone(ledger& other) {
    syncxx::scoped_lock lock(m);
    balance = 1;
    other.balance = 1;  // expected-warning {{requires holding mutex 'other.m' exclusively}} expected-note {{found near match 'm'}}
  }

  void adopted() {
    m.lock();
    syncxx::lock_guard lock(m, syncxx::adopt_lock);
    balance = 1;
  }

  void tried() {
    if (m.try_lock()) {
      balance = 1;
      m.unlock();
    }
  }

  void tried_wrongly() {
    if (!m.try_lock()) {
      balance = 1;  // expected-warning {{requires holding mutex 'm' exclusively}}
    } else {
      m.unlock();
    }
  }

  void timed(std::stop_token stop) {
    if (m.try_lock_for(1ms)) m.unlock();
    if (m.try_lock_until(std::chrono::steady_clock::now())) m.unlock();
    if (m.lock(stop)) {
      balance = 1;
      m.unlock();
    }
    if (m.try_lock_for(1ms, stop)) {
      balance = 1;
      m.unlock();
    }
  }
};

struct spin_account : account<syncxx::spinlock> {
  void works() {
    syncxx::lock_guard lock(m);
    balance = 1;
  }
  void fails() {
    balance = 1;  // expected-warning {{requires holding spinlock 'm' exclusively}}
  }
};

struct ticket_account : account<syncxx::ticket_lock> {
  void works() {
    syncxx::lock_guard lock(m);
    balance = 1;
  }
  void fails() {
    balance = 1;  // expected-warning {{requires holding ticket_lock 'm' exclusively}}
  }
};

struct queue_account : account<syncxx::queue_lock> {
  void works() {
    syncxx::lock_guard lock(m);
    balance = 1;
  }
  void tries() {
    if (m.try_lock()) {
      balance = 1;
      m.unlock();
    }
  }
  void fails() {
    balance = 1;  // expected-warning {{requires holding queue_lock 'm' exclusively}}
  }
};

struct mcs_account : account<syncxx::mcs_lock> {
  void works() {
    const syncxx::mcs_lock::guard lock(m);
    balance = 1;
  }
  void with_a_node() {
    syncxx::mcs_lock::node mine;
    m.lock(mine);
    balance = 1;
    m.unlock(mine);
  }
  void tries() {
    syncxx::mcs_lock::node mine;
    if (m.try_lock(mine)) {
      balance = 1;
      m.unlock(mine);
    }
  }
  void fails() {
    balance = 1;  // expected-warning {{requires holding mcs_lock 'm' exclusively}}
  }
};

struct recursive_account : account<syncxx::recursive_mutex> {
  void works() {
    syncxx::unique_lock lock(m);
    balance = 1;
  }
  void fails() {
    balance = 1;  // expected-warning {{requires holding recursive_mutex 'm' exclusively}}
  }
};

struct shared_account : account<syncxx::shared_mutex> {
  int works() {
    syncxx::shared_lock lock(m);
    return balance;
  }
  void upgrades() {
    m.lock_upgrade();
    const int seen = balance;
    m.unlock_upgrade_and_lock();
    balance = seen + 1;
    m.unlock_and_lock_shared();
    balance = 1;  // expected-warning {{requires holding shared_mutex 'm' exclusively}}
    m.unlock_shared();
  }
  void fails() {
    syncxx::shared_lock lock(m);
    balance = 1;  // expected-warning {{requires holding shared_mutex 'm' exclusively}}
  }
};

struct byte_account : account<syncxx::byte_mutex> {
  void works() {
    syncxx::lock_guard lock(m);
    balance = 1;
  }
  void fails() {
    balance = 1;  // expected-warning {{requires holding byte_mutex 'm' exclusively}}
  }
};

struct ordered_account : account<syncxx::ordered_mutex<1, syncxx::shared_mutex>> {
  void works() {
    syncxx::ordered_lock lock(m);
    balance = 1;
  }
  void after_another(ledger& other, syncxx::ordered_mutex<0>& low) {
    syncxx::ordered_lock first(low);
    syncxx::ordered_lock second(m, first);
    balance = 1;
    other.balance = 1;  // expected-warning {{requires holding mutex 'other.m' exclusively}}
  }
  int reads() {
    syncxx::shared_lock lock(m);
    return balance;
  }
  void tries() {
    if (m.try_lock_for(1ms)) {
      balance = 1;
      m.unlock();
    }
  }
  void fails() {
    balance = 1;  // expected-warning {{requires holding ordered_mutex 'm' exclusively}}
  }
};

struct pair_of_accounts {
  account<syncxx::mutex> a;
  account<syncxx::spinlock> b;

  void both() {
    syncxx::all_lock lock(a.m, b.m);
    a.balance = 1;
    b.balance = 1;
  }
  void one() {
    syncxx::all_lock lock(a.m);
    a.balance = 1;
    b.balance = 1;  // expected-warning {{requires holding spinlock 'b.m' exclusively}}
  }
  void adopted() {
    a.m.lock();
    b.m.lock();
    syncxx::all_lock lock(syncxx::adopt_lock, a.m, b.m);
    a.balance = b.balance = 1;
  }
};
