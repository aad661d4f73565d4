// SPDX-License-Identifier: Apache-2.0
//
// The order graph finds the same circles as a search through all occasions
// does, in random histories of threads that take locks.
#include <gtest/gtest.h>

#if defined(SYNCXX_HOOKS) && SYNCXX_HOOKS

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "src/deadlock/detection/order_graph.h"
#include "tests/support/environment.h"

namespace syncxx_test {
namespace {

using syncxx::detail::exclude_each_other;
using syncxx::detail::hold;
using syncxx::detail::lock_id;
using syncxx::detail::moment_of;
using syncxx::detail::order_graph;
using syncxx::detail::order_link;
using syncxx::detail::segments;
using circle = std::vector<lock_id>;  // from its lowest lock on

circle from_lowest(circle c) {
  std::rotate(c.begin(), std::min_element(c.begin(), c.end()), c.end());
  return c;
}

struct held_lock {
  lock_id lock;
  hold how;
  bool waited;
};

struct occasion {
  moment_of when;
  std::vector<held_lock> held;
  lock_id wanted;
  hold how;
};

// Clocks of threads: what each moment comes after.
class world {
 public:
  using clock = std::map<std::uint64_t, std::uint32_t>;

  void stamp(const moment_of& m, const clock& known) {
    clock others = known;
    others.erase(m.thread);
    after_[{m.thread, m.time}] = std::move(others);
  }
  bool is_before(const moment_of& a, const moment_of& b) const {
    const auto known = after_.find({b.thread, b.time});
    if (known == after_.end()) return false;
    const auto of_a = known->second.find(a.thread);
    return of_a != known->second.end() && of_a->second >= a.time;
  }
  bool are_ordered(const moment_of& a, const moment_of& b) const {
    return is_before(a, b) || is_before(b, a);
  }

 private:
  std::map<std::pair<std::uint64_t, std::uint32_t>, clock> after_;
};

// The definition, word by word (order_graph.h).
class every_circle {
 public:
  every_circle(const std::vector<occasion>& all, const world& w)
      : all_(all), world_(w) {
    for (const occasion& o : all_) {
      for (const held_lock& h : o.held) {
        if (h.lock == o.wanted) continue;
        path_ = {&o};
        from_ = {h.lock};
        first_how_ = h.how;
        go_on();
      }
    }
  }
  const std::set<circle>& found() const { return found_; }

 private:
  static const held_lock* find(const occasion& o, lock_id lock) {
    for (const held_lock& h : o.held)
      if (h.lock == lock) return &h;
    return nullptr;
  }
  static bool have_gate(const occasion& a, const occasion& b) {
    for (const held_lock& h : a.held) {
      const held_lock* const same = find(b, h.lock);
      if (same != nullptr && exclude_each_other(h.how, same->how)) return true;
    }
    return false;
  }
  bool fits(const occasion& o) const {
    return std::none_of(path_.begin(), path_.end(), [&](const occasion* p) {
      return p->when.thread == o.when.thread || have_gate(*p, o) ||
             world_.are_ordered(p->when, o.when);
    });
  }
  void go_on() {
    const occasion& last = *path_.back();
    if (std::count(from_.begin(), from_.end(), last.wanted) != 0) return;
    for (const occasion& o : all_) {
      const held_lock* const h = find(o, last.wanted);
      if (h == nullptr || o.wanted == last.wanted ||
          !exclude_each_other(last.how, h->how) || !fits(o))
        continue;
      path_.push_back(&o);
      from_.push_back(last.wanted);
      if (o.wanted != from_.front())
        go_on();
      else if (exclude_each_other(o.how, first_how_))
        found_.insert(from_lowest(from_));
      path_.pop_back();
      from_.pop_back();
    }
  }

  const std::vector<occasion>& all_;
  const world& world_;
  std::vector<const occasion*> path_;
  circle from_;
  hold first_how_{};
  std::set<circle> found_;
};

// A random program of a few threads and locks.
class history {
 public:
  history(unsigned seed, bool with_creation)
      : random_(seed), with_creation_(with_creation) {
    const std::size_t locks = 2 + below(5);
    const std::size_t threads = 2 + below(4);
    for (std::size_t i = 0; i < locks; ++i)
      locks_.push_back(graph_->add_lock());
    threads_.resize(threads);
    for (std::size_t t = 0; t < threads; ++t)
      threads_[t].state = with_creation && t != 0 ? unborn : running;
    for (std::size_t t = 0; t < threads; ++t)
      if (threads_[t].state == running) stamp(t);
    reads_ = below(2) == 0;
    for (std::size_t n = 10 + below(40); n > 0; --n) step(below(threads));
  }

