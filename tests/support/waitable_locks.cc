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

#include <stop_token>

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

// A shared_mutex by its three sides: exclusive and upgrade ownership as locks
// of their own, and each kind of wait for another kind of owner.
template <class M>
class upgrade_side {
 public:
  void lock() { m_.lock_upgrade(); }
  bool lock(const std::stop_token& stop) { return m_.lock_upgrade(stop); }
  bool try_lock() { return m_.try_lock_upgrade(); }
  template <class D, class... Stop>
  bool try_lock_for(const D& d, const Stop&... stop) {
    return m_.try_lock_upgrade_for(d, stop...);
  }
  template <class T, class... Stop>
  bool try_lock_until(const T& t, const Stop&... stop) {
    return m_.try_lock_upgrade_until(t, stop...);
  }
  void unlock() { m_.unlock_upgrade(); }

 private:
  M m_;
};

// A writer that waits for a reader.
template <class M>
class behind_reader_waitable {
 public:
  static constexpr waitable_traits kTraits{
      .exclusive = true, .parks = true, .stops = true};

  explicit behind_reader_waitable(bool open) : held_(!open) {
    if (held_) m_.lock_shared();
  }
  ~behind_reader_waitable() {
    if (held_) m_.unlock_shared();
  }
  void open() {
    held_ = false;
    m_.unlock_shared();
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

// Readers that wait for a writer.
template <class M>
class readers_waitable {
 public:
  static constexpr waitable_traits kTraits{
      .exclusive = false, .parks = true, .stops = true};

  explicit readers_waitable(bool open) : held_(!open) {
    if (held_) m_.lock();
  }
  ~readers_waitable() {
    if (held_) m_.unlock();
  }
  void open() {
    held_ = false;
    m_.unlock();
  }
  void give_back() { m_.unlock_shared(); }

  bool try_wait() { return m_.try_lock_shared(); }
  template <class... Stop>
  auto wait(const Stop&... stop) {
    return m_.lock_shared(stop...);
  }
  template <class D, class... Stop>
  bool wait_for(const D& d, const Stop&... stop) {
    return m_.try_lock_shared_for(d, stop...);
  }
  template <class T, class... Stop>
  bool wait_until(const T& t, const Stop&... stop) {
    return m_.try_lock_shared_until(t, stop...);
  }

 private:
  M m_;
  bool held_;
};

// The shared side, which a writer keeps shut: a gate, whose waiters read for a
// moment when they are let through.
template <class M>
class shared_side {
 public:
  explicit shared_side(bool open) : held_(!open) {
    if (held_) m_.lock();
  }
  ~shared_side() {
    if (held_) m_.unlock();
  }
  static constexpr waitable_traits kTraits{
      .exclusive = false, .parks = true, .stops = true};
  void open() {
    held_ = false;
    m_.unlock();
  }
  void give_back() {}

  bool try_wait() { return passed(m_.try_lock_shared()); }
  void wait() {
    m_.lock_shared();
    passed(true);
  }
  bool wait(const std::stop_token& stop) {
    return passed(m_.lock_shared(stop));
  }
  template <class D, class... Stop>
  bool wait_for(const D& d, const Stop&... stop) {
    return passed(m_.try_lock_shared_for(d, stop...));
  }
  template <class T, class... Stop>
  bool wait_until(const T& t, const Stop&... stop) {
    return passed(m_.try_lock_shared_until(t, stop...));
  }

 private:
  bool passed(bool shared) {
    if (shared) m_.unlock_shared();
    return shared;
  }
  M m_;
  bool held_;
};

}  // namespace

waitable_kinds lock_kinds() {
  using syncxx::shared_mutex;
  return {
      kind_of<lock_waitable<syncxx::biased_shared_mutex>>(
          "biased_shared_mutex"),
      kind_of<shared_side<syncxx::biased_shared_mutex>>(
          "biased_shared_mutex_shared"),
      kind_of<lock_waitable<syncxx::mutex>>("mutex"),
      kind_of<lock_waitable<syncxx::recursive_mutex>>("recursive_mutex"),
      kind_of<lock_waitable<shared_mutex>>("shared_mutex"),
      kind_of<lock_waitable<upgrade_side<shared_mutex>>>(
          "shared_mutex_upgrade"),
      kind_of<behind_reader_waitable<shared_mutex>>(
          "shared_mutex_behind_reader"),
      kind_of<readers_waitable<shared_mutex>>("shared_mutex_readers"),
      kind_of<lock_waitable<syncxx::byte_mutex>>("byte_mutex"),
      kind_of<lock_waitable<syncxx::pi_mutex, true, false>>("pi_mutex"),
      kind_of<lock_waitable<syncxx::robust_mutex>>("robust_mutex"),
      kind_of<lock_waitable<syncxx::robust_pi_mutex, true, false>>(
          "robust_pi_mutex"),
      kind_of<lock_waitable<syncxx::spinlock, false>>("spinlock"),
      kind_of<lock_waitable<syncxx::interprocess::mutex>>("interprocess_mutex"),
      kind_of<lock_waitable<syncxx::interprocess::shared_mutex>>(
          "interprocess_shared_mutex"),
      kind_of<lock_waitable<upgrade_side<syncxx::interprocess::shared_mutex>>>(
          "interprocess_shared_mutex_upgrade"),
      kind_of<behind_reader_waitable<syncxx::interprocess::shared_mutex>>(
          "interprocess_shared_mutex_behind_reader"),
      kind_of<readers_waitable<syncxx::interprocess::shared_mutex>>(
          "interprocess_shared_mutex_readers"),
      kind_of<lock_waitable<syncxx::interprocess::pi_mutex, true, false>>(
          "interprocess_pi_mutex"),
  };
}

}  // namespace syncxx_test
