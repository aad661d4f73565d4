// SPDX-License-Identifier: Apache-2.0
#include "thread_look.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace syncxx::stress {
namespace {

constexpr long kFutexWaitv = 449;

// The kernel's struct futex_waitv; older headers do not have it.
struct waitv_entry {
  std::uint64_t expected;
  std::uint64_t address;
  std::uint32_t flags;
  std::uint32_t reserved;
};

std::string read_task_file(pid_t tid, const char* name) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/%s", tid, name);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "";
  char text[1024];
  const ssize_t n = read(fd, text, sizeof text);
  close(fd);
  return n > 0 ? std::string(text, static_cast<std::size_t>(n)) : "";
}

const char* futex_operation(std::uint64_t op) {
  switch (static_cast<int>(op) & FUTEX_CMD_MASK) {
    case FUTEX_WAIT:
      return "wait";
    case FUTEX_WAIT_BITSET:
      return "wait_bitset";
    case FUTEX_WAIT_REQUEUE_PI:
      return "wait_requeue_pi";
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
      return "lock_pi";
    case FUTEX_WAKE:
      return "wake";
    case FUTEX_CMP_REQUEUE:
      return "cmp_requeue";
    default:
      return "other";
  }
}

}  // namespace

bool peek(std::uint64_t address, void* out, std::size_t size) noexcept {
  iovec local{out, size};
  iovec remote{reinterpret_cast<void*>(address), size};
  return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) ==
         static_cast<ssize_t>(size);
}

thread_look look_at(pid_t tid) {
  thread_look look;
  const std::string stat = read_task_file(tid, "stat");
  const auto paren = stat.rfind(") ");
  if (paren != std::string::npos && paren + 2 < stat.size())
    look.state = stat[paren + 2];
  // "running", "-1 sp pc", or "number arg0 … arg5 sp pc".
  const std::string line = read_task_file(tid, "syscall");
  if (line.empty() || line[0] == 'r' || line[0] == '-') return look;
  char* at = nullptr;
  look.syscall = std::strtol(line.c_str(), &at, 10);
  for (std::uint64_t& argument : look.arguments)
    argument = std::strtoull(at, &at, 16);
  look.in_syscall = true;
  return look;
}

bool can_look() noexcept {
  static const bool can = [] {
    return !read_task_file(static_cast<pid_t>(::syscall(SYS_gettid)), "syscall")
                .empty();
  }();
  return can;
}

bool thread_look::waits_in_futex() const noexcept {
  if (!in_syscall || state != 'S') return false;
  if (syscall == kFutexWaitv) return true;
  if (syscall != SYS_futex) return false;
  switch (static_cast<int>(arguments[1]) & FUTEX_CMD_MASK) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
    case FUTEX_WAIT_REQUEUE_PI:
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
      return true;
    default:
      return false;
  }
}

std::vector<std::uint64_t> thread_look::futex_words() const {
  if (!waits_in_futex()) return {};
  if (syscall == SYS_futex) return {arguments[0]};
  waitv_entry entries[FUTEX_WAITV_MAX];
  const auto n = std::min<std::size_t>(arguments[1], FUTEX_WAITV_MAX);
  if (!peek(arguments[0], entries, n * sizeof entries[0])) return {};
  std::vector<std::uint64_t> words;
  for (std::size_t i = 0; i != n; ++i) words.push_back(entries[i].address);
  return words;
}

std::string thread_look::describe() const {
  char text[160];
  if (!in_syscall) {
    std::snprintf(text, sizeof text, "%c", state);
    return text;
  }
  if (syscall != SYS_futex && syscall != kFutexWaitv) {
    std::snprintf(text, sizeof text, "%c in syscall %ld", state, syscall);
    return text;
  }
  std::snprintf(text, sizeof text, "%c in %s", state,
                syscall == SYS_futex ? "futex " : "futex_waitv");
  std::string out = text;
  if (syscall == SYS_futex) out += futex_operation(arguments[1]);
  for (const std::uint64_t address : futex_words()) {
    std::uint32_t word = 0;
    const bool there = peek(address, &word, sizeof word);
    std::snprintf(text, sizeof text, " [%#llx: %s%08x]",
                  static_cast<unsigned long long>(address),
                  there ? "" : "unmapped ", word);
    out += text;
  }
  if (syscall == SYS_futex) {
    std::snprintf(text, sizeof text, " expects %08x, %s",
                  static_cast<unsigned>(arguments[2]),
                  arguments[3] == 0 ? "no timeout" : "with a timeout");
    out += text;
  }
  return out;
}

}  // namespace syncxx::stress
