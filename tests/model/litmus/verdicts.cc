// SPDX-License-Identifier: Apache-2.0
//
// What else the checker finds: objects used before they are made or after they
// are gone, memory given back twice or never, threads that wait for each other,
// and tests that it cannot explore. Each of them in the right program, in which
// it must say ok, and in the wrong one. (Data races: data_race.cc. Waiting in
// vain: waiting_in_vain.cc.)
#include <sync/mutex.h>

#include <new>

#include "tests/model/litmus/litmus.h"

namespace syncxx_test::litmus {
namespace {

verdict ok_or(verdict otherwise, bool right) {
  return right ? verdict::ok : otherwise;
}

// --- Uninitialized -----------------------------------------------------------

TEST(VerdictsTest, CellReadBeforeItIsWritten) {
  for_each(
      [](bool written) {
        expect_verdict(
            [=] {
              cell<int> data;
              if (written) data = 1;
              (void)data.get();
            },
            ok_or(verdict::uninitialized_read, written));
      },
      kNoYes);
}

// Only who has seen the flag reads; or also who has not.
TEST(VerdictsTest, CellReadBeforeItIsWrittenInOneExecution) {
  for_each(
      [](bool look) {
        expect_verdict(
            [=] {
              cell<int> data;
              atomic<int> flag{0};
              model::thread reader([&] {
                if (flag.load(acq) == 1 || !look) (void)data.get();
              });
              reader.join();
              data = 1;
              flag.store(1, rel);
            },
            ok_or(verdict::uninitialized_read, look));
      },
      kNoYes);
}

// Storage in which no atomic has been made.
TEST(VerdictsTest, AtomicThatWasNeverMade) {
  for_each(
      [](bool made) {
        expect_verdict(
            [=] {
              void* const storage = ::operator new(sizeof(atomic<int>));
              auto* const x = static_cast<atomic<int>*>(storage);
              if (made) new (storage) atomic<int>(1);
              (void)x->load(rlx);
              if (made) x->~atomic<int>();
              ::operator delete(storage);
            },
            ok_or(verdict::uninitialized_read, made));
      },
      kNoYes);
}

// --- Lifetimes ---------------------------------------------------------------

struct shared_counter {
  atomic<int> users{2};
  cell<int> data{0};
};

// A reference count. Who leaves last deletes, and must know that the other one
// is through: release when leaving, acquire before deleting.
TEST(VerdictsTest, LastOneDeletes) {
  for_each(
      [](order u, order f) {
        const bool right = releases(u) && (acquires(u) || acquires(f));
        expect_verdict(
            [=] {
              auto* const shared = new shared_counter;
              const auto leave = [=] {
                (void)shared->data.get();
                if (shared->users.fetch_sub(1, u) == 1) {
                  fence(f);
                  delete shared;
                }
              };
              threads(leave, leave);
            },
            ok_or(verdict::use_after_free, right));
      },
      kUpdates, kFences);
}

// One step too many: it looks at the count again after it has left.
TEST(VerdictsTest, LooksAgainAfterLeaving) {
  expect_verdict(
      [] {
        auto* const shared = new shared_counter;
        const auto leave = [=] {
          if (shared->users.fetch_sub(1, acq_rel) == 1)
            delete shared;
          else
            (void)shared->users.load(rlx);
        };
        threads(leave, leave);
      },
      verdict::use_after_free);
}

// The deleter waits until the reader says that it is through.
TEST(VerdictsTest, DeletedWhenTheReaderIsThrough) {
  for_each(
      [](order store, order load) {
        const bool right = releases(store) && acquires(load);
        expect_verdict(
            [=] {
              atomic<int> through{0};
              auto* const data = new cell<int>(1);
              threads(
                  [&] {
                    (void)data->get();
                    through.store(1, store);
                  },
                  [&] {
                    while (through.load(load) == 0) {
                    }
                    delete data;
                  });
            },
            ok_or(verdict::use_after_free, right));
      },
      kStores, kLoads);
}

// A local object, by a pointer that a thread keeps for too long.
TEST(VerdictsTest, LocalObjectGone) {
  for_each(
      [](bool join_inside) {
        expect_verdict(
            [=] {
              model::thread t;
              {
                atomic<int> x{0};
                t = model::thread([&x] { x.store(1, rlx); });
                if (join_inside) t.join();
              }
              if (t.joinable()) t.join();
            },
            ok_or(verdict::use_after_free, join_inside));
      },
      kNoYes);
}

TEST(VerdictsTest, UsedAfterDelete) {
  expect_verdict(
      [] {
        // (volatile: not for the compiler to see)
        atomic<int>* volatile const x = new atomic<int>(0);
        delete x;
        (void)x->load(rlx);
      },
      verdict::use_after_free);
  expect_verdict(
      [] {
        cell<int>* volatile const x = new cell<int>(0);
        delete x;
        x->set(1);
      },
      verdict::use_after_free);
}

// --- The heap ----------------------------------------------------------------

// Two that clean up: with an exchange one of them gets the block; a load and a
// store are two steps.
TEST(VerdictsTest, DeletedTwice) {
  for_each(
      [](bool exchange) {
        expect_verdict(
            [=] {
              atomic<int*> block{new int(1)};
              const auto clean_up = [&] {
                int* mine;
                if (exchange) {
                  mine = block.exchange(nullptr, rlx);
                } else {
                  mine = block.load(rlx);
                  block.store(nullptr, rlx);
                }
                delete mine;
              };
              threads(clean_up, clean_up);
            },
            ok_or(verdict::double_free, exchange));
      },
      kNoYes);
}

TEST(VerdictsTest, DeletedTwiceByOneThread) {
  expect_verdict(
      [] {
        int* volatile const block = new int(1);
        delete block;
        delete block;
      },
      verdict::double_free);
}

// Who loses the race to publish must delete its own; that is one execution.
TEST(VerdictsTest, LosersBlockIsLeaked) {
  const auto program = [](bool clean) {
    return [=] {
      atomic<int*> published{nullptr};
      const auto publish = [&] {
        int* const mine = new int(1);
        int* nothing = nullptr;
        if (!published.compare_exchange_strong(nothing, mine, acq_rel) && clean)
          delete mine;
      };
      threads(publish, publish);
      delete published.load(rlx);
    };
  };
  EXPECT_EQ(expect_verdict(program(true), verdict::ok).executions, 2u);
  expect_verdict(program(false), verdict::leak);
  model::options how;
  how.check_leaks = false;
  const model::result r = run(program(false), how);
  EXPECT_EQ(r.what, verdict::ok) << r.message;
  EXPECT_EQ(r.executions, 2u);
}

// --- Deadlock ----------------------------------------------------------------

TEST(VerdictsTest, LocksInTwoOrders) {
  for_each(
      [](bool same) {
        expect_verdict(
            [=] {
              syncxx::mutex a, b;
              const auto both = [](syncxx::mutex& first,
                                   syncxx::mutex& second) {
                first.lock();
                second.lock();
                second.unlock();
                first.unlock();
              };
              threads([&] { both(a, b); },
                      [&] { same ? both(a, b) : both(b, a); });
            },
            ok_or(verdict::deadlock, same));
      },
      kNoYes);
}

// Joins a thread that waits for a lock that the joiner has.
TEST(VerdictsTest, JoinWithTheLockHeld) {
  for_each(
      [](bool unlock_first) {
        expect_verdict(
            [=] {
              syncxx::mutex m;
              m.lock();
              model::thread t([&] {
                m.lock();
                m.unlock();
              });
              if (unlock_first) {
                m.unlock();
                t.join();
              } else {
                t.join();
                m.unlock();
              }
            },
            ok_or(verdict::deadlock, unlock_first));
      },
      kNoYes);
}

// --- What cannot be explored -------------------------------------------------

TEST(VerdictsTest, AnotherSizeAtTheSamePlace) {
  expect_verdict(
      [] {
        struct alignas(8) {
          atomic<std::uint32_t> low{0}, high{0};
        } pair;
        auto* const whole = reinterpret_cast<atomic<std::uint64_t>*>(&pair);
        pair.low.store(1, rlx);
        (void)whole->load(rlx);
      },
      verdict::misuse);
}

// A body that is not the same each time.
TEST(VerdictsTest, AnotherBodyEachTime) {
  int runs = 0;
  const model::result r = expect_verdict(
      [&] {
        atomic<int> x{0}, y{0};
        ++runs;
        threads([&] { x.store(1, rlx); },
                [&] {
                  (void)(runs % 2 == 0 ? x : y).load(rlx);
                  (void)x.load(rlx);  // 0 or 1: another run
                });
      },
      verdict::misuse);
  EXPECT_FALSE(r.message.empty());
}

TEST(VerdictsTest, CheckWithinACheck) {
  const model::result r = run([] {
    const model::result in = model::check([] {});
    model::require(in.what == verdict::misuse, "refused");
  });
  EXPECT_EQ(r.what, verdict::ok) << r.message;
}

TEST(VerdictsTest, BoundReached) {
  const auto store_buffering = [] {  // 4 executions
    atomic<int> x{0}, y{0};
    threads(
        [&] {
          x.store(1, rlx);
          (void)y.load(rlx);
        },
        [&] {
          y.store(1, rlx);
          (void)x.load(rlx);
        });
  };
  for (const std::uint64_t bound : {1u, 2u, 3u, 5u}) {
    model::options how;
    how.max_executions = bound;
    const model::result r = run(store_buffering, how);
    EXPECT_EQ(r.what, bound < 4 ? verdict::bound_reached : verdict::ok)
        << bound;
    EXPECT_EQ(r.executions, bound < 4 ? bound : 4) << bound;
  }
}

// An endless loop that does not wait.
TEST(VerdictsTest, EndlessLoop) {
  expect_verdict(
      [] {
        atomic<std::uint32_t> x{0};
        for (;;) x.fetch_add(1, rlx);
      },
      verdict::bound_reached);
}

}  // namespace
}  // namespace syncxx_test::litmus
