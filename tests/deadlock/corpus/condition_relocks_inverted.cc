// SPDX-License-Identifier: Apache-2.0
//
// A wait for a condition lets go of the outer of two locks and takes it again
// with the inner one held; others take them outer first.
//
// expect: lock_order_inversion
#include "support/corpus.h"

int main() {
  corpus::mutex outer;
  corpus::mutex inner;
  corpus::condition_variable changed;
  corpus::progress turn;
  bool ready = false;
  corpus::thread user([&] {
    turn.await(1);
    corpus::nest(outer, inner);
    turn.reach(2);
    turn.await(4);
  });
  corpus::thread waiter([&] {
    turn.await(2);
    std::unique_lock lock(outer);
    const std::unique_lock also(inner);
    turn.reach(3);  // the teller gets the lock when this one waits
    changed.wait(lock, [&] { return ready; });
    turn.reach(4);
  });
  corpus::thread teller([&] {
    turn.await(3);
    const std::unique_lock lock(outer);
    ready = true;
    changed.notify_one();
  });
  turn.reach(1);
  user.join();
  waiter.join();
  teller.join();
}
