// SPDX-License-Identifier: Apache-2.0
//
// Counts are gathered under the lock of the tables, places are named after
// that: debug information is read under the lock of reports. What has one name
// then is one row: a place is kept with the calls around it, which may differ.
#include "summary.h"

#if SYNCXX_HOOKED

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>
#include <tuple>

#include <sync/detail/raw_mutex.h>

#include "../detection/places.h"
#include "../detection/self.h"
#include "../detection/storage.h"
#include "../process.h"
#include "../report/large_stack.h"
#include "../report/report_lock.h"
#include "../report/symbolizer.h"
#include "../report/text.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail::statistics {
namespace {

template <std::size_t Size>
void keep(std::string_view from, char (&to)[Size]) noexcept {
  // Of a path the end says more.
  if (from.size() > Size - 1) from.remove_prefix(from.size() - (Size - 1));
  std::memcpy(to, from.data(), from.size());
  to[from.size()] = '\0';
}

// The symbolizer prints "at PLACE in FUNCTION", a line a call.
void read_label(std::string_view lines, label& to) noexcept {
  lines = lines.substr(0, lines.find('\n'));
  constexpr std::string_view kAt = "at ";
  constexpr std::string_view kIn = " in ";
  if (lines.substr(0, kAt.size()) == kAt) lines.remove_prefix(kAt.size());
  const std::size_t in = lines.find(kIn);
  const std::string_view place = lines.substr(0, in);
  keep(place.empty() ? "an unknown place" : place, to.place);
  if (in == lines.npos) return;
  const std::string_view function = lines.substr(in + kIn.size());
  keep(function.substr(0, sizeof to.function - 1), to.function);
}

template <class Row>
Row* map_rows(std::size_t n) noexcept {
  return static_cast<Row*>(map_pages((n + 1) * sizeof(Row)));
}

template <class Row>
void unmap_rows(Row* rows, std::size_t n) noexcept {
  if (rows != nullptr) unmap_pages(rows, (n + 1) * sizeof(Row));
}

auto key_of(const class_sum& c) noexcept {
  return std::tuple(c.kind, c.id == 0, c.is_named, std::string_view(c.title()));
}

auto key_of(const site_sum& s) noexcept {
  return std::tuple(s.of, std::string_view(s.at.place));
}

void add(class_sum& to, const class_sum& from) noexcept {
  to.locks += from.locks;
  to.acquisitions += from.acquisitions;
  to.shared += from.shared;
  to.contended += from.contended;
  to.wait.add(from.wait);
  to.hold.add(from.hold);
}

void add(site_sum& to, const site_sum& from) noexcept {
  to.waits += from.waits;
  to.total_ns += from.total_ns;
  to.max_ns = std::max(to.max_ns, from.max_ns);
}

// Rows with one key stand together: they become one. f(row, the one).
template <class Row, class F>
std::size_t fold_equal(Row* rows, std::size_t n, F f) noexcept {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (kept > 0 && key_of(rows[i]) == key_of(rows[kept - 1])) {
      add(rows[kept - 1], rows[i]);
      f(rows[i], rows[kept - 1]);
      continue;
    }
    f(rows[i], rows[i]);
    if (kept != i) rows[kept] = rows[i];
    ++kept;
  }
  return kept;
}

}  // namespace

void duration_sum::add(const duration_counts& of) noexcept {
  total_ns += of.total_ns.get();
  max_ns = std::max(max_ns, of.max_ns.get());
  for (std::uint32_t i = 0; i < kBuckets; ++i) {
    const std::uint64_t n = of.buckets[i].get();
    buckets[i] += n;
    count += n;
  }
}

void duration_sum::add(const duration_sum& other) noexcept {
  total_ns += other.total_ns;
  max_ns = std::max(max_ns, other.max_ns);
  for (std::uint32_t i = 0; i < kBuckets; ++i) buckets[i] += other.buckets[i];
  count += other.count;
}

std::uint64_t duration_sum::percentile(
    std::uint64_t thousandths) const noexcept {
  std::uint64_t seen = 0;
  for (std::uint32_t i = 0; i < kBuckets - 1; ++i) {
    seen += buckets[i];
    if (seen == 0 || seen * 1000 < count * thousandths) continue;
    return std::min(max_ns, (std::uint64_t{1} << i) - 1);
  }
  return max_ns;
}

const char* class_sum::title() const noexcept {
  return id == 0 ? "others" : is_named ? name : at.place;
}

bool has_counted() noexcept {
  const reading now;
  bool any = now.missed() != 0;
  for (class_id id = 0; !any && id < now.classes(); ++id)
    now.for_each_row(
        id, [&](const row& r) { any = any || r.acquisitions.get() != 0; });
  return any;
}

summary::summary() noexcept {
  const entrance checker;
  gather();
  if (!is_whole_) return;
  {
    const process::cancellation_pause uncancelled;
    const report_lock only_me;
    const auto naming = [this] { name(); };
    on_large_stack(function_ref<void()>(naming));
  }
  fold();
}

