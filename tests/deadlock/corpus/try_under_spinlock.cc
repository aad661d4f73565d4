// SPDX-License-Identifier: Apache-2.0
//
// While a spinlock is held a mutex is only tried, be it free or not: nothing
// sleeps.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::spinlock spin;
  corpus::mutex m;
  const auto look = [&] {
    spin.lock();
    const bool got_it = m.try_lock();
    if (got_it) m.unlock();
    spin.unlock();
    return got_it;
  };
  corpus::progress turn;
  corpus::at_once(
      [&] {
        corpus::require(look(), "m is free");
        turn.reach(1);
        turn.await(2);
        corpus::require(!look(), "m is held");
        turn.reach(3);
      },
      [&] {
        turn.await(1);
        m.lock();
        turn.reach(2);
        turn.await(3);
        m.unlock();
      });
}
