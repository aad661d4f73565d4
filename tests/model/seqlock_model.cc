// SPDX-License-Identifier: Apache-2.0
//
// Model tests of seqlock: no torn copy is seen, writers exclude each other,
// what was stored before is seen behind, no lost wakeup.
//
// Bounds: values of two words; two threads with up to two operations each,
// three with one each (updates: 20 000 random executions).
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include <sync/seqlock.h>

#include "tests/model/support/checks.h"

namespace syncxx_test {
namespace {

struct pair {
  std::uint64_t a = 0;
  std::uint64_t b = 0;
};
using lock_type = syncxx::seqlock<pair>;

void require_whole(const pair& p) { model::require(p.a == p.b, "whole"); }

TEST(SeqlockModel, ALoadBesideAStore) {
  expect_ok([] {
    lock_type lock;
    model::thread writer([&] { lock.store({1, 1}); });
    require_whole(lock.load());
    writer.join();
    model::require(lock.load().a == 1, "stored");
  });
}

// Two tries of one reader beside two stores: the copies get no older.
TEST(SeqlockModel, TriesBesideTwoStores) {
  expect_ok([] {
    lock_type lock;
    model::thread writer([&] {
      lock.store({1, 1});
      lock.store({2, 2});
    });
    pair first, second;
    if (lock.try_load(first)) require_whole(first);
    if (lock.try_load(second)) require_whole(second);
    if (second.a != 0) model::require(second.a >= first.a, "in order");
  });
}

TEST(SeqlockModel, ATryBesideTwoWriters) {
  expect_ok([] {
    lock_type lock;
    {
      model::thread one([&] { lock.store({1, 1}); });
      model::thread two([&] { lock.store({2, 2}); });
      pair p;
      if (lock.try_load(p)) require_whole(p);
    }
    const pair last = lock.load();
    require_whole(last);
    model::require(last.a == 1 || last.a == 2, "stored");
  });
}

// What a writer did before it stored is seen by who has loaded that.
TEST(SeqlockModel, ALoadSynchronizesWithItsStore) {
  expect_ok([] {
    lock_type lock;
    syncxx::cell<int> data(0);
    model::thread writer([&] {
      data = 1;
      lock.store({1, 1});
    });
    pair p;
    if (lock.try_load(p) && p.a == 1) model::require(data == 1, "handed over");
  });
}

// Also if another writer has the lock meanwhile.
TEST(SeqlockModel, ALoadBesideAnUpdateSynchronizesWithTheStoreBefore) {
  expect_ok([] {
    lock_type lock;
    syncxx::cell<int> data(0);
    model::thread writer([&] {
      data = 1;
      lock.store({1, 1});
    });
    model::thread updater([&] {
      lock.update([](pair& p) {
        p.a += 4;
        p.b += 4;
      });
    });
    pair p;
    if (lock.try_load(p)) {
      require_whole(p);
      if ((p.a & 1) != 0) model::require(data == 1, "handed over");
    }
  });
}

void updates_follow_each_other(int threads, int turns) {
  lock_type lock;
  syncxx::cell<int> inside(0);
  const auto work = [&] {
    for (int i = 0; i < turns; ++i)
      lock.update([&](pair p) {
        inside = inside + 1;
        return pair{p.a + 1, p.b + 1};
      });
  };
  {
    std::vector<model::thread> crew;
    for (int i = 1; i < threads; ++i) crew.emplace_back(work);
    work();
  }
  const pair last = lock.load();
  require_whole(last);
  model::require(inside == threads * turns, "every update counts");
  model::require(last.a == static_cast<unsigned>(threads * turns),
                 "every update is seen by the next");
}
TEST(SeqlockModel, UpdatesOfTwoFollowEachOther) {
  expect_ok([] { updates_follow_each_other(2, 2); });
}
// (Exhaustively it takes one or two minutes.)
TEST(SeqlockModel, RandomUpdatesOfThreeFollowEachOther) {
  model::options some;
  some.search = model::options::mode::random;
  some.max_executions = 20'000;
  expect_ok([] { updates_follow_each_other(3, 1); }, some);
}

TEST(SeqlockModel, AStoreBesideAnUpdate) {
  expect_ok([] {
    lock_type lock;
    {
      model::thread one([&] { lock.store({4, 4}); });
      lock.update([](pair& p) {
        ++p.a;
        ++p.b;
      });
    }
    const pair last = lock.load();
    require_whole(last);
    model::require(last.a == 4 || last.a == 5, "both");
  });
}

// A seqlock whose readers do not look again: the harness can fail.
TEST(BrokenSeqlockModel, IsFound) {
  expect_verdict(model::verdict::assertion_failed, [] {
    syncxx::atomic<int> sequence{0}, a{0}, b{0};
    model::thread writer([&] {
      sequence.store(1);
      a.store(1);
      b.store(1);
      sequence.store(2);
    });
    if (sequence.load() % 2 == 0) model::require(a.load() == b.load(), "whole");
  });
}

}  // namespace
}  // namespace syncxx_test
