// SPDX-License-Identifier: Apache-2.0
//
// Findings of the checker, made by hand. For the hooked library alone.
#ifndef SYNCXX_TESTS_SUPPORT_FINDINGS_H_
#define SYNCXX_TESTS_SUPPORT_FINDINGS_H_

#include <sync/detail/config.h>

#if SYNCXX_HOOKED

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "src/deadlock/report/finding.h"
#include "src/deadlock/report/outputs.h"
#include "src/deadlock/report/place.h"

namespace syncxx_test {

namespace detail = syncxx::detail;
using detail::deed;
using detail::finding;
using detail::finding_kind;
using detail::object_kind;

// The place of the call.
[[gnu::noinline]] inline detail::place place_here() {
  detail::place here;
  detail::capture(here, SYNCXX_CALL_SITE());
  return here;
}

// Threads that there are not, and objects that nobody dereferences.
inline constexpr int kFirstTid = 0x7fff0000;
inline const void* object_at(std::uintptr_t number) {
  return reinterpret_cast<const void*>(0x1000 * (number + 1));
}

inline deed deed_of(std::uint64_t thread, std::uintptr_t object,
                    const detail::place& at,
                    object_kind kind = object_kind::mutex) {
  deed d;
  d.thread = thread + 1;
  d.tid = kFirstTid + static_cast<int>(thread);
  d.object = {object_at(object), kind, nullptr};
  d.at = at;
  return d;
}

class circle {
 public:
  // Thread i holds object i and waits for the next; all at two places.
  circle(std::size_t size, const detail::place& held,
         const detail::place& wanted) {
    for (std::size_t i = 0; i < size; ++i)
      links_.push_back(
          {deed_of(i, i, held), deed_of(i, (i + 1) % size, wanted)});
  }

  std::vector<detail::deadlock_link>& links() { return links_; }

  finding as(finding_kind kind, const char* what = "made up") const {
    return {.kind = kind,
            .what = what,
            .code = EDEADLK,
            .links = static_cast<std::uint32_t>(links_.size()),
            .link = at,
            .circle = &links_};
  }

 private:
  static const detail::deadlock_link& at(const void* links, std::uint32_t i) {
    return (*static_cast<const std::vector<detail::deadlock_link>*>(links))[i];
  }
  std::vector<detail::deadlock_link> links_;
};

// As if the program had been started with it.
inline void set_environment(const char* variable, const std::string& value) {
  setenv(variable, value.c_str(), 1);
  detail::outputs::read_environment();
}

}  // namespace syncxx_test

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_TESTS_SUPPORT_FINDINGS_H_
