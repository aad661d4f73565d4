// SPDX-License-Identifier: Apache-2.0
#include "settings.h"

#if SYNCXX_HOOKED

#include "process.h"
#include "report/text.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail::settings {

void refuse(const char* variable, std::string_view value,
            const char* what) noexcept {
  char storage[300];
  text warning(storage);
  warning << "syncxx: " << variable << "=\"" << value.substr(0, 100)
          << "\" is not known; it can be " << what << "\n";
  process::print(warning.view());
}

int choose(const char* variable, const char* value,
           std::span<const choice> choices, const char* what,
           int otherwise) noexcept {
  const std::string_view word = value != nullptr ? value : "";
  if (word.empty()) return otherwise;
  for (const choice& one : choices) {
    if (word == one.word) return one.value;
  }
  refuse(variable, word, what);
  return otherwise;
}

}  // namespace detail::settings
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
