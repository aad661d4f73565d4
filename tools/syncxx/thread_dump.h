// SPDX-License-Identifier: Apache-2.0
//
// Asking watched processes what their threads hold and wait for
// (src/deadlock/preload/dump.cc answers).
#ifndef SYNCXX_TOOLS_SYNCXX_THREAD_DUMP_H_
#define SYNCXX_TOOLS_SYNCXX_THREAD_DUMP_H_

#include <sys/types.h>

#include <chrono>
#include <string>

namespace syncxx::tool {

struct thread_dump {
  bool is_there = false;
  std::string text;  // the dump, or why there is none
};

// Waits for the answer no longer than `patience`.
thread_dump ask_for_dump(pid_t pid, std::chrono::milliseconds patience);

}  // namespace syncxx::tool

#endif  // SYNCXX_TOOLS_SYNCXX_THREAD_DUMP_H_
