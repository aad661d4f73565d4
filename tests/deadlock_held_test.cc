// SPDX-License-Identifier: Apache-2.0
//
// What the checker knows of the locks that a thread holds, where they are given
// back in any order, tried, waited for in vain, and taken by the dozen: each
// history is told to the checker and to a list.
#include <gtest/gtest.h>

#if defined(SYNCXX_HOOKS) && SYNCXX_HOOKS

#include <sync/deadlock.h>
#include <sync/misuse.h>
#include <sync/mutex.h>
#include <sync/semaphore.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "src/deadlock/detection/known_steps.h"
#include "src/deadlock/detection/threads.h"
#include "tests/support/environment.h"

namespace syncxx_test {
namespace {

using syncxx::mutex;

// In the order in which they were taken.
std::vector<const void*> held_now() {
  std::vector<const void*> locks;
  syncxx::detail::threads::own()->find_held(
      [&](const syncxx::detail::held_lock& h) {
        locks.push_back(h.object());
        return false;
      });
  std::reverse(locks.begin(), locks.end());
  return locks;
}

using edge = std::pair<std::size_t, std::size_t>;

// Takes locks and gives them back at random. Lock i is waited for with those
// held that edges() names.
class random_holder {
 public:
  random_holder(std::vector<mutex>& locks, unsigned seed)
      : locks_(locks), random_(seed) {}

  void step(std::size_t most) SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    const std::size_t i = random_() % locks_.size();
    const bool mine = std::find(held_.begin(), held_.end(), i) != held_.end();
    if (mine) {
      release(i);
    } else if (held_.size() >= most) {
      release(held_[random_() % held_.size()]);
    } else if (random_() % 4 == 0) {
      ASSERT_TRUE(locks_[i].try_lock());
      held_.push_back(i);
    } else {
      locks_[i].lock();
      for (const std::size_t h : held_) edges_.insert({h, i});
      held_.push_back(i);
    }
    expect_known();
  }
  void release_all() {
    while (!held_.empty()) release(held_[random_() % held_.size()]);
    expect_known();
  }
  const std::set<edge>& edges() const { return edges_; }

 private:
  void release(std::size_t i) SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    held_.erase(std::find(held_.begin(), held_.end(), i));
    locks_[i].unlock();
  }
  void expect_known() {
    std::vector<const void*> expected;
    for (const std::size_t i : held_) expected.push_back(&locks_[i]);
    ASSERT_EQ(held_now(), expected);
  }

  std::vector<mutex>& locks_;
  std::mt19937 random_;
  std::vector<std::size_t> held_;
  std::set<edge> edges_;
};

class DeadlockHeldTest : public testing::Test {
 protected:
  void SetUp() override {
    syncxx::set_misuse_action(syncxx::misuse_action::report);
    syncxx::on_finding(
        [](const syncxx::deadlock_finding& f, void* self) {
          static_cast<DeadlockHeldTest*>(self)->found_ = f.text;
        },
        this);
    testing::internal::CaptureStderr();
  }
  void TearDown() override {
    syncxx::on_finding(nullptr);
    testing::internal::GetCapturedStderr();
    syncxx::set_misuse_action(syncxx::misuse_action::abort);
  }
  std::string found_;
};

TEST_F(DeadlockHeldTest, GivenBackInAnyOrder) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::vector<mutex> locks(12);
    random_holder one(locks, seed);
    // Nearly all steps of the later rounds are known.
    for (int i = 0; i < 400; ++i) ASSERT_NO_FATAL_FAILURE(one.step(8));
    one.release_all();
  }
  EXPECT_EQ(found_, "");
}

TEST_F(DeadlockHeldTest, MoreThanTheEntriesAtHand) {
  std::vector<mutex> locks(80);
  random_holder one(locks, 1);
  for (int i = 0; i < 3000; ++i) ASSERT_NO_FATAL_FAILURE(one.step(64));
  one.release_all();
}

// Another thread takes two locks of a history against its order: a finding if,
// and only if, the first was waited for with the second held. The exit status
// of a process of its own, since what was found once is not told again:
// whether it was inverted, and whether that was found (4: it went wrong).
int invert(unsigned seed) {
  static std::string found;
  syncxx::on_finding(
      [](const syncxx::deadlock_finding& f, void*) { found = f.text; });
  std::vector<mutex> locks(5);
  const std::size_t first = seed % 5;
  const std::size_t second = (first + 1 + seed / 5 % 4) % 5;
  syncxx::binary_semaphore go{0};
  std::thread other([&] {  // begins before the history
    go.acquire();
    locks[first].lock();
    locks[second].lock();
    locks[second].unlock();
    locks[first].unlock();
  });
  random_holder one(locks, seed);
  for (int i = 0; i < 25; ++i) one.step(4);
  one.release_all();
  if (testing::Test::HasFailure()) return 4;
  go.release();
  other.join();
  return (one.edges().contains({second, first}) ? 2 : 0) |
         (found.empty() ? 0 : 1);
}

