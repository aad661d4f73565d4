// SPDX-License-Identifier: Apache-2.0
#include "tests/support/waitables.h"

#include <ostream>
#include <stdexcept>

#include "tests/support/waitable_of.h"

namespace syncxx_test {

namespace {

template <class Predicate>
waitable_kinds only_those(Predicate wanted) {
  waitable_kinds kinds = waitables();
  std::erase_if(kinds, [&](const auto& kind) { return !wanted(kind); });
  return kinds;
}

}  // namespace

void PrintTo(const waitable_kind& kind, std::ostream* out) {
  *out << kind.name;
}

waitable_kinds waitables() {
  waitable_kinds all;
  for (const auto& some : {lock_kinds(), semaphore_kinds(), gate_kinds(),
                           condition_kinds(), any_kinds()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

waitable_kinds stoppable_waitables() {
  return only_those([](const auto& kind) { return kind.traits.stops; });
}

waitable_kinds token_waitables() {
  return only_those([](const auto& kind) { return kind.traits.exclusive; });
}

waitable_kinds gate_waitables() {
  return only_those([](const auto& kind) { return !kind.traits.exclusive; });
}

waitable_kind waitable_named(std::string_view name) {
  for (const waitable_kind& kind : waitables())
    if (kind.name == name) return kind;
  throw std::out_of_range("no such waitable: " + std::string(name));
}

std::string waitable_name(const testing::TestParamInfo<waitable_kind>& info) {
  return info.param.name;
}

}  // namespace syncxx_test
