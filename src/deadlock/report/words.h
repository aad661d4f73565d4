// SPDX-License-Identifier: Apache-2.0
//
// What the forms of a report have in common: how a finding is gone through, how
// threads and objects are called.
#ifndef SYNCXX_SRC_DEADLOCK_REPORT_WORDS_H_
#define SYNCXX_SRC_DEADLOCK_REPORT_WORDS_H_

#include <cstdint>
#include <string_view>

#include <sync/detail/config.h>

#include "finding.h"
#include "names.h"
#include "text.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

// Calls f with each deed of the finding.
template <class F>
void for_each_deed(const finding& found, F f) {
  for (const deed* one : {found.here, found.other, found.before})
    if (one != nullptr) f(*one);
  for (std::uint32_t i = 0; i < found.links; ++i) {
    const deadlock_link& link = found.link(found.circle, i);
    f(link.held);
    f(link.wanted);
  }
}

// The name of an object: what the finding says, or what set_name() has been
// told.
class object_name {
 public:
  explicit object_name(const object_ref& object) noexcept : name_(object.name) {
    if (name_ == nullptr && copy_name(object.address, copy_)) name_ = copy_;
  }
  object_name(const object_name&) = delete;
  object_name& operator=(const object_name&) = delete;

  const char* get() const noexcept { return name_; }  // null: it has none

 private:
  const char* name_;
  char copy_[kNameSize];
};

// mutex 0x7f00 "accounts"
void print_object(const object_ref& object, text& out) noexcept;
// thread 1234 "worker" (has ended)
void print_thread(int tid, text& out) noexcept;
// The object of a circle: what a thread waits for, or, for a join, the thread.
void print_node(const deed& held, text& out) noexcept;

// "deadlock", "misuse", ...: what stands before the line that says what.
std::string_view headline_of(finding_kind kind) noexcept;

const char* advice_for(const finding& found) noexcept;

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_REPORT_WORDS_H_
