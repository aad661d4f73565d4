// SPDX-License-Identifier: Apache-2.0
//
// The rest of the seam, as the model has it: spinning, clocks.
#include <sync/detail/spin_wait.h>
#include <sync/model/access.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// Two CPUs: as many as it takes for all that depends on there being more.
unsigned usable_cpus() noexcept { return 2; }

// What back_off would do; in the model it waits as patience does.
bool pause_for_ns(std::int64_t) noexcept { return false; }
void nap_for(std::int64_t) noexcept { model::engine::spin_hint(); }

// Looking again is what another order of the threads' operations does as well:
// a spinner gives up at once, and the sleep is explored.
bool spinner::spin() noexcept { return false; }
bool spinner::yield() noexcept {
  static_cast<void>(yields_);
  return false;
}
void spinner::succeeded() noexcept {}

// The loop around it is an await.
void patience::wait() noexcept {
  model::engine::spin_hint(round_ != 0);
  round_ = 1;
}

void line_patience::wait(unsigned) noexcept {
  model::engine::spin_hint(round_ != 0);
  round_ = 1;
}
// As with a spinner.
bool line_patience::try_wait(unsigned) noexcept { return false; }
void line_patience::over() noexcept {
  static_cast<void>(ahead_);
  static_cast<void>(sure_);
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
