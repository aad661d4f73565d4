// SPDX-License-Identifier: Apache-2.0
//
// Turns a hang into a failure with a message: each test gets a limit of wall
// time; past it the test's name and what every thread is doing are printed and
// the process dies. Including this header is enough to be watched.
#ifndef SYNCXX_TESTS_SUPPORT_WATCHDOG_H_
#define SYNCXX_TESTS_SUPPORT_WATCHDOG_H_

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/support/environment.h"

namespace syncxx_test {

inline constexpr unsigned kWatchdogSeconds = 45;

namespace watchdog_detail {

inline char test_name[256] = "(no test)";

inline void say(const char* text) {
  const ssize_t n = write(STDERR_FILENO, text, std::strlen(text));
  static_cast<void>(n);
}

// Prints `/proc/self/task/<tid>/<file>` on one line.
inline void print_thread_file(const char* tid, const char* file) {
  char path[128];
  std::snprintf(path, sizeof path, "/proc/self/task/%s/%s", tid, file);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  char text[256];
  const ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return;
  text[n] = '\0';
  if (char* end = std::strchr(text, '\n')) *end = '\0';
  say("  ");
  say(file);
  say(": ");
  say(text);
}

// The process is stuck, so what a handler may call matters less than that
// something useful is printed before the end.
inline void bark(int) {
  say("\nWATCHDOG: stuck in ");
  say(test_name);
  say("\n");
  if (DIR* tasks = opendir("/proc/self/task")) {
    while (const dirent* entry = readdir(tasks)) {
      if (entry->d_name[0] == '.') continue;
      say("  thread ");
      say(entry->d_name);
      print_thread_file(entry->d_name, "wchan");
      print_thread_file(entry->d_name, "syscall");
      say("\n");
    }
  }
  signal(SIGABRT, SIG_DFL);
  abort();
}

}  // namespace watchdog_detail

// (Re)starts the limit for this process. A forked child inherits no alarm and
// calls this for itself.
inline void watch(unsigned seconds = kWatchdogSeconds) {
  struct sigaction action = {};
  // TSan delays handlers to the next intercepted call, which a stuck thread
  // never makes; there the signal's default action ends the process.
  action.sa_handler = kThreadSanitizer ? SIG_DFL : watchdog_detail::bark;
  sigaction(SIGALRM, &action, nullptr);
  alarm(kSanitized || under_qemu() ? seconds * 5 : seconds);
}

namespace watchdog_detail {

class listener : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo& info) override {
    std::snprintf(test_name, sizeof test_name, "%s.%s", info.test_suite_name(),
                  info.name());
    watch();
  }
  void OnTestEnd(const testing::TestInfo&) override { alarm(0); }
};

inline const bool installed = [] {
  watch();  // for death-test children, which are told of no events
  testing::UnitTest::GetInstance()->listeners().Append(new listener);
  return true;
}();

}  // namespace watchdog_detail
}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_WATCHDOG_H_
