// SPDX-License-Identifier: Apache-2.0
#include "kinds.h"

#if SYNCXX_HOOKED

#include <pthread.h>

#include <type_traits>

#include <sync/byte_mutex.h>
#include <sync/detail/raw_mutex.h>
#include <sync/detail/raw_shared_mutex.h>
#include <sync/detail/thread_id.h>
#include <sync/mcs_lock.h>
#include <sync/mutex.h>
#include <sync/pi_mutex.h>
#include <sync/queue_lock.h>
#include <sync/recursive_mutex.h>
#include <sync/robust_mutex.h>
#include <sync/shared_mutex.h>
#include <sync/spinlock.h>
#include <sync/ticket_lock.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

#define SYNCXX_WORDS_(type)                                       \
  words {                                                         \
    "lock() of a " type " that this thread already holds",        \
        "unlock of a " type " by a thread that does not hold it", \
        "unlock of a " type " that nobody holds",                 \
        "destruction of a " type " that is held"                  \
  }
constexpr words kMutexWords = SYNCXX_WORDS_("mutex");
constexpr words kRecursiveMutexWords = SYNCXX_WORDS_("recursive_mutex");
constexpr words kSpinlockWords = SYNCXX_WORDS_("spinlock");
constexpr words kByteMutexWords = SYNCXX_WORDS_("byte_mutex");
constexpr words kTicketLockWords = SYNCXX_WORDS_("ticket_lock");
constexpr words kMcsLockWords = SYNCXX_WORDS_("mcs_lock");
constexpr words kQueueLockWords = SYNCXX_WORDS_("queue_lock");
constexpr words kBiasedSharedMutexWords = SYNCXX_WORDS_("biased_shared_mutex");
constexpr words kPiMutexWords = SYNCXX_WORDS_("pi_mutex");
constexpr words kRobustMutexWords = SYNCXX_WORDS_("robust_mutex");
constexpr words kRobustPiMutexWords = SYNCXX_WORDS_("robust_pi_mutex");
constexpr words kPthreadMutexWords = SYNCXX_WORDS_("pthread_mutex_t");
constexpr words kPthreadRwlockWords = SYNCXX_WORDS_("pthread_rwlock_t");
constexpr words kPthreadSpinlockWords = SYNCXX_WORDS_("pthread_spinlock_t");
#undef SYNCXX_WORDS_
constexpr words kSharedMutexWords = {
    "lock() of a shared_mutex that this thread already holds",
    "unlock of a shared_mutex by a thread that does not hold it",
    "unlock of a shared_mutex that nobody holds exclusively",
    "destruction of a shared_mutex that is held"};
constexpr words kUpgradeWords = {
    "lock_upgrade() of a shared_mutex that this thread already holds",
    "unlock_upgrade of a shared_mutex by a thread that does not hold it",
    "unlock_upgrade of a shared_mutex whose upgrade ownership nobody holds",
    kSharedMutexWords.destroyed_while_held};
constexpr words kShareWords = {
    "lock_shared() of a shared_mutex that this thread holds exclusively",
    "unlock_shared of a shared_mutex by a thread that does not share it",
    "unlock_shared of a shared_mutex that nobody shares",
    kSharedMutexWords.destroyed_while_held};

constexpr words kPthreadShareWords = {
    "rdlock of a pthread_rwlock_t that this thread holds exclusively",
    "unlock of a pthread_rwlock_t by a thread that does not hold it",
    "unlock of a pthread_rwlock_t that nobody holds",
    "destruction of a pthread_rwlock_t that is held"};

}  // namespace

