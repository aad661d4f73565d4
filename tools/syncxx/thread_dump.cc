// SPDX-License-Identifier: Apache-2.0
#include "thread_dump.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <thread>

#include "processes.h"
#include "src/deadlock/preload/dump_protocol.h"

namespace syncxx::tool {
namespace {

using std::chrono::steady_clock;

constexpr auto kPause = std::chrono::milliseconds(10);
constexpr auto kAskAgain = std::chrono::milliseconds(200);

std::string name_of(pid_t pid) { return "process " + std::to_string(pid); }

// A field of a status file that is a set of signals.
bool is_in_set(const std::string& status, const std::string& field,
               int signal) {
  const std::size_t at = status.find("\n" + field + ":\t");
  if (at == std::string::npos) return false;
  const std::uint64_t set =
      std::strtoull(status.c_str() + at + field.size() + 3, nullptr, 16);
  return (set >> (signal - 1) & 1) != 0;
}

bool is_blocked_everywhere(pid_t pid, int signal) {
  const std::string folder = "/proc/" + std::to_string(pid) + "/task";
  const std::unique_ptr<DIR, int (*)(DIR*)> tasks(::opendir(folder.c_str()),
                                                  ::closedir);
  if (tasks == nullptr) return false;
  while (const dirent* const entry = ::readdir(tasks.get())) {
    if (entry->d_name[0] == '.') continue;
    const auto status =
        read_proc(pid, "task/" + std::string(entry->d_name) + "/status");
    if (status && !is_in_set(*status, "SigBlk", signal)) return false;
  }
  return true;
}

// Why a process cannot be asked; nothing: it can, with `folder`.
std::optional<std::string> why_not(pid_t pid, int signal, std::string& folder) {
  if (::kill(pid, 0) != 0 && errno == ESRCH)
    return "there is no " + name_of(pid);
  const auto state = watch_state_of(pid);
  if (!state) {
    return name_of(pid) + (errno == EACCES || errno == EPERM
                               ? " belongs to another user, or is protected: " +
                                     std::string(std::strerror(errno))
                               : " has ended");
  }
  if (!state->has_library) {
    return name_of(pid) +
           " is not watched: it was not started by `syncxx watch` (which must "
           "be there when a program starts)";
  }
  if (state->folder.empty()) {
    return name_of(pid) +
           " has the library, but does not listen: it was not started by "
           "`syncxx watch`, or uses the signal by which it would be asked";
  }
  folder = state->folder;
  const auto status = read_proc(pid, "status");
  if (!status) return name_of(pid) + " has ended";
  if (status->find("\nState:\tZ") != std::string::npos)
    return name_of(pid) + " has ended, and its parent has not noticed yet";
  if (status->find("\nState:\tT") != std::string::npos)
    return name_of(pid) + " is stopped: continue it first (kill -CONT)";
  if (!is_in_set(*status, "SigCgt", signal)) {
    return name_of(pid) + " does not listen to signal " +
           std::to_string(signal) +
           ", by which it would be asked: the program has changed what that "
           "does";
  }
  if (is_blocked_everywhere(pid, signal)) {
    return name_of(pid) + " blocks signal " + std::to_string(signal) +
           ", by which it would be asked, in all of its threads";
  }
  return std::nullopt;
}

// The file of an answer, made before it is asked for, so that the process needs
// no right to make files (it may run as another user by now).
class answer_file {
 public:
  explicit answer_file(std::string folder) : folder_(std::move(folder)) {
    made_folder_ = ::mkdir(folder_.c_str(), 0711) == 0;
    for (number_ =
             static_cast<unsigned>(::getpid()) & dump_protocol::kNumberMask;
         tries_ < 100; ++tries_, ++number_) {
      number_ &= dump_protocol::kNumberMask;
      path_ =
          folder_ + "/" + dump_protocol::kFilePrefix + std::to_string(number_);
      const int fd =
          ::open(path_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
      if (fd < 0 && errno == EEXIST) continue;
      if (fd >= 0) {
        is_made_ = true;
        if (::geteuid() == 0) ::fchmod(fd, 0622);
        ::close(fd);
      }
      break;
    }
  }
  answer_file(const answer_file&) = delete;
  answer_file& operator=(const answer_file&) = delete;
  ~answer_file() {
    if (is_made_) ::unlink(path_.c_str());
    if (made_folder_) ::rmdir(folder_.c_str());
  }
  bool is_made() const { return is_made_; }
  const std::string& path() const { return path_; }
  unsigned number() const { return number_; }
  // The whole answer, or nothing yet.
  std::optional<std::string> read() const {
    std::ifstream in(path_, std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(in)), {});
    const std::size_t end = text.find(dump_protocol::kEnd);
    if (end == std::string::npos) return std::nullopt;
    text.resize(end);
    return text;
  }

 private:
  const std::string folder_;
  std::string path_;
  unsigned number_ = 0;
  int tries_ = 0;
  bool made_folder_ = false;
  bool is_made_ = false;
};

}  // namespace

thread_dump ask_for_dump(pid_t pid, std::chrono::milliseconds patience) {
  const int signal = dump_protocol::signal_number();
  std::string folder;
  if (const auto why = why_not(pid, signal, folder)) return {false, *why};
  const answer_file answer(folder);
  if (!answer.is_made()) {
    return {false,
            "cannot write " + answer.path() + ": " + std::strerror(errno)};
  }
  const auto until = steady_clock::now() + patience;
  auto ask_at = steady_clock::now();
  do {
    if (steady_clock::now() >= ask_at) {
      sigval value{};
      value.sival_int =
          static_cast<int>(dump_protocol::kMagic | answer.number());
      if (::sigqueue(pid, signal, value) != 0) {
        return {false, name_of(pid) + " cannot be asked: " +
                           std::string(std::strerror(errno))};
      }
      ask_at += kAskAgain;
    }
    std::this_thread::sleep_for(kPause);
    if (auto text = answer.read()) return {true, std::move(*text)};
  } while (steady_clock::now() < until);
  return {false, name_of(pid) + " does not answer"};
}

}  // namespace syncxx::tool
