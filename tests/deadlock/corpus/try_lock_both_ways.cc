// SPDX-License-Identifier: Apache-2.0
//
// Two threads take two locks in opposite orders, and only try the second one:
// they let go where it is taken.
//
// expect: none
#include "support/corpus.h"

namespace {

bool try_both(corpus::mutex& first, corpus::mutex& second) {
  first.lock();
  const bool got_it = second.try_lock();
  if (got_it) second.unlock();
  first.unlock();
  return got_it;
}

}  // namespace

int main() {
  corpus::mutex a;
  corpus::mutex b;
  corpus::in_turn([&] { try_both(a, b); }, [&] { try_both(b, a); });
  corpus::at_once(
      [&] {
        while (!try_both(a, b)) corpus::nap(corpus::milliseconds(1));
      },
      [&] {
        while (!try_both(b, a)) corpus::nap(corpus::milliseconds(2));
      });
}
