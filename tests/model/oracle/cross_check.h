// SPDX-License-Identifier: Apache-2.0
//
// Two other ways to the same graphs, for the test of the oracle itself. They
// share with it the program, the graph and nothing else.
#ifndef SYNCXX_TESTS_MODEL_ORACLE_CROSS_CHECK_H_
#define SYNCXX_TESTS_MODEL_ORACLE_CROSS_CHECK_H_

#include <cstdint>
#include <optional>
#include <set>

#include "tests/model/oracle/axioms.h"
#include "tests/model/oracle/program.h"

namespace syncxx_test::oracle {

// The complete consistent graphs, from all candidates: guess what each read
// returns, then rf and co, and only then ask whether RC11 allows it. Nothing
// for a program with more than about `max_candidates`.
std::optional<std::set<graph>> graphs_by_guessing(const program& p,
                                                  std::uint64_t max_candidates);

// The complete graphs of sequential consistency: run every interleaving on one
// memory. Memory orders have no effect.
std::set<graph> graphs_by_interleaving(const program& p);

}  // namespace syncxx_test::oracle

#endif  // SYNCXX_TESTS_MODEL_ORACLE_CROSS_CHECK_H_
