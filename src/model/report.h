// SPDX-License-Identifier: Apache-2.0
//
// Words for people: places, numbers, and the timeline of an execution.
#ifndef SYNCXX_SRC_MODEL_REPORT_H_
#define SYNCXX_SRC_MODEL_REPORT_H_

#include <cstdint>

#include <sync/model/access.h>

#include "graph.h"
#include "memory_resource.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

text number(std::uint64_t n);
text hex(const void* address);
text place(const source& where);

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_REPORT_H_
