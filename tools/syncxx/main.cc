// SPDX-License-Identifier: Apache-2.0
//
// syncxx: the command-line tool. Each verb has a file of its own.
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include <sync/version.h>

#include "verb.h"

namespace syncxx::tool {
namespace {

constexpr verb kVerbs[] = {
    {"bankers", "say whether a state of the Banker's algorithm is safe",
     run_bankers},
    {"dump", "print who holds and waits for what in a watched process",
     run_dump},
    {"watch", "run a program, and report its deadlocks, also possible ones",
     run_watch},
};

constexpr int kWrongUsage = 2;

void print_usage(std::FILE* out) {
  std::fputs(
      "Usage: syncxx VERB [ARGUMENT...]\n"
      "       syncxx --help | --version\n"
      "\n"
      "Verbs (each has its own --help):\n",
      out);
  for (const verb& v : kVerbs) {
    std::fprintf(out, "  %-8s %s\n", std::string(v.name).c_str(),
                 std::string(v.purpose).c_str());
  }
}

int run(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name == "--help" || name == "-h" || name == "help") {
    print_usage(stdout);
    return 0;
  }
  if (name == "--version") {
    std::printf("syncxx %d.%d.%d\n", SYNCXX_VERSION_MAJOR, SYNCXX_VERSION_MINOR,
                SYNCXX_VERSION_PATCH);
    return 0;
  }
  for (const verb& v : kVerbs) {
    if (v.name == name) return v.run(argc - 1, argv + 1);
  }
  if (!name.empty()) complain("there is no verb \"" + std::string(name) + "\"");
  print_usage(stderr);
  return kWrongUsage;
}

}  // namespace

void complain(std::string_view message) {
  std::fprintf(stderr, "syncxx: %.*s\n", static_cast<int>(message.size()),
               message.data());
}

}  // namespace syncxx::tool

int main(int argc, char** argv) { return syncxx::tool::run(argc, argv); }
