// SPDX-License-Identifier: Apache-2.0
//
// What the program is told of the statistics. Its strings are the program's
// own, and made when the thread has left the checker: its allocator may count.
#include <sync/lock_stat.h>

#if SYNCXX_HOOKED

#include <algorithm>

#include "report/names.h"
#include "report/text.h"
#include "statistics/control.h"
#include "statistics/statistics.h"
#include "statistics/summary.h"
#include "statistics/table.h"

namespace syncxx::inline SYNCXX_ABI {
namespace lock_stat {
namespace {

namespace statistics = detail::statistics;
static_assert(statistics::kBuckets == durations::kBuckets);

std::chrono::nanoseconds nanoseconds_of(std::uint64_t ns) noexcept {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(ns));
}

durations durations_of(const statistics::duration_sum& from) noexcept {
  durations to;
  to.count = from.count;
  to.total = nanoseconds_of(from.total_ns);
  to.max = nanoseconds_of(from.max_ns);
  std::copy_n(from.buckets, durations::kBuckets, to.buckets.begin());
  return to;
}

lock_class class_of(const statistics::class_sum& from) {
  lock_class to;
  to.name = from.title();
  to.is_named = from.is_named;
  if (!from.is_named) to.function = from.at.function;
  to.kind = from.id == 0 ? "object" : detail::name_of(from.kind);
  to.locks = from.locks;
  to.acquisitions = from.acquisitions;
  to.shared = from.shared;
  to.contended = from.contended;
  to.wait = durations_of(from.wait);
  to.hold = durations_of(from.hold);
  return to;
}

template <class Compose>
std::string composed(Compose compose) {
  const statistics::summary all;
  char storage[4096];
  detail::text out(storage, detail::text::growth::pages);
  compose(all, out);
  return std::string(out.view());
}

}  // namespace

void enable(bool on) noexcept { statistics::enable(on); }
bool is_enabled() noexcept { return statistics::is_on(); }
void reset() noexcept { statistics::reset(); }
void set_hold_sampling(unsigned n) noexcept {
  statistics::set_hold_sampling(n);
}

report snapshot() {
  const statistics::summary all;
  report to;
  to.time = std::chrono::nanoseconds(all.time_ns());
  to.hold_sampling = all.sampling();
  to.missed = all.missed();
  for (const statistics::class_sum& c : all.classes()) {
    lock_class& one = to.classes.emplace_back(class_of(c));
    for (const statistics::site_sum& s : all.sites_of(c)) {
      one.sites.push_back({s.at.place, s.at.function, s.waits,
                           nanoseconds_of(s.total_ns),
                           nanoseconds_of(s.max_ns)});
    }
  }
  return to;
}

std::string text(std::size_t rows) {
  return composed([&](const statistics::summary& all, detail::text& out) {
    statistics::compose_table(all, rows, out);
  });
}

std::string json() { return composed(statistics::compose_json); }

void print(std::size_t rows) noexcept { statistics::print(rows); }

}  // namespace lock_stat
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
