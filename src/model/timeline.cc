// SPDX-License-Identifier: Apache-2.0
//
// The timeline of a failing execution as text, a column a thread:
//
//   step  thread 0              thread 1              thread 2
//      1  starts thread 1
//      2                        writes 1 to ready, relaxed
//                                 mp.cc:12
//
// Up to three columns stand side by side; more begin a little further right
// each, and their text goes on to the edge.
#include <algorithm>
#include <string_view>

#include "report.h"
#include "trace.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
namespace {

constexpr std::size_t kWidth = 100;
constexpr std::size_t kMargin = 7;  // of the step's number
constexpr std::size_t kGap = 2;
constexpr std::size_t kSideBySide = 3;
constexpr std::size_t kNarrowest = 36;

struct columns {
  std::size_t count;
  bool side_by_side() const noexcept { return count <= kSideBySide; }
  std::size_t pitch() const noexcept {
    if (count == 0) return 0;
    if (side_by_side()) return (kWidth - kMargin + kGap) / count;
    return std::clamp((kWidth - kMargin - kNarrowest) / count, std::size_t{1},
                      std::size_t{6});
  }
  std::size_t begin(std::size_t t) const noexcept {
    return kMargin + t * pitch();
  }
  std::size_t width(std::size_t t) const noexcept {
    if (side_by_side()) return pitch() - kGap;
    return std::max(kNarrowest, kWidth - std::min(kWidth, begin(t)));
  }
};

// How much of `what` goes into a line; a number stays with its word.
std::size_t end_of_line(std::string_view what, std::size_t room) {
  if (what.size() <= room) return what.size();
  std::size_t end = what.rfind(' ', room);
  while (end != std::string_view::npos && end != 0 && what[end + 1] >= '0' &&
         what[end + 1] <= '9')
    end = what.rfind(' ', end - 1);
  if (end == std::string_view::npos || end == 0) end = what.find(' ', room);
  return std::min(end, what.size());
}

// Breaks `what` at blanks into lines of that width, all but the first further
// in.
void wrap(vec<text>& lines, std::string_view what, std::size_t width,
          std::size_t indent) {
  constexpr std::size_t kFurtherIn = 4;
  bool first = true;
  while (!what.empty()) {
    const std::size_t room = width - (first ? indent : kFurtherIn);
    const std::size_t end = end_of_line(what, room);
    lines.emplace_back(text(first ? indent : kFurtherIn, ' ') +
                       text(what.substr(0, end)));
    what.remove_prefix(std::min(end + 1, what.size()));
    first = false;
  }
}

void pad(text& line, std::size_t width) {
  if (line.size() < width) line.append(width - line.size(), ' ');
}

text right(std::uint64_t n, std::size_t width) {
  const text digits = number(n);
  return text(width - std::min(width, digits.size()), ' ') + digits;
}

text heading(const columns& c) {
  text line = " step";
  for (std::size_t t = 0; t < c.count; ++t) {
    pad(line, c.begin(t));
    if (c.side_by_side())
      line.append("thread ").append(number(t));
    else
      line += (c.pitch() > 3 ? "T" : "") + number(t);
  }
  return line + "\n";
}

// What a step's line is marked with.
char mark_of(const trace_step& s) noexcept {
  return s.failed || s.lasting ? '!' : s.culprit ? '*' : ' ';
}

text words_of_failure(const trace& t, const trace_step& s) {
  if (!s.failed) return {};
  step_number other = kNone;
  for (step_number i = 0; i < t.steps.size(); ++i)
    if (t.steps[i].culprit) other = i;
  text words = text("! ") + to_string(t.what);
  if (other != kNone) words.append(" with step ").append(number(other + 1));
  return words;
}

void add_step(text& out, const trace& t, const trace_step& s, step_number i,
              const columns& c) {
  vec<text> lines;
  const std::size_t width = c.width(s.thread);
  wrap(lines, describe(t, s), width, 0);
  const text where = place(s);
  const bool fits =
      !where.empty() && lines.back().size() + kGap + where.size() <= width;
  if (fits) lines.back() += text(kGap, ' ') + where;
  wrap(lines, explain(t, s), width, 2);
  if (!fits) wrap(lines, where, width, 2);
  wrap(lines, words_of_failure(t, s), width, 2);
  for (std::size_t k = 0; k < lines.size(); ++k) {
    text line;
    if (k == 0) line = mark_of(s) + right(i + 1, 4);
    pad(line, c.begin(s.thread));
    out += line + lines[k] + "\n";
  }
}

void add_end(text& out, const trace& t) {
  out += "\nat the end:\n";
  for (std::size_t i = 0; i < t.threads.size(); ++i) {
    const trace_thread& thread = t.threads[i];
    if (thread.state.empty()) continue;
    out += "  thread " + number(i) + " " + thread.state;
    if (!thread.where.empty()) out += ", " + thread.where;
    out += "\n";
  }
}

void add_objects(text& out, const trace& t) {
  std::size_t longest = 0;
  for (const trace_object& o : t.objects)
    longest = std::max(longest, o.name.size());
  if (longest == 0) return;
  program_text program;
  out += "\nobjects:\n";
  for (const trace_object& o : t.objects) {
    if (o.name.empty()) continue;
    text line = "  ";
    line += o.name;
    pad(line, longest + 4);
    line += kind_of(o);
    if (!o.block && o.known && o.size != 0)
      line.append(", at first ").append(print(o.initial, o.size));
    if (o.where.line != 0)
      line.append(o.block ? ", allocated at " : ", used at ")
          .append(place(o.where));
    out += line + "\n";
    if (const text code = program.line(o.where); !code.empty() && !o.block)
      out += text(longest + 6, ' ') + code + "\n";
  }
}

}  // namespace

text timeline(const trace& t) {
  const columns c{t.threads.size()};
  text out = heading(c);
  for (step_number i = 0; i < t.steps.size(); ++i) {
    if (t.left_out != 0 && i + 1 == t.steps.size())
      out += "  ...  " + number(t.left_out) + " steps left out\n";
    add_step(out, t, t.steps[i], i, c);
  }
  out += text("\n") + to_string(t.what) + ": " + t.message + "\n";
  add_end(out, t);
  add_objects(out, t);
  return out;
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
