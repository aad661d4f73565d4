// SPDX-License-Identifier: Apache-2.0
//
// What people get of a failing execution: it is run once more, recorded.
#include <cstdio>

#include "recorder.h"
#include "report.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
namespace {

// An execution may be run again a few times until its loops are known.
constexpr int kMostTries = 100;

bool write_file(const std::string& path, const text& content) noexcept {
  std::FILE* const f = std::fopen(path.c_str(), "w");
  if (f == nullptr) return false;
  const bool written =
      std::fwrite(content.data(), 1, content.size(), f) == content.size();
  return std::fclose(f) == 0 && written;
}

}  // namespace

// Does a run again that has failed. It began with the first `begun_with_`
// events of the graph: with those it makes the same choices again. What a guide
// has decided is done again by its script.
outcome checker::repeat(const script& s) {
  if (guide_.on()) {
    g_->clear();
    guide_.begin_script(s);
  } else {
    while (g_->size() > begun_with_) g_->pop();
  }
  const std::uint32_t begun = begun_with_;
  const outcome how = run();
  begun_with_ = begun;
  return how;
}

void checker::show_failure() {
  const verdict what = result_.what;
  const text message = failure_;
  const outcome first = outcome_;
  const script s = script::of(*g_, culprit_);
  trace shown;
  outcome how = outcome::again;
  for (int i = 0; i < kMostTries && how == outcome::again; ++i) {
    recorder r(*this);
    recording_ = &r;
    how = repeat(s);
    recording_ = nullptr;
    shown = r.take(what, message);
  }
  const bool same = how == first && result_.what == what;
  result_.what = what;
  failure_ = message;
  if (!same) return;
  const text lines = timeline(shown);
  result_.timeline.assign(lines.data(), lines.size());
  if (!how_.html.empty() && !write_file(how_.html, page(shown)))
    failure_ += " (" + text(how_.html.c_str()) + " cannot be written)";
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
