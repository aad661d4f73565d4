// SPDX-License-Identifier: Apache-2.0
//
// A writer that knows where the commas go.
#ifndef SYNCXX_BENCH_HARNESS_JSON_H_
#define SYNCXX_BENCH_HARNESS_JSON_H_

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace syncxx_bench {

class json_writer {
 public:
  explicit json_writer(std::FILE* out) : out_(out) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }

  void key(std::string_view name) {
    separate();
    quote(name);
    std::fputc(':', out_);
    after_key_ = true;
  }

  void value(std::string_view s) {
    separate();
    quote(s);
  }
  void value(const char* s) { value(std::string_view(s)); }
  void value(bool b) {
    separate();
    std::fputs(b ? "true" : "false", out_);
  }
  template <class T>
  requires std::is_arithmetic_v<T>
  void value(T number) {
    separate();
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isfinite(number)) {
        std::fprintf(out_, "%.6g", static_cast<double>(number));
      } else {
        std::fputs("null", out_);
      }
    } else {
      std::fputs(std::to_string(number).c_str(), out_);
    }
  }
  template <class T>
  void value(const std::vector<T>& items) {
    begin_array();
    for (const auto& item : items) value(item);
    end_array();
  }

  template <class T>
  void field(std::string_view name, const T& v) {
    key(name);
    value(v);
  }

 private:
  void open(char c) {
    separate();
    std::fputc(c, out_);
    first_.push_back(true);
  }

  void close(char c) {
    first_.pop_back();
    std::fputc(c, out_);
    if (first_.empty()) std::fputc('\n', out_);
  }

  void separate() {
    if (after_key_) {
      after_key_ = false;
      return;
    }
    if (first_.empty()) return;
    if (!first_.back()) std::fputc(',', out_);
    if (first_.size() <= 2) std::fputc('\n', out_);
    first_.back() = false;
  }

  void quote(std::string_view s) {
    std::fputc('"', out_);
    for (const char c : s) {
      if (c == '"' || c == '\\') {
        std::fputc('\\', out_);
        std::fputc(c, out_);
      } else if (static_cast<unsigned char>(c) < 0x20) {
        std::fprintf(out_, "\\u%04x", static_cast<unsigned>(c));
      } else {
        std::fputc(c, out_);
      }
    }
    std::fputc('"', out_);
  }

  std::FILE* out_;
  std::vector<bool> first_;
  bool after_key_ = false;
};

}  // namespace syncxx_bench

#endif  // SYNCXX_BENCH_HARNESS_JSON_H_
