// SPDX-License-Identifier: Apache-2.0
//
// interprocess::mutex: syncxx::mutex, between processes. See
// <sync/interprocess.h>.
#ifndef SYNCXX_INTERPROCESS_MUTEX_H_
#define SYNCXX_INTERPROCESS_MUTEX_H_

#include <sync/detail/annotations.h>
#include <sync/detail/config.h>
#include <sync/detail/futex.h>
#include <sync/mutex.h>

namespace syncxx::inline SYNCXX_ABI {
namespace interprocess {

// Barging without a bound: nobody claims it, for a claimant may be killed.
class SYNCXX_CAPABILITY("mutex") mutex
    : public detail::basic_mutex<futex_scope::process_shared> {
 public:
  constexpr mutex() noexcept = default;
};

using timed_mutex = mutex;

}  // namespace interprocess
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_INTERPROCESS_MUTEX_H_
