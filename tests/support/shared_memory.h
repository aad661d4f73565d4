// SPDX-License-Identifier: Apache-2.0
//
// Memory that processes share, each at an address of its own, and processes
// that a test can look at.
#ifndef SYNCXX_TESTS_SUPPORT_SHARED_MEMORY_H_
#define SYNCXX_TESTS_SUPPORT_SHARED_MEMORY_H_

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <utility>

#include "tests/support/child_process.h"
#include "tests/support/threads.h"

namespace syncxx_test {

// A file without a name, and zero bytes in it, that a T is in: no constructor
// runs.
class shared_file {
 public:
  explicit shared_file(std::size_t size)
      : fd_(memfd_create("syncxx_test", 0)), size_(size) {
    if (fd_ < 0 || ftruncate(fd_, static_cast<off_t>(size)) != 0) std::abort();
  }
  shared_file(const shared_file&) = delete;
  shared_file& operator=(const shared_file&) = delete;
  ~shared_file() { close(fd_); }
  int fd() const { return fd_; }
  std::size_t size() const { return size_; }

 private:
  int fd_;
  std::size_t size_;
};

// One mapping of it.
template <class T>
class mapping {
 public:
  explicit mapping(int fd, const void* not_here = nullptr) {
    object_ = map(fd);
    if (object_ == not_here) {  // that place is taken until the second is there
      T* const first = std::exchange(object_, map(fd));
      munmap(first, sizeof(T));
    }
  }
  mapping(const mapping&) = delete;
  mapping& operator=(const mapping&) = delete;
  ~mapping() { unmap(); }

  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  T* get() const { return object_; }
  void unmap() {
    if (object_ != nullptr) munmap(std::exchange(object_, nullptr), sizeof(T));
  }

 private:
  static T* map(int fd) {
    void* const p =
        mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) std::abort();
    return static_cast<T*>(p);
  }
  T* object_ = nullptr;
};

// Zero bytes at first; the test's own mapping. Children map it elsewhere.
template <class T>
class shared {
 public:
  shared() : file_(sizeof(T)), mine_(file_.fd()) {}
  T& operator*() const { return *mine_; }
  T* operator->() const { return mine_.get(); }
  int fd() const { return file_.fd(); }
  void unmap() { mine_.unmap(); }

 private:
  shared_file file_;
  mapping<T> mine_;
};

// A forked process that runs body(T&) on a mapping of its own, at an address
// that is not the parent's.
class process {
 public:
  template <class T, class Body>
  process(const shared<T>& memory, Body body) {
    const void* const parents = &*memory;
    pid_ = fork_child([&] {
      const mapping<T> mine(memory.fd(), parents);
      EXPECT_NE(mine.get(), parents);
      munmap(const_cast<void*>(parents), sizeof(T));
      body(*mine);
    });
    if (pid_ < 0) std::abort();
  }
  process(const process&) = delete;
  process& operator=(const process&) = delete;
  ~process() {
    if (pid_ > 0) kill();
  }

  // Returns when it sleeps in the kernel for a word.
  void await_sleep() const {
    for (int seen = 0; seen < 2 && !ended();) {
      seen = asleep_in_futex(pid_) ? seen + 1 : 0;
      short_pause();
    }
  }
  bool ended() const {
    siginfo_t info = {};
    return waitid(P_PID, static_cast<id_t>(pid_), &info,
                  WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0;
  }
  // With SIGKILL: nothing of it runs any more when this returns.
  void kill() {
    ::kill(pid_, SIGKILL);
    int status = 0;
    waitpid(std::exchange(pid_, 0), &status, 0);
  }
  testing::AssertionResult succeeds() {
    return join_child(std::exchange(pid_, 0));
  }

 private:
  pid_t pid_;
};

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_SHARED_MEMORY_H_
