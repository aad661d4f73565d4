// SPDX-License-Identifier: Apache-2.0
//
// Where in the program's sources an operation comes from, by the stack and the
// debug information. For what is shown of a failure only: it is slow.
#ifndef SYNCXX_SRC_MODEL_PLACES_H_
#define SYNCXX_SRC_MODEL_PLACES_H_

#include <sync/model/access.h>

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

// Line 0 where nothing is known, as in a program without debug information.
struct call_path {
  source inner{};  // the call of a type of the checker; it may be the library's
  source outer{};  // the program's own line
};

// Of the running thread.
call_path find_caller() noexcept;

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_PLACES_H_
