// SPDX-License-Identifier: Apache-2.0
//
// What the environment asks for, by words.
#ifndef SYNCXX_SRC_DEADLOCK_SETTINGS_H_
#define SYNCXX_SRC_DEADLOCK_SETTINGS_H_

#include <span>
#include <string_view>

#include <sync/detail/config.h>

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail::settings {

struct choice {
  std::string_view word;
  int value;
};

// Says to stderr that `value` is not known, and `what` can be said instead.
void refuse(const char* variable, std::string_view value,
            const char* what) noexcept;

// Of `variable`, whose value is `value`: null and "" are `otherwise`, as is,
// after refuse(), a word that is none of the choices.
int choose(const char* variable, const char* value,
           std::span<const choice> choices, const char* what,
           int otherwise) noexcept;

}  // namespace detail::settings
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_SETTINGS_H_
