// SPDX-License-Identifier: Apache-2.0
//
// Races on every primitive of the wait matrix: a stop request or a timeout
// against a release. Whatever the outcome, no token is lost or made, and a
// waiter that stays is served: a lost wake is a hang, which the watchdog ends.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <stop_token>
#include <thread>
#include <vector>

#include "tests/support/signal_storm.h"
#include "tests/support/threads.h"
#include "tests/support/wait_forms.h"
#include "tests/support/waitables.h"
#include "tests/support/waiter.h"

namespace syncxx_test {
namespace {

void spin_for(nanoseconds d) {
  const auto end = std::chrono::steady_clock::now() + d;
  while (std::chrono::steady_clock::now() < end) {
  }
}

class WaitRace : public waitable_test {
 protected:
  std::minstd_rand random_{20260101};

  nanoseconds random_ns(int below) {
    return nanoseconds(
        static_cast<int>(random_() % static_cast<unsigned>(below)));
  }
  const wait_form& any_of(const wait_forms& forms) {
    return forms[random_() % forms.size()];
  }
};
INSTANTIATE_TEST_SUITE_P(, WaitRace, testing::ValuesIn(waitables()),
                         waitable_name);

class StopRace : public WaitRace {};
INSTANTIATE_TEST_SUITE_P(, StopRace, testing::ValuesIn(stoppable_waitables()),
                         waitable_name);

class TokenRace : public WaitRace {};
INSTANTIATE_TEST_SUITE_P(, TokenRace, testing::ValuesIn(token_waitables()),
                         waitable_name);

class GateRace : public WaitRace {};
INSTANTIATE_TEST_SUITE_P(, GateRace, testing::ValuesIn(gate_waitables()),
                         waitable_name);

// One waiter is asked to stop in the moment when what it waits for comes. If it
// says that it was stopped, the other one must have been served.
TEST_P(StopRace, StopAgainstRelease) {
  const auto stoppable = stoppable_forms(GetParam());
  const auto unending = unending_forms(GetParam());
  int stopped = 0;
  const int rounds = iterations(150);
  for (int round = 0; round < rounds; ++round) {
    const auto w = GetParam().make(false);
    std::stop_source source;
    const bool listener_first = round % 2 == 0;
    std::unique_ptr<waiter> other;
    if (!listener_first)
      other = std::make_unique<waiter>(*w, unending.front(), 1h);
    waiter listener(*w, any_of(stoppable), 1h, source.get_token());
    if (listener_first) {
      if (round % 8 < 4) listener.await_blocked();
      other = std::make_unique<waiter>(*w, unending.front(), 1h);
    }
    if (round % 16 < 12) {  // else they race with falling asleep, too
      listener.await_blocked();
      other->await_blocked();
    }

    starting_line line(2);
    const nanoseconds stop_late = random_ns(4000);
    std::thread stopper([&] {
      line.ready_and_go();
      spin_for(stop_late);
      source.request_stop();
    });
    line.ready_and_go();
    spin_for(random_ns(4000));
    w->open();
    stopper.join();
    stopped += listener.outcome().taken ? 0 : 1;
    other->expect_taken();
    expect_one_token_left(*w);
  }
  RecordProperty("rounds", rounds);
  RecordProperty("stopped", stopped);
}

// Both would be served by the same release; one's time is up in that moment.
TEST_P(WaitRace, TimeoutAgainstRelease) {
  const auto timed = timed_forms(GetParam());
  const auto unending = unending_forms(GetParam());
  const std::stop_source source;
  int timeouts = 0;
  const int rounds = iterations(150);
  for (int round = 0; round < rounds; ++round) {
    const auto w = GetParam().make(false);
    waiter hasty(*w, any_of(timed), 100us + random_ns(400'000),
                 source.get_token());
    waiter patient(*w, unending.front(), 1h);
    if (round % 4 != 0) patient.await_blocked();
    spin_for(random_ns(300'000));
    w->open();
    const wait_outcome outcome = hasty.outcome();
    EXPECT_FALSE(outcome.early) << hasty.name();
    timeouts += outcome.taken ? 0 : 1;
    patient.expect_taken();
    expect_one_token_left(*w);
  }
  RecordProperty("rounds", rounds);
  RecordProperty("timeouts", timeouts);
}

// Many threads, every form, short deadlines, stop requests and signals, one
// token. What is counted under the token is exact, and the token survives.
TEST_P(TokenRace, EverythingAtOnce) {
  constexpr int kThreads = 6;
  const auto w = GetParam().make(false);
  std::atomic<bool> done{false};
  std::atomic<long> taken{0};
  long under_the_token = 0;
  std::vector<std::unique_ptr<background<bool>>> threads;
  std::mutex sources_mutex;
  std::vector<std::stop_source> sources(kThreads);
  for (unsigned id = 0; id < kThreads; ++id) {
    threads.push_back(std::make_unique<background<bool>>([&, id] {
      std::minstd_rand random(id + 1);
      const auto timed = timed_forms(GetParam());
      const auto unending = unending_forms(GetParam());
      while (!done.load()) {
        std::stop_token stop;
        {
          std::lock_guard lock(sources_mutex);
          if (sources[id].stop_requested()) sources[id] = std::stop_source();
          stop = sources[id].get_token();
        }
        const bool wait_for_ever = random() % 4 == 0;
        const auto& forms = wait_for_ever ? unending : timed;
        const wait_outcome outcome = forms[random() % forms.size()].run(
            *w, nanoseconds(static_cast<int>(random() % 300'000)), stop);
        if (outcome.early && !stop.stop_requested()) return false;
        if (!outcome.taken) continue;
        ++under_the_token;
        if (random() % 8 == 0) std::this_thread::yield();
        if (random() % 64 == 0) std::this_thread::sleep_for(50us);
        w->give_back();
        taken.fetch_add(1);
      }
      return true;
    }));
  }
  w->open();
  {
    std::vector<pthread_t> targets;
    for (auto& thread : threads) targets.push_back(thread->native());
    signal_storm storm(targets, signal_storm::restart::no);
    const auto end = std::chrono::steady_clock::now() + 400ms;
    while (std::chrono::steady_clock::now() < end) {
      const std::size_t victim = random_() % kThreads;
      std::stop_source source(std::nostopstate);
      {
        std::lock_guard lock(sources_mutex);
        source = sources[victim];
      }
      source.request_stop();
      std::this_thread::sleep_for(random_ns(200'000));
    }
    done.store(true);
    // The storm goes on over threads that may have ended: not yet joined.
    for (auto& thread : threads) await([&] { return thread->finished(); });
  }
  for (auto& thread : threads)
    EXPECT_TRUE(thread->result()) << "a wait gave up before its deadline";
  EXPECT_EQ(under_the_token, taken.load());
  EXPECT_GT(taken.load(), 0);
  expect_one_token_left(*w);
  RecordProperty("taken", static_cast<int>(taken.load()));
}

// Whoever waits without end when a gate opens gets through, whatever befalls
// its neighbours.
TEST_P(GateRace, GateOpensForAll) {
  const auto timed = timed_forms(GetParam());
  const auto unending = unending_forms(GetParam());
  const int rounds = iterations(200);
  for (int round = 0; round < rounds; ++round) {
    const auto w = GetParam().make(false);
    std::stop_source source;
    std::vector<std::unique_ptr<waiter>> patient, hasty;
    for (int i = 0; i < 3; ++i) {
      hasty.push_back(std::make_unique<waiter>(
          *w, any_of(timed), 50us + random_ns(300'000), source.get_token()));
      patient.push_back(std::make_unique<waiter>(*w, any_of(unending), 1h));
    }
    if (round % 2 == 0) patient.back()->await_blocked();
    std::thread stopper([&] { source.request_stop(); });
    spin_for(random_ns(50'000));
    w->open();
    for (auto& one : patient) one->expect_taken();
    stopper.join();
    hasty.clear();
    expect_one_token_left(*w);
  }
}

}  // namespace
}  // namespace syncxx_test
