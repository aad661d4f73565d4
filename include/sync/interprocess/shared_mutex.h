// SPDX-License-Identifier: Apache-2.0
//
// interprocess::shared_mutex: syncxx::shared_mutex, between processes. See
// <sync/interprocess.h>.
//
// In place of what it says of progress:
//   progress  blocking. A writer that waits for readers asks new ones to stay
//             out; each does so for 50 ms at most (for the writer may have been
//             killed), and those that only try do not. When a writer is
//             through, readers that sleep are woken before the next writer that
//             sleeps, and race with it. Nobody claims the lock: overtaking has
//             no bound
//   killed    a writer that was killed while it waited costs the readers that
//             come next 50 ms, once
#ifndef SYNCXX_INTERPROCESS_SHARED_MUTEX_H_
#define SYNCXX_INTERPROCESS_SHARED_MUTEX_H_

#include <sync/detail/annotations.h>
#include <sync/detail/config.h>
#include <sync/detail/futex.h>
#include <sync/shared_mutex.h>

namespace syncxx::inline SYNCXX_ABI {
namespace interprocess {

class SYNCXX_CAPABILITY("shared_mutex") shared_mutex
    : public detail::basic_shared_mutex<futex_scope::process_shared> {
 public:
  constexpr shared_mutex() noexcept = default;
};

using shared_timed_mutex = shared_mutex;

static_assert(SYNCXX_IN_RELACY || sizeof(shared_mutex) == 4);

}  // namespace interprocess
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_INTERPROCESS_SHARED_MUTEX_H_
