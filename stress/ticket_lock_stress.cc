// SPDX-License-Identifier: Apache-2.0
#include <sync/ticket_lock.h>

#include "support/line_cases.h"

namespace {

const syncxx::stress::line_suite<syncxx::ticket_lock> suite;

}  // namespace
