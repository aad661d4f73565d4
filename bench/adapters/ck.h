// SPDX-License-Identifier: Apache-2.0
//
// ConcurrencyKit's spinlocks: fetch-and-store, ticket, MCS. Its headers are C:
// the umbrella and the MCS header rely on void* converting to anything, so the
// one exchange that returns void* is given its type here.
#ifndef SYNCXX_BENCH_ADAPTERS_CK_H_
#define SYNCXX_BENCH_ADAPTERS_CK_H_

#include <ck_md.h>
#include <ck_pr.h>
#include <spinlock/fas.h>
#include <spinlock/ticket.h>

#include "bench/adapters/concepts.h"

namespace syncxx_bench {
template <class T>
inline T* ck_exchange_pointer(T** target, T* value) {
  return static_cast<T*>(ck_pr_fas_ptr(target, value));
}
}  // namespace syncxx_bench

#define ck_pr_fas_ptr ::syncxx_bench::ck_exchange_pointer
#include <spinlock/mcs.h>
#undef ck_pr_fas_ptr

namespace syncxx_bench {

class ck_fas {
 public:
  using node = no_node;
  static constexpr std::string_view kName = "ck_spinlock_fas";
  static constexpr std::string_view kLibrary = "ck";
  static constexpr std::size_t kSize = sizeof(ck_spinlock_fas_t);
  static constexpr waiting kWaiting = waiting::kSpins;

  ck_fas() { ck_spinlock_fas_init(&lock_); }
  void lock(node&) { ck_spinlock_fas_lock(&lock_); }
  void unlock(node&) { ck_spinlock_fas_unlock(&lock_); }

 private:
  ck_spinlock_fas_t lock_;
};

class ck_ticket {
 public:
  using node = no_node;
  static constexpr std::string_view kName = "ck_spinlock_ticket";
  static constexpr std::string_view kLibrary = "ck";
  static constexpr std::size_t kSize = sizeof(ck_spinlock_ticket_t);
  static constexpr waiting kWaiting = waiting::kSpinsFifo;

  ck_ticket() { ck_spinlock_ticket_init(&lock_); }
  void lock(node&) { ck_spinlock_ticket_lock(&lock_); }
  void unlock(node&) { ck_spinlock_ticket_unlock(&lock_); }

 private:
  ck_spinlock_ticket_t lock_;
};

class ck_mcs {
 public:
  using node = ck_spinlock_mcs_context_t;
  static constexpr std::string_view kName = "ck_spinlock_mcs";
  static constexpr std::string_view kLibrary = "ck";
  static constexpr std::size_t kSize = sizeof(ck_spinlock_mcs_t);
  static constexpr waiting kWaiting = waiting::kSpinsFifo;

  ck_mcs() { ck_spinlock_mcs_init(&queue_); }
  void lock(node& n) { ck_spinlock_mcs_lock(&queue_, &n); }
  void unlock(node& n) { ck_spinlock_mcs_unlock(&queue_, &n); }

 private:
  ck_spinlock_mcs_t queue_;
};

}  // namespace syncxx_bench

#endif  // SYNCXX_BENCH_ADAPTERS_CK_H_
