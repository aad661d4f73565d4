// SPDX-License-Identifier: Apache-2.0
#include "findings.h"

#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace syncxx::tool {
namespace {

using json = nlohmann::ordered_json;

constexpr int kVersion = 1;

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>()
                                                     : "";
}

const json& part_of(const json& object, const char* key) {
  static const json kNothing = json::object();
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : kNothing;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// A lock's name in the graph: addresses mean something in one process only.
std::string lock_of(const json& deed, const std::string& process) {
  const json& object = part_of(deed, "object");
  const std::string name = text_of(object, "name");
  const std::string kind = text_of(object, "kind");
  if (kind.empty()) return "";
  return kind + " " + (name.empty() ? text_of(object, "address") : name) +
         (process.empty() ? "" : " in process " + process);
}

}  // namespace

findings::findings(const std::string& lines_file) { read(lines_file, all_); }

void findings::add_statistics(const std::string& lines_file) {
  statistics_ = json::array();
  read(lines_file, statistics_);
}

void findings::read(const std::string& lines_file, json& into) {
  std::ifstream in(lines_file, std::ios::binary);
  for (std::string line; std::getline(in, line);) {
    if (line.empty()) continue;
    json one = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (one.is_object())
      into.push_back(std::move(one));
    else
      ++unreadable_;
  }
}

std::string findings::kinds() const {
  std::map<std::string, int> counts;
  for (const json& one : all_) ++counts[text_of(one, "kind")];
  std::ostringstream out;
  const char* between = "";
  for (const auto& [kind, count] : counts) {
    out << between << count << ' ' << (kind.empty() ? "of no kind" : kind);
    between = ", ";
  }
  return out.str();
}

bool findings::write_json(const std::string& file) const {
  json whole;
  whole["version"] = kVersion;
  whole["findings"] = all_;
  if (!statistics_.is_null()) whole["statistics"] = statistics_;
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  // What the program has named may be no UTF-8.
  out << whole.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
  out.flush();
  return out.good();
}

bool findings::write_dot(const std::string& file) const {
  std::set<std::string> edges;
  for (const json& one : all_) {
    const auto links = one.find("links");
    if (links == one.end() || !links->is_array()) continue;
    const auto pid = one.find("pid");
    const std::string process = pid != one.end() ? pid->dump() : "";
    for (const json& link : *links) {
      const std::string held = lock_of(part_of(link, "held"), process);
      const std::string wanted = lock_of(part_of(link, "wanted"), process);
      if (held.empty() || wanted.empty()) continue;
      const json& thread = part_of(link, "thread");
      const auto serial = thread.find("serial");
      const std::string who = "thread " +
                              (serial != thread.end() ? serial->dump() : "?") +
                              " " + text_of(thread, "name");
      edges.insert("  " + quoted(held) + " -> " + quoted(wanted) +
                   " [label=" + quoted(who) + "];\n");
    }
  }
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << "// Whoever holds the lock at an arrow's start has asked for the one "
         "at its end.\n"
         "digraph deadlocks {\n"
         "  node [shape=box];\n";
  for (const std::string& edge : edges) out << edge;
  out << "}\n";
  out.flush();
  return out.good();
}

}  // namespace syncxx::tool
