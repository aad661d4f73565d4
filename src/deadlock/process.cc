// SPDX-License-Identifier: Apache-2.0
//
// Who the threads are, what the program may do, how a report gets out, and how
// a helper program is run.
//
// posix_spawn is not used: its file actions are kept in malloc's memory, and a
// report may be made inside of the program's malloc, whose lock is held. A
// helper is started as posix_spawn starts one, by a child that shares the
// memory of its parent, which waits, until it has become the helper. The child
// makes bare system calls only: what libc's functions (or a sanitizer's) keep
// in memory is the parent's.
#include "process.h"

#if SYNCXX_HOOKED

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <sync/detail/atomic.h>
#include <sync/detail/clock.h>
#include <sync/detail/deadline.h>
#include <sync/detail/raw_semaphore.h>

#include "detection/threads.h"
#include "report/text.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail::process {
namespace {

constexpr int kSeccompFilter = 2;  // SECCOMP_MODE_FILTER

// glibc calls the destructors of keys again while some key has a value, but
// not more often than this: the last of them comes last.
// (In the last round ThreadSanitizer has done with the thread already: what it
// has instrumented would crash.)
constexpr std::uintptr_t kRounds =
    PTHREAD_DESTRUCTOR_ITERATIONS - (SYNCXX_TSAN ? 1 : 0);
constinit pthread_key_t g_key = 0;
constinit bool g_has_key = false;
using callback = void (*)();
constinit callback g_at_thread_end = nullptr;

void thread_ends(void* round) noexcept {
  const auto n = reinterpret_cast<std::uintptr_t>(round);
  if (n < kRounds)
    ::pthread_setspecific(g_key, reinterpret_cast<void*>(n + 1));
  else
    g_at_thread_end();
}

constinit std::uint64_t g_own_signals = 0;

// What /proc/self/status said when the program started.
struct confinement {
  int mode = 0;     // of seccomp
  int filters = 0;  // how many; only looked up where there are any
};
constinit confinement g_at_start{};

// Reads a small file whole, or what fits, and ends it with a zero.
bool read_file(const char* path, char* text, std::size_t size) noexcept {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  std::size_t n = 0;
  while (n < size - 1) {
    const ssize_t got = ::read(fd, text + n, size - 1 - n);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    n += static_cast<std::size_t>(got);
  }
  ::close(fd);
  text[n] = '\0';
  return n > 0;
}

int seccomp_filters() noexcept {
  char status[4096];
  if (!read_file("/proc/thread-self/status", status, sizeof status)) return 0;
  constexpr const char* kField = "\nSeccomp_filters:";
  const char* const field = std::strstr(status, kField);
  if (field == nullptr) return 0;  // before Linux 5.9
  return static_cast<int>(
      std::strtol(field + std::strlen(kField), nullptr, 10));
}

confinement look() noexcept {
  confinement now;
  now.mode = ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
  if (now.mode == kSeccompFilter) now.filters = seccomp_filters();
  return now;
}

// The environment of a helper program: the user's, but for what would make it
// load foreign code, ask the network, or translate its output.
bool is_unwanted(const char* entry) noexcept {
  for (const char* name :
       {"LD_PRELOAD=", "LD_AUDIT=", "DEBUGINFOD_URLS=", "LC_ALL="}) {
    if (std::strncmp(entry, name, std::strlen(name)) == 0) return true;
  }
  return false;
}

// One report at a time is made: this memory is the helper's that runs.
constexpr std::size_t kMostVariables = 510;
constinit const char* g_environment[kMostVariables + 2] = {};
constinit char g_file[1024] = {};

void set_up_environment() noexcept {
  std::size_t n = 0;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
    if (n < kMostVariables && !is_unwanted(*entry)) g_environment[n++] = *entry;
  g_environment[n++] = "LC_ALL=C";
  g_environment[n] = nullptr;
}

// The file that a shell would run as `program`, in g_file.
bool find_on_path(const char* program) noexcept {
  const char* const value = std::getenv("PATH");
  std::string_view path = value != nullptr ? value : "/usr/bin:/bin";
  while (!path.empty()) {
    const std::size_t end = path.find(':');
    const std::string_view directory = path.substr(0, end);
    path.remove_prefix(end == path.npos ? path.size() : end + 1);
    const std::size_t program_size = std::strlen(program) + 1;
    if (directory.empty() ||
        directory.size() + 1 + program_size > sizeof g_file) {
      continue;
    }
    std::memcpy(g_file, directory.data(), directory.size());
    g_file[directory.size()] = '/';
    std::memcpy(g_file + directory.size() + 1, program, program_size);
    if (::access(g_file, X_OK) == 0) return true;
  }
  return false;
}

constexpr std::size_t kKernelSignals = 64;
using kernel_signal_set = std::uint64_t;

kernel_signal_set change_signal_mask(kernel_signal_set mask) noexcept {
  kernel_signal_set before = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, &before, sizeof mask);
  return before;
}

