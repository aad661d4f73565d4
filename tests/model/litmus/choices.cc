// SPDX-License-Identifier: Apache-2.0
//
// choose, assume and require.
#include "tests/model/litmus/litmus.h"

namespace syncxx_test::litmus {
namespace {

TEST(ChoicesTest, EachIsExplored) {
  expect([](registers& r) { r[0] = model::choose(1); }, "0", 1);
  expect([](registers& r) { r[0] = model::choose(4); }, "0 1 2 3", 4);
  expect(
      [](registers& r) {
        r[0] = model::choose(2);
        r[1] = model::choose(3);
      },
      all(1) * "0 1 2", 6);
}

// The number of alternatives may depend on an earlier choice.
TEST(ChoicesTest, OneAfterTheOther) {
  expect(
      [](registers& r) {
        r[0] = model::choose(3);
        r[1] = model::choose(r[0] + 1);
      },
      "00 10 11 20 21 22", 6);
}

TEST(ChoicesTest, OfTwoThreads) {
  expect(
      [](registers& r) {
        threads([&] { r[0] = model::choose(2); },
                [&] { r[1] = model::choose(2); });
      },
      all(2), 4);
}

// Choices and reads-from multiply: 0 is read, or what has been chosen.
TEST(ChoicesTest, OfAValue) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        threads([&] { x.store(1 + model::choose(3), rlx); },
                [&] { r[0] = x.load(rlx); });
      },
      "0 1 2 3", 6);
}

TEST(ChoicesTest, OfAnOrder) {
  expect(
      [](registers& r) {
        atomic<int> x{0}, y{0};
        threads(
            [&] {
              x.store(1, rlx);
              y.store(1, model::choose(2) == 0 ? rlx : rel);
            },
            [&] {
              r[0] = y.load(acq);
              r[1] = x.load(rlx);
            });
      },
      all(2), 4 + 3);
}

// A choice made after something has been read.
TEST(ChoicesTest, AfterARead) {
  expect(
      [](registers& r) {
        atomic<int> x{0};
        threads([&] { x.store(1, rlx); },
                [&] {
                  r[0] = x.load(rlx);
                  r[1] = r[0] == 1 ? model::choose(2) : 0;
                });
      },
      "00 10 11", 3);
}

TEST(ChoicesTest, OfNothing) {
  expect_verdict([] { (void)model::choose(0); }, verdict::misuse);
}

TEST(ChoicesTest, AssumeDropsExecutions) {
  expect(
      [](registers& r) {
        r[0] = 1;
        model::assume(true);
      },
      "1", 1);
  expect(
      [](registers& r) {
        r[0] = model::choose(4);
        model::assume(r[0] % 2 == 1);
      },
      "1 3", 2, 2);
  const model::result r = expect_verdict(
      [] {
        model::assume(false);
        model::require(false, "not reached");
      },
      verdict::ok);
  EXPECT_EQ(r.executions, 0u);
  EXPECT_EQ(r.blocked, 1u);
}

// What is read must be 1: the execution in which it is 0 is dropped.
TEST(ChoicesTest, AssumeOfARead) {
  expect(
      [](registers& r) {
        atomic<int> x{0}, y{0};
        threads(
            [&] {
              x.store(1, rlx);
              y.store(1, rel);
            },
            [&] {
              model::assume(y.load(acq) == 1);
              r[0] = x.load(rlx);
            });
      },
      "1", 1, 1);
  // Store buffering under the condition that thread 0 has missed thread 1.
  expect_outcomes(
      [](registers& r) {
        atomic<int> x{0}, y{0};
        threads(
            [&] {
              x.store(1, rlx);
              r[0] = y.load(rlx);
              model::assume(r[0] == 0);
            },
            [&] {
              y.store(1, rlx);
              r[1] = x.load(rlx);
            });
      },
      "00 01");
}

// Of four outcomes one is wrong; it is found.
TEST(ChoicesTest, RequireFailsInOneExecution) {
  for (int wrong = 0; wrong < 4; ++wrong) {
    const model::result r = expect_verdict(
        [=] {
          atomic<int> x{0}, y{0};
          int seen[2];
          threads(
              [&] {
                x.store(1, rlx);
                seen[0] = y.load(rlx);
              },
              [&] {
                y.store(1, rlx);
                seen[1] = x.load(rlx);
              });
          model::require(2 * seen[0] + seen[1] != wrong, "as it should be");
        },
        verdict::assertion_failed);
    EXPECT_NE(r.message.find("as it should be"), std::string::npos)
        << r.message;
  }
}

}  // namespace
}  // namespace syncxx_test::litmus
