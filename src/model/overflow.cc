// SPDX-License-Identifier: Apache-2.0
#include "overflow.h"

#include <ucontext.h>

#include <cstdint>
#include <cstdlib>

#include "report.h"
#include "running.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
namespace {

struct sigaction g_action_before;
stack_t g_own;  // the handler's

// Goes on after the handler, in place of the thread that has overflowed.
[[noreturn]] void overflowed() noexcept {
  forget_frames(g_own.ss_sp, g_own.ss_size);  // of the last time
  checker& c = *g_checker;
  c.fail(verdict::misuse, [&c] {
    return "thread " + number(c.self()) + " has used up its stack of " +
           number(memory::kStackEach >> 10) +
           " KiB: a recursion without end, or large local objects?";
  });
}

void on_fault(int, siginfo_t* info, void* machine) {
  if (g_checker == nullptr || !g_checker->stack().guards(info->si_addr)) {
    // Nothing of ours: it happens again, with what was there before.
    ::sigaction(SIGSEGV, &g_action_before, nullptr);
    return;
  }
  // As if called by nobody.
  mcontext_t& state = static_cast<ucontext_t*>(machine)->uc_mcontext;
  const auto top =
      reinterpret_cast<std::uintptr_t>(g_own.ss_sp) + g_own.ss_size;
  const auto entry = reinterpret_cast<std::uintptr_t>(&overflowed);
#if defined(__x86_64__)
  state.gregs[REG_RSP] = static_cast<greg_t>(top - 8);
  state.gregs[REG_RIP] = static_cast<greg_t>(entry);
#else
  state.sp = top;
  state.pc = entry;
#endif
}

}  // namespace

overflow_watch::overflow_watch() noexcept : memory_(std::malloc(kStack)) {
  g_own = {};
  g_own.ss_sp = memory_;
  g_own.ss_size = kStack;
  struct sigaction action {};
  action.sa_sigaction = &on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
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
