// SPDX-License-Identifier: Apache-2.0
#include "lock_sets.h"

#include <utility>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

bool lock_sets::add(const member& m) noexcept {
  if (!members_.push(m)) {
    drop_new();
    return false;
  }
  ++new_;
  // Most come in order.
  const std::uint32_t begin = members_.size() - new_;
  for (std::uint32_t i = members_.size() - 1;
       i > begin && members_[i].serial < members_[i - 1].serial; --i)
    std::swap(members_[i], members_[i - 1]);
  return true;
}

std::uint32_t lock_sets::intern() noexcept {
  const std::uint32_t begin = members_.size() - new_;
  std::uint64_t hash = new_ + 1;
  for (std::uint32_t i = begin; i < members_.size(); ++i)
    hash = mixed(hash, (members_[i].serial << 2) |
                           static_cast<std::uint64_t>(members_[i].how));
  for (;; ++hash) {
    if (hash == 0) continue;
    const std::uint32_t known = by_hash_.find(hash);
    if (known == 0) break;
    const head same{hash, begin, new_, 0};
    if (sets_[known].size != new_ || !is_subset(sets_[known], same)) continue;
    drop_new();
    ++sets_[known].uses;
    return known;
  }
  const std::uint32_t set = sets_.add({hash, begin, new_, 1});
  if (set == 0 || !by_hash_.add(hash, set)) {
    if (set != 0) sets_.remove(set);
    drop_new();
    return 0;
  }
  new_ = 0;
  return set;
}

void lock_sets::drop_new() noexcept {
  for (; new_ != 0; --new_) members_.pop();
}

// Members in the middle of the row stay: sets are made where locks are in
// circles only, and those are few.
void lock_sets::release(std::uint32_t set) noexcept {
  head& s = sets_[set];
  if (--s.uses != 0) return;
  by_hash_.remove(s.hash);
  if (s.first + s.size == members_.size()) {
    for (std::uint32_t i = 0; i < s.size; ++i) members_.pop();
  }
  sets_.remove(set);
}

bool lock_sets::is_subset(const head& small, const head& large) const noexcept {
  std::uint32_t j = 0;
  for (std::uint32_t i = 0; i < small.size; ++i, ++j) {
    const member& wanted = members_[small.first + i];
    while (j < large.size && members_[large.first + j].serial < wanted.serial)
      ++j;
    if (j == large.size) return false;
    const member& there = members_[large.first + j];
    if (there.serial != wanted.serial || there.how != wanted.how) return false;
  }
  return true;
}

bool lock_sets::exclude_each_other(std::uint32_t a,
                                   std::uint32_t b) const noexcept {
  const head& s = sets_[a];
  const head& t = sets_[b];
  for (std::uint32_t i = 0, j = 0; i < s.size && j < t.size;) {
    const member& x = members_[s.first + i];
    const member& y = members_[t.first + j];
    if (x.serial == y.serial && detail::exclude_each_other(x.how, y.how))
      return true;
    if (x.serial <= y.serial) ++i;
    if (y.serial <= x.serial) ++j;
  }
  return false;
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
