// SPDX-License-Identifier: Apache-2.0
//
// pthread_create() and pthread_join() as programs call them that link the
// hooked library, std::thread in libstdc++ among them: the checker is told of
// threads, who has created them and who waits for their end.
//
// Weak, for two cases in which another definition is to be taken: that of a
// sanitizer's runtime linked statically, and libc's in a static program.
// Threads are then in no order that the checker knows.
#include "thread_calls.h"

#if SYNCXX_HOOKED

#include <dlfcn.h>
#include <pthread.h>

#include <cerrno>
#include <cstdint>
#include <new>

#include "checker.h"

extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier): their names.
// Of a sanitizer's runtime, where there is one: what stands before libc's.
[[gnu::weak]] int __interceptor_pthread_create(pthread_t*,
                                               const pthread_attr_t*,
                                               void* (*)(void*), void*);
[[gnu::weak]] int __interceptor_pthread_join(pthread_t, void**);
// NOLINTEND(bugprone-reserved-identifier)
}

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

using create_function = int (*)(pthread_t*, const pthread_attr_t*,
                                void* (*)(void*), void*);
using join_function = int (*)(pthread_t, void**);

template <class Function>
Function next(Function sanitizers, const char* name) noexcept {
  if (sanitizers != nullptr) return sanitizers;
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

struct start {
  void* (*function)(void*);
  void* argument;
  checker::thread_serial serial;
};

void* begin_thread(void* given) {
  const start s = *static_cast<start*>(given);
  delete static_cast<start*>(given);
  checker::thread_begins(s.serial,
                         static_cast<std::uintptr_t>(::pthread_self()));
  return s.function(s.argument);
}

// pthread_join() is a cancellation point.
class join_told {
 public:
  explicit join_told(pthread_t thread) noexcept
      : handle_(static_cast<std::uintptr_t>(thread)) {}
  join_told(const join_told&) = delete;
  join_told& operator=(const join_told&) = delete;
  ~join_told() { checker::joined(handle_, has_ended); }
  bool has_ended = false;

 private:
  const std::uintptr_t handle_;
};

}  // namespace

void hear_thread_calls() noexcept {}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

extern "C" {

[[gnu::weak]] int pthread_create(pthread_t* thread,
                                 const pthread_attr_t* attributes,
                                 void* (*function)(void*),
                                 void* argument) noexcept {
  using namespace syncxx::detail;
  static const auto real =
      next<create_function>(__interceptor_pthread_create, "pthread_create");
  if (real == nullptr) return ENOSYS;
  const checker::thread_serial serial = checker::creating_thread();
  auto* const s = serial != 0 ? new (std::nothrow)
                                    start{function, argument, serial}
                              : nullptr;
  if (s == nullptr) return real(thread, attributes, function, argument);
  const int error = real(thread, attributes, begin_thread, s);
  if (error == 0)
    checker::created(serial, static_cast<std::uintptr_t>(*thread));
  else
    delete s;
  return error;
}

[[gnu::weak]] int pthread_join(pthread_t thread, void** result) {
  using namespace syncxx::detail;
  static const auto real =
      next<join_function>(__interceptor_pthread_join, "pthread_join");
  if (real == nullptr) return ENOSYS;
  if (checker::joining(static_cast<std::uintptr_t>(thread),
                       SYNCXX_CALL_SITE()) == checker::verdict::raise)
    return EDEADLK;
  join_told told(thread);
  const int error = real(thread, result);
  told.has_ended = error == 0;
  return error;
}

}  // extern "C"

#endif  // SYNCXX_HOOKED
