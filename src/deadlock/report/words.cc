// SPDX-License-Identifier: Apache-2.0
#include "words.h"

#if SYNCXX_HOOKED

#include <cerrno>

#include "../process.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

const char* name_of(finding_kind kind) noexcept {
  switch (kind) {
    case finding_kind::lock_order_inversion:
      return "lock_order_inversion";
    case finding_kind::deadlock:
      return "deadlock";
    case finding_kind::self_deadlock:
      return "self_deadlock";
    case finding_kind::unlock_not_owner:
      return "unlock_not_owner";
    case finding_kind::destroyed_while_held:
      return "destroyed_while_held";
    case finding_kind::thread_exit_holding:
      return "thread_exit_holding";
    case finding_kind::wrong_mutex_for_condition:
      return "wrong_mutex_for_condition";
    case finding_kind::blocking_under_spinlock:
      return "blocking_under_spinlock";
    case finding_kind::reader_reentry:
      return "reader_reentry";
    case finding_kind::long_hold:
      return "long_hold";
    case finding_kind::lost_notify:
      return "lost_notify";
    case finding_kind::misuse:
      return "misuse";
  }
  return "misuse";
}

std::string_view headline_of(finding_kind kind) noexcept {
  switch (kind) {
    case finding_kind::deadlock:
      return "deadlock";
    case finding_kind::lock_order_inversion:
      return "lock order inversion";
    case finding_kind::blocking_under_spinlock:
    case finding_kind::reader_reentry:
    case finding_kind::long_hold:
    case finding_kind::lost_notify:
      return "warning";
    default:
      return "misuse";
  }
}

void print_object(const object_ref& object, text& out) noexcept {
  (out << name_of(object.kind) << " ").hex(object.address);
  const object_name name(object);
  if (name.get() != nullptr) out << " \"" << name.get() << "\"";
  const std::string_view mode = mode_of(object.kind);
  if (!mode.empty()) out << " (" << mode << ")";
}

void print_thread(int tid, text& out) noexcept {
  char name[process::kThreadNameSize];
  const auto fate = process::look_up_thread(tid, name);
  out << "thread " << std::int64_t{tid};
  if (name[0] != '\0') out << " \"" << name << "\"";
  if (fate == process::thread_fate::ended) out << " (has ended)";
}

void print_node(const deed& held, text& out) noexcept {
  if (held.object.address != nullptr) {
    print_object(held.object, out);
  } else {
    out << "the end of ";
    print_thread(held.tid, out);
  }
}

namespace {

const char* advice_for_misuse(const object_kind kind, int code) noexcept {
  if (kind == object_kind::condition_variable && code == EPERM) {
    return "lock the mutex first: wait() unlocks it while it waits; pass a "
           "unique_lock that owns it";
  }
  if (kind == object_kind::event_count) {
    return "end each prepare_wait() with one wait() or one cancel_wait()";
  }
  switch (code) {
    case EPERM:
      return "unlock a lock once, in the thread that has locked it (a guard "
             "does); to signal another thread use binary_semaphore or event";
    case EDEADLK:
      if (kind == object_kind::once_flag)
        return "take what needs the flag out of the function that sets it, or "
               "give it a flag of its own";
      return "let the caller lock or the callee, not both; recursive_mutex "
             "if that can't be told apart";
    case EBUSY:
      return "unlock it, and join the threads that use it, before it is "
             "destroyed";
    case EOWNERDEAD:
      return "unlock before the thread ends (a guard does); robust_mutex if "
             "threads or processes may be killed";
    case EOVERFLOW:
      return "release what was acquired, once; or raise the semaphore's "
             "LeastMaxValue";
    case EINVAL:
      if (kind == object_kind::latch)
        return "give the latch as many counts as there are count_down()s";
      if (kind == object_kind::barrier)
        return "let as many threads arrive in each phase as the barrier "
               "expects, and wait with the token of an arrival there";
      if (kind == object_kind::semaphore)
        return "release a number of tokens, not less than none";
      return "see <sync/misuse.h>";
    default:
      return "see <sync/misuse.h>";
  }
}

}  // namespace

const char* advice_for(const finding& found) noexcept {
  switch (found.kind) {
    case finding_kind::deadlock:
      return "take what is waited for here in one order everywhere, or at once "
             "(lock_all, std::scoped_lock), or give the first back before the "
             "next is waited for";
    case finding_kind::lock_order_inversion:
      return "take these in one order everywhere, or at once (lock_all, "
             "std::scoped_lock); nothing hangs yet, but it can";
    case finding_kind::thread_exit_holding:
      return advice_for_misuse(object_kind::mutex, EOWNERDEAD);
    case finding_kind::wrong_mutex_for_condition:
      if (found.code == EPERM)
        return "lock the mutex first: wait() unlocks it while it waits; pass a "
               "unique_lock that owns it";
      return "let all that wait on a condition variable at one time use one "
             "mutex, the one that guards what they wait for";
    case finding_kind::blocking_under_spinlock:
      return "unlock the spinlock before what may sleep, or use a mutex: all "
             "that want it spin meanwhile";
    case finding_kind::reader_reentry:
      return "share the lock once in a thread: a writer that comes in between "
             "waits for the first share, and lets no second one in";
    case finding_kind::long_hold:
      return "hold the lock for less: take slow work out of it";
    case finding_kind::lost_notify:
      return "change what is waited for under the mutex, and wait with a "
             "predicate: a notification that comes before the wait is lost";
    default:
      return advice_for_misuse(
          found.here != nullptr ? found.here->object.kind : object_kind::mutex,
          found.code);
  }
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
