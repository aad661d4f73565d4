// SPDX-License-Identifier: Apache-2.0
#include <sync/back_off.h>

#include <sync/detail/clock.h>
#include <sync/detail/spin_wait.h>
#include <sync/detail/thread.h>
#include <sync/detail/thread_id.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

// How many seeds the thread has drawn.
constinit thread_local std::uint64_t t_seeds = 0;

constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15u;

// Neighbouring numbers give seeds that have nothing in common: the last step of
// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), which is a bijection.
constexpr std::uint64_t mix(std::uint64_t n) noexcept {
  n = (n ^ (n >> 30)) * 0xBF58476D1CE4E5B9u;
  n = (n ^ (n >> 27)) * 0x94D049BB133111EBu;
  return n ^ (n >> 31);
}

}  // namespace

// The kernel's number tells the threads of all processes apart, a child of a
// fork and its parent too; the thread's address those of two containers.
std::uint64_t back_off_seed() noexcept {
  const std::uint64_t thread = mix(kernel_tid()) ^ self_id();
  return mix(thread + ++t_seeds * kGolden);
}

}  // namespace detail

bool back_off::wait(detail::deadline until) noexcept {
  if (until.has_passed()) return false;
#if SYNCXX_MODELLED || SYNCXX_IN_RELACY
  // Another order of the threads shows what a pause would. (A number that is
  // different each time would make each round of the loop a new state.)
  detail::patience().wait();
#else
  if (!plan_.is_seeded()) plan_.seed(detail::back_off_seed());
  detail::back_off_step step = plan_.next();
  using kind = detail::back_off_step::kind;
  if (step.how == kind::yield) {
    for (; step.amount > 0; --step.amount) detail::yield();
    return true;
  }
  if (!until.is_never()) {
    const std::int64_t now = detail::now_ns(until.clock());
    step.amount = std::min(step.amount, until.ns() - now);
    if (step.amount <= 0) return true;  // it has passed just now
  }
  if (step.how == kind::sleep)
    detail::nap_for(step.amount);
  else if (!detail::pause_for_ns(step.amount))
    detail::yield();
#endif
  return true;
}

}  // namespace syncxx::inline SYNCXX_ABI
