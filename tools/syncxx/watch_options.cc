// SPDX-License-Identifier: Apache-2.0
#include "watch_options.h"

#include <fcntl.h>
#include <getopt.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "verb.h"

namespace syncxx::tool {
namespace {

constexpr const char* kHelp =
    R"(Usage: syncxx watch [OPTION...] [--] PROGRAM [ARGUMENT...]

Runs a program and reports the deadlocks of its threads: those that happen, and
those that might, because locks are taken in different orders. The program needs
no change; it must be dynamically linked. The processes that it starts are
watched as well. Its input, output, signals and exit status are its own.

Options:
  --json FILE       write what was found to FILE, also if that is nothing:
                    {"version":1,"findings":[{"kind":"...", ...}]}
  --dot FILE        write the circles of locks to FILE, for Graphviz
  --log FILE        append the reports to FILE instead of printing them to stderr
  --exit-code N     exit with N (1 to 255) if anything was found
  --suppress FILE   do not report what FILE lists: lines KIND:PATTERN
  --timeout S       after S seconds (a number, 0.5 too) print what each thread
                    holds and waits for, and end the program
  --long-hold MS    also report locks that are held for longer than MS ms
  --stat            print at the end how often locks were taken, and for how
                    long they were waited for and held; with --json FILE also
                    "statistics" there (SYNCXX_LOCKSTAT_ROWS=all: all rows)
  --quiet           print nothing
  --help            print this

Exit status:
  that of the program (128 + N for signal N, where the tool cannot end by it)
  N     anything was found, with --exit-code N
  124   the time was up, with --timeout
  125   syncxx itself failed: wrong usage, a file that cannot be written
  126   the program cannot be run, or cannot be watched (statically linked;
        setuid): then it is not run
  127   there is no such program

Environment: SYNCXX_PRELOAD names the library to put in front of the program,
if it is not where it was installed. LD_PRELOAD, SYNCXX_DEADLOCK and other
variables that begin with SYNCXX_ are set for the program.
)";

enum option_id {
  kJson = 256,
  kDot,
  kLog,
  kExitCode,
  kSuppress,
  kTimeout,
  kLongHold,
  kStat,
  kQuiet,
};

constexpr option kOptions[] = {
    {"json", required_argument, nullptr, kJson},
    {"dot", required_argument, nullptr, kDot},
    {"log", required_argument, nullptr, kLog},
    {"exit-code", required_argument, nullptr, kExitCode},
    {"suppress", required_argument, nullptr, kSuppress},
    {"timeout", required_argument, nullptr, kTimeout},
    {"long-hold", required_argument, nullptr, kLongHold},
    {"stat", no_argument, nullptr, kStat},
    {"quiet", no_argument, nullptr, kQuiet},
    {"help", no_argument, nullptr, 'h'},
    {nullptr, 0, nullptr, 0},
};

// Adds what is wrong to the list.
class checks {
 public:
  bool all_good() const { return good_; }

  void fail(const std::string& what) {
    complain(what);
    good_ = false;
  }

  int whole_number(const char* text, const char* option, int least, int most) {
    int value = 0;
    const char* const end = text + std::strlen(text);
    const auto [stop, error] = std::from_chars(text, end, value);
    if (error != std::errc() || stop != end || value < least || value > most) {
      fail(std::string(option) + " needs a number from " +
           std::to_string(least) + " to " + std::to_string(most) + ", not \"" +
           text + '"');
    }
    return value;
  }

  std::chrono::milliseconds seconds(const char* text) {
    constexpr double kMost = 1e9;
    char* end = nullptr;
    const double value = std::strtod(text, &end);
    if (end == text || *end != '\0' || !(value > 0) || value > kMost)
      fail("--timeout needs a number of seconds, not \"" + std::string(text) +
           '"');
    return std::chrono::milliseconds(std::llround(std::ceil(value * 1000)));
  }

  // What is to be written at the end must be known to work at the start.
  std::string writable(const char* name, int flags) {
    const std::string path = std::filesystem::absolute(name).string();
    const int fd =
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666);
    if (fd < 0)
      fail("cannot write " + path + ": " + std::strerror(errno));
    else
      ::close(fd);
    return path;
  }

  std::string readable(const char* name) {
    const std::string path = std::filesystem::absolute(name).string();
    if (::access(path.c_str(), R_OK) != 0)
      fail("cannot read " + path + ": " + std::strerror(errno));
    return path;
  }

 private:
  bool good_ = true;
};

}  // namespace

std::optional<watch_options> read_watch_options(int argc, char** argv,
                                                int& status) {
  watch_options options;
  checks check;
  constexpr int kMostMs = 1'000'000'000;
  int c = 0;
  while ((c = ::getopt_long(argc, argv, "+h", kOptions, nullptr)) != -1) {
    switch (c) {
      case kJson:
        options.json = check.writable(optarg, 0);
        break;
      case kDot:
        options.dot = check.writable(optarg, 0);
        break;
      case kLog:
        options.log = check.writable(optarg, O_APPEND);
        break;
      case kExitCode:
        options.exit_code = check.whole_number(optarg, "--exit-code", 1, 255);
        break;
      case kSuppress:
        options.suppressions = check.readable(optarg);
        break;
      case kTimeout:
        options.timeout = check.seconds(optarg);
        break;
      case kLongHold:
        options.long_hold_ms = std::to_string(
            check.whole_number(optarg, "--long-hold", 1, kMostMs));
        break;
      case kStat:
        options.statistics = true;
        break;
      case kQuiet:
        options.quiet = true;
        break;
      case 'h':
        std::fputs(kHelp, stdout);
        status = 0;
        return std::nullopt;
      default:  // getopt_long() has said what is wrong
        check.fail("`syncxx watch --help` lists what there is");
    }
  }
  if (check.all_good() && optind == argc)
    check.fail("watch needs a program to run: syncxx watch -- PROGRAM");
  if (!check.all_good()) {
    status = kToolFailed;
    return std::nullopt;
  }
  options.program.assign(argv + optind, argv + argc);
  options.program.push_back(nullptr);
  return options;
}

}  // namespace syncxx::tool
