// SPDX-License-Identifier: Apache-2.0
#include "known_steps.h"

#if SYNCXX_HOOKED

#include <cstring>

#include "storage.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// A table without any: read only.
constinit known_steps::pair_of_steps known_steps::g_none[2] = {};

// The first of a pair becomes the second.
known_steps::item known_steps::push(std::uint32_t pair,
                                    const item& fresh) noexcept {
  known_step* const steps = pairs_[pair].steps;
  lock_context* const from = from_ + 2 * std::size_t{pair};
  const item last{from[1], steps[1]};
  steps[1] = steps[0];
  from[1] = from[0];
  steps[0] = fresh.step;
  from[0] = fresh.from;
  return last;
}

void known_steps::put(item fresh) noexcept {
  if (fresh.from.number != 0) {
    const lock_context from = fresh.from;
    fresh = push(from.number & mask_, fresh);
    if (fresh.step.key_and_where == 0) return;
    // A context that is no more: another has its number.
    if (fresh.from.number == from.number && fresh.from != from) return;
  }
  push(place_of(fresh.step.key_and_where), fresh);
}

bool known_steps::grow() noexcept {
  const bool first = from_ == nullptr;
  const std::size_t old = first ? 0 : std::size_t{mask_} + 1;
  const unsigned log2 = first ? kFirstLog2 : 64 - shift_ + 1;
  const std::size_t n = std::size_t{1} << log2;
  auto* const pairs =
      static_cast<pair_of_steps*>(map_pages(n * sizeof(pair_of_steps)));
  auto* const from =
      static_cast<lock_context*>(map_pages(2 * n * sizeof(lock_context)));
  if (pairs == nullptr || from == nullptr) {
    if (pairs != nullptr) unmap_pages(pairs, n * sizeof(pair_of_steps));
    if (from != nullptr) unmap_pages(from, 2 * n * sizeof(lock_context));
    return !first;
  }
  pair_of_steps* const old_pairs = pairs_;
  lock_context* const old_from = from_;
  pairs_ = pairs;
  from_ = from;
  mask_ = static_cast<std::uint32_t>(n) - 1;
  shift_ = 64 - log2;
  for (std::size_t i = 0; i < 2 * old; ++i) {
    const known_step& step = old_pairs[i / 2].steps[i % 2];
    if (step.key_and_where != 0) put({old_from[i], step});
  }
  if (!first) {
    unmap_pages(old_pairs, old * sizeof(pair_of_steps));
    unmap_pages(old_from, 2 * old * sizeof(lock_context));
  }
  return true;
}

void known_steps::add(const lock_context& from, std::uint64_t key,
                      std::uint32_t where, const lock_context& to) noexcept {
  if (where >> known_step::kWhereBits != 0) return;
  if (from_ == nullptr || used_ > mask_) {  // half of them
    if (from_ == nullptr || 64 - shift_ < kMostLog2) {
      if (!grow()) return;
    } else if (used_ > 2 * mask_) {
      // What is of no use any more (a lock that is destroyed, say) goes with
      // what will be found out again.
      std::memset(static_cast<void*>(pairs_), 0,
                  (std::size_t{mask_} + 1) * sizeof(pair_of_steps));
      used_ = 0;
    }
  }
  ++used_;
  put({from,
       {(key >> known_step::kWhereBits << known_step::kWhereBits) | where,
        to}});
}

void known_steps::drop_all() noexcept {
  if (from_ != nullptr) {
    const std::size_t n = std::size_t{mask_} + 1;
    unmap_pages(pairs_, n * sizeof(pair_of_steps));
    unmap_pages(from_, 2 * n * sizeof(lock_context));
  }
  *this = known_steps();
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
