// SPDX-License-Identifier: Apache-2.0
#include "threads.h"

#if SYNCXX_HOOKED

#include <pthread.h>

#include <memory>

#include <sync/detail/raw_mutex.h>

#include "../process.h"
#include "storage.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

thread_local constinit thread_state t_self
    __attribute__((tls_model("initial-exec")));

// --- One thread --------------------------------------------------------------

held_lock* thread_record::add(const void* object, object_kind kind,
                              std::uint32_t where,
                              std::uint32_t epoch) noexcept {
  const std::uint32_t i = held();
  if (i >= kNear) {
    if (i >= kMost) return nullptr;
    if (far_.load(memory_order_relaxed) == nullptr) {
      // Address space; memory is used as far as it is needed.
      void* const pages = map_pages((kMost - kNear) * sizeof(held_lock));
      if (pages == nullptr) return nullptr;
      // [TR3] release; pairs with [TR4]: zeroed entries.
      far_.store(static_cast<held_lock*>(pages), memory_order_release);
    }
  }
  held_lock& e = entry(i);
  // [TR16] release; pairs with [TR17], [TR19], [TR20]: the place.
  e.where.store(where, memory_order_release);
  e.epoch.store(epoch, memory_order_relaxed);
  e.kind.store(kind, memory_order_relaxed);
  // [TR1] release; pairs with [TR2].
  e.object.store(object, memory_order_release);
  // [TR1]
  held_.store(i + 1, memory_order_release);
  return &e;
}

void thread_record::remove(std::uint32_t i) noexcept {
  const std::uint32_t last = held() - 1;
  for (; i < last; ++i) {
    held_lock& to = entry(i);
    const held_lock& from = entry(i + 1);
    // [TR1]: whoever reads meanwhile sees no lock, or one of the two.
    to.object.store(nullptr, memory_order_release);
    // [TR16]
    to.where.store(from.where.load(memory_order_relaxed), memory_order_release);
    to.epoch.store(from.epoch.load(memory_order_relaxed), memory_order_relaxed);
    to.kind.store(from.kind.load(memory_order_relaxed), memory_order_relaxed);
    // [TR1]
    to.object.store(from.object.load(memory_order_relaxed),
                    memory_order_release);
    to.waited = from.waited;
    to.since_ns = from.since_ns;
    to.context = from.context;
  }
  // [TR1]
  held_.store(last, memory_order_release);
}

void thread_record::wait_begins(const void* object, object_kind kind,
                                bool bounded, std::uint32_t where,
                                std::int64_t now_ns,
                                const void* mutex) noexcept {
  if (is_waiting()) wait_ends();  // one whose end was not told
  wait_object_.store(object, memory_order_relaxed);
  wait_kind_.store(kind, memory_order_relaxed);
  wait_bounded_.store(bounded, memory_order_relaxed);
  wait_where_.store(where, memory_order_relaxed);
  wait_since_.store(now_ns, memory_order_relaxed);
  wait_mutex_.store(mutex, memory_order_relaxed);
  wait_epoch_.store(entries_epoch, memory_order_relaxed);
  // [TR10] seq_cst; pairs with [TR11].
  if (kind == object_kind::thread)
    threads::g_joins.fetch_add(1, memory_order_seq_cst);
  if (!bounded) threads::g_stuck.fetch_add(1, memory_order_relaxed);
  // [TR7] seq_cst; pairs with [TR9], [TR14]: of two threads that close a circle
  // at once, one sees the other. Each tells that it waits, and then looks.
  wait_version_.fetch_add(1, memory_order_seq_cst);
}

void thread_record::wait_ends() noexcept {
  if (!wait_bounded_.load(memory_order_relaxed))
    threads::g_stuck.fetch_sub(1, memory_order_relaxed);
  if (wait_kind_.load(memory_order_relaxed) == object_kind::thread)
    threads::g_joins.fetch_sub(1, memory_order_relaxed);
  // [TR8] release; pairs with [TR9].
  wait_version_.fetch_add(1, memory_order_release);
}

bool thread_record::look(waiting& now) const noexcept {
  // [TR14] seq_cst; pairs with [TR7].
  now.version = wait_version_.load(memory_order_seq_cst);
  if ((now.version & 1) == 0) return false;
  now.object = wait_object_.load(memory_order_relaxed);
  now.kind = wait_kind_.load(memory_order_relaxed);
  now.bounded = wait_bounded_.load(memory_order_relaxed);
  now.where = wait_where_.load(memory_order_relaxed);
  now.since_ns = wait_since_.load(memory_order_relaxed);
  now.mutex = wait_mutex_.load(memory_order_relaxed);
  now.epoch = wait_epoch_.load(memory_order_relaxed);
  return still(now);
}

// --- All ---------------------------------------------------------------------

namespace threads {

constinit atomic<thread_record*> g_chunks[kChunks] = {};
constinit atomic<std::uint32_t> g_end{0};
constinit atomic<std::uint32_t> g_fast_epoch{0};
constinit atomic<std::uint32_t> g_alive{0};
constinit atomic<std::uint32_t> g_stuck{0};
constinit atomic<std::uint32_t> g_joins{0};

namespace {

constinit raw_mutex g_lock;
constinit std::uint32_t g_first_free = 0;  // + 1; 0: none
constinit atomic<std::uint64_t> g_last_serial{0};
constinit never_destroyed<key_table> g_by_handle;
constinit never_destroyed<numbered_pool<std::uint64_t>> g_handles;

// Under the lock.
void set_handle(std::uintptr_t os_handle, std::uint64_t serial) noexcept {
  std::uint32_t i = g_by_handle->find(os_handle);
  if (i != 0) {
    // The creator may come late, when another thread has the handle already.
    if (g_handles.value[i] < serial) g_handles.value[i] = serial;
    return;
  }
  i = g_handles->add(serial);
  if (i != 0 && !g_by_handle->add(os_handle, i)) g_handles->remove(i);
}

}  // namespace
}  // namespace threads

