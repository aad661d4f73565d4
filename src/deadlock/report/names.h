// SPDX-License-Identifier: Apache-2.0
//
// What objects and kinds of objects are called in reports.
#ifndef SYNCXX_SRC_DEADLOCK_REPORT_NAMES_H_
#define SYNCXX_SRC_DEADLOCK_REPORT_NAMES_H_

#include <cstddef>

#include <sync/detail/config.h>
#include <sync/detail/hooks.h>

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// "mutex", "shared_mutex", ...
const char* name_of(object_kind kind) noexcept;
// How such an object is owned, where its kind has several ways: "shared",
// "upgrade", or "".
const char* mode_of(object_kind kind) noexcept;

// The names that the program has given to its objects: a table beside them, in
// pages from the kernel.

inline constexpr std::size_t kNameSize = 64;  // with the zero; more is cut off

// Null or "": it has no name any more. Without memory it gets none.
void set_name(const void* object, const char* name) noexcept;
// To be called when the object is destroyed. One load where nothing has a name.
void forget_name(const void* object) noexcept;
// Null: it has none. Good until the object gets another name or is forgotten.
const char* name_of(const void* object) noexcept;
// The same, copied, for whoever cannot know that. False: it has none.
bool copy_name(const void* object, char (&name)[kNameSize]) noexcept;

// In the child of a fork. If a thread that the child does not have was changing
// the table, the names are lost.
void reset_names_after_fork() noexcept;

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_REPORT_NAMES_H_
