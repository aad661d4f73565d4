// SPDX-License-Identifier: Apache-2.0
#include "overflow.h"

#include <cstdlib>

#include "engine.h"
#include "report.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
namespace {

struct sigaction g_action_before;
stack_t g_own;  // the handler's

// On a stack of its own, which is left for good when the check has failed.
void on_fault(int, siginfo_t* info, void*) {
  checker* const c = g_checker;
  if (c != nullptr && c->guards(info->si_addr)) {
    forget_frames(g_own.ss_sp, g_own.ss_size);  // of the last time
    c->fail(verdict::misuse, [&] {
      return "thread " + number(c->self()) + " has used up its stack of " +
             number(memory::kStackEach >> 10) +
             " KiB: a recursion without end, or large local objects?";
    });
  }
  // Nothing of ours: it happens again, with what was there before.
  ::sigaction(SIGSEGV, &g_action_before, nullptr);
}

}  // namespace

overflow_watch::overflow_watch() noexcept : memory_(std::malloc(kStack)) {
  g_own = {};
  g_own.ss_sp = memory_;
  g_own.ss_size = kStack;
  struct sigaction action {};
  action.sa_sigaction = &on_fault;
  // Not blocked after the handler has been left by a switch of stacks.
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  ::sigemptyset(&action.sa_mask);
  if (memory_ == nullptr || ::sigaltstack(&g_own, &stack_before_) != 0) return;
  ::sigaction(SIGSEGV, &action, &g_action_before);
}

overflow_watch::~overflow_watch() {
  if (memory_ == nullptr) return;
  ::sigaction(SIGSEGV, &g_action_before, nullptr);
  ::sigaltstack(&stack_before_, nullptr);
  forget_frames(memory_, kStack);
  std::free(memory_);
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
