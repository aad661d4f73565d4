// SPDX-License-Identifier: Apache-2.0
#include "semaphores.h"

#if SYNCXX_HOOKED

#include <semaphore.h>

#include <cstdint>
#include <memory>

#include <sync/detail/raw_mutex.h>
#include <sync/detail/raw_semaphore.h>

#include "order.h"
#include "ownership.h"
#include "storage.h"
#include "threads.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail::semaphores {
namespace {

enum class use : std::uint32_t { unknown = 1, lock, signal };

constinit raw_mutex g_lock;
constinit never_destroyed<key_table> g_uses;  // by address

std::uint64_t key_of(const void* semaphore) noexcept {
  return reinterpret_cast<std::uintptr_t>(semaphore);
}

void set(const void* semaphore, use as) noexcept {
  g_uses->remove(key_of(semaphore));
  static_cast<void>(
      g_uses->add(key_of(semaphore), static_cast<std::uint32_t>(as)));
}

std::int64_t tokens(const void* semaphore, object_kind kind) noexcept {
  if (kind == object_kind::posix_semaphore) {
    int value = 0;
    ::sem_getvalue(static_cast<sem_t*>(const_cast<void*>(semaphore)), &value);
    return value;
  }
  static_assert(sizeof(raw_semaphore) == 4);
  return static_cast<const raw_semaphore*>(semaphore)->available();
}

}  // namespace

bool is_lock(const void* semaphore, object_kind kind, unsigned taken) noexcept {
  const table_lock only_me(g_lock);
  const std::uint32_t known = g_uses->find(key_of(semaphore));
  if (known == 0) {
    const bool many = tokens(semaphore, kind) + taken > 1;
    set(semaphore, many ? use::signal : use::unknown);
    return !many;
  }
  return known != static_cast<std::uint32_t>(use::signal);
}

bool is_proved(const void* semaphore) noexcept {
  const table_lock only_me(g_lock);
  return g_uses->find(key_of(semaphore)) ==
         static_cast<std::uint32_t>(use::lock);
}

bool releasing(const void* semaphore, object_kind kind) noexcept {
  operation holder;
  const bool mine = ownership::remove_mine(semaphore, kind);
  {
    const table_lock only_me(g_lock);
    const std::uint32_t known = g_uses->find(key_of(semaphore));
    if (known == static_cast<std::uint32_t>(use::signal)) return false;
    if (mine && known == static_cast<std::uint32_t>(use::lock)) return false;
    set(semaphore, mine ? use::lock : use::signal);
  }
  if (mine) return true;
  ownership::forget(semaphore, kind, holder);
  order::forget(semaphore);
  return false;
}

void forget(const void* semaphore) noexcept {
  const table_lock only_me(g_lock);
  g_uses->remove(key_of(semaphore));
}

void forget_all() noexcept {
  const table_lock only_me(g_lock);
  g_uses->clear();
}

void before_fork() noexcept { g_lock.lock(); }
void after_fork_in_parent() noexcept { g_lock.unlock(); }
void after_fork_in_child() noexcept { std::construct_at(&g_lock); }

}  // namespace detail::semaphores
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
