// SPDX-License-Identifier: Apache-2.0
//
// Child processes of a case that end with it, whatever becomes of it.
#ifndef SYNCXX_STRESS_SUPPORT_FAMILY_H_
#define SYNCXX_STRESS_SUPPORT_FAMILY_H_

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

namespace syncxx::stress {

// Runs `body` in a new process, which ends when the calling thread does.
// Negative: there is none.
template <class Body>
pid_t start_process(Body body) {
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  body();
  _exit(0);
}

class family {
 public:
  // Each runs body(number).
  template <class Body>
  family(unsigned n, Body body) : wanted_(n) {
    for (unsigned i = 0; i != n; ++i) {
      const pid_t child = start_process([&] { body(i); });
      if (child < 0) return;
      children_.push_back(child);
    }
  }
  family(const family&) = delete;
  family& operator=(const family&) = delete;
  ~family() {
    for (const pid_t child : children_) kill(child, SIGKILL);
    wait();
  }

  bool complete() const noexcept { return children_.size() == wanted_; }
  // Waits for all to end. Whether they did by themselves, and well.
  bool wait() {
    bool well = true;
    for (const pid_t child : children_) {
      int status = 0;
      waitpid(child, &status, 0);
      well = well && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    children_.clear();
    return well;
  }

 private:
  const unsigned wanted_;
  std::vector<pid_t> children_;
};

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_FAMILY_H_