summary::~summary() {
  unmap_rows(classes_, room_classes_);
  unmap_rows(sites_, room_sites_);
  unmap_rows(now_of_, room_classes_);
}

void summary::gather() noexcept {
  sampling_ = hold_sampling();
  const reading now;
  missed_ = now.missed();
  time_ns_ = now.since_ns() != 0 ? process::now_ns() - now.since_ns() : 0;
  room_classes_ = now.classes();
  now.for_each_site([&](const site_counts&) { ++room_sites_; });
  classes_ = map_rows<class_sum>(room_classes_);
  sites_ = map_rows<site_sum>(room_sites_);
  now_of_ = map_rows<class_id>(room_classes_);
  is_whole_ = classes_ != nullptr && sites_ != nullptr && now_of_ != nullptr;
  if (!is_whole_) return;
  for (class_id id = 0; id < room_classes_; ++id) {
    class_sum& to = classes_[n_classes_];
    to = {};
    now.for_each_row(id, [&](const row& r) {
      to.acquisitions += r.acquisitions.get();
      to.shared += r.shared.get();
      to.contended += r.contended.get();
      to.wait.add(r.wait);
      to.hold.add(r.hold);
    });
    if (to.acquisitions == 0 && to.wait.count == 0) continue;
    const class_info& info = now.info(id);
    to.id = id;
    to.kind = info.kind;
    to.is_named = info.is_named;
    std::memcpy(to.name, info.name, sizeof to.name);
    to.where = info.where;
    to.locks = info.locks;
    ++n_classes_;
  }
  now.for_each_site([&](const site_counts& s) {
    site_sum& to = sites_[n_sites_];
    to = {};
    to.of = s.of;
    to.where = s.where;
    to.waits = s.waits.load(memory_order_relaxed);
    to.total_ns = s.total_ns.load(memory_order_relaxed);
    to.max_ns = s.max_ns.load(memory_order_relaxed);
    if (to.waits != 0) ++n_sites_;
  });
}

namespace {
constinit raw_mutex g_naming;
}  // namespace

void summary::before_fork() noexcept { g_naming.lock(); }
void summary::after_fork_in_parent() noexcept { g_naming.unlock(); }
void summary::after_fork_in_child() noexcept { std::construct_at(&g_naming); }

// A symbolizer has room for so many places at a time.
void summary::name() noexcept {
  const table_lock only_me(g_naming);
  constexpr std::size_t kAtOnce = 40;
  const std::size_t all = n_classes_ + n_sites_;
  const auto where = [&](std::size_t i) {
    return i < n_classes_ ? classes_[i].where : sites_[i - n_classes_].where;
  };
  for (std::size_t first = 0; first < all; first += kAtOnce) {
    const std::size_t end = std::min(all, first + kAtOnce);
    symbolizer symbols;
    for (std::size_t i = first; i < end; ++i)
      symbols.add(places::get(where(i)));
    symbols.resolve();
    for (std::size_t i = first; i < end; ++i) {
      static constinit char storage[4096] = {};
      text lines(storage);
      symbols.print(places::get(where(i)), "", lines);
      read_label(lines.view(),
                 i < n_classes_ ? classes_[i].at : sites_[i - n_classes_].at);
    }
  }
}

void summary::fold() noexcept {
  const auto by_key = [](const auto& a, const auto& b) {
    return key_of(a) < key_of(b);
  };
  std::sort(classes_, classes_ + n_classes_, by_key);
  n_classes_ = fold_equal(classes_, n_classes_,
                          [&](const class_sum& was, const class_sum& is) {
                            now_of_[was.id] = is.id;
                          });
  for (std::size_t i = 0; i < n_sites_; ++i) {
    class_id& of = sites_[i].of;
    // A class that is not listed has not counted the wait yet.
    const bool is_listed = of == 0 || now_of_[of] != 0;
    of = is_listed ? now_of_[of] : kMostClasses;
  }
  std::sort(sites_, sites_ + n_sites_, by_key);
  n_sites_ =
      fold_equal(sites_, n_sites_, [](const site_sum&, const site_sum&) {});
  std::sort(classes_, classes_ + n_classes_,
            [](const class_sum& a, const class_sum& b) {
              return std::tuple(b.wait.total_ns, b.acquisitions, a.id) <
                     std::tuple(a.wait.total_ns, a.acquisitions, b.id);
            });
  std::sort(sites_, sites_ + n_sites_,
            [](const site_sum& a, const site_sum& b) {
              return std::tuple(a.of, b.total_ns, a.where) <
                     std::tuple(b.of, a.total_ns, b.where);
            });
}

std::span<const site_sum> summary::sites_of(
    const class_sum& one) const noexcept {
  const auto [first, last] = std::equal_range(
      sites_, sites_ + n_sites_, site_sum{one.id, 0, {}, 0, 0, 0},
      [](const site_sum& a, const site_sum& b) { return a.of < b.of; });
  return {first, last};
}

}  // namespace detail::statistics
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
