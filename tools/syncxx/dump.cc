// SPDX-License-Identifier: Apache-2.0
//
// syncxx dump PID
#include <getopt.h>
#include <sys/types.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "thread_dump.h"
#include "verb.h"

namespace syncxx::tool {
namespace {

constexpr const char* kHelp =
    "Usage: syncxx dump PID\n"
    "\n"
    "Prints the threads of a process that was started by `syncxx watch` (or "
    "by\n"
    "a process that was): the locks that each holds, what it waits for and "
    "since\n"
    "when, and where in the program. The process goes on; it is asked by a "
    "signal,\n"
    "SIGRTMAX-3, which programs seldom use.\n"
    "\n"
    "A dump is printed only if the process answers within 2 seconds; "
    "otherwise\n"
    "what is in the way is said. A process that was started without `syncxx\n"
    "watch` cannot be asked afterwards.\n"
    "\n"
    "Exit status: 0 it was printed; 1 it could not be; 2 wrong usage.\n";

constexpr int kWrongUsage = 2;
constexpr auto kPatience = std::chrono::seconds(2);

}  // namespace

int run_dump(int argc, char** argv) {
  static constexpr option kOptions[] = {
      {"help", no_argument, nullptr, 'h'},
      {nullptr, 0, nullptr, 0},
  };
  for (int c = 0;
       (c = ::getopt_long(argc, argv, "+h", kOptions, nullptr)) != -1;) {
    std::fputs(kHelp, c == 'h' ? stdout : stderr);
    return c == 'h' ? 0 : kWrongUsage;
  }
  char* end = nullptr;
  errno = 0;
  const long pid = optind < argc ? std::strtol(argv[optind], &end, 10) : 0;
  if (optind + 1 != argc || *end != '\0' || errno != 0 || pid <= 0 ||
      pid > std::numeric_limits<pid_t>::max()) {
    complain("dump needs the number of a process");
    std::fputs(kHelp, stderr);
    return kWrongUsage;
  }
  const thread_dump dump = ask_for_dump(static_cast<pid_t>(pid), kPatience);
  if (!dump.is_there) {
    complain(dump.text);
    return 1;
  }
  std::fputs(dump.text.c_str(), stdout);
  return 0;
}

}  // namespace syncxx::tool
