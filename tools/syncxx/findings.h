// SPDX-License-Identifier: Apache-2.0
//
// What watched processes have found: they append lines of JSON to one file.
#ifndef SYNCXX_TOOLS_SYNCXX_FINDINGS_H_
#define SYNCXX_TOOLS_SYNCXX_FINDINGS_H_

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>

namespace syncxx::tool {

class findings {
 public:
  // Reads the lines. One that a killed process has not finished is left out.
  explicit findings(const std::string& lines_file);

  // Likewise what watched processes have counted; without this call the JSON
  // has no statistics.
  void add_statistics(const std::string& lines_file);

  std::size_t count() const { return all_.size(); }
  std::size_t unreadable() const { return unreadable_; }
  // "2 deadlock, 1 long_hold"
  std::string kinds() const;

  // False: it could not be written (errno).
  bool write_json(const std::string& file) const;
  // The circles of locks, as a graph for Graphviz.
  bool write_dot(const std::string& file) const;

 private:
  using json = nlohmann::ordered_json;

  void read(const std::string& lines_file, json& into);

  json all_ = json::array();
  json statistics_;  // null: not asked for
  std::size_t unreadable_ = 0;
};

}  // namespace syncxx::tool

#endif  // SYNCXX_TOOLS_SYNCXX_FINDINGS_H_
