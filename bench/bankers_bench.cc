// SPDX-License-Identifier: Apache-2.0
//
// The Banker's safety check, with all upkeep, beside the algorithm of the
// textbooks. bankers_<states>_<n>x<m>: a request and, if it was granted, its
// release, of n customers and m resources, in states that are
//
//   easy      there is so much that each customer could finish first
//   random    claims, holdings, customers and requests are random, and little
//             is left: the textbook needs one round or a few
//   chain     each customer can finish only after the next one, and a random
//             one of the last tenth asks: the textbook needs n rounds
//   shuffled  the same, in random order
//
// bankers_threads_<t>: t threads that ask for and give back two of four kinds
// of resources, among 100 customers that hold some.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <sync/bankers_allocator.h>
#include <sync/detail/bankers_core.h>

#include "bench/harness/interleaved.h"

namespace syncxx_bench {
namespace {

using row = std::vector<std::uint64_t>;

// As in Silberschatz, Galvin, Gagne, 7.5.3, on flat arrays and without
// allocation.
class textbook {
 public:
  static constexpr std::string_view kName = "textbook";
  explicit textbook(const row& total)
      : m_(total.size()), available_(total.begin(), total.end()) {}

  std::size_t join(const row& claim) {
    need_.insert(need_.end(), claim.begin(), claim.end());
    held_.resize(need_.size());
    done_.resize(done_.size() + 1);
    return done_.size() - 1;
  }
  bool take(std::size_t i, const row& request) {
    for (std::size_t k = 0; k < m_; ++k) {
      if (amount(request[k]) > available_[k]) return false;
    }
    move(i, request, 1);
    if (is_safe()) return true;
    move(i, request, -1);
    return false;
  }
  void give(std::size_t i, const row& part) { move(i, part, -1); }
  void put(std::size_t i, const row& held) { move(i, held, 1); }

 private:
  static std::int64_t amount(std::uint64_t a) {
    return static_cast<std::int64_t>(a);
  }
  void move(std::size_t i, const row& what, std::int64_t sign) {
    for (std::size_t k = 0; k < m_; ++k) {
      available_[k] -= sign * amount(what[k]);
      need_[i * m_ + k] -= sign * amount(what[k]);
      held_[i * m_ + k] += sign * amount(what[k]);
    }
  }
  bool is_safe() {
    work_ = available_;
    std::fill(done_.begin(), done_.end(), 0);
    std::size_t left = done_.size();
    for (bool again = true; again && left != 0;) {
      again = false;
      for (std::size_t i = 0; i < done_.size(); ++i) {
        if (done_[i] != 0) continue;
        const std::int64_t* const need = &need_[i * m_];
        std::size_t k = 0;
        while (k < m_ && need[k] <= work_[k]) ++k;
        if (k < m_) continue;
        for (k = 0; k < m_; ++k) work_[k] += held_[i * m_ + k];
        done_[i] = 1;
        again = true;
        --left;
      }
    }
    return left == 0;
  }

  std::size_t m_;
  std::vector<std::int64_t> available_, need_, held_, work_;
  std::vector<char> done_;
};

class ours {
 public:
  static constexpr std::string_view kName = "syncxx::bankers_allocator";
  explicit ours(const row& total) : core_(total) {}
  std::size_t join(const row& claim) { return core_.join(claim); }
  bool take(std::size_t i, const row& request) {
    return core_.take(slot(i), request);
  }
  void give(std::size_t i, const row& part) { core_.give(slot(i), part); }

