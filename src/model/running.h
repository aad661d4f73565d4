// SPDX-License-Identifier: Apache-2.0
//
// The checker whose test runs, for what the test calls.
#ifndef SYNCXX_SRC_MODEL_RUNNING_H_
#define SYNCXX_SRC_MODEL_RUNNING_H_

#include "engine.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

// The one whose test runs right now, or null.
extern checker* g_checker;
// Set in a child that the test has made.
extern bool g_forked;
// The checker, if it is the test that calls: on one of its fibers.
inline checker* checker_here() noexcept {
  return memory::on_fiber(__builtin_frame_address(0)) ? g_checker : nullptr;
}
// The same; ends the process with a message if there is none.
checker& running_checker(const char* what) noexcept;
[[noreturn]] void outside(const char* what) noexcept;
void forget_registers() noexcept;
// operator new and delete are the checker's (heap.cc).
void attach_heap() noexcept;

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_RUNNING_H_
