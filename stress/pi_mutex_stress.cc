// SPDX-License-Identifier: Apache-2.0
#include <sync/pi_mutex.h>

#include "support/lock_cases.h"

namespace {

const syncxx::stress::lock_suite<syncxx::pi_mutex> suite;

}  // namespace
