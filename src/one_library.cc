// SPDX-License-Identifier: Apache-2.0
//
// A program links one of syncxx, syncxx_hooks and syncxx_model. Each of them
// defines the symbol with the long name, in this object, which every other
// object of theirs needs by a name of its own (see <sync/detail/config.h>):
// where something of two of them is linked, the linker finds the symbol defined
// twice and stops with its name.
//
// Between shared libraries a symbol may be defined twice. There the model
// library asks at run time, before it explores anything (src/model/check.cc).
#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
// NOLINTNEXTLINE(readability-redundant-declaration): not in every build
extern const char one_library;
const char one_library = 1;
}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

extern "C" {

extern const char syncxx_links_one_library_only_plain_or_hooks_or_model;
const char syncxx_links_one_library_only_plain_or_hooks_or_model = 1;

#if !SYNCXX_MODELLED
extern const char syncxx_is_no_model_library;
const char syncxx_is_no_model_library = 1;
#endif
}
