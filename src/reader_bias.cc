// SPDX-License-Identifier: Apache-2.0
//
// The slow paths of the bias of shared locks.
//
// Exclusion. A reader stores its slot [V1], fences [V2], and reads if it then
// finds kOn [V3]. A writer, holding the lock behind, stores kLeaving, fences
// [V7], and looks at the slots [V6]. One of the fences comes first: if the
// reader's, the writer sees the slot, and waits until it is given up; if the
// writer's, the reader does not find kOn, or finds one that was stored after
// the writer gave the lock back [V11]: then it reads what that wrote. A writer
// that gives up leaves kLeaving, so that the next one looks at the slots, too;
// it needs no fence, for the first one's happens before its looks.
//
// While writers are frequent the bias is kFenced: the reader's fence is an
// exchange [V14], the writer's one of state_ [V15]. A light reader is not left
// behind: it has found kOn [V3], so the writer that took that away has fenced
// heavily and waited for it, or left kLeaving to the next, before anybody could
// store kFenced (I3).
//
// No wake is lost. A writer that waits for a slot makes `wanted` odd, fences
// [V8], looks at the slot once more [V9] and sleeps while `wanted` has not
// changed. The thread gives the slot up [V4], fences [V5], and looks at
// `wanted`. If its fence comes first, the writer finds the slot given up; if
// the writer's does, the thread finds `wanted` odd, changes it and wakes
// everybody who sleeps on it. Each of them looks at its own slot again.
//
// Destroy after unlock_shared. After [V4] the thread uses its own record only,
// which is never freed.
#include <sync/detail/reader_bias.h>

#include "futex/sleeper.h"

#include <sync/detail/clock.h>
#include <sync/detail/spin_wait.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

thread_local constinit reader_record* t_reader_record
    __attribute__((tls_model("initial-exec"))) = nullptr;

namespace {

#if SYNCXX_MODELLED
constexpr std::uint32_t kRecords = 4;
constexpr std::uint32_t kLooksBetween = 1;
constexpr std::uint32_t kReadsBefore = 1;
#else
// Threads that read with bias at one time; more use the lock behind. Untouched
// records are untouched pages.
constexpr std::uint32_t kRecords = 4096;
// From one look of a thread at the clock to the next.
constexpr std::uint32_t kLooksBetween = 32;
// Readers that use the lock behind before the bias comes back, fenced.
constexpr std::uint32_t kReadsBefore = 4;
#endif

// After a revocation the bias stays off for so many times as long as that took:
// writers are slowed down by a tenth at most (BRAVO's N).
constexpr std::int64_t kInhibit = 9;

constinit reader_record g_records[kRecords];
// Records from here on have never been anybody's. Raised before its thread's
// [V2] or [V14], read behind [V7] or [V15].
constinit atomic<std::uint32_t> g_first_unused{0};

constinit thread_local std::uint32_t t_looks = 0;
// Locks that the thread reads by another slot than their first.
constinit thread_local std::uint32_t t_displaced = 0;
// The thread has been through its end: it takes no record again.
constinit thread_local bool t_ended = false;

// Gives the record back at the thread's end.
struct record_owner {
  ~record_owner() {
    reader_record* const mine = t_reader_record;
    t_ended = true;
    if (mine == nullptr) return;
    for (const auto& slot : mine->slots)
      if (slot.load(memory_order_relaxed) != nullptr) return;
    t_reader_record = nullptr;
    // [V12] release; pairs with [V13]: the next owner's stores to the slots
    // come after this one's.
    mine->owner.store(0, memory_order_release);
  }
};

reader_record* take_record() noexcept {
  if (t_ended) return nullptr;
  // In a model each thread begins with one that nobody else wants.
  const std::uint32_t begin =
      SYNCXX_MODELLED ? static_cast<std::uint32_t>(self_id()) % kRecords : 0;
  for (std::uint32_t i = 0; i < kRecords; ++i) {
    const std::uint32_t n = (begin + i) % kRecords;
    std::uint32_t free = 0;
    // [V13] acquire; pairs with [V12].
    if (g_records[n].owner.load(memory_order_relaxed) != 0 ||
        !g_records[n].owner.compare_exchange_strong(
            free, 1, memory_order_acquire, memory_order_relaxed))
      continue;
    // [V19] seq_cst; pairs with [V20]: as [V14], for the record itself, which
    // this thread or another has made one to look at.
    std::uint32_t first = g_first_unused.load(memory_order_seq_cst);
    while (first <= n &&
           !g_first_unused.compare_exchange_weak(
               first, n + 1, memory_order_seq_cst, memory_order_seq_cst)) {
    }
    static thread_local const record_owner owner;
    static_cast<void>(&owner);
    return t_reader_record = &g_records[n];
  }
  return nullptr;
}

#if !SYNCXX_MODELLED
// In the child of a fork there are no readers: its locks are made anew.
void forget_readers() noexcept {
  const std::uint32_t n = g_first_unused.load(memory_order_relaxed);
  for (std::uint32_t i = 0; i < n; ++i) {
    reader_record& r = g_records[i];
    for (auto& slot : r.slots) slot.store(nullptr, memory_order_relaxed);
    if (&r != t_reader_record) r.owner.store(0, memory_order_relaxed);
  }
  t_displaced = 0;
}
[[maybe_unused]] const bool g_listens_to_forks =
    at_fork_in_child(forget_readers);
#endif

}  // namespace

