// SPDX-License-Identifier: Apache-2.0
#include <sync/interprocess.h>

#include "support/lock_cases.h"

namespace {

const syncxx::stress::lock_suite<syncxx::interprocess::pi_mutex> suite;

}  // namespace
