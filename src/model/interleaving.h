// SPDX-License-Identifier: Apache-2.0
//
// A graph as an interleaving: an order of its events. Preemptions are counted
// as in Musuvathi, Qadeer: "Iterative Context Bounding for Systematic Testing
// of Multithreaded Programs", PLDI 2007; for graphs, see Marmanis,
// Kokologiannakis, Vafeiadis: "Reconciling Preemption Bounding with DPOR",
// TACAS 2023.
#ifndef SYNCXX_SRC_MODEL_INTERLEAVING_H_
#define SYNCXX_SRC_MODEL_INTERLEAVING_H_

#include <cstdint>

#include "graph.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

// How often at least a thread that could go on is interrupted by another, in an
// order of the events that the graph is the outcome of; more than `most` if it
// is more than that. The order extends po, rf, co and fr. If there is none, as
// the execution shows weak behaviour, it extends po and rf alone.
std::uint32_t preemptions(const graph& g, std::uint32_t most);

// Such an order with few preemptions. Updates are not interrupted.
vec<event_id> interleaving(const graph& g);

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_INTERLEAVING_H_
