// SPDX-License-Identifier: Apache-2.0
#include "process.h"

#if SYNCXX_HOOKED

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sync/detail/clock.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail::process {
namespace {

constexpr int kSeccompFilter = 2;  // SECCOMP_MODE_FILTER

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
class helper_environment {
 public:
  helper_environment() noexcept {
    for (char** entry = environ; entry != nullptr && *entry != nullptr;
         ++entry) {
      if (count_ == kMost) break;
      if (!is_unwanted(*entry)) entries_[count_++] = *entry;
    }
    static char language[] = "LC_ALL=C";
    entries_[count_++] = language;
    entries_[count_] = nullptr;
  }
  char* const* get() const noexcept { return entries_; }

 private:
  static bool is_unwanted(const char* entry) noexcept {
    for (const char* name : {"LD_PRELOAD=", "DEBUGINFOD_URLS=", "LC_ALL="})
      if (std::strncmp(entry, name, std::strlen(name)) == 0) return true;
    return false;
  }
  static constexpr std::size_t kMost = 510;
  char* entries_[kMost + 2];
  std::size_t count_ = 0;
};

// Starts `argv` with its output going to `output`; 0 or the error.
int start(pid_t& child, const char* const* argv, int output) noexcept {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  int error = ::posix_spawn_file_actions_init(&files);
  if (error != 0) return error;
  error = ::posix_spawnattr_init(&attributes);
  if (error != 0) {
    ::posix_spawn_file_actions_destroy(&files);
    return error;
  }
  sigset_t none;
  sigset_t defaults;
  ::sigemptyset(&none);
  ::sigfillset(&defaults);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  ::posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const helper_environment environment;
  error = ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null",
                                             O_RDONLY, 0);
  if (error == 0)
    error = ::posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  if (error == 0)
    error = ::posix_spawn_file_actions_addopen(&files, STDERR_FILENO,
                                               "/dev/null", O_WRONLY, 0);
  if (error == 0)
    error = ::posix_spawnp(&child, argv[0], &files, &attributes,
                           const_cast<char* const*>(argv), environment.get());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  return error;
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

void begin(void (*before_fork)(), void (*in_parent)(),
           void (*in_child)()) noexcept {
  g_at_start = look();
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

void print(std::string_view message) noexcept {
  const int error = errno;
  while (!message.empty()) {
    const ssize_t written =
        ::write(STDERR_FILENO, message.data(), message.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {
      pollfd ready = {STDERR_FILENO, POLLOUT, 0};
      ::poll(&ready, 1, -1);
      continue;
    }
    if (written <= 0) break;
    message.remove_prefix(static_cast<std::size_t>(written));
  }
  errno = error;
}

cancellation_pause::cancellation_pause() noexcept {
  ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_);
}

cancellation_pause::~cancellation_pause() {
  ::pthread_setcancelstate(before_, nullptr);
}

std::ptrdiff_t output_of(const char* const* argv, char* output,
                         std::size_t size, long long until_ns) noexcept {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return -1;
  pid_t child = 0;
  const int error = start(child, argv, ends[1]);
  ::close(ends[1]);
  std::ptrdiff_t n = -1;
  if (error == 0) {
    n = static_cast<std::ptrdiff_t>(
        read_until(ends[0], output, size, until_ns));
  }
  ::close(ends[0]);  // a helper that prints more ends by SIGPIPE
  if (error == 0) collect(child);
  return n;
}

}  // namespace detail::process
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
