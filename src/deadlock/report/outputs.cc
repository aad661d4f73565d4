// SPDX-License-Identifier: Apache-2.0
//
// Files are opened for each report, not kept: a number that a program has
// closed along with all others may be something else's by then. Their names are
// made absolute at the start, since programs change their directory.
#include "outputs.h"

#if SYNCXX_HOOKED

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "../process.h"
#include "suppressions.h"
#include "text.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail::outputs {
namespace {

constexpr std::size_t kLongestPath = 4096;

struct output {
  const char* variable;
  char path[kLongestPath] = {};  // "": none was asked for
  bool failed = false;           // and that has been said

  bool is_wanted() const noexcept { return path[0] != '\0'; }
};

constinit output g_log{"SYNCXX_DEADLOCK_LOG"};
constinit output g_json{"SYNCXX_DEADLOCK_JSON"};
constinit output g_graph{"SYNCXX_DEADLOCK_DOT"};
constinit output g_statistics{"SYNCXX_LOCKSTAT_LOG"};
constinit output g_statistics_json{"SYNCXX_LOCKSTAT_JSON"};
constinit bool g_has_begun = false;

void set_path(output& out, const char* value) noexcept {
  std::memset(out.path, 0, sizeof out.path);
  out.failed = false;
  if (value == nullptr || *value == '\0') return;
  text path(std::span(out.path, kLongestPath - 1));
  if (*value != '/') {
    char directory[kLongestPath];
    if (::getcwd(directory, sizeof directory) != nullptr)
      path << directory << "/";
  }
  path << value;
}

void print_error(int error, text& out) noexcept {
#ifdef __GLIBC__
  if (const char* const name = ::strerrordesc_np(error)) {
    out << name;
    return;
  }
#endif
  out << "errno " << std::int64_t{error};
}

void complain(output& out, int error) noexcept {
  if (out.failed) return;
  out.failed = true;
  char storage[kLongestPath + 200];
  text message(storage);
  message << "syncxx: " << out.variable << "=" << out.path
          << " cannot be written: ";
  print_error(error, message);
  message << "; it is not written any more\n";
  process::print(message.view());
}

// 0, or the error.
int write_file(const char* path, int flags, std::string_view text) noexcept {
  // EPERM: to open a file might end the process.
  if (process::is_confined()) return EPERM;
  const int fd =
      ::open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | flags, 0666);
  if (fd < 0) return errno;
  const int error = process::write(fd, text);
  ::close(fd);
  return error;
}

}  // namespace

void read_suppressions(const char* path) noexcept {
  if (path == nullptr || *path == '\0') return;
  char first[4096];
  text message(first, text::growth::pages);
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    message << "syncxx: suppressions: " << path << " cannot be read: ";
    print_error(errno, message);
    message << "\n";
  } else {
    char storage[4096];
    text lines(storage, text::growth::pages);
    char part[4096];
    for (;;) {
      const ssize_t n = ::read(fd, part, sizeof part);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      lines << std::string_view(part, static_cast<std::size_t>(n));
    }
    ::close(fd);
    suppressions::add_lines(path, lines.view(), message);
  }
  process::print(message.view());
}

void read_environment() noexcept {
  g_has_begun = true;
  for (output* const out :
       {&g_log, &g_json, &g_graph, &g_statistics, &g_statistics_json})
    set_path(*out, ::secure_getenv(out->variable));
  read_suppressions(::secure_getenv("SYNCXX_DEADLOCK_SUPPRESSIONS"));
}

void set_file(report_file which, const char* path) noexcept {
  begin();  // what the environment says comes before
  set_path(which == report_file::log    ? g_log
           : which == report_file::json ? g_json
                                        : g_graph,
           path);
}

void begin() noexcept {
  if (!g_has_begun) read_environment();
}

namespace {

void say(output& out, std::string_view text) noexcept {
  if (out.is_wanted() && !out.failed) {
    const int error = write_file(out.path, O_APPEND, text);
    if (error == 0) return;
    complain(out, error);
  }
  process::print(text);
}

void append(output& out, std::string_view line) noexcept {
  if (const int error = write_file(out.path, O_APPEND, line); error != 0)
    complain(out, error);
}

}  // namespace

void say(std::string_view text) noexcept { say(g_log, text); }

bool want_json() noexcept { return g_json.is_wanted(); }

void append_json(std::string_view line) noexcept { append(g_json, line); }

void say_statistics(std::string_view table) noexcept {
  say(g_statistics, table);
}

bool want_statistics_json() noexcept { return g_statistics_json.is_wanted(); }

void append_statistics_json(std::string_view line) noexcept {
  append(g_statistics_json, line);
}

bool want_graph() noexcept { return g_graph.is_wanted(); }

void replace_graph(std::string_view graph) noexcept {
  static constinit char temporary[kLongestPath + 32] = {};
  text name(temporary);
  name << g_graph.path << "." << std::int64_t{process::thread_id()} << ".tmp"
       << std::string_view("\0", 1);
  // Where others may write, too, no file or link of theirs is written to.
  if (!process::is_confined()) ::unlink(temporary);
  int error = write_file(temporary, O_EXCL | O_NOFOLLOW, graph);
  if (error == 0 && ::rename(temporary, g_graph.path) != 0) error = errno;
  if (error == 0) return;
  if (!process::is_confined()) ::unlink(temporary);
  complain(g_graph, error);
}

}  // namespace detail::outputs
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
