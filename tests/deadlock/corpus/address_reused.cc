// SPDX-License-Identifier: Apache-2.0
//
// A lock is destroyed and another made in its place: the orders of the two are
// opposite, but they are two locks.
//
// expect: none
#include <new>

#include "support/corpus.h"

int main() {
  alignas(corpus::mutex) std::byte room[sizeof(corpus::mutex)];
  corpus::mutex b;
  corpus::in_turn(
      [&] {
        auto* const a = new (room) corpus::mutex;
        corpus::nest(*a, b);
        a->~mutex();
      },
      [&] {
        auto* const other = new (room) corpus::mutex;
        corpus::nest(b, *other);
        other->~mutex();
      });
}
