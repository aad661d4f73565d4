// SPDX-License-Identifier: Apache-2.0
#ifndef SYNCXX_TESTS_MODEL_STD_NAMES_FIRST_H_
#define SYNCXX_TESTS_MODEL_STD_NAMES_FIRST_H_

#include <vector>

#include <sync/model/check.h>

namespace syncxx_test {

std::vector<syncxx::model::verdict> results_of_first();

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_MODEL_STD_NAMES_FIRST_H_