  const std::set<circle>& found() const { return found_; }
  std::set<circle> expected() const {
    return every_circle(all_, world_).found();
  }
  // Nothing is left when all locks are gone.
  bool leaves_nothing() {
    for (const lock_id lock : locks_) graph_->remove_lock(lock);
    return graph_->locks() == 0 && graph_->edges() == 0 &&
           graph_->contexts() == 0;
  }
  bool is_well_formed() const { return well_formed_; }

 private:
  enum life { unborn, running, ended };
  struct thread {
    life state = unborn;
    std::uint32_t time = 0;
    world::clock clock;
    std::vector<held_lock> held;
    std::vector<order_graph::context_ref> contexts;
  };

  std::size_t below(std::size_t n) { return random_() % n; }
  moment_of now(std::size_t t) const { return {t + 1, threads_[t].time}; }
  void stamp(std::size_t t) {
    threads_[t].clock[t + 1] = threads_[t].time;
    world_.stamp(now(t), threads_[t].clock);
  }

  void step(std::size_t t) {
    thread& self = threads_[t];
    if (self.state != running) {
      const std::size_t creator = below(threads_.size());
      if (self.state == unborn && threads_[creator].state == running &&
          below(3) == 0) {
        self.clock = threads_[creator].clock;
        self.state = running;
        ++threads_[creator].time;
        stamp(creator);
        stamp(t);
      }
    } else if (with_creation_ && t != 0 && self.held.empty() &&
               below(12) == 0) {
      const std::size_t joiner = below(threads_.size());
      if (joiner == t || threads_[joiner].state != running) return;
      for (const auto& [other, time] : self.clock) {
        std::uint32_t& known = threads_[joiner].clock[other];
        known = std::max(known, time);
      }
      self.state = ended;
      ++threads_[joiner].time;
      stamp(joiner);
    } else if (!self.held.empty() && below(3) == 0) {
      give_back(t, below(self.held.size()));
    } else {
      take(t, locks_[below(locks_.size())]);
    }
  }

  order_graph::context_ref top(const thread& self) const {
    return self.contexts.empty() ? order_graph::context_ref{}
                                 : self.contexts.back();
  }
  void take(std::size_t t, lock_id lock) {
    thread& self = threads_[t];
    for (const held_lock& h : self.held)
      if (h.lock == lock) return;
    const hold how = reads_ ? static_cast<hold>(below(3)) : hold::exclusive;
    const bool tries = below(6) == 0;
    if (!tries && !self.held.empty())
      all_.push_back({now(t), self.held, lock, how});
    self.contexts.push_back(graph_->enter(
        now(t), top(self), lock, how,
        tries ? order_graph::taken::tried : order_graph::taken::waited,
        static_cast<std::uint32_t>(below(3))));
    self.held.push_back({lock, how, !tries});
  }
  void give_back(std::size_t t, std::size_t i) {
    thread& self = threads_[t];
    self.held.erase(self.held.begin() + static_cast<std::ptrdiff_t>(i));
    self.contexts.resize(i);
    for (; i < self.held.size(); ++i) {
      self.contexts.push_back(
          graph_->enter(now(t), top(self), self.held[i].lock, self.held[i].how,
                        order_graph::taken::known, 0, self.held[i].waited));
    }
  }

  static bool ordered(void* self, const moment_of& a, const moment_of& b) {
    return static_cast<history*>(self)->world_.is_before(a, b);
  }
  static void hear(void* of, const segments<order_link>& links) {
    history& self = *static_cast<history*>(of);
    circle c;
    for (std::uint32_t i = 0; i < links.size(); ++i) {
      c.push_back(links[i].held);
      const order_link& next = links[(i + 1) % links.size()];
      self.well_formed_ = self.well_formed_ && links[i].wanted == next.held;
    }
    // Told once.
    self.well_formed_ =
        self.found_.insert(from_lowest(c)).second && self.well_formed_;
  }

