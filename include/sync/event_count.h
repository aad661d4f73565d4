// SPDX-License-Identifier: Apache-2.0
//
// event_count: a condition variable for predicates that no mutex guards.
//
// Choose it to let threads sleep until a lock-free structure has something for
// them: "the queue is not empty". Choose condition_variable where a mutex
// guards the data; event or counting_semaphore where the signal is all there
// is.
//
//   consumer                                producer
//   for (;;) {                              queue.push(x);
//     if (queue.try_pop(x)) break;          count.notify_one();
//     auto key = count.prepare_wait();
//     if (queue.try_pop(x)) {               // or, for the consumer:
//       count.cancel_wait();                count.await([&] {
//       break;                                return queue.try_pop(x);
//     }                                     });
//     count.wait(key);
//   }
//
// Promises
//   size      8 bytes; constinit; usable in zero-initialised memory; trivially
//             destructible (not in the hooked library)
//   cost      notify with nobody waiting: 1 seq_cst fence and a load, no
//             syscall; prepare_wait 1 atomic RMW and a fence, cancel_wait 1 RMW
//   progress  notify is wait-free but for the wake; waits block
//   ordering  a predicate that is true because of what a thread wrote before it
//             called notify_*() is found true by a waiter that looks after
//             prepare_wait(), or else the waiter's wait() returns because of
//             that call; and then sees what that thread wrote before. This
//             holds for relaxed accesses too. A predicate found true orders
//             only as its own accesses do
//   lifetime  not before all notify_*() have returned (they look at the count
//             after the predicate has become true)
//   waits     can be bounded by any clock and by a stop_token; may return for
//             no reason: the epoch has ended, somebody was notified
//   fork      in the child: construct anew; do not use the parent's state
//   errors    wait() or cancel_wait() without prepare_wait():
//             operation_not_permitted; more than 2^31 - 1 waiters:
//             resource_unavailable_try_again
//
// notify_*() is async-signal-safe. An event that comes 2^32 notifications late
// would be overlooked: a waiter that stays between prepare_wait() and wait()
// while as many are made sleeps until the next.
//
// Reference: D. Vyukov, eventcount (2008); folly/experimental/EventCount.h.
// Design: docs/design/event_count.md. Stress: stress/event_count_stress.cc.
#ifndef SYNCXX_EVENT_COUNT_H_
#define SYNCXX_EVENT_COUNT_H_

#include <chrono>
#include <cstdint>

#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/futex.h>
#include <sync/detail/hooks.h>
#include <sync/detail/raw_event_count.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {

class event_count {
 public:
  // What prepare_wait() gives and wait() takes, once.
  class key {
   public:
    key(const key&) noexcept = default;
    key& operator=(const key&) noexcept = default;

   private:
    friend class event_count;
    constexpr explicit key(std::uint32_t epoch) noexcept : epoch_(epoch) {}
    std::uint32_t epoch_;
  };

  constexpr event_count() noexcept = default;
  event_count(const event_count&) = delete;
  event_count& operator=(const event_count&) = delete;
#if SYNCXX_HOOKED
  ~event_count() { detail::hook_destroyed(this, kKind); }
#endif

  // Wakes one thread, or all, that have called prepare_wait() before. Of those
  // that are not asleep yet, all go on.
  void notify_one() noexcept { raw_.notify(1); }
  void notify_all() noexcept { raw_.notify(detail::kAllSleepers); }

  // From here on no notification is missed. Look at the predicate once more,
  // and end this with one wait or with cancel_wait().
  [[nodiscard]] key prepare_wait() {
    std::uint32_t epoch = 0;
    if (!raw_.enter(epoch)) [[unlikely]]
      too_many();
    return key(epoch);
  }
  void cancel_wait() {
    expect_prepared();
    raw_.leave();
  }
  void cancel_wait(key) { cancel_wait(); }

  // Blocks until somebody is notified who has prepared as early as the key.
  void wait(key since) { sleep(since, detail::deadline::never()); }

