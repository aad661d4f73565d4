// SPDX-License-Identifier: Apache-2.0
#include <sync/byte_mutex.h>

#include "support/lock_cases.h"

namespace {

const syncxx::stress::lock_suite<syncxx::byte_mutex> suite;

}  // namespace
