// SPDX-License-Identifier: Apache-2.0
//
// Values of any atomic type as the checker knows them: up to 16 bytes, equal
// for equal values. Included by <sync/model/atomic.h>.
#ifndef SYNCXX_MODEL_VALUE_H_
#define SYNCXX_MODEL_VALUE_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include <sync/detail/config.h>
#include <sync/model/access.h>

// (Of pointers, too: that is meant.) NOLINTBEGIN(bugprone-sizeof-expression)
namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

// The bytes at the front of a T that hold its value. The x87's long double has
// 10, and copying it leaves the others as they are.
template <class T>
inline constexpr std::size_t kValueBytes = sizeof(T);
#if defined(__x86_64__)
template <>
inline constexpr std::size_t kValueBytes<long double> = 10;
#endif

#if !__has_builtin(__builtin_clear_padding)
// Whether byte I of a T is part of its value: it can be read in a constant.
template <class T, class Bytes, std::size_t I>
concept value_byte = requires {
  typename std::integral_constant<
      unsigned char,
      __builtin_bit_cast(Bytes, __builtin_bit_cast(T, Bytes{}))[I]>;
};
template <class T, std::size_t... I>
void clear_padding(unsigned char* bytes, std::index_sequence<I...>) noexcept {
  using all = std::array<unsigned char, sizeof(T)>;
  // Where no byte seems to be, the compiler cannot tell (pointers, bit-fields).
  if constexpr ((value_byte<T, all, I> || ...))
    ((value_byte<T, all, I> ? void() : void(bytes[I] = 0)), ...);
}
#endif

// Makes equal values have equal bytes, for what compares and waits: [atomics]
// compares values, and padding is no part of them. (With clang not in types
// that hold pointers or bit-fields.)
template <class T>
void clear_padding(T& t) noexcept {
  auto* const bytes = reinterpret_cast<unsigned char*>(&t);
  if constexpr (kValueBytes<T> != sizeof(T)) {
    std::memset(bytes + kValueBytes<T>, 0, sizeof(T) - kValueBytes<T>);
  } else if constexpr (!std::has_unique_object_representations_v<T> &&
                       !std::is_floating_point_v<T>) {
#if __has_builtin(__builtin_clear_padding)
    __builtin_clear_padding(&t);
#else
    clear_padding<T>(bytes, std::make_index_sequence<sizeof(T)>());
#endif
  }
}

template <class T>
value to_value(T t) noexcept {
  clear_padding(t);
  value v;
  std::memcpy(static_cast<void*>(&v), &t, kValueBytes<T>);
  return v;
}
template <class T>
T from_value(const value& v) noexcept {
  alignas(T) unsigned char bytes[sizeof(T)];
  std::memcpy(bytes, &v, sizeof(T));
  return *std::launder(reinterpret_cast<T*>(bytes));
}

// As std::atomic has it: sizes that are powers of two are naturally aligned.
template <class T>
inline constexpr std::size_t kAlignment = std::has_single_bit(sizeof(T))
                                              ? std::max(sizeof(T), alignof(T))
                                              : alignof(T);

}  // namespace model::engine
// NOLINTEND(bugprone-sizeof-expression)
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_MODEL_VALUE_H_
