// SPDX-License-Identifier: Apache-2.0
#include "text.h"

#if SYNCXX_HOOKED

#include "../detection/storage.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

void text::grow(std::size_t more) noexcept {
  constexpr std::size_t kFirst = std::size_t{256} * 1024;
  std::size_t bytes = mapped_ ? storage_.size() * 2 : kFirst;
  while (bytes - size_ < more) bytes *= 2;
  auto* const pages = static_cast<char*>(map_pages(bytes));
  if (pages == nullptr) return;
  if (size_ > 0) std::memcpy(pages, storage_.data(), size_);
  if (mapped_) give_back();
  storage_ = {pages, bytes};
  mapped_ = true;
}

void text::give_back() noexcept {
  unmap_pages(storage_.data(), storage_.size());
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
