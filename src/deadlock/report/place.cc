// SPDX-License-Identifier: Apache-2.0
//
// Unwinding by tables costs about 0.2 us a call, and a program takes its locks
// in the same places over and over. So the last walks are kept, each with the
// stack slots in which it has found its return addresses. A kept walk that
// began in the same slot of the stack with the same return address, and whose
// slots still hold what they held, is the walk that the tables would give:
// where a frame begins follows from the code address and the frame inside it.
// (Only a function that varies its frame's size, by alloca, can break that, if
// its old frame's remains lie in the right place; then the outer calls of a
// report are those of the earlier walk. The innermost call is always exact.)
//
// A slot that is read is on the stack of the thread that reads it: the frame
// before it has been found to be the same. Where that frame may vary, the slot
// is wrong by as much as it varies; walks over frames beyond kLargestFrame are
// not kept, so that it is not far beyond the end of a small stack.
#include "place.h"

#if SYNCXX_HOOKED

#include <unwind.h>

#include <cstddef>

#include <sync/detail/cache_line.h>
#include <sync/detail/raw_mutex.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

struct alignas(kCacheLine) kept_walk {
  raw_mutex lock;  // only ever tried
  std::uint32_t depth = 0;
  std::uintptr_t return_address[place::kDepth] = {};
  const std::uintptr_t* slot[place::kDepth] = {};
};

constexpr std::size_t kKeptWalks = 1024;        // a power of two
constexpr std::ptrdiff_t kLargestFrame = 8192;  // words

kept_walk& kept_for(const call_site& site) noexcept {
  static constinit kept_walk walks[kKeptWalks];
  // Stacks of different threads differ in the high bits, slots in the low ones.
  const std::uint64_t key = (reinterpret_cast<std::uintptr_t>(site.slot) >> 3) ^
                            (site.return_address << 20);
  return walks[(key * 0x9e3779b97f4a7c15u) >> (64 - 10)];
}
static_assert(kKeptWalks == std::size_t{1} << 10);

struct walk {
  place& here;
  const std::uintptr_t start;
  unsigned skip;
  kept_walk* keep;  // null: do not
  bool started = false;
};

_Unwind_Reason_Code step(_Unwind_Context* frame, void* argument) {
  walk& w = *static_cast<walk*>(argument);
  int before_instruction = 0;
  const std::uintptr_t ip = _Unwind_GetIPInfo(frame, &before_instruction);
  if (ip == 0) return _URC_END_OF_STACK;
  if (!w.started) {
    if (ip != w.start) return _URC_NO_REASON;
    w.started = true;
  }
  if (w.skip > 0) {
    --w.skip;
    return _URC_NO_REASON;
  }
  const std::uint32_t i = w.here.depth++;
  // A signal handler returns to an instruction, a call behind one.
  w.here.code[i] = before_instruction != 0 ? ip : ip - 1;
  if (w.keep != nullptr) {
    // What the unwinder calls the frame's CFA here is the stack pointer after
    // the return: the call has put the address just below.
    const auto* slot =
        reinterpret_cast<const std::uintptr_t*>(_Unwind_GetCFA(frame)) - 1;
    const bool is_near = i == 0 || slot - w.keep->slot[i - 1] <= kLargestFrame;
    if (before_instruction == 0 && is_near && *slot == ip) {
      w.keep->return_address[i] = ip;
      w.keep->slot[i] = slot;
    } else {
      w.keep = nullptr;  // not a plain call
    }
  }
  return w.here.depth == place::kDepth ? _URC_END_OF_STACK : _URC_NO_REASON;
}

// Walks the stack; true if `keep` now describes the walk.
bool unwind(place& here, const call_site& site, unsigned skip,
            kept_walk* keep) noexcept {
  here.depth = 0;
  walk w{here, site.return_address, skip, keep};
  _Unwind_Backtrace(step, &w);
  if (here.depth == 0) {  // code without unwind tables
    here.depth = 1;
    here.code[0] = site.return_address - 1;
    return false;
  }
  return w.keep != nullptr;
}

// The slots lie in frames of callers: no sanitizer knows what they are.
__attribute__((no_sanitize("address"), no_sanitize("thread"))) bool still_holds(
    const kept_walk& kept, const call_site& site) noexcept {
  if (kept.depth == 0 || kept.slot[0] != site.slot ||
      kept.return_address[0] != site.return_address) {
    return false;
  }
  for (std::uint32_t i = 1; i < kept.depth; ++i)
    if (*kept.slot[i] != kept.return_address[i]) return false;
  return true;
}

}  // namespace

void capture(place& here, const call_site& site, unsigned skip) noexcept {
  const bool can_keep =
      skip == 0 && site.slot != nullptr && *site.slot == site.return_address;
  kept_walk* const kept = can_keep ? &kept_for(site) : nullptr;
  if (kept == nullptr || !kept->lock.try_lock()) {
    unwind(here, site, skip, nullptr);
    return;
  }
  if (still_holds(*kept, site)) {
    here.depth = kept->depth;
    for (std::uint32_t i = 0; i < kept->depth; ++i)
      here.code[i] = kept->return_address[i] - 1;
  } else {
    kept->depth = unwind(here, site, 0, kept) ? here.depth : 0;
  }
  kept->lock.unlock();
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
