// SPDX-License-Identifier: Apache-2.0
//
// ConcurrencyKit's spinlocks: fetch-and-store, ticket, MCS, CLH; its central
// barrier, its sequence lock. Its headers are C: the umbrella and the queue
// headers rely on void* converting to anything, so the one exchange that
// returns void* is given its type here.
#ifndef SYNCXX_BENCH_ADAPTERS_CK_H_
#define SYNCXX_BENCH_ADAPTERS_CK_H_

#include <ck_md.h>
#include <ck_pr.h>
#include <spinlock/fas.h>
#include <spinlock/ticket.h>

#include <memory>
#include <mutex>
#include <vector>

#include "bench/adapters/concepts.h"

namespace syncxx_bench {
template <class T>
inline T* ck_exchange_pointer(T** target, T* value) {
  return static_cast<T*>(ck_pr_fas_ptr(target, value));
}
}  // namespace syncxx_bench

#define ck_pr_fas_ptr ::syncxx_bench::ck_exchange_pointer
extern "C" {  // it has functions in the library
#include <ck_barrier.h>
}
#include <spinlock/clh.h>
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

// A thread leaves with another node than it came with: all of them live as long
// as the lock. The first use of each thread's makes one.
class ck_clh {
 public:
  struct node {
    ck_spinlock_clh_t* mine = nullptr;
  };
  static constexpr std::string_view kName = "ck_spinlock_clh";
  static constexpr std::string_view kLibrary = "ck";
  static constexpr std::size_t kSize = sizeof(ck_spinlock_clh_t*);
  static constexpr waiting kWaiting = waiting::kSpinsFifo;

  ck_clh() { ck_spinlock_clh_init(&last_, make()); }
  void lock(node& n) {
    if (n.mine == nullptr) [[unlikely]]
      n.mine = make();
    ck_spinlock_clh_lock(&last_, n.mine);
  }
  void unlock(node& n) { ck_spinlock_clh_unlock(&n.mine); }

 private:
  struct alignas(128) place {
    ck_spinlock_clh_t node;
  };

  [[gnu::noinline]] ck_spinlock_clh_t* make() {
    const std::lock_guard guard(places_lock_);
    places_.push_back(std::make_unique<place>());
    return &places_.back()->node;
  }

  alignas(128) ck_spinlock_clh_t* last_ = nullptr;
  alignas(128) std::mutex places_lock_;
  std::vector<std::unique_ptr<place>> places_;
};

class ck_central_barrier {
 public:
  using node = ck_barrier_centralized_state_t;
  static constexpr std::string_view kName = "ck_barrier_centralized";
  static constexpr std::string_view kLibrary = "ck";
  static constexpr std::size_t kSize = sizeof(ck_barrier_centralized_t);
  static constexpr waiting kWaiting = waiting::kSpins;

  explicit ck_central_barrier(int count)
      : count_(static_cast<unsigned>(count)) {}
  void arrive_and_wait(node& n) {
    ck_barrier_centralized(&barrier_, &n, count_);
  }

 private:
  ck_barrier_centralized_t barrier_ = CK_BARRIER_CENTRALIZED_INITIALIZER;
  const unsigned count_;
};

}  // namespace syncxx_bench

#endif  // SYNCXX_BENCH_ADAPTERS_CK_H_