  std::mt19937 random_;
  const bool with_creation_;
  bool reads_ = false;
  bool well_formed_ = true;
  world world_;
  std::set<circle> found_;
  std::vector<occasion> all_;
  std::vector<lock_id> locks_;
  std::vector<thread> threads_;
  const std::unique_ptr<order_graph> graph_ =
      std::make_unique<order_graph>(ordered, hear, this);
};

void compare(bool with_creation, unsigned first_seed) {
  std::size_t circles = 0;
  const unsigned histories = static_cast<unsigned>(iterations(50'000));
  for (unsigned seed = first_seed; seed < first_seed + histories; ++seed) {
    history h(seed, with_creation);
    const std::set<circle> expected = h.expected();
    circles += expected.size();
    ASSERT_EQ(h.found(), expected) << "seed " << seed;
    ASSERT_TRUE(h.is_well_formed()) << "seed " << seed;
    ASSERT_TRUE(h.leaves_nothing()) << "seed " << seed;
  }
  EXPECT_GT(circles, histories / 10);
}

TEST(OrderGraphHistoriesTest, FindsWhatAFullSearchFinds) { compare(false, 1); }
TEST(OrderGraphHistoriesTest, FindsWhatAFullSearchFindsWithCreationAndJoin) {
  compare(true, 500'000);
}

// --- Some by hand ------------------------------------------------------------

class OrderGraphTest : public testing::Test {
 protected:
  using ref = order_graph::context_ref;

  static bool never_ordered(void*, const moment_of&, const moment_of&) {
    return false;
  }
  static void count(void* self, const segments<order_link>& links) {
    static_cast<OrderGraphTest*>(self)->circles.push_back(links.size());
  }
  ref wait(std::uint64_t thread, ref in, lock_id lock,
           hold how = hold::exclusive) {
    return graph->enter({thread, 0}, in, lock, how, order_graph::taken::waited,
                        0);
  }

  std::vector<std::size_t> circles;
  std::unique_ptr<order_graph> graph =
      std::make_unique<order_graph>(never_ordered, count, this);
};

TEST_F(OrderGraphTest, CircleOfAThousand) {
  std::vector<lock_id> locks(1000);
  for (lock_id& lock : locks) lock = graph->add_lock();
  for (std::size_t i = 0; i < locks.size(); ++i)
    wait(i + 1, wait(i + 1, {}, locks[i]), locks[(i + 1) % locks.size()]);
  EXPECT_EQ(circles, std::vector<std::size_t>{1000});
}

TEST_F(OrderGraphTest, ThousandsOfLocksInBetween) {
  const lock_id a = graph->add_lock();
  const lock_id b = graph->add_lock();
  ref held = wait(1, {}, a);
  for (int i = 0; i < 5000; ++i) held = wait(1, held, graph->add_lock());
  wait(1, held, b);
  // An edge for each, not for each pair.
  EXPECT_LT(graph->edges(), 6000u);
  wait(2, wait(2, {}, b), a);
  EXPECT_EQ(circles, std::vector<std::size_t>{2});
}

TEST_F(OrderGraphTest, ReadersAreKeptApartByAWriter) {
  const lock_id a = graph->add_lock();
  const lock_id b = graph->add_lock();
  graph->put_writers_first(a);
  graph->put_writers_first(b);
  wait(1, wait(1, {}, a, hold::shared), b, hold::shared);
  wait(2, wait(2, {}, b, hold::shared), a, hold::shared);
  EXPECT_TRUE(circles.empty()) << "nobody writes";
  wait(3, {}, a);
  EXPECT_TRUE(circles.empty()) << "the other one is never written";
  wait(4, {}, b);
  EXPECT_EQ(circles, std::vector<std::size_t>{2});
}

TEST_F(OrderGraphTest, WriterBehindTheSameGateIsNone) {
  const lock_id gate = graph->add_lock();
  const lock_id a = graph->add_lock();
  const lock_id m = graph->add_lock();
  graph->put_writers_first(a);
  wait(1, wait(1, wait(1, {}, gate), a, hold::shared), m);
  wait(2, wait(2, {}, m), a, hold::shared);
  wait(3, wait(3, {}, gate), a);
  EXPECT_TRUE(circles.empty());
}

// A pool of many threads does one thing, and one thread the other.
TEST_F(OrderGraphTest, ManyThreadsInOneContext) {
  const lock_id a = graph->add_lock();
  const lock_id b = graph->add_lock();
  for (std::uint64_t thread = 1; thread <= 100; ++thread)
    wait(thread, wait(thread, {}, a), b);
  wait(101, wait(101, {}, b), a);
  EXPECT_EQ(circles, std::vector<std::size_t>{2});
}

}  // namespace
}  // namespace syncxx_test

#else

TEST(OrderGraphTest, IsTestedInTheHookedBuild) {
  GTEST_SKIP() << "the plain library does not look at orders";
}

#endif
