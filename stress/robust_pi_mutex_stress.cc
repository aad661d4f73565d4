// SPDX-License-Identifier: Apache-2.0
//
// As robust_mutex_stress.cc.
#include <sync/robust_mutex.h>

#include "support/killed_cases.h"
#include "support/lock_cases.h"

namespace {

using namespace syncxx::stress;

const lock_suite<syncxx::robust_pi_mutex> suite;
const add_case killed{
    {.name = "killed",
     .what = "processes that share it are killed",
     .body = [](run& r) { killed_case<syncxx::robust_pi_mutex>(r).go(); }}};

}  // namespace
