// SPDX-License-Identifier: Apache-2.0
#include <sync/biased_shared_mutex.h>
#include <sync/byte_mutex.h>
#include <sync/interprocess.h>
#include <sync/mutex.h>
#include <sync/pi_mutex.h>
#include <sync/recursive_mutex.h>
#include <sync/robust_mutex.h>
#include <sync/shared_mutex.h>
#include <sync/spinlock.h>

#include "tests/support/thread_safety_off.h"
#include "tests/support/waitable_of.h"

namespace syncxx_test {

namespace {

// The ways to own a lock, as functions of one name each.
struct exclusive {
  static constexpr bool kAlone = true;
  template <class M, class... Stop>
  static auto lock(M& m, const Stop&... stop) {
    return m.lock(stop...);
  }
  template <class M>
  static bool try_lock(M& m) {
    return m.try_lock();
  }
  template <class M, class D, class... Stop>
  static bool try_for(M& m, const D& d, const Stop&... stop) {
    return m.try_lock_for(d, stop...);
  }
  template <class M, class T, class... Stop>
  static bool try_until(M& m, const T& t, const Stop&... stop) {
    return m.try_lock_until(t, stop...);
  }
  template <class M>
  static void unlock(M& m) {
    m.unlock();
  }
};
struct upgrade {
  static constexpr bool kAlone = true;
  template <class M, class... Stop>
  static auto lock(M& m, const Stop&... stop) {
    return m.lock_upgrade(stop...);
  }
  template <class M>
  static bool try_lock(M& m) {
    return m.try_lock_upgrade();
  }
  template <class M, class D, class... Stop>
  static bool try_for(M& m, const D& d, const Stop&... stop) {
    return m.try_lock_upgrade_for(d, stop...);
  }
  template <class M, class T, class... Stop>
  static bool try_until(M& m, const T& t, const Stop&... stop) {
    return m.try_lock_upgrade_until(t, stop...);
  }
  template <class M>
  static void unlock(M& m) {
    m.unlock_upgrade();
  }
};
struct shared {
  static constexpr bool kAlone = false;
  template <class M, class... Stop>
  static auto lock(M& m, const Stop&... stop) {
    return m.lock_shared(stop...);
  }
  template <class M>
  static bool try_lock(M& m) {
    return m.try_lock_shared();
  }
  template <class M, class D, class... Stop>
  static bool try_for(M& m, const D& d, const Stop&... stop) {
    return m.try_lock_shared_for(d, stop...);
  }
  template <class M, class T, class... Stop>
  static bool try_until(M& m, const T& t, const Stop&... stop) {
    return m.try_lock_shared_until(t, stop...);
  }
  template <class M>
  static void unlock(M& m) {
    m.unlock_shared();
  }
};

// Threads that want it one way while it is owned in another.
template <class M, class Wanted = exclusive, class Owned = exclusive,
          bool Parks = true, bool Stops = Parks>
class lock_waitable {
 public:
  static constexpr waitable_traits kTraits{
      .exclusive = Wanted::kAlone, .parks = Parks, .stops = Stops};

  explicit lock_waitable(bool open) : held_(!open) {
    if (held_) Owned::lock(m_);
  }
  ~lock_waitable() {
    if (held_) Owned::unlock(m_);
  }
  void open() {
    held_ = false;
    Owned::unlock(m_);
  }
  void give_back() { Wanted::unlock(m_); }

  bool try_wait() { return Wanted::try_lock(m_); }
  template <class... Stop>
  auto wait(const Stop&... stop) {
    return Wanted::lock(m_, stop...);
  }
  template <class D, class... Stop>
  bool wait_for(const D& d, const Stop&... stop) {
    return Wanted::try_for(m_, d, stop...);
  }
  template <class T, class... Stop>
  bool wait_until(const T& t, const Stop&... stop) {
    return Wanted::try_until(m_, t, stop...);
  }

 private:
  M m_;
  bool held_;
};

}  // namespace

waitable_kinds lock_kinds() {
  using syncxx::biased_shared_mutex, syncxx::shared_mutex;
  return {
      kind_of<lock_waitable<biased_shared_mutex>>("biased_shared_mutex"),
      kind_of<lock_waitable<biased_shared_mutex, exclusive, shared>>(
          "biased_shared_mutex_behind_reader"),
      kind_of<lock_waitable<biased_shared_mutex, shared>>(
          "biased_shared_mutex_readers"),
      kind_of<lock_waitable<syncxx::mutex>>("mutex"),
      kind_of<lock_waitable<syncxx::recursive_mutex>>("recursive_mutex"),
      kind_of<lock_waitable<shared_mutex>>("shared_mutex"),
      kind_of<lock_waitable<shared_mutex, upgrade, upgrade>>(
          "shared_mutex_upgrade"),
      kind_of<lock_waitable<shared_mutex, exclusive, shared>>(
          "shared_mutex_behind_reader"),
      kind_of<lock_waitable<shared_mutex, exclusive, upgrade>>(
          "shared_mutex_behind_upgrader"),
      kind_of<lock_waitable<shared_mutex, upgrade, exclusive>>(
          "shared_mutex_upgrade_behind_writer"),
      kind_of<lock_waitable<shared_mutex, shared>>("shared_mutex_readers"),
      kind_of<lock_waitable<syncxx::byte_mutex>>("byte_mutex"),
      kind_of<
          lock_waitable<syncxx::pi_mutex, exclusive, exclusive, true, false>>(
          "pi_mutex"),
      kind_of<lock_waitable<syncxx::robust_mutex>>("robust_mutex"),
      kind_of<lock_waitable<syncxx::robust_pi_mutex, exclusive, exclusive, true,
                            false>>("robust_pi_mutex"),
      kind_of<lock_waitable<syncxx::spinlock, exclusive, exclusive, false>>(
          "spinlock"),
      kind_of<lock_waitable<syncxx::interprocess::mutex>>("interprocess_mutex"),
      kind_of<lock_waitable<syncxx::interprocess::shared_mutex>>(
          "interprocess_shared_mutex"),
      kind_of<
          lock_waitable<syncxx::interprocess::shared_mutex, upgrade, upgrade>>(
          "interprocess_shared_mutex_upgrade"),
      kind_of<
          lock_waitable<syncxx::interprocess::shared_mutex, exclusive, shared>>(
          "interprocess_shared_mutex_behind_reader"),
      kind_of<lock_waitable<syncxx::interprocess::shared_mutex, shared>>(
          "interprocess_shared_mutex_readers"),
      kind_of<lock_waitable<syncxx::interprocess::pi_mutex, exclusive,
                            exclusive, true, false>>("interprocess_pi_mutex"),
  };
}

}  // namespace syncxx_test
