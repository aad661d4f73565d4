// SPDX-License-Identifier: Apache-2.0
#include "names.h"

#if SYNCXX_HOOKED

#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <string_view>

#include <sync/detail/atomic.h>
#include <sync/detail/raw_mutex.h>

#include "../detection/storage.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

struct name_entry {
  char text[kNameSize];
};

// Never destroyed: objects may outlive the static destructors.
union names_table {
  constexpr names_table() noexcept {}
  ~names_table() {}
  struct {
    raw_mutex lock;
    key_table numbers;  // by address
    numbered_pool<name_entry> names;
  } it{};
};
constinit names_table g_names;
constinit atomic<std::uint32_t> g_named{0};  // how many have a name

std::uint64_t key_of(const void* object) noexcept {
  return reinterpret_cast<std::uintptr_t>(object);
}

// Under the lock.
void remove(const void* object) noexcept {
  auto& table = g_names.it;
  const std::uint32_t number = table.numbers.find(key_of(object));
  if (number == 0) return;
  table.numbers.remove(key_of(object));
  table.names.remove(number);
  g_named.fetch_sub(1, memory_order_relaxed);
}

}  // namespace

void set_name(const void* object, const char* name) noexcept {
  if (object == nullptr) return;
  auto& table = g_names.it;
  const std::scoped_lock only_me(table.lock);
  remove(object);
  if (name == nullptr || *name == '\0') return;
  name_entry entry = {};
  std::memcpy(entry.text, name, ::strnlen(name, kNameSize - 1));
  const std::uint32_t number = table.names.add(entry);
  if (number == 0) return;
  if (table.numbers.add(key_of(object), number))
    g_named.fetch_add(1, memory_order_relaxed);
  else
    table.names.remove(number);
}

void forget_name(const void* object) noexcept {
  // Relaxed: whoever destroys an object has seen that it was named.
  if (g_named.load(memory_order_relaxed) == 0) return;
  const std::scoped_lock only_me(g_names.it.lock);
  remove(object);
}

const char* name_of(const void* object) noexcept {
  if (object == nullptr || g_named.load(memory_order_relaxed) == 0)
    return nullptr;
  auto& table = g_names.it;
  const std::scoped_lock only_me(table.lock);
  const std::uint32_t number = table.numbers.find(key_of(object));
  return number == 0 ? nullptr : table.names[number].text;
}

bool copy_name(const void* object, char (&name)[kNameSize]) noexcept {
  if (object == nullptr || g_named.load(memory_order_relaxed) == 0)
    return false;
  auto& table = g_names.it;
  const std::scoped_lock only_me(table.lock);
  const std::uint32_t number = table.numbers.find(key_of(object));
  if (number == 0) return false;
  std::memcpy(name, table.names[number].text, kNameSize);
  return true;
}

void reset_names_after_fork() noexcept {
  if (g_names.it.lock.try_lock()) {
    g_names.it.lock.unlock();
    return;
  }
  std::construct_at(&g_names);
  g_named.store(0, memory_order_relaxed);
}

const char* name_of(object_kind kind) noexcept {
  switch (kind) {
    case object_kind::mutex:
      return "mutex";
    case object_kind::recursive_mutex:
      return "recursive_mutex";
    case object_kind::spinlock:
      return "spinlock";
    case object_kind::ticket_lock:
      return "ticket_lock";
    case object_kind::mcs_lock:
      return "mcs_lock";
    case object_kind::queue_lock:
      return "queue_lock";
    case object_kind::semaphore:
      return "semaphore";
    case object_kind::event:
      return "event";
    case object_kind::auto_reset_event:
      return "auto_reset_event";
    case object_kind::latch:
      return "latch";
    case object_kind::condition_variable:
    case object_kind::condition_variable_any:
      return "condition_variable";
    case object_kind::shared_mutex:
    case object_kind::shared_mutex_upgrade:
    case object_kind::shared_mutex_shared:
      return "shared_mutex";
    case object_kind::byte_mutex:
      return "byte_mutex";
    case object_kind::event_count:
      return "event_count";
    case object_kind::barrier:
      return "barrier";
    case object_kind::once_flag:
      return "once_flag";
    case object_kind::biased_shared_mutex:
      return "biased_shared_mutex";
    case object_kind::pi_mutex:
      return "pi_mutex";
    case object_kind::robust_mutex:
      return "robust_mutex";
    case object_kind::robust_pi_mutex:
      return "robust_pi_mutex";
    case object_kind::thread:
      return "thread";
    case object_kind::pthread_mutex:
      return "pthread_mutex";
    case object_kind::pthread_recursive_mutex:
      return "pthread_recursive_mutex";
    case object_kind::pthread_rwlock:
    case object_kind::pthread_rwlock_shared:
      return "pthread_rwlock";
    case object_kind::pthread_spinlock:
      return "pthread_spinlock";
    case object_kind::pthread_cond:
      return "pthread_cond";
    case object_kind::posix_semaphore:
      return "posix_semaphore";
    case object_kind::pthread_barrier:
      return "pthread_barrier";
  }
  return "object";
}

const char* mode_of(object_kind kind) noexcept {
  switch (kind) {
    case object_kind::shared_mutex_shared:
    case object_kind::pthread_rwlock_shared:
      return "shared";
    case object_kind::shared_mutex_upgrade:
      return "upgrade";
    default:
      return "";
  }
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
