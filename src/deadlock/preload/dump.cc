// SPDX-License-Identifier: Apache-2.0
//
// Thread dumps on demand: `syncxx dump PID` sends a signal with a number, and
// the answer is written to the file of that number, which the tool has made
// (tools/syncxx/thread_dump.cc).
//
// The handler runs in whatever thread the kernel chooses. If that is in the
// checker, the checker says nothing, the file stays empty, and the tool asks
// again. Otherwise the checker's locks are held by running threads at most.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "../process.h"
#include "../report/text.h"
#include "dump_protocol.h"
#include "watching.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

namespace preload {
namespace {

constinit char g_folder[512] = {};

// False: there is none, or it is too long.
template <std::size_t Size>
bool keep(const char* value, char (&copy)[Size]) noexcept {
  const std::size_t size = value != nullptr ? std::strlen(value) + 1 : 0;
  if (size == 0 || size > Size) return false;
  std::memcpy(copy, value, size);
  return true;
}

void write_dump(unsigned number) noexcept {
  char storage[sizeof g_folder + 32];
  text path(storage);
  path << std::string_view(g_folder) << "/" << dump_protocol::kFilePrefix
       << static_cast<std::int64_t>(number) << std::string_view("\0", 1);
  const int fd = ::open(storage, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return;
  checker::dump_to(fd);
  struct stat file;
  if (::fstat(fd, &file) == 0 && file.st_size > 0)
    static_cast<void>(!::write(fd, &dump_protocol::kEnd, 1));
  ::close(fd);
}

void on_signal(int, siginfo_t* info, void*) noexcept {
  if (info->si_code != SI_QUEUE) return;
  const auto value = static_cast<unsigned>(info->si_value.sival_int);
  if (!dump_protocol::is_request(value)) return;
  const int error = errno;
  write_dump(dump_protocol::number_of(value));
  errno = error;
}

bool map_marker() noexcept {
  char storage[sizeof g_folder + 32];
  text path(storage);
  path << std::string_view(g_folder) << "/" << dump_protocol::kMarkerFile
       << std::string_view("\0", 1);
  const int fd = ::open(storage, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  constexpr std::size_t kSome = 1;
  void* const page = ::mmap(nullptr, kSome, PROT_READ, MAP_SHARED, fd, 0);
  ::close(fd);
  return page != MAP_FAILED;
}

void listen() noexcept {
  // Not if the signal has a use already: the program's parent may have it
  // ignored.
  struct sigaction before;
  const int signal = dump_protocol::signal_number();
  if (::sigaction(signal, nullptr, &before) != 0 ||
      (before.sa_flags & SA_SIGINFO) != 0 || before.sa_handler != SIG_DFL ||
      !map_marker()) {
    return;
  }
  struct sigaction action = {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  ::sigfillset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
  process::ignore_signal(signal);
}

}  // namespace

void begin_dumps() noexcept {
  const char* const folder = std::getenv(dump_protocol::kFolderVariable);
  if (folder == nullptr || folder[0] != '/' || !keep(folder, g_folder)) return;
  const int error = errno;
  listen();
  errno = error;
}

}  // namespace preload
}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
