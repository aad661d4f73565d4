// SPDX-License-Identifier: Apache-2.0
#include "histogram.h"

#include <algorithm>
#include <cstdio>

namespace syncxx::stress {

void histogram::merge(const histogram& other) noexcept {
  for (std::size_t i = 0; i != kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

std::uint64_t histogram::quantile(double fraction) const noexcept {
  const double wanted = fraction * static_cast<double>(count_);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i != kBuckets; ++i) {
    seen += buckets_[i];
    if (seen != 0 && static_cast<double>(seen) >= wanted)
      return std::min(limit(i), max_);
  }
  return max_;
}

std::string histogram::summary() const {
  if (count_ == 0) return "n 0";
  return "n " + format_count(count_) + "  p50 " +
         format_duration(quantile(0.5)) + "  p99 " +
         format_duration(quantile(0.99)) + "  p99.9 " +
         format_duration(quantile(0.999)) + "  max " + format_duration(max_);
}

std::string histogram::rows(const char* indent) const {
  constexpr int kWidth = 50;
  std::array<std::uint64_t, 65> octaves{};
  for (std::size_t i = 0; i != kBuckets; ++i)
    octaves[static_cast<std::size_t>(std::bit_width(limit(i)))] += buckets_[i];
  const std::uint64_t top = *std::max_element(octaves.begin(), octaves.end());
  std::string text;
  for (std::size_t i = 0; i != octaves.size(); ++i) {
    if (octaves[i] == 0) continue;
    const auto bar = static_cast<int>(static_cast<double>(octaves[i]) /
                                      static_cast<double>(top) * kWidth);
    char line[160];
    std::snprintf(line, sizeof line, "%s< %7s %9s %.*s\n", indent,
                  format_duration(std::uint64_t{1} << i).c_str(),
                  format_count(octaves[i]).c_str(), std::max(bar, 1),
                  "##################################################");
    text += line;
  }
  return text;
}

std::string format_duration(std::uint64_t nanoseconds) {
  char text[32];
  const auto ns = static_cast<double>(nanoseconds);
  if (nanoseconds < 1000)
    std::snprintf(text, sizeof text, "%.0fns", ns);
  else if (nanoseconds < 1000000)
    std::snprintf(text, sizeof text, "%.1fus", ns / 1e3);
  else if (nanoseconds < 1000000000)
    std::snprintf(text, sizeof text, "%.1fms", ns / 1e6);
  else
    std::snprintf(text, sizeof text, "%.2fs", ns / 1e9);
  return text;
}

std::string format_count(std::uint64_t n) {
  char text[32];
  const auto value = static_cast<double>(n);
  if (n < 10000)
    std::snprintf(text, sizeof text, "%.0f", value);
  else if (n < 1000000)
    std::snprintf(text, sizeof text, "%.1fk", value / 1e3);
  else
    std::snprintf(text, sizeof text, "%.1fM", value / 1e6);
  return text;
}

}  // namespace syncxx::stress
