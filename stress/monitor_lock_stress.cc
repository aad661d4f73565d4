// SPDX-License-Identifier: Apache-2.0
//
// A lock made of a mutex and a condition variable, under all that the locks
// themselves go through: timeouts and stop requests race notify_one, and a lost
// notification stops everybody.
#include <sync/condition_variable.h>
#include <sync/mutex.h>

#include "support/condition_variable_cases.h"
#include "support/lock_cases.h"

namespace {

using syncxx::stress::lock_suite;
using syncxx::stress::monitor_lock;

const lock_suite<monitor_lock<syncxx::condition_variable, syncxx::mutex>> suite;

}  // namespace
