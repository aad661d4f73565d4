// SPDX-License-Identifier: Apache-2.0
//
// The counts of all threads, by class, with names for people.
#ifndef SYNCXX_SRC_DEADLOCK_STATISTICS_SUMMARY_H_
#define SYNCXX_SRC_DEADLOCK_STATISTICS_SUMMARY_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include <sync/detail/config.h>

#include "statistics.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail::statistics {

struct duration_sum {
  std::uint64_t count, total_ns, max_ns;
  std::uint64_t buckets[kBuckets];

  void add(const duration_counts& of) noexcept;
  void add(const duration_sum& other) noexcept;
  // As lock_stat::durations::percentile(), of 1/1000.
  std::uint64_t percentile(std::uint64_t thousandths) const noexcept;
};

// Where, for people.
struct label {
  char place[192];
  char function[128];  // "": not known
};

struct class_sum {
  class_id id;
  object_kind kind;
  bool is_named;
  char name[kNameSize];
  std::uint32_t where;
  label at;  // of one without a name
  std::uint64_t locks, acquisitions, shared, contended;
  duration_sum wait, hold;

  const char* title() const noexcept;
};

struct site_sum {
  class_id of;
  std::uint32_t where;
  label at;
  std::uint64_t waits, total_ns, max_ns;
};

// Whether anything has been.
bool has_counted() noexcept;

class summary {
 public:
  // Reads debug information.
  summary() noexcept;
  summary(const summary&) = delete;
  summary& operator=(const summary&) = delete;
  ~summary();

  // In the order of rows: what was waited for longest comes first.
  std::span<const class_sum> classes() const noexcept {
    return {classes_, n_classes_};
  }
  // Likewise.
  std::span<const site_sum> sites_of(const class_sum& one) const noexcept;

  // False: there was no memory, and nothing is here.
  bool is_whole() const noexcept { return is_whole_; }
  std::uint64_t missed() const noexcept { return missed_; }
  std::int64_t time_ns() const noexcept { return time_ns_; }
  std::uint32_t sampling() const noexcept { return sampling_; }

  // Around fork(): nobody reads debug information, which is done under a lock
  // of the loader's that the child would find taken.
  static void before_fork() noexcept;
  static void after_fork_in_parent() noexcept;
  static void after_fork_in_child() noexcept;

 private:
  void gather() noexcept;
  void name() noexcept;
  void fold() noexcept;

  class_sum* classes_ = nullptr;
  site_sum* sites_ = nullptr;
  class_id* now_of_ = nullptr;  // by the class that it was gathered as
  std::size_t n_classes_ = 0, n_sites_ = 0;
  std::size_t room_classes_ = 0, room_sites_ = 0;
  bool is_whole_ = false;
  std::uint64_t missed_ = 0;
  std::int64_t time_ns_ = 0;
  std::uint32_t sampling_ = 1;
};

}  // namespace detail::statistics
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_STATISTICS_SUMMARY_H_
