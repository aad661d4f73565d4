// SPDX-License-Identifier: Apache-2.0
//
// Job control: a process whose threads wait is stopped (SIGSTOP) and continued,
// which the kernel's sleeps notice. Waits go on, deadlines count real time.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/threads.h"
#include "tests/support/wait_forms.h"
#include "tests/support/waitables.h"
#include "tests/support/waiter.h"

namespace syncxx_test {
namespace {

// One byte from one process to the other.
class signal_pipe {
 public:
  signal_pipe() { EXPECT_EQ(pipe(ends_), 0); }
  ~signal_pipe() {
    close(ends_[0]);
    close(ends_[1]);
  }
  void send() const {
    while (write(ends_[1], "!", 1) < 0 && errno == EINTR) {
    }
  }
  void receive() const {
    char byte;
    while (read(ends_[0], &byte, 1) < 0 && errno == EINTR) {
    }
  }

 private:
  int ends_[2] = {-1, -1};
};

void stop_and_continue(pid_t child, std::chrono::milliseconds pause) {
  int status = 0;
  ASSERT_EQ(kill(child, SIGSTOP), 0);
  ASSERT_EQ(waitpid(child, &status, WUNTRACED), child);
  ASSERT_TRUE(WIFSTOPPED(status)) << "the child ended: " << status;
  std::this_thread::sleep_for(pause);
  ASSERT_EQ(kill(child, SIGCONT), 0);
  ASSERT_EQ(waitpid(child, &status, WCONTINUED), child);
  ASSERT_TRUE(WIFCONTINUED(status)) << "the child ended: " << status;
}

class StoppedProcess : public waitable_test {};
INSTANTIATE_TEST_SUITE_P(, StoppedProcess, testing::ValuesIn(waitables()),
                         waitable_name);

TEST_P(StoppedProcess, WaitsGoOn) {
  const signal_pipe asleep, go;
  const pid_t child = fork_child([&] {
    std::stop_source source;
    const auto forms = waiting_forms(GetParam());
    std::vector<std::unique_ptr<waitable>> objects;
    std::vector<std::unique_ptr<waiter>> waiting;
    for (std::size_t i = 0; i < forms.size(); i += 3) {
      objects.push_back(GetParam().make(false));
      waiting.push_back(std::make_unique<waiter>(*objects.back(), forms[i], 1h,
                                                 source.get_token()));
    }
    for (auto& one : waiting) one->await_blocked();
    asleep.send();
    go.receive();
    for (auto& one : waiting)
      EXPECT_FALSE(one->finished()) << one->name() << " returned by itself";
    for (auto& object : objects) object->open();
    for (auto& one : waiting) one->expect_taken();
  });
  asleep.receive();
  for (int i = 0; i < 5; ++i) stop_and_continue(child, 2ms);
  go.send();
  EXPECT_TRUE(join_child(child));
}

// Stopped from before to after the deadline, or for a part of the time only:
// the wait ends after its deadline, without success.
TEST_P(StoppedProcess, DeadlinesHold) {
  for (const auto pause : {2ms, 80ms}) {
    const signal_pipe started, go;
    const pid_t child = fork_child([&] {
      std::stop_source source;
      const auto forms = timed_forms(GetParam());
      std::vector<std::unique_ptr<waitable>> objects;
      std::vector<std::unique_ptr<waiter>> waiting;
      for (std::size_t i = 0; i < forms.size(); i += 2) {
        objects.push_back(GetParam().make(false));
        waiting.push_back(std::make_unique<waiter>(*objects.back(), forms[i],
                                                   50ms, source.get_token()));
      }
      started.send();
      for (auto& one : waiting) one->expect_not_taken();
      for (auto& object : objects) object->open();
      go.receive();  // there to be stopped, however late that is
    });
    started.receive();
    for (int i = 0; i < 3; ++i) stop_and_continue(child, pause / (i + 1));
    go.send();
    EXPECT_TRUE(join_child(child));
  }
}

}  // namespace
}  // namespace syncxx_test
