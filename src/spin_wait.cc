// SPDX-License-Identifier: Apache-2.0
#include <sync/detail/spin_wait.h>

#include <sched.h>
#include <time.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

bool may_use_one_cpu_only() noexcept {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  return sched_getaffinity(0, sizeof(cpus), &cpus) == 0 &&
         CPU_COUNT(&cpus) == 1;
}

// Asked once, when the program is loaded, so that no slow path makes the
// syscall. Locks used by earlier static constructors read false and spin.
const bool g_one_cpu = may_use_one_cpu_only();

}  // namespace

bool spin_wait::others_can_run() noexcept { return !g_one_cpu; }

void spin_wait::give_way() noexcept {
  constexpr long kNapNs = 50'000;  // about what waking a thread costs
  if (round_ < kRounds + kYields) {
    ++round_;
    yield();
    return;
  }
  const timespec nap{0, kNapNs};
  nanosleep(&nap, nullptr);
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
