// SPDX-License-Identifier: Apache-2.0
//
// Names for the objects of an execution. C++ keeps none, but the line that uses
// an object first mostly has it: `ready.store(1)`. Else they are numbered.
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "recorder.h"
#include "report.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
namespace {

constexpr std::size_t kLongestLine = 1000;
constexpr std::size_t kMostLines = 200000;

bool part_of_name(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_';
}

// The function of which a step is a call.
std::string_view function_of(const trace_step& s) noexcept {
  switch (s.access) {
    case access_kind::load:
      return "load";
    case access_kind::store:
      return "store";
    case access_kind::exchange:
      return "exchange";
    case access_kind::fetch_add:
      return "fetch_add";
    case access_kind::fetch_sub:
      return "fetch_sub";
    case access_kind::fetch_and:
      return "fetch_and";
    case access_kind::fetch_or:
      return "fetch_or";
    case access_kind::fetch_xor:
      return "fetch_xor";
    case access_kind::compare_exchange_weak:
      return "compare_exchange_weak";
    case access_kind::compare_exchange_strong:
      return "compare_exchange_strong";
    default:
      break;
  }
  if (s.what == action::cell_read) return "get";
  if (s.what == action::cell_write) return "set";
  return {};
}

// What stands before the only `.function(` or `->function(` of the line.
text object_of_call(std::string_view line, std::string_view function) {
  std::string_view name;
  for (std::size_t at = 0;
       (at = line.find(function, at)) != std::string_view::npos;
       at += function.size()) {
    const std::size_t behind = at + function.size();
    if (behind >= line.size() || line[behind] != '(' || at == 0) continue;
    std::size_t end{};
    if (line[at - 1] == '.') {
      end = at - 1;
    } else if (at > 1 && line.substr(at - 2, 2) == "->") {
      end = at - 2;
    } else {
      continue;
    }
    std::size_t begin = end;
    while (begin > 0 && part_of_name(line[begin - 1])) --begin;
    if (begin == end || !name.empty()) return {};
    name = line.substr(begin, end - begin);
  }
  return {name.data(), name.size()};
}

// A file changed since the program was built has other lines by now.
bool is_newer_than_program(const char* file) noexcept {
  struct stat source_file {};
  struct stat program {};
  if (::stat(file, &source_file) != 0 ||
      ::stat("/proc/self/exe", &program) != 0)
    return false;
  return source_file.st_mtime > program.st_mtime;
}

void replace_all(text& in, const text& what, const text& by) {
  for (std::size_t at = 0; (at = in.find(what, at)) != text::npos;
       at += by.size())
    in.replace(at, what.size(), by);
}

}  // namespace

text program_text::line(const source& where) {
  if (where.line == 0 || where.file == nullptr) return {};
  const auto [it, fresh] = files_.try_emplace(text(where.file));
  vec<text>& lines = it->second;
  if (fresh && !is_newer_than_program(where.file)) {
    if (std::FILE* const f = std::fopen(where.file, "r"); f != nullptr) {
      char buffer[kLongestLine];
      bool whole = true;  // what comes next begins a line
      while (lines.size() < kMostLines &&
             std::fgets(buffer, sizeof buffer, f) != nullptr) {
        if (whole) lines.emplace_back(buffer);
        whole = std::strchr(buffer, '\n') != nullptr;
      }
      static_cast<void>(std::fclose(f));
    }
  }
  if (where.line > lines.size()) return {};
  const text& found = lines[where.line - 1];
  const std::size_t begin = found.find_first_not_of(" \t");
  const std::size_t end = found.find_last_not_of(" \t\r\n");
  return begin == text::npos ? text() : found.substr(begin, end - begin + 1);
}

void recorder::name_objects() {
  program_text program;
  vec<std::uint32_t> used;  // in the order of their first uses
  const auto use = [&](const trace_step& s) {
    for (const std::uint32_t number : {s.object, s.other})
      if (number != kNone &&
          std::find(used.begin(), used.end(), number) == used.end())
        used.push_back(number);
    const std::string_view function = function_of(s);
    if (s.object == kNone || s.after || function.empty()) return;
    trace_object& o = trace_.objects[s.object];
    if (o.name.empty())
      o.name = object_of_call(program.line(s.where), function);
  };
  for (const trace_step& s : trace_.steps) use(s);
  for (const std::optional<trace_step>& s : pending_)
    if (s) use(*s);
  ordered_map<text, std::uint32_t> taken;
  std::uint32_t atomics = 0, cells = 0;
  for (const std::uint32_t i : used) {
    trace_object& o = trace_.objects[i];
    if (o.name.empty()) {
      o.name = o.cell ? "c" : "a";
      o.name += number(++(o.cell ? cells : atomics));
    }
    if (const std::uint32_t uses = ++taken[o.name]; uses > 1)
      o.name.append("#").append(number(uses));
  }
  name_blocks();
}

// Blocks of the heap are objects of their own.
void recorder::name_blocks() {
  std::uint32_t blocks = 0;
  hash_map<const void*, std::uint32_t> known;
  for (trace_step& s : trace_.steps) {
    if (s.what != action::allocate && s.what != action::release) continue;
    const auto [it, fresh] = known.try_emplace(
        s.address, static_cast<std::uint32_t>(trace_.objects.size()));
    s.object = it->second;
    if (!fresh) continue;
    trace_object& o = trace_.objects.emplace_back();
    o.address = static_cast<const std::byte*>(s.address);
    o.size = s.size;
    o.block = true;
    o.where = s.where;
    o.name = "b";
    o.name += number(++blocks);
  }
}

// Addresses tell nobody anything.
void recorder::name_in_message() {
  const auto name = [this](bool blocks) {
    for (const trace_object& o : trace_.objects)
      if (o.block == blocks && !o.name.empty())
        replace_all(trace_.message, "at " + hex(o.address), o.name);
  };
  const bool blocks_first = trace_.what == verdict::double_free;
  name(blocks_first);
  name(!blocks_first);
  // Of reads the checker keeps no places while it explores.
  for (const trace_step& s : trace_.steps) {
    const text at = s.culprit ? program_place(s) : text();
    if (!at.empty())
      replace_all(trace_.message, " and a read by",
                  " and the read at " + at + " by");
  }
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
