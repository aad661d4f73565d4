// SPDX-License-Identifier: Apache-2.0
//
// Five philosophers, five forks, and how to eat without deadlock: one way for
// each of Coffman's conditions that can be broken:
//   hold and wait   lock_all: both forks or none
//   no preemption   back_off: give the first fork back when the second is taken
//   circular wait   ordered_mutex: forks with levels; to reach for the lower
//                   one second is an error
// and, for comparison, a waiter who lets four of the five sit down at a time.
#include <sync/back_off.h>
#include <sync/lock_all.h>
#include <sync/mutex.h>
#include <sync/ordered_mutex.h>
#include <sync/semaphore.h>
#include <sync/thread.h>

#include <array>
#include <cstdio>
#include <mutex>
#include <system_error>
#include <vector>

constexpr unsigned kSeats = 5;
constexpr int kMeals = 2000;

struct table {
  std::array<syncxx::mutex, kSeats> forks;
  std::array<int, kSeats> used{};  // each guarded by its fork

  void eat(unsigned left, unsigned right) {
    ++used[left];
    ++used[right];
  }
};

// Lets all five eat in this way; whether every fork was used as often as it
// should be.
template <class Eat>
bool dinner(const char* how, Eat eat) {
  table t;
  {
    std::vector<syncxx::thread> guests;
    for (unsigned seat = 0; seat < kSeats; ++seat)
      guests.emplace_back([&, seat] {
        for (int meal = 0; meal < kMeals; ++meal)
          eat(t, seat, (seat + 1) % kSeats);
      });
  }
  bool right = true;
  for (const int n : t.used) right = right && n == 2 * kMeals;
  std::printf("%-10s %s\n", how, right ? "all have eaten" : "went wrong");
  return right;
}

void all_or_none(table& t, unsigned left, unsigned right) {
  const syncxx::all_lock both(t.forks[left], t.forks[right]);
  t.eat(left, right);
}

void give_back(table& t, unsigned left, unsigned right) {
  syncxx::back_off pause;
  for (;; pause.wait()) {
    const std::lock_guard first(t.forks[left]);
    const std::unique_lock second(t.forks[right], std::try_to_lock);
    if (!second.owns_lock()) continue;  // the first one is given back
    t.eat(left, right);
    return;
  }
}

// Two of the forks are enough to see the order at work.
bool by_level() {
  syncxx::ordered_mutex<1> low;
  syncxx::ordered_mutex<2> high;
  {
    const syncxx::ordered_lock first(low);
    const syncxx::ordered_lock second(high, first);
    // The same with the two swapped does not compile.
  }
  const std::lock_guard first(high);
  try {
    low.lock();
    low.unlock();
  } catch (const std::system_error& error) {
    std::printf("%-10s refused: %s\n", "by level", error.what());
    return true;
  }
  return false;
}

int main() {
  syncxx::counting_semaphore<kSeats> chairs(kSeats - 1);
  const auto with_a_waiter = [&](table& t, unsigned left, unsigned right) {
    chairs.acquire();
    {
      const std::lock_guard first(t.forks[left]);
      const std::lock_guard second(t.forks[right]);
      t.eat(left, right);
    }
    chairs.release();
  };
  bool ok = dinner("lock_all", all_or_none);
  ok = dinner("back_off", give_back) && ok;
  ok = dinner("waiter", with_a_waiter) && ok;
  ok = by_level() && ok;
  return ok ? 0 : 1;
}
