// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sync/event.h>
#include <sync/interprocess.h>
#include <sync/latch.h>
#include <sync/mutex.h>
#include <sync/semaphore.h>
#include <sync/shared_mutex.h>
#include <sync/wait_any.h>

#include <cstddef>
#include <optional>
#include <vector>

#include "tests/support/thread_safety_off.h"
#include "tests/support/waitable_of.h"

namespace syncxx_test {

namespace {

// How each type is made, opened and given back.
template <class M>
struct any_lock {
  using type = M;
  static constexpr bool kExclusive = true;
  static void shut(M& m) { m.lock(); }
  static void open(M& m) { m.unlock(); }
  static void give_back(M& m) { m.unlock(); }
};
// One that a reader keeps shut.
template <class M>
struct any_behind_reader {
  using type = M;
  static constexpr bool kExclusive = true;
  static void shut(M& m) { m.lock_shared(); }
  static void open(M& m) { m.unlock_shared(); }
  static void give_back(M& m) { m.unlock(); }
};
template <class S>
struct any_semaphore {
  using type = S;
  static constexpr bool kExclusive = true;
  static void open(S& s) { s.release(); }
};
template <class E, bool Exclusive>
struct any_event {
  using type = E;
  static constexpr bool kExclusive = Exclusive;
  static void open(E& e) { e.set(); }
};
template <class L>
struct any_latch {
  using type = L;
  static constexpr bool kExclusive = false;
  static void open(L& l) { l.count_down(); }
};

// One object of a type, waited for together with others that nobody opens;
// with kMost of them there is no word left for the stop request.
template <class Any, std::size_t Others>
class any_waitable {
  using type = typename Any::type;

 public:
  static constexpr waitable_traits kTraits{
      .exclusive = Any::kExclusive, .parks = true, .stops = true};

  explicit any_waitable(bool open) : it_(make(open)), locked_(false) {
    if constexpr (requires { Any::shut(it_); }) {
      locked_ = !open;
      if (locked_) Any::shut(it_);
    }
    for (std::size_t i = 0; i < Others; ++i)
      i == Others / 2 ? all_.emplace_back(shut_) : all_.emplace_back(empty_);
    all_.insert(all_.begin() + Others / 2, it_);
  }
  ~any_waitable() {
    if constexpr (requires { Any::shut(it_); })
      if (locked_) Any::open(it_);
  }

  void open() {
    locked_ = false;
    Any::open(it_);
  }
  void give_back() {
    if constexpr (requires { Any::give_back(it_); })
      Any::give_back(it_);
    else if constexpr (Any::kExclusive)
      Any::open(it_);
  }

  bool try_wait() { return is_it(syncxx::try_wait_any(all_)); }
  bool wait() { return is_it(syncxx::wait_any(all_)); }
  bool wait(const std::stop_token& stop) {
    return is_it(syncxx::wait_any(stop, all_));
  }
  template <class D, class... Stop>
  bool wait_for(const D& d, const Stop&... stop) {
    return is_it(syncxx::wait_any_for(d, stop..., all_));
  }
  template <class T, class... Stop>
  bool wait_until(const T& t, const Stop&... stop) {
    return is_it(syncxx::wait_any_until(t, stop..., all_));
  }

 private:
  static type make(bool open) {
    if constexpr (requires(type t) { t.lock(); })
      return type();
    else if constexpr (requires(type t) { t.count_down(); })
      return type(open ? 0 : 1);
    else
      return type(open ? 1 : 0);
  }
  static bool is_it(std::optional<std::size_t> taken) {
    if (taken) {
      EXPECT_EQ(*taken, Others / 2) << "another object was taken";
    }
    return taken.has_value();
  }

  type it_;
  bool locked_;
  syncxx::interprocess::event shut_;
  syncxx::counting_semaphore<> empty_{0};
  std::vector<syncxx::waitable_ref> all_;
};

}  // namespace

waitable_kinds any_kinds() {
  using namespace syncxx;
  return {
      kind_of<any_waitable<any_lock<mutex>, 2>>("wait_any_mutex"),
      kind_of<any_waitable<any_lock<interprocess::mutex>, 2>>(
          "wait_any_interprocess_mutex"),
      kind_of<any_waitable<any_lock<shared_mutex>, 2>>("wait_any_shared_mutex"),
      kind_of<any_waitable<any_behind_reader<shared_mutex>, 2>>(
          "wait_any_shared_mutex_behind_reader"),
      kind_of<any_waitable<any_behind_reader<interprocess::shared_mutex>, 2>>(
          "wait_any_interprocess_shared_mutex_behind_reader"),
      kind_of<any_waitable<any_semaphore<counting_semaphore<>>, 127>>(
          "wait_any_of_128_semaphores"),
      kind_of<any_waitable<any_event<event, false>, 2>>("wait_any_event"),
      kind_of<any_waitable<any_event<auto_reset_event, true>, 2>>(
          "wait_any_auto_reset_event"),
      kind_of<any_waitable<any_latch<latch>, 2>>("wait_any_latch"),
  };
}

}  // namespace syncxx_test
