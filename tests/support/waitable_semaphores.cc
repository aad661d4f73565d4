// SPDX-License-Identifier: Apache-2.0
#include <sync/interprocess.h>
#include <sync/semaphore.h>

#include "tests/support/waitable_of.h"

namespace syncxx_test {

namespace {

template <class S>
class semaphore_waitable {
 public:
  static constexpr waitable_traits kTraits{
      .exclusive = true, .parks = true, .stops = true};

  explicit semaphore_waitable(bool open) : s_(open ? 1 : 0) {}
  void open() { s_.release(); }
  void give_back() { s_.release(); }

  bool try_wait() { return s_.try_acquire(); }
  template <class... Stop>
  auto wait(const Stop&... stop) {
    return s_.acquire(stop...);
  }
  template <class D, class... Stop>
  bool wait_for(const D& d, const Stop&... stop) {
    return s_.try_acquire_for(d, stop...);
  }
  template <class T, class... Stop>
  bool wait_until(const T& t, const Stop&... stop) {
    return s_.try_acquire_until(t, stop...);
  }

 private:
  S s_;
};

}  // namespace

waitable_kinds semaphore_kinds() {
  return {
      kind_of<semaphore_waitable<syncxx::counting_semaphore<>>>(
          "counting_semaphore"),
      kind_of<semaphore_waitable<syncxx::binary_semaphore>>("binary_semaphore"),
      kind_of<semaphore_waitable<syncxx::interprocess::counting_semaphore<>>>(
          "interprocess_counting_semaphore"),
  };
}

}  // namespace syncxx_test
