// SPDX-License-Identifier: Apache-2.0
//
// thread: a thread that joins in its destructor, under a name that a checker
// can take over.
//
// Choose it where std::jthread would do, in code that a model checker shall
// also run. It differs from std::thread in the destructor (and in assignment to
// one that is joinable), which wait for the thread instead of terminating; from
// std::jthread in that it makes no stop_source: pass a stop_token yourself.
#ifndef SYNCXX_THREAD_H_
#define SYNCXX_THREAD_H_

#include <concepts>
#include <thread>
#include <type_traits>
#include <utility>

#include <sync/detail/config.h>
#include <sync/detail/thread.h>
#if SYNCXX_MODELLED
#include <sync/model/check.h>
#endif

namespace syncxx::inline SYNCXX_ABI {

#if SYNCXX_MODELLED
using model::swap;
using model::thread;
#else
class thread {
 public:
  using id = std::thread::id;
  using native_handle_type = std::thread::native_handle_type;

  thread() noexcept = default;
  // Runs f(args…) on copies, as std::thread does ([thread.thread.constr]).
  // Throws std::system_error (resource_unavailable_try_again).
  template <class F, class... Args>
  requires(!std::same_as<std::remove_cvref_t<F>, thread>) explicit thread(
      F&& f, Args&&... args)
      : thread_(std::forward<F>(f), std::forward<Args>(args)...) {}
  thread(thread&&) noexcept = default;
  thread& operator=(thread&& other) noexcept {
    thread(std::move(other)).swap(*this);  // the old one is joined here
    return *this;
  }
  ~thread() {
    if (joinable()) join();
  }

  void swap(thread& other) noexcept { thread_.swap(other.thread_); }
  bool joinable() const noexcept { return thread_.joinable(); }
  // The end of the thread synchronizes with the return. Throws
  // std::system_error as std::thread::join does.
  void join() { thread_.join(); }
  void detach() { thread_.detach(); }
  id get_id() const noexcept { return thread_.get_id(); }
  native_handle_type native_handle() { return thread_.native_handle(); }
  static unsigned hardware_concurrency() noexcept {
    return std::thread::hardware_concurrency();
  }

 private:
  std::thread thread_;
};

inline void swap(thread& a, thread& b) noexcept { a.swap(b); }
#endif

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_THREAD_H_
