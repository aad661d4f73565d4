// SPDX-License-Identifier: Apache-2.0
//
// One report at a time.
#ifndef SYNCXX_SRC_DEADLOCK_REPORT_REPORT_LOCK_H_
#define SYNCXX_SRC_DEADLOCK_REPORT_REPORT_LOCK_H_

#include <sync/detail/config.h>

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// Holds the lock under which reports are composed and written. errno is kept.
class report_lock {
 public:
  report_lock() noexcept;
  report_lock(const report_lock&) = delete;
  report_lock& operator=(const report_lock&) = delete;
  ~report_lock();

 private:
  const int error_;
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_REPORT_REPORT_LOCK_H_
