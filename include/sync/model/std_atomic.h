// SPDX-License-Identifier: Apache-2.0
//
// The modelled std::atomic under all its names: typedefs and free functions of
// [atomics.syn]. Included by <sync/model/std_names.h>.
#ifndef SYNCXX_MODEL_STD_ATOMIC_H_
#define SYNCXX_MODEL_STD_ATOMIC_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <sync/atomic.h>
#include <sync/model/access.h>

namespace syncxx_model_std {

using ::std::memory_order;
using ::syncxx::atomic;
using ::syncxx::atomic_flag;
using ::syncxx::atomic_thread_fence;
// There are no signals in a test.
inline void atomic_signal_fence(memory_order) noexcept {}

using atomic_bool = atomic<bool>;
using atomic_char = atomic<char>;
using atomic_schar = atomic<signed char>;
using atomic_uchar = atomic<unsigned char>;
using atomic_short = atomic<short>;
using atomic_ushort = atomic<unsigned short>;
using atomic_int = atomic<int>;
using atomic_uint = atomic<unsigned>;
using atomic_long = atomic<long>;
using atomic_ulong = atomic<unsigned long>;
using atomic_llong = atomic<long long>;
using atomic_ullong = atomic<unsigned long long>;
using atomic_char8_t = atomic<char8_t>;
using atomic_char16_t = atomic<char16_t>;
using atomic_char32_t = atomic<char32_t>;
using atomic_wchar_t = atomic<wchar_t>;
using atomic_int8_t = atomic<::std::int8_t>;
using atomic_uint8_t = atomic<::std::uint8_t>;
using atomic_int16_t = atomic<::std::int16_t>;
using atomic_uint16_t = atomic<::std::uint16_t>;
using atomic_int32_t = atomic<::std::int32_t>;
using atomic_uint32_t = atomic<::std::uint32_t>;
using atomic_int64_t = atomic<::std::int64_t>;
using atomic_uint64_t = atomic<::std::uint64_t>;
using atomic_int_least8_t = atomic<::std::int_least8_t>;
using atomic_uint_least8_t = atomic<::std::uint_least8_t>;
using atomic_int_least16_t = atomic<::std::int_least16_t>;
using atomic_uint_least16_t = atomic<::std::uint_least16_t>;
using atomic_int_least32_t = atomic<::std::int_least32_t>;
using atomic_uint_least32_t = atomic<::std::uint_least32_t>;
using atomic_int_least64_t = atomic<::std::int_least64_t>;
using atomic_uint_least64_t = atomic<::std::uint_least64_t>;
using atomic_int_fast8_t = atomic<::std::int_fast8_t>;
using atomic_uint_fast8_t = atomic<::std::uint_fast8_t>;
using atomic_int_fast16_t = atomic<::std::int_fast16_t>;
using atomic_uint_fast16_t = atomic<::std::uint_fast16_t>;
using atomic_int_fast32_t = atomic<::std::int_fast32_t>;
using atomic_uint_fast32_t = atomic<::std::uint_fast32_t>;
using atomic_int_fast64_t = atomic<::std::int_fast64_t>;
using atomic_uint_fast64_t = atomic<::std::uint_fast64_t>;
using atomic_intptr_t = atomic<::std::intptr_t>;
using atomic_uintptr_t = atomic<::std::uintptr_t>;
using atomic_size_t = atomic<::std::size_t>;
using atomic_ptrdiff_t = atomic<::std::ptrdiff_t>;
using atomic_intmax_t = atomic<::std::intmax_t>;
using atomic_uintmax_t = atomic<::std::uintmax_t>;
using atomic_signed_lock_free = atomic<int>;
using atomic_unsigned_lock_free = atomic<unsigned>;

// Arguments that do not say what T is.
template <class T>
using atomic_value_t = typename atomic<T>::value_type;
template <class T>
using atomic_difference_t = typename atomic<T>::difference_type;
using atomic_source = ::syncxx::model::engine::source;

template <class T>
bool atomic_is_lock_free(const atomic<T>* a) noexcept {
  return a->is_lock_free();
}
template <class T>
void atomic_init(atomic<T>* a, atomic_value_t<T> v,
                 const atomic_source& at = atomic_source::current()) noexcept {
  a->store(v, memory_order::relaxed, at);
}
template <class T>
void atomic_store(atomic<T>* a, atomic_value_t<T> v,
                  const atomic_source& at = atomic_source::current()) noexcept {
  a->store(v, memory_order::seq_cst, at);
}
template <class T>
void atomic_store_explicit(
    atomic<T>* a, atomic_value_t<T> v, memory_order o,
    const atomic_source& at = atomic_source::current()) noexcept {
  a->store(v, o, at);
}
template <class T>
T atomic_load(const atomic<T>* a,
              const atomic_source& at = atomic_source::current()) noexcept {
  return a->load(memory_order::seq_cst, at);
}
template <class T>
T atomic_load_explicit(
    const atomic<T>* a, memory_order o,
    const atomic_source& at = atomic_source::current()) noexcept {
  return a->load(o, at);
}
template <class T>
T atomic_exchange(atomic<T>* a, atomic_value_t<T> v,
                  const atomic_source& at = atomic_source::current()) noexcept {
  return a->exchange(v, memory_order::seq_cst, at);
}
template <class T>
T atomic_exchange_explicit(
    atomic<T>* a, atomic_value_t<T> v, memory_order o,
    const atomic_source& at = atomic_source::current()) noexcept {
  return a->exchange(v, o, at);
}
template <class T>
bool atomic_compare_exchange_weak(
    atomic<T>* a, atomic_value_t<T>* old, atomic_value_t<T> v,
    const atomic_source& at = atomic_source::current()) noexcept {
  return a->compare_exchange_weak(*old, v, memory_order::seq_cst, at);
}
template <class T>
bool atomic_compare_exchange_weak_explicit(
    atomic<T>* a, atomic_value_t<T>* old, atomic_value_t<T> v, memory_order o,
    memory_order failing,
    const atomic_source& at = atomic_source::current()) noexcept {
  return a->compare_exchange_weak(*old, v, o, failing, at);
}
template <class T>
bool atomic_compare_exchange_strong(
    atomic<T>* a, atomic_value_t<T>* old, atomic_value_t<T> v,
    const atomic_source& at = atomic_source::current()) noexcept {
  return a->compare_exchange_strong(*old, v, memory_order::seq_cst, at);
}
template <class T>
bool atomic_compare_exchange_strong_explicit(
    atomic<T>* a, atomic_value_t<T>* old, atomic_value_t<T> v, memory_order o,
    memory_order failing,
    const atomic_source& at = atomic_source::current()) noexcept {
  return a->compare_exchange_strong(*old, v, o, failing, at);
}
template <class T>
T atomic_fetch_add(
    atomic<T>* a, atomic_difference_t<T> n,
    const atomic_source& at = atomic_source::current()) noexcept {
  return a->fetch_add(n, memory_order::seq_cst, at);
}
template <class T>
T atomic_fetch_add_explicit(
    atomic<T>* a, atomic_difference_t<T> n, memory_order o,
    const atomic_source& at = atomic_source::current()) noexcept {
  return a->fetch_add(n, o, at);
}
template <class T>
T atomic_fetch_sub(
    atomic<T>* a, atomic_difference_t<T> n,
    const atomic_source& at = atomic_source::current()) noexcept {
  return a->fetch_sub(n, memory_order::seq_cst, at);
}
template <class T>
T atomic_fetch_sub_explicit(
    atomic<T>* a, atomic_difference_t<T> n, memory_order o,
    const atomic_source& at = atomic_source::current()) noexcept {
  return a->fetch_sub(n, o, at);
}
template <class T>
T atomic_fetch_and(
    atomic<T>* a, atomic_value_t<T> n,
    const atomic_source& at = atomic_source::current()) noexcept {
  return a->fetch_and(n, memory_order::seq_cst, at);
}
template <class T>
T atomic_fetch_and_explicit(
    atomic<T>* a, atomic_value_t<T> n, memory_order o,
    const atomic_source& at = atomic_source::current()) noexcept {
  return a->fetch_and(n, o, at);
}
template <class T>
T atomic_fetch_or(atomic<T>* a, atomic_value_t<T> n,
                  const atomic_source& at = atomic_source::current()) noexcept {
  return a->fetch_or(n, memory_order::seq_cst, at);
}
template <class T>
T atomic_fetch_or_explicit(
    atomic<T>* a, atomic_value_t<T> n, memory_order o,
    const atomic_source& at = atomic_source::current()) noexcept {
  return a->fetch_or(n, o, at);
}
template <class T>
T atomic_fetch_xor(
    atomic<T>* a, atomic_value_t<T> n,
    const atomic_source& at = atomic_source::current()) noexcept {
  return a->fetch_xor(n, memory_order::seq_cst, at);
}
template <class T>
T atomic_fetch_xor_explicit(
    atomic<T>* a, atomic_value_t<T> n, memory_order o,
    const atomic_source& at = atomic_source::current()) noexcept {
  return a->fetch_xor(n, o, at);
}
template <class T>
void atomic_wait(const atomic<T>* a, atomic_value_t<T> v,
                 const atomic_source& at = atomic_source::current()) noexcept {
  a->wait(v, memory_order::seq_cst, at);
}
template <class T>
void atomic_wait_explicit(
    const atomic<T>* a, atomic_value_t<T> v, memory_order o,
    const atomic_source& at = atomic_source::current()) noexcept {
  a->wait(v, o, at);
}
template <class T>
void atomic_notify_one(atomic<T>* a) noexcept {
  a->notify_one();
}
template <class T>
void atomic_notify_all(atomic<T>* a) noexcept {
  a->notify_all();
}
inline bool atomic_flag_test(
    const atomic_flag* a,
    const atomic_source& at = atomic_source::current()) noexcept {
  return a->test(memory_order::seq_cst, at);
}
inline bool atomic_flag_test_explicit(
    const atomic_flag* a, memory_order o,
    const atomic_source& at = atomic_source::current()) noexcept {
  return a->test(o, at);
}
inline bool atomic_flag_test_and_set(
    atomic_flag* a,
    const atomic_source& at = atomic_source::current()) noexcept {
  return a->test_and_set(memory_order::seq_cst, at);
}
inline bool atomic_flag_test_and_set_explicit(
    atomic_flag* a, memory_order o,
    const atomic_source& at = atomic_source::current()) noexcept {
  return a->test_and_set(o, at);
}
inline void atomic_flag_clear(
    atomic_flag* a,
    const atomic_source& at = atomic_source::current()) noexcept {
  a->clear(memory_order::seq_cst, at);
}
inline void atomic_flag_clear_explicit(
    atomic_flag* a, memory_order o,
    const atomic_source& at = atomic_source::current()) noexcept {
  a->clear(o, at);
}
inline void atomic_flag_wait(
    const atomic_flag* a, bool v,
    const atomic_source& at = atomic_source::current()) noexcept {
  a->wait(v, memory_order::seq_cst, at);
}
inline void atomic_flag_wait_explicit(
    const atomic_flag* a, bool v, memory_order o,
    const atomic_source& at = atomic_source::current()) noexcept {
  a->wait(v, o, at);
}
inline void atomic_flag_notify_one(atomic_flag* a) noexcept { a->notify_one(); }
inline void atomic_flag_notify_all(atomic_flag* a) noexcept { a->notify_all(); }

}  // namespace syncxx_model_std

#endif  // SYNCXX_MODEL_STD_ATOMIC_H_
