// SPDX-License-Identifier: Apache-2.0
//
// One function for each fast path that a promise is made about. Never run:
// check_fast_paths.py compiles this and reads the machine code.
#include <sync/asymmetric_fence.h>
#include <sync/barrier.h>
#include <sync/biased_shared_mutex.h>
#include <sync/byte_mutex.h>
#include <sync/condition_variable.h>
#include <sync/event.h>
#include <sync/event_count.h>
#include <sync/interprocess.h>
#include <sync/latch.h>
#include <sync/mcs_lock.h>
#include <sync/mutex.h>
#include <sync/once.h>
#include <sync/pi_mutex.h>
#include <sync/queue_lock.h>
#include <sync/recursive_mutex.h>
#include <sync/robust_mutex.h>
#include <sync/semaphore.h>
#include <sync/seqlock.h>
#include <sync/shared_mutex.h>
#include <sync/spinlock.h>
#include <sync/ticket_lock.h>

#include <array>
#include <atomic>
#include <cstdint>

#if defined(__clang__)
#pragma clang diagnostic ignored "-Wthread-safety"
#endif

namespace interprocess = syncxx::interprocess;

// What mutex and spinlock are, written by hand with std::atomic. The seam costs
// nothing if both give the same instructions.
class bare_mutex {
 public:
  void lock() {
    std::uint32_t free = 0;
    if (!word_.compare_exchange_strong(free, 1, std::memory_order_acquire,
                                       std::memory_order_relaxed)) [[unlikely]]
      lock_slow();
  }
  bool try_lock() {
    std::uint32_t free = 0;
    return word_.compare_exchange_strong(free, 1, std::memory_order_acquire,
                                         std::memory_order_relaxed);
  }
  void unlock() {
    std::uint32_t alone = 1;
    if (!word_.compare_exchange_strong(alone, 0, std::memory_order_release,
                                       std::memory_order_relaxed)) [[unlikely]]
      unlock_slow();
  }

 private:
  [[gnu::cold, gnu::noinline]] void lock_slow();
  [[gnu::cold, gnu::noinline]] void unlock_slow() noexcept;
  std::atomic<std::uint32_t> word_{0};
};

class bare_spinlock {
 public:
  void lock() {
    if (locked_.exchange(true, std::memory_order_acquire)) [[unlikely]]
      lock_slow();
  }
  void unlock() { locked_.store(false, std::memory_order_release); }

 private:
  [[gnu::cold, gnu::noinline]] void lock_slow();
  std::atomic<bool> locked_{false};
};

