// SPDX-License-Identifier: Apache-2.0
//
// How a class with the waits of one primitive becomes a kind of waitable. Only
// waitable_*.cc include this.
#ifndef SYNCXX_TESTS_SUPPORT_WAITABLE_OF_H_
#define SYNCXX_TESTS_SUPPORT_WAITABLE_OF_H_

#include <memory>
#include <stop_token>
#include <type_traits>
#include <variant>

#include "tests/support/waitables.h"

namespace syncxx_test {

waitable_kinds lock_kinds();
waitable_kinds semaphore_kinds();
waitable_kinds gate_kinds();
waitable_kinds condition_kinds();
waitable_kinds any_kinds();

// A W behind the interface. W has the traits as kTraits and the members of a
// waitable, but for the waits: they are called with the duration or the time
// point itself, and with a stop token only where there is one.
template <class W>
class waitable_of final : public waitable {
 public:
  explicit waitable_of(bool open) : w_(open) {}

  waitable_traits traits() const override { return W::kTraits; }
  void open() override { w_.open(); }
  void give_back() override { w_.give_back(); }

  bool try_wait() override { return w_.try_wait(); }
  bool wait(const std::stop_token* stop) override {
    return call(stop, [&](const auto&... s) { return w_.wait(s...); });
  }
  bool wait_for(const any_duration& any, const std::stop_token* stop) override {
    return std::visit(
        [&](const auto& d) {
          return call(stop,
                      [&](const auto&... s) { return w_.wait_for(d, s...); });
        },
        any);
  }
  bool wait_until(const any_deadline& any,
                  const std::stop_token* stop) override {
    return std::visit(
        [&](const auto& t) {
          return call(stop,
                      [&](const auto&... s) { return w_.wait_until(t, s...); });
        },
        any);
  }

 private:
  // A wait that has no answer has succeeded.
  template <class Wait>
  static bool call(const std::stop_token* stop, const Wait& wait) {
    if constexpr (W::kTraits.stops)
      if (stop != nullptr) return wait(*stop);
    if constexpr (std::is_void_v<decltype(wait())>) {
      wait();
      return true;
    } else {
      return wait();
    }
  }

  W w_;
};

template <class W>
waitable_kind kind_of(const char* name) {
  return {name, W::kTraits, [](bool open) -> std::unique_ptr<waitable> {
            return std::make_unique<waitable_of<W>>(open);
          }};
}

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_WAITABLE_OF_H_
