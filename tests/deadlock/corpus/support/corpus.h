// SPDX-License-Identifier: Apache-2.0
//
// What the programs of the corpus are written with: locks that are this
// library's or pthread's (CORPUS_PTHREAD), and ways to order threads that a
// checker of locks knows nothing of.
//
// The ways are made from std::atomic's wait alone. To the checker a thread that
// sleeps there is one that does something else.
#ifndef SYNCXX_TESTS_DEADLOCK_CORPUS_SUPPORT_CORPUS_H_
#define SYNCXX_TESTS_DEADLOCK_CORPUS_SUPPORT_CORPUS_H_

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#if defined(CORPUS_PTHREAD)
#include "pthread_types.h"
#else
#include "syncxx_types.h"
#endif

namespace corpus {

using std::chrono::milliseconds;

inline void nap(milliseconds time) { std::this_thread::sleep_for(time); }

// For what a program relies on besides the locks.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "corpus: not so: %s\n", what);
  std::_Exit(3);
}

// An array whose index is an int.
template <class T>
class several {
 public:
  explicit several(int size)
      : all_(std::make_unique<T[]>(static_cast<std::size_t>(size))) {}
  T& operator[](int i) const { return all_[static_cast<std::size_t>(i)]; }

 private:
  std::unique_ptr<T[]> all_;
};

// --- The order of threads ----------------------------------------------------

// How far the program has come.
class progress {
 public:
  void reach(int step) {
    at_.store(step);
    at_.notify_all();
  }
  void await(int step) const {
    for (int now = at_.load(); now < step; now = at_.load()) at_.wait(now);
  }

 private:
  std::atomic<int> at_{0};
};

// Where `threads` threads wait for each other, once.
class meeting {
 public:
  explicit meeting(int threads) : missing_(threads) {}
  void arrive_and_wait() {
    if (missing_.fetch_sub(1) == 1) missing_.notify_all();
    for (int now = missing_.load(); now > 0; now = missing_.load())
      missing_.wait(now);
  }

 private:
  std::atomic<int> missing_;
};

// A thread that others look at from outside, through /proc.
class observed {
 public:
  // The thread itself calls it, right before it blocks or ends.
  void here() { tid_.store(static_cast<int>(::syscall(SYS_gettid))); }
  void await_asleep() const {
    for (int seen = 0; seen < 3; nap(milliseconds(2)))
      seen = state() == 'S' ? seen + 1 : 0;
  }
  void await_end() const {
    while (state() != kGone) nap(milliseconds(1));
  }

 private:
  static constexpr char kGone = '-';

  char state() const {
    const int tid = tid_.load();
    if (tid == 0) return '?';
    const std::string path = "/proc/self/task/" + std::to_string(tid) + "/stat";
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return kGone;
    char text[128] = {};
    const auto size = ::read(file, text, sizeof text - 1);
    ::close(file);
    // Number (name) state: the name may have parentheses of its own.
    const char* const name_ends = std::strrchr(text, ')');
    return size > 0 && name_ends != nullptr ? name_ends[2] : kGone;
  }

  std::atomic<int> tid_{0};
};

// each(0), each(1)...: a thread for each. All are there before the first begins
// and until the last has ended, but one acts after the other.
template <class Each>
void in_turn_of(int threads, const Each& each) {
  progress turn;
  std::vector<thread> all;
  for (int i = 0; i < threads; ++i) {
    all.emplace_back([&, i] {
      turn.await(i + 1);
      each(i);
      turn.reach(i + 2);
      turn.await(threads + 1);
    });
  }
  turn.reach(1);
  for (thread& one : all) one.join();
}
template <class... Each>
void in_turn(Each... each) {
  const std::function<void()> turns[] = {each...};
  in_turn_of(static_cast<int>(sizeof...(each)), [&](int i) { turns[i](); });
}

// each(0), each(1)...: a thread for each, at the same time.
template <class Each>
void at_once_of(int threads, const Each& each) {
  meeting begin(threads);
  std::vector<thread> all;
  for (int i = 0; i < threads; ++i) {
    all.emplace_back([&, i] {
      begin.arrive_and_wait();
      each(i);
    });
  }
  for (thread& one : all) one.join();
}
template <class... Each>
void at_once(Each... each) {
  const std::function<void()> turns[] = {each...};
  at_once_of(static_cast<int>(sizeof...(each)), [&](int i) { turns[i](); });
}

// --- Ways to take a lock -----------------------------------------------------

// The reader's side of a shared_mutex.
class reading {
 public:
  explicit reading(shared_mutex& m) : mutex_(m) {}
  void lock() { mutex_.lock_shared(); }
  void unlock() { mutex_.unlock_shared(); }

 private:
  shared_mutex& mutex_;
};

// A semaphore whose tokens go back to where they came from.
class token {
 public:
  explicit token(semaphore& s) : semaphore_(s) {}
  void lock() { semaphore_.acquire(); }
  void unlock() { semaphore_.release(); }

 private:
  semaphore& semaphore_;
};

// Takes a lock that is free, and that only.
template <class Lock>
class trying {
 public:
  explicit trying(Lock& lock) : lock_(lock) {}
  void lock() { require(lock_.try_lock(), "the lock is free"); }
  void unlock() { lock_.unlock(); }

 private:
  Lock& lock_;
};

// Takes all in this order, each while the ones before are held.
template <class First, class... Rest>
void nest(First&& first, Rest&&... rest) {
  first.lock();
  if constexpr (sizeof...(rest) > 0) nest(rest...);
  first.unlock();
}

}  // namespace corpus

#endif  // SYNCXX_TESTS_DEADLOCK_CORPUS_SUPPORT_CORPUS_H_
