// SPDX-License-Identifier: Apache-2.0
//
// The model world's atomic<T>, atomic_flag and fence: std::atomic's interface,
// each operation an event that the checker explores. Included by
// <sync/detail/atomic.h>.
#ifndef SYNCXX_MODEL_ATOMIC_H_
#define SYNCXX_MODEL_ATOMIC_H_

#include <concepts>
#include <cstddef>
#include <type_traits>

#include <sync/detail/config.h>
#include <sync/model/access.h>
#include <sync/model/value.h>

// (Of pointers, too: that is meant.) NOLINTBEGIN(bugprone-sizeof-expression)
namespace syncxx::inline SYNCXX_ABI {
namespace model {

template <class T>
class atomic {
  static_assert(std::is_trivially_copyable_v<T>,
                "an atomic's type is trivially copyable (the model has no "
                "atomic shared_ptr)");
  static_assert(sizeof(T) <= 16, "the model knows atomics of up to 16 bytes");
  using source = engine::source;
  using order = engine::memory_order;
  using kind = engine::access_kind;
  static constexpr bool kArithmetic =
      (std::integral<T> && !std::same_as<T, bool>) || std::floating_point<T>;
  static constexpr bool kBits = std::integral<T> && !std::same_as<T, bool>;
  static constexpr bool kPointer = std::is_pointer_v<T>;

 public:
  using value_type = T;
  // What fetch_add takes.
  using difference_type = std::conditional_t<kPointer, std::ptrdiff_t, T>;
  static constexpr bool is_always_lock_free = true;

  constexpr atomic() noexcept(std::is_nothrow_default_constructible_v<
                              T>) requires(std::is_default_constructible_v<T>)
      : atomic(T()) {}
  constexpr atomic(T desired) noexcept : value_(desired) {
    if (std::is_constant_evaluated()) return;
    engine::clear_padding(value_);
    engine::construct(this, sizeof(T));
  }
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;
  constexpr ~atomic() {
    if (!std::is_constant_evaluated()) engine::destroy(this);
  }

  bool is_lock_free() const noexcept { return true; }

  T load(order o = std::memory_order_seq_cst,
         const source& where = source::current()) const noexcept {
    return engine::from_value<T>(
        perform(kind::load, o, o, {}, {}, nullptr, where));
  }
  void store(T desired, order o = std::memory_order_seq_cst,
             const source& where = source::current()) noexcept {
    perform(kind::store, o, o, engine::to_value(desired), {}, nullptr, where);
  }
  operator T() const noexcept {
    return load(std::memory_order_seq_cst, source());
  }
  T operator=(T desired) noexcept {
    store(desired, std::memory_order_seq_cst, source());
    return desired;
  }
  T exchange(T desired, order o = std::memory_order_seq_cst,
             const source& where = source::current()) noexcept {
    return update<kind::exchange>(desired, o, where,
                                  [](T, T replacement) { return replacement; });
  }

  bool compare_exchange_weak(T& expected, T desired, order success,
                             order failure,
                             const source& where = source::current()) noexcept {
    return compare_exchange(kind::compare_exchange_weak, expected, desired,
                            success, failure, where);
  }
  bool compare_exchange_weak(T& expected, T desired,
                             order o = std::memory_order_seq_cst,
                             const source& where = source::current()) noexcept {
    return compare_exchange(kind::compare_exchange_weak, expected, desired, o,
                            when_failing(o), where);
  }
  bool compare_exchange_strong(
      T& expected, T desired, order success, order failure,
      const source& where = source::current()) noexcept {
    return compare_exchange(kind::compare_exchange_strong, expected, desired,
                            success, failure, where);
  }
  bool compare_exchange_strong(
      T& expected, T desired, order o = std::memory_order_seq_cst,
      const source& where = source::current()) noexcept {
    return compare_exchange(kind::compare_exchange_strong, expected, desired, o,
                            when_failing(o), where);
  }

  // Returns when it reads another value than `old`. Nobody else wakes it than
  // notify_one (one of those that wait, whichever) and notify_all.
  void wait(T old, order o = std::memory_order_seq_cst,
            const source& where = source::current()) const noexcept {
    const engine::value same = engine::to_value(old);
    while (perform(kind::load, o, o, {}, {}, nullptr, where) == same)
      engine::wait(this, sizeof(T), same, where);
  }
  void notify_one(const source& where = source::current()) noexcept {
    engine::notify(this, sizeof(T), false, where);
  }
  void notify_all(const source& where = source::current()) noexcept {
    engine::notify(this, sizeof(T), true, where);
  }