void reader_record::wake_writers() noexcept {
  // Only this thread makes it even.
  wanted.fetch_add(1, memory_order_relaxed);
  unpark(&wanted, kAllSleepers);
}

bool reader_bias::enter_slow() noexcept {
  const std::uint32_t state = state_.load(memory_order_relaxed);
  if (state != kOn && state != kFenced) return false;
  reader_record* mine = t_reader_record;
  if (mine == nullptr) {
    mine = take_record();
    if (mine == nullptr) return false;
  }
  const std::size_t first = reader_record::place_of(this);
  for (std::size_t i = 0; i < reader_record::kSlots; ++i) {
    auto& slot = mine->slots[(first + i) % reader_record::kSlots];
    if (slot.load(memory_order_relaxed) != nullptr) continue;
    const bool entered =
        state == kOn ? enter(*mine, slot) : enter_fenced(*mine, slot);
    if (entered && i != 0) ++t_displaced;
    return entered;
  }
  return false;
}

bool reader_bias::enter_fenced() noexcept {
  reader_record* const mine = t_reader_record;
  return mine != nullptr &&
         enter_fenced(*mine, mine->slots[reader_record::place_of(this)]);
}

bool reader_bias::enter_fenced(reader_record& mine,
                               atomic<const reader_bias*>& slot) noexcept {
  if (slot.load(memory_order_relaxed) != nullptr) return false;
  // [V1], and [V14] seq_cst; pairs with [V6], [V7], [V15]: the fence behind it,
  // on the thread's own line. (An exchange: as cheap as a fence.)
  slot.exchange(this, memory_order_seq_cst);
  // [V18] seq_cst; pairs with [V11], [V15], [V16], [V17].
  const std::uint32_t state = state_.load(memory_order_seq_cst);
  if (state == kFenced || state == kOn) [[likely]] {
    if (state == kFenced && may_be_light()) lighten();
    return true;
  }
  mine.leave(slot);
  return false;
}

bool reader_bias::leave_slow() noexcept {
  if (t_displaced == 0) return false;
  for (auto& slot : t_reader_record->slots) {
    if (slot.load(memory_order_relaxed) != this) continue;
    --t_displaced;
    t_reader_record->leave(slot);
    return true;
  }
  return false;
}

