// SPDX-License-Identifier: Apache-2.0
//
// interprocess::shared_mutex, whose writers own nothing while they wait: its
// writers' side by the cases for locks; readers, writers and upgraders
// together.
#include <sync/interprocess/shared_mutex.h>

#include "support/lock_cases.h"
#include "support/shared_cases.h"

namespace {

using syncxx::interprocess::shared_mutex;

const syncxx::stress::lock_suite<shared_mutex> writers;
const syncxx::stress::shared_suite<shared_mutex> together;

}  // namespace
