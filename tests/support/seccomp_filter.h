// SPDX-License-Identifier: Apache-2.0
//
// Seccomp filters for a child process, without privileges. A filter can't be
// taken off again: use them in a child (child_process.h).
#ifndef SYNCXX_TESTS_SUPPORT_SECCOMP_FILTER_H_
#define SYNCXX_TESTS_SUPPORT_SECCOMP_FILTER_H_

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

namespace syncxx_test {

namespace seccomp_detail {

inline sock_filter statement(int code, std::uint32_t k) {
  return {static_cast<std::uint16_t>(code), 0, 0, k};
}
// Answers with `verdict` when the loaded value is `k`.
inline void answer_if(std::vector<sock_filter>& program, long k,
                      std::uint32_t verdict) {
  program.push_back(
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, static_cast<std::uint32_t>(k)});
  program.push_back(statement(BPF_RET | BPF_K, verdict));
}

inline bool install(std::vector<sock_filter> program) {
  sock_fprog filter = {static_cast<unsigned short>(program.size()),
                       program.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

inline std::vector<sock_filter> load_number() {
  return {statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
}

}  // namespace seccomp_detail

// From now on the calling thread, and those it starts, get `error` from these
// system calls.
inline bool refuse_syscalls(std::initializer_list<long> numbers, int error) {
  using namespace seccomp_detail;
  std::vector<sock_filter> program = load_number();
  for (const long number : numbers)
    answer_if(program, number,
              SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error));
  program.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  return install(std::move(program));
}

// From now on each system call of the calling thread raises SIGSYS instead,
// but for the few in `allowed`.
inline bool trap_syscalls_but(std::initializer_list<long> allowed) {
  using namespace seccomp_detail;
  std::vector<sock_filter> program = load_number();
  for (const long number : allowed)
    answer_if(program, number, SECCOMP_RET_ALLOW);
  program.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_TRAP));
  return install(std::move(program));
}

// From now on this system call of the calling thread, and those it starts,
// raises SIGSYS instead.
inline bool trap_syscall(long number) {
  using namespace seccomp_detail;
  std::vector<sock_filter> program = load_number();
  answer_if(program, number, SECCOMP_RET_TRAP);
  program.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  return install(std::move(program));
}

// From now on futex(2) with this operation (and its flags) raises SIGSYS in the
// calling thread instead.
inline bool trap_futex_operation(int operation) {
  using namespace seccomp_detail;
  std::vector<sock_filter> program = load_number();
  program.push_back({BPF_JMP | BPF_JEQ | BPF_K, 1, 0, SYS_futex});
  program.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  // Its lower half: both architectures of the tests are little-endian.
  program.push_back(
      statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[1])));
  answer_if(program, operation, SECCOMP_RET_TRAP);
  program.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  return install(std::move(program));
}

// In a SIGSYS handler: what the trapped system call returns.
inline void set_syscall_result(void* context, int result) {
  auto* user = static_cast<ucontext_t*>(context);
#if defined(__x86_64__)
  user->uc_mcontext.gregs[REG_RAX] = result;
#else
  user->uc_mcontext.regs[0] = static_cast<unsigned>(result);
#endif
}

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_SECCOMP_FILTER_H_
