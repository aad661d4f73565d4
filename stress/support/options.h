// SPDX-License-Identifier: Apache-2.0
//
// The command line that every stress binary understands.
#ifndef SYNCXX_STRESS_SUPPORT_OPTIONS_H_
#define SYNCXX_STRESS_SUPPORT_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace syncxx::stress {

struct options {
  double seconds = 2;             // for each case
  double total = 0;               // for all cases together; 0: not given
  double watchdog = 0;            // seconds without progress; 0: the default
  std::uint64_t seed = 0;         // filled in from the kernel if not given
  unsigned threads = 0;           // 0: as the case says
  std::vector<std::string> only;  // --case, may be repeated; empty: all
  bool list = false;
  bool help = false;
  bool in_process = false;  // no child process for the case: for debuggers
  bool verbose = false;     // histograms' rows, and the output of cases that
                            // must fail
};

// Reads the command line. What is wrong with it comes back as a sentence;
// empty: nothing.
std::string parse(int argc, const char* const* argv, options& out);

// The text of --help.
std::string usage(const char* program);

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_OPTIONS_H_
