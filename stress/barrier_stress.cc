// SPDX-License-Identifier: Apache-2.0
//
// barrier: nobody goes on before all have arrived and the completion has run
// once; what they wrote before is seen; those that drop out are not waited for.
#include <sync/barrier.h>

#include "support/barrier_cases.h"

namespace {

using namespace syncxx::stress;

const barrier_suite<syncxx::barrier<phase_counter>> suite;

}  // namespace
