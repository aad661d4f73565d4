// SPDX-License-Identifier: Apache-2.0
//
// Processes, as /proc shows them.
#ifndef SYNCXX_TOOLS_SYNCXX_PROCESSES_H_
#define SYNCXX_TOOLS_SYNCXX_PROCESSES_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace syncxx::tool {

// A whole file of /proc, or nothing: there is none, or it is not for us
// (errno).
std::optional<std::string> read_proc(pid_t pid, const std::string& file);

// Whether the preload library is in a process, and the folder of the `syncxx
// watch` that has started it; empty: it does not listen.
struct watch_state {
  bool has_library = false;
  std::string folder;
};
// Nothing: it has ended, or is not for us (errno).
std::optional<watch_state> watch_state_of(pid_t pid);

// `root` (0: none) and its descendants, and all those that are watched by the
// tool with that folder.
std::vector<pid_t> processes_of(pid_t root, const std::string& folder);

}  // namespace syncxx::tool

#endif  // SYNCXX_TOOLS_SYNCXX_PROCESSES_H_