  T fetch_add(difference_type n, order o = std::memory_order_seq_cst,
              const source& where = source::current()) noexcept
      requires(kArithmetic || kPointer) {
    return update<kind::fetch_add>(
        n, o, where,
        [](T old, difference_type change) { return add(old, change); });
  }
  T fetch_sub(difference_type n, order o = std::memory_order_seq_cst,
              const source& where = source::current()) noexcept
      requires(kArithmetic || kPointer) {
    return update<kind::fetch_sub>(
        n, o, where,
        [](T old, difference_type change) { return subtract(old, change); });
  }
  T fetch_and(T n, order o = std::memory_order_seq_cst,
              const source& where = source::current()) noexcept
      requires(kBits) {
    return update<kind::fetch_and>(n, o, where, [](T old, T change) {
      return static_cast<T>(old & change);
    });
  }
  T fetch_or(T n, order o = std::memory_order_seq_cst,
             const source& where = source::current()) noexcept requires(kBits) {
    return update<kind::fetch_or>(n, o, where, [](T old, T change) {
      return static_cast<T>(old | change);
    });
  }
  T fetch_xor(T n, order o = std::memory_order_seq_cst,
              const source& where = source::current()) noexcept
      requires(kBits) {
    return update<kind::fetch_xor>(n, o, where, [](T old, T change) {
      return static_cast<T>(old ^ change);
    });
  }
  T operator++() noexcept requires(kBits || kPointer) {
    return add(fetch_add(1, std::memory_order_seq_cst, source()), 1);
  }
  T operator++(int) noexcept requires(kBits || kPointer) {
    return fetch_add(1, std::memory_order_seq_cst, source());
  }
  T operator--() noexcept requires(kBits || kPointer) {
    return subtract(fetch_sub(1, std::memory_order_seq_cst, source()), 1);
  }
  T operator--(int) noexcept requires(kBits || kPointer) {
    return fetch_sub(1, std::memory_order_seq_cst, source());
  }
  T operator+=(difference_type n) noexcept requires(kArithmetic || kPointer) {
    return add(fetch_add(n, std::memory_order_seq_cst, source()), n);
  }
  T operator-=(difference_type n) noexcept requires(kArithmetic || kPointer) {
    return subtract(fetch_sub(n, std::memory_order_seq_cst, source()), n);
  }
  T operator&=(T n) noexcept requires(kBits) {
    return static_cast<T>(fetch_and(n, std::memory_order_seq_cst, source()) &
                          n);
  }
  T operator|=(T n) noexcept requires(kBits) {
    return static_cast<T>(fetch_or(n, std::memory_order_seq_cst, source()) | n);
  }
  T operator^=(T n) noexcept requires(kBits) {
    return static_cast<T>(fetch_xor(n, std::memory_order_seq_cst, source()) ^
                          n);
  }

 private:
  static constexpr order when_failing(order o) noexcept {
    return o == std::memory_order_acq_rel   ? std::memory_order_acquire
           : o == std::memory_order_release ? std::memory_order_relaxed
                                            : o;
  }
  static constexpr T add(T a, difference_type b) noexcept {
    if constexpr (kBits) {  // wraps around, as atomics do
      using unsigned_type = std::make_unsigned_t<T>;
      return static_cast<T>(static_cast<unsigned_type>(
          static_cast<unsigned_type>(a) + static_cast<unsigned_type>(b)));
    } else {
      return a + b;
    }
  }
  static constexpr T subtract(T a, difference_type b) noexcept {
    if constexpr (kBits) {
      using unsigned_type = std::make_unsigned_t<T>;
      return static_cast<T>(static_cast<unsigned_type>(
          static_cast<unsigned_type>(a) - static_cast<unsigned_type>(b)));
    } else {
      return a - b;
    }
  }

  engine::value perform(kind what, order o, order failure,
                        const engine::value& operand,
                        const engine::value& expected,
                        engine::value (*apply)(const engine::value&,
                                               const engine::value&),
                        const source& where) const noexcept {
    engine::access a;
    a.what = what;
    a.size = sizeof(T);
    a.order = o;
    a.failure = failure;
    a.address = this;
    a.operand = operand;
    a.expected = expected;
    a.update = apply;
    a.where = where;
    return engine::perform(&a);
  }

  // detail::confirm()
  friend bool confirm_in_model(atomic& word, T seen, T next, order o,
                               const source& where) noexcept {
    return word.compare_exchange(kind::compare_exchange_strong, seen, next, o,
                                 std::memory_order_relaxed, where, true);
  }

  template <kind What, class Operand, class F>
  T update(Operand operand, order o, const source& where, F) noexcept {
    const auto apply = [](const engine::value& old,
                          const engine::value& n) -> engine::value {
      return engine::to_value<T>(
          F()(engine::from_value<T>(old), engine::from_value<Operand>(n)));
    };
    return engine::from_value<T>(
        perform(What, o, o, engine::to_value(operand), {}, apply, where));
  }

  bool compare_exchange(kind what, T& expected, T desired, order success,
                        order failure, const source& where,
                        bool confirms = false) noexcept {
    engine::access a;
    a.what = what;
    a.confirms = confirms;
    a.size = sizeof(T);
    a.order = success;
    a.failure = failure;
    a.address = this;
    a.operand = engine::to_value(desired);
    a.expected = engine::to_value(expected);
    a.where = where;
    const engine::value old = engine::perform(&a);
    if (engine::last_exchange_succeeded()) return true;
    expected = engine::from_value<T>(old);
    return false;
  }

  alignas(engine::kAlignment<T>) T value_;
};

class atomic_flag {
  using source = engine::source;
  using order = engine::memory_order;

 public:
  constexpr atomic_flag() noexcept : set_(false) {}
  constexpr atomic_flag(bool set) noexcept : set_(set) {}  // ATOMIC_FLAG_INIT

  bool test(order o = std::memory_order_seq_cst,
            const source& where = source::current()) const noexcept {
    return set_.load(o, where);
  }
  bool test_and_set(order o = std::memory_order_seq_cst,
                    const source& where = source::current()) noexcept {
    return set_.exchange(true, o, where);
  }
  void clear(order o = std::memory_order_seq_cst,
             const source& where = source::current()) noexcept {
    set_.store(false, o, where);
  }
  void wait(bool old, order o = std::memory_order_seq_cst,
            const source& where = source::current()) const noexcept {
    set_.wait(old, o, where);
  }
  void notify_one(const source& where = source::current()) noexcept {
    set_.notify_one(where);
  }
  void notify_all(const source& where = source::current()) noexcept {
    set_.notify_all(where);
  }

 private:
  atomic<bool> set_;
};

inline void atomic_thread_fence(
    engine::memory_order o,
    const engine::source& where = engine::source::current()) noexcept {
  engine::fence(o, where);
}

}  // namespace model
// NOLINTEND(bugprone-sizeof-expression)
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_MODEL_ATOMIC_H_
