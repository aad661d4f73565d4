// SPDX-License-Identifier: Apache-2.0
//
// The end of a thread.
//
// After the destructors of thread_local objects: glibc calls those first when a
// thread ends, then the destructors of its pthread keys. What is registered as
// a destructor of a thread_local object runs too early: before those of the
// objects that were made earlier. A thread that calls exit() never gets to its
// keys; there thread_local objects go first as well, and then comes what is
// registered with atexit().
#include "thread_exit.h"

#if !SYNCXX_MODELLED && !SYNCXX_IN_RELACY

#include <pthread.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <system_error>
#include <utility>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

struct exit_call {
  void (*function)(void*);
  void* object;
  exit_call* next = nullptr;
};

// The value of the key: a circular list; its last element.
constinit pthread_key_t g_key = 0;

void serve(void* list) noexcept {
  if (list == nullptr) return;
  auto* const last = static_cast<exit_call*>(list);
  exit_call* next = std::exchange(last->next, nullptr);
  while (next != nullptr) {
    const std::unique_ptr<exit_call> call(next);
    next = call->next;
    call->function(call->object);
  }
}

void serve_at_exit() noexcept {
  void* const list = ::pthread_getspecific(g_key);
  ::pthread_setspecific(g_key, nullptr);
  serve(list);
}

void check(int error, const char* what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

bool make_key() {
  check(::pthread_key_create(&g_key, serve), "syncxx: pthread_key_create");
  if (std::atexit(serve_at_exit) != 0) {
    ::pthread_key_delete(g_key);
    check(ENOMEM, "syncxx: atexit");
  }
  return true;
}

}  // namespace

void at_thread_exit(void (*function)(void*), void* object) {
  [[maybe_unused]] static const bool has_key = make_key();
  auto call = std::make_unique<exit_call>(exit_call{function, object});
  auto* const last = static_cast<exit_call*>(::pthread_getspecific(g_key));
  check(::pthread_setspecific(g_key, call.get()),
        "syncxx: pthread_setspecific");
  call->next =
      last != nullptr ? std::exchange(last->next, call.get()) : call.get();
  static_cast<void>(call.release());
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif
