// SPDX-License-Identifier: Apache-2.0
//
// All circles so far as a graph for Graphviz.
#ifndef SYNCXX_SRC_DEADLOCK_REPORT_FINDING_GRAPH_H_
#define SYNCXX_SRC_DEADLOCK_REPORT_FINDING_GRAPH_H_

#include <cstdint>

#include <sync/detail/config.h>

#include "finding.h"
#include "symbolizer.h"
#include "text.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// Adds the circle of a finding: a node for each object, an edge for each
// thread, from what it holds to what it wants. `symbols` has resolved its
// places.
void compose_edges(const finding& found, std::int64_t number,
                   symbolizer& symbols, text& edges) noexcept;

// The graph with all these edges.
void compose_graph(std::string_view edges, text& out) noexcept;

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_REPORT_FINDING_GRAPH_H_
