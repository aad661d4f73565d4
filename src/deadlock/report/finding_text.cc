// SPDX-License-Identifier: Apache-2.0
//
// The words of a report: what, the circle drawn, all places, what to do.
#include "finding_text.h"

#if SYNCXX_HOOKED

#include <string_view>

#include "words.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

constexpr std::string_view kMargin = "           ";

bool is_circle(const finding& found) noexcept { return found.links > 0; }

// --- The drawing ---------------------------------------------------------
//
//   +-> mutex 0x7ffe01 "accounts"
//   |     | held by thread 101 "left", which waits for
//   |     v
//   |   mutex 0x7ffe02 "audit"
//   |     | held by thread 102 "right", which waits for
//   +-----+
//
// and of more than kDrawnInFull a line each:
//
//   +-> mutex 0x7ffe01 "accounts"  -> thread 101 "left" ->
//   |   mutex 0x7ffe02 "audit"  -> thread 102 "right" ->
//   +---...

constexpr std::uint32_t kDrawnInFull = 8;

void draw(const finding& found, text& out) noexcept {
  const bool is_possible = found.kind == finding_kind::lock_order_inversion;
  const bool is_short = found.links <= kDrawnInFull;
  if (!is_short) {
    out << "  " << std::int64_t{found.links}
        << (is_possible ? " links: what is held -> who then took the next\n"
                        : " links: what is held -> by whom, who waits for the "
                          "next\n");
  }
  for (std::uint32_t i = 0; i < found.links; ++i) {
    const deadlock_link& link = found.link(found.circle, i);
    const bool is_last = i + 1 == found.links;
    out << (i == 0 ? "  +-> " : !is_short && is_last ? "  +-- " : "  |   ");
    print_node(link.held, out);
    if (!is_short) {
      out << "  -> ";
      print_thread(link.wanted.tid, out);
      out << (is_last ? " -> the first\n" : " ->\n");
      continue;
    }
    out << "\n  |     | ";
    if (link.held.object.address == nullptr) {
      print_thread(link.wanted.tid, out);
      out << (is_possible ? " has waited for\n" : " waits for\n");
    } else {
      out << "held by ";
      print_thread(link.wanted.tid, out);
      out << (is_possible ? ", which then took\n" : ", which waits for\n");
    }
    out << (is_last ? "  +-----+\n" : "  |     v\n");
  }
}

// --- The places ----------------------------------------------------------

void print_place(const place& at, symbolizer& symbols, text& out) noexcept {
  if (at.depth == 0)
    out << kMargin << "at a place that is not known\n";
  else
    symbols.print(at, kMargin, out);
}

void print_links(const finding& found, symbolizer& symbols,
                 text& out) noexcept {
  const bool is_possible = found.kind == finding_kind::lock_order_inversion;
  for (std::uint32_t i = 0; i < found.links; ++i) {
    const deadlock_link& link = found.link(found.circle, i);
    const std::size_t begin = out.size();
    out << "  link " << std::int64_t{i} + 1 << " ";
    const std::size_t used = out.size() - begin;
    if (used < kMargin.size()) out.spaces(kMargin.size() - used);
    print_thread(link.wanted.tid, out);
    out << "\n";
    if (link.held.object.address != nullptr) {
      out << (is_possible ? "    held   " : "    holds  ");
      print_object(link.held.object, out);
      out << (is_possible ? ", taken\n" : ", since\n");
      print_place(link.held.at, symbols, out);
    }
    out << (is_possible ? "    took   " : "    wants  ");
    print_object(link.wanted.object, out);
    out << "\n";
    print_place(link.wanted.at, symbols, out);
  }
}

// What `other` and `before` have done.
struct role {
  std::string_view label;
  std::string_view did;
};

role role_of_other(const finding& found) noexcept {
  switch (found.kind) {
    case finding_kind::thread_exit_holding:
    case finding_kind::long_hold:
      return {"  taken    ", ""};
    case finding_kind::wrong_mutex_for_condition:
      return {"  waiting  ", ", with another mutex"};
    case finding_kind::blocking_under_spinlock:
      return {"  spinlock ", ", taken"};
    case finding_kind::reader_reentry:
      return {"  shared   ", ", first"};
    case finding_kind::lost_notify:
      return {"  last     ", ", notify"};
    default:
      break;
  }
  switch (found.here->object.kind) {
    case object_kind::latch:
      return {"  last     ", ", count_down"};
    case object_kind::barrier:
      return {"  last     ", ", arrival"};
    case object_kind::semaphore:
      return {"  last     ", ", release"};
    default:
      return {"  held by  ", ", since"};
  }
}

void print_deed(std::string_view label, const deed& who, std::string_view did,
                const finding& found, symbolizer& symbols, text& out) noexcept {
  out << label;
  if (who.thread == found.here->thread && &who != found.here)
    out << "this thread";
  else
    print_thread(who.tid, out);
  out << did;
  // Another object than the finding's (the spinlock, say).
  if (who.object.address != found.here->object.address &&
      who.object.address != nullptr) {
    out << ": ";
    print_object(who.object, out);
  }
  out << "\n";
  print_place(who.at, symbols, out);
}

void print_deeds(const finding& found, symbolizer& symbols,
                 text& out) noexcept {
  if (found.here == nullptr) return;
  out << "  object   ";
  print_object(found.here->object, out);
  out << "\n";
  if (found.duration_ns > 0) {
    out << "  for      ";
    print_duration(found.duration_ns, out);
    out << "\n";
  }
  print_deed("  here     ", *found.here, "", found, symbols, out);
  const role of_other = role_of_other(found);
  if (found.other != nullptr)
    print_deed(of_other.label, *found.other, of_other.did, found, symbols, out);
  if (found.before != nullptr)
    print_deed("  before   ", *found.before, of_other.did, found, symbols, out);
}

}  // namespace

void print_duration(std::int64_t ns, text& out) noexcept {
  struct unit {
    std::int64_t ns;
    std::string_view name;
  };
  constexpr unit kUnits[] = {
      {1'000'000'000, " s"}, {1'000'000, " ms"}, {1'000, " us"}};
  for (const unit& u : kUnits) {
    if (ns < u.ns) continue;
    const std::int64_t tenths = ns / (u.ns / 10);
    out << tenths / 10;
    if (tenths % 10 != 0) out << "." << tenths % 10;
    out << u.name;
    return;
  }
  out << ns << " ns";
}

void compose(const finding& found, std::int64_t number, symbolizer& symbols,
             text& out) noexcept {
  out << "syncxx: " << headline_of(found.kind) << ": " << found.what << " ["
      << name_of(found.kind) << "]\n";
  if (is_circle(found)) {
    draw(found, out);
    print_links(found, symbols, out);
  }
  print_deeds(found, symbols, out);
  symbols.print_help(kMargin, out);
  out << "  what to do: " << advice_for(found)
      << ";\n  SYNCXX_DEADLOCK=report|abort|throw|off chooses the action "
         "(report "
      << number << ")\n";
}

void compose_again(const finding& found, std::int64_t number,
                   text& out) noexcept {
  out << "syncxx: " << headline_of(found.kind) << ": " << found.what << " ["
      << name_of(found.kind) << "], at the same places as in report " << number;
  if (found.here != nullptr) {
    out << ": ";
    print_object(found.here->object, out);
    out << ", ";
    print_thread(found.here->tid, out);
  } else if (is_circle(found)) {
    const deed& first = found.link(found.circle, 0).wanted;
    out << ": ";
    print_object(first.object, out);
    out << ", ";
    print_thread(first.tid, out);
  }
  out << "\n";
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
