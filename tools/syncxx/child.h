// SPDX-License-Identifier: Apache-2.0
//
// The program that is run, as if by the tool's own caller.
#ifndef SYNCXX_TOOLS_SYNCXX_CHILD_H_
#define SYNCXX_TOOLS_SYNCXX_CHILD_H_

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>

namespace syncxx::tool {

// It stays in the tool's process group: what the terminal sends (an interrupt,
// a stop) reaches both, and a shell sees one job. Signals that are sent to the
// tool alone are passed on.
class child {
 public:
  child();
  child(const child&) = delete;
  child& operator=(const child&) = delete;

  // 0, or the error for which `file` could not be run.
  int start(const std::string& file, char* const* argv);

  // True if it has ended by then.
  bool wait(std::optional<std::chrono::milliseconds> time);

  pid_t pid() const { return pid_; }
  int status() const { return status_; }  // as of waitpid()

  // Ends the tool as the program has ended, if by a signal; otherwise returns
  // its exit status.
  int end_alike() const;

 private:
  bool has_ended();
  void pass_on(const siginfo_t& info) const;

  pid_t pid_ = 0;
  int status_ = 0;
  sigset_t heard_;
  sigset_t mask_before_;
  struct sigaction on_child_before_;
};

}  // namespace syncxx::tool

#endif  // SYNCXX_TOOLS_SYNCXX_CHILD_H_
