// SPDX-License-Identifier: Apache-2.0
//
// The model checker: explores every behaviour of a small concurrent test.
//
//   #include <sync/model/check.h>
//   #include <sync/mutex.h>
//   namespace model = syncxx::model;
//
//   const model::result r = model::check([] {
//     syncxx::mutex m;
//     syncxx::cell<int> n(0);
//     const auto add = [&] { m.lock(); n = n + 1; m.unlock(); };
//     model::thread a(add), b(add);
//     a.join(); b.join();
//     model::require(n == 2, "both additions count");
//   });
//   if (!r) std::puts(r.message.c_str());
//
// check() runs the test again and again, each time in another way that the
// memory model allows, until all have been seen: every order of the threads'
// operations and every write that each load may read from. It explores RC11
// (C++20's atomics without out-of-thin-air values, and so without load
// buffering; release sequences as in C++20), each consistent execution graph
// once (TruSt: Kokologiannakis, Marmanis, Gladstein, Vafeiadis, "Truly
// Stateless, Optimal Dynamic Partial Order Reduction", POPL 2022).
//
// What it sees: syncxx::atomic, atomic_thread_fence, cell, thread and every
// primitive of <sync/…>, in a program built with the model library
// (syncxx::model). Everything else in the test is plain code that must do the
// same in each run: no real clock, no random number, no address as a number.
//
// Guide: docs/guide/model-checking.md. Design: docs/design/model-checker.md.
#ifndef SYNCXX_MODEL_CHECK_H_
#define SYNCXX_MODEL_CHECK_H_

#include <concepts>
#include <cstdint>
#include <functional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <sync/detail/config.h>
#include <sync/model/access.h>

#if !SYNCXX_MODELLED
#error \
    "<sync/model/check.h> is for programs built with the syncxx::model target"
#endif

namespace syncxx::inline SYNCXX_ABI {
namespace model {

enum class verdict : std::uint8_t {
  ok,
  assertion_failed,  // a require() did not hold, or an exception came out
  data_race,         // two accesses to a cell, neither before the other
  deadlock,          // every thread left waits for another
  livelock,          // a thread spins on what nobody will change any more
  use_after_free,
  double_free,
  leak,
  uninitialized_read,
  misuse,         // the test did what the checker cannot explore
  bound_reached,  // max_executions, or an execution that grew too long
};

// The enumerator's name.
const char* to_string(verdict what) noexcept;

struct options {
  enum class mode : std::uint8_t { exhaustive, random };
  mode search = mode::exhaustive;
  // 0: no limit; reaching it gives verdict::bound_reached. In random mode 0
  // means 10 000.
  std::uint64_t max_executions = 0;
  // Only executions in which at most that many times a thread that could go on
  // is interrupted by another; -1: all.
  int preemption_bound = -1;
  std::uint64_t seed = 1;  // random mode
  std::string replay{};    // a result's replay string: run that execution only
  std::string html{};      // write a failing execution's timeline to this file
  bool check_leaks = true;
};

struct result {
  verdict what = verdict::ok;
  std::uint64_t executions = 0;  // complete ones
  std::uint64_t blocked = 0;     // those in which a thread could not go on
  std::string message{};         // what went wrong, where
  std::string replay{};          // for options::replay
  std::string timeline{};        // the failing execution, a column a thread
  explicit operator bool() const noexcept { return what == verdict::ok; }
};

// Runs `test` in every way. Throws nothing that `test` throws: that is a
// failure. One check at a time in a process; others wait.
result check(const std::function<void()>& test, const options& how = {});

namespace engine {

// A thread's function and arguments, owned by the thread.
class task {
 public:
  virtual ~task() = default;
  virtual void run() = 0;
};

std::uint32_t spawn(task* body, const source& where);
void join(std::uint32_t thread, const source& where);

}  // namespace engine

// A thread of the test, as std::thread but joining in its destructor. The end
// of its function synchronizes with the return of join().
class thread {
 public:
  class id {
   public:
    constexpr id() noexcept = default;
    auto operator<=>(const id&) const noexcept = default;
    // 1 for the thread of check(); 0: no thread.
    constexpr std::uint32_t number() const noexcept { return number_; }

   private:
    friend class thread;
    constexpr explicit id(std::uint32_t number) noexcept : number_(number) {}
    std::uint32_t number_ = 0;
  };

  constexpr thread() noexcept = default;
  template <class F, class... Args>
  requires(!std::same_as<std::remove_cvref_t<F>, thread>) explicit thread(
      F&& f, Args&&... args)
      : number_(
            engine::spawn(make(std::forward<F>(f), std::forward<Args>(args)...),
                          engine::source())) {}
  thread(thread&& other) noexcept : number_(std::exchange(other.number_, 0)) {}
  thread& operator=(thread&& other) noexcept {
    thread(std::move(other)).swap(*this);
    return *this;
  }
  ~thread() {
    if (joinable()) join(engine::source());
  }

  void swap(thread& other) noexcept { std::swap(number_, other.number_); }
  bool joinable() const noexcept { return number_ != 0; }
  // There must be a thread to join.
  void join(const engine::source& where = engine::source::current()) {
    engine::join(std::exchange(number_, 0), where);
  }
  // The thread goes on by itself; it must end before the test does.
  void detach() noexcept { number_ = 0; }
  id get_id() const noexcept { return joinable() ? id(number_ + 1) : id(); }
  // The calling thread's.
  static id self() noexcept {
    return id(static_cast<std::uint32_t>(engine::self_number()));
  }
  static unsigned hardware_concurrency() noexcept { return 2; }

 private:
  template <class F, class... Args>
  static engine::task* make(F&& f, Args&&... args) {
    class call final : public engine::task {
     public:
      call(F&& function, Args&&... arguments)
          : function_(std::forward<F>(function)),
            arguments_(std::forward<Args>(arguments)...) {}
      void run() override {
        std::apply(
            [this](auto&... a) {
              std::invoke(std::move(function_), std::move(a)...);
            },
            arguments_);
      }

     private:
      std::decay_t<F> function_;
      std::tuple<std::decay_t<Args>...> arguments_;
    };
    return new call(std::forward<F>(f), std::forward<Args>(args)...);
  }

  std::uint32_t number_ = 0;
};

inline void swap(thread& a, thread& b) noexcept { a.swap(b); }

// The test fails (assertion_failed) unless `holds`.
void require(bool holds, const char* what = "",
             const engine::source& where = engine::source::current());

// Drops this execution (it counts as blocked) unless `holds`.
void assume(bool holds,
            const engine::source& where = engine::source::current());

// Any number in [0, n): each is explored.
int choose(int n, const engine::source& where = engine::source::current());

}  // namespace model
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_MODEL_CHECK_H_
