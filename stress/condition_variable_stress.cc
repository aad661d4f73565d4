// SPDX-License-Identifier: Apache-2.0
#include <sync/condition_variable.h>
#include <sync/mutex.h>

#include "support/condition_variable_cases.h"

namespace {

using syncxx::stress::cv_suite;

const cv_suite<syncxx::condition_variable, syncxx::mutex> with_mutex("");

}  // namespace
