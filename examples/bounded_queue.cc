// SPDX-License-Identifier: Apache-2.0
//
// A bounded queue between producers and consumers: one mutex, two condition
// variables, and a stop_token that ends a wait on either side.
#include <sync/condition_variable.h>
#include <sync/mutex.h>

#include <cstddef>
#include <cstdio>
#include <deque>
#include <mutex>
#include <numeric>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

template <class T>
class bounded_queue {
 public:
  explicit bounded_queue(std::size_t capacity) : capacity_(capacity) {}

  // False: a stop was requested before there was room.
  bool push(T item, std::stop_token stop = {}) {
    std::unique_lock lock(mutex_);
    if (!has_room_.wait(lock, stop, [&] { return items_.size() < capacity_; }))
      return false;
    items_.push_back(std::move(item));
    lock.unlock();  // the consumer that is notified finds the mutex free
    has_items_.notify_one();
    return true;
  }

  // Nothing: a stop was requested, and the queue is empty.
  std::optional<T> pop(std::stop_token stop = {}) {
    std::unique_lock lock(mutex_);
    if (!has_items_.wait(lock, stop, [&] { return !items_.empty(); }))
      return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    lock.unlock();
    has_room_.notify_one();
    return item;
  }

 private:
  syncxx::mutex mutex_;
  syncxx::condition_variable has_room_, has_items_;
  std::deque<T> items_;
  const std::size_t capacity_;
};

int main() {
  constexpr long kProducers = 2, kConsumers = 3, kItems = 20'000;
  bounded_queue<long> queue(16);
  std::vector<long> sums(kConsumers);
  {
    std::vector<std::jthread> consumers;
    for (long& sum : sums)
      consumers.emplace_back([&](std::stop_token stop) {
        while (const auto item = queue.pop(stop)) sum += *item;
      });
    std::vector<std::jthread> producers;
    for (long p = 0; p < kProducers; ++p)
      producers.emplace_back([&] {
        for (long i = 1; i <= kItems; ++i) queue.push(i);
      });
    producers.clear();  // joins them: everything has been pushed
  }  // asks the consumers to stop; each returns once the queue is empty

  const long sum = std::accumulate(sums.begin(), sums.end(), 0L);
  const long expected = kProducers * kItems * (kItems + 1) / 2;
  std::printf("%ld consumers added up %ld of %ld\n", kConsumers, sum, expected);
  return sum == expected ? 0 : 1;
}
