// SPDX-License-Identifier: Apache-2.0
#include "large_stack.h"

#if SYNCXX_HOOKED

#include <ucontext.h>

#include <cstddef>

#include "../process.h"

#if SYNCXX_TSAN || defined(__SANITIZE_ADDRESS__)
#define SYNCXX_OWN_STACK_ 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SYNCXX_OWN_STACK_ 1
#endif
#endif
#if !defined(SYNCXX_OWN_STACK_)
#define SYNCXX_OWN_STACK_ 0
#endif

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

alignas(64) constinit std::byte g_stack[std::size_t{256} << 10] = {};
ucontext_t g_caller;
ucontext_t g_there;
constinit const function_ref<void()>* g_work = nullptr;

void start() { (*g_work)(); }

}  // namespace

void on_large_stack(function_ref<void()> work) noexcept {
  if (SYNCXX_OWN_STACK_ || process::is_confined() || getcontext(&g_there) != 0)
    return work();
  g_work = &work;
  g_there.uc_stack.ss_sp = g_stack;
  g_there.uc_stack.ss_size = sizeof g_stack;
  g_there.uc_link = &g_caller;
  makecontext(&g_there, start, 0);
  swapcontext(&g_caller, &g_there);
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
