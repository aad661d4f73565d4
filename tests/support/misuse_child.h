// SPDX-License-Identifier: Apache-2.0
//
// Runs what the misuse checker may end in a forked child, and keeps what the
// child has said on stderr.
#ifndef SYNCXX_TESTS_SUPPORT_MISUSE_CHILD_H_
#define SYNCXX_TESTS_SUPPORT_MISUSE_CHILD_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sync/detail/config.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>

#include "tests/support/environment.h"
#if SYNCXX_HOOKED
#include "src/deadlock/report/debug_info.h"
#include "src/deadlock/report/symbolizer.h"
#endif
#include "tests/support/watchdog.h"

namespace syncxx_test {

// The lines of the two operations that a report must name; shared with the
// children that are forked.
struct marks {
  std::atomic<int> conflict{0};
  std::atomic<int> misuse{0};
};
inline marks& marked() {
  static marks* const shared = [] {
    void* const page = mmap(nullptr, sizeof(marks), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return new (page) marks;
  }();
  return *shared;
}

// Note the line of an operation that stands on it.
#define CONFLICT(...) \
  (static_cast<void>(marked().conflict = __LINE__), __VA_ARGS__)
#define MISUSE(...) (static_cast<void>(marked().misuse = __LINE__), __VA_ARGS__)

struct outcome {
  static constexpr int kDone = 0;
  static constexpr int kThrew = 100;  // + the errno value
  static constexpr int kThrewOther = 99;

  std::string said;
  int status = 0;

  bool exited(int code) const {
    return WIFEXITED(status) && WEXITSTATUS(status) == code;
  }
  bool aborted() const {
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
  }
};

inline std::ostream& operator<<(std::ostream& out, const outcome& o) {
  if (WIFSIGNALED(o.status))
    out << "killed by signal " << WTERMSIG(o.status);
  else
    out << "exit code " << WEXITSTATUS(o.status);
  return out << ", stderr:\n" << o.said;
}

// The caller has no other threads.
template <class Body>
outcome in_child(Body body) {
  marked();
  int ends[2];
  if (pipe(ends) != 0) return {"pipe failed", -1};
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    watch();
    close(ends[0]);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    int code = outcome::kDone;
    try {
      body();
    } catch (const std::system_error& error) {
      code = outcome::kThrew + error.code().value();
    } catch (...) {
      code = outcome::kThrewOther;
    }
    _exit(code);
  }
  close(ends[1]);
  outcome result;
  char part[4096];
  for (;;) {
    const ssize_t n = read(ends[0], part, sizeof part);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    result.said.append(part, static_cast<std::size_t>(n));
  }
  close(ends[0]);
  while (waitpid(child, &result.status, 0) < 0 && errno == EINTR) {
  }
  return result;
}

inline bool is_on_path(const std::string& program) {
  const char* const value = std::getenv("PATH");
  std::string path = value != nullptr ? value : "";
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    const std::string file = path.substr(begin, end - begin) + "/" + program;
    if (access(file.c_str(), X_OK) == 0) return true;
    begin = end + 1;
  }
  return false;
}

// Whether there is addr2line, and it finds the inlined calls of this program:
// that of binutils 2.40 does not in what clang writes.
inline bool addr2line_knows_calls() {
#if defined(__clang__)
  return false;
#else
  return is_on_path("addr2line");
#endif
}

// Whether the library names lines by itself.
inline bool reads_debug_info() {
#if SYNCXX_HOOKED
  return syncxx::detail::debug_info::is_built_in();
#else
  return false;
#endif
}

// As if it did not.
inline void use_tools() {
#if SYNCXX_HOOKED
  syncxx::detail::symbolizer::use_tools(true);
#endif
}

// Whether a report from this program can name files and lines: found out
// without asking the code under test.
inline bool has_lines() {
  static const bool answer = [] {
    if (under_qemu()) return false;  // the tools are not for this machine
    if (!reads_debug_info() && !is_on_path("llvm-symbolizer") &&
        !addr2line_knows_calls()) {
      return false;
    }
    std::ifstream file("/proc/self/exe", std::ios::binary);
    const std::string program{std::istreambuf_iterator<char>(file), {}};
    return program.find(std::string(".debug_line\0", 12)) != std::string::npos;
  }();
  return answer;
}

// The same for a report by tools.
inline bool has_lines_by_tools() {
  return has_lines() &&
         (is_on_path("llvm-symbolizer") || addr2line_knows_calls());
}

// The line after the one that begins with `label`.
inline std::string first_place(const std::string& report,
                               const std::string& label) {
  const std::size_t at = report.find("\n  " + label);
  if (at == std::string::npos) return "no \"" + label + "\"";
  const std::size_t begin = report.find('\n', at + 1);
  if (begin == std::string::npos) return "nothing";
  return report.substr(begin + 1, report.find('\n', begin + 1) - begin - 1);
}

// Expects that the first line under `label` is `line` of `file`.
inline void expect_place(const std::string& report, const std::string& label,
                         const std::string& file, int line) {
  const std::string place = first_place(report, label);
  EXPECT_EQ(place.substr(0, 14), "           at ") << label << "\n" << report;
  if (!has_lines()) return;
  EXPECT_NE(place.find(file + ":" + std::to_string(line) + " in "),
            std::string::npos)
      << label << ": " << place << "\nexpected " << file << ":" << line << "\n"
      << report;
}

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_MISUSE_CHILD_H_
