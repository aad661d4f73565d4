// SPDX-License-Identifier: Apache-2.0
//
// What main did before it created a thread is over for that thread and for
// those that it creates, though main lives on.
//
// expect: none
#include "support/corpus.h"

int main() {
  corpus::mutex a;
  corpus::mutex b;
  corpus::nest(a, b);
  corpus::thread child([&] {
    corpus::thread grandchild([&] { corpus::nest(b, a); });
    grandchild.join();
  });
  child.join();
}
