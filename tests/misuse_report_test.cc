// SPDX-License-Identifier: Apache-2.0
//
// The report of a misuse where the tools or the rights to make it are missing:
// it never hangs, never ends the process, and says how to find out the lines.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sync/misuse.h>
#include <sync/mutex.h>
#include <sync/semaphore.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "tests/support/misuse_child.h"
#include "tests/support/seccomp_filter.h"
#include "tests/support/thread_safety_off.h"
#include "tests/support/threads.h"

namespace syncxx_test {
namespace {

using syncxx::misuse_action;

constexpr const char* kWhat =
    "syncxx: misuse: unlock of a mutex that nobody holds [unlock_not_owner]\n";

std::atomic<int> g_work{0};

[[gnu::noinline]] void unlock_what_nobody_holds() {
  static syncxx::mutex lock;
  MISUSE(lock.unlock());
  ++g_work;
}

class MisuseReport : public testing::Test {
 protected:
  void SetUp() override {
    if (!kHooked) GTEST_SKIP() << "the plain library has no misuse checker";
  }
  // Reports a misuse after `prepare`, and goes on.
  template <class F>
  static outcome report_after(F prepare) {
    return in_child([&] {
      syncxx::set_misuse_action(misuse_action::report);
      prepare();
      unlock_what_nobody_holds();
    });
  }
  static bool says(const outcome& o, const std::string& text) {
    return o.said.find(text) != std::string::npos;
  }
  // Addresses in files, and how to find out the lines.
  static void expect_unresolved(const outcome& o) {
    EXPECT_TRUE(o.exited(outcome::kDone)) << o;
    EXPECT_TRUE(says(o, kWhat)) << o;
    const std::string place = first_place(o.said, "here");
    EXPECT_NE(place.find("misuse_report_test"), std::string::npos) << o;
    EXPECT_NE(place.find("+0x"), std::string::npos) << o;
    EXPECT_FALSE(says(o, "misuse_report_test.cc:")) << o;
    EXPECT_TRUE(says(o, "\n           addr2line -Cfie ")) << o;
  }
};

TEST_F(MisuseReport, NamesTheLine) {
  if (!has_lines())
    GTEST_SKIP() << "no debug information, or nothing that reads it";
  const outcome o = report_after([] {
    if (reads_debug_info()) setenv("PATH", "/nonexistent", 1);
  });
  expect_place(o.said, "here", "misuse_report_test.cc", marked().misuse);
  EXPECT_FALSE(says(o, "addr2line")) << o;
  EXPECT_TRUE(says(o, " in unlock_what_nobody_holds") ||
              says(o, "::unlock_what_nobody_holds()"))
      << o;
}

// Where the library was built without libbacktrace.
TEST_F(MisuseReport, NamesTheLineByATool) {
  if (!has_lines_by_tools())
    GTEST_SKIP() << "no addr2line here, or no debug information";
  const outcome o = report_after([] { use_tools(); });
  expect_place(o.said, "here", "misuse_report_test.cc", marked().misuse);
  EXPECT_FALSE(says(o, "addr2line")) << o;
}

// The advice can be followed.
TEST_F(MisuseReport, WithoutToolsAnAddressThatTheyResolve) {
  const outcome o = report_after([] {
    use_tools();
    setenv("PATH", "/nonexistent", 1);
  });
  expect_unresolved(o);
  if (!has_lines() || !addr2line_knows_calls()) return;
  const std::size_t begin = o.said.find("addr2line -Cfie");
  const std::string command =
      o.said.substr(begin, o.said.find('\n', begin) - begin);
  FILE* const pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string answer;
  char part[256];
  while (std::fgets(part, sizeof part, pipe) != nullptr) answer += part;
  pclose(pipe);
  EXPECT_NE(
      answer.find("misuse_report_test.cc:" + std::to_string(marked().misuse)),
      std::string::npos)
      << command << "\n"
      << answer;
}

// Guards are inlined, into one another and into the caller.
TEST_F(MisuseReport, NamesTheLinesOfGuards) {
  const outcome o = in_child([] {
    syncxx::set_misuse_action(misuse_action::throw_exception);
    static syncxx::mutex lock;
    marked().conflict = __LINE__ + 1;
    const std::lock_guard<syncxx::mutex> outer(lock);
    marked().misuse = __LINE__ + 1;
    const std::scoped_lock<syncxx::mutex> inner(lock);
  });
  EXPECT_TRUE(o.exited(outcome::kThrew + EDEADLK)) << o;
  expect_place(o.said, "here", "misuse_report_test.cc", marked().misuse);
  expect_place(o.said, "held by", "misuse_report_test.cc", marked().conflict);
}

// A release that was refused gave nothing: it is not what filled the semaphore.
TEST_F(MisuseReport, RefusedReleaseIsNotTheLast) {
  const outcome o = in_child([] {
    syncxx::set_misuse_action(misuse_action::report);
    syncxx::binary_semaphore full(0);
    CONFLICT(full.release());
    ++g_work;
    EXPECT_THROW(full.release(), std::system_error);
    std::thread([&] {
      EXPECT_THROW(full.release(), std::system_error);
    }).join();
    EXPECT_THROW(MISUSE(full.release()), std::system_error);
  });
  EXPECT_TRUE(o.exited(outcome::kDone)) << o;
  const std::size_t last = o.said.rfind("syncxx: misuse: release");
  ASSERT_NE(last, std::string::npos) << o;
  const std::string report = o.said.substr(last);
  expect_place(report, "here", "misuse_report_test.cc", marked().misuse);
  expect_place(report, "last", "misuse_report_test.cc", marked().conflict);
  EXPECT_EQ(report.find("before"), std::string::npos) << report;
}

TEST_F(MisuseReport, StderrIsClosed) {
  const outcome o = report_after([] { close(STDERR_FILENO); });
  EXPECT_TRUE(o.exited(outcome::kDone)) << o;
  EXPECT_EQ(o.said, "");
}

TEST_F(MisuseReport, AllStandardDescriptorsAreClosed) {
  const outcome o = report_after([] {
    const int kept = dup(STDERR_FILENO);
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) close(fd);
    unlock_what_nobody_holds();
    dup2(kept, STDERR_FILENO);  // the others stay closed
  });
  EXPECT_TRUE(o.exited(outcome::kDone)) << o;
  EXPECT_TRUE(says(o, "misuse: unlock of a mutex that nobody holds")) << o;
}

// The helper's output goes through a pipe that may get any of the numbers.
TEST_F(MisuseReport, StdoutIsClosed) {
  const outcome o = report_after([] {
    if (has_lines_by_tools()) use_tools();
    close(STDOUT_FILENO);
  });
  EXPECT_TRUE(o.exited(outcome::kDone)) << o;
  expect_place(o.said, "here", "misuse_report_test.cc", marked().misuse);
}

// Nobody reads stderr: no SIGPIPE ends the program, and none is left behind.
TEST_F(MisuseReport, StderrIsABrokenPipe) {
  const outcome o = report_after([] {
    int ends[2];
    if (pipe(ends) != 0) _exit(1);
    close(ends[0]);
    dup2(ends[1], STDERR_FILENO);
    unlock_what_nobody_holds();
    sigset_t mask;
    sigset_t pending;
    pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    sigpending(&pending);
    if (sigismember(&mask, SIGPIPE) != 0 || sigismember(&pending, SIGPIPE) != 0)
      _exit(2);
  });
  EXPECT_TRUE(o.exited(outcome::kDone)) << o;
}

TEST_F(MisuseReport, StderrIsFullAndDoesNotBlock) {
  const outcome o = report_after([] {
    int ends[2];
    if (pipe2(ends, O_NONBLOCK) != 0) _exit(1);
    char full[4096] = {};
    while (write(ends[1], full, sizeof full) > 0) {
    }
    while (write(ends[1], full, 1) > 0) {
    }
    dup2(ends[1], STDERR_FILENO);
  });
  EXPECT_TRUE(o.exited(outcome::kDone)) << o;
}

class fake_tool {
 public:
  explicit fake_tool(const std::string& script) {
    char pattern[] = "/tmp/syncxx_misuse_XXXXXX";
    const char* const made = mkdtemp(pattern);
    directory_ = made != nullptr ? made : "";
    std::ofstream(tool()) << "#!/bin/sh\nPATH=/usr/bin:/bin\n"
                          << script << "\n";
    chmod(tool().c_str(), 0755);
  }
  fake_tool(const fake_tool&) = delete;
  fake_tool& operator=(const fake_tool&) = delete;
  ~fake_tool() {
    unlink(tool().c_str());
    rmdir(directory_.c_str());
  }
  void use() const {
    use_tools();
    setenv("PATH", directory_.c_str(), 1);
  }

