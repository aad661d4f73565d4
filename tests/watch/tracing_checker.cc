// SPDX-License-Identifier: Apache-2.0
//
// A checker that only writes down what the interposed functions tell: linked
// with them instead of the real one, for tests of what they tell, and when.
//
// Each event is a line in the file that SYNCXX_TRACE names: "T<n> <event>
// <kind> <object>"; threads and objects are numbered as they come.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

#include <sync/detail/raw_mutex.h>

#include "src/deadlock/checker.h"
#include "src/deadlock/report/text.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail::checker {
namespace {

constinit raw_mutex g_lock;
constinit int g_file = -1;
constinit int g_threads = 0;
constinit thread_serial g_serial = 0;
thread_local constinit int t_number __attribute__((tls_model("initial-exec"))) =
    0;

constexpr int kMostObjects = 4096;
constinit const void* g_objects[kMostObjects] = {};

int number_of(const void* object) noexcept {
  for (int i = 0; i < kMostObjects; ++i) {
    if (g_objects[i] == nullptr) g_objects[i] = object;
    if (g_objects[i] == object) return i;
  }
  return -1;
}

std::string_view name_of(object_kind kind) noexcept {
  switch (kind) {
    case object_kind::pthread_mutex:
      return "mutex";
    case object_kind::pthread_recursive_mutex:
      return "recursive_mutex";
    case object_kind::pthread_rwlock:
      return "rwlock";
    case object_kind::pthread_rwlock_shared:
      return "rwlock_shared";
    case object_kind::pthread_spinlock:
      return "spinlock";
    case object_kind::pthread_cond:
      return "cond";
    case object_kind::posix_semaphore:
      return "semaphore";
    case object_kind::pthread_barrier:
      return "barrier";
    case object_kind::robust_mutex:
      return "robust_mutex";
    default:
      return "other";
  }
}

// Events of signal handlers that interrupt this are not written.
thread_local constinit bool t_busy __attribute__((tls_model("initial-exec"))) =
    false;

class entrance {
 public:
  entrance() noexcept : entered_(!t_busy) {
    t_busy = true;
    __asm__ __volatile__("" ::: "memory");
    if (entered_) g_lock.lock();
  }
  entrance(const entrance&) = delete;
  entrance& operator=(const entrance&) = delete;
  ~entrance() {
    if (entered_) g_lock.unlock();
    __asm__ __volatile__("" ::: "memory");
    if (entered_) t_busy = false;
  }
  explicit operator bool() const noexcept { return entered_; }

 private:
  const bool entered_;
};

void write_line(std::string_view event, std::string_view what,
                std::int64_t number) noexcept {
  if (g_file < 0) return;
  const int error = errno;
  const entrance entered;
  if (!entered) return;
  if (t_number == 0) t_number = ++g_threads;
  char storage[128];
  text line(storage);
  line << "T" << std::int64_t{t_number} << " " << event << " " << what;
  if (number >= 0) line << " " << number;
  line << "\n";
  static_cast<void>(!::write(g_file, storage, line.size()));
  errno = error;
}

verdict tell(std::string_view event, object_kind kind,
             const void* object) noexcept {
  if (g_file < 0) return verdict::none;
  int number = -1;
  {
    const entrance entered;
    if (!entered) return verdict::none;
    number = number_of(object);
  }
  write_line(event, name_of(kind), number);
  return verdict::none;
}

}  // namespace

void begin() noexcept {
  if (const char* const file = std::getenv("SYNCXX_TRACE"))
    g_file = ::open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

verdict attempt(const void* object, object_kind kind, waits how,
                const call_site&) noexcept {
  return tell(how == waits::for_ever ? "attempt" : "attempt_bounded", kind,
              object);
}
void acquired(const void* object, object_kind kind, const call_site&) noexcept {
  tell("acquired", kind, object);
}
verdict releasing(const void* object, object_kind kind,
                  const call_site&) noexcept {
  return tell("releasing", kind, object);
}
verdict wait_begin(const void* object, object_kind kind, waits how,
                   const call_site&) noexcept {
  return tell(how == waits::for_ever ? "wait" : "wait_bounded", kind, object);
}
void wait_end(const void* object, object_kind kind) noexcept {
  tell("wait_end", kind, object);
}
verdict destroyed(const void* object, object_kind kind,
                  const call_site&) noexcept {
  return tell("destroyed", kind, object);
}
void made_anew(const void* object, object_kind kind) noexcept {
  tell("made_anew", kind, object);
}
void memory_released(const void* begin, std::size_t size,
                     const call_site&) noexcept {
  const char* const first = static_cast<const char*>(begin);
  for (int i = 0; i < kMostObjects && g_objects[i] != nullptr; ++i) {
    const char* const object = static_cast<const char*>(g_objects[i]);
    if (object >= first && object < first + size)
      write_line("memory", "released", i);
  }
}
verdict condition_wait(const void* condition, object_kind kind,
                       const void* mutex, object_kind mutex_kind, waits,
                       const call_site&) noexcept {
  tell("condition_wait", kind, condition);
  return tell("with", mutex_kind, mutex);
}
void notified(const void* condition, object_kind kind,
              const call_site&) noexcept {
  tell("notified", kind, condition);
}
thread_serial creating_thread() noexcept {
  write_line("creates", "thread", static_cast<std::int64_t>(++g_serial));
  return g_serial;
}
void thread_begins(thread_serial serial, std::uintptr_t) noexcept {
  write_line("begins", "thread", static_cast<std::int64_t>(serial));
}
void created(thread_serial, std::uintptr_t) noexcept {}
verdict misused(const void* object, object_kind kind, const char*, int,
                const call_site&, unsigned) noexcept {
  return tell("misused", kind, object);
}
verdict thread_ends() noexcept {
  write_line("ends", "thread", -1);
  return verdict::none;
}
verdict joining(std::uintptr_t, const call_site&) noexcept {
  write_line("joining", "thread", -1);
  return verdict::none;
}
void joined(std::uintptr_t, bool has_ended) noexcept {
  write_line("joined", has_ended ? "ended" : "in_vain", -1);
}
void dump_to(int fd) noexcept {
  constexpr std::string_view kText = "a thread dump\n";
  static_cast<void>(!::write(fd, kText.data(), kText.size()));
}
void dump() noexcept { dump_to(STDERR_FILENO); }

}  // namespace detail::checker
}  // namespace syncxx::inline SYNCXX_ABI
