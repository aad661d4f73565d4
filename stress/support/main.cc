// SPDX-License-Identifier: Apache-2.0
//
// main() of every stress binary: runs each case in a child process, so that a
// crash, a hang or a stopped process is one failed case and not the end, and
// sums up.
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "crash.h"
#include "harness.h"

namespace syncxx::stress {
namespace {

outcome* shared_outcome() {
  void* page = mmap(nullptr, sizeof(outcome), PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) {
    std::perror("stress: mmap");
    std::exit(2);
  }
  return ::new (page) outcome;
}

void run_here(const case_info& info, const options& given, outcome& result) {
  install_crash_handlers(result);
  run r(info, given, result);
  info.body(r);
  if (r.failed()) {  // found after go(), when the threads were back
    std::fprintf(stderr, "\nFAIL %s: %s: %s\n", info.name.c_str(),
                 name_of(result.kind.load()), result.message);
    std::fflush(nullptr);
    _exit(1);
  }
  result.finished.store(true);
}

void hide_output() {
  if (std::freopen("/dev/null", "w", stdout) == nullptr ||
      std::freopen("/dev/null", "w", stderr) == nullptr)
    _exit(2);
}

// Waits for the child; kills it when not even its watchdog ended it.
int wait_for(pid_t child, double limit_seconds) {
  const std::uint64_t end =
      now_ns() + static_cast<std::uint64_t>(limit_seconds * 1e9);
  int status = 0;
  for (;;) {
    const pid_t got = waitpid(child, &status, WNOHANG);
    if (got == child) return status;
    if (got < 0 && errno != EINTR) return -1;
    if (now_ns() > end) {
      kill(child, SIGCONT);
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      return -1;
    }
    sleep_ns(5000000);
  }
}

int run_in_child(const case_info& info, const options& given, outcome& result) {
  std::fflush(nullptr);
  const pid_t supervisor = getpid();
  const pid_t child = fork();
  if (child < 0) {
    std::perror("stress: fork");
    std::exit(2);
  }
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != supervisor) _exit(1);
    if (info.must_fail != failure::none && !given.verbose) hide_output();
    run_here(info, given, result);
    std::exit(0);  // sanitizers report, and change the status, on the way
  }
  const double patience =
      std::max({given.watchdog, info.watchdog, 20.0}) * 6 + 30;
  return wait_for(child, info.length(given.seconds) + patience);
}

// Why the case did not pass; empty: it did.
std::string judge(const case_info& info, const outcome& result, int status) {
  const failure kind = result.kind.load();
  if (info.must_fail != failure::none) {
    if (kind == failure::none)
      return "went unnoticed: this broken case must be caught";
    return any(kind, info.must_fail)
               ? ""
               : std::string("was caught, but as ") + name_of(kind) + ": " +
                     result.message;
  }
  if (kind != failure::none)
    return std::string(name_of(kind)) + ": " + result.message;
  if (status == -1) return "hung, watchdog and all, and was killed";
  if (WIFSIGNALED(status))
    return std::string("ended by signal: ") + strsignal(WTERMSIG(status));
  if (WEXITSTATUS(status) != 0)
    return "exit status " + std::to_string(WEXITSTATUS(status)) +
           " (a sanitizer's report?)";
  return result.finished.load() ? "" : "left before its end";
}

std::string repeat_command(const char* program, const case_info& info,
                           const options& given) {
  char text[400];
  std::snprintf(text, sizeof text,
                "%s --case=%s --seed=%" PRIu64 " --seconds=%g", program,
                info.name.c_str(), given.seed, given.seconds);
  std::string command = text;
  if (given.threads != 0)
    command += " --threads=" + std::to_string(given.threads);
  return command;
}

// True if the case passed.
bool run_case(const char* program, const case_info& info,
              const options& given) {
  outcome& result = *shared_outcome();
  std::printf("[ RUN  ] %s: %s\n", info.name.c_str(), info.what.c_str());
  int status = 0;
  if (given.in_process) {
    std::fflush(nullptr);
    run_here(info, given, result);
  } else {
    status = run_in_child(info, given, result);
  }
  const std::string problem = judge(info, result, status);
  if (problem.empty() && info.must_fail != failure::none)
    std::printf("    caught as %s after %s: %s\n", name_of(result.kind.load()),
                format_duration(result.elapsed_ns.load()).c_str(),
                result.message);
  if (problem.empty())
    std::printf("[ PASS ] %s  %s, %s steps\n", info.name.c_str(),
                format_duration(result.elapsed_ns.load()).c_str(),
                format_count(result.operations.load()).c_str());
  else
    std::printf("[ FAIL ] %s  %s\n    repeat: %s\n", info.name.c_str(),
                problem.c_str(), repeat_command(program, info, given).c_str());
  munmap(&result, sizeof result);
  return problem.empty();
}

// The cases that were asked for, in their order; exits on an unknown name.
std::vector<const case_info*> chosen_cases(const options& given) {
  std::vector<const case_info*> chosen;
  for (const std::string& name : given.only) {
    const auto& all = all_cases();
    if (std::none_of(all.begin(), all.end(),
                     [&](const case_info& c) { return c.name == name; })) {
      std::fprintf(stderr, "no case '%s'; --list names them\n", name.c_str());
      std::exit(2);
    }
  }
  for (const case_info& c : all_cases()) {
    if (given.only.empty() || std::find(given.only.begin(), given.only.end(),
                                        c.name) != given.only.end())
      chosen.push_back(&c);
  }
  return chosen;
}

int run_all(const char* program, options given) {
  const auto chosen = chosen_cases(given);
  if (given.total > 0)
    given.seconds = given.total / static_cast<double>(chosen.size());
  std::printf("%s: %zu cases of %g s, seed %" PRIu64 "\n", program,
              chosen.size(), given.seconds, given.seed);
  std::printf("repeat: %s", program);
  for (const std::string& name : given.only)
    std::printf(" --case=%s", name.c_str());
  if (given.threads != 0) std::printf(" --threads=%u", given.threads);
  std::printf(" --seconds=%g --seed=%" PRIu64 "\n", given.seconds, given.seed);
  int failed = 0;
  for (const case_info* info : chosen)
    if (!run_case(program, *info, given)) ++failed;
  std::printf("%zu passed, %d failed\n",
              chosen.size() - static_cast<std::size_t>(failed), failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace syncxx::stress

int main(int argc, char** argv) {
  using namespace syncxx::stress;
  options given;
  const std::string wrong = parse(argc, argv, given);
  if (!wrong.empty()) {
    std::fprintf(stderr, "%s: %s\n%s", argv[0], wrong.c_str(),
                 usage(argv[0]).c_str());
    return 2;
  }
  if (given.help) {
    std::printf("%s", usage(argv[0]).c_str());
    return 0;
  }
  if (given.list) {
    for (const case_info& c : all_cases())
      std::printf("%-28s %s\n", c.name.c_str(), c.what.c_str());
    return 0;
  }
  return run_all(argv[0], given);
}
