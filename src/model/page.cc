// SPDX-License-Identifier: Apache-2.0
#include "trace.h"
namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
text page(const trace&) { return {}; }
}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
