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

constinit hook_record g_nobodys_record{
    .entries_epoch = atomic<std::uint32_t>(2)};  // those are odd
thread_local constinit hook_self t_hook_self
    __attribute__((tls_model("initial-exec")));
thread_local constinit thread_state t_self
    __attribute__((tls_model("initial-exec")));

// --- One thread --------------------------------------------------------------

held_lock* thread_record::add(std::uint64_t token,
                              std::uint32_t where) noexcept {
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
  // [TR1] release; pairs with [TR2].
  e.token.store(token, memory_order_release);
  // [TR1]
  held_.store(i + 1, memory_order_release);
  t_hook_self.expected = 0;
  return &e;
}

void thread_record::remove(std::uint32_t i) noexcept {
  const std::uint32_t last = held() - 1;
  for (; i < last; ++i) {
    held_lock& to = entry(i);
    const held_lock& from = entry(i + 1);
    // [TR1]: whoever reads meanwhile sees no lock, or one of the two.
    to.token.store(0, memory_order_release);
    // [TR16]
    to.where.store(from.where.load(memory_order_relaxed), memory_order_release);
    // [TR1]
    to.token.store(from.token.load(memory_order_relaxed), memory_order_release);
    to.since_ns = from.since_ns;
    to.context = {0, from.context.version};
  }
  // [TR1]
  held_.store(last, memory_order_release);
  t_hook_self.expected = 0;
}

bool thread_record::remove_near(std::uint64_t token) noexcept {
  std::uint32_t n = held();
  if (n == 0 || n > kNear) return false;
  const auto is_it = [&](const held_lock& h) {
    return ((h.token.load(memory_order_relaxed) ^ token) &
            ~(kTried | kToBeTold)) == 0;
  };
  const auto is_gone = [](const held_lock& h) {
    return h.token.load(memory_order_relaxed) == 0;
  };
  if (is_it(near_[n])) {
    for (--n; n != 0 && is_gone(near_[n]);) --n;
    // [TR1]
    held_.store(n, memory_order_release);
  } else {
    std::uint32_t i = n - 1;
    while (i != 0 && !is_it(near_[i])) --i;
    if (i == 0) return false;
    // [TR1]
    near_[i].token.store(0, memory_order_release);
    for (; i <= n; ++i) near_[i].context.number = 0;
  }
  t_hook_self.expected = 0;
  // The last one takes those that have gone with it.
  for (std::uint32_t i = 1; i < n; ++i) {
    if (!is_gone(near_[i])) continue;
    std::uint64_t last = near_[n].token.load(memory_order_relaxed);
    // Relaxed: the same entry. Somebody may be taking it away.
    if (last != 0)
      near_[n].token.compare_exchange_strong(last, last | kToBeTold,
                                             memory_order_relaxed);
    break;
  }
  return true;
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
  wait_epoch_.store(entries_epoch.load(memory_order_relaxed),
                    memory_order_relaxed);
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
    r.time_key = 0;
    r.entries_epoch.store(0, memory_order_relaxed);
    r.was_on_condition = false;
    static_cast<void>(r.calling_off.close());
    r.woken_by = nullptr;
    r.priority.store(0, memory_order_relaxed);
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
    r.known.drop_all();
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
  thread_record* const made = registry::make(given != 0 ? given : new_serial());
  if (made != nullptr) t_hook_self.record = made;
  if (made != nullptr) process::call_at_thread_end();
  return own();
}

void end() noexcept {
  t_self.has_ended = true;
  if (own() == nullptr) return;
  const table_lock only_me(g_lock);
  registry::drop(*own());
  t_hook_self = {};
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
    if (r.serial() != 0 && &r != own()) registry::drop(r);
  }
  g_stuck.store(0, memory_order_relaxed);
  g_joins.store(0, memory_order_relaxed);
  if (own() != nullptr) registry::renew(*own());
  std::construct_at(&g_lock);
}

}  // namespace threads
}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
