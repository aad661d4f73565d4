// SPDX-License-Identifier: Apache-2.0
#include "program_file.h"

#include <elf.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>

namespace syncxx::tool {
namespace {

bool is_executable_file(const std::string& path) {
  struct stat file {};
  return ::stat(path.c_str(), &file) == 0 && S_ISREG(file.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

constexpr int kMachine =
#if defined(__x86_64__)
    EM_X86_64;
#else
    EM_AARCH64;
#endif

std::optional<std::string> why_not_loaded(std::ifstream& in) {
  Elf64_Ehdr header{};
  in.seekg(0);
  in.read(reinterpret_cast<char*>(&header), sizeof header);
  if (!in || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_machine != kMachine) {
    return "it is made for another kind of processor than syncxx is (or for "
           "its 32-bit mode)";
  }
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    in.seekg(static_cast<std::streamoff>(
        header.e_phoff + static_cast<std::uint64_t>(i) * header.e_phentsize));
    in.read(reinterpret_cast<char*>(&segment), sizeof segment);
    if (!in) break;
    if (segment.p_type == PT_INTERP) return std::nullopt;
  }
  return "it is statically linked: nothing can be put in front of its "
         "functions. Link it dynamically, or build it with the hooked library "
         "(syncxx::hooks)";
}

std::optional<std::string> why_not_trusted(const std::string& file) {
  struct stat is {};
  if (::stat(file.c_str(), &is) != 0 || ::geteuid() == 0) return std::nullopt;
  const bool changes_user =
      (is.st_mode & S_ISUID) != 0 && is.st_uid != ::geteuid();
  const bool changes_group =
      (is.st_mode & S_ISGID) != 0 && is.st_gid != ::getegid();
  const bool has_capabilities =
      ::getxattr(file.c_str(), "security.capability", nullptr, 0) > 0;
  if (!changes_user && !changes_group && !has_capabilities) return std::nullopt;
  return "it runs with more rights than yours (setuid, setgid or "
         "capabilities), and so the loader ignores LD_PRELOAD. Run it as the "
         "user whose rights it takes";
}

}  // namespace

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos)
    return ::access(name.c_str(), F_OK) == 0 ? name : "";
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string file = (folder.empty() ? "." : folder) + "/" + name;
    if (is_executable_file(file)) return file;
  }
  return "";
}

std::optional<std::string> why_not_watched(const std::string& file) {
  // A script's interpreter may be a script itself; the kernel goes on four
  // times.
  constexpr int kDepth = 5;
  std::string path = file;
  for (int i = 0; i < kDepth; ++i) {
    std::ifstream in(path, std::ios::binary);
    char magic[SELFMAG] = {};
    in.read(magic, sizeof magic);
    if (!in) return std::nullopt;  // exec() will say what is wrong
    if (const auto why = why_not_trusted(path)) return why;
    if (std::memcmp(magic, ELFMAG, SELFMAG) == 0) return why_not_loaded(in);
    if (magic[0] != '#' || magic[1] != '!') return std::nullopt;
    in.seekg(2);
    std::string line;
    std::getline(in, line);
    std::istringstream words(line);
    if (!(words >> path)) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace syncxx::tool
