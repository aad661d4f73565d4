// SPDX-License-Identifier: Apache-2.0
//
// shared_mutex: its writers' side by the cases for locks; readers, writers and
// upgraders together.
#include <sync/shared_mutex.h>

#include "support/lock_cases.h"
#include "support/shared_cases.h"

namespace {

const syncxx::stress::lock_suite<syncxx::shared_mutex> writers;
const syncxx::stress::shared_suite<syncxx::shared_mutex> together;

}  // namespace
