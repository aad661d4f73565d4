// SPDX-License-Identifier: Apache-2.0
//
// Model tests of shared_mutex with three and four threads: exhaustive, but for
// those named Random, which take 20 000 executions.
#include <gtest/gtest.h>

#include <chrono>

#include <sync/shared_mutex.h>

#include "tests/model/support/checks.h"
#include "tests/model/support/shared_pair.h"

namespace syncxx_test {
namespace {

constexpr std::chrono::milliseconds kAWhile{1};

// Random executions of what is too big.
model::options some(unsigned executions) {
  model::options how;
  how.search = model::options::mode::random;
  how.max_executions = executions;
  return how;
}

template <class M>
class SharedMutexRandomModel : public ::testing::Test {};
TYPED_TEST_SUITE(SharedMutexRandomModel, shared_mutexes);

template <class M>
class LongSharedMutexRandomModel : public ::testing::Test {};
TYPED_TEST_SUITE(LongSharedMutexRandomModel, shared_mutexes);

TYPED_TEST(SharedMutexRandomModel, TwoReadersAndAWriter) {
  using shared_pair = basic_shared_pair<TypeParam>;
  expect_ok([] {
    shared_pair p;
    {
      model::thread one([&] { p.read(); });
      model::thread other([&] { p.read(); });
      p.write();
    }
    p.expect_free(1);
  });
}

TYPED_TEST(SharedMutexRandomModel, AReaderAndTwoWriters) {
  using shared_pair = basic_shared_pair<TypeParam>;
  expect_ok([] {
    shared_pair p;
    {
      model::thread reader([&] { p.read(); });
      model::thread writer([&] { p.write(); });
      p.write();
    }
    p.expect_free(2);
  });
}

TYPED_TEST(SharedMutexRandomModel, TwoUpgradersAndAReader) {
  using shared_pair = basic_shared_pair<TypeParam>;
  expect_ok([] {
    shared_pair p;
    {
      model::thread reader([&] { p.read(); });
      model::thread upgrader([&] { p.upgrade(); });
      p.upgrade();
    }
    p.expect_free(2);
  });
}

TYPED_TEST(SharedMutexRandomModel, AWriterAnUpgraderAndAReader) {
  using shared_pair = basic_shared_pair<TypeParam>;
  expect_ok([] {
    shared_pair p;
    {
      model::thread reader([&] { p.read(); });
      model::thread upgrader([&] { p.upgrade(); });
      p.write();
    }
    p.expect_free(2);
  });
}

TYPED_TEST(SharedMutexRandomModel, AReaderAndAWriterWaitForAWriter) {
  using shared_pair = basic_shared_pair<TypeParam>;
  expect_ok([] {
    shared_pair p;
    p.m.lock();
    {
      model::thread reader([&] { p.read(); });
      model::thread writer([&] { p.write(); });
      p.change();
      p.m.unlock();
    }
    p.expect_free(2);
  });
}

TYPED_TEST(SharedMutexRandomModel,
           RandomAReaderGivesUpBesideAWriterAndAReader) {
  using shared_pair = basic_shared_pair<TypeParam>;
  expect_ok(
      [] {
        shared_pair p;
        p.m.lock();
        {
          model::thread hasty([&] {
            if (p.m.try_lock_shared_for(kAWhile)) p.m.unlock_shared();
          });
          model::thread reader([&] { p.read(); });
          model::thread writer([&] { p.write(); });
          p.change();
          p.m.unlock();
        }
        p.expect_free(2);
      },
      some(20'000));
}

TYPED_TEST(SharedMutexRandomModel,
           RandomAWriterGivesUpBesideAReaderAndAWriter) {
  using shared_pair = basic_shared_pair<TypeParam>;
  expect_ok(
      [] {
        shared_pair p;
        int changes = 0;
        p.m.lock_shared();
        {
          model::thread hasty([&] {
            if (!p.m.try_lock_for(kAWhile)) return;
            p.change();
            ++changes;
            p.m.unlock();
          });
          model::thread reader([&] { p.read(); });
          model::thread writer([&] { p.write(); });
          p.m.unlock_shared();
        }
        p.expect_free(changes + 1);
      },
      some(20'000));
}

TYPED_TEST(LongSharedMutexRandomModel, AWokenWriterGivesUpBesideAReader) {
  using shared_pair = basic_shared_pair<TypeParam>;
  expect_ok([] {
    shared_pair p;
    int changes = 1;
    p.m.lock();
    {
      model::thread hasty([&] {
        if (!p.m.try_lock_for(kAWhile)) return;
        p.change();
        ++changes;
        p.m.unlock();
      });
      model::thread writer([&] { p.write(); });
      p.change();
      p.m.unlock_and_lock_shared();
      p.look();
      p.m.unlock_shared();
    }
    p.expect_free(changes + 1);
  });
}

TYPED_TEST(SharedMutexRandomModel,
           RandomAStoppableReaderAndAWriterWaitForAWriter) {
  using shared_pair = basic_shared_pair<TypeParam>;
  expect_ok(
      [] {
        shared_pair p;
        syncxx::stop_source never;
        p.m.lock();
        {
          model::thread reader([&] {
            model::require(p.m.lock_shared(never.get_token()), "not stopped");
            p.look();
            p.m.unlock_shared();
          });
          model::thread writer([&] { p.write(); });
          p.change();
          p.m.unlock();
          p.write();
        }
        p.expect_free(3);
      },
      some(20'000));
}

}  // namespace
}  // namespace syncxx_test
