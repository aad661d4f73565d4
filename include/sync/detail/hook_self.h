// SPDX-License-Identifier: Apache-2.0
//
// The calling thread as the deadlock checker sees it (src/deadlock/): what it
// holds, and what it is about to take. Only in the hooked library.
//
// It is here for two steps that threads make over and over, and that cost less
// than a call would: a lock that the checker has just been asked about is
// taken, and the lock taken last is given back.
#ifndef SYNCXX_DETAIL_HOOK_SELF_H_
#define SYNCXX_DETAIL_HOOK_SELF_H_

#include <cstdint>

#include <sync/detail/atomic.h>
#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// The locks that a thread holds, in the order in which they were taken. 0: no
// such order is known.
struct lock_context {
  std::uint32_t number = 0;
  std::uint32_t version = 0;  // numbers are used again
  bool operator==(const lock_context&) const = default;
};

#if SYNCXX_HOOKED

enum class object_kind : std::uint8_t;

// With an object and its kind in one word: its end has to be told of; it was
// got by a try.
inline constexpr std::uint64_t kToBeTold = std::uint64_t{1} << 55;
inline constexpr std::uint64_t kTried = std::uint64_t{1} << 63;
// An object and its kind in one word, not 0. (No address of a program's has as
// many bits; but on aarch64 there may be a tag.)
SYNCXX_ALWAYS_INLINE std::uint64_t token_of(const void* object,
                                            object_kind kind) noexcept {
  std::uint64_t address = reinterpret_cast<std::uintptr_t>(object);
#if defined(__aarch64__)
  address &= kToBeTold - 1;
#endif
  return address ^ (std::uint64_t{static_cast<std::uint8_t>(kind)} + 1) << 56;
}

// A lock that a thread holds.
struct held_lock {
  // 0: somebody else has taken the entry away.
  atomic<std::uint64_t> token{0};
  atomic<std::uint32_t> where{0};  // places.h
  // The thread's own: in which it is from this entry on. Number 0: that has to
  // be found out (anew, if there is a version).
  lock_context context;
  std::int64_t since_ns = 0;  // where somebody asks for it

  const void* object() const noexcept {
    return reinterpret_cast<const void*>(token.load(memory_order_relaxed) &
                                         (kToBeTold - 1));
  }
  object_kind kind() const noexcept {
    return static_cast<object_kind>(
        ((token.load(memory_order_relaxed) & ~kTried) >> 56) - 1);
  }
  bool was_tried() const noexcept {
    return (token.load(memory_order_relaxed) & kTried) != 0;
  }
};

// What the inline steps need of a thread's record (threads.h), and change.
struct hook_record {
  static constexpr std::uint32_t kNear = 32;  // locks; the others are elsewhere
  static constexpr std::uint32_t kReleased = 8;

  // All entries are of this one, and none was taken away by others (or 0).
  atomic<std::uint32_t> entries_epoch{0};
  atomic<std::uint32_t> held_{0};
  std::uint32_t last_released_ = 0;
  const void* released_[kReleased] = {};
  held_lock near_[1 + kNear] = {};  // from 1; [0] stays as it is
};

// Of a thread that has none yet, or none any more: of no epoch, nothing held.
extern constinit hook_record g_nobodys_record;

struct hook_self {
  hook_record* record = &g_nobodys_record;
  // What is about to be taken, if nothing but adding the entry after the last
  // is left to do; 0: nothing.
  std::uint64_t expected = 0;
};

// In the static TLS block: access never allocates.
extern thread_local constinit hook_self t_hook_self
    __attribute__((tls_model("initial-exec")));

// False: it has to be told of.
SYNCXX_ALWAYS_INLINE bool acquired_as_expected(const void* object,
                                               object_kind kind) noexcept {
  hook_self& self = t_hook_self;
  const std::uint64_t token = token_of(object, kind);
  if (self.expected != token) return false;
  hook_record& me = *self.record;
  const std::uint32_t n = me.held_.load(memory_order_relaxed) + 1;
  // [HS1] release; pairs with [TR2] (threads.h): the entry is complete.
  me.near_[n].token.store(token, memory_order_release);
  // [HS1]
  me.held_.store(n, memory_order_release);
  self.expected = 0;
  return true;
}

SYNCXX_ALWAYS_INLINE bool released_last(const void* object,
                                        object_kind kind) noexcept {
  hook_self& self = t_hook_self;
  hook_record& me = *self.record;
  const std::uint32_t n = me.held_.load(memory_order_relaxed);
  if (n > hook_record::kNear) return false;
  const std::uint64_t last = me.near_[n].token.load(memory_order_relaxed);
  if (((last ^ token_of(object, kind)) & ~kTried) != 0) return false;
  // [HS1]
  me.held_.store(n - 1, memory_order_release);
  self.expected = 0;
  me.released_[++me.last_released_ % hook_record::kReleased] = object;
  return true;
}

#endif  // SYNCXX_HOOKED

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_HOOK_SELF_H_
