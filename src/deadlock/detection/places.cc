// SPDX-License-Identifier: Apache-2.0
#include "places.h"

#if SYNCXX_HOOKED

#include <cstring>
#include <memory>

#include <sync/detail/raw_mutex.h>

#include "lock_sets.h"
#include "self.h"
#include "storage.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail::places {
namespace {

constinit raw_mutex g_lock;

struct stored {
  std::uint32_t depth;
  std::uintptr_t code[place::kDepth];
};
constinit never_destroyed<numbered_pool<stored>> g_all;
constinit never_destroyed<key_table> g_by_hash;

bool is_same(const stored& a, const place& b) noexcept {
  return a.depth == b.depth &&
         std::memcmp(a.code, b.code, a.depth * sizeof a.code[0]) == 0;
}

}  // namespace

std::uint32_t number_of(const place& at) noexcept {
  std::uint64_t hash = at.depth + 1;
  for (std::uint32_t i = 0; i < at.depth; ++i) hash = mixed(hash, at.code[i]);
  const table_lock only_me(g_lock);
  std::uint32_t number = 0;
  for (;; ++hash) {
    if (hash == 0) continue;
    number = g_by_hash->find(hash);
    if (number == 0 || is_same(g_all.value[number], at)) break;
  }
  if (number == 0) {
    stored added{};
    added.depth = at.depth;
    std::memcpy(added.code, at.code, at.depth * sizeof at.code[0]);
    number = g_all->add(added);
    if (number != 0 && !g_by_hash->add(hash, number)) {
      g_all->remove(number);
      number = 0;
    }
  }
  return number;
}

place get(std::uint32_t number) noexcept {
  place at;
  if (number == 0) return at;
  const stored& found = g_all.value[number];
  at.depth = found.depth;
  std::memcpy(at.code, found.code, found.depth * sizeof at.code[0]);
  return at;
}

void before_fork() noexcept { g_lock.lock(); }
void after_fork_in_parent() noexcept { g_lock.unlock(); }
void after_fork_in_child() noexcept { std::construct_at(&g_lock); }

}  // namespace detail::places
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
