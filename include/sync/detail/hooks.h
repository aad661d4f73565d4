// SPDX-License-Identifier: Apache-2.0
//
// Where a primitive tells what happens to it: one hook point per event.
//
// In the plain library these are empty functions. In the hooked one
// (SYNCXX_HOOKED) each is one load and, when somebody listens, a call; in the
// model library the checker listens.
// They stand in the inline shell of a primitive only, never in its protocol:
// the checked lock is the lock.
#ifndef SYNCXX_DETAIL_HOOKS_H_
#define SYNCXX_DETAIL_HOOKS_H_

#include <cstdint>

#include <sync/detail/atomic.h>
#include <sync/detail/config.h>
#include <sync/detail/hook_self.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

enum class object_kind : std::uint8_t {
  mutex,
  recursive_mutex,
  spinlock,
  semaphore,
  event,
  auto_reset_event,
  latch,
  condition_variable,
  condition_variable_any,
  shared_mutex,          // exclusively
  shared_mutex_upgrade,  // an upgrader's ownership of a shared_mutex
  shared_mutex_shared,   // a reader's
  byte_mutex,
  event_count,
  ticket_lock,
  mcs_lock,
  queue_lock,
  barrier,
  once_flag,
  biased_shared_mutex,  // its exclusive side
  pi_mutex,
  robust_mutex,
  robust_pi_mutex,
  thread,  // what a join waits for
  // What `syncxx watch` hears of in programs that know nothing of this library.
  pthread_mutex,
  pthread_recursive_mutex,
  pthread_rwlock,         // exclusively
  pthread_rwlock_shared,  // a reader's
  pthread_spinlock,
  pthread_cond,
  posix_semaphore,
  pthread_barrier,
};

// How long a wait may take, as far as the waiter is concerned.
enum class waits : std::uint8_t {
  for_ever,   // and a listener may throw in place of it
  revocable,  // the same, and it may be called off later (told_wait.h)
  bounded,    // until some time, or until a stop is requested
  committed,  // for ever, and it can't be called off any more
};

// What listeners provide. `object` is the primitive's address. A listener that
// finds a misuse may throw where a comment allows it; nothing has been changed
// then.
struct hook_table {
  // About to acquire, perhaps to block. May throw.
  void (*attempt)(const void* object, object_kind kind);
  // Owned by the calling thread from now on; also after a condition variable's
  // wait, without an attempt before. A recursive lock's inner levels do not
  // come here.
  void (*acquired)(const void* object, object_kind kind) noexcept;
  // About to be released (unlock, release, set, count_down, notify). May throw,
  // but for a condition variable.
  void (*releasing)(const void* object, object_kind kind);
  // About to block / no longer blocked. May throw where waits::for_ever or
  // revocable.
  void (*wait_begin)(const void* object, object_kind kind, waits how);
  void (*wait_end)(const void* object, object_kind kind) noexcept;
  // A misuse that the primitive itself has found: `what` and `code` say which.
  // Returns where misuse is only reported; else throws or aborts.
  void (*misuse)(const void* object, object_kind kind, const char* what,
                 int errno_code);
  // About to be made anew in the child of a fork: who held it there does not.
  void (*reset)(const void* object, object_kind kind) noexcept;
  // About to be destroyed.
  void (*destroyed)(const void* object, object_kind kind) noexcept;
  // Whether it need not hear of the steps that are inline (hook_self.h).
  bool knows_steps;
};

#if SYNCXX_HOOKED

// Null: nobody listens. The table is never freed.
extern constinit atomic<const hook_table*> g_hooks;

// [H1] acquire; pairs with [H2], the release in which a listener is installed
// (src/deadlock/): its table is complete. A plain move on x86-64.
inline const hook_table* hooks() noexcept {
  return g_hooks.load(memory_order_acquire);
}

// `done`: there is nothing to tell. The empty statement keeps the call from
// becoming a jump, which would take the caller's frame off the stack that the
// listener walks.
#define SYNCXX_DEFINE_HOOK_(name, may_throw, done)                   \
  SYNCXX_ALWAYS_INLINE void hook_##name(                             \
      const void* object, object_kind kind) noexcept(!(may_throw)) { \
    if (const hook_table* table = hooks()) [[unlikely]] {            \
      if (table->knows_steps && (done)) [[likely]]                   \
        return;                                                      \
      table->name(object, kind);                                     \
      __asm__ __volatile__("");                                      \
    }                                                                \
  }

SYNCXX_ALWAYS_INLINE void hook_wait_begin(const void* object, object_kind kind,
                                          waits how) {
  if (const hook_table* table = hooks()) [[unlikely]] {
    table->wait_begin(object, kind, how);
    __asm__ __volatile__("");
  }
}

#elif SYNCXX_MODELLED

// The checker hears of locks (src/model/misuse.cc).
void hook_attempt(const void* object, object_kind kind);
void hook_acquired(const void* object, object_kind kind) noexcept;
void hook_releasing(const void* object, object_kind kind);
void hook_reset(const void* object, object_kind kind) noexcept;
void hook_destroyed(const void* object, object_kind kind) noexcept;
inline void hook_wait_begin(const void*, object_kind, waits) noexcept {}
inline void hook_wait_end(const void*, object_kind) noexcept {}

#else

SYNCXX_ALWAYS_INLINE constexpr void hook_wait_begin(const void*, object_kind,
                                                    waits) noexcept {}

#define SYNCXX_DEFINE_HOOK_(name, may_throw, done)             \
  SYNCXX_ALWAYS_INLINE constexpr void hook_##name(const void*, \
                                                  object_kind) noexcept {}

#endif

#if !SYNCXX_MODELLED
SYNCXX_DEFINE_HOOK_(attempt, true, false)
SYNCXX_DEFINE_HOOK_(acquired, false, acquired_as_expected(object, kind))
// What a semaphore is given is told of.
SYNCXX_DEFINE_HOOK_(releasing, true,
                    kind != object_kind::semaphore &&
                        released_last(object, kind))
SYNCXX_DEFINE_HOOK_(wait_end, false, false)
SYNCXX_DEFINE_HOOK_(reset, false, false)
SYNCXX_DEFINE_HOOK_(destroyed, false, false)
#undef SYNCXX_DEFINE_HOOK_
#endif

// A condition variable is notified. The checker of models sees that by itself.
SYNCXX_ALWAYS_INLINE void hook_notify(
    [[maybe_unused]] const void* condition,
    [[maybe_unused]] object_kind kind) noexcept {
#if SYNCXX_HOOKED
  hook_releasing(condition, kind);
#endif
}

// Ends an operation that was misused: throws std::system_error with the code
// errno_code, saying `what`. In the hooked library a listener speaks first, and
// may abort instead; in the model library it is a verdict of the checker.
[[noreturn]] SYNCXX_COLD void misused(const void* object, object_kind kind,
                                      const char* what, int errno_code);

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_HOOKS_H_
