// SPDX-License-Identifier: Apache-2.0
//
// What comes before what in every run, because a thread cannot do anything
// before it is created, nor after it has been joined.
//
// Not thread-safe. What it does not know for want of memory it takes as
// ordered: nothing wrong is reported then.
#ifndef SYNCXX_SRC_DEADLOCK_DETECTION_THREAD_ORDER_H_
#define SYNCXX_SRC_DEADLOCK_DETECTION_THREAD_ORDER_H_

#include <cstdint>

#include <sync/detail/config.h>

#include "order_graph.h"
#include "storage.h"
#include "threads.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

class thread_order {
 public:
  constexpr thread_order() noexcept = default;
  thread_order(const thread_order&) = delete;
  thread_order& operator=(const thread_order&) = delete;

  // A thread that has moments in the graph.
  void note(const thread_record& me) noexcept;
  // What stands for a declared order: it has no tid, and is ordered with none.
  void note_declaration(std::uint64_t serial) noexcept;
  // At the creator's present time: its later moments are unordered with the
  // thread's.
  void created(const thread_record& creator, std::uint64_t serial) noexcept;
  // From the joining thread's present time on.
  void joined(const thread_record& by, std::uint64_t serial) noexcept;

  bool is_before(const moment_of& a, const moment_of& b) noexcept;
  int tid_of(std::uint64_t serial) const noexcept;

 private:
  struct info {
    std::uint64_t serial;
    std::uint64_t creator;  // 0: not known
    std::uint32_t created_at;
    std::uint32_t precedes_up_to;  // its moments before this one may come
                                   // before another thread's
    std::uint32_t first_join;      // the latest
    std::uint32_t asked;           // the last question that came by
    std::uint32_t up_to;           // and with which time
    int tid;
  };
  struct join {
    std::uint64_t thread;
    std::uint32_t time;
    std::uint32_t next;
  };
  static constexpr std::uint32_t kMost = 1u << 20;

  void visit(const moment_of& at) noexcept;
  info* find(std::uint64_t serial) noexcept;
  info* find_or_add(std::uint64_t serial) noexcept;

  numbered_pool<info> all_;
  key_table by_serial_;
  numbered_pool<join> joins_;
  segments<moment_of> to_visit_;
  std::uint32_t questions_ = 0;
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_DETECTION_THREAD_ORDER_H_