extern "C" {

void mutex_lock(syncxx::mutex& m) { m.lock(); }
void mutex_unlock(syncxx::mutex& m) { m.unlock(); }
bool mutex_try_lock(syncxx::mutex& m) { return m.try_lock(); }
void bare_mutex_lock(bare_mutex& m) { m.lock(); }
void bare_mutex_unlock(bare_mutex& m) { m.unlock(); }
bool bare_mutex_try_lock(bare_mutex& m) { return m.try_lock(); }

void recursive_mutex_lock(syncxx::recursive_mutex& m) { m.lock(); }
void recursive_mutex_unlock(syncxx::recursive_mutex& m) { m.unlock(); }

void shared_mutex_lock(syncxx::shared_mutex& m) { m.lock(); }
bool shared_mutex_try_lock(syncxx::shared_mutex& m) { return m.try_lock(); }
void shared_mutex_unlock(syncxx::shared_mutex& m) { m.unlock(); }
void shared_mutex_lock_shared(syncxx::shared_mutex& m) { m.lock_shared(); }
bool shared_mutex_try_lock_shared(syncxx::shared_mutex& m) {
  return m.try_lock_shared();
}
void shared_mutex_unlock_shared(syncxx::shared_mutex& m) { m.unlock_shared(); }
void shared_mutex_lock_upgrade(syncxx::shared_mutex& m) { m.lock_upgrade(); }
void shared_mutex_unlock_upgrade(syncxx::shared_mutex& m) {
  m.unlock_upgrade();
}
void shared_mutex_unlock_upgrade_and_lock(syncxx::shared_mutex& m) {
  m.unlock_upgrade_and_lock();
}

void pi_mutex_lock(syncxx::pi_mutex& m) { m.lock(); }
void pi_mutex_unlock(syncxx::pi_mutex& m) { m.unlock(); }
bool pi_mutex_try_lock(syncxx::pi_mutex& m) { return m.try_lock(); }
void pi_condition_variable_notify_one(syncxx::pi_condition_variable& c) {
  c.notify_one();
}
void robust_mutex_lock(syncxx::robust_mutex& m) { m.lock(); }
void robust_mutex_unlock(syncxx::robust_mutex& m) { m.unlock(); }
void robust_pi_mutex_lock(syncxx::robust_pi_mutex& m) { m.lock(); }
void robust_pi_mutex_unlock(syncxx::robust_pi_mutex& m) { m.unlock(); }

void interprocess_shared_mutex_lock(interprocess::shared_mutex& m) { m.lock(); }
void interprocess_shared_mutex_unlock(interprocess::shared_mutex& m) {
  m.unlock();
}
void interprocess_shared_mutex_lock_shared(interprocess::shared_mutex& m) {
  m.lock_shared();
}
void interprocess_shared_mutex_unlock_shared(interprocess::shared_mutex& m) {
  m.unlock_shared();
}
void interprocess_pi_mutex_lock(interprocess::pi_mutex& m) { m.lock(); }
void interprocess_pi_mutex_unlock(interprocess::pi_mutex& m) { m.unlock(); }

void spinlock_lock(syncxx::spinlock& s) { s.lock(); }
void spinlock_unlock(syncxx::spinlock& s) { s.unlock(); }
bool spinlock_try_lock(syncxx::spinlock& s) { return s.try_lock(); }
void bare_spinlock_lock(bare_spinlock& s) { s.lock(); }
void bare_spinlock_unlock(bare_spinlock& s) { s.unlock(); }

void byte_mutex_lock(syncxx::byte_mutex& m) { m.lock(); }
void byte_mutex_unlock(syncxx::byte_mutex& m) { m.unlock(); }
bool byte_mutex_try_lock(syncxx::byte_mutex& m) { return m.try_lock(); }

void ticket_lock_lock(syncxx::ticket_lock& l) { l.lock(); }
void ticket_lock_unlock(syncxx::ticket_lock& l) { l.unlock(); }
bool ticket_lock_try_lock(syncxx::ticket_lock& l) { return l.try_lock(); }

void mcs_lock_lock(syncxx::mcs_lock& l, syncxx::mcs_lock::node& n) {
  l.lock(n);
}
void mcs_lock_unlock(syncxx::mcs_lock& l, syncxx::mcs_lock::node& n) {
  l.unlock(n);
}
bool mcs_lock_try_lock(syncxx::mcs_lock& l, syncxx::mcs_lock::node& n) {
  return l.try_lock(n);
}

void queue_lock_lock(syncxx::queue_lock& l) { l.lock(); }
void queue_lock_unlock(syncxx::queue_lock& l) { l.unlock(); }
bool queue_lock_try_lock(syncxx::queue_lock& l) { return l.try_lock(); }

void semaphore_acquire(syncxx::counting_semaphore<>& s) { s.acquire(); }
bool semaphore_try_acquire(syncxx::counting_semaphore<>& s) {
  return s.try_acquire();
}
void semaphore_release(syncxx::counting_semaphore<>& s) { s.release(); }
void binary_semaphore_acquire(syncxx::binary_semaphore& s) { s.acquire(); }
void binary_semaphore_release(syncxx::binary_semaphore& s) { s.release(); }

void event_wait(syncxx::event& e) { e.wait(); }
bool event_try_wait(syncxx::event& e) { return e.try_wait(); }
bool event_is_set(syncxx::event& e) { return e.is_set(); }
void event_set(syncxx::event& e) { e.set(); }
void auto_reset_event_wait(syncxx::auto_reset_event& e) { e.wait(); }
void auto_reset_event_set(syncxx::auto_reset_event& e) { e.set(); }

void event_count_notify_one(syncxx::event_count& c) { c.notify_one(); }
void event_count_notify_all(syncxx::event_count& c) { c.notify_all(); }

void latch_wait(syncxx::latch& l) { l.wait(); }
bool latch_try_wait(syncxx::latch& l) { return l.try_wait(); }
void latch_count_down(syncxx::latch& l) { l.count_down(); }

void barrier_arrive(syncxx::barrier<>& b) { static_cast<void>(b.arrive()); }
bool barrier_try_wait(syncxx::barrier<>& b,
                      const syncxx::barrier<>::arrival_token& t) {
  return b.try_wait(t);
}

void once_call(syncxx::once_flag& o, void (*f)()) { syncxx::call_once(o, f); }
bool once_is_done(syncxx::once_flag& o) { return o.is_done(); }

void condition_variable_notify_one(syncxx::condition_variable& c) {
  c.notify_one();
}
void condition_variable_notify_all(syncxx::condition_variable& c) {
  c.notify_all();
}
void condition_variable_any_notify_one(syncxx::condition_variable_any& c) {
  c.notify_one();
}
void condition_variable_any_notify_all(syncxx::condition_variable_any& c) {
  c.notify_all();
}

void asymmetric_fence_light() {
  syncxx::asymmetric_thread_fence_light(std::memory_order_seq_cst);
}
void biased_shared_mutex_lock_shared(syncxx::biased_shared_mutex& m) {
  m.lock_shared();
}
bool biased_shared_mutex_try_lock_shared(syncxx::biased_shared_mutex& m) {
  return m.try_lock_shared();
}
void biased_shared_mutex_unlock_shared(syncxx::biased_shared_mutex& m) {
  m.unlock_shared();
}

using three_words = std::array<std::uint64_t, 3>;
bool seqlock_try_load(const syncxx::seqlock<three_words>& s, three_words& v) {
  return s.try_load(v);
}
void seqlock_store(syncxx::seqlock<three_words>& s, const three_words& v) {
  s.store(v);
}

// The checker itself must be able to fail: these have known counts.
void control_two_locked(std::atomic<int>& x) {
  x.fetch_add(1);
  x.store(7);  // seq_cst: an xchg with memory, which locks without a prefix
}
void control_one_of_two_ways(std::atomic<int>& x, bool b) {
  if (b) x.fetch_add(1);
}
}
