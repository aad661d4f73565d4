// SPDX-License-Identifier: Apache-2.0
#include <sync/robust_mutex.h>

#include "support/lock_cases.h"

namespace {

const syncxx::stress::lock_suite<syncxx::robust_pi_mutex> suite;

}  // namespace
