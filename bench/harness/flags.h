// SPDX-License-Identifier: Apache-2.0
//
// --name=value and --name, nothing else.
#ifndef SYNCXX_BENCH_HARNESS_FLAGS_H_
#define SYNCXX_BENCH_HARNESS_FLAGS_H_

#include <cctype>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace syncxx_bench {

class flags {
 public:
  // Throws std::invalid_argument for anything that is not in `known`.
  flags(int argc, char** argv, const std::vector<std::string>& known) {
    for (int i = 1; i < argc; ++i) {
      std::string_view arg = argv[i];
      if (arg.substr(0, 2) != "--") unknown(arg);
      arg.remove_prefix(2);
      const std::size_t eq = arg.find('=');
      const std::string name(arg.substr(0, eq));
      bool found = false;
      for (const std::string& k : known) found = found || k == name;
      if (!found) unknown(argv[i]);
      values_[name] = eq == std::string_view::npos
                          ? std::string("1")
                          : std::string(arg.substr(eq + 1));
    }
  }

  bool has(const std::string& name) const { return values_.count(name) != 0; }

  std::string text(const std::string& name, std::string fallback) const {
    const auto it = values_.find(name);
    return it == values_.end() ? fallback : it->second;
  }

  double number(const std::string& name, double fallback) const {
    const auto it = values_.find(name);
    return it == values_.end() ? fallback : to_number(name, it->second);
  }

  int integer(const std::string& name, int fallback) const {
    return static_cast<int>(number(name, fallback));
  }

  std::vector<std::string> list(const std::string& name,
                                const std::string& fallback) const {
    return split(text(name, fallback));
  }

  std::vector<int> integers(const std::string& name,
                            const std::string& fallback) const {
    std::vector<int> out;
    for (const std::string& s : list(name, fallback)) {
      out.push_back(static_cast<int>(to_number(name, s)));
    }
    return out;
  }

  static std::vector<std::string> split(const std::string& s) {
    std::vector<std::string> out;
    std::size_t from = 0;
    while (from <= s.size()) {
      std::size_t to = s.find(',', from);
      if (to == std::string::npos) to = s.size();
      if (to > from) out.push_back(s.substr(from, to - from));
      from = to + 1;
    }
    return out;
  }

 private:
  [[noreturn]] static void unknown(std::string_view arg) {
    throw std::invalid_argument("unknown argument: " + std::string(arg));
  }

  static double to_number(const std::string& name, const std::string& s) {
    char* end = nullptr;
    const double v = std::strtod(s.c_str(), &end);
    if (s.empty() || *end != '\0' || v < 0) {
      throw std::invalid_argument("--" + name + ": not a number: " + s);
    }
    return v;
  }

  std::map<std::string, std::string> values_;
};

// True when `name` is meant by `pattern`: equal, or containing it, in any case.
inline bool name_matches(std::string_view name, std::string_view pattern) {
  auto lower = [](std::string_view s) {
    std::string out(s);
    for (char& c : out) {
      c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    return out;
  };
  return pattern == "all" ||
         lower(name).find(lower(pattern)) != std::string::npos;
}

}  // namespace syncxx_bench

#endif  // SYNCXX_BENCH_HARNESS_FLAGS_H_
