// SPDX-License-Identifier: Apache-2.0
#include "child.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>

#include "verb.h"

namespace syncxx::tool {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

timespec as_timespec(milliseconds time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return {static_cast<std::time_t>(seconds.count()),
          static_cast<long>(std::chrono::nanoseconds(time - seconds).count())};
}

}  // namespace

child::child() {
  ::sigemptyset(&heard_);
  for (const int signal :
       {SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM}) {
    ::sigaddset(&heard_, signal);
  }
  ::sigprocmask(SIG_BLOCK, &heard_, &mask_before_);
  // Ignored, it would take the child's exit status with it.
  struct sigaction by_default = {};
  by_default.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &by_default, &on_child_before_);
}

int child::start(const std::string& file, char* const* argv) {
  int error_pipe[2];
  if (::pipe2(error_pipe, O_CLOEXEC) != 0) return errno;
  pid_ = ::fork();
  if (pid_ < 0) {
    const int error = errno;
    ::close(error_pipe[0]);
    ::close(error_pipe[1]);
    return error;
  }
  if (pid_ == 0) {
    ::sigaction(SIGCHLD, &on_child_before_, nullptr);
    ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
    ::execvp(file.c_str(), argv);
    const int error = errno;
    static_cast<void>(!::write(error_pipe[1], &error, sizeof error));
    ::_exit(kCannotRun);
  }
  ::close(error_pipe[1]);
  int error = 0;
  ssize_t n = 0;
  do {
    n = ::read(error_pipe[0], &error, sizeof error);
  } while (n < 0 && errno == EINTR);
  ::close(error_pipe[0]);
  if (n != sizeof error) return 0;
  ::waitpid(pid_, &status_, 0);
  return error;
}

bool child::has_ended() {
  if (pid_ == 0) return true;
  if (::waitpid(pid_, &status_, WNOHANG) != pid_) return false;
  pid_ = 0;
  return true;
}

void child::pass_on(const siginfo_t& info) const {
  // What the kernel sends (the terminal's signals) has gone to the whole group.
  if (info.si_signo != SIGCHLD && info.si_code <= 0 && pid_ != 0 &&
      info.si_pid != pid_) {
    ::kill(pid_, info.si_signo);
  }
}

bool child::wait(std::optional<milliseconds> time) {
  const auto until = steady_clock::now() + time.value_or(milliseconds(0));
  while (!has_ended()) {
    siginfo_t info = {};
    if (!time) {
      if (::sigwaitinfo(&heard_, &info) > 0) pass_on(info);
      continue;
    }
    const auto left =
        std::chrono::ceil<milliseconds>(until - steady_clock::now());
    if (left <= milliseconds(0)) return false;
    const timespec wait = as_timespec(left);
    if (::sigtimedwait(&heard_, &info, &wait) > 0) pass_on(info);
  }
  return true;
}

int child::end_alike() const {
  if (WIFEXITED(status_)) return WEXITSTATUS(status_);
  const int signal = WTERMSIG(status_);
  const rlimit no_core = {0, 0};  // there is the program's
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::signal(signal, SIG_DFL);
  sigset_t only;
  ::sigemptyset(&only);
  ::sigaddset(&only, signal);
  ::raise(signal);
  ::sigprocmask(SIG_UNBLOCK, &only, nullptr);
  return kSignalled + signal;
}

}  // namespace syncxx::tool
