// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <sys/random.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string_view>

namespace syncxx::stress {
namespace {

bool read_seconds(const std::string& text, double& out) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !std::isfinite(value) || value <= 0 ||
      value > 1e7)
    return false;
  out = value;
  return true;
}

bool read_number(const std::string& text, std::uint64_t& out) {
  char* end = nullptr;
  errno = 0;
  const std::uint64_t value = std::strtoull(text.c_str(), &end, 0);
  if (text.empty() || text[0] == '-' || *end != '\0' || errno != 0)
    return false;
  out = value;
  return true;
}

std::uint64_t fresh_seed() {
  std::uint64_t seed = 0;
  if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) !=
      static_cast<ssize_t>(sizeof seed))
    seed = static_cast<std::uint64_t>(std::time(nullptr));
  return seed % 1000000000;  // short enough to type again
}

// Takes one "--name=value"; a sentence if it is wrong.
std::string take(const std::string& name, const std::string& value,
                 options& out) {
  std::uint64_t number = 0;
  if (name == "--seconds")
    return read_seconds(value, out.seconds) ? "" : "wants a number above 0";
  if (name == "--total")
    return read_seconds(value, out.total) ? "" : "wants a number above 0";
  if (name == "--watchdog")
    return read_seconds(value, out.watchdog) ? "" : "wants a number above 0";
  if (name == "--seed")
    return read_number(value, out.seed) ? "" : "wants a whole number";
  if (name == "--threads") {
    if (!read_number(value, number) || number < 2 || number > 1024)
      return "wants a whole number from 2 to 1024";
    out.threads = static_cast<unsigned>(number);
    return "";
  }
  if (name == "--case") {
    out.only.push_back(value);
    return value.empty() ? "wants a name (see --list)" : "";
  }
  return "is no flag that I know";
}

}  // namespace

std::string parse(int argc, const char* const* argv, options& out) {
  out.seed = fresh_seed();
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--list") {
      out.list = true;
    } else if (argument == "--help" || argument == "-h") {
      out.help = true;
    } else if (argument == "--in-process") {
      out.in_process = true;
    } else if (argument == "--verbose") {
      out.verbose = true;
    } else {
      const auto equals = argument.find('=');
      const std::string name = argument.substr(0, equals);
      const std::string value =
          equals == std::string::npos ? "" : argument.substr(equals + 1);
      const std::string wrong = take(name, value, out);
      if (!wrong.empty()) return "'" + argument + "': " + wrong;
    }
  }
  return "";
}

std::string usage(const char* program) {
  return std::string("usage: ") + program +
         " [flags]\n"
         "  --seconds=N   run each case for N seconds (2; may be a fraction)\n"
         "  --total=N     share N seconds among the cases instead\n"
         "  --seed=N      repeat the choices of an earlier run (printed at its"
         " start)\n"
         "  --threads=N   threads under test, instead of what the case says\n"
         "  --case=NAME   only this case; may be given again\n"
         "  --watchdog=S  seconds without progress that count as stuck (20)\n"
         "  --list        name the cases and leave\n"
         "  --verbose     print the histograms' rows\n"
         "  --in-process  no child process for the case (for a debugger)\n"
         "  --help        this text\n"
         "exit status: 0 all passed, 1 a case failed, 2 wrong command line\n";
}

}  // namespace syncxx::stress
