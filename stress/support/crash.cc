// SPDX-License-Identifier: Apache-2.0
#include "crash.h"

#include <execinfo.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>

#include "clock.h"
#include "retired.h"
#include "worker.h"

namespace syncxx::stress {
namespace {

constexpr std::array kFatal{SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

outcome* result_of_case = nullptr;
std::array<struct sigaction, kFatal.size()> former{};
std::atomic<bool> stack_printed{false};

int stack_signal() { return SIGRTMIN + 6; }

void print_stack() {
  void* frames[48];
  const int n = backtrace(frames, 48);
  backtrace_symbols_fd(frames, n, STDERR_FILENO);
}

void on_fault(int number, siginfo_t* info, void* context) {
  const bool has_address = number == SIGSEGV || number == SIGBUS;
  const void* address = has_address ? info->si_addr : nullptr;
  const bool retired = has_address && is_retired(address);
  const worker* self = worker::current();
  if (result_of_case->claim()) {
    std::snprintf(result_of_case->message, sizeof result_of_case->message,
                  "%s at %p in thread #%d (%s), doing '%s' on %p%s",
                  strsignal(number), address,
                  self != nullptr ? static_cast<int>(self->index()) : -1,
                  self != nullptr ? self->role().c_str() : "harness",
                  self != nullptr ? self->what() : "",
                  self != nullptr ? self->object() : nullptr,
                  retired ? ": that object was unmapped" : "");
    result_of_case->kind.store(retired ? failure::use_after_release
                                       : failure::crash);
    std::fprintf(stderr, "FAIL: %s\n", result_of_case->message);
    print_stack();
  }
  // A sanitizer's own handler knows more about other faults.
  for (std::size_t i = 0; !retired && i != kFatal.size(); ++i) {
    if (kFatal[i] == number && (former[i].sa_flags & SA_SIGINFO) != 0)
      former[i].sa_sigaction(number, info, context);
  }
  _exit(1);
}

void on_stack_wanted(int) {
  print_stack();
  stack_printed.store(true);
}

}  // namespace

void install_crash_handlers(outcome& result) {
  result_of_case = &result;
  void* frame = nullptr;
  backtrace(&frame, 1);  // loads the unwinder now, not inside a handler
  struct sigaction action {};
  sigemptyset(&action.sa_mask);
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO;
  for (std::size_t i = 0; i != kFatal.size(); ++i)
    sigaction(kFatal[i], &action, &former[i]);
  struct sigaction stack {};
  sigemptyset(&stack.sa_mask);
  stack.sa_handler = on_stack_wanted;
  stack.sa_flags = SA_RESTART;
  sigaction(stack_signal(), &stack, nullptr);
}

void print_stack_of(pthread_t thread) {
  stack_printed.store(false);
  if (pthread_kill(thread, stack_signal()) != 0) return;
  for (int i = 0; i != 100 && !stack_printed.load(); ++i) sleep_ns(2000000);
}

}  // namespace syncxx::stress
