// SPDX-License-Identifier: Apache-2.0
//
// <sync/model/std.h> as a compiler's -include brings it: before all else.
#include <sync/model/std.h>

#include "tests/model/std_names/first.h"
#include "tests/model/std_names/programs.h"

namespace syncxx_test {

using syncxx::model::check;

std::vector<syncxx::model::verdict> results_of_first() {
  using enum std::memory_order;
  return {check([] { programs::message_passing(release, acquire); }).what,
          check([] { programs::message_passing(release, relaxed); }).what,
          check([] { programs::counter<std::mutex>(true); }).what,
          check([] { programs::counter<std::mutex>(false); }).what,
          check([] { programs::queue(true); }).what,
          check([] { programs::queue(false); }).what};
}

}  // namespace syncxx_test
