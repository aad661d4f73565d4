// SPDX-License-Identifier: Apache-2.0
//
// The misuse checker: what it hears from the hooks, and what follows.
//
// Only certain misuse is reported. Two things must agree: the record of who
// holds a lock (ownership.h: what is recorded is true, what is not recorded is
// not known) and the lock's own word, which says whether it is held at all.
#include <sync/misuse.h>

#include <string>
#include <system_error>

#include <sync/detail/hooks.h>

#if SYNCXX_HOOKED

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string_view>
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

#include "detection/ownership.h"
#include "process.h"
#include "report/finding.h"
#include "report/names.h"
#include "report/text.h"

#endif  // SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

[[noreturn]] void fail(const char* what, int errno_code) {
  throw std::system_error(errno_code, std::generic_category(),
                          std::string("syncxx: ") + what);
}

}  // namespace

void misused([[maybe_unused]] const void* object,
             [[maybe_unused]] object_kind kind, const char* what,
             int errno_code) {
#if SYNCXX_HOOKED
  if (const hook_table* table = hooks())
    table->misuse(object, kind, what, errno_code);
#endif
  fail(what, errno_code);
}

#if SYNCXX_HOOKED
namespace {

// --- What is misuse ----------------------------------------------------------

// The kinds that have an owner; the words for what can go wrong with each.
struct words {
  const char* locked_twice;
  const char* unlocked_by_stranger;
  const char* unlocked_while_free;
  const char* destroyed_while_held;
};

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

// Null: a kind without an owner.
const words* words_for(object_kind kind) noexcept {
  switch (kind) {
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
  return kind == object_kind::semaphore || kind == object_kind::latch ||
         kind == object_kind::barrier;
}

// What the holder of a shared_mutex waits for in vain if it locks it once more:
// a wait for one of these kinds, if the thread holds the other. (A reader that
// reads again deadlocks only if a writer comes in between.)
struct conflict {
  object_kind asked, held;
};
constexpr conflict kConflicts[] = {
    {object_kind::shared_mutex, object_kind::shared_mutex_upgrade},
    {object_kind::shared_mutex, object_kind::shared_mutex_shared},
    {object_kind::shared_mutex_upgrade, object_kind::shared_mutex},
    {object_kind::shared_mutex_shared, object_kind::shared_mutex},
};

// The kind with which the calling thread is known to hold a lock, so that it
// would wait for itself.
bool find_mine(const void* lock, object_kind asked, object_kind& held) {
  held = asked;
  if (asked != object_kind::shared_mutex_shared &&
      ownership::is_mine(lock, asked)) {
    return true;
  }
  for (const conflict& c : kConflicts) {
    held = c.held;
    if (c.asked == asked && ownership::is_mine(lock, held)) return true;
  }
  return false;
}

// A shared_mutex begins with its protocol, whatever the ownership.
static_assert(std::is_standard_layout_v<shared_mutex>);
const raw_shared_mutex& as_shared(const void* lock) noexcept {
  return *static_cast<const raw_shared_mutex*>(lock);
}
std::uint32_t readers_of(const void* lock) noexcept {
  return as_shared(lock).readers();
}

template <class T>
T first_word(const void* lock) noexcept {
  return static_cast<const atomic<T>*>(lock)->load(memory_order_relaxed);
}

// Those know by themselves who holds them, also in the child of a fork.
bool names_owner(object_kind kind) noexcept {
  return kind == object_kind::pi_mutex || kind == object_kind::robust_mutex ||
         kind == object_kind::robust_pi_mutex;
}

// Whether anybody holds a lock, by its own word. All begin with the word (they
// are standard-layout), and in most its lowest bit says so.
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
    default:
      break;
  }
  const auto* const word = static_cast<const futex_word*>(lock);
  return (word->load(memory_order_relaxed) &
          (names_owner(kind) ? kTidMask : 1)) != 0;
}

// --- What follows ------------------------------------------------------------

constexpr int kNotRead = -1;  // SYNCXX_DEADLOCK
constinit atomic<int> g_action{kNotRead};
constinit raw_mutex g_action_lock;

extern const hook_table kChecker;

class action_lock {
 public:
  action_lock() noexcept : locked_(!t_self.owns_table) {
    if (locked_) g_action_lock.lock();
  }
  action_lock(const action_lock&) = delete;
  action_lock& operator=(const action_lock&) = delete;
  ~action_lock() {
    if (locked_) g_action_lock.unlock();
  }

 private:
  const bool locked_;  // not between a fork's handlers, which hold it
};

// Under action_lock.
void change_action(misuse_action action) noexcept {
  const bool listens = g_hooks.load(memory_order_relaxed) != nullptr;
  g_action.store(static_cast<int>(action), memory_order_relaxed);
  if (action == misuse_action::off) {
    // Relaxed: whoever still listens does no harm (ownership.cc).
    g_hooks.store(nullptr, memory_order_relaxed);
    if (listens) ownership::end_epoch();
  } else if (!listens) {
    // [H2] release; pairs with [H1]: the action, and the end of the epoch
    // before.
    g_hooks.store(&kChecker, memory_order_release);
    ownership::begin_epoch();
  }
}