 private:
  using core = syncxx::detail::bankers_core;
  static core::slot slot(std::size_t i) { return static_cast<core::slot>(i); }
  core core_;
};

struct request {
  std::size_t who;
  row amounts;
};

struct situation {
  row total;
  std::vector<row> claims;
  std::vector<row> holdings;
  std::vector<std::size_t> grant_order;  // that is possible
  std::vector<request> requests;
};

constexpr std::size_t kRequests = 256;

situation easy(std::size_t n, std::size_t m, std::uint64_t most,
               std::mt19937& random) {
  situation s;
  for (std::size_t i = 0; i < n; ++i) {
    s.holdings.emplace_back();
    s.claims.emplace_back();
    for (std::size_t k = 0; k < m; ++k) {
      s.claims[i].push_back(1 + random() % most);
      s.holdings[i].push_back(random() % (s.claims[i][k] + 1));
    }
  }
  s.total.assign(m, most * (n + 1));
  s.grant_order.resize(n);
  std::iota(s.grant_order.begin(), s.grant_order.end(), std::size_t{0});
  return s;
}

// What is left is just enough for those who need little to go first.
situation random_state(std::size_t n, std::size_t m, std::mt19937& random) {
  situation s = easy(n, m, 1000, random);
  std::vector<std::int64_t> left(m);
  std::vector<std::int64_t> least(m);
  std::vector<std::size_t> order = s.grant_order;
  const auto rest = [&](std::size_t i) {
    std::uint64_t sum = 0;
    for (std::size_t k = 0; k < m; ++k)
      sum += s.claims[i][k] - s.holdings[i][k];
    return sum;
  };
  // Those who need little first, so that little has to be there.
  std::sort(order.begin(), order.end(),
            [&](auto a, auto b) { return rest(a) < rest(b); });
  for (const std::size_t i : order) {
    for (std::size_t k = 0; k < m; ++k) {
      const auto need =
          static_cast<std::int64_t>(s.claims[i][k] - s.holdings[i][k]);
      least[k] = std::max(least[k], need - left[k]);
      left[k] += static_cast<std::int64_t>(s.holdings[i][k]);
    }
  }
  for (std::size_t k = 0; k < m; ++k)
    s.total[k] = static_cast<std::uint64_t>(left[k] + least[k] + 1);
  // The one that finishes last is served first.
  s.grant_order.assign(order.rbegin(), order.rend());
  return s;
}

// position[i]: after how many others customer i can finish.
situation chain(std::size_t m, const std::vector<std::size_t>& position) {
  const std::size_t n = position.size();
  situation s;
  s.total.assign(m, n);
  for (const std::size_t p : position) {
    s.claims.emplace_back(m, p + 1);
    s.holdings.emplace_back(m, 1);
  }
  s.grant_order.resize(n);
  for (std::size_t i = 0; i < n; ++i) s.grant_order[n - 1 - position[i]] = i;
  // One more of everything: the first one has all it needs, and one is left.
  s.total.assign(m, n + 1);
  for (row& claim : s.claims) {
    for (std::uint64_t& c : claim) ++c;
  }
  // The last resource is no bottleneck: requests for it are granted, if all go
  // through the others.
  if (m > 1) s.total[m - 1] = 3 * n;
  return s;
}

situation make(const std::string& kind, std::size_t n, std::size_t m) {
  std::mt19937 random(static_cast<unsigned>(n * 100 + m));
  situation s;
  std::vector<std::size_t> position(n);
  std::iota(position.rbegin(), position.rend(), std::size_t{0});
  if (kind == "easy") {
    s = easy(n, m, 10, random);
  } else if (kind == "random") {
    s = random_state(n, m, random);
  } else {
    if (kind == "shuffled")
      std::shuffle(position.begin(), position.end(), random);
    s = chain(m, position);
  }
  for (std::size_t r = 0; r < kRequests; ++r) {
    std::size_t who = random() % n;
    row amounts(m);
    if (kind == "easy" || kind == "random") {
      for (std::size_t k = 0; k < m; ++k) {
        if (random() % 2 == 0 && s.holdings[who][k] < s.claims[who][k])
          amounts[k] = 1;
      }
    } else {
      while (position[who] < n - 1 - n / 10) who = (who + 1) % n;
      amounts[m - 1] = 1;
    }
    s.requests.push_back({who, amounts});
  }
  return s;
}

template <class Banker>
struct played {
  explicit played(const situation& s) : banker(s.total), requests(s.requests) {
    for (const row& claim : s.claims) who.push_back(banker.join(claim));
    for (const std::size_t i : s.grant_order) {
      if (banker.take(who[i], s.holdings[i])) continue;
      std::fprintf(stderr, "bankers_bench: the state was not reached\n");
      std::abort();
    }
  }
  Banker banker;
  std::vector<std::size_t> who;
  std::vector<request> requests;
};

// Getting to a state takes the textbook n checks: it is told of it.
template <>
struct played<textbook> {
  explicit played(const situation& s) : banker(s.total), requests(s.requests) {
    for (std::size_t i = 0; i < s.claims.size(); ++i) {
      who.push_back(banker.join(s.claims[i]));
      banker.put(who[i], s.holdings[i]);
    }
  }
  textbook banker;
  std::vector<std::size_t> who;
  std::vector<request> requests;
};

template <class Banker>
void requests(benchmark::State& state, const std::string& kind, std::size_t n,
              std::size_t m) {
  // Made once: it may take longer than the measurement.
  static std::map<std::string, std::unique_ptr<played<Banker>>> all;
  const std::string name = kind + std::to_string(n) + "x" + std::to_string(m);
  std::unique_ptr<played<Banker>>& p = all[name];
  if (p == nullptr) p = std::make_unique<played<Banker>>(make(kind, n, m));
  std::size_t at = 0;
  std::size_t granted = 0;
  for (auto _ : state) {
    const request& r = p->requests[at++ % kRequests];
    if (p->banker.take(p->who[r.who], r.amounts)) {
      p->banker.give(p->who[r.who], r.amounts);
      ++granted;
    }
  }
  state.counters["granted"] = benchmark::Counter(
      static_cast<double>(granted), benchmark::Counter::kAvgIterations);
}

// --- Threads -----------------------------------------------------------------

constexpr std::size_t kIdle = 100;
constexpr std::size_t kKinds = 4;

// The textbook's check behind a mutex; whoever waits looks again at every
// release.
class textbook_monitor {
 public:
  static constexpr std::string_view kName = "textbook under std::mutex";
  explicit textbook_monitor(unsigned threads)
      : bank_(row(kKinds, kIdle + 2 + threads)) {
    for (std::size_t i = 0; i < kIdle; ++i) {
      const std::size_t who = bank_.join(row(kKinds, 2));
      bank_.take(who, row(kKinds, 1));
    }
    for (unsigned i = 0; i < threads; ++i)
      customers_.push_back(bank_.join(row(kKinds, 2)));
  }
  void turn(unsigned thread, const row& what) {
    {
      std::unique_lock lock(mutex_);
      while (!bank_.take(customers_[thread], what)) changed_.wait(lock);
    }
    const std::lock_guard lock(mutex_);
    bank_.give(customers_[thread], what);
    changed_.notify_all();
  }

