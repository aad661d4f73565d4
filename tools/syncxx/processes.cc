// SPDX-License-Identifier: Apache-2.0
#include "processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <map>
#include <memory>

#include "src/deadlock/preload/dump_protocol.h"

namespace syncxx::tool {
namespace {

std::vector<pid_t> all_processes() {
  std::vector<pid_t> all;
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"),
                                                 ::closedir);
  if (proc == nullptr) return all;
  while (const dirent* const entry = ::readdir(proc.get())) {
    const long pid = std::strtol(entry->d_name, nullptr, 10);
    if (pid > 0) all.push_back(static_cast<pid_t>(pid));
  }
  return all;
}

pid_t parent_of(pid_t pid) {
  const auto stat = read_proc(pid, "stat");
  if (!stat) return 0;
  // pid (name) state ppid; the name may hold anything.
  const std::size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos || name_end + 4 >= stat->size()) return 0;
  return static_cast<pid_t>(
      std::strtol(stat->c_str() + name_end + 4, nullptr, 10));
}

}  // namespace

std::optional<std::string> read_proc(pid_t pid, const std::string& file) {
  const std::string path = "/proc/" + std::to_string(pid) + "/" + file;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::string text;
  char part[4096];
  ssize_t n = 0;
  while ((n = ::read(fd, part, sizeof part)) > 0)
    text.append(part, static_cast<std::size_t>(n));
  const int error = errno;
  ::close(fd);
  errno = error;
  if (n < 0) return std::nullopt;
  return text;
}

std::optional<watch_state> watch_state_of(pid_t pid) {
  const auto maps = read_proc(pid, "maps");
  if (!maps) return std::nullopt;
  watch_state state;
  state.has_library = maps->find("/libsyncxx_preload.so") != std::string::npos;
  const std::size_t end =
      maps->find(std::string("/") + dump_protocol::kMarkerFile);
  if (end != std::string::npos) {
    // A line's only slashes are those of its path.
    const std::size_t line = maps->rfind('\n', end) + 1;
    const std::size_t begin = maps->find('/', line);
    state.folder = maps->substr(begin, end - begin);
  }
  return state;
}

std::vector<pid_t> processes_of(pid_t root, const std::string& folder) {
  std::map<pid_t, pid_t> parents;
  for (const pid_t pid : all_processes()) parents[pid] = parent_of(pid);
  const auto descends = [&](pid_t pid) {
    for (int i = 0; root != 0 && pid > 1 && i < 1000; ++i) {
      if (pid == root) return true;
      const auto parent = parents.find(pid);
      if (parent == parents.end()) break;
      pid = parent->second;
    }
    return false;
  };
  const auto is_watched = [&](pid_t pid) {
    const auto state = watch_state_of(pid);
    return state && state->folder == folder;
  };
  std::vector<pid_t> found;
  for (const auto& [pid, parent] : parents) {
    if (pid != ::getpid() && (descends(pid) || is_watched(pid))) {
      found.push_back(pid);
    }
  }
  return found;
}

}  // namespace syncxx::tool
