// SPDX-License-Identifier: Apache-2.0
#include "real.h"

#include <dlfcn.h>

#include <cerrno>
#include <cstring>
#include <string_view>

namespace syncxx::inline SYNCXX_ABI {
namespace detail::preload {
namespace {

thread_local constinit bool t_looking
    __attribute__((tls_model("initial-exec"))) = false;

void* next_of(const char* name) noexcept {
#if defined(__x86_64__)
  // glibc keeps the condition variables of before 2003 under the same names.
  // Programs of that time do not come here (exports.map). (A look-up in vain
  // would call malloc().)
  const std::string_view sought = name;
  if (sought.starts_with("pthread_cond_") &&
      sought != "pthread_cond_clockwait") {
    if (void* const found = ::dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2"))
      return found;
  }
#endif
  return ::dlsym(RTLD_NEXT, name);
}

template <class Function>
void set(Function& pointer, const char* name) noexcept {
  void* const found = next_of(name);
  static_assert(sizeof pointer == sizeof found);
  std::memcpy(&pointer, &found, sizeof pointer);
}

}  // namespace

constinit real_functions g_real;

bool find_real() noexcept {
  if (t_looking) return false;
  t_looking = true;
  const int error = errno;
#define SYNCXX_FIND_(name) set(g_real.name, #name);
  SYNCXX_INTERPOSED_(SYNCXX_FIND_)
#undef SYNCXX_FIND_
  errno = error;
  t_looking = false;
  return true;
}

}  // namespace detail::preload
}  // namespace syncxx::inline SYNCXX_ABI
