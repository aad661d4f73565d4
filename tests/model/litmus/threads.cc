// SPDX-License-Identifier: Apache-2.0
//
// Threads begin and end: what is done before one is made happens before all
// that it does ([thread.thread.constr]/6), and that before the return of join()
// ([thread.thread.member]/4). All accesses are relaxed.
#include <stdexcept>
#include <utility>

#include "tests/model/litmus/litmus.h"

namespace syncxx_test::litmus {
namespace {

TEST(ThreadsTest, BeforeAndAfterCreation) {
  expect(
      [](registers& r) {
        atomic<int> x{0}, y{0};
        x.store(1, rlx);
        model::thread t([&] {
          r[0] = x.load(rlx);
          r[1] = y.load(rlx);
        });
        y.store(1, rlx);
      },
      "10 11", 2);
}

// Of two stores before only the later one is seen.
TEST(ThreadsTest, LastBeforeCreation) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        x.store(1, rlx);
        x.store(2, rlx);
        model::thread t([&] { r[0] = x.load(rlx); });
      },
      "2", 1);
}

TEST(ThreadsTest, BeforeAndAfterJoin) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        model::thread t([&] { x.store(1, rlx); });
        r[0] = x.load(rlx);
        t.join();
        r[1] = x.load(rlx);
      },
      "01 11", 2);
}

// Two children: the second one is made after the first is joined, or not.
TEST(ThreadsTest, OneAfterTheOther) {
  for_each(
      [](bool join_first) {
        expect(
            [=](registers& r) {
              atomic<int> x{0};
              model::thread first([&] { x.store(1, rlx); });
              if (join_first) first.join();
              model::thread second([&] { r[0] = x.load(rlx); });
            },
            join_first ? "1" : "0 1", join_first ? 1 : 2);
      },
      kNoYes);
}

// Joining one says nothing about the other.
TEST(ThreadsTest, JoinOfAnother) {
  expect(
      [](registers& r) {
        atomic<int> x{0}, y{0};
        model::thread a([&] { x.store(1, rlx); });
        model::thread b([&] { y.store(1, rlx); });
        b.join();
        r[0] = x.load(rlx);
        r[1] = y.load(rlx);
      },
      "01 11", 2);
}

// Down to a grandchild, and back.
TEST(ThreadsTest, Grandchild) {
  expect(
      [](registers& r) {
        atomic<int> x{0}, y{0}, z{0};
        x.store(1, rlx);
        model::thread child([&] {
          y.store(1, rlx);
          model::thread grandchild([&] {
            r[0] = x.load(rlx);
            r[1] = y.load(rlx);
            z.store(1, rlx);
          });
        });
        child.join();
        r[2] = z.load(rlx);
      },
      "111", 1);
}

// A sibling joins the writer: it knows, and so does who joins the sibling.
TEST(ThreadsTest, JoinedBySibling) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        model::thread writer([&] { x.store(1, rlx); });
        model::thread sibling(
            [&](model::thread other) {
              r[0] = x.load(rlx);
              other.join();
              r[1] = x.load(rlx);
            },
            std::move(writer));
        sibling.join();
        r[2] = x.load(rlx);
      },
      "011 111", 2);
}

// Of what a thread has read its joiner cannot see less: coherence.
TEST(ThreadsTest, JoinAndCoherence) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        model::thread writer([&] { x.store(1, rlx); });
        model::thread reader([&] { r[0] = x.load(rlx); });
        reader.join();
        r[1] = x.load(rlx);
      },
      "00 01 11", 3);
}

// A destructor joins, and an assignment joins what was there.
TEST(ThreadsTest, DestructorAndAssignmentJoin) {
  expect(
      [](registers& r) {
        atomic<int> x{0}, y{0}, z{0};
        {
          model::thread t([&] { x.store(1, rlx); });
        }
        r[0] = x.load(rlx);
        model::thread t([&] { y.store(1, rlx); });
        t = model::thread([&] { z.store(1, rlx); });
        r[1] = y.load(rlx);
        t.join();
        r[2] = z.load(rlx);
        r[3] = t.joinable();
      },
      "1110", 1);
}