 private:
  std::string tool() const { return directory_ + "/addr2line"; }
  std::string directory_;
};

TEST_F(MisuseReport, ToolThatHangsIsGivenUp) {
  const fake_tool tool("exec sleep 1000");
  const auto start = std::chrono::steady_clock::now();
  const outcome o = report_after([&] { tool.use(); });
  expect_unresolved(o);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 40s);
}

TEST_F(MisuseReport, ToolThatClosesItsOutputAndHangsIsGivenUp) {
  const fake_tool tool("exec >/dev/null; exec sleep 1000");
  expect_unresolved(report_after([&] { tool.use(); }));
}

TEST_F(MisuseReport, ToolThatTalksNonsense) {
  for (const char* const script :
       {"exit 1", "echo", "echo 0x1", "printf '0x1\\nf\\n0x2\\n'",
        "printf '0x1\\n\\n\\n\\n\\n'", "head -c 300000 /dev/zero",
        "while echo 0x1; do :; done"}) {
    const fake_tool tool(script);
    const outcome o = report_after([&] { tool.use(); });
    EXPECT_TRUE(o.exited(outcome::kDone)) << script << "\n" << o;
    EXPECT_TRUE(says(o, kWhat));
    EXPECT_TRUE(says(o, "SYNCXX_DEADLOCK=")) << script << "\n" << o;
  }
}

