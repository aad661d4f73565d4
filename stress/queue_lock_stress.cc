// SPDX-License-Identifier: Apache-2.0
#include <sync/queue_lock.h>

#include "support/line_cases.h"

namespace {

const syncxx::stress::line_suite<syncxx::queue_lock> suite;

}  // namespace
