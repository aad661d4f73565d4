// SPDX-License-Identifier: Apache-2.0
//
// A user's program that checks instead of running. Prints "model".
#include <sync/atomic.h>
#include <sync/model/check.h>

#include <cstdio>

int main_of_model();

int main_of_model() {
  const auto r = syncxx::model::check([] {
    syncxx::atomic<int> n(0);
    syncxx::model::thread other([&] { n.fetch_add(1); });
    n.fetch_add(1);
    other.join();
    syncxx::model::require(n == 2);
  });
  std::puts(r ? "model" : r.message.c_str());
  return r ? 0 : 1;
}
