// SPDX-License-Identifier: Apache-2.0
//
// Text in memory that is there already, or grows into the kernel's pages; what
// does not fit is left out.
#ifndef SYNCXX_SRC_DEADLOCK_REPORT_TEXT_H_
#define SYNCXX_SRC_DEADLOCK_REPORT_TEXT_H_

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include <sync/detail/config.h>

#if SYNCXX_HOOKED

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

class text {
 public:
  enum class growth : std::uint8_t { none, pages };

  explicit text(std::span<char> storage, growth more = growth::none) noexcept
      : storage_(storage), growth_(more) {}
  text(const text&) = delete;
  text& operator=(const text&) = delete;
  ~text() {
    if (mapped_) give_back();
  }

  text& operator<<(std::string_view part) noexcept {
    if (part.size() > storage_.size() - size_ && growth_ == growth::pages)
      grow(part.size());
    const std::size_t room = storage_.size() - size_;
    const std::size_t n = part.size() < room ? part.size() : room;
    if (n > 0) std::memcpy(storage_.data() + size_, part.data(), n);
    size_ += n;
    return *this;
  }
  text& operator<<(std::int64_t number) noexcept { return append(number, 10); }
  text& hex(std::uintptr_t number) noexcept {
    *this << "0x";
    return append(number, 16);
  }
  text& hex(const void* address) noexcept {
    return hex(reinterpret_cast<std::uintptr_t>(address));
  }

  // `part` with each `word` left out.
  text& without(std::string_view part, std::string_view word) noexcept {
    for (std::size_t at; (at = part.find(word)) != std::string_view::npos;) {
      *this << part.substr(0, at);
      part.remove_prefix(at + word.size());
    }
    return *this << part;
  }

  text& spaces(std::size_t n) noexcept {
    for (; n > 0; --n) *this << " ";
    return *this;
  }

  // Leaves the first `size` characters, or all.
  void cut(std::size_t size) noexcept {
    if (size < size_) size_ = size;
  }
  std::string_view view() const noexcept { return {storage_.data(), size_}; }
  std::size_t size() const noexcept { return size_; }

 private:
  template <class Number>
  text& append(Number number, int base) noexcept {
    char digits[24];
    const auto end =
        std::to_chars(digits, digits + sizeof digits, number, base).ptr;
    return *this << std::string_view(digits,
                                     static_cast<std::size_t>(end - digits));
  }

  // Makes room for `more` behind what is there, if there is memory.
  void grow(std::size_t more) noexcept;
  void give_back() noexcept;

  std::span<char> storage_;
  std::size_t size_ = 0;
  growth growth_;
  bool mapped_ = false;  // storage_ is pages, no more what was given
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED

#endif  // SYNCXX_SRC_DEADLOCK_REPORT_TEXT_H_