TEST_F(MisuseReport, ProgramThatIgnoresItsChildren) {
  if (!has_lines_by_tools())
    GTEST_SKIP() << "no addr2line here, or no debug information";
  const outcome o = report_after([] {
    use_tools();
    signal(SIGCHLD, SIG_IGN);
  });
  EXPECT_TRUE(o.exited(outcome::kDone)) << o;
  expect_place(o.said, "here", "misuse_report_test.cc", marked().misuse);
}

// Threads with the smallest stack that there can be make reports, too: here
// with a name that takes much of it to demangle.
template <class... T>
struct holder_of {
  [[gnu::noinline]] static void* misuse(void*) {
    unlock_what_nobody_holds();
    ++g_work;
    return nullptr;
  }
};
TEST_F(MisuseReport, ThreadWithASmallStack) {
  if (kSanitized) GTEST_SKIP() << "the sanitizer needs more itself";
  const outcome o = report_after([] {
    using names = std::vector<std::vector<std::pair<std::string, std::string>>>;
    const auto size = static_cast<std::size_t>(PTHREAD_STACK_MIN);
    pthread_attr_t small;
    pthread_attr_init(&small);
    if (pthread_attr_setstacksize(&small, size) != 0) _exit(1);
    pthread_t thread;
    if (pthread_create(&thread, &small, holder_of<names, names>::misuse,
                       nullptr) != 0) {
      _exit(2);
    }
    pthread_join(thread, nullptr);
  });
  EXPECT_TRUE(o.exited(outcome::kDone)) << o;
  EXPECT_TRUE(!has_lines() || says(o, "holder_of<std::vector<")) << o;
}

// All file descriptors are taken.
TEST_F(MisuseReport, NoDescriptorLeft) {
  const outcome o = report_after([] {
    while (dup(STDERR_FILENO) >= 0) {
    }
  });
  expect_unresolved(o);
}

// Under a filter of the program's own, the report makes no call that it could
// do without: each is a signal here, which would end the process.
TEST_F(MisuseReport, ProgramThatLockedItselfUp) {
  if (kSanitized)
    GTEST_SKIP() << "the sanitizer's runtime makes calls of its own";
  if (under_qemu()) GTEST_SKIP() << "qemu-user does not emulate seccomp";
  const outcome o = report_after([] {
    if (!trap_syscalls_but({SYS_write, SYS_prctl, SYS_exit_group})) _exit(1);
  });
  // (In a container with a filter of its own the count of filters is looked
  // up.)
  const bool filtered_before = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != 0;
  if (filtered_before) GTEST_SKIP() << "the test itself runs under a filter";
  expect_unresolved(o);
}

TEST_F(MisuseReport, ThreadsDoNotMix) {
  constexpr int kThreads = 8;
  const outcome o = report_after([] {
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i)
      threads.emplace_back(unlock_what_nobody_holds);
    for (std::thread& thread : threads) thread.join();
  });
  EXPECT_TRUE(o.exited(outcome::kDone)) << o;
  // Every line that begins a report is followed by its own.
  std::size_t reports = 0;
  for (std::size_t at = 0;
       (at = o.said.find("syncxx: misuse: unlock of a mutex that nobody holds",
                         at)) != std::string::npos;
       ++at) {
    ++reports;
    EXPECT_TRUE(at == 0 || o.said[at - 1] == '\n') << o;
  }
  EXPECT_EQ(reports, kThreads + 1u) << o;
}

// Locks at the end of so many calls; the compiler cannot make fewer of them.
int g_line_of_call = 0;
int deep(int calls, syncxx::mutex& lock) {
  static int (*volatile again)(int, syncxx::mutex&) = deep;
  if (calls == 1)
    CONFLICT(lock.lock());
  else
    (g_line_of_call = __LINE__, again(calls - 1, lock));
  return ++g_work;
}

// A walk that is remembered is not taken for another one.
TEST_F(MisuseReport, PlacesOfManyDepths) {
  const outcome o = in_child([] {
    syncxx::set_misuse_action(misuse_action::report);
    static syncxx::mutex lock;
    for (int i = 0; i < 200; ++i) {
      deep(1 + i % 50, lock);
      lock.unlock();
    }
    deep(3, lock);
    std::thread([] { lock.unlock(); }).join();
  });
  expect_place(o.said, "held by", "misuse_report_test.cc", marked().conflict);
  if (!has_lines()) return;
  syncxx::mutex own;
  deep(2, own);  // to know g_line_of_call in this process
  own.unlock();
  const std::string call =
      "misuse_report_test.cc:" + std::to_string(g_line_of_call) + " in ";
  int calls = 0;
  for (std::size_t at = o.said.find("held by");
       (at = o.said.find(call, at)) != std::string::npos; ++at) {
    ++calls;
  }
  EXPECT_EQ(calls, 2) << o;
}

}  // namespace
}  // namespace syncxx_test
