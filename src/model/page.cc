// SPDX-License-Identifier: Apache-2.0
//
// A failing execution as one HTML page that needs nothing else. Its data is
// JSON, written here: a library would do it no better, and everybody who builds
// this one would have to have it.
#include <string_view>

#include "report.h"
#include "trace.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
namespace {

constexpr char kPage[] =
#include "page.html.inc"  // NOLINT(bugprone-suspicious-include)
    ;
constexpr char kStyle[] =
#include "page.css.inc"  // NOLINT(bugprone-suspicious-include)
    ;
constexpr char kScript[] =
#include "page.js.inc"  // NOLINT(bugprone-suspicious-include)
    ;

// --- JSON --------------------------------------------------------------------

// Writes JSON for a script element: what HTML could take for an end of that is
// escaped as well. Strings are passed on as they are otherwise; what is not
// UTF-8 in them the browser replaces.
class json {
 public:
  void open(char bracket) {
    separate();
    out_ += bracket;
    first_ = true;
  }
  void close(char bracket) {
    out_ += bracket;
    first_ = false;
  }
  void key(std::string_view name) {
    add(name);
    out_ += ':';
    first_ = true;
  }
  void add(std::string_view s) {
    separate();
    out_ += '"';
    for (const char c : s) escape(c);
    out_ += '"';
  }
  void add(bool b) {
    separate();
    out_ += b ? "true" : "false";
  }
  void add(std::uint32_t n) {
    separate();
    out_ += number(n);
  }
  // A step's or an object's index.
  void add_index(std::uint32_t i) {
    separate();
    out_ += i == kNone ? text("null") : i == kInitial ? text("-1") : number(i);
  }
  template <class T>
  void member(std::string_view name, const T& v) {
    key(name);
    add(v);
  }
  void member_index(std::string_view name, std::uint32_t i) {
    key(name);
    add_index(i);
  }
  const text& result() const noexcept { return out_; }

 private:
  void separate() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  void escape(char c) {
    constexpr char kHex[] = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 &&
        std::string_view("\"\\<>&").find(c) == std::string_view::npos) {
      out_ += c;
      return;
    }
    out_ += "\\u00";
    out_ += kHex[byte >> 4];
    out_ += kHex[byte & 15];
  }

  text out_;
  bool first_ = true;
};

void add_threads(json& out, const trace& t, program_text& program) {
  out.key("threads");
  out.open('[');
  for (const trace_thread& thread : t.threads) {
    out.open('{');
    out.member("state", thread.state);
    out.member("ended", thread.ended);
    out.member("place", thread.where);
    out.member("code", program.line(thread.line));
    out.close('}');
  }
  out.close(']');
}

void add_objects(json& out, const trace& t) {
  out.key("objects");
  out.open('[');
  for (const trace_object& o : t.objects) {
    const bool shown = o.known && o.size != 0 && !o.block;
    out.open('{');
    out.member("name", o.name);
    out.member("kind", kind_of(o));
    out.member("cell", o.cell);
    out.member("block", o.block);
    out.member("initial", shown ? print(o.initial, o.size) : text());
    out.member("place", o.where.line == 0 ? text() : place(o.where));
    out.key("order");
    out.open('[');
    for (const step_number s : o.order) out.add(s);
    out.close(']');
    out.close('}');
  }
  out.close(']');
}

void add_step(json& out, const trace& t, const trace_step& s,
              program_text& program) {
  out.open('{');
  out.member("thread", s.thread);
  out.member("what", describe(t, s));
  out.member("why", explain(t, s));
  out.member("place", place(s));
  out.member("code", program.line(s.where));
  out.member_index("object", s.object);
  out.member_index("creates", s.what == action::create ? s.peer : kNone);
  out.member("reads", s.reads);
  out.member("writes", s.writes);
  out.member("seen", s.reads && s.size != 0 ? print(s.seen, s.size) : text());
  out.member("made", s.writes && s.size != 0 ? print(s.made, s.size) : text());
  out.member_index("from", s.from);
  out.member("stale", s.stale);
  out.member("failed", s.failed || s.lasting);
  out.member("culprit", s.culprit);
  out.member("last", s.last);
  out.member("plain", s.plain);
  out.key("clock");
  out.open('[');
  for (const std::uint32_t n : s.clock) out.add(n);
  out.close(']');
  out.key("sync");
  out.open('[');
  for (const step_number from : s.synchronizes) out.add(from);
  out.close(']');
  out.close('}');
}

text data_of(const trace& t) {
  json out;
  program_text program;
  out.open('{');
  out.member("verdict", std::string_view(to_string(t.what)));
  add_threads(out, t, program);
  add_objects(out, t);
  out.key("steps");
  out.open('[');
  for (const trace_step& s : t.steps) add_step(out, t, s, program);
  out.close(']');
  out.close('}');
  return out.result();
}

// --- HTML --------------------------------------------------------------------

text escaped(std::string_view s) {
  text out;
  for (const char c : s) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

text part(const trace& t, std::string_view name) {
  if (name == "verdict") return to_string(t.what);
  if (name == "message") return escaped(t.message);
  if (name == "text") return escaped(timeline(t));
  if (name == "trace") return data_of(t);
  if (name == "style") return kStyle;
  if (name == "script") return kScript;
  if (name == "left-out" && t.left_out != 0)
    return "<p>" + number(t.left_out) +
           " steps before the last are left out.</p>";
  return {};
}

}  // namespace

text page(const trace& t) {
  text out;
  std::string_view rest = kPage;
  for (;;) {
    const std::size_t open = rest.find('{');
    out += text(rest.substr(0, open));
    if (open == std::string_view::npos) return out;
    const std::size_t close = rest.find('}', open);
    out += part(t, rest.substr(open + 1, close - open - 1));
    rest.remove_prefix(close + 1);
  }
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
