// SPDX-License-Identifier: Apache-2.0
//
// The standard's requirements on lock types as concepts
// ([thread.req.lockable], C++20).
#ifndef SYNCXX_TESTS_SUPPORT_LOCKABLE_CONCEPTS_H_
#define SYNCXX_TESTS_SUPPORT_LOCKABLE_CONCEPTS_H_

#include <chrono>
#include <concepts>
#include <type_traits>

namespace syncxx_test {

template <class M>
concept basic_lockable = requires(M& m) {
  { m.lock() } -> std::same_as<void>;
  { m.unlock() } -> std::same_as<void>;
};

template <class M>
concept lockable = basic_lockable<M> && requires(M& m) {
  { m.try_lock() } -> std::same_as<bool>;
};

template <class M>
concept timed_lockable = lockable<M> && requires(
    M& m, std::chrono::duration<double, std::deci> d,
    std::chrono::time_point<std::chrono::system_clock, std::chrono::minutes>
        t) {
  { m.try_lock_for(d) } -> std::same_as<bool>;
  { m.try_lock_until(t) } -> std::same_as<bool>;
};

template <class M>
concept shared_timed_lockable = timed_lockable<M> && requires(
    M& m, std::chrono::duration<double, std::deci> d,
    std::chrono::time_point<std::chrono::system_clock, std::chrono::minutes>
        t) {
  { m.lock_shared() } -> std::same_as<void>;
  { m.unlock_shared() } -> std::same_as<void>;
  { m.try_lock_shared() } -> std::same_as<bool>;
  { m.try_lock_shared_for(d) } -> std::same_as<bool>;
  { m.try_lock_shared_until(t) } -> std::same_as<bool>;
};

// [thread.mutex.requirements.mutex]: all that a mutex type is besides.
template <class M>
concept mutex_type =
    lockable<M> && std::is_default_constructible_v<M> &&
    std::is_destructible_v<M> && !std::is_copy_constructible_v<M> &&
    !std::is_move_constructible_v<M> && !std::is_copy_assignable_v<M> &&
    !std::is_move_assignable_v<M>;

// Not copied, not moved.
template <class T>
concept pinned =
    !std::is_copy_constructible_v<T> && !std::is_move_constructible_v<T> &&
    !std::is_copy_assignable_v<T> && !std::is_move_assignable_v<T>;

}  // namespace syncxx_test

#endif  // SYNCXX_TESTS_SUPPORT_LOCKABLE_CONCEPTS_H_