  // Block until then (true), or until the time has passed or a stop was
  // requested (false). True if it has happened even so. A time that has passed
  // costs no syscall. Either way what prepare_wait() began is over.
  bool wait(key since, const stop_token& stop) {
    return sleep(since, detail::deadline::never(), &stop);
  }
  template <class Rep, class Period>
  bool wait_for(key since, const std::chrono::duration<Rep, Period>& time,
                const stop_token& stop = stop_token{}) {
    return sleep(since, detail::deadline::after(time), &stop);
  }
  template <class Clock, class Duration>
  bool wait_until(key since,
                  const std::chrono::time_point<Clock, Duration>& time,
                  const stop_token& stop = stop_token{}) {
    expect_prepared();
    const leaver end(raw_);
    return block_until(since, time, stop);
  }

  // Blocks until holds() is true; this thread calls it, at least once, and it
  // may take what it finds. What it throws is passed on.
  template <class Predicate>
  void await(Predicate holds) {
    await_by(holds, [this](key since) {
      return block(since, detail::deadline::never());
    });
  }

  // Block until holds() is true (true), or the time has passed or a stop was
  // requested and holds() was false afterwards (false).
  template <class Predicate>
  bool await(Predicate holds, const stop_token& stop) {
    return await_by(holds, [&](key since) {
      return block(since, detail::deadline::never(), &stop);
    });
  }
  template <class Predicate, class Rep, class Period>
  bool await_for(Predicate holds,
                 const std::chrono::duration<Rep, Period>& time,
                 const stop_token& stop = stop_token{}) {
    const auto until = detail::deadline::after(time);
    return await_by(holds,
                    [&](key since) { return block(since, until, &stop); });
  }
  template <class Predicate, class Clock, class Duration>
  bool await_until(Predicate holds,
                   const std::chrono::time_point<Clock, Duration>& time,
                   const stop_token& stop = stop_token{}) {
    return await_by(holds,
                    [&](key since) { return block_until(since, time, stop); });
  }

 private:
  static constexpr auto kKind = detail::object_kind::event_count;
  using raw = detail::raw_event_count<SYNCXX_TSAN ? detail::store_load::update
                                                  : detail::store_load::fence>;

  class leaver {
   public:
    explicit leaver(raw& r) noexcept : raw_(r) {}
    leaver(const leaver&) = delete;
    leaver& operator=(const leaver&) = delete;
    ~leaver() { raw_.leave(); }

   private:
    raw& raw_;
  };

  // What the calling thread has counted it finds counted.
  void expect_prepared() const {
    if (!raw_.is_counted()) [[unlikely]]
      unprepared();
  }
  bool block(key since, detail::deadline until,
             const stop_token* stop = nullptr) noexcept {
    detail::hook_wait_begin(
        this, kKind,
        detail::how_long(until, stop, futex_scope::process_private,
                         detail::waits::committed));
    const bool notified = raw_.wait(since.epoch_, until, stop);
    detail::hook_wait_end(this, kKind);
    return notified;
  }
  template <class Clock, class Duration>
  bool block_until(key since,
                   const std::chrono::time_point<Clock, Duration>& time,
                   const stop_token& stop) {
    return detail::wait_until(
        time,
        [&](detail::deadline until) { return block(since, until, &stop); },
        stop);
  }
  bool sleep(key since, detail::deadline until,
             const stop_token* stop = nullptr) {
    expect_prepared();
    const leaver end(raw_);
    return block(since, until, stop);
  }
  template <class Predicate, class Block>
  bool await_by(Predicate& holds, const Block& block_since) {
    for (;;) {
      if (holds()) return true;
      const key since = prepare_wait();
      const leaver end(raw_);
      if (holds()) return true;
      if (!block_since(since)) return holds();
    }
  }
  [[noreturn]] SYNCXX_COLD void unprepared() const;
  [[noreturn]] SYNCXX_COLD static void too_many();

  raw raw_;
};

static_assert(SYNCXX_IN_RELACY || sizeof(event_count) == 8);

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_EVENT_COUNT_H_
