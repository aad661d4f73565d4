// SPDX-License-Identifier: Apache-2.0
//
// For tests of the checker: a look at each complete execution.
#ifndef SYNCXX_SRC_MODEL_OBSERVER_H_
#define SYNCXX_SRC_MODEL_OBSERVER_H_

#include "graph.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

// Called outside of the test, on the thread that has called check(). Null: not.
extern void (*g_observer)(const graph& complete);

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_OBSERVER_H_
