// SPDX-License-Identifier: Apache-2.0
#include "tests/support/wait_forms_of.h"
#include "tests/support/waitables.h"

SYNCXX_TEST_FORMS_OF(syncxx_test::mutex_waitable);
SYNCXX_TEST_FORMS_OF(syncxx_test::recursive_mutex_waitable);
SYNCXX_TEST_FORMS_OF(syncxx_test::spinlock_waitable);
