// SPDX-License-Identifier: Apache-2.0
//
// The words of a report: the misuse, both places, what to do. One is composed
// at a time, in memory of its own: the program may be out of memory, inside of
// its malloc, or after its static destructors.
#include "misuse_report.h"

#if SYNCXX_HOOKED

#include <cerrno>
#include <cstddef>
#include <memory>
#include <span>

#include <sync/detail/raw_mutex.h>

#include "../process.h"
#include "symbolizer.h"
#include "text.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

constinit raw_mutex g_report_lock;

constexpr std::string_view kMargin = "           ";

// The reports that have been made, by what was in them.
class memory_of_reports {
 public:
  // The number of the report that was like this one; 0: it is new, and gets
  // the number latest().
  std::int64_t find_or_add(const misuse_found& found) noexcept {
    const std::uint64_t print = fingerprint(found);
    for (const entry& e : entries_)
      if (e.number != 0 && e.print == print) return e.number;
    ++latest_;
    entries_[static_cast<std::size_t>(latest_) % kRemembered] = {print,
                                                                 latest_};
    return 0;
  }
  std::int64_t latest() const noexcept { return latest_; }

 private:
  struct entry {
    std::uint64_t print = 0;
    std::int64_t number = 0;
  };

  static void mix(std::uint64_t& print, std::uint64_t word) noexcept {
    print = (print ^ word) * 0x100000001b3u;
    print ^= print >> 29;
  }
  static void mix(std::uint64_t& print, const operation* who) noexcept {
    mix(print, who != nullptr ? who->at.depth : 99u);
    if (who == nullptr) return;
    for (const std::uintptr_t code : std::span(who->at.code, who->at.depth))
      mix(print, code);
  }
  static std::uint64_t fingerprint(const misuse_found& found) noexcept {
    std::uint64_t print = reinterpret_cast<std::uintptr_t>(found.what);
    for (const operation* who :
         {found.here, found.holder, found.latest, found.before}) {
      mix(print, who);
    }
    return print;
  }

  static constexpr std::size_t kRemembered = 64;
  entry entries_[kRemembered] = {};
  std::int64_t latest_ = 0;
};

const char* advice_for(const misuse_found& found) noexcept {
  if (found.kind == object_kind::condition_variable && found.code == EPERM) {
    return "lock the mutex first: wait() unlocks it while it waits; pass a "
           "unique_lock that owns it";
  }
  if (found.kind == object_kind::event_count) {
    return "end each prepare_wait() with one wait() or one cancel_wait()";
  }
  switch (found.code) {
    case EPERM:
      return "unlock a lock once, in the thread that has locked it (a guard "
             "does); to signal another thread use binary_semaphore or event";
    case EDEADLK:
      if (found.kind == object_kind::once_flag)
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
      if (found.kind == object_kind::latch)
        return "give the latch as many counts as there are count_down()s";
      if (found.kind == object_kind::barrier)
        return "let as many threads arrive in each phase as the barrier "
               "expects, and wait with the token of an arrival there";
      if (found.kind == object_kind::semaphore)
        return "release a number of tokens, not less than none";
      return "see <sync/misuse.h>";
    default:
      return "see <sync/misuse.h>";
  }
}

void print_thread(const operation& who, text& out) noexcept {
  char name[process::kThreadNameSize];
  const auto fate = process::look_up_thread(who.tid, name);
  out << "thread " << std::int64_t{who.tid};
  if (name[0] != '\0') out << " \"" << name << "\"";
  if (fate == process::thread_fate::ended) out << " (has ended)";
}

void print_operation(std::string_view label, const operation& who,
                     std::string_view did, const misuse_found& found,
                     const symbolizer& symbols, text& out) noexcept {
  out << label;
  if (who.thread == found.here->thread && &who != found.here)
    out << "this thread";
  else
    print_thread(who, out);
  out << did << "\n";
  symbols.print(who.at, kMargin, out);
}

void compose(const misuse_found& found, std::int64_t number,
             text& out) noexcept {
  static symbolizer symbols;
  std::construct_at(&symbols);
  for (const operation* who :
       {found.here, found.holder, found.latest, found.before}) {
    if (who != nullptr) symbols.add(who->at);
  }
  symbols.resolve();

  const std::string_view gave =
      found.kind == object_kind::latch     ? ", count_down"
      : found.kind == object_kind::barrier ? ", arrival"
                                           : ", release";
  out << "syncxx: misuse: " << found.what << "\n  object   "
      << name_of(found.kind) << " ";
  out.hex(found.object) << "\n";
  print_operation("  here     ", *found.here, "", found, symbols, out);
  if (found.holder != nullptr) {
    print_operation("  held by  ", *found.holder, ", since", found, symbols,
                    out);
  }
  if (found.latest != nullptr) {
    print_operation("  last     ", *found.latest, gave, found, symbols, out);
  }
  if (found.before != nullptr) {
    print_operation("  before   ", *found.before, gave, found, symbols, out);
  }
  symbols.print_help(kMargin, out);
  out << "  what to do: " << advice_for(found)
      << ";\n  SYNCXX_DEADLOCK=report|abort|throw|off chooses the action "
         "(report "
      << number << ")\n";
}

void compose_again(const misuse_found& found, std::int64_t number,
                   text& out) noexcept {
  out << "syncxx: misuse: " << found.what
      << ", at the same places as in report " << number << ": "
      << name_of(found.kind) << " ";
  out.hex(found.object) << ", ";
  print_thread(*found.here, out);
  out << "\n";
}

}  // namespace

const char* name_of(object_kind kind) noexcept {
  switch (kind) {
    case object_kind::mutex:
      return "mutex";
    case object_kind::recursive_mutex:
      return "recursive_mutex";
    case object_kind::spinlock:
      return "spinlock";
    case object_kind::ticket_lock:
      return "ticket_lock";
    case object_kind::mcs_lock:
      return "mcs_lock";
    case object_kind::queue_lock:
      return "queue_lock";
    case object_kind::semaphore:
      return "semaphore";
    case object_kind::event:
      return "event";
    case object_kind::auto_reset_event:
      return "auto_reset_event";
    case object_kind::latch:
      return "latch";
    case object_kind::condition_variable:
      return "condition_variable";
    case object_kind::shared_mutex:
    case object_kind::shared_mutex_upgrade:
    case object_kind::shared_mutex_shared:
      return "shared_mutex";
    case object_kind::byte_mutex:
      return "byte_mutex";
    case object_kind::event_count:
      return "event_count";
    case object_kind::barrier:
      return "barrier";
    case object_kind::once_flag:
      return "once_flag";
    case object_kind::biased_shared_mutex:
      return "biased_shared_mutex";
    case object_kind::pi_mutex:
      return "pi_mutex";
    case object_kind::robust_mutex:
      return "robust_mutex";
    case object_kind::robust_pi_mutex:
      return "robust_pi_mutex";
  }
  return "object";
}

void report(const misuse_found& found) noexcept {
  static constinit char storage[32 * 1024] = {};
  static constinit memory_of_reports memory;

  const int error = errno;
  const process::cancellation_pause uncancelled;
  g_report_lock.lock();
  text out(storage);
  if (const std::int64_t like = memory.find_or_add(found); like != 0)
    compose_again(found, like, out);
  else
    compose(found, memory.latest(), out);
  process::print(out.view());
  g_report_lock.unlock();
  errno = error;
}

void reset_report_lock() noexcept { std::construct_at(&g_report_lock); }

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
