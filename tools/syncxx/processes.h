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

// A variable of the environment that the process was started with.
std::optional<std::string> environment_of(pid_t pid, const std::string& name);

// `root` (0: none) and its descendants, and all those that were started with
// the variable at that value.
std::vector<pid_t> processes_of(pid_t root, const std::string& variable,
                                const std::string& value);

}  // namespace syncxx::tool

#endif  // SYNCXX_TOOLS_SYNCXX_PROCESSES_H_
