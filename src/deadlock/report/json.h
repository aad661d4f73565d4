// SPDX-License-Identifier: Apache-2.0
//
// Writes JSON: commas, and strings that hold whatever bytes.
#ifndef SYNCXX_SRC_DEADLOCK_REPORT_JSON_H_
#define SYNCXX_SRC_DEADLOCK_REPORT_JSON_H_

#include <cstdint>
#include <string_view>

#include <sync/detail/config.h>

#include "text.h"

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

class json_writer {
 public:
  explicit json_writer(text& out) noexcept : out_(out) {}

  json_writer& open(char bracket) noexcept {
    value();
    out_ << std::string_view(&bracket, 1);
    first_ = true;
    return *this;
  }
  json_writer& close(char bracket) noexcept {
    out_ << std::string_view(&bracket, 1);
    first_ = false;
    return *this;
  }
  // Of the value that comes next.
  json_writer& key(std::string_view name) noexcept {
    string(name);
    out_ << ":";
    first_ = true;
    return *this;
  }
  json_writer& string(std::string_view bytes) noexcept;
  json_writer& number(std::int64_t n) noexcept {
    value();
    out_ << n;
    return *this;
  }
  // As a string: not all readers have 64-bit numbers.
  json_writer& hex(std::uintptr_t n) noexcept {
    value();
    out_ << "\"";
    out_.hex(n) << "\"";
    return *this;
  }
  json_writer& null() noexcept {
    value();
    out_ << "null";
    return *this;
  }

 private:
  void value() noexcept {
    if (!first_) out_ << ",";
    first_ = false;
  }

  text& out_;
  bool first_ = true;  // no comma before what comes next
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_REPORT_JSON_H_