// A detached thread is ordered by what it does: main waits for its flag, which
// is the last that it does. Unless that synchronizes, main ends the lives of x
// and of the flag while they may still be in use.
TEST(ThreadsTest, Detached) {
  for_each(
      [](order store, order load) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, flag{0};
          model::thread t([&] {
            x.store(1, rlx);
            flag.store(1, store);
          });
          t.detach();
          while (flag.load(load) == 0) {
          }
          r[0] = x.load(rlx);
        };
        if (releases(store) && acquires(load))
          expect(program, "1", 1);
        else
          expect_verdict(
              [=] {
                registers r;
                program(r);
              },
              verdict::use_after_free);
      },
      kStores, kLoads);
}

// The test's own thread takes part like any other: store buffering.
TEST(ThreadsTest, MainTakesPart) {
  for_each(
      [](order o) {
        const auto program = [=](registers& r) {
          atomic<int> x{0}, y{0};
          model::thread t([&] {
            x.store(1, o == acq ? rel : o);
            r[0] = y.load(o);
          });
          y.store(1, o == acq ? rel : o);
          r[1] = x.load(o);
        };
        if (o == sc)
          expect(program, all(2) - "00", 3);
        else
          expect(program, all(2), 4);
      },
      kLoads);
}

// Threads made by different threads at the same time.
TEST(ThreadsTest, BothMakeThreads) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        const auto side = [&](int& seen, int value) {
          model::thread t([&] { seen = x.exchange(value, rlx); });
        };
        threads([&] { side(r[0], 1); }, [&] { side(r[1], 2); });
        r[2] = x.load(rlx);
      },
      "012 201", 2);
}

// A thread made in some executions only.
TEST(ThreadsTest, MadeIfNeeded) {
  expect(
      [](registers& r) {
        atomic<int> x{0}, y{0};
        threads(
            [&] {
              if (x.load(rlx) == 1) {
                model::thread t([&] { y.store(1, rlx); });
              }
            },
            [&] {
              x.store(1, rlx);
              r[0] = y.load(rlx);
            });
        r[1] = y.load(rlx);
      },
      // x read as 0; as 1, and y then read before or after its store
      "00 01 11", 3);
}

// More threads than one expects in a litmus test; each has its own object.
TEST(ThreadsTest, Twenty) {
  expect(
      [](registers& r) {
        constexpr std::size_t kMany = 20;
        atomic<int> x[kMany]{};
        {
          std::vector<model::thread> all;
          for (auto& mine : x) all.emplace_back([&] { mine.store(1, rlx); });
        }
        int sum = 0;
        for (auto& each : x) sum += each.load(rlx);
        r[0] = sum == kMany;
      },
      "1", 1);
}

TEST(ThreadsTest, ExceptionsFail) {
  const model::result r = expect_verdict(
      [] { model::thread t([] { throw std::runtime_error("oops"); }); },
      verdict::assertion_failed);
  EXPECT_NE(r.message.find("oops"), std::string::npos) << r.message;
}

// --- Waiting for each other's end --------------------------------------------

TEST(ThreadsTest, EachWaitsForTheOthersEnd) {
  const model::result r = expect_verdict(
      [] {
        atomic<int> ready{0}, taken{0};
        model::thread a, b;
        const auto join = [&](model::thread& handle) {
          while (ready.load(acq) == 0) {
          }
          model::thread other = std::move(handle);
          taken.fetch_add(1, acq_rel);
          other.join();
        };
        a = model::thread([&] { join(b); });
        b = model::thread([&] { join(a); });
        ready.store(1, rel);
        while (taken.load(acq) != 2) {
        }
      },
      verdict::deadlock);
  EXPECT_NE(r.message.find("waits for the end of thread"), std::string::npos)
      << r.message;
}

// Three in a row are none: it ends with the last.
TEST(ThreadsTest, ThreeWaitInARow) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        model::thread a([&] { x.store(1, rlx); });
        model::thread b([](model::thread t) { t.join(); }, std::move(a));
        model::thread c([](model::thread t) { t.join(); }, std::move(b));
        c.join();
        r[0] = x.load(rlx);
      },
      "1", 1);
}

// A thread that waits for the one that waits for it: only if it comes to that.
TEST(ThreadsTest, WaitsForItsOwnEndInOneExecution) {
  expect_verdict(
      [] {
        atomic<int> x{0}, taken{0};
        model::thread a, b;
        a = model::thread([&] {
          while (taken.load(acq) == 0) {
          }
        });
        b = model::thread([&] {
          if (x.load(rlx) == 1) {
            // Nobody will take the handle that a waits for.
            a.join();
          }
          taken.store(1, rel);
        });
        x.store(1, rlx);
        b.join();
      },
      verdict::livelock);
}

}  // namespace
}  // namespace syncxx_test::litmus