TEST_F(DeadlockHeldTest, OrderAfterAnyHistory) {
  if (kThreadSanitizer) GTEST_SKIP() << "threads in the child of a fork";
  int inversions = 0;
  const unsigned histories = kSanitized ? 15 : 60;
  for (unsigned seed = 0; seed < histories; ++seed) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) _exit(invert(seed));
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status)) << "seed " << seed;
    ASSERT_TRUE(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 3)
        << "seed " << seed << ": " << WEXITSTATUS(status);
    inversions += WEXITSTATUS(status) == 3;
  }
  EXPECT_GT(inversions, static_cast<int>(histories / 10));
}

// A wait in vain has told what would have been: the try after it is another.
TEST_F(DeadlockHeldTest, AfterAWaitInVain) SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
  using namespace std::chrono_literals;
  for (int round = 0; round < 3; ++round) {
    mutex a, b, c;
    std::atomic<int> stage{0};
    std::thread owner([&] {
      b.lock();
      stage = 1;
      stage.notify_all();
      stage.wait(1);
      b.unlock();
    });
    stage.wait(0);
    a.lock();
    EXPECT_FALSE(b.try_lock_for(1ms));
    stage = 2;
    stage.notify_all();
    owner.join();
    a.unlock();
    c.lock();
    ASSERT_TRUE(b.try_lock());
    const std::vector<const void*> both = {&c, &b};
    EXPECT_EQ(held_now(), both);
    c.unlock();
    EXPECT_EQ(held_now(), std::vector<const void*>{&b});
    b.unlock();
    EXPECT_EQ(held_now(), std::vector<const void*>());
  }
}

// What happens while nobody listens is not known afterwards.
TEST_F(DeadlockHeldTest, NotSeenNotKnown) {
  mutex a, b, c;
  for (int i = 0; i < 3; ++i) {  // the steps are known
    a.lock();
    b.lock();
    b.unlock();
    a.unlock();
  }
  a.lock();
  b.lock();
  syncxx::set_misuse_action(syncxx::misuse_action::off);
  b.unlock();
  c.lock();
  syncxx::set_misuse_action(syncxx::misuse_action::report);
  b.lock();
  EXPECT_EQ(held_now(), std::vector<const void*>{&b});
  c.unlock();
  a.unlock();
  EXPECT_EQ(held_now(), std::vector<const void*>{&b});
  b.unlock();
  EXPECT_EQ(held_now(), std::vector<const void*>());
  EXPECT_EQ(found_, "");
}

TEST(KnownStepsTest, FindsWhatWasAddedLast) {
  using syncxx::detail::known_step;
  using syncxx::detail::known_steps;
  using syncxx::detail::lock_context;
  known_steps steps;
  EXPECT_EQ(steps.find(0, known_step::kNotNone), nullptr);
  std::mt19937_64 random(1);
  struct step {
    lock_context from, to;
    std::uint64_t key;
    std::uint32_t where;
  };
  std::vector<step> all;
  const auto finds = [&](const step& s) {
    const known_step* const found = steps.find(s.from.number, s.key);
    return found != nullptr && found->to == s.to && found->where() == s.where;
  };
  for (std::uint32_t i = 1; i <= 300'000; ++i) {
    const auto from = static_cast<std::uint32_t>(random() % 20'000);
    const step s{{from, from == 0 ? 0 : i % 7 + 1},
                 {i, i},
                 random() | known_step::kNotNone,
                 static_cast<std::uint32_t>(random() % 1000)};
    steps.add(s.from, s.key, s.where, s.to);
    ASSERT_TRUE(finds(s));
    if (i <= 50) all.push_back(s);
  }
  // Few steps, and none is lost.
  steps.drop_all();
  EXPECT_FALSE(finds(all[0]));
  for (const step& s : all) steps.add(s.from, s.key, s.where, s.to);
  int known = 0;
  for (const step& s : all) known += finds(s);
  EXPECT_GE(known, 45);
  // A place whose number has too many bits is not remembered.
  const std::uint64_t key = 123'456'789'000'000 | known_step::kNotNone;
  steps.add({}, key, 1u << known_step::kWhereBits, {1, 1});
  EXPECT_EQ(steps.find(0, key), nullptr);
  steps.drop_all();
}

}  // namespace
}  // namespace syncxx_test

#endif  // SYNCXX_HOOKS
