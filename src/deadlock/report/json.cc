// SPDX-License-Identifier: Apache-2.0
#include "json.h"

#if SYNCXX_HOOKED

#include <cstddef>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

// The size of the UTF-8 sequence that `bytes` begins with; 0: it is none
// (Unicode 15, table 3-7: no overlong forms, no surrogates).
std::size_t sequence_size(std::string_view bytes) noexcept {
  const auto at = [&](std::size_t i) {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u;
  };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xc2 && first <= 0xdf   ? 2
                           : first >= 0xe0 && first <= 0xef ? 3
                           : first >= 0xf0 && first <= 0xf4 ? 4
                                                            : 0;
  unsigned low = 0x80;
  unsigned high = 0xbf;
  if (first == 0xe0) low = 0xa0;
  if (first == 0xed) high = 0x9f;
  if (first == 0xf0) low = 0x90;
  if (first == 0xf4) high = 0x8f;
  for (std::size_t i = 1; i < size; ++i) {
    if (at(i) < low || high < at(i)) return 0;
    low = 0x80;
    high = 0xbf;
  }
  return size;
}

}  // namespace

json_writer& json_writer::string(std::string_view bytes) noexcept {
  value();
  out_ << "\"";
  while (!bytes.empty()) {
    const std::size_t size = sequence_size(bytes);
    const char c = bytes[0];
    if (size == 0) {
      out_ << "\\ufffd";
    } else if (c == '"' || c == '\\') {
      out_ << "\\" << bytes.substr(0, 1);
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      const auto code = static_cast<std::size_t>(static_cast<unsigned char>(c));
      out_ << "\\u00" << kDigits.substr(code >> 4, 1)
           << kDigits.substr(code & 15, 1);
    } else {
      out_ << bytes.substr(0, size);
    }
    bytes.remove_prefix(size == 0 ? 1 : size);
  }
  out_ << "\"";
  return *this;
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
