// SPDX-License-Identifier: Apache-2.0
//
// No more than three connections at a time; whoever gets none in time is told
// so instead of hanging.
#include <sync/semaphore.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

class connection_pool {
 public:
  static constexpr int kLimit = 3;

  // Calls use() with a connection. False: there was none within `patience`.
  template <class Use>
  bool with_connection(std::chrono::milliseconds patience, Use use) {
    if (!free_.try_acquire_for(patience)) return false;
    const give_back at_end{free_};  // also when use() throws
    use();
    return true;
  }

 private:
  using slots = syncxx::counting_semaphore<kLimit>;
  struct give_back {
    slots& free;
    ~give_back() { free.release(); }
  };
  slots free_{kLimit};
};

int main() {
  connection_pool pool;
  std::atomic<int> open = 0, most = 0, served = 0;

  constexpr int kClients = 12;
  {
    std::vector<std::jthread> clients;
    for (int i = 0; i < kClients; ++i)
      clients.emplace_back([&] {
        served += pool.with_connection(30s, [&] {
          const int now = ++open;
          for (int seen = most; now > seen;)
            if (most.compare_exchange_weak(seen, now)) break;
          std::this_thread::sleep_for(2ms);  // the query
          --open;
        });
      });
  }
  std::printf("%d of %d clients served, at most %d at a time\n", served.load(),
              kClients, most.load());

  // All connections are taken: the next one is refused, after its patience.
  bool refused = false;
  const auto start = std::chrono::steady_clock::now();
  pool.with_connection(0ms, [&] {
    pool.with_connection(0ms, [&] {
      pool.with_connection(
          0ms, [&] { refused = !pool.with_connection(10ms, [] {}); });
    });
  });
  const auto waited = std::chrono::steady_clock::now() - start;
  std::printf("the fourth was %s\n", refused ? "refused" : "let in");

  return served == kClients && most <= connection_pool::kLimit && refused &&
                 waited >= 10ms
             ? 0
             : 1;
}
