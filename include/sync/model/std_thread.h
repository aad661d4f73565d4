// SPDX-License-Identifier: Apache-2.0
//
// The modelled std::thread, std::jthread and std::this_thread. Included by
// <sync/model/std_names.h>.
#ifndef SYNCXX_MODEL_STD_THREAD_H_
#define SYNCXX_MODEL_STD_THREAD_H_

#include <chrono>
#include <compare>
#include <concepts>
#include <cstddef>
#include <functional>
#include <ostream>
#include <system_error>
#include <type_traits>
#include <utility>

#include <sync/detail/config.h>
#include <sync/detail/thread.h>
#include <sync/model/access.h>
#include <sync/model/check.h>

namespace syncxx::inline SYNCXX_ABI {
namespace model::std_thread {

// [thread.thread.class]. Where the standard calls terminate(), the test fails.
class thread {
 public:
  using id = model::thread::id;

  constexpr thread() noexcept = default;
  template <class F, class... Args>
  requires(!std::same_as<std::remove_cvref_t<F>, thread>) explicit thread(
      F&& f, Args&&... args)
      : thread_(std::forward<F>(f), std::forward<Args>(args)...) {}
  thread(thread&&) noexcept = default;
  thread& operator=(thread&& other) noexcept {
    require(!joinable(), "a std::thread was assigned to while joinable",
            engine::source());
    thread_.swap(other.thread_);
    return *this;
  }
  ~thread() {
    require(!joinable(), "a std::thread was destroyed while joinable",
            engine::source());
  }

  void swap(thread& other) noexcept { thread_.swap(other.thread_); }
  bool joinable() const noexcept { return thread_.joinable(); }
  void join(const engine::source& where = engine::source::current()) {
    if (!joinable()) fail(std::errc::invalid_argument);
    if (get_id() == model::thread::self())
      fail(std::errc::resource_deadlock_would_occur);
    thread_.join(where);
  }
  void detach() {
    if (!joinable()) fail(std::errc::invalid_argument);
    thread_.detach();
  }
  id get_id() const noexcept { return thread_.get_id(); }
  static unsigned hardware_concurrency() noexcept {
    return model::thread::hardware_concurrency();
  }

 private:
  [[noreturn]] static void fail(std::errc what) {
    throw std::system_error(std::make_error_code(what), "std::thread");
  }

  model::thread thread_;
};

// [thread.jthread.class]
class jthread {
 public:
  using id = thread::id;

  jthread() noexcept : stop_(nostopstate) {}
  template <class F, class... Args>
  requires(!std::same_as<std::remove_cvref_t<F>, jthread>) explicit jthread(
      F&& f, Args&&... args)
      : thread_(start(stop_, std::forward<F>(f), std::forward<Args>(args)...)) {
  }
  jthread(jthread&&) noexcept = default;
  jthread& operator=(jthread&& other) noexcept {
    jthread(std::move(other)).swap(*this);
    return *this;
  }
  ~jthread() {
    if (!joinable()) return;
    request_stop();
    thread_.join(engine::source());
  }

  void swap(jthread& other) noexcept {
    stop_.swap(other.stop_);
    thread_.swap(other.thread_);
  }
  bool joinable() const noexcept { return thread_.joinable(); }
  void join(const engine::source& where = engine::source::current()) {
    thread_.join(where);
  }
  void detach() { thread_.detach(); }
  id get_id() const noexcept { return thread_.get_id(); }
  stop_source get_stop_source() const noexcept { return stop_; }
  stop_token get_stop_token() const noexcept { return stop_.get_token(); }
  bool request_stop() noexcept { return stop_.request_stop(); }
  static unsigned hardware_concurrency() noexcept {
    return thread::hardware_concurrency();
  }

 private:
  template <class F, class... Args>
  static thread start(const stop_source& stop, F&& f, Args&&... args) {
    if constexpr (std::is_invocable_v<std::decay_t<F>, stop_token,
                                      std::decay_t<Args>...>) {
      return thread(std::forward<F>(f), stop.get_token(),
                    std::forward<Args>(args)...);
    } else {
      return thread(std::forward<F>(f), std::forward<Args>(args)...);
    }
  }

  stop_source stop_;
  thread thread_;
};

inline void swap(thread& a, thread& b) noexcept { a.swap(b); }
inline void swap(jthread& a, jthread& b) noexcept { a.swap(b); }

namespace this_thread {

inline thread::id get_id() noexcept { return model::thread::self(); }
inline void yield() noexcept { engine::spin_hint(); }
// All that others do may come before its end; a look at the clock behind it
// sees the time gone by.
template <class Rep, class Period>
void sleep_for(const std::chrono::duration<Rep, Period>& time) {
  if (time > time.zero()) engine::rest();
  engine::spin_hint();
}
template <class Clock, class Duration>
void sleep_until(const std::chrono::time_point<Clock, Duration>&) {
  engine::rest();
  engine::spin_hint();
}

}  // namespace this_thread
}  // namespace model::std_thread

namespace model {
template <class Char, class Traits>
std::basic_ostream<Char, Traits>& operator<<(
    std::basic_ostream<Char, Traits>& out, thread::id id) {
  return out << id.number();
}
}  // namespace model

}  // namespace syncxx::inline SYNCXX_ABI

template <>
struct std::hash<syncxx::model::thread::id> {
  std::size_t operator()(syncxx::model::thread::id id) const noexcept {
    return std::hash<std::uint32_t>()(id.number());
  }
};

#endif  // SYNCXX_MODEL_STD_THREAD_H_