struct registry {
  static thread_record* make(std::uint64_t serial) noexcept {
    using namespace threads;
    const table_lock only_me(g_lock);
    std::uint32_t i = g_first_free;
    if (i != 0) {
      g_first_free = at(--i)->next_free_;
    } else {
      i = g_end.load(memory_order_relaxed);
      if (i == kChunk * kChunks) return nullptr;
      if (i % kChunk == 0) {
        auto* const chunk = static_cast<thread_record*>(
            map_pages(kChunk * sizeof(thread_record)));
        if (chunk == nullptr) return nullptr;
        std::uninitialized_default_construct_n(chunk, kChunk);
        // [TR12] release; pairs with [TR13].
        g_chunks[i / kChunk].store(chunk, memory_order_release);
      }
      // [TR12]
      g_end.store(i + 1, memory_order_release);
    }
    thread_record& r = *at(i);
    r.next_free_ = 0;
    r.held_.store(0, memory_order_relaxed);
    r.time = 0;
    r.stale_from = 0;
    r.entries_epoch = 0;
    r.expected.object = nullptr;
    r.was_on_condition = false;
    r.forget_released();
    r.tid_.store(process::thread_id(), memory_order_relaxed);
    r.os_handle_.store(static_cast<std::uintptr_t>(::pthread_self()),
                       memory_order_relaxed);
    set_handle(r.os_handle(), serial);
    g_alive.fetch_add(1, memory_order_relaxed);
    // [TR5] release; pairs with [TR6].
    r.serial_.store(serial, memory_order_release);
    return &r;
  }

  static void drop(thread_record& r) noexcept {
    using namespace threads;
    // Relaxed: the entries of a thread that is gone mean nothing, and stay
    // readable.
    r.serial_.store(0, memory_order_relaxed);
    r.held_.store(0, memory_order_relaxed);
    if (r.is_waiting()) r.wait_ends();
    g_alive.fetch_sub(1, memory_order_relaxed);
    r.os_handle_.store(0, memory_order_relaxed);
    r.known_used = 0;
    if (r.known != nullptr) {
      unmap_pages(r.known, sizeof(known_context) << r.known_log2);
      r.known = nullptr;
      r.known_log2 = 0;
    }
    r.next_free_ = g_first_free;
    g_first_free = 1 + index_of(r);
  }

  static std::uint32_t index_of(const thread_record& r) noexcept {
    using namespace threads;
    const std::uint32_t end = g_end.load(memory_order_relaxed);
    std::uint32_t i = 0;
    while (i < end && (&r < at(i) || &r >= at(i) + kChunk))
      i += static_cast<std::uint32_t>(kChunk);
    return i + static_cast<std::uint32_t>(&r - at(i));
  }

  static void renew(thread_record& r) noexcept {
    r.tid_.store(process::thread_id(), memory_order_relaxed);
    r.os_handle_.store(static_cast<std::uintptr_t>(::pthread_self()),
                       memory_order_relaxed);
  }
};

namespace threads {

std::uint64_t new_serial() noexcept {
  return g_last_serial.fetch_add(1, memory_order_relaxed) + 1;
}

thread_record* self_slow() noexcept {
  if (t_self.has_ended) return nullptr;
  const std::uint64_t given = t_self.serial_for_it;
  t_self.record = registry::make(given != 0 ? given : new_serial());
  if (t_self.record != nullptr) process::call_at_thread_end();
  return t_self.record;
}

void end() noexcept {
  t_self.has_ended = true;
  if (t_self.record == nullptr) return;
  const table_lock only_me(g_lock);
  registry::drop(*t_self.record);
  t_self.record = nullptr;
}

thread_record* find(std::uint64_t serial) noexcept {
  thread_record* found = nullptr;
  any_of([&](thread_record& r) {
    if (r.serial() != serial) return false;
    found = &r;
    return true;
  });
  return found;
}

void note_handle(std::uintptr_t os_handle, std::uint64_t serial) noexcept {
  const table_lock only_me(g_lock);
  set_handle(os_handle, serial);
}

std::uint64_t serial_of(std::uintptr_t os_handle) noexcept {
  const table_lock only_me(g_lock);
  const std::uint32_t i = g_by_handle->find(os_handle);
  return i != 0 ? g_handles.value[i] : 0;
}

void joined(std::uintptr_t os_handle, std::uint64_t serial) noexcept {
  const table_lock only_me(g_lock);
  const std::uint32_t i = g_by_handle->find(os_handle);
  // Another thread may have got the handle already.
  if (i == 0 || g_handles.value[i] != serial) return;
  g_by_handle->remove(os_handle);
  g_handles->remove(i);
}

void before_fork() noexcept { g_lock.lock(); }
void after_fork_in_parent() noexcept { g_lock.unlock(); }

void after_fork_in_child() noexcept {
  const std::uint32_t end = g_end.load(memory_order_relaxed);
  for (std::uint32_t i = 0; i < end; ++i) {
    thread_record& r = *at(i);
    if (r.serial() != 0 && &r != t_self.record) registry::drop(r);
  }
  g_stuck.store(0, memory_order_relaxed);
  g_joins.store(0, memory_order_relaxed);
  if (t_self.record != nullptr) registry::renew(*t_self.record);
  std::construct_at(&g_lock);
}

}  // namespace threads
}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
