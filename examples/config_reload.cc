// SPDX-License-Identifier: Apache-2.0
//
// A file watcher says "changed" far more often than a reload is worth. An
// auto_reset_event folds what comes during one reload into one more, and never
// loses the last.
#include <sync/event.h>
#include <sync/mutex.h>

#include <chrono>
#include <cstdio>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

class config_file {
 public:
  void write(std::string text) {
    const std::lock_guard lock(mutex_);
    text_ = std::move(text);
  }
  std::string read() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  mutable syncxx::mutex mutex_;
  std::string text_ = "version 0";
};

int main() {
  constexpr int kChanges = 10'000;
  config_file file;
  syncxx::auto_reset_event changed;
  std::string loaded;
  int reloads = 0;
  {
    std::jthread reloader([&](std::stop_token stop) {
      // A change that is there when the stop comes is still loaded: a wait
      // takes what it can get before it looks at the token.
      while (changed.wait(stop)) {
        loaded = file.read();
        ++reloads;
      }
    });
    for (int i = 1; i <= kChanges; ++i) {
      file.write("version " + std::to_string(i));
      changed.set();
      if (i % 100 == 0)
        std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }

  std::printf("%d changes, %d reloads, now at \"%s\"\n", kChanges, reloads,
              loaded.c_str());
  return loaded == "version " + std::to_string(kChanges) && reloads >= 1 &&
                 reloads <= kChanges
             ? 0
             : 1;
}
