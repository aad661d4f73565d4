// SPDX-License-Identifier: Apache-2.0
#include <sync/mutex.h>
#include <sync/pi_mutex.h>
#include <sync/recursive_mutex.h>
#include <sync/robust_mutex.h>
#include <sync/spinlock.h>

#include "tests/support/thread_safety_off.h"
#include "tests/support/waitable_of.h"

namespace syncxx_test {

namespace {

template <class M, bool Parks = true, bool Stops = Parks>
class lock_waitable {
 public:
  static constexpr waitable_traits kTraits{
      .exclusive = true, .parks = Parks, .stops = Stops};

  explicit lock_waitable(bool open) : held_(!open) {
    if (held_) m_.lock();
  }
  ~lock_waitable() {
    if (held_) m_.unlock();
  }
  void open() {
    held_ = false;
    m_.unlock();
  }
  void give_back() { m_.unlock(); }

  bool try_wait() { return m_.try_lock(); }
  template <class... Stop>
  auto wait(const Stop&... stop) {
    return m_.lock(stop...);
  }
  template <class D, class... Stop>
  bool wait_for(const D& d, const Stop&... stop) {
    return m_.try_lock_for(d, stop...);
  }
  template <class T, class... Stop>
  bool wait_until(const T& t, const Stop&... stop) {
    return m_.try_lock_until(t, stop...);
  }

 private:
  M m_;
  bool held_;
};

}  // namespace

waitable_kinds lock_kinds() {
  return {
      kind_of<lock_waitable<syncxx::mutex>>("mutex"),
      kind_of<lock_waitable<syncxx::recursive_mutex>>("recursive_mutex"),
      kind_of<lock_waitable<syncxx::pi_mutex, true, false>>("pi_mutex"),
      kind_of<lock_waitable<syncxx::robust_mutex>>("robust_mutex"),
      kind_of<lock_waitable<syncxx::spinlock, false>>("spinlock"),
  };
}

}  // namespace syncxx_test
