// SPDX-License-Identifier: Apache-2.0
//
// The seam for threads: who am I, let me wait a moment, may I be stopped.
#ifndef SYNCXX_DETAIL_THREAD_H_
#define SYNCXX_DETAIL_THREAD_H_

#include <pthread.h>

#include <cerrno>
#include <cstdint>
#include <stop_token>
#include <thread>

#include <sync/detail/config.h>
#if SYNCXX_MODELLED
#include <sync/model/stop_token.h>
#elif SYNCXX_IN_RELACY
#include <sync/relacy/atomic.h>
#endif

namespace syncxx::inline SYNCXX_ABI {

#if !SYNCXX_MODELLED
// Stop requests (C++20 [thread.stoptoken]); named here so that a checker can
// put its own in their place.
using std::nostopstate;
using std::nostopstate_t;
using std::stop_callback;
using std::stop_source;
using std::stop_token;
#endif

namespace detail {

#if SYNCXX_MODELLED
inline std::uintptr_t self_id() noexcept {
  return model::engine::self_number();
}
inline void pause() noexcept { model::engine::spin_hint(); }
inline void yield() noexcept { model::engine::spin_hint(); }
#elif SYNCXX_IN_RELACY
inline std::uintptr_t self_id() noexcept { return relacy::self_number(); }
inline void pause() noexcept { relacy::yield(); }
inline void yield() noexcept { relacy::yield(); }
#else
// A number that no other live thread of this process has; never 0. It is the
// thread pointer of the ABI: one instruction, no TLS access, unchanged in the
// child of a fork. A later thread may get the number of one that has ended.
inline std::uintptr_t self_id() noexcept {
#if defined(__x86_64__)
  std::uintptr_t self;
  __asm__("mov %%fs:0, %0" : "=r"(self));
  return self;
#else
  return reinterpret_cast<std::uintptr_t>(__builtin_thread_pointer());
#endif
}

// Tells the core that this is a spin loop (about 11-14 ns in a VM on x86-64).
inline void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  __asm__ __volatile__("isb" ::: "memory");
#endif
}

// Lets another runnable thread of the same CPU go first.
inline void yield() noexcept {
  const int saved = errno;  // (a filter of syscalls may refuse this one)
  std::this_thread::yield();
  errno = saved;
}

// From now on fork() calls it in the child, on the one thread that is there.
// False: no memory.
inline bool at_fork_in_child(void (*handler)()) noexcept {
  return ::pthread_atfork(nullptr, nullptr, handler) == 0;
}
#endif

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_THREAD_H_
