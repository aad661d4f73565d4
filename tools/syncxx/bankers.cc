// SPDX-License-Identifier: Apache-2.0
//
// syncxx bankers FILE
#include <getopt.h>
#include <sync/bankers_allocator.h>
#include <sync/bankers_json.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "verb.h"

namespace syncxx::tool {
namespace {

constexpr const char* kHelp =
    R"(Usage: syncxx bankers FILE [--request NAME AMOUNTS] [--explain]

Says whether the state of a Banker's algorithm is safe: whether all customers can
get what they may still ask for, in some order. FILE (- for standard input) is
JSON, as to_json() of <sync/bankers_json.h> writes it:

  {"total":[10,5,7],"customers":[{"name":"P0","max":[7,5,3],"holding":[0,1,0]}]}

Options:
  --request NAME AMOUNTS  would this customer's request be granted? AMOUNTS:
                          one number for each resource, such as 1,0,2
  --explain               print each step of the algorithm
  --help                  print this

The first line of output is "safe: " and all customers in an order in which they
can finish, or "unsafe: " and the reason. Then come the steps, if they were asked
for, and the table: after the request, if it is granted.

Exit status: 0 safe, and the request would be granted; 1 unsafe, or it would be
refused; 2 wrong usage or bad input.
)";

constexpr int kUnsafe = 1;
constexpr int kWrongUsage = 2;

struct bankers_options {
  std::string file;
  std::optional<std::string> customer;  // who requests
  std::string request;
  bool explain = false;
};

std::invalid_argument bad(const std::string& what) {
  return std::invalid_argument(what);
}

std::string read(const std::string& file) {
  if (file == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (!in.is_open() || in.bad() || (text.empty() && errno != 0))
    throw bad(errno == 0 ? "cannot be read" : std::strerror(errno));
  return text;
}

// What the library takes, but a state to be looked at must not have.
void check(const bankers_state& s) {
  std::map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < s.customers.size(); ++i) {
    const auto [first, is_new] = seen.emplace(s.customers[i].name, i);
    if (!is_new)
      throw bad("customers[" + std::to_string(first->second) +
                "] and customers[" + std::to_string(i) +
                "] have the same name '" + first->first + "'");
  }
  for (std::size_t k = 0; k < s.total.size(); ++k) {
    std::uint64_t held = 0;
    for (const auto& c : s.customers) held += c.holding[k];
    if (held > s.total[k])
      throw bad("the customers hold " + std::to_string(held) + " of resource " +
                std::to_string(k) + ", of which total has " +
                std::to_string(s.total[k]));
  }
}

bankers_state::amounts parse_request(std::string_view text,
                                     std::size_t resources) {
  bankers_state::amounts a;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (;;) {
    const auto [behind, error] = std::from_chars(at, end, a.emplace_back());
    if (error != std::errc()) break;
    if (behind == end && a.size() == resources) return a;
    if (behind == end || *behind != ',') break;
    at = behind + 1;
  }
  throw bad("--request: \"" + std::string(text) + "\" is to be " +
            std::to_string(resources) +
            " whole numbers with commas between them, none negative");
}

std::size_t find(const bankers_state& s, const std::string& name) {
  for (std::size_t i = 0; i < s.customers.size(); ++i) {
    if (s.customers[i].name == name) return i;
  }
  throw bad("--request: there is no customer '" + name + "'");
}

std::string names(const bankers_state& s,
                  const std::vector<std::size_t>& which) {
  std::string out;
  for (const std::size_t i : which)
    out += (out.empty() ? "" : " ") + s.customers[i].name;
  return out;
}

// One line for each that finishes, and for each that cannot.
std::string steps(const bankers_state& s, const bankers_state::verdict& v) {
  using detail::to_text;
  bankers_state::amounts work = s.total;
  for (const auto& c : s.customers) {
    for (std::size_t k = 0; k < work.size(); ++k) work[k] -= c.holding[k];
  }
  const auto need = [&](std::size_t i) {
    bankers_state::amounts n = s.customers[i].max;
    for (std::size_t k = 0; k < n.size(); ++k)
      n[k] -= s.customers[i].holding[k];
    return n;
  };
  std::string out = "available: " + to_text(work) + "\n";
  std::size_t step = 0;
  for (const std::size_t i : v.finish) {
    const auto& c = s.customers[i];
    out += "step " + std::to_string(++step) + ": " + c.name + " needs " +
           to_text(need(i)) + " of " + to_text(work) +
           ", finishes and gives back " + to_text(c.holding);
    for (std::size_t k = 0; k < work.size(); ++k) work[k] += c.holding[k];
    out += ": " + to_text(work) + "\n";
  }
  for (const std::size_t i : v.stuck) {
    const bankers_state::amounts n = need(i);
    std::size_t k = 0;
    while (n[k] <= work[k]) ++k;
    out += "stuck: " + s.customers[i].name + " needs " + to_text(n) + ": " +
           std::to_string(n[k]) + " of resource " + std::to_string(k) +
           ", of which " + std::to_string(work[k]) + " can become available\n";
  }
  return out;
}

int judge(const bankers_options& options) {
  bankers_state state = bankers_state_from_json(read(options.file));
  check(state);
  std::string refused;
  std::string granted;
  bankers_state looked_at = state;  // by --explain
  if (options.customer) {
    const std::size_t who = find(state, *options.customer);
    const bankers_state::amounts request =
        parse_request(options.request, state.total.size());
    const bankers_blocking why = state.why_blocked(who, request);
    bankers_state::amounts& held = looked_at.customers[who].holding;
    if (why.why == blocked_because::nothing ||
        why.why == blocked_because::would_be_unsafe) {
      for (std::size_t k = 0; k < held.size(); ++k) held[k] += request[k];
    }
    if (why.why == blocked_because::nothing) {
      granted = "granted: " + *options.customer + " gets " +
                detail::to_text(request) + "\n";
      state = looked_at;
    } else {
      refused = why.text;
    }
  }
  const bankers_state::verdict v = looked_at.examine();
  const bool fine = v.safe && refused.empty();
  if (fine)
    std::printf("safe: %s\n", names(state, v.finish).c_str());
  else if (!refused.empty())
    std::printf("unsafe: %s\n", refused.c_str());
  else
    std::printf("unsafe: %s cannot finish%s\n", names(state, v.stuck).c_str(),
                v.finish.empty()
                    ? "; nobody can"
                    : (", after " + names(state, v.finish)).c_str());
  std::fputs(granted.c_str(), stdout);
  if (options.explain) std::fputs(steps(looked_at, v).c_str(), stdout);
  std::printf("\n%s", state.table().c_str());
  return fine ? 0 : kUnsafe;
}

// Nothing: the tool is to end with `status`, all has been said.
std::optional<bankers_options> read_options(int argc, char** argv,
                                            int& status) {
  static constexpr option kOptions[] = {
      {"request", required_argument, nullptr, 'r'},
      {"explain", no_argument, nullptr, 'e'},
      {"help", no_argument, nullptr, 'h'},
      {nullptr, 0, nullptr, 0},
  };
  bankers_options options;
  status = kWrongUsage;
  // In order: --request has two arguments.
  for (int c = 0;
       (c = ::getopt_long(argc, argv, "-h", kOptions, nullptr)) != -1;) {
    if (c == 'h') {
      status = 0;
      std::fputs(kHelp, stdout);
      return std::nullopt;
    }
    if (c == 'e') {
      options.explain = true;
    } else if (c == 'r' && !options.customer && optind < argc) {
      options.customer = optarg;
      options.request = argv[optind++];
    } else if (c == 1 && options.file.empty() && *optarg != '\0') {
      options.file = optarg;
    } else {
      if (c == 'r')
        complain("--request needs a customer and amounts, once");
      else if (c == 1)
        complain("bankers takes one file");
      std::fputs(kHelp, stderr);
      return std::nullopt;
    }
  }
  if (options.file.empty() && optind < argc) options.file = argv[optind++];
  if (options.file.empty() || optind < argc) {
    complain(optind < argc ? "bankers takes one file" : "bankers needs a file");
    std::fputs(kHelp, stderr);
    return std::nullopt;
  }
  return options;
}

}  // namespace

int run_bankers(int argc, char** argv) {
  int status = 0;
  const std::optional<bankers_options> options =
      read_options(argc, argv, status);
  if (!options) return status;
  try {
    return judge(*options);
  } catch (const std::exception& error) {
    std::string_view what = error.what();
    constexpr std::string_view kOurs = "syncxx: ";
    if (what.substr(0, kOurs.size()) == kOurs) what.remove_prefix(kOurs.size());
    complain(options->file + ": " + std::string(what));
    return kWrongUsage;
  }
}

}  // namespace syncxx::tool
