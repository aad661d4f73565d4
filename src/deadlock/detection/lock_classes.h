// SPDX-License-Identifier: Apache-2.0
//
// Classes of locks, and the order in which they are taken: a graph of its own,
// beside that of the locks.
//
// Not thread-safe (order.cc).
#ifndef SYNCXX_SRC_DEADLOCK_DETECTION_LOCK_CLASSES_H_
#define SYNCXX_SRC_DEADLOCK_DETECTION_LOCK_CLASSES_H_

#include <cstdint>
#include <string_view>

#include <sync/detail/config.h>

#include "order_graph.h"
#include "storage.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

class lock_classes {
 public:
  constexpr lock_classes(order_graph::order_of_moments ordered,
                         order_graph::when_found found) noexcept
      : graph_(ordered, found, nullptr) {}
  lock_classes(const lock_classes&) = delete;
  lock_classes& operator=(const lock_classes&) = delete;

  bool empty() const noexcept { return class_of_.size() == 0; }
  void set(const void* lock, std::string_view name) noexcept;
  void forget(const void* lock) noexcept;
  // 0: it has none.
  lock_id of(const void* lock) const noexcept;
  lock_id find_or_add(std::string_view name) noexcept;
  // Zero-terminated; good for ever.
  const char* name(lock_id id) const noexcept;

  order_graph& graph() noexcept { return graph_; }

 private:
  struct info {
    char name[64];
  };

  order_graph graph_;
  key_table class_of_;  // by the lock's address
  key_table by_name_;   // by a hash
  segments<info> all_;  // by lock_id
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_DETECTION_LOCK_CLASSES_H_
