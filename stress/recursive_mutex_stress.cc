// SPDX-License-Identifier: Apache-2.0
#include <sync/recursive_mutex.h>

#include "support/lock_cases.h"

namespace {

const syncxx::stress::lock_suite<syncxx::recursive_mutex> suite(5);

}  // namespace
