// SPDX-License-Identifier: Apache-2.0
#include "tests/support/wait_forms_of.h"
#include "tests/support/waitables.h"

SYNCXX_TEST_FORMS_OF(syncxx_test::event_waitable);
SYNCXX_TEST_FORMS_OF(syncxx_test::auto_reset_event_waitable);
SYNCXX_TEST_FORMS_OF(syncxx_test::latch_waitable);
