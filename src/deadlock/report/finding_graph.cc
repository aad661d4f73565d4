// SPDX-License-Identifier: Apache-2.0
#include "finding_graph.h"

#if SYNCXX_HOOKED

#include <string_view>

#include "words.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

// Inside of a quoted string of DOT only the quote is special to the parser; the
// backslash is to labels. Control characters become spaces.
void quote(std::string_view bytes, text& out) noexcept {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::string_view c = bytes.substr(i, 1);
    if (c == "\"" || c == "\\")
      out << "\\" << c;
    else if (static_cast<unsigned char>(c[0]) < 0x20)
      out << " ";
    else
      out << c;
  }
}

void node(const deed& held, text& out) noexcept {
  if (held.object.address != nullptr) {
    (out << "\"").hex(held.object.address) << "\"";
  } else {
    out << "\"thread " << static_cast<std::int64_t>(held.thread) << "\"";
  }
}

template <class Print>
void quoted(text& out, Print print) noexcept {
  char storage[300];
  text words(storage);
  print(words);
  quote(words.view(), out);
}

void where(const place& at, symbolizer& symbols, text& out) noexcept {
  bool is_first = true;
  symbols.for_each_own(at, [&](const call& c) {
    if (!is_first) return;
    is_first = false;
    out << "\\n";
    if (c.has_line()) {
      quote(c.file.substr(c.file.rfind('/') + 1), out);
      out << ":" << std::int64_t{c.line};
    } else {
      quote(c.module.substr(c.module.rfind('/') + 1), out);
      (out << "+").hex(c.offset);
    }
  });
}

}  // namespace

void compose_edges(const finding& found, std::int64_t number,
                   symbolizer& symbols, text& edges) noexcept {
  const bool is_possible = found.kind == finding_kind::lock_order_inversion;
  for (std::uint32_t i = 0; i < found.links; ++i) {
    const deadlock_link& link = found.link(found.circle, i);
    const deed& next =
        found.link(found.circle, i + 1 == found.links ? 0 : i + 1).held;
    edges << "  ";
    node(link.held, edges);
    edges << " [label=\"";
    quoted(edges, [&](text& words) { print_node(link.held, words); });
    edges << "\"];\n  ";
    node(link.held, edges);
    edges << " -> ";
    node(next, edges);
    edges << " [label=\"";
    quoted(edges, [&](text& words) { print_thread(link.wanted.tid, words); });
    where(link.wanted.at, symbols, edges);
    edges << "\\n(report " << number << ")\", "
          << (is_possible ? "color=orange, style=dashed" : "color=red")
          << "];\n";
  }
}

void compose_graph(std::string_view edges, text& out) noexcept {
  out << "digraph syncxx {\n"
         "  node [shape=box];\n"
         "  // from what a thread holds to what it waits for (red), or has "
         "taken then (orange)\n"
      << edges << "}\n";
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
