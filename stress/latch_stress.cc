// SPDX-License-Identifier: Apache-2.0
//
// latch: nobody gets through before the count is zero, everybody afterwards,
// and what came before a count_down is seen by those who waited.
#include <sync/latch.h>

#include "support/latch_cases.h"

namespace {

const syncxx::stress::latch_suite<syncxx::latch> suite;

}  // namespace
