// SPDX-License-Identifier: Apache-2.0
//
// What a test's body may be made of: exceptions, containers, coroutines, many
// threads, locals that other threads use. It is compiled C++, run again and
// again; all of this must come out the same each time.
#include <coroutine>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "tests/model/litmus/litmus.h"

namespace syncxx_test::litmus {
namespace {

// --- Exceptions --------------------------------------------------------------

// Thrown for what has been read, caught in the thread.
TEST(BodiesTest, CaughtInTheThread) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        threads([&] { x.store(1, rlx); },
                [&] {
                  try {
                    if (x.load(rlx) == 1) throw std::runtime_error("seen");
                    r[0] = 0;
                  } catch (const std::runtime_error& e) {
                    r[0] = e.what() == std::string("seen") ? 1 : 2;
                  }
                });
      },
      "0 1", 2);
}

// Two threads are in their handlers at the same time: each has its own
// exception, also to throw it again. (An operation within the handler lets the
// other thread run.)
TEST(BodiesTest, HandlersOfTwoThreads) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        const auto side = [&](int me, int& seen, int& mine) {
          try {
            try {
              throw me;
            } catch (int) {
              seen = x.fetch_add(1, rlx);
              throw;
            }
          } catch (int again) {
            x.fetch_add(0, rlx);
            mine = again;
          }
        };
        threads([&] { side(3, r[0], r[2]); }, [&] { side(4, r[1], r[3]); });
      },
      // Each has an addition that counts before the one that does not, on one
      // object: a a' b b', a b a' b', a b b' a', and the same for b first.
      "0134 1034", 6);
}

// What unwinds the stack does operations, too.
TEST(BodiesTest, OperationsWhileUnwinding) {
  struct guard {
    guard(atomic<int>& of, registers& results) : x(of), r(results) {}
    guard(const guard&) = delete;
    guard& operator=(const guard&) = delete;
    ~guard() {
      r[0] = x.exchange(5, rlx);
      r[1] = std::uncaught_exceptions();
    }
    atomic<int>& x;
    registers& r;
  };
  expect(
      [](registers& r) {
        atomic<int> x{0};
        threads(
            [&] {
              try {
                const guard g(x, r);
                throw 1;
              } catch (int) {
              }
            },
            [&] {
              r[2] = x.exchange(1, rlx);
              r[3] = std::uncaught_exceptions();
            });
      },
      "0150 1100", 2);
}

TEST(BodiesTest, ExceptionOutOfTheBody) {
  const model::result r = expect_verdict(
      [] {
        atomic<int> x{0};
        model::thread t([&] { x.store(1, rlx); });
        if (x.load(rlx) == 1) throw std::logic_error("one execution");
      },
      verdict::assertion_failed);
  EXPECT_NE(r.message.find("one execution"), std::string::npos) << r.message;
}

// --- The library's types -----------------------------------------------------

// Threads in a vector that grows, each with its own string and map.
TEST(BodiesTest, Containers) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        std::map<std::string, std::unique_ptr<cell<int>>> table;
        for (const char* const key : {"first thread's", "second thread's"})
          table.emplace(key, std::make_unique<cell<int>>(0));
        {
          std::vector<model::thread> all;
          for (auto& [key, value] : table)
            all.emplace_back([&x, name = key, at = value.get()] {
              *at = x.fetch_add(static_cast<int>(name.size()) - 13, rlx);
            });
        }
        r[0] = *table.at("first thread's");
        r[1] = *table.at("second thread's");
        r[2] = x.load(rlx);
      },
      "013 203", 2);
}

// A vector that threads fill under a lock of their own, and so grows in either
// order: its memory comes from whoever needs more.
TEST(BodiesTest, VectorThatThreadsFill) {
  expect(
      [](registers& r) {
        atomic<int> turn{0};
        std::vector<int> list;
        const auto push = [&](int value) {
          int free = 0;
          while (!turn.compare_exchange_strong(free, 1, acq, rlx)) free = 0;
          for (int i = 0; i < 3; ++i) list.push_back(value);
          turn.store(0, rel);
        };
        threads([&] { push(1); }, [&] { push(2); });
        r[0] = list.front();
        r[1] = list.back();
        r[2] = static_cast<int>(list.size());
      },
      "126 216", 2, kSomeBlocked);
}

TEST(BodiesTest, FunctionsAndArguments) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        const std::function<int(int)> add = [&](int n) {
          return x.fetch_add(n, rlx);
        };
        int seen = -1;
        model::thread a([](const std::function<int(int)>& f, std::string text,
                           int& to) { to = f(static_cast<int>(text.size())); },
                        add, std::string("four"), std::ref(seen));
        r[1] = add(1);
        a.join();
        r[0] = seen;
      },
      "04 10", 2);
}

// --- Coroutines --------------------------------------------------------------

// A coroutine that begins suspended; its frame is on the test's heap.
struct job {
  struct promise_type {
    job get_return_object() {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};

job steps(atomic<int>& x, cell<int>& data, int& seen) {
  data = data + 1;
  co_await std::suspend_always{};
  seen = x.exchange(2, rlx);
  data = data + 1;
}

// Two steps of it in one thread, beside another one's store.
TEST(BodiesTest, CoroutineOfOneThread) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        cell<int> data(0);
        threads(
            [&] {
              const job j = steps(x, data, r[0]);
              j.handle.resume();
              j.handle.resume();
              r[1] = j.handle.done();
              j.handle.destroy();
            },
            [&] { x.store(1, rlx); });
        r[2] = data;
        r[3] = x.load(rlx);
      },
      "0121 1122", 2);
}