 private:
  textbook bank_;
  std::vector<std::size_t> customers_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

class ours_with_threads {
 public:
  static constexpr std::string_view kName = "syncxx::bankers_allocator";
  explicit ours_with_threads(unsigned threads)
      : bank_(row(kKinds, kIdle + 2 + threads)) {
    for (std::size_t i = 0; i < kIdle + threads; ++i)
      customers_.push_back(bank_.join(row(kKinds, 2)));
    for (std::size_t i = 0; i < kIdle; ++i)
      customers_[i].acquire(row(kKinds, 1)).keep();
  }
  void turn(unsigned thread, const row& what) {
    customers_[kIdle + thread].acquire(what);
  }

 private:
  syncxx::bankers_allocator bank_;
  std::vector<syncxx::bankers_allocator::customer> customers_;
};

template <class Bank>
void turns(benchmark::State& state) {
  static std::unique_ptr<Bank> bank;
  if (state.thread_index() == 0)
    bank = std::make_unique<Bank>(static_cast<unsigned>(state.threads()));
  const auto thread = static_cast<unsigned>(state.thread_index());
  unsigned turn = thread;
  for (auto _ : state) {
    row what(kKinds);
    what[turn % kKinds] = what[(turn + 1) % kKinds] = 1;
    ++turn;
    bank->turn(thread, what);
  }
}

template <class Banker>
void add_requests(const std::string& kind, std::size_t n, std::size_t m) {
  add("bankers_" + kind + "_" + std::to_string(n) + "x" + std::to_string(m),
      Banker::kName,
      [=](benchmark::State& state) { requests<Banker>(state, kind, n, m); });
}

}  // namespace

void register_benchmarks() {
  for (const char* const kind : {"easy", "random", "chain", "shuffled"}) {
    for (const std::size_t n : {10U, 100U, 1000U, 10'000U}) {
      for (const std::size_t m : {1U, 4U, 8U, 64U}) {
        add_requests<ours>(kind, n, m);
        add_requests<textbook>(kind, n, m);
      }
    }
  }
  for (const int threads : {1, 2, 4, 8, 16}) {
    const std::string scenario = "bankers_threads_" + std::to_string(threads);
    add(scenario, ours_with_threads::kName, turns<ours_with_threads>)
        ->Threads(threads)
        ->UseRealTime();
    add(scenario, textbook_monitor::kName, turns<textbook_monitor>)
        ->Threads(threads)
        ->UseRealTime();
  }
}

}  // namespace syncxx_bench
