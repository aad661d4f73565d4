// SPDX-License-Identifier: Apache-2.0
//
// The verbs of the command-line tool, one file each.
#ifndef SYNCXX_TOOLS_SYNCXX_VERB_H_
#define SYNCXX_TOOLS_SYNCXX_VERB_H_

#include <string_view>

namespace syncxx::tool {

struct verb {
  std::string_view name;
  std::string_view purpose;  // one line
  // argv[0] is the verb. Returns the exit status.
  int (*run)(int argc, char** argv);
};

int run_bankers(int argc, char** argv);
int run_dump(int argc, char** argv);
int run_watch(int argc, char** argv);

// Exit statuses of the tool itself, as those of env(1) and timeout(1).
inline constexpr int kTimedOut = 124;
inline constexpr int kToolFailed = 125;
inline constexpr int kCannotRun = 126;
inline constexpr int kNotFound = 127;
inline constexpr int kSignalled = 128;  // and the signal's number

// Prints "syncxx: <message>" to stderr.
void complain(std::string_view message);

}  // namespace syncxx::tool

#endif  // SYNCXX_TOOLS_SYNCXX_VERB_H_