struct helper {
  const char* const* argv;
  int output;
};

// The child, on a stack of its own, until it has become the helper. The signal
// handlers are its own, but as long as one of the parent's could run here all
// signals are blocked.
__attribute__((no_sanitize("address"), no_sanitize("thread"))) int become(
    void* argument) {
  const auto* const self = static_cast<const helper*>(argument);
  struct {
    std::uint64_t words[4];  // the kernel's struct sigaction
  } by_default = {};         // SIG_DFL
  for (std::size_t signal = 1; signal <= kKernelSignals; ++signal) {
    ::syscall(SYS_rt_sigaction, signal, &by_default, nullptr,
              sizeof(kernel_signal_set));
  }
  // One that has its number already keeps it, without close-on-exec.
  if (self->output != STDOUT_FILENO)
    ::syscall(SYS_dup3, self->output, STDOUT_FILENO, 0);
  else
    ::syscall(SYS_fcntl, STDOUT_FILENO, F_SETFD, 0);
  const long nothing = ::syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR);
  ::syscall(SYS_dup3, nothing, STDIN_FILENO, 0);
  ::syscall(SYS_dup3, nothing, STDERR_FILENO, 0);
  if (nothing > STDERR_FILENO) ::syscall(SYS_close, nothing);
  const kernel_signal_set none = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
  ::syscall(SYS_execve, g_file, self->argv, g_environment);
  ::syscall(SYS_exit_group, 127);
  return 127;
}

// Starts `argv` with its output going to `output`; -1: it could not be.
pid_t start(const char* const* argv, int output) noexcept {
  set_up_environment();
  helper child = {argv, output};
  const kernel_signal_set before = change_signal_mask(~kernel_signal_set{0});
#if SYNCXX_TSAN
  // ThreadSanitizer stands before clone() and does not expect this use of it: a
  // plain fork, made without it.
  const auto pid =
      static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
  if (pid == 0) become(&child);
#else
  // Returns when the child has become the helper, or has ended.
  alignas(64) static constinit std::byte stack[std::size_t{16} << 10] = {};
  const pid_t pid = ::clone(become, stack + sizeof stack,
                            CLONE_VM | CLONE_VFORK | SIGCHLD, &child);
#endif
  change_signal_mask(before);
  return pid;
}

int milliseconds_until(long long until_ns) noexcept {
  const long long left = until_ns - now_ns(clock_id::monotonic);
  return left <= 0 ? 0 : static_cast<int>(left / 1'000'000) + 1;
}

std::size_t read_until(int fd, char* output, std::size_t size,
                       long long until_ns) noexcept {
  std::size_t n = 0;
  while (n < size) {
    pollfd ready = {fd, POLLIN, 0};
    const int polled = ::poll(&ready, 1, milliseconds_until(until_ns));
    if (polled < 0 && errno == EINTR) continue;
    if (polled <= 0) break;
    const ssize_t got = ::read(fd, output + n, size - n);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    n += static_cast<std::size_t>(got);
  }
  return n;
}

