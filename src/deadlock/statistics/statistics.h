// SPDX-License-Identifier: Apache-2.0
//
// Contention statistics: what they are told. The hooks of the library's own
// primitives come here (listeners.cc), and the interposed functions of `syncxx
// watch` (src/deadlock/preload/). Nothing here allocates with malloc, throws,
// or changes errno.
#ifndef SYNCXX_SRC_DEADLOCK_STATISTICS_STATISTICS_H_
#define SYNCXX_SRC_DEADLOCK_STATISTICS_STATISTICS_H_

#include <cstddef>
#include <cstdint>

#include <sync/detail/atomic.h>
#include <sync/detail/config.h>
#include <sync/detail/function_ref.h>
#include <sync/detail/hooks.h>

#include "../report/names.h"
#include "../report/place.h"
#include "counters.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail::statistics {

// --- Events ------------------------------------------------------------------
//
// By the thread that does it, as in checker.h.

// Whether anybody counts.
extern constinit atomic<bool> g_on;
inline bool is_on() noexcept { return g_on.load(memory_order_relaxed); }

// What the thread has waited for in vain is forgotten.
void attempt() noexcept;
void acquired(const void* object, object_kind kind,
              const call_site& site) noexcept;
void releasing(const void* object, object_kind kind) noexcept;
void wait_begin(const void* object, object_kind kind,
                const call_site& site) noexcept;
void wait_end(const void* object, object_kind kind) noexcept;
// It is destroyed, or its memory given back.
void forget(const void* object, object_kind kind) noexcept;
void forget(const void* begin, std::size_t size) noexcept;

// It has got another name, or class. To be called by a thread that is in the
// checker.
void rename(const void* object) noexcept;

void thread_ends() noexcept;

// --- Settings ----------------------------------------------------------------

// By listeners.cc: from now on they are told, or not any more.
void switch_on(bool on) noexcept;
void reset() noexcept;
void set_hold_sampling(std::uint32_t n) noexcept;
std::uint32_t hold_sampling() noexcept;

// Around fork(). The child begins anew.
void before_fork() noexcept;
void after_fork_in_parent() noexcept;
void after_fork_in_child() noexcept;

// --- To be read --------------------------------------------------------------

struct class_info {
  object_kind kind;
  bool is_named;
  char name[kNameSize];
  std::uint32_t where;  // first acquired (places.h), where it has no name
  std::uint64_t locks;
};

// Under the lock of the tables: all stays as it is, but for the counts.
class reading {
 public:
  reading() noexcept;
  reading(const reading&) = delete;
  reading& operator=(const reading&) = delete;
  ~reading();

  // Classes have numbers less than this; 0: the others.
  std::uint32_t classes() const noexcept;
  const class_info& info(class_id id) const noexcept;
  template <class F>
  void for_each_row(class_id id, F f) const noexcept {
    visit_rows(id, function_ref<void(const row&)>(f));
  }
  template <class F>
  void for_each_site(F f) const noexcept {
    visit_sites(function_ref<void(const site_counts&)>(f));
  }
  std::uint64_t missed() const noexcept;
  std::int64_t since_ns() const noexcept;

 private:
  void visit_rows(class_id id, function_ref<void(const row&)> f) const noexcept;
  void visit_sites(function_ref<void(const site_counts&)> f) const noexcept;
};

}  // namespace detail::statistics
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_STATISTICS_STATISTICS_H_
