// SPDX-License-Identifier: Apache-2.0
//
// The stress tests' random numbers: one stream per thread, all of them made
// from the run's seed, so that a seed repeats every choice of every thread
// (the interleaving is the machine's own).
#ifndef SYNCXX_STRESS_SUPPORT_RANDOM_H_
#define SYNCXX_STRESS_SUPPORT_RANDOM_H_

#include <cstdint>

namespace syncxx::stress {

// A Weyl sequence put through a 64-bit mixer (Steele, Lea, Flood: "Fast
// splittable pseudorandom number generators", OOPSLA 2014).
class rng {
 public:
  using result_type = std::uint64_t;

  explicit constexpr rng(std::uint64_t seed, std::uint64_t stream = 0) noexcept
      : state_(mix(seed) ^ mix(stream + kGamma)) {}

  static constexpr result_type min() noexcept { return 0; }
  static constexpr result_type max() noexcept { return ~result_type{0}; }

  constexpr result_type operator()() noexcept {
    state_ += kGamma;
    return mix(state_);
  }

  // Uniform in [0, n); 0 for n == 0.
  constexpr std::uint64_t below(std::uint64_t n) noexcept {
    __extension__ using wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<wide>((*this)()) * n) >> 64);
  }

  // Uniform in [low, high].
  constexpr std::uint64_t between(std::uint64_t low,
                                  std::uint64_t high) noexcept {
    return low + below(high - low + 1);
  }

  constexpr bool one_in(std::uint64_t n) noexcept { return below(n) == 0; }

 private:
  static constexpr std::uint64_t kGamma = 0x9e3779b97f4a7c15;

  static constexpr std::uint64_t mix(std::uint64_t x) noexcept {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  }

  std::uint64_t state_;
};

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_RANDOM_H_
