// SPDX-License-Identifier: Apache-2.0
//
// Two threads that wake each other in turn, through a condition variable,
// through two semaphores, and through a bare futex. One iteration is there and
// back. The threads run where the kernel puts them, on one CPU, or on two.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <thread>

#include "bench/adapters/all.h"
#include "bench/harness/interleaved.h"
#include "bench/harness/team.h"

namespace syncxx_bench {
namespace {

enum class notified { kLocked, kUnlocked };

template <condvar_like C, notified When>
class condvar_table {
 public:
  // Called by one thread: hands the ball over, waits until it is back.
  void there_and_back() {
    condvar_.lock();
    hand_to(kPartner);
    while (turn_ != kMain) condvar_.wait();
    condvar_.unlock();
  }

  // Called by the other: returns the ball until the game is over.
  void play_along() {
    condvar_.lock();
    for (;;) {
      while (turn_ == kMain) condvar_.wait();
      if (turn_ == kOver) break;
      hand_to(kMain);
    }
    condvar_.unlock();
  }

  void end() {
    condvar_.lock();
    hand_to(kOver);
    condvar_.unlock();
  }

 private:
  enum turn { kMain, kPartner, kOver };

  // Called and left with the lock held.
  void hand_to(turn next) {
    turn_ = next;
    if constexpr (When == notified::kLocked) {
      condvar_.notify_one();
    } else {
      condvar_.unlock();
      condvar_.notify_one();
      condvar_.lock();
    }
  }

  C condvar_;
  turn turn_ = kMain;
};

template <semaphore_like S>
class semaphore_table {
 public:
  void there_and_back() {
    there_.release();
    back_.acquire();
  }
  void play_along() {
    for (;;) {
      there_.acquire();
      if (over_) return;
      back_.release();
    }
  }
  void end() {
    over_ = true;
    there_.release();
  }

 private:
  alignas(128) S there_{0};
  alignas(128) S back_{0};
  bool over_ = false;
};

template <class Table>
void ping_pong(benchmark::State& state, placement where) {
  auto table = std::make_unique<Table>();
  std::thread partner([&table, where] {
    const pinned here(where, 1);
    table->play_along();
  });
  {
    const pinned here(where, 0);
    for (int i = 0; i < 20; ++i) table->there_and_back();
    for (auto _ : state) table->there_and_back();
  }
  table->end();
  partner.join();
}

template <class Table>
void add_game(const std::string& scenario, placement where,
              std::string_view name) {
  add(scenario, name, [where](benchmark::State& state) {
    ping_pong<Table>(state, where);
  })->UseRealTime();
}

void add_placement(const std::string& suffix, placement where) {
  const auto semaphore_game = [&](const std::string& scenario) {
    return [scenario, where]<semaphore_like S>() {
      add_game<semaphore_table<S>>(scenario, where, S::kName);
    };
  };
  const auto condvar_game = [&]<notified When>(const std::string& scenario) {
    types<floor_futex_baton>::for_each(semaphore_game(scenario));
    if constexpr (When == notified::kLocked)
      types<floor_futex_moved_baton>::for_each(semaphore_game(scenario));
    const auto game_of = [&](const std::string& name) {
      return [&, name]<condvar_like C>() {
        add_game<condvar_table<C, When>>(name, where, C::kName);
      };
    };
    condvars::for_each(game_of(scenario));
    pi_condvars::for_each(game_of("pi_" + scenario));
  };
  condvar_game.operator()<notified::kLocked>("condvar_ping_pong" + suffix);
  condvar_game.operator()<notified::kUnlocked>("condvar_ping_pong_unlocked" +
                                               suffix);
  const std::string scenario = "semaphore_ping_pong" + suffix;
  types<floor_futex_baton>::for_each(semaphore_game(scenario));
  semaphores::for_each(semaphore_game(scenario));
  types<self_auto_reset_event, self_event_count_baton, self_parking_lot_baton,
        std_atomic_baton>::for_each(semaphore_game(scenario));
}

}  // namespace

void register_benchmarks() {
  add_placement("", placement::kAnywhere);
  add_placement("_same_cpu", placement::kSameCpu);
  add_placement("_two_cpus", placement::kTwoCpus);
}

}  // namespace syncxx_bench
