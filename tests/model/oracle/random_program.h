// SPDX-License-Identifier: Apache-2.0
//
// Random programs for the comparison of a model checker with the oracle.
#ifndef SYNCXX_TESTS_MODEL_ORACLE_RANDOM_PROGRAM_H_
#define SYNCXX_TESTS_MODEL_ORACLE_RANDOM_PROGRAM_H_

#include <cstdint>

#include "tests/model/oracle/program.h"

namespace syncxx_test::oracle {

struct limits {
  int min_threads = 2;
  int max_threads = 3;
  bool fourth_thread = true;  // now and then one more than max_threads
  int max_locations = 3;
  int max_operations = 4;  // in one thread
  int max_total = 9;       // in all threads

  bool rmw = true;           // exchange, fetch_add
  bool cas = true;           // compare and exchange
  bool fences = true;        // of all orders that mean something
  bool awaits = true;        // blocking loads
  bool await_cas = false;    // blocking compare and exchange
  bool sc = true;            // seq_cst as an order
  bool control_flow = true;  // jumps that depend on a register
  bool data_flow = true;     // operands that depend on a register
};

// The same program for the same seed and limits, with every standard library.
// Each read has a register of its own.
program random_program(std::uint64_t seed, const limits& l);

}  // namespace syncxx_test::oracle

#endif  // SYNCXX_TESTS_MODEL_ORACLE_RANDOM_PROGRAM_H_