misuse_action asked_for() noexcept {
  constexpr misuse_action kDefault = misuse_action::abort;
  const char* const value = std::getenv("SYNCXX_DEADLOCK");
  if (value == nullptr || *value == '\0') return kDefault;
  const std::string_view name = value;
  if (name == "off") return misuse_action::off;
  if (name == "report") return misuse_action::report;
  if (name == "abort") return misuse_action::abort;
  if (name == "throw") return misuse_action::throw_exception;
  char storage[256];
  text warning(storage);
  warning << "syncxx: SYNCXX_DEADLOCK=\"" << name.substr(0, 100)
          << "\" is not known; it can be report, abort, throw or off: taken "
             "as abort\n";
  process::print(warning.view());
  return kDefault;
}

misuse_action current_action() noexcept {
  int action = g_action.load(memory_order_relaxed);
  if (action == kNotRead) [[unlikely]] {
    const action_lock only_me;
    action = g_action.load(memory_order_relaxed);
    if (action == kNotRead) {
      change_action(asked_for());
      action = g_action.load(memory_order_relaxed);
    }
  }
  return static_cast<misuse_action>(action);
}

enum class verdict { none, go_on, raise, end };

deed as_deed(const void* object, const operation& who) noexcept {
  return {.thread = who.thread,
          .tid = who.tid,
          .object = {.address = object, .kind = who.kind},
          .at = who.at};
}

deed now_at(const void* object, object_kind kind, const call_site& site,
            unsigned skip = 0) noexcept {
  operation here;
  describe(here, kind, site, skip);
  return as_deed(object, here);
}

verdict tell(const finding& found) noexcept {
  const misuse_action action = current_action();
  if (action == misuse_action::off || !report(found)) return verdict::none;
  return action == misuse_action::throw_exception ? verdict::raise
         : action == misuse_action::report        ? verdict::go_on
                                                  : verdict::end;
}

// --- What is heard -----------------------------------------------------------
//
// Each listener is what the user's code calls (the hooks are inline), so the
// place is where it returns to. Its verdict is carried out when it has left
// the checker: an exception's allocation and an abort's handler are the
// program's own.

verdict attempting(const void* object, object_kind kind,
                   const call_site& site) noexcept {
  const entrance checker;
  object_kind held{};
  if (!checker || !find_mine(object, kind, held)) return verdict::none;
  if (!is_locked(object, held)) {  // another lock, in reused memory
    ownership::forget(object);
    return verdict::none;
  }
  operation holder;
  if (!ownership::find_holder(object, held, holder)) return verdict::none;
  const deed now = now_at(object, kind, site);
  const deed first = as_deed(object, holder);
  return tell({.kind = finding_kind::self_deadlock,
               .what = words_for(kind)->locked_twice,
               .code = EDEADLK,
               .here = &now,
               .other = &first});
}

void on_attempt(const void* object, object_kind kind) {
  if (t_self.held == 0 || words_for(kind) == nullptr || names_owner(kind))
    return;
  switch (attempting(object, kind, SYNCXX_CALL_SITE())) {
    case verdict::end:
      std::abort();
    case verdict::raise:
      fail(words_for(kind)->locked_twice, EDEADLK);
    default:
      return;
  }
}

void on_acquired(const void* object, object_kind kind) noexcept {
  if (words_for(kind) == nullptr) return;
  const call_site site = SYNCXX_CALL_SITE();
  const entrance checker;
  if (!checker || current_action() == misuse_action::off) return;
  operation now;
  describe(now, kind, site);
  ownership::took(object, now);
}

verdict releasing(const void* object, object_kind kind, const call_site& site,
                  const char*& what) noexcept {
  const entrance checker;
  if (!checker) return verdict::none;
  operation here;
  if (counts(kind)) {
    if (current_action() == misuse_action::off) return verdict::none;
    describe(here, kind, site);
    ownership::gave(object, here);
    return verdict::none;
  }
  operation holder;
  const auto giver =
      kind == object_kind::shared_mutex_shared
          ? ownership::gives_share(object, kind, readers_of, holder)
          : ownership::gives(object, kind, holder);
  if (giver == ownership::giver::owner) return verdict::none;
  const bool held = is_locked(object, kind);
  // Held by nobody knows whom, perhaps by this thread.
  if (held && giver == ownership::giver::unknown) return verdict::none;
  what = held ? words_for(kind)->unlocked_by_stranger
              : words_for(kind)->unlocked_while_free;
  const deed now = now_at(object, kind, site);
  const deed owners = as_deed(object, holder);
  const verdict then = tell({.kind = finding_kind::unlock_not_owner,
                             .what = what,
                             .code = EPERM,
                             .here = &now,
                             .other = held ? &owners : nullptr});
  // The lock will be released: its holder does not hold it any more.
  if (then != verdict::raise) ownership::forget(object);
  return then;
}

void on_releasing(const void* object, object_kind kind) {
  if (words_for(kind) == nullptr && !counts(kind)) return;
  const char* what = nullptr;
  switch (releasing(object, kind, SYNCXX_CALL_SITE(), what)) {
    case verdict::end:
      std::abort();
    case verdict::raise:
      fail(what, EPERM);
    default:
      return;
  }
}

