// SPDX-License-Identifier: Apache-2.0
//
// Locks with readers and writers, of every library that is here.
#ifndef SYNCXX_BENCH_ADAPTERS_SHARED_H_
#define SYNCXX_BENCH_ADAPTERS_SHARED_H_

#include <pthread.h>
#include <sync/biased_shared_mutex.h>
#include <sync/shared_mutex.h>

#include <shared_mutex>

#include "bench/adapters/all.h"

#if defined(SYNCXX_BENCH_HAVE_TBB)
#include <oneapi/tbb/rw_mutex.h>
#include <tbb/spin_rw_mutex.h>
#endif
#if defined(SYNCXX_BENCH_HAVE_CK)
#include <ck_rwlock.h>
#endif
#if defined(SYNCXX_BENCH_HAVE_BOOST)
#include <boost/thread/shared_mutex.hpp>
#endif

namespace syncxx_bench {

template <class M>
concept shared_like = named<M> && requires(M& m) {
  m.lock();
  m.unlock();
  m.lock_shared();
  m.unlock_shared();
};

// For anything with the standard's four names.
template <class L>
class shared_lockable {
 public:
  static constexpr std::size_t kSize = sizeof(L);

  SYNCXX_BENCH_NO_TSA void lock() { lock_.lock(); }
  SYNCXX_BENCH_NO_TSA void unlock() { lock_.unlock(); }
  SYNCXX_BENCH_NO_TSA void lock_shared() { lock_.lock_shared(); }
  SYNCXX_BENCH_NO_TSA void unlock_shared() { lock_.unlock_shared(); }

 private:
  L lock_{};
};

struct self_shared_mutex : shared_lockable<syncxx::shared_mutex> {
  static constexpr std::string_view kName = "syncxx::shared_mutex";
  static constexpr std::string_view kLibrary = "syncxx";
};

struct self_biased_shared_mutex : shared_lockable<syncxx::biased_shared_mutex> {
  static constexpr std::string_view kName = "syncxx::biased_shared_mutex";
  static constexpr std::string_view kLibrary = "syncxx";
};

struct std_shared_mutex : shared_lockable<std::shared_mutex> {
  static constexpr std::string_view kName = "std::shared_mutex";
  static constexpr std::string_view kLibrary = "std";
};

// glibc's other kind: a writer that waits stops new readers, as ours does.
class pthread_writers_first {
 public:
  static constexpr std::string_view kName = "pthread rwlock, writers first";
  static constexpr std::string_view kLibrary = "pthread";
  static constexpr std::size_t kSize = sizeof(pthread_rwlock_t);

  void lock() { pthread_rwlock_wrlock(&lock_); }
  void unlock() { pthread_rwlock_unlock(&lock_); }
  void lock_shared() { pthread_rwlock_rdlock(&lock_); }
  void unlock_shared() { pthread_rwlock_unlock(&lock_); }

 private:
  pthread_rwlock_t lock_ = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
};

#if defined(SYNCXX_BENCH_HAVE_ABSL)
class absl_shared_mutex {
 public:
  static constexpr std::string_view kName = "absl::Mutex";
  static constexpr std::string_view kLibrary = "absl";
  static constexpr std::size_t kSize = sizeof(absl::Mutex);

  SYNCXX_BENCH_NO_TSA void lock() { lock_.Lock(); }
  SYNCXX_BENCH_NO_TSA void unlock() { lock_.Unlock(); }
  SYNCXX_BENCH_NO_TSA void lock_shared() { lock_.ReaderLock(); }
  SYNCXX_BENCH_NO_TSA void unlock_shared() { lock_.ReaderUnlock(); }

 private:
  absl::Mutex lock_;
};
using absl_shared = types<absl_shared_mutex>;
#else
using absl_shared = types<>;
#endif

#if defined(SYNCXX_BENCH_HAVE_TBB)
struct tbb_rw_mutex : shared_lockable<tbb::rw_mutex> {
  static constexpr std::string_view kName = "tbb::rw_mutex";
  static constexpr std::string_view kLibrary = "tbb";
};
struct tbb_spin_rw_mutex : shared_lockable<tbb::spin_rw_mutex> {
  static constexpr std::string_view kName = "tbb::spin_rw_mutex";
  static constexpr std::string_view kLibrary = "tbb";
};
using tbb_shared = types<tbb_rw_mutex, tbb_spin_rw_mutex>;
#else
using tbb_shared = types<>;
#endif

#if defined(SYNCXX_BENCH_HAVE_NSYNC)
class nsync_shared_mutex {
 public:
  static constexpr std::string_view kName = "nsync_mu";
  static constexpr std::string_view kLibrary = "nsync";
  static constexpr std::size_t kSize = sizeof(nsync::nsync_mu);

  nsync_shared_mutex() { nsync::nsync_mu_init(&lock_); }
  void lock() { nsync::nsync_mu_lock(&lock_); }
  void unlock() { nsync::nsync_mu_unlock(&lock_); }
  void lock_shared() { nsync::nsync_mu_rlock(&lock_); }
  void unlock_shared() { nsync::nsync_mu_runlock(&lock_); }

 private:
  nsync::nsync_mu lock_;
};
using nsync_shared = types<nsync_shared_mutex>;
#else
using nsync_shared = types<>;
#endif

#if defined(SYNCXX_BENCH_HAVE_CK)
class ck_shared_lock {
 public:
  static constexpr std::string_view kName = "ck_rwlock";
  static constexpr std::string_view kLibrary = "ck";
  static constexpr std::size_t kSize = sizeof(ck_rwlock_t);

  ck_shared_lock() { ck_rwlock_init(&lock_); }
  void lock() { ck_rwlock_write_lock(&lock_); }
  void unlock() { ck_rwlock_write_unlock(&lock_); }
  void lock_shared() { ck_rwlock_read_lock(&lock_); }
  void unlock_shared() { ck_rwlock_read_unlock(&lock_); }

 private:
  ck_rwlock_t lock_;
};
using ck_shared = types<ck_shared_lock>;
#else
using ck_shared = types<>;
#endif

#if defined(SYNCXX_BENCH_HAVE_BOOST)
struct boost_shared_mutex : shared_lockable<boost::shared_mutex> {
  static constexpr std::string_view kName = "boost::shared_mutex";
  static constexpr std::string_view kLibrary = "boost";
};
using boost_shared = types<boost_shared_mutex>;
#else
using boost_shared = types<>;
#endif

using shared_mutexes =
    decltype(types<self_shared_mutex, self_biased_shared_mutex,
                   std_shared_mutex, pthread_writers_first>{} +
             absl_shared{} + tbb_shared{} + nsync_shared{} + ck_shared{} +
             boost_shared{});

}  // namespace syncxx_bench

#endif  // SYNCXX_BENCH_ADAPTERS_SHARED_H_
