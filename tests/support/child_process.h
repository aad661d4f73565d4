// SPDX-License-Identifier: Apache-2.0
//
// Runs a test's body in a forked child, so that a crash, a seccomp filter or a
// stop signal hits the child alone. EXPECT_… in the body count: the child's
// failures are printed and fail the parent's assertion.
#ifndef SYNCXX_TESTS_SUPPORT_CHILD_PROCESS_H_
#define SYNCXX_TESTS_SUPPORT_CHILD_PROCESS_H_

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>

#include "tests/support/watchdog.h"

namespace syncxx_test {

namespace child_detail {

inline int failed_parts() {
  const testing::TestResult& result =
      *testing::UnitTest::GetInstance()->current_test_info()->result();
  int failed = 0;
  for (int i = 0; i < result.total_part_count(); ++i)
    failed += result.GetTestPartResult(i).failed() ? 1 : 0;
  return failed;
}

}  // namespace child_detail

// Forks; the child runs `body` and exits with 0 unless something in it failed.
// The caller must have no other threads that hold locks.
template <class Body>
pid_t fork_child(Body body) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child != 0) return child;
  watch();
  const int before = child_detail::failed_parts();
  int code = 0;
  try {
    body();
  } catch (const std::exception& e) {
    std::printf("the child threw: %s\n", e.what());
    code = 2;
  }
  if (child_detail::failed_parts() > before) code = 1;
  std::fflush(nullptr);
  _exit(code);
}

inline testing::AssertionResult exited_well(int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return testing::AssertionSuccess();
  if (WIFSIGNALED(status)) {
    return testing::AssertionFailure()
           << "the child was killed by signal " << WTERMSIG(status) << " ("
           << strsignal(WTERMSIG(status)) << ")";
  }
  return testing::AssertionFailure()
         << "the child failed with exit code " << WEXITSTATUS(status);
}

inline testing::AssertionResult join_child(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR)
      return testing::AssertionFailure() << "waitpid: " << strerror(errno);
  }
  return exited_well(status);
}

// True when `body` ran to its end in a child without a failure.
template <class Body>
testing::AssertionResult succeeds_in_child(Body body) {
  const pid_t child = fork_child(std::move(body));
  if (child < 0)
    return testing::AssertionFailure() << "fork: " << strerror(errno);
  return join_child(child);
}

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_CHILD_PROCESS_H_
