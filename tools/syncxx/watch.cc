// SPDX-License-Identifier: Apache-2.0
//
// syncxx watch -- PROGRAM
//
// The program runs with libsyncxx_preload in front of its libraries. What the
// checker in there finds comes as text to stderr, and as lines of JSON to a
// file in a folder that is made for this run; the folder's name in the
// environment also marks the processes that are watched. With --stat each
// process leaves its table there as well, when it ends.
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "child.h"
#include "findings.h"
#include "processes.h"
#include "program_file.h"
#include "src/deadlock/preload/dump_protocol.h"
#include "thread_dump.h"
#include "verb.h"
#include "watch_options.h"

namespace syncxx::tool {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr const char* kLibrary = "libsyncxx_preload.so";

std::string find_library() {
  if (const char* const named = std::getenv("SYNCXX_PRELOAD"))
    return fs::absolute(named).string();
  std::error_code error;
  const fs::path folder =
      fs::read_symlink("/proc/self/exe", error).parent_path();
  // Installed; beside the tool; in the build tree.
  for (const char* const way :
       {SYNCXX_LIBRARY_FOLDER, "../lib", ".", "../../src/deadlock/preload"}) {
    const fs::path file = (folder / way / kLibrary).lexically_normal();
    if (fs::exists(file, error)) return file.string();
  }
  return "";
}

// The folder of this run. Where the user is root, processes may give that up
// and are to write their findings all the same.
class run_folder {
 public:
  run_folder() {
    const char* const base = std::getenv("TMPDIR");
    path_ = fs::absolute(base != nullptr && *base != '\0' ? base : "/tmp")
                .string() +
            "/syncxx-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) {
      error_ = errno;
      return;
    }
    if (::geteuid() == 0) ::chmod(path_.c_str(), 0711);
    std::ofstream{path_ + "/" + dump_protocol::kMarkerFile} << '\n';
    ::chmod((path_ + "/" + dump_protocol::kMarkerFile).c_str(), 0644);
    for (const std::string& file : {lines(), table(), statistics()}) {
      const std::ofstream empty{file};
      ::chmod(file.c_str(), ::geteuid() == 0 ? 0622 : 0600);
    }
  }
  run_folder(const run_folder&) = delete;
  run_folder& operator=(const run_folder&) = delete;
  ~run_folder() {
    std::error_code ignored;
    if (error_ == 0) fs::remove_all(path_, ignored);
  }

  int error() const { return error_; }
  const std::string& path() const { return path_; }
  std::string lines() const { return path_ + "/findings"; }
  std::string table() const { return path_ + "/table"; }
  std::string statistics() const { return path_ + "/statistics"; }

  // In LD_PRELOAD a space or a colon would end the name.
  std::string without_separators(const std::string& library) const {
    if (library.find_first_of(" :") == std::string::npos) return library;
    const std::string link = path_ + "/" + kLibrary;
    return ::symlink(library.c_str(), link.c_str()) == 0 ? link : library;
  }

 private:
  std::string path_;
  int error_ = 0;
};

void set(const char* name, const std::string& value) {
  ::setenv(name, value.c_str(), 1);
}

void set_environment(const watch_options& options, const run_folder& folder,
                     const std::string& library) {
  std::string preload = folder.without_separators(library);
  if (const char* const others = std::getenv("LD_PRELOAD");
      others != nullptr && *others != '\0') {
    preload += std::string(":") + others;
  }
  set("LD_PRELOAD", preload);
  set(dump_protocol::kFolderVariable, folder.path());
  set("SYNCXX_DEADLOCK", "report");
  set("SYNCXX_DEADLOCK_JSON", folder.lines());
  if (!options.log.empty())
    set("SYNCXX_DEADLOCK_LOG", options.log);
  else if (options.quiet)
    set("SYNCXX_DEADLOCK_LOG", "/dev/null");
  if (!options.suppressions.empty())
    set("SYNCXX_DEADLOCK_SUPPRESSIONS", options.suppressions);
  if (!options.long_hold_ms.empty())
    set("SYNCXX_LONG_HOLD_MS", options.long_hold_ms);
  if (!options.statistics) return;
  set("SYNCXX_LOCKSTAT", "1");
  set("SYNCXX_LOCKSTAT_LOG", folder.table());
  set("SYNCXX_LOCKSTAT_JSON", folder.statistics());
}

