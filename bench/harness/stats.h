// SPDX-License-Identifier: Apache-2.0
//
// Medians, quartiles, Jain's fairness index, and a histogram with a bounded
// relative error for times from one tick to hours.
#ifndef SYNCXX_BENCH_HARNESS_STATS_H_
#define SYNCXX_BENCH_HARNESS_STATS_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace syncxx_bench {

// Linear interpolation between closest ranks; 0 for an empty set.
inline double quantile(std::vector<double> v, double q) {
  if (v.empty()) return 0;
  std::sort(v.begin(), v.end());
  const double at = q * static_cast<double>(v.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, v.size() - 1);
  return v[low] + (v[high] - v[low]) * (at - static_cast<double>(low));
}

struct spread {
  double median = 0;
  double q1 = 0;
  double q3 = 0;
};

inline spread spread_of(const std::vector<double>& v) {
  return {quantile(v, 0.5), quantile(v, 0.25), quantile(v, 0.75)};
}

// Per-round ratios of two series measured in the same rounds.
inline std::vector<double> ratios(const std::vector<double>& a,
                                  const std::vector<double>& base) {
  std::vector<double> out;
  for (std::size_t i = 0; i < std::min(a.size(), base.size()); ++i) {
    if (base[i] > 0) out.push_back(a[i] / base[i]);
  }
  return out;
}

// 1 when everybody got the same, 1/n when one got everything.
inline double jain_index(const std::vector<std::uint64_t>& counts) {
  double sum = 0;
  double squares = 0;
  for (const std::uint64_t c : counts) {
    const auto x = static_cast<double>(c);
    sum += x;
    squares += x * x;
  }
  if (squares <= 0) return 0;
  return sum * sum / (static_cast<double>(counts.size()) * squares);
}

// 32 buckets per power of two: a quantile is at most 3.2 % too high.
class histogram {
 public:
  void add(std::uint64_t value) {
    ++buckets_[index(value)];
    ++count_;
    max_ = std::max(max_, value);
  }

  void merge(const histogram& other) {
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      buckets_[i] += other.buckets_[i];
    }
    count_ += other.count_;
    max_ = std::max(max_, other.max_);
  }

  std::uint64_t count() const { return count_; }
  std::uint64_t max() const { return max_; }

  // The upper edge of the bucket that holds the quantile, never above max().
  std::uint64_t quantile(double q) const {
    if (count_ == 0) return 0;
    const auto rank =
        static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen >= std::max<std::uint64_t>(rank, 1)) {
        return std::min(upper_edge(i), max_);
      }
    }
    return max_;
  }

  // Calls f(upper edge, count) for each bucket that is not empty.
  template <class F>
  void for_each(F f) const {
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      if (buckets_[i] != 0) f(upper_edge(i), buckets_[i]);
    }
  }

 private:
  static constexpr unsigned kBits = 5;
  static constexpr std::size_t kSub = std::size_t{1} << kBits;

  static std::size_t index(std::uint64_t value) {
    if (value < kSub) return static_cast<std::size_t>(value);
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - kBits - 1;
    return (static_cast<std::size_t>(shift) << kBits) +
           static_cast<std::size_t>(value >> shift);
  }

  static std::uint64_t upper_edge(std::size_t i) {
    if (i < 2 * kSub) return i;
    const std::size_t shift = (i >> kBits) - 1;
    const std::uint64_t top = (i & (kSub - 1)) + kSub;
    return ((top + 1) << shift) - 1;
  }

  std::array<std::uint64_t, (64 - kBits + 1) * kSub> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace syncxx_bench

#endif  // SYNCXX_BENCH_HARNESS_STATS_H_