// Waits a moment for a child that has closed its output, then kills it.
// Somebody else may have collected it already: the program may wait for any
// child.
void collect(pid_t child) noexcept {
  const long long until_ns = now_ns(clock_id::monotonic) + 200'000'000;
  for (;;) {
    int status = 0;
    const pid_t got = ::waitpid(child, &status, WNOHANG);
    if (got != 0 && !(got < 0 && errno == EINTR)) return;
    if (milliseconds_until(until_ns) == 0) break;
    ::poll(nullptr, 0, 1);
  }
  ::kill(child, SIGKILL);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

void call_at_thread_end() noexcept {
  if (g_has_key)
    ::pthread_setspecific(g_key, reinterpret_cast<void*>(std::uintptr_t{1}));
}

unsigned count_threads() noexcept {
  struct stat tasks = {};
  const int error = errno;
  const bool known = ::stat("/proc/self/task", &tasks) == 0;
  errno = error;
  return known && tasks.st_nlink > 2 ? static_cast<unsigned>(tasks.st_nlink - 2)
                                     : 0;
}

bool is_asleep(int tid) noexcept {
  char storage[64];
  text path(storage);
  path << "/proc/self/task/" << std::int64_t{tid} << "/stat"
       << std::string_view("\0", 1);
  char line[512];
  if (!read_file(path.view().data(), line, sizeof line)) return false;
  const char* const name_end = std::strrchr(line, ')');
  return name_end != nullptr && name_end[1] == ' ' && name_end[2] == 'S';
}

bool is_shared_memory(const void* address) noexcept {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  const int fd =
      is_confined() ? -1 : ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return true;
  bool shared = true;
  bool found = false;
  char line[128];  // the beginning of one: "from-to rwxs …"
  std::size_t n = 0;
  char part[1024];
  ssize_t got = 0;
  while (!found && (got = ::read(fd, part, sizeof part)) > 0) {
    for (ssize_t i = 0; i < got && !found; ++i) {
      if (part[i] != '\n') {
        if (n < sizeof line - 1) line[n++] = part[i];
        continue;
      }
      line[n] = '\0';
      n = 0;
      char* end = nullptr;
      const std::uintptr_t from = std::strtoull(line, &end, 16);
      if (*end != '-') continue;
      const std::uintptr_t to = std::strtoull(end + 1, &end, 16);
      found = at >= from && at < to;
      if (found) shared = std::strlen(end) < 5 || end[4] == 's';
    }
  }
  ::close(fd);
  return shared;
}

bool catches_signals() noexcept {
  // What a thread does to itself, and what glibc uses (32 to 34).
  constexpr std::uint64_t kOwn =
      (1u << (SIGSEGV - 1)) | (1u << (SIGBUS - 1)) | (1u << (SIGFPE - 1)) |
      (1u << (SIGILL - 1)) | (1u << (SIGTRAP - 1)) | (1u << (SIGABRT - 1)) |
      (1u << (SIGSYS - 1)) | (std::uint64_t{7} << 31);
  char status[4096];
  if (!read_file("/proc/self/status", status, sizeof status)) return true;
  constexpr const char* kField = "\nSigCgt:";
  const char* const field = std::strstr(status, kField);
  return field == nullptr ||
         (std::strtoull(field + std::strlen(kField), nullptr, 16) &
          ~(kOwn | g_own_signals)) != 0;
}

void ignore_signal(int number) noexcept {
  g_own_signals |= std::uint64_t{1} << (number - 1);
}

namespace {

enum class watcher : std::uint8_t { none, idle, busy };
constinit atomic<watcher> g_watcher{watcher::none};
constinit raw_semaphore g_orders{0};

struct watch_order {
  long long ns;
  bool (*check)();
};
constinit watch_order g_order{};

void* keep_watch(void*) noexcept {
  t_self.outside = nullptr;  // what it does is none of the program's
  static_cast<void>(::prctl(PR_SET_NAME, "syncxx watch"));
  for (;;) {
    // (That synchronizes with the release() in watch(): the order.)
    static_cast<void>(g_orders.acquire_slow(deadline::never(), nullptr));
    const watch_order order = g_order;
    do {
      timespec rest{static_cast<time_t>(order.ns / 1'000'000'000),
                    static_cast<long>(order.ns % 1'000'000'000)};
      while (::clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, &rest) == EINTR) {
      }
    } while (order.check());
    // [WT3] release; pairs with [WT4]: the order is not looked at any more.
    g_watcher.store(watcher::idle, memory_order_release);
  }
}

}  // namespace

void start_watcher() noexcept {
  watcher expected = watcher::none;
  if (!g_watcher.compare_exchange_strong(expected, watcher::idle,
                                         memory_order_relaxed))
    return;
  pthread_attr_t attributes;
  bool started = false;
  if (::pthread_attr_init(&attributes) == 0) {
    ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    ::pthread_attr_setstacksize(&attributes, std::size_t{256} << 10);
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread{};
    started = ::pthread_create(&thread, &attributes, keep_watch, nullptr) == 0;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ::pthread_attr_destroy(&attributes);
  }
  if (!started) g_watcher.store(watcher::none, memory_order_relaxed);
}

void watch(long long ns, bool (*check)()) noexcept {
  // [WT4] acquire; pairs with [WT3].
  watcher expected = watcher::idle;
  if (!g_watcher.compare_exchange_strong(
          expected, watcher::busy, memory_order_acquire, memory_order_relaxed))
    return;
  g_order = {ns, check};
  g_orders.release(1, 1);
}

void forget_watch() noexcept {
  g_watcher.store(watcher::none, memory_order_relaxed);
  std::construct_at(&g_orders, 0);
}

void write_all(int fd, std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

long long now_ns() noexcept { return detail::now_ns(clock_id::monotonic); }

void begin(void (*before_fork)(), void (*in_parent)(), void (*in_child)(),
           void (*at_thread_end)()) noexcept {
  g_at_start = look();
  g_at_thread_end = at_thread_end;
  g_has_key = ::pthread_key_create(&g_key, thread_ends) == 0;
  // Fails only for want of memory; then a child of a fork of a program with
  // several threads may block in the checker.
  static_cast<void>(::pthread_atfork(before_fork, in_parent, in_child));
}

int thread_id() noexcept {
  // The kernel makes the number of a thread's CPU clock from the thread's own:
  // (~tid << 3) | flags (linux/posix-timers_types.h). libc knows it without
  // asking, also in the child of a fork.
  clockid_t clock = 0;
  if (::pthread_getcpuclockid(::pthread_self(), &clock) != 0) return 0;
  return ~(clock >> 3);
}

thread_fate look_up_thread(int tid, char (&name)[kThreadNameSize]) noexcept {
  name[0] = '\0';
  if (tid == thread_id()) {
    ::prctl(PR_GET_NAME, name, 0, 0, 0);
    return thread_fate::alive;
  }
  if (is_confined()) return thread_fate::unknown;
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/comm", tid);
  if (!read_file(path, name, sizeof name))
    return errno == ENOENT && ::access("/proc/self/task", F_OK) == 0
               ? thread_fate::ended
               : thread_fate::unknown;
  if (char* const end = std::strchr(name, '\n')) *end = '\0';
  return thread_fate::alive;
}

bool is_confined() noexcept {
  if (::getauxval(AT_SECURE) != 0) return true;
  const int mode = ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
  if (mode != g_at_start.mode) return true;
  return mode == kSeccompFilter && seccomp_filters() != g_at_start.filters;
}

namespace {

// A report to a pipe that nobody reads must not end the program: it may have
// asked for reports only.
class broken_pipe_guard {
 public:
  broken_pipe_guard() noexcept {
    ::sigemptyset(&set_);
    ::sigaddset(&set_, SIGPIPE);
    sigset_t pending;
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  broken_pipe_guard(const broken_pipe_guard&) = delete;
  broken_pipe_guard& operator=(const broken_pipe_guard&) = delete;
  ~broken_pipe_guard() {
    if (broken_ && !was_pending_) {
      const timespec now = {};
      while (::sigtimedwait(&set_, nullptr, &now) < 0 && errno == EINTR) {
      }
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  void broken() noexcept { broken_ = true; }

 private:
  sigset_t set_;
  sigset_t before_;
  bool was_pending_ = false;
  bool broken_ = false;
};

// 0, or the error. `may_wait`: where the file does not block, wait a moment for
// its reader.
int write_all(int fd, std::string_view message, bool may_wait) noexcept {
  constexpr int kPatienceMs = 1000;
  while (!message.empty()) {
    const ssize_t written = ::write(fd, message.data(), message.size());
    if (written > 0) {
      message.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    const int error = written < 0 ? errno : EIO;
    if (error == EINTR) continue;
    pollfd ready = {fd, POLLOUT, 0};
    if (error != EAGAIN || !may_wait || ::poll(&ready, 1, kPatienceMs) == 0)
      return error;
  }
  return 0;
}

}  // namespace

void print(std::string_view message) noexcept {
  if (message.empty()) return;
  const int error = errno;
  if (is_confined())  // no call that might be refused
    write_all(STDERR_FILENO, message, false);
  else
    write(STDERR_FILENO, message);
  errno = error;
}

int write(int fd, std::string_view message) noexcept {
  broken_pipe_guard guard;
  const int error = write_all(fd, message, true);
  if (error == EPIPE) guard.broken();
  return error;
}

cancellation_pause::cancellation_pause() noexcept {
  ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_);
}

cancellation_pause::~cancellation_pause() {
  ::pthread_setcancelstate(before_, nullptr);
}

std::ptrdiff_t output_of(const char* const* argv, char* output,
                         std::size_t size, long long until_ns) noexcept {
  if (!find_on_path(argv[0])) return -1;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return -1;
  const pid_t child = start(argv, ends[1]);
  ::close(ends[1]);
  std::ptrdiff_t n = -1;
  if (child > 0) {
    n = static_cast<std::ptrdiff_t>(
        read_until(ends[0], output, size, until_ns));
  }
  ::close(ends[0]);  // a helper that prints more ends by SIGPIPE
  if (child > 0) collect(child);
  return n;
}

}  // namespace detail::process
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
