// SPDX-License-Identifier: Apache-2.0
//
// What `syncxx watch` is asked to do.
#ifndef SYNCXX_TOOLS_SYNCXX_WATCH_OPTIONS_H_
#define SYNCXX_TOOLS_SYNCXX_WATCH_OPTIONS_H_

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace syncxx::tool {

struct watch_options {
  // Files by absolute paths: the program may change its folder.
  std::string json;
  std::string dot;
  std::string log;
  std::string suppressions;
  std::optional<int> exit_code;
  std::optional<std::chrono::milliseconds> timeout;
  std::string long_hold_ms;
  bool statistics = false;
  bool quiet = false;
  std::vector<char*> program;  // and its arguments, and a null pointer
};

// Nothing: the tool is to end with `status`, all has been said.
std::optional<watch_options> read_watch_options(int argc, char** argv,
                                                int& status);

}  // namespace syncxx::tool

#endif  // SYNCXX_TOOLS_SYNCXX_WATCH_OPTIONS_H_
