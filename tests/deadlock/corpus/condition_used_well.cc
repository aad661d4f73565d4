// SPDX-License-Identifier: Apache-2.0
//
// Two threads pass a ball with a condition variable; the first notification
// finds nobody, which the predicate makes harmless.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::mutex m;
  corpus::condition_variable turn_changes;
  int turn = 0;
  constexpr int kRounds = 100;
  const auto play = [&](int me) {
    for (int i = 0; i < kRounds; ++i) {
      std::unique_lock lock(m);
      turn_changes.wait(lock, [&] { return turn % 2 == me; });
      ++turn;
      turn_changes.notify_all();
    }
  };
  turn_changes.notify_all();
  corpus::at_once([&] { play(0); }, [&] { play(1); });
  corpus::require(turn == 2 * kRounds, "each had its turns");
}