// Whether the last heavy fence is long enough ago. Mostly false without a look
// at the clock.
bool reader_bias::may_be_light() noexcept {
  // Relaxed: what is read here was written by a writer that has given the lock
  // back, and a count that is a little wrong will do.
  const std::int64_t until = heavy_until_.load(memory_order_relaxed);
  if (until == 0) return true;
  if (++t_looks % kLooksBetween != 0) return false;
  return now_ns(clock_id::monotonic) >= until;
}

void reader_bias::turn_on() noexcept {
  if (may_be_light()) {
    settle_asymmetric_fences();  // so that light fences are light
    // [V11] release; pairs with [V3], [V18]: what writers did before this
    // thread got the lock.
    state_.store(kOn, memory_order_release);
    return;
  }
  const std::uint32_t looks = looks_.load(memory_order_relaxed) + 1;
  looks_.store(looks, memory_order_relaxed);
  if (looks % kReadsBefore != 0) return;
  // [V16] release; pairs with [V18]: as [V11].
  state_.store(kFenced, memory_order_release);
}

// By a visible reader: no writer is there.
void reader_bias::lighten() noexcept {
  settle_asymmetric_fences();
  std::uint32_t fenced = kFenced;
  // [V17] release; pairs with [V3], [V18]: as [V11].
  state_.compare_exchange_strong(fenced, kOn, memory_order_release,
                                 memory_order_relaxed);
}

bool reader_bias::revoke_slow(deadline until, const stop_token* stop) noexcept {
  // [V15] seq_cst; pairs with [V14], [V18]: a fenced reader sees it, or is
  // seen. An update: what a reader makes of kFenced now is not passed over.
  if (state_.exchange(kLeaving, memory_order_seq_cst) != kOn)
    return await_and_leave_off(until, stop);
  const std::int64_t begin = now_ns(clock_id::monotonic);
  // [V7] seq_cst; pairs with [V2], [V14].
  asymmetric_thread_fence_heavy(memory_order_seq_cst);
  const bool alone = await_and_leave_off(until, stop);
  const std::int64_t end = now_ns(clock_id::monotonic);
  heavy_until_.store(saturating_add(end, kInhibit * (end - begin)),
                     memory_order_relaxed);
  return alone;
}

bool reader_bias::await_and_leave_off(deadline until,
                                      const stop_token* stop) noexcept {
  const bool alone = await_readers(until, stop);
  if (alone) state_.store(kOff, memory_order_relaxed);
  return alone;
}

bool reader_bias::await_readers(deadline until,
                                const stop_token* stop) const noexcept {
  // [V20] seq_cst; pairs with [V19].
  const std::uint32_t n = g_first_unused.load(memory_order_seq_cst);
  for (std::uint32_t i = 0; i < n; ++i) {
    for (const auto& slot : g_records[i].slots) {
      // [V6] seq_cst; pairs with [V1], [V4], [V14]: behind [V15] it sees the
      // slot of a fenced reader that does not see that.
      if (slot.load(memory_order_seq_cst) == this &&
          !await_reader(g_records[i], slot, until, stop))
        return false;
    }
  }
  return true;
}

bool reader_bias::await_reader(reader_record& theirs,
                               const atomic<const reader_bias*>& slot,
                               deadline until,
                               const stop_token* stop) const noexcept {
  sleeper self(until, stop);
  spinner spinning(spinner::how::briefly);
  const bool only_a_try = until.ns() <= 0;
  for (;;) {
    // [V10] acquire; pairs with [V1], [V4].
    if (slot.load(memory_order_acquire) != this) return true;
    if (!only_a_try && spinning.spin()) continue;
    if (self.must_leave()) return false;
    const std::uint32_t asleep =
        theirs.wanted.fetch_or(reader_record::kWanted, memory_order_relaxed) |
        reader_record::kWanted;
    // [V8] seq_cst; pairs with [V5].
    asymmetric_thread_fence_heavy(memory_order_seq_cst);
    // [V9] acquire; pairs with [V1], [V4].
    if (slot.load(memory_order_acquire) != this) return true;
    self.sleep(theirs.wanted, asleep);
    spinning.restart();
  }
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
