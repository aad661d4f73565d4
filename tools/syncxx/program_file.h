// SPDX-License-Identifier: Apache-2.0
//
// Whether a program can be watched: LD_PRELOAD is for the dynamic loader, which
// not every program has, or heeds.
#ifndef SYNCXX_TOOLS_SYNCXX_PROGRAM_FILE_H_
#define SYNCXX_TOOLS_SYNCXX_PROGRAM_FILE_H_

#include <optional>
#include <string>

namespace syncxx::tool {

// The file that execvp() would run; empty: there is none.
std::string find_program(const std::string& name);

// Why `file` cannot be watched; nothing: it can.
std::optional<std::string> why_not_watched(const std::string& file);

}  // namespace syncxx::tool

#endif  // SYNCXX_TOOLS_SYNCXX_PROGRAM_FILE_H_
