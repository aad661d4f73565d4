// SPDX-License-Identifier: Apache-2.0
//
// atomic, atomic_flag, cell: shared memory under names that a checker can take
// over.
//
// Write your own structures with these instead of std::atomic and plain
// members, and one source can both be used and be explored by a model checker.
// Here, in the real world, atomic<T> IS std::atomic<T>, and a cell<T> is a
// plain T: neither costs anything.
#ifndef SYNCXX_ATOMIC_H_
#define SYNCXX_ATOMIC_H_

#include <cstddef>
#include <type_traits>
#include <utility>

#include <sync/detail/atomic.h>
#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {

using detail::atomic;
#if !SYNCXX_IN_RELACY
using detail::atomic_flag;
#endif
using detail::atomic_thread_fence;
using detail::memory_order;
using detail::memory_order_acq_rel;
using detail::memory_order_acquire;
using detail::memory_order_relaxed;
using detail::memory_order_release;
using detail::memory_order_seq_cst;

// Plain shared data. Two threads that use one at the same time, one of them to
// write, make a data race (undefined behaviour, [intro.races]); a checker says
// so. Ordering: none of its own.
#if SYNCXX_MODELLED
template <class T>
class cell {
  using source = model::engine::source;
  static constexpr std::size_t kShown =
      std::is_trivially_copyable_v<T>
          ? sizeof(T)  // NOLINT(bugprone-sizeof-expression): T may be a pointer
          : 0;

 public:
  constexpr cell() {
    if (!std::is_constant_evaluated())
      model::engine::cell_construct(
          this, kShown, !std::is_trivially_default_constructible_v<T>);
  }
  constexpr cell(T value) noexcept(std::is_nothrow_move_constructible_v<T>)
      : value_(std::move(value)) {
    if (!std::is_constant_evaluated())
      model::engine::cell_construct(this, kShown, true);
  }
  cell(const cell&) = delete;
  cell& operator=(const cell&) = delete;
  constexpr ~cell() {
    if (!std::is_constant_evaluated()) model::engine::destroy(this);
  }

  const T& get(const source& where = source::current()) const noexcept {
    model::engine::cell_read(this, kShown, where);
    return value_;
  }
  void set(T value, const source& where = source::current()) noexcept(
      std::is_nothrow_move_assignable_v<T>) {
    model::engine::cell_write(this, kShown, where);
    value_ = std::move(value);
  }
  operator const T&() const noexcept { return get(source()); }
  cell& operator=(T value) noexcept(std::is_nothrow_move_assignable_v<T>) {
    set(std::move(value), source());
    return *this;
  }

 private:
  T value_;
};
#elif SYNCXX_IN_RELACY
using relacy::cell;
#else
template <class T>
class cell {
 public:
  constexpr cell() = default;  // T() for class types; else uninitialised
  constexpr cell(T value) noexcept(std::is_nothrow_move_constructible_v<T>)
      : value_(std::move(value)) {}
  cell(const cell&) = delete;
  cell& operator=(const cell&) = delete;

  constexpr const T& get() const noexcept { return value_; }
  constexpr void set(T value) noexcept(std::is_nothrow_move_assignable_v<T>) {
    value_ = std::move(value);
  }
  constexpr operator const T&() const noexcept { return get(); }
  constexpr cell& operator=(T value) noexcept(
      std::is_nothrow_move_assignable_v<T>) {
    set(std::move(value));
    return *this;
  }

 private:
  T value_;
};
#endif

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_ATOMIC_H_
