// SPDX-License-Identifier: Apache-2.0
//
// Two threads overlap in time, but the first was through with its locks before
// it created a third, for whose end main waits before it creates the second.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::mutex a;
  corpus::mutex b;
  corpus::progress done;
  std::unique_ptr<corpus::thread> third;
  corpus::thread first([&] {
    corpus::nest(a, b);
    third = std::make_unique<corpus::thread>([] {});
    done.reach(1);
    done.await(2);
  });
  done.await(1);
  third->join();
  corpus::thread second([&] { corpus::nest(b, a); });
  second.join();
  done.reach(2);
  first.join();
}