const words* words_for(object_kind kind) noexcept {
  switch (kind) {
    case object_kind::pthread_mutex:
    case object_kind::pthread_recursive_mutex:
      return &kPthreadMutexWords;
    case object_kind::pthread_rwlock:
      return &kPthreadRwlockWords;
    case object_kind::pthread_rwlock_shared:
      return &kPthreadShareWords;
    case object_kind::pthread_spinlock:
      return &kPthreadSpinlockWords;
    case object_kind::mutex:
      return &kMutexWords;
    case object_kind::recursive_mutex:
      return &kRecursiveMutexWords;
    case object_kind::spinlock:
      return &kSpinlockWords;
    case object_kind::shared_mutex:
      return &kSharedMutexWords;
    case object_kind::shared_mutex_upgrade:
      return &kUpgradeWords;
    case object_kind::shared_mutex_shared:
      return &kShareWords;
    case object_kind::byte_mutex:
      return &kByteMutexWords;
    case object_kind::ticket_lock:
      return &kTicketLockWords;
    case object_kind::mcs_lock:
      return &kMcsLockWords;
    case object_kind::queue_lock:
      return &kQueueLockWords;
    case object_kind::biased_shared_mutex:
      return &kBiasedSharedMutexWords;
    case object_kind::pi_mutex:
      return &kPiMutexWords;
    case object_kind::robust_mutex:
      return &kRobustMutexWords;
    case object_kind::robust_pi_mutex:
      return &kRobustPiMutexWords;
    default:
      return nullptr;
  }
}

bool counts(object_kind kind) noexcept {
  return is_semaphore(kind) || kind == object_kind::latch ||
         kind == object_kind::barrier;
}

namespace {

// A shared_mutex begins with its protocol, whatever the ownership.
static_assert(std::is_standard_layout_v<shared_mutex>);
const raw_shared_mutex& as_shared(const void* lock) noexcept {
  return *static_cast<const raw_shared_mutex*>(lock);
}
#if defined(__GLIBC__)
const auto& as_rwlock(const void* lock) noexcept {
  return static_cast<const pthread_rwlock_t*>(lock)->__data;
}
#endif

template <class T>
T first_word(const void* lock) noexcept {
  return static_cast<const atomic<T>*>(lock)->load(memory_order_relaxed);
}

}  // namespace

std::uint32_t readers_of(const void* lock) noexcept {
  return as_shared(lock).readers();
}

bool names_owner(object_kind kind) noexcept {
  return kind == object_kind::pi_mutex || kind == object_kind::robust_mutex ||
         kind == object_kind::robust_pi_mutex;
}

// All begin with the word (they are standard-layout), and in most its lowest
// bit says so.
bool is_locked(const void* lock, object_kind kind) noexcept {
  static_assert(std::is_standard_layout_v<mutex> &&
                std::is_standard_layout_v<recursive_mutex> &&
                std::is_standard_layout_v<spinlock> &&
                std::is_standard_layout_v<byte_mutex> &&
                std::is_standard_layout_v<ticket_lock> &&
                std::is_standard_layout_v<mcs_lock> &&
                std::is_standard_layout_v<queue_lock> &&
                std::is_standard_layout_v<pi_mutex> &&
                std::is_standard_layout_v<robust_mutex> &&
                std::is_standard_layout_v<robust_pi_mutex>);
  switch (kind) {
    case object_kind::spinlock:
      return first_word<bool>(lock);
    case object_kind::shared_mutex:
      return as_shared(lock).has_writer();
    case object_kind::shared_mutex_upgrade:
      return as_shared(lock).has_upgrader();
    case object_kind::shared_mutex_shared:
      return as_shared(lock).readers() != 0;
    case object_kind::byte_mutex:
      return (first_word<std::uint8_t>(lock) & 1) != 0;
    case object_kind::ticket_lock: {  // the next ticket, and the one served
      const auto* const tickets =
          static_cast<const atomic<std::uint16_t>*>(lock);
      return tickets[0].load(memory_order_relaxed) !=
             tickets[1].load(memory_order_relaxed);
    }
    case object_kind::mcs_lock:  // the last node
      return first_word<mcs_lock::node*>(lock) != nullptr;
    case object_kind::queue_lock:
      return (first_word<std::uintptr_t>(lock) & 1) != 0;
#if defined(__GLIBC__)
    // (Read as another thread may write them: one word each.)
    case object_kind::pthread_rwlock:
      return as_rwlock(lock).__cur_writer != 0;
    case object_kind::pthread_rwlock_shared:
      return (as_rwlock(lock).__readers >> 3) != 0;
    case object_kind::pthread_mutex:
    case object_kind::pthread_recursive_mutex:
      return first_word<int>(lock) != 0;
#if defined(__x86_64__)
    case object_kind::pthread_spinlock:
      return first_word<int>(lock) <= 0;
#endif
#endif
    default:
      break;
  }
  const auto* const word = static_cast<const futex_word*>(lock);
  return (word->load(memory_order_relaxed) &
          (names_owner(kind) ? kTidMask : 1)) != 0;
}