void on_wait(const void*, object_kind) noexcept {}

// What a primitive that has an owner has found, by its code.
finding_kind kind_of_misuse(int errno_code) noexcept {
  return errno_code == EPERM     ? finding_kind::unlock_not_owner
         : errno_code == EDEADLK ? finding_kind::self_deadlock
         : errno_code == EBUSY   ? finding_kind::destroyed_while_held
                                 : finding_kind::misuse;
}

verdict misusing(const void* object, object_kind kind, const char* what,
                 int errno_code, const call_site& site) noexcept {
  const entrance checker;
  if (!checker) return verdict::none;
  operation latest;
  operation before;
  const deed now = now_at(object, kind, site, 1);  // 1: misused()
  deed other;
  deed earlier;
  finding found{.kind = finding_kind::misuse,
                .what = what,
                .code = errno_code,
                .here = &now};
  if (words_for(kind) != nullptr) {
    found.kind = kind_of_misuse(errno_code);
    if (ownership::find_holder(object, kind, latest)) {
      other = as_deed(object, latest);
      found.other = &other;
    }
  } else if (counts(kind)) {
    // A release or arrival that fails has told that it was about to give: that
    // is `here`.
    if (errno_code == EOVERFLOW || kind == object_kind::barrier)
      ownership::refused(object, kind);
    if (ownership::find_last(object, kind, latest, before)) {
      other = as_deed(object, latest);
      found.other = &other;
      earlier = as_deed(object, before);
      if (before.thread != 0) found.before = &earlier;
    }
  }
  return tell(found);
}

void on_misuse(const void* object, object_kind kind, const char* what,
               int errno_code) {
  if (misusing(object, kind, what, errno_code, SYNCXX_CALL_SITE()) ==
      verdict::end) {
    std::abort();
  }
}

void on_reset(const void* object, object_kind kind) noexcept {
  const entrance checker;
  operation holder;
  if (checker) ownership::forget(object, kind, holder);
}

verdict destroying(const void* object, object_kind kind,
                   const call_site& site) noexcept {
  const entrance checker;
  if (!checker) return verdict::none;
  operation holder;
  bool held = false;
  const auto look = [&](object_kind as) {
    operation one;
    if (!ownership::forget(object, as, one) || words_for(as) == nullptr ||
        held || !is_locked(object, as)) {
      return;
    }
    held = true;
    holder = one;
  };
  if (kind == object_kind::shared_mutex) {
    // Its writer or upgrader has the one record besides those of readers.
    if (is_locked(object, object_kind::shared_mutex_upgrade))
      look(object_kind::shared_mutex_upgrade);
    look(object_kind::shared_mutex_shared);
  }
  look(kind);
  if (!held) return verdict::none;
  const deed now = now_at(object, kind, site);
  const deed owners = as_deed(object, holder);
  return tell({.kind = finding_kind::destroyed_while_held,
               .what = words_for(kind)->destroyed_while_held,
               .code = EBUSY,
               .here = &now,
               .other = &owners});
}

void on_destroyed(const void* object, object_kind kind) noexcept {
  verdict then = verdict::none;
  if (words_for(kind) != nullptr || counts(kind))
    then = destroying(object, kind, SYNCXX_CALL_SITE());
  if (const entrance checker; checker) forget_name(object);
  // A destructor cannot throw.
  if (then == verdict::end || then == verdict::raise) std::abort();
}

constexpr hook_table kChecker = {
    .attempt = on_attempt,
    .acquired = on_acquired,
    .releasing = on_releasing,
    .wait_begin = on_wait,
    .wait_end = on_wait,
    .misuse = on_misuse,
    .reset = on_reset,
    .destroyed = on_destroyed,
};

// --- Begin, fork -------------------------------------------------------------

void before_fork() {
  g_action_lock.lock();
  ownership::before_fork();
}
void after_fork_in_parent() {
  ownership::after_fork_in_parent();
  g_action_lock.unlock();
}
void after_fork_in_child() {
  ownership::after_fork_in_child();
  std::construct_at(&g_action_lock);
  reset_report_lock();
}

// Locks that are taken before this runs (other constructors) are heard too: the
// hooks are on from the first instruction, and the first to be heard reads the
// environment.
[[gnu::constructor]] void begin() {
  const entrance checker;
  process::begin(before_fork, after_fork_in_parent, after_fork_in_child);
  operation warm_up;
  describe(warm_up, object_kind::mutex, SYNCXX_CALL_SITE());
  current_action();
  begin_reports();
}

}  // namespace

constinit atomic<const hook_table*> g_hooks{&kChecker};

#endif  // SYNCXX_HOOKED

}  // namespace detail

#if SYNCXX_HOOKED

void set_misuse_action(misuse_action action) noexcept {
  const detail::entrance checker;
  const detail::action_lock only_me;
  detail::change_action(action);
}

misuse_action get_misuse_action() noexcept {
  const detail::entrance checker;
  return detail::current_action();
}

#endif  // SYNCXX_HOOKED

}  // namespace syncxx::inline SYNCXX_ABI
