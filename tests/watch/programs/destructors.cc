// SPDX-License-Identifier: Apache-2.0
//
// C++: locks in the destructors of static and thread_local objects, exceptions
// through threads' functions, the standard library's types.
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

std::mutex g_mutex;
std::recursive_timed_mutex g_timed;

struct locks_at_end {
  const char* name;
  ~locks_at_end() {
    const std::lock_guard lock(g_mutex);
    const std::lock_guard again(g_timed);
    std::printf("%s ends\n", name);
  }
};

locks_at_end g_static{"static"};
thread_local locks_at_end t_local{"thread_local"};

int throws(int depth) {
  const locks_at_end here{"frame"};
  if (depth == 0) throw std::runtime_error("thrown");
  return throws(depth - 1);
}

}  // namespace

int main() {
  std::thread([] { std::printf("%s begins\n", t_local.name); }).join();
  auto failed = std::async(std::launch::async, [] { return throws(2); });
  try {
    failed.get();
  } catch (const std::exception& e) {
    std::printf("%s\n", e.what());
  }
  std::condition_variable_any condition;
  std::shared_mutex shared;
  bool ready = false;
  std::vector<std::jthread> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.emplace_back([&](std::stop_token) {
      std::shared_lock lock(shared);
      condition.wait(lock, [&] { return ready; });
    });
  }
  {
    const std::lock_guard lock(shared);
    ready = true;
  }
  condition.notify_all();
  waiting.clear();
  std::once_flag once;
  try {
    std::call_once(once, [] { throws(0); });
  } catch (const std::exception&) {
    std::printf("call_once threw\n");
  }
  std::printf("%s\n", t_local.name);
  std::exit(8);
}
