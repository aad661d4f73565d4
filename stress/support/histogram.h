// SPDX-License-Identifier: Apache-2.0
//
// A latency histogram of one thread: log2 buckets, each cut in four, so that a
// quantile is right within a quarter of its power of two. Merged after the
// threads are joined; never shared while they run.
#ifndef SYNCXX_STRESS_SUPPORT_HISTOGRAM_H_
#define SYNCXX_STRESS_SUPPORT_HISTOGRAM_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>

namespace syncxx::stress {

class histogram {
 public:
  void add(std::uint64_t nanoseconds) noexcept {
    ++buckets_[bucket(nanoseconds)];
    ++count_;
    if (nanoseconds > max_) max_ = nanoseconds;
  }

  void merge(const histogram& other) noexcept;

  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t max() const noexcept { return max_; }

  // The smallest bucket limit that `fraction` of the samples do not exceed.
  std::uint64_t quantile(double fraction) const noexcept;

  // One line: "n 1.2M  p50 1.0us  p99 …  p99.9 …  max …".
  std::string summary() const;

  // One line per power of two that holds samples, with a bar.
  std::string rows(const char* indent) const;

 private:
  static constexpr std::size_t kPerOctave = 4;
  static constexpr std::size_t kBuckets = 63 * kPerOctave;

  static constexpr std::size_t bucket(std::uint64_t v) noexcept {
    if (v < kPerOctave) return static_cast<std::size_t>(v);
    const auto octave = static_cast<std::size_t>(std::bit_width(v)) - 1;
    return (octave - 1) * kPerOctave +
           static_cast<std::size_t>((v >> (octave - 2)) & (kPerOctave - 1));
  }

  // The largest value that falls into bucket `index`.
  static constexpr std::uint64_t limit(std::size_t index) noexcept {
    if (index < kPerOctave) return index;
    const std::size_t octave = index / kPerOctave + 1;
    const std::uint64_t step = index % kPerOctave + 1;
    return (std::uint64_t{1} << octave) + (step << (octave - 2)) - 1;
  }

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

// "850ns", "1.2us", "14.0ms", "2.5s".
std::string format_duration(std::uint64_t nanoseconds);

// "950", "12.3k", "1.2M".
std::string format_count(std::uint64_t n);

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_HISTOGRAM_H_
