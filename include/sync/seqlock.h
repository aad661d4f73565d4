// SPDX-License-Identifier: Apache-2.0
//
// seqlock: a value that readers copy without writing to shared memory.
//
// Choose it for a small value (some words) that is read often and written
// seldom, by threads that want a copy: a position, a configuration, a clock's
// base. Choose biased_shared_mutex where readers need more than a copy, or the
// value is not trivially copyable; std::atomic where it fits into one.
//
// Promises
//   size      4 bytes for the sequence, and T in whole words; constinit; in
//             zero-initialised memory T's bytes are zero; trivially
//             destructible
//   cost      load no RMW: a load a word, and two of the sequence. store 2 RMWs
//             and a store a word; no syscall unless a writer sleeps
//   progress  load is wait-free while nobody writes; beside writes it is tried
//             again, and gives way to a writer that has been preempted, so that
//             a stream of writes can keep it for as long as it lasts. Writers
//             exclude each other as with a mutex that lets them barge
//   ordering  a load synchronizes with the store whose value it returns; writes
//             have one order
//   data race free by the C++ memory model: the value is read and written in
//             atomic words (H.-J. Boehm, "Can Seqlocks Get Along With
//             Programming Language Memory Models?", MSPC 2012; P1478). A copy
//             that is torn is thrown away before anybody sees it as a T
//   lifetime  may be destroyed when the last load and store have returned
//   limits    a load that is interrupted in the middle of its copy for exactly
//             2^29 writes, or a multiple, takes a torn value for a whole one
//   fork      in the child: construct anew; do not use the parent's state
//   signals   a handler may load what its own thread is not writing
//
// Design: docs/design/seqlock.md. Stress: stress/seqlock_stress.cc.
#ifndef SYNCXX_SEQLOCK_H_
#define SYNCXX_SEQLOCK_H_

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include <sync/detail/atomic.h>
#include <sync/detail/config.h>
#include <sync/detail/raw_sequence.h>
#include <sync/detail/spin_wait.h>

namespace syncxx::inline SYNCXX_ABI {

template <class T>
class seqlock {
  static_assert(std::is_trivially_copyable_v<T>,
                "a seqlock's value is copied as bytes");
  static_assert(std::is_same_v<T, std::decay_t<T>>,
                "a seqlock's value can be returned");

 public:
  using value_type = T;

  constexpr seqlock() noexcept(std::is_nothrow_default_constructible_v<
                               T>) requires(std::is_default_constructible_v<T>)
      : seqlock(T()) {}
  // In a constant expression T must have no padding.
  constexpr explicit seqlock(const T& value) noexcept
      : seqlock(to_words(value), std::make_index_sequence<kWords>()) {}
  seqlock(const seqlock&) = delete;
  seqlock& operator=(const seqlock&) = delete;

  // A copy of the value, as it was at one moment during the call.
  T load() const noexcept {
    if constexpr (std::is_default_constructible_v<T>) {
      T value;  // words go straight to where they are returned
      copy_whole(std::addressof(value));
      return value;
    } else {
      bytes value;
      copy_whole(&value);
      return std::bit_cast<T>(value);
    }
  }
  // False: somebody is writing, or was just now.
  bool try_load(T& value) const noexcept {
    bytes copy;
    if (!try_copy(&copy)) return false;
    value = std::bit_cast<T>(copy);
    return true;
  }

  void store(const T& value) noexcept {
    const words copy = to_words(value);
    sequence_.lock_to_write();
    write(copy);
    sequence_.unlock_written();
  }

  // Writes f(v), v being a copy of the value; or, if f returns nothing, what it
  // has made of v. Other writers wait, readers do not until f has returned.
  // Must not use this seqlock. If it throws nothing has been changed.
  template <class F>
  requires std::invocable<F, T&>
  void update(F&& f) {
    sequence_.lock();
    words copy;
    try {
      // Relaxed: nobody else writes, and who wrote has unlocked.
      for (std::size_t i = 0; i < kWords; ++i)
        copy.word[i] = words_[i].load(detail::memory_order_relaxed);
      T value = from_words(copy);
      if constexpr (std::is_void_v<std::invoke_result_t<F, T&>>)
        std::invoke(std::forward<F>(f), value);
      else
        value = std::invoke(std::forward<F>(f), value);
      copy = to_words(value);
    } catch (...) {
      sequence_.unlock();
      throw;
    }
    sequence_.begin_to_write();
    write(copy);
    sequence_.unlock_written();
  }

 private:
  // As large as T's size allows without a rest, so that T's words are its
  // bytes.
  using unit =
      std::conditional_t<sizeof(T) % 8 == 0, std::uint64_t, std::uint32_t>;
  static constexpr std::size_t kWords =
      (sizeof(T) + sizeof(unit) - 1) / sizeof(unit);
  struct words {
    unit word[kWords];
  };
  // T, and what it lacks of whole words.
  struct exact {
    T value;
  };
  struct padded {
    T value;
    std::byte rest[sizeof(words) - sizeof(T) + (sizeof(words) == sizeof(T))];
  };

  template <std::size_t... I>
  constexpr seqlock(const words& value, std::index_sequence<I...>) noexcept
      : words_{detail::atomic<unit>(value.word[I])...} {}

  static constexpr words to_words(const T& value) noexcept {
    if (std::is_constant_evaluated()) {
      if constexpr (sizeof(words) == sizeof(T))
        return std::bit_cast<words>(value);
      else if constexpr (sizeof(padded) == sizeof(words))
        return std::bit_cast<words>(padded{value, {}});
    }
    words copy{};
    std::memcpy(&copy, std::addressof(value), sizeof(T));
    return copy;
  }
  using bytes = std::array<std::byte, sizeof(T)>;
  static T from_words(const words& copy) noexcept {
    bytes value;
    std::memcpy(&value, &copy, sizeof value);
    return std::bit_cast<T>(value);
  }

  void copy_whole(void* to) const noexcept {
    if (!try_copy(to)) [[unlikely]]
      for (detail::patience writer; !try_copy(to);) writer.wait();
  }
  bool try_copy(void* to) const noexcept {
    const std::uint32_t before = sequence_.begin_read();
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kWords; ++i) {
      // [Q5] acquire; pairs with [Q6]: a word of a write makes that write's
      // beginning visible to end_read(). (No fence: TSan knows none.)
      const unit w = words_[i].load(detail::memory_order_acquire);
      const std::size_t at = i * sizeof(unit);
      std::memcpy(static_cast<std::byte*>(to) + at, &w,
                  i + 1 < kWords ? sizeof w : sizeof(T) - at);
    }
    return sequence_.end_read(before);
  }
  void write(const words& copy) noexcept {
    for (std::size_t i = 0; i < kWords; ++i) {
      // [Q6] release; pairs with [Q5].
      words_[i].store(copy.word[i], detail::memory_order_release);
    }
  }

  detail::raw_sequence sequence_;
  detail::atomic<unit> words_[kWords];
};

static_assert(SYNCXX_IN_RELACY || sizeof(seqlock<std::uint32_t>) == 8);
static_assert(SYNCXX_IN_RELACY || sizeof(seqlock<std::uint64_t>) == 16);

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SEQLOCK_H_
