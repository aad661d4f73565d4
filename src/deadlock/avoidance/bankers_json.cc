// SPDX-License-Identifier: Apache-2.0
//
// bankers_state as JSON (RFC 8259), and from it. The library depends on no JSON
// library; what is read has one shape, and an error is to say where it is.
#include <sync/detail/bankers_state.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <sync/detail/bankers_core.h>

#include "bankers_waiter.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

using amounts = bankers_state::amounts;

// The size of the UTF-8 sequence that `bytes` begins with; 0: it is none
// (Unicode 15, table 3-7: no overlong forms, no surrogates).
std::size_t sequence_size(std::string_view bytes) noexcept {
  const auto at = [&](std::size_t i) -> unsigned {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0;
  };
  const auto continues = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      if ((at(i) & 0xc0) != 0x80) return false;
    }
    return true;
  };
  const unsigned a = at(0);
  const unsigned b = at(1);
  if (a < 0x80) return 1;
  if (a >= 0xc2 && a <= 0xdf) return continues(1, 2) ? 2 : 0;
  if ((a & 0xf0) == 0xe0) {
    const bool fine =
        continues(1, 3) && (a != 0xe0 || b >= 0xa0) && (a != 0xed || b <= 0x9f);
    return fine ? 3 : 0;
  }
  if (a >= 0xf0 && a <= 0xf4) {
    const bool fine =
        continues(1, 4) && (a != 0xf0 || b >= 0x90) && (a != 0xf4 || b <= 0x8f);
    return fine ? 4 : 0;
  }
  return 0;
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t size = sequence_size(text);
    const auto c = static_cast<unsigned char>(text[0]);
    if (size == 0) {
      out += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += text[0];
    } else if (c < 0x20) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      out += "\\u00";
      out += kDigits[c >> 4U];
      out += kDigits[c & 15U];
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  out += '"';
}

void append_amounts(std::string& out, const amounts& a) {
  const char* between = "[";
  for (const std::uint64_t x : a) {
    out += between + std::to_string(x);
    between = ",";
  }
  out += a.empty() ? "[]" : "]";
}

void append_utf8(std::string& out, std::uint32_t c) {
  const auto byte = [&](std::uint32_t b) { out += static_cast<char>(b); };
  if (c < 0x80) return byte(c);
  if (c < 0x800) {
    byte(0xc0 | c >> 6U);
  } else {
    if (c < 0x10000) {
      byte(0xe0 | c >> 12U);
    } else {
      byte(0xf0 | c >> 18U);
      byte(0x80 | (c >> 12U & 0x3f));
    }
    byte(0x80 | (c >> 6U & 0x3f));
  }
  byte(0x80 | (c & 0x3f));
}

class reader {
 public:
  explicit reader(std::string_view text) : text_(text) {}

