// SPDX-License-Identifier: Apache-2.0
#include "lock_classes.h"

#if SYNCXX_HOOKED

#include <cstring>

#include "lock_sets.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

std::uint64_t key_of(const void* lock) noexcept {
  return reinterpret_cast<std::uintptr_t>(lock);
}

}  // namespace

void lock_classes::set(const void* lock, std::string_view name) noexcept {
  forget(lock);
  if (name.empty()) return;
  const lock_id id = find_or_add(name);
  if (id != 0) static_cast<void>(class_of_.add(key_of(lock), id));
}

void lock_classes::forget(const void* lock) noexcept {
  if (!empty()) class_of_.remove(key_of(lock));
}

lock_id lock_classes::of(const void* lock) const noexcept {
  return empty() ? 0 : class_of_.find(key_of(lock));
}

lock_id lock_classes::find_or_add(std::string_view name) noexcept {
  name = name.substr(0, sizeof info::name - 1);
  std::uint64_t hash = name.size() + 1;
  for (const char c : name) hash = mixed(hash, static_cast<unsigned char>(c));
  for (;; ++hash) {
    if (hash == 0) continue;
    const lock_id known = by_name_.find(hash);
    if (known == 0) break;
    if (all_[known].name == name) return known;
  }
  const lock_id id = graph_.add_lock();
  if (id == 0) return 0;
  while (all_.size() <= id) {
    if (!all_.push({})) return 0;
  }
  std::memcpy(all_[id].name, name.data(), name.size());
  all_[id].name[name.size()] = '\0';
  return by_name_.add(hash, id) ? id : 0;
}

const char* lock_classes::name(lock_id id) const noexcept {
  return all_[id].name;
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
