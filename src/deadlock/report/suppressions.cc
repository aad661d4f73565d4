// SPDX-License-Identifier: Apache-2.0
#include "suppressions.h"

#if SYNCXX_HOOKED

#include <cstddef>
#include <cstdint>

#include "../detection/storage.h"
#include "words.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail::suppressions {
namespace {

constexpr int kEveryKind = -1;
constexpr int kNoKind = -2;
constexpr int kKinds = static_cast<int>(finding_kind::misuse) + 1;

struct entry {
  int kind;
  std::uint32_t size;   // of the pattern
  std::uint32_t first;  // its place in `characters`
};

// Never destroyed.
union everything {
  constexpr everything() noexcept {}
  ~everything() {}
  struct {
    segments<entry> entries;
    segments<char> characters;
  } it{};
};
constinit everything g_all;

int kind_of(std::string_view name) noexcept {
  if (name == "*") return kEveryKind;
  for (int kind = 0; kind < kKinds; ++kind)
    if (name == name_of(static_cast<finding_kind>(kind))) return kind;
  return kNoKind;
}

std::string_view trimmed(std::string_view part) noexcept {
  constexpr std::string_view kSpace = " \t\r";
  const std::size_t begin = part.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return part.substr(begin, part.find_last_not_of(kSpace) - begin + 1);
}

constexpr std::size_t kLongestPattern = 1000;

// A pattern, out of its segments.
class pattern_of {
 public:
  explicit pattern_of(const entry& e) noexcept : size_(e.size) {
    for (std::uint32_t i = 0; i < e.size; ++i)
      characters_[i] = g_all.it.characters[e.first + i];
  }
  std::string_view view() const noexcept { return {characters_, size_}; }

 private:
  char characters_[kLongestPattern];
  std::size_t size_;
};

bool match(std::string_view pattern, const finding& found,
           symbolizer& symbols) noexcept {
  bool any = false;
  for_each_deed(found, [&](const deed& d) {
    if (any) return;
    const object_name name(d.object);
    any = name.get() != nullptr && matches(pattern, name.get());
    if (any) return;
    symbols.for_each(d.at, [&](const call& c) {
      any = any || matches_path(pattern, c.file) ||
            matches_path(pattern, c.module) ||
            matches_function(pattern, c.function);
    });
  });
  return any;
}

}  // namespace

bool matches(std::string_view pattern, std::string_view name) noexcept {
  // After a * that does not fit, the last * takes one character more.
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t taken = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool matches_function(std::string_view pattern,
                      std::string_view name) noexcept {
  if (name.empty()) return false;
  if (matches(pattern, name)) return true;
  // The parameters are the last pair of parentheses, but for "const" behind it;
  // "(anonymous namespace)" and a parameter's own come before or inside.
  const std::size_t end = name.rfind(')');
  if (end == std::string_view::npos) return false;
  int depth = 0;
  for (std::size_t i = end + 1; i-- > 0;) {
    if (name[i] == ')') ++depth;
    if (name[i] == '(' && --depth == 0)
      return matches(pattern, name.substr(0, i));
  }
  return false;
}

bool matches_path(std::string_view pattern, std::string_view path) noexcept {
  if (path.empty()) return false;
  return matches(pattern, path) ||
         matches(pattern, path.substr(path.rfind('/') + 1));
}

bool add_locked(std::string_view kind, std::string_view pattern) noexcept {
  auto& all = g_all.it;
  const int number = kind_of(kind);
  if (number == kNoKind || pattern.empty() || pattern.size() > kLongestPattern)
    return false;
  const entry e = {number, static_cast<std::uint32_t>(pattern.size()),
                   all.characters.size()};
  for (const char c : pattern)
    if (!all.characters.push(c)) return false;
  return all.entries.push(e);
}

void add_lines(std::string_view name, std::string_view lines,
               text& complaints) noexcept {
  for (std::int64_t number = 1; !lines.empty(); ++number) {
    const std::size_t end = lines.find('\n');
    const std::string_view line = trimmed(lines.substr(0, end));
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
    if (line.empty() || line[0] == '#') continue;
    const std::size_t colon = line.find(':');
    const std::string_view kind = trimmed(line.substr(0, colon));
    const std::string_view pattern =
        colon == std::string_view::npos ? "" : trimmed(line.substr(colon + 1));
    if (add_locked(kind, pattern)) continue;
    complaints << "syncxx: " << name << ":" << number << ": ";
    if (colon == std::string_view::npos)
      complaints << "not kind:pattern";
    else if (kind_of(kind) == kNoKind)
      complaints << "no kind of finding is called \"" << kind.substr(0, 100)
                 << "\"";
    else if (pattern.empty())
      complaints << "there is no pattern behind the colon";
    else
      complaints << "the pattern is too long, or there is no memory";
    complaints << "; the line is left out\n";
  }
}

bool concern(finding_kind kind) noexcept {
  auto& all = g_all.it;
  for (std::uint32_t i = 0; i < all.entries.size(); ++i) {
    const int of = all.entries[i].kind;
    if (of == kEveryKind || of == static_cast<int>(kind)) return true;
  }
  return false;
}

bool match(const finding& found, symbolizer& symbols) noexcept {
  auto& all = g_all.it;
  for (std::uint32_t i = 0; i < all.entries.size(); ++i) {
    const entry e = all.entries[i];
    if (e.kind != kEveryKind && e.kind != static_cast<int>(found.kind))
      continue;
    if (match(pattern_of(e).view(), found, symbols)) return true;
  }
  return false;
}

}  // namespace detail::suppressions
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
