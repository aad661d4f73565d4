// SPDX-License-Identifier: Apache-2.0
//
// Turns signals that end a process into outcomes, and prints the stacks of
// threads that hang.
#ifndef SYNCXX_STRESS_SUPPORT_CRASH_H_
#define SYNCXX_STRESS_SUPPORT_CRASH_H_

#include <pthread.h>

#include "outcome.h"

namespace syncxx::stress {

// From now on a fault is written to `result`: use_after_release where the
// address belongs to a retired object (support/retired.h), crash otherwise.
void install_crash_handlers(outcome& result);

// Makes `thread` print its stack to stderr, and waits for it a little while.
void print_stack_of(pthread_t thread);

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_CRASH_H_
