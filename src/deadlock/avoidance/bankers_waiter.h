// SPDX-License-Identifier: Apache-2.0
//
// What the sources of bankers_table share.
#ifndef SYNCXX_SRC_DEADLOCK_AVOIDANCE_BANKERS_WAITER_H_
#define SYNCXX_SRC_DEADLOCK_AVOIDANCE_BANKERS_WAITER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>

#include <sync/detail/bankers_table.h>
#include <sync/detail/config.h>
#include <sync/event.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

struct bankers_waiter {
  bankers_table::ticket who;
  amounts_view request;
  int priority = 0;
  bool served = false;
  waiter_links arrival;
  waiter_links turn;
  bankers_waiter* woken_next = nullptr;
  auto_reset_event ready;
};

[[noreturn]] SYNCXX_COLD inline void refuse(const std::string& what) {
  throw std::invalid_argument("syncxx: " + what);
}
[[noreturn]] SYNCXX_COLD inline void refuse(int code, const std::string& what) {
  throw std::system_error(code, std::generic_category(), "syncxx: " + what);
}

inline std::string of_resource(std::uint64_t units, std::size_t resource) {
  return std::to_string(units) + " of resource " + std::to_string(resource);
}

inline std::uint64_t as_count(amount a) noexcept {
  return static_cast<std::uint64_t>(std::max<amount>(a, 0));
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_DEADLOCK_AVOIDANCE_BANKERS_WAITER_H_