// Begun by one thread, finished by another that waits for the handle.
TEST(BodiesTest, CoroutineHandedOver) {
  for_each(
      [](order publish, order take) {
        expect_verdict(
            [=] {
              atomic<int> x{0};
              atomic<void*> handle{nullptr};
              cell<int> data(0);
              int seen = -1;
              threads(
                  [&] {
                    const job j = steps(x, data, seen);
                    j.handle.resume();
                    handle.store(j.handle.address(), publish);
                  },
                  [&] {
                    void* address;
                    while ((address = handle.load(take)) == nullptr) {
                    }
                    const auto h =
                        std::coroutine_handle<job::promise_type>::from_address(
                            address);
                    h.resume();
                    model::require(h.done() && data == 2);
                    h.destroy();
                  });
            },
            releases(publish) && acquires(take) ? verdict::ok
                                                : verdict::data_race);
      },
      kStores, kLoads);
}

TEST(BodiesTest, CoroutineForgotten) {
  expect_verdict(
      [] {
        atomic<int> x{0};
        cell<int> data(0);
        int seen = 0;
        steps(x, data, seen).handle.resume();  // the rest never runs
      },
      verdict::leak);
}

// --- Many threads ------------------------------------------------------------

// Each has its own object: one execution.
TEST(BodiesTest, SixtyThreads) {
  expect(
      [](registers& r) {
        constexpr std::size_t kMany = 60;
        atomic<int> x[kMany]{};
        {
          std::vector<model::thread> all;
          for (auto& mine : x) all.emplace_back([&] { mine.store(1, rlx); });
        }
        std::size_t sum = 0;
        for (auto& each : x) sum += static_cast<std::size_t>(each.load(rlx));
        r[0] = sum == kMany;
      },
      "1", 1);
}

// Two of forty that are not independent, the first made and the last one.
TEST(BodiesTest, TwoOfFortyStoreAndLoad) {
  expect(
      [](registers& r) {
        atomic<int> x{0}, y{0};
        atomic<int> other[38]{};
        std::vector<model::thread> all;
        all.emplace_back([&] {
          x.store(1, rlx);
          r[0] = y.load(rlx);
        });
        for (auto& mine : other) all.emplace_back([&] { mine.store(1, rlx); });
        all.emplace_back([&] {
          y.store(1, rlx);
          r[1] = x.load(rlx);
        });
      },
      all(2), 4);
}

// A chain of twenty: each hands on what it has read, to the next one.
TEST(BodiesTest, MessageThroughTwentyThreads) {
  expect(
      [](registers& r) {
        constexpr int kMany = 20;
        cell<int> data(0);
        atomic<int> at{0};
        {
          std::vector<model::thread> all;
          for (int i = 0; i < kMany; ++i)
            all.emplace_back([&, i] {
              while (at.load(acq) != i) {
              }
              data = data + 1;
              at.store(i + 1, rel);
            });
        }
        r[0] = data == kMany;
      },
      "1", 1);
}

// One store, seen or not by each of twelve: 2^12.
TEST(BodiesTest, TwelveReaders) {
  EXPECT_EQ(expect_verdict(
                [] {
                  atomic<int> x{0};
                  std::vector<model::thread> all;
                  all.emplace_back([&] { x.store(1, rlx); });
                  for (int i = 0; i < 12; ++i)
                    all.emplace_back([&] { (void)x.load(rlx); });
                },
                verdict::ok)
                .executions,
            std::uint64_t{1} << 12);
}

// --- Locals ------------------------------------------------------------------

// A local that another thread writes before a flag, and its owner reads behind
// it. In every run it has been written when the flag is seen.
TEST(BodiesTest, LocalWrittenByAnother) {
  expect(
      [](registers& r) {
        atomic<int> flag{0};
        int local = 0;
        model::thread t([&] {
          local = 7;
          flag.store(1, rel);
        });
        r[0] = flag.load(acq) == 1 ? local : 1;
        t.join();
        r[1] = local;
      },
      "17 77", 2);
}

// A local of a thread that is not the test's own, changed by its child.
TEST(BodiesTest, LocalOfAThread) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        threads(
            [&] {
              int seen = 0;
              {
                model::thread child([&] { seen = 1 + x.load(rlx); });
              }
              r[0] = seen;
              x.store(5, rlx);
            },
            [&] { x.store(1, rlx); });
      },
      // It reads 1, which its parent then overwrites; or 0, and the order of
      // the two stores is free.
      "1 2", 3);
}

// A loop that waits and counts its rounds in a local of its owner's: the number
// of rounds is no behaviour, so the loop cannot depend on it.
TEST(BodiesTest, LoopThatWritesALocalThroughAReference) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        int last = -1;
        model::thread t([&] {
          int& seen = last;
          do {
            seen = x.load(acq);
          } while (seen != 2);
        });
        x.store(1, rel);
        x.store(2, rel);
        t.join();
        r[0] = last;
      },
      "2", 1);
}

// What one thread has seen decides what another does: plain control through a
// local, ordered by the join.
TEST(BodiesTest, ThreadsThatDependOnALocal) {
  expect(
      [](registers& r) {
        atomic<int> x{0}, y{0};
        int seen = 0;
        {
          model::thread writer([&] { x.store(1, rlx); });
          model::thread reader([&] { seen = x.load(rlx); });
        }
        if (seen == 1) {
          model::thread writer([&] { y.store(1, rlx); });
          r[1] = y.load(rlx);
        }
        r[0] = seen;
      },
      "0- 10 11", 3);
}

}  // namespace
}  // namespace syncxx_test::litmus