  bankers_state state() {
    bankers_state s;
    bool has_total = false;
    bool has_customers = false;
    object("the state", [&](const std::string& key) {
      if (key == "total") {
        once(has_total, key);
        s.total = amounts_of("total");
        if (s.total.empty()) fail("total is empty: at least one resource");
      } else if (key == "customers") {
        once(has_customers, key);
        customers(s);
      } else {
        skip();
      }
    });
    blanks();
    if (at_ != text_.size()) fail("something behind the state");
    if (!has_total) fail("the state has no \"total\"");
    if (!has_customers) fail("the state has no \"customers\"");
    for (std::size_t i = 0; i < s.customers.size(); ++i) check(s, i);
    at_ = text_.size();
    return s;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    std::size_t line = 1;
    std::size_t column = 1;
    for (const char c : text_.substr(0, at_)) {
      if (c == '\n') {
        ++line;
        column = 1;
      } else if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) {
        ++column;
      }
    }
    refuse("line " + std::to_string(line) + ", column " +
           std::to_string(column) + ": " + what);
  }

  void once(bool& seen, const std::string& key) {
    if (std::exchange(seen, true)) fail("a second \"" + key + "\"");
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void blanks() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r')
      ++at_;
  }
  // What is there, for a message.
  std::string found() const {
    if (at_ >= text_.size()) return "the end";
    const std::size_t size = sequence_size(text_.substr(at_));
    if (size == 0 || static_cast<unsigned char>(peek()) < 0x20)
      return "a byte that cannot be there";
    return "'" + std::string(text_.substr(at_, size)) + "'";
  }
  void expect(char c, const std::string& where) {
    blanks();
    if (peek() != c)
      fail(std::string("expected '") + c + "' in " + where + ", found " +
           found());
    ++at_;
  }
  bool accept(char c) {
    blanks();
    if (peek() != c) return false;
    ++at_;
    return true;
  }

  // Calls member(key) before each value, to read it.
  template <class F>
  void object(const std::string& what, F&& member) {
    blanks();
    if (peek() != '{') fail(what + " is to be an object {…}, found " + found());
    ++at_;
    if (accept('}')) return;
    do {
      blanks();
      if (peek() != '"')
        fail("expected the name of a member of " + what + ", found " + found());
      const std::string key = string();
      expect(':', what);
      blanks();
      member(key);
    } while (accept(','));
    expect('}', what);
  }
  template <class F>
  void array(const std::string& what, F&& element) {
    blanks();
    if (peek() != '[') fail(what + " is to be an array […], found " + found());
    ++at_;
    if (accept(']')) return;
    do {
      blanks();
      element();
    } while (accept(','));
    expect(']', what);
  }

  std::uint32_t hex4() {
    std::uint32_t code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      const char c = peek();
      const std::size_t digit = kDigits.find(
          c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
      if (at_ >= text_.size() || digit == kDigits.npos)
        fail("expected four hexadecimal digits behind \\u, found " + found());
      code = code << 4U | static_cast<std::uint32_t>(digit);
    }
    return code;
  }

  void escape(std::string& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
    const std::size_t which =
        at_ < text_.size() ? kNames.find(peek()) : kNames.npos;
    if (which != kNames.npos) {
      ++at_;
      out += kMeant[which];
      return;
    }
    if (peek() != 'u') fail("expected an escape behind '\\', found " + found());
    ++at_;
    std::uint32_t code = hex4();
    if (code >= 0xd800 && code < 0xdc00 && text_.substr(at_, 2) == "\\u") {
      at_ += 2;
      const std::uint32_t low = hex4();
      if (low < 0xdc00 || low > 0xdfff) fail("half a surrogate pair");
      code = 0x10000 + ((code - 0xd800) << 10U) + (low - 0xdc00);
    }
    if (code >= 0xd800 && code <= 0xdfff) fail("half a surrogate pair");
    append_utf8(out, code);
  }

  std::string string() {
    const std::size_t began = at_++;
    std::string out;
    for (;;) {
      if (at_ >= text_.size()) {
        at_ = began;
        fail("a string without an end");
      }
      const char c = peek();
      if (c == '"') break;
      if (c == '\\') {
        ++at_;
        escape(out);
        continue;
      }
      const std::size_t size = sequence_size(text_.substr(at_));
      if (size == 0) fail("a string that is no UTF-8");
      if (static_cast<unsigned char>(c) < 0x20)
        fail("a control character in a string");
      out += text_.substr(at_, size);
      at_ += size;
    }
    ++at_;
    return out;
  }

  static bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

  std::uint64_t number(const std::string& what) {
    if (peek() == '-') fail(what + " is negative");
    if (!is_digit(peek()))
      fail(what + " is to be a whole number, found " + found());
    const std::size_t began = at_;
    std::uint64_t n = 0;
    for (; is_digit(peek()); ++at_) {
      n = n * 10 + static_cast<std::uint64_t>(peek() - '0');
      if (n > kMostUnits) {
        at_ = began;
        fail(what + " is too great: at most 2^62 - 1");
      }
    }
    const bool zero_first = text_[began] == '0' && at_ - began > 1;
    if (zero_first || peek() == '.' || peek() == 'e' || peek() == 'E') {
      at_ = began;
      fail(what + (zero_first ? " begins with a 0" : " is no whole number"));
    }
    return n;
  }

  amounts amounts_of(const std::string& what) {
    amounts a;
    array(what, [&] {
      a.push_back(number(what + "[" + std::to_string(a.size()) + "]"));
    });
    return a;
  }

  void customers(bankers_state& s) {
    array("\"customers\"", [&] {
      const std::size_t index = s.customers.size();
      const std::string what = "customers[" + std::to_string(index) + "]";
      places_.push_back(at_);
      bankers_state::customer c;
      bool has_name = false;
      bool has_max = false;
      bool has_holding = false;
      object(what, [&](const std::string& key) {
        if (key == "name") {
          once(has_name, key);
          if (peek() != '"')
            fail(what + ".name is to be a string, found " + found());
          c.name = string();
        } else if (key == "max") {
          once(has_max, key);
          c.max = amounts_of(what + ".max");
        } else if (key == "holding") {
          once(has_holding, key);
          c.holding = amounts_of(what + ".holding");
        } else {
          skip();
        }
      });
      at_after_ = std::exchange(at_, places_.back());
      if (!has_max) fail(what + " has no \"max\"");
      if (!has_holding) fail(what + " has no \"holding\"");
      at_ = at_after_;
      if (c.name.empty()) c.name = "P" + std::to_string(index);
      s.customers.push_back(std::move(c));
    });
  }

  // As validate(), with the place.
  void check(const bankers_state& s, std::size_t index) {
    at_ = places_[index];
    const bankers_state::customer& c = s.customers[index];
    const std::string what =
        "customers[" + std::to_string(index) + "] ('" + c.name + "')";
    for (const auto& [row, key] :
         {std::pair(&c.max, ".max"), std::pair(&c.holding, ".holding")}) {
      if (row->size() != s.total.size())
        fail(what + key + " has " + std::to_string(row->size()) +
             " amounts, total has " + std::to_string(s.total.size()));
    }
    for (std::size_t k = 0; k < s.total.size(); ++k) {
      if (c.holding[k] > c.max[k])
        fail(what + " holds " + of_resource(c.holding[k], k) + ": its max is " +
             std::to_string(c.max[k]));
    }
  }

  // A value that is of no interest.
  void skip() {
    constexpr int kDeepest = 100;
    if (++depth_ > kDeepest) fail("more than 100 values in each other");
    if (peek() == '{') {
      object("an object", [&](const std::string&) { skip(); });
    } else if (peek() == '[') {
      array("an array", [&] { skip(); });
    } else if (peek() == '"') {
      string();
    } else if (peek() == '-' || is_digit(peek())) {
      skip_number();
    } else {
      constexpr std::array<std::string_view, 3> kWords = {"true", "false",
                                                          "null"};
      std::size_t size = 0;
      for (const std::string_view word : kWords) {
        if (text_.substr(at_, word.size()) == word) size = word.size();
      }
      if (size == 0) fail("expected a value, found " + found());
      at_ += size;
    }
    --depth_;
  }
  void digits() {
    if (!is_digit(peek())) fail("expected a digit, found " + found());
    while (is_digit(peek())) ++at_;
  }
  void skip_number() {
    if (peek() == '-') ++at_;
    if (peek() == '0')
      ++at_;
    else
      digits();
    if (peek() == '.') {
      ++at_;
      digits();
    }
    if (peek() != 'e' && peek() != 'E') return;
    ++at_;
    if (peek() == '+' || peek() == '-') ++at_;
    digits();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t at_after_ = 0;
  int depth_ = 0;
  std::vector<std::size_t> places_;  // where each customer begins
};

}  // namespace
}  // namespace detail

std::string bankers_state::to_json() const {
  std::string out = "{\"total\":";
  detail::append_amounts(out, total);
  out += ",\"customers\":[";
  for (const customer& c : customers) {
    if (&c != &customers.front()) out += ',';
    out += "{\"name\":";
    detail::append_string(out, c.name);
    out += ",\"max\":";
    detail::append_amounts(out, c.max);
    out += ",\"holding\":";
    detail::append_amounts(out, c.holding);
    out += '}';
  }
  return out + "]}";
}

bankers_state bankers_state::from_json(std::string_view text) {
  bankers_state s = detail::reader(text).state();
  s.validate();
  return s;
}

}  // namespace syncxx::inline SYNCXX_ABI
