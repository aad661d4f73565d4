// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <cstdio>
#include <cstring>

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

text number(std::uint64_t n) {
  char buffer[24];
  std::snprintf(buffer, sizeof buffer, "%llu",
                static_cast<unsigned long long>(n));
  return buffer;
}

text hex(const void* address) {
  char buffer[24];
  std::snprintf(buffer, sizeof buffer, "%p", address);
  return buffer;
}

text place(const source& where) {
  const char* const file = where.file;
  if (file == nullptr || *file == '\0') return "an unknown place";
  const char* const slash = std::strrchr(file, '/');
  return text(slash != nullptr ? slash + 1 : file) + ":" + number(where.line);
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
