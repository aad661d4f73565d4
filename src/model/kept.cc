// SPDX-License-Identifier: Apache-2.0
//
// What is kept for objects outside of the test.
//
// Blocks that are alive at the end of a run are free again in the next one,
// but for those that something outside points to, directly or by way of such
// blocks. In a block with atomics or cells the test's own objects live: they
// are gone with their run, and a pointer to them is a stale one.
#include <algorithm>
#include <atomic>

#include "running.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
namespace {

// The first word of a value in [low, high), or `end`; and that value. All
// memory is looked at, also what a sanitizer guards.
[[gnu::no_sanitize_address, gnu::no_sanitize_thread]] const std::uintptr_t*
find_pointer(const std::uintptr_t* from, const std::uintptr_t* end,
             std::uintptr_t low, std::uintptr_t high,
             std::uintptr_t& found) noexcept {
  for (; from != end; ++from)
    if (*from - low < high - low) {
      found = *from;
      break;
    }
  return from;
}

}  // namespace

// A complete run leaves a block alive for the outside, or leaks it; both are
// rare. Of runs that were cut short, where there is much that is alive, only
// the first are looked at until there is a reason: looking takes some time.
void memory::end_run(bool complete) {
  if (live_blocks_ == 0) return;
  if (complete || grows_outside_ || unlooked_ != 0) keep_reachable();
}

void memory::keep_reachable() {
  vec<const heap_block*> found;
  // False: there is nothing left to look for.
  const auto look_at = [this, &found](const std::uintptr_t* words,
                                      std::size_t count) {
    const auto* const end = words + count;
    for (;; ++words) {
      std::uintptr_t address = 0;
      words = find_pointer(words, end, lowest_, highest_, address);
      if (words == end) break;
      std::uint32_t unused = 0;
      heap_block* const b = block_of(address, unused);
      if (b == nullptr || !b->alive_in(run_) || b->objects != kNone) continue;
      keep(*b);
      found.push_back(b);
      if (live_blocks_ == 0) return false;
    }
    return true;
  };
  const auto look_into = [&look_at](const heap_block& b) {
    return look_at(reinterpret_cast<const std::uintptr_t*>(b.base),
                   b.size / sizeof(std::uintptr_t));
  };
  const auto look_into_found = [&] {
    while (!found.empty()) {
      const heap_block* const b = found.back();
      found.pop_back();
      if (!look_into(*b)) return false;
    }
    return true;
  };
  const auto look_into_kept = [&](const heap& h) {
    // The youngest first: trees and lists grow there.
    for (std::size_t i = h.blocks.size(); i-- > 0;) {
      const heap_block& b = h.blocks[i];
      if (b.kept && b.run != run_ && !(look_into(b) && look_into_found()))
        return false;
    }
    return true;
  };
  forget_registers();
  bool more = around_.look_at_all(look_at) && look_into_found();
  for (const heap& h : heaps_)
    more = more && (kept_blocks_ == 0 || look_into_kept(h));
  for (heap& h : heaps_)
    for (block_kind& k : h.kinds)
      if (k.run == run_ && k.looks < kLooks) ++k.looks;
}

void memory::keep(heap_block& b) {
  b.kept = true;
  --live_blocks_;
  ++kept_blocks_;
  grows_outside_ = true;
  heap& h = heap_of(reinterpret_cast<std::uintptr_t>(b.base));
  const auto self = static_cast<std::uint32_t>(&b - h.blocks.data());
  auto& of_kind = h.kinds[b.kind].blocks;
  of_kind.erase(std::find(of_kind.begin(), of_kind.end(), self));
}

namespace {
std::atomic<bool> g_stranger{false};
}  // namespace

void memory::note_stranger() noexcept {
  g_stranger.store(true, std::memory_order_relaxed);
}
bool memory::saw_stranger() noexcept {
  return g_stranger.load(std::memory_order_relaxed) &&
         g_stranger.exchange(false, std::memory_order_relaxed);
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