bool prefers_writers([[maybe_unused]] const void* shared,
                     object_kind kind) noexcept {
#if defined(__GLIBC__)
  if (kind == object_kind::pthread_rwlock_shared ||
      kind == object_kind::pthread_rwlock)
    return as_rwlock(shared).__flags ==
           PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP;
#endif
  return kind == object_kind::shared_mutex_shared ||
         kind == object_kind::shared_mutex_upgrade ||
         kind == object_kind::shared_mutex;
}

bool is_semaphore(object_kind kind) noexcept {
  return kind == object_kind::semaphore || kind == object_kind::posix_semaphore;
}

bool is_condition(object_kind kind) noexcept {
  return kind == object_kind::condition_variable ||
         kind == object_kind::condition_variable_any ||
         kind == object_kind::pthread_cond;
}

bool is_spinlock(object_kind kind) noexcept {
  switch (kind) {
    case object_kind::spinlock:
    case object_kind::ticket_lock:
    case object_kind::mcs_lock:
    case object_kind::queue_lock:
    case object_kind::pthread_spinlock:
      return true;
    default:
      return false;
  }
}

bool is_share(object_kind kind) noexcept {
  return kind == object_kind::shared_mutex_shared ||
         kind == object_kind::pthread_rwlock_shared;
}

bool is_robust(object_kind kind) noexcept {
  return kind == object_kind::robust_mutex ||
         kind == object_kind::robust_pi_mutex;
}

bool is_kept_by_child(object_kind kind) noexcept {
  switch (kind) {
    case object_kind::shared_mutex:
    case object_kind::shared_mutex_upgrade:
    case object_kind::shared_mutex_shared:
    case object_kind::byte_mutex:
    case object_kind::ticket_lock:
    case object_kind::mcs_lock:
    case object_kind::queue_lock:
    case object_kind::biased_shared_mutex:
    case object_kind::pi_mutex:
    case object_kind::robust_mutex:
    case object_kind::robust_pi_mutex:
      return false;
    default:
      return true;
  }
}

bool is_process_shared([[maybe_unused]] const void* object,
                       [[maybe_unused]] object_kind kind) noexcept {
#if defined(__GLIBC__)
  constexpr int kSharedMutex = 128;         // in __kind
  constexpr unsigned kSharedCondition = 1;  // in __wrefs
  switch (kind) {
    case object_kind::pthread_mutex:
    case object_kind::pthread_recursive_mutex:
      return (static_cast<const pthread_mutex_t*>(object)->__data.__kind &
              kSharedMutex) != 0;
    case object_kind::pthread_rwlock:
    case object_kind::pthread_rwlock_shared:
      return as_rwlock(object).__shared != 0;
    case object_kind::pthread_cond:
      return (static_cast<const pthread_cond_t*>(object)->__data.__wrefs &
              kSharedCondition) != 0;
    case object_kind::posix_semaphore:  // { value; flags of its futexes }
      return static_cast<const int*>(object)[2] != 0;
    case object_kind::pthread_barrier:  // { in; round; count; shared; out }
      return static_cast<const int*>(object)[3] != 0;
    default:
      break;
  }
#endif
  return false;
}

bool waits_for_itself(object_kind asked, object_kind held) noexcept {
  using enum object_kind;
  if (asked == held) {
    return !is_share(asked) && asked != recursive_mutex &&
           asked != pthread_recursive_mutex && words_for(asked) != nullptr;
  }
  switch (asked) {
    case shared_mutex:
      return held == shared_mutex_upgrade || held == shared_mutex_shared;
    case shared_mutex_upgrade:
    case shared_mutex_shared:
      return held == shared_mutex;
    case pthread_rwlock:
      return held == pthread_rwlock_shared;
    case pthread_rwlock_shared:
      return held == pthread_rwlock;
    default:
      return false;
  }
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
