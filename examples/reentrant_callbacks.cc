// SPDX-License-Identifier: Apache-2.0
//
// An observer list whose callbacks may subscribe and unsubscribe while they are
// being called: the one good use of a recursive lock. With a plain mutex the
// callback would deadlock on the lock that its caller holds.
#include <sync/recursive_mutex.h>

#include <cstdio>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

class subject {
 public:
  using callback = std::function<void(int value)>;

  int subscribe(callback f) {
    const std::lock_guard lock(mutex_);
    callbacks_.emplace(++last_id_, std::move(f));
    return last_id_;
  }
  void unsubscribe(int id) {
    const std::lock_guard lock(mutex_);
    callbacks_.erase(id);
  }
  void notify(int value) {
    const std::lock_guard lock(mutex_);
    // Over a copy: callbacks may change the map, also under our feet.
    const auto now = callbacks_;
    for (const auto& [id, f] : now)
      if (callbacks_.contains(id)) f(value);
  }

 private:
  syncxx::recursive_mutex mutex_;
  std::map<int, callback> callbacks_;  // guarded by mutex_
  int last_id_ = 0;                    // guarded by mutex_
};

int main() {
  constexpr int kThreads = 4, kEach = 500;
  subject temperature;
  int every = 0, once = 0;  // written in callbacks: under the subject's lock

  temperature.subscribe([&](int) { ++every; });
  std::vector<int> ids(10);
  for (int& id : ids)
    id = temperature.subscribe([&](int) {
      ++once;
      temperature.unsubscribe(id);  // locks again, one level deeper
    });

  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < kEach; ++i) temperature.notify(i);
      });
  }

  std::printf("%d notifications seen, %d one-shot callbacks ran once each\n",
              every, once);
  return every == kThreads * kEach && once == 10 ? 0 : 1;
}
