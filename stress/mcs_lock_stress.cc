// SPDX-License-Identifier: Apache-2.0
#include "support/line_cases.h"
#include "support/mcs_mutex.h"

namespace {

const syncxx::stress::line_suite<syncxx::stress::mcs_mutex> suite;

}  // namespace
