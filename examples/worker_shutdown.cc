// SPDX-License-Identifier: Apache-2.0
//
// A background worker that wakes up for three reasons: it is asked to flush, a
// period has passed, or the program ends. One wait covers them all, and the
// program's end does not wait for the period.
#include <sync/event.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <stop_token>
#include <thread>

using namespace std::chrono_literals;

class flusher {
 public:
  explicit flusher(std::chrono::milliseconds period)
      : thread_([this, period](std::stop_token stop) { run(period, stop); }) {}

  void flush_soon() { wanted_.set(); }
  int flushes() const { return flushes_; }
  int ticks() const { return ticks_; }

 private:
  void run(std::chrono::milliseconds period, std::stop_token stop) {
    for (;;) {
      if (wanted_.wait_for(period, stop)) {
        wanted_.reset();  // before the work: what is asked for during it counts
        ++flushes_;
      } else if (stop.stop_requested()) {
        return;
      } else {
        ++ticks_;
      }
    }
  }

  syncxx::event wanted_;
  std::atomic<int> flushes_ = 0, ticks_ = 0;
  std::jthread thread_;  // last: it uses the members above
};

// Looks every millisecond, 10 s at most; only this program's main is so lazy.
template <class Predicate>
bool eventually(Predicate holds) {
  for (int i = 0; i < 10'000 && !holds(); ++i) std::this_thread::sleep_for(1ms);
  return holds();
}

int main() {
  bool ok = true;
  {
    flusher often(5ms);
    ok &= eventually([&] { return often.ticks() >= 3; });
    often.flush_soon();
    ok &= eventually([&] { return often.flushes() == 1; });
    std::printf("ticks: %d, flushes: %d\n", often.ticks(), often.flushes());
  }

  const auto start = std::chrono::steady_clock::now();
  {
    flusher rarely(1h);
    rarely.flush_soon();
    ok &= eventually([&] { return rarely.flushes() == 1; });
    ok &= rarely.ticks() == 0;
  }  // ~jthread requests the stop, which ends the wait of an hour
  const std::chrono::duration<double, std::milli> took =
      std::chrono::steady_clock::now() - start;
  std::printf("a worker with a period of one hour ended after %.1f ms\n",
              took.count());
  return ok && took < 10s ? 0 : 1;
}