// Where the text of reports goes.
void print_report(const watch_options& options, const std::string& text) {
  if (!options.log.empty())
    std::ofstream(options.log, std::ios::app) << text << std::flush;
  else if (!options.quiet)
    std::cerr << text << std::flush;
}

std::string contents_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void dump_all(const watch_options& options,
              const std::vector<pid_t>& processes) {
  constexpr auto kPatience = milliseconds(1000);
  for (const pid_t pid : processes) {
    const std::string name = read_proc(pid, "comm").value_or("?\n");
    const thread_dump dump = ask_for_dump(pid, kPatience);
    print_report(options, "syncxx: process " + std::to_string(pid) + ", " +
                              name.substr(0, name.find('\n')) + ":\n" +
                              dump.text + (dump.is_there ? "" : "\n"));
  }
}

// The time is up. True if the program has ended now.
void end_in_time(const watch_options& options, const run_folder& folder,
                 child& program) {
  constexpr auto kPatience = milliseconds(2000);
  const auto watched = [&] {
    return processes_of(program.pid(), folder.path());
  };
  dump_all(options, watched());
  for (const pid_t pid : watched()) {
    ::kill(pid, SIGTERM);
    ::kill(pid, SIGCONT);  // a stopped one would not notice
  }
  program.wait(kPatience);
  // Also those that were left behind.
  const auto until = steady_clock::now() + kPatience;
  for (std::vector<pid_t> left; !(left = watched()).empty();) {
    for (const pid_t pid : left) ::kill(pid, SIGKILL);
    if (program.pid() != 0) program.wait(kPatience);
    if (steady_clock::now() > until) break;
    std::this_thread::sleep_for(milliseconds(10));
  }
}

// What is left to do when the program has ended. False: it could not be done.
bool write_results(const watch_options& options, const findings& found,
                   const std::string& program) {
  bool good = true;
  const auto check = [&](bool written, const std::string& file) {
    if (written) return;
    complain("cannot write " + file + ": " + std::strerror(errno));
    good = false;
  };
  if (!options.json.empty())
    check(found.write_json(options.json), options.json);
  if (!options.dot.empty()) check(found.write_dot(options.dot), options.dot);
  if (options.quiet) return good;
  if (found.count() != 0) {
    complain(std::to_string(found.count()) +
             (found.count() == 1 ? " finding" : " findings") + " in " +
             program + ": " + found.kinds());
  }
  if (found.unreadable() != 0) {
    complain(std::to_string(found.unreadable()) +
             " more could not be read: a process was killed while it wrote");
  }
  return good;
}

int run(const watch_options& options) {
  const std::string name = options.program.front();
  const std::string file = find_program(name);
  if (file.empty()) {
    complain(name + ": there is no such program");
    return kNotFound;
  }
  if (const auto why = why_not_watched(file)) {
    complain(file + " cannot be watched: " + *why +
             ".\n        It was not run.");
    return kCannotRun;
  }
  const std::string library = find_library();
  if (library.empty() || ::access(library.c_str(), R_OK) != 0) {
    complain(std::string(kLibrary) +
             " is not where it was installed; SYNCXX_PRELOAD can name it" +
             (library.empty() ? "" : ": " + library));
    return kToolFailed;
  }
  const run_folder folder;
  if (folder.error() != 0) {
    complain("cannot make " + folder.path() + ": " +
             std::strerror(folder.error()));
    return kToolFailed;
  }
  child program;
  set_environment(options, folder, library);
  if (const int error = program.start(file, options.program.data())) {
    complain(file + " cannot be run: " + std::strerror(error));
    return error == ENOENT ? kNotFound : kCannotRun;
  }
  const bool in_time = program.wait(options.timeout);
  if (!in_time) {
    if (!options.quiet)
      complain(name + " has not ended in time, and is ended now");
    end_in_time(options, folder, program);
  }
  findings found(folder.lines());
  if (options.statistics) found.add_statistics(folder.statistics());
  const bool written = write_results(options, found, name);
  if (options.statistics) print_report(options, contents_of(folder.table()));
  if (!written) return kToolFailed;
  if (!in_time) return kTimedOut;
  if (options.exit_code && found.count() != 0) return *options.exit_code;
  if (!WIFEXITED(program.status())) {
    std::error_code ignored;
    fs::remove_all(folder.path(), ignored);  // no destructor runs
  }
  return program.end_alike();
}

}  // namespace

int run_watch(int argc, char** argv) {
  int status = 0;
  const auto options = read_watch_options(argc, argv, status);
  return options ? run(*options) : status;
}

}  // namespace syncxx::tool
