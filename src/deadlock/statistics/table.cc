// SPDX-License-Identifier: Apache-2.0
#include "table.h"

#if SYNCXX_HOOKED

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>

#include "../detection/self.h"
#include "../report/json.h"
#include "../report/names.h"
#include "../report/report_lock.h"
#include "../report/symbolizer.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail::statistics {
namespace {

// --- Columns -----------------------------------------------------------------

constexpr std::size_t kSitesShown = 3;
constexpr std::size_t kWidestName = 44;

// A few words, to be put into a column.
class cell {
 public:
  text& words() noexcept { return words_; }
  std::string_view view() const noexcept { return words_.view(); }

 private:
  char storage_[32] = {};
  text words_{storage_};
};

void put_left(text& out, std::string_view words, std::size_t width) noexcept {
  out << words;
  out.spaces(words.size() < width ? width - words.size() : 0);
}

void put_right(text& out, std::string_view words, std::size_t width) noexcept {
  out.spaces(words.size() < width ? width - words.size() : 0);
  out << words;
}

void put_number(text& out, std::uint64_t n, std::size_t width) noexcept {
  cell c;
  c.words() << static_cast<std::int64_t>(n);
  put_right(out, c.view(), width);
}

// n / 10^digits, with one more digit before or behind the point: three in all.
void put_three(text& out, std::uint64_t n, std::uint64_t unit) noexcept {
  const std::uint64_t whole = n / unit;
  out << static_cast<std::int64_t>(whole);
  if (unit == 1 || whole >= 100) return;
  const std::uint64_t hundredths = n % unit * 100 / unit;
  out << ".";
  if (whole >= 10) {
    out << static_cast<std::int64_t>(hundredths / 10);
    return;
  }
  if (hundredths < 10) out << "0";
  out << static_cast<std::int64_t>(hundredths);
}

// "123 ns", "1.23 us", "12.3 ms", "123 s"
void print_time(text& out, std::uint64_t ns) noexcept {
  struct unit {
    std::uint64_t ns;
    std::string_view name;
  };
  constexpr unit kUnits[] = {
      {1'000'000'000, " s"}, {1'000'000, " ms"}, {1000, " us"}, {1, " ns"}};
  for (const unit& u : kUnits) {
    if (ns < u.ns && u.ns != 1) continue;
    put_three(out, ns, u.ns);
    out << u.name;
    return;
  }
}

constexpr std::size_t kTimeWidth = 9;

void put_time(text& out, std::uint64_t ns) noexcept {
  cell c;
  print_time(c.words(), ns);
  put_right(out, c.view(), kTimeWidth);
}

// total, p50, p99, max
void put_durations(text& out, const duration_sum& of) noexcept {
  if (of.count == 0) {
    for (int i = 0; i < 4; ++i) put_right(out, "-", kTimeWidth);
    return;
  }
  put_time(out, of.total_ns);
  put_time(out, of.percentile(500));
  put_time(out, of.percentile(990));
  put_time(out, of.max_ns);
}

// "12.3%" of n.
void put_share(text& out, std::uint64_t part, std::uint64_t n) noexcept {
  cell c;
  // (Not part * 1000: it may be large.)
  const auto thousandths =
      n == 0 ? 0L
             : std::lround(1000.0 * static_cast<double>(part) /
                           static_cast<double>(n));
  c.words() << std::int64_t{thousandths / 10} << "."
            << std::int64_t{thousandths % 10} << "%";
  put_right(out, c.view(), 8);
}

// What does not fit is left out at the beginning: of a path the end says more.
void put_name(text& out, std::string_view name, std::size_t width) noexcept {
  constexpr std::string_view kMore = "...";
  if (name.size() <= width) return put_left(out, name, width);
  out << kMore << name.substr(name.size() - (width - kMore.size()));
}

// --- The table ---------------------------------------------------------------

void print_head(const summary& all, text& out) noexcept {
  std::uint64_t acquisitions = all.missed();
  std::uint64_t contended = 0;
  for (const class_sum& c : all.classes()) {
    acquisitions += c.acquisitions;
    contended += c.contended;
  }
  out << "syncxx: locks of process " << std::int64_t{::getpid()} << ", ";
  print_time(out, static_cast<std::uint64_t>(all.time_ns()));
  out << ": " << static_cast<std::int64_t>(acquisitions) << " acquisitions, "
      << static_cast<std::int64_t>(contended) << " of them after a wait";
  if (all.sampling() == 0)
    out << "; no holds are timed";
  else if (all.sampling() > 1)
    out << "; holds timed: 1 in " << std::int64_t{all.sampling()};
  out << "\n";
}

void print_columns(text& out, std::size_t width) noexcept {
  put_left(out, "  lock", width + 4);
  put_left(out, "kind", 22);
  put_right(out, "taken", 10);
  put_right(out, "shared", 10);
  put_right(out, "waited", 8);
  for (const std::string_view total : {"wait total", "hold total"}) {
    put_right(out, total, kTimeWidth + 4);
    for (const std::string_view each : {"p50", "p99", "max"})
      put_right(out, each, kTimeWidth);
  }
  out << "\n";
}

void print_row(const class_sum& c, std::size_t width, text& out) noexcept {
  out << "  ";
  put_name(out, c.title(), width);
  out << "  ";
  put_left(out, c.id == 0 ? "-" : name_of(c.kind), 22);
  put_number(out, c.acquisitions, 10);
  put_number(out, c.shared, 10);
  put_share(out, c.contended, c.acquisitions);
  out << "    ";
  put_durations(out, c.wait);
  out << "    ";
  put_durations(out, c.hold);
  out << "\n";
}

void print_sites(const class_sum& c, std::span<const site_sum> sites,
                 text& out) noexcept {
  std::uint64_t waits = 0;
  std::uint64_t total_ns = 0;
  std::size_t shown = 0;
  for (const site_sum& s : sites) {
    if (shown == kSitesShown) break;
    ++shown;
    waits += s.waits;
    total_ns += s.total_ns;
    out << "    ";
    put_time(out, s.total_ns);
    out << " in " << static_cast<std::int64_t>(s.waits)
        << (s.waits == 1 ? " wait at " : " waits at ") << s.at.place;
    if (s.at.function[0] != '\0') out << " in " << s.at.function;
    out << "\n";
  }
  if (waits >= c.wait.count) return;
  out << "    ";
  put_time(out, c.wait.total_ns > total_ns ? c.wait.total_ns - total_ns : 0);
  out << " in " << static_cast<std::int64_t>(c.wait.count - waits)
      << " elsewhere\n";
}

// --- JSON --------------------------------------------------------------------

class json_composer {
 public:
  explicit json_composer(text& out) noexcept : json_(out) {}

  void all(const summary& of) noexcept {
    symbolizer symbols;
    json_.open('{');
    number("version", 1);
    json_.key("kind").string("lock_statistics");
    number("pid", static_cast<std::uint64_t>(::getpid()));
    json_.key("program").string(symbols.program());
    number("time_ns", static_cast<std::uint64_t>(of.time_ns()));
    number("hold_sampling", of.sampling());
    number("missed", of.missed());
    json_.key("classes").open('[');
    for (const class_sum& c : of.classes()) one(c, of.sites_of(c));
    json_.close(']').close('}');
  }

 private:
  void one(const class_sum& c, std::span<const site_sum> sites) noexcept {
    const bool is_place = !c.is_named && c.id != 0;
    json_.open('{').key("name").string(c.title());
    json_.key("named_by")
        .string(is_place    ? "place"
                : c.id == 0 ? "none"
                            : "program");
    function(is_place ? c.at.function : "");
    json_.key("lock").string(c.id == 0 ? "object" : name_of(c.kind));
    number("locks", c.locks);
    number("acquisitions", c.acquisitions);
    number("shared", c.shared);
    number("contended", c.contended);
    durations("wait", c.wait);
    durations("hold", c.hold);
    json_.key("sites").open('[');
    for (const site_sum& s : sites) {
      json_.open('{').key("place").string(s.at.place);
      function(s.at.function);
      number("waits", s.waits);
      number("total_ns", s.total_ns);
      number("max_ns", s.max_ns);
      json_.close('}');
    }
    json_.close(']').close('}');
  }

  void durations(std::string_view name, const duration_sum& of) noexcept {
    json_.key(name).open('{');
    number("count", of.count);
    number("total_ns", of.total_ns);
    number("max_ns", of.max_ns);
    json_.key("buckets").open('[');
    std::uint32_t end = kBuckets;
    while (end > 0 && of.buckets[end - 1] == 0) --end;
    for (std::uint32_t i = 0; i < end; ++i)
      json_.number(static_cast<std::int64_t>(of.buckets[i]));
    json_.close(']').close('}');
  }

  void function(std::string_view name) noexcept {
    json_.key("function");
    if (name.empty())
      json_.null();
    else
      json_.string(name);
  }

  void number(std::string_view name, std::uint64_t n) noexcept {
    json_.key(name).number(static_cast<std::int64_t>(n));
  }

  json_writer json_;
};

}  // namespace

void compose_table(const summary& all, std::size_t rows, text& out) noexcept {
  print_head(all, out);
  if (!all.is_whole()) {
    out << "  there is no memory to list them\n";
    return;
  }
  const auto shown = all.classes().first(std::min(rows, all.classes().size()));
  std::size_t width = 4;
  for (const class_sum& c : shown)
    width = std::max(width, std::string_view(c.title()).size());
  width = std::min(width, kWidestName);
  if (!shown.empty()) print_columns(out, width);
  for (const class_sum& c : shown) {
    print_row(c, width, out);
    print_sites(c, all.sites_of(c), out);
  }
  if (const std::size_t more = all.classes().size() - shown.size(); more > 0)
    out << "  and " << static_cast<std::int64_t>(more)
        << " more, with shorter waits (SYNCXX_LOCKSTAT_ROWS=all)\n";
  if (all.missed() != 0)
    out << "  and " << static_cast<std::int64_t>(all.missed())
        << " acquisitions by threads that had ended, or for which there was no "
           "memory\n";
}

void compose_json(const summary& all, text& out) noexcept {
  const entrance checker;
  const report_lock only_me;  // of the symbolizer
  json_composer(out).all(all);
}

}  // namespace detail::statistics
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
