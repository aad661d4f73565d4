// SPDX-License-Identifier: Apache-2.0
//
// Threads: their creation, end and join, of pthread and C11.
//
// A thread's end is told by the destructor of a key, in the last round of them:
// after the destructors of C++'s thread_local objects, and of the other keys.
#include <limits.h>
#include <pthread.h>
#include <threads.h>

#include <cerrno>
#include <cstdint>
#include <memory>

#include <sync/detail/atomic.h>

#include "../detection/storage.h"
#include "watching.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// In the hooked library this links pthread_create() and pthread_join() of its
// own; here are others.
void hear_thread_calls() noexcept {}

namespace preload {
namespace {

struct what_to_run {
  void* (*run)(void*);
  int (*run_c11)(void*);
  void* argument;
};

// How a new thread begins. Not in malloc's memory: a thread may be created
// from within the program's malloc.
struct beginning {
  atomic<bool> is_used{false};
  bool is_page = false;
  checker::thread_serial serial = 0;
  what_to_run what = {};
};

constexpr std::size_t kBeginnings = 64;  // of threads that have not begun yet
constinit beginning g_beginnings[kBeginnings];

beginning* new_beginning() noexcept {
  for (beginning& one : g_beginnings) {
    // [TB1] acquire; pairs with [TB2]: the thread that had it has read it.
    if (!one.is_used.load(memory_order_relaxed) &&
        !one.is_used.exchange(true, memory_order_acquire)) {
      return &one;
    }
  }
  void* const page = map_pages(sizeof(beginning));
  if (page == nullptr) return nullptr;
  auto* const one = std::construct_at(static_cast<beginning*>(page));
  one->is_page = true;
  return one;
}

void drop(beginning* one) noexcept {
  if (one->is_page)
    unmap_pages(one, sizeof(beginning));
  else  // [TB2] release; pairs with [TB1].
    one->is_used.store(false, memory_order_release);
}

constinit pthread_key_t g_key = 0;
constinit bool g_has_key = false;

// The key's value is how many rounds of destructors there have been.
void at_thread_end(void* value) noexcept {
  const auto round = reinterpret_cast<std::uintptr_t>(value);
  if (round < PTHREAD_DESTRUCTOR_ITERATIONS) {
    static_cast<void>(
        ::pthread_setspecific(g_key, reinterpret_cast<void*>(round + 1)));
    return;
  }
  statistics::thread_ends();
  static_cast<void>(is_refused(checker::thread_ends()));
  t_phase = phase::has_ended;
}

void tell_end_of_this_thread() noexcept {
  if (g_has_key) {
    static_cast<void>(::pthread_setspecific(
        g_key, reinterpret_cast<void*>(std::uintptr_t{1})));
  }
}

what_to_run begin_thread(void* argument) noexcept {
  auto* const begins = static_cast<beginning*>(argument);
  const what_to_run what = begins->what;
  const checker::thread_serial serial = begins->serial;
  drop(begins);
  tell_end_of_this_thread();
  checker::thread_begins(serial, ::pthread_self());
  return what;
}

void* run_thread(void* argument) {
  const what_to_run what = begin_thread(argument);
  return what.run(what.argument);
}

int run_c11_thread(void* argument) {
  const what_to_run what = begin_thread(argument);
  return what.run_c11(what.argument);
}

// `create` is the real call, given what the thread runs, and `create_plainly`
// the same for one that is not told of: those that the checker itself starts.
template <class Create, class CreatePlainly>
int create_thread(const pthread_t* thread, what_to_run what, int no_memory,
                  Create&& create, CreatePlainly&& create_plainly) noexcept {
  const checker::thread_serial serial = checker::creating_thread();
  if (serial == 0) return create_plainly();
  beginning* const begins = new_beginning();
  int result = no_memory;
  if (begins != nullptr) {
    begins->serial = serial;
    begins->what = what;
    result = create(begins);
    if (result != 0) drop(begins);
  }
  if (result == 0) checker::created(serial, *thread);
  return result;
}

void join_cancelled(void* thread) {
  checker::joined(reinterpret_cast<std::uintptr_t>(thread), false);
}

template <class Join>
SYNCXX_ALWAYS_INLINE int join_thread(pthread_t thread, int refusal,
                                     const call_site& site, Join&& join) {
  if (is_refused(checker::joining(thread, site))) {
    checker::joined(thread, false);
    return refusal;
  }
  _pthread_cleanup_buffer buffer;
  _pthread_cleanup_push(&buffer, join_cancelled,
                        reinterpret_cast<void*>(thread));
  const int result = join();
  _pthread_cleanup_pop(&buffer, 0);
  checker::joined(thread, result == 0);
  return result;
}

}  // namespace

void begin_threads() noexcept {
  g_has_key = ::pthread_key_create(&g_key, at_thread_end) == 0;
  tell_end_of_this_thread();
}

}  // namespace preload
}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

using namespace syncxx::detail::preload;  // NOLINT: a source of C functions
namespace checker = syncxx::detail::checker;

SYNCXX_EXPORTED int pthread_create(pthread_t* thread,
                                   const pthread_attr_t* attributes,
                                   void* (*run)(void*),
                                   void* argument) noexcept {
  if (!is_watching())
    return g_real.pthread_create(thread, attributes, run, argument);
  return create_thread(
      thread, {run, nullptr, argument}, EAGAIN,
      [&](void* begins) {
        return g_real.pthread_create(thread, attributes, run_thread, begins);
      },
      [&] { return g_real.pthread_create(thread, attributes, run, argument); });
}

SYNCXX_EXPORTED int thrd_create(thrd_t* thread, thrd_start_t run,
                                void* argument) {
  if (!is_watching()) return g_real.thrd_create(thread, run, argument);
  return create_thread(
      thread, {nullptr, run, argument}, thrd_nomem,
      [&](void* begins) {
        return g_real.thrd_create(thread, run_c11_thread, begins);
      },
      [&] { return g_real.thrd_create(thread, run, argument); });
}

SYNCXX_EXPORTED int pthread_join(pthread_t thread, void** result) {
  const auto join = [&] { return g_real.pthread_join(thread, result); };
  if (!is_watching()) return join();
  return join_thread(thread, EDEADLK, SYNCXX_CALL_SITE(), join);
}

SYNCXX_EXPORTED int thrd_join(thrd_t thread, int* result) {
  const auto join = [&] { return g_real.thrd_join(thread, result); };
  if (!is_watching()) return join();
  return join_thread(thread, thrd_error, SYNCXX_CALL_SITE(), join);
}

// Those that give up are no part of a deadlock; what follows from the other's
// end is the same.

SYNCXX_EXPORTED int pthread_tryjoin_np(pthread_t thread,
                                       void** result) noexcept {
  const bool tells = is_watching();
  const int error = g_real.pthread_tryjoin_np(thread, result);
  if (tells && error == 0) checker::joined(thread, true);
  return error;
}

SYNCXX_EXPORTED int pthread_timedjoin_np(pthread_t thread, void** result,
                                         const timespec* until) {
  const bool tells = is_watching();
  const int error = g_real.pthread_timedjoin_np(thread, result, until);
  if (tells && error == 0) checker::joined(thread, true);
  return error;
}

SYNCXX_EXPORTED int pthread_clockjoin_np(pthread_t thread, void** result,
                                         clockid_t clock,
                                         const timespec* until) {
  const bool tells = is_watching();
  const int error = g_real.pthread_clockjoin_np(thread, result, clock, until);
  if (tells && error == 0) checker::joined(thread, true);
  return error;
}
