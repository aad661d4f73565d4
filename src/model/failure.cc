// SPDX-License-Identifier: Apache-2.0
//
// Executions that fail: the shortest found is kept, as a script, and run once
// more to be shown.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "recorder.h"
#include "report.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
namespace {

bool write_file(const std::string& path, const text& content) noexcept {
  std::FILE* const f = std::fopen(path.c_str(), "w");
  if (f == nullptr) return false;
  const bool written =
      std::fwrite(content.data(), 1, content.size(), f) == content.size();
  return std::fclose(f) == 0 && written;
}

// From which event on, at `from` or later, threads only go round: those that
// are `able` do what they also do in the later half of what they have done
// since, and the others nothing.
template <class Threads>
std::uint32_t idle_from(const graph& g, const Threads& able,
                        std::uint32_t from) {
  std::uint32_t idle = from;
  for (thread_number t = 0; t < g.threads(); ++t) {
    const auto& po = g.of_thread(t);
    std::uint32_t first = po.size();
    while (first > 0 && po[first - 1] >= from) --first;
    std::uint32_t i = po.size();
    if (able.contains(t)) {
      hash_map<std::uint64_t, bool> loop;
      const std::uint32_t half = first + (po.size() - first) / 2;
      for (; i > half; --i) loop.emplace(g.at(po[i - 1]).call(), true);
      while (i > first && loop.contains(g.at(po[i - 1]).call())) --i;
    }
    if (i > first) idle = std::max(idle, po[i - 1] + 1);
  }
  return idle;
}

}  // namespace

// Runs what a script says, in the present exploration.
outcome checker::follow(const script& s) {
  g_->clear();
  g_->be_lean();
  guide_.begin_script(s);
  return run();
}

// The run that has just ended has failed.
void checker::keep_failure() {
  failure f;
  f.what = result_.what;
  f.message = failure_;
  f.repeatable = repeatable_;
  f.executions = result_.executions;
  f.blocked = result_.blocked;
  const moment collision = collision_;
  const thread_number culprit = culprit_;
  g_->complete();
  if (f.what == verdict::livelock && guide_.on()) {
    const std::uint32_t idle = idle_from(*g_, able_, last_progress_);
    // One event of those stays, if it is a whole one.
    while (g_->size() > idle + 1 ||
           (g_->size() == idle + 1 && g_->at(idle).open != 0))
      g_->pop();
  }
  f.how = script::of(*g_, culprit);
  if (!found_) {
    found_ = f;
  } else if (f.what == found_->what && f.how.length() < found_->how.length()) {
    f.executions = found_->executions;
    f.blocked = found_->blocked;
    found_ = f;
  } else {
    result_.what = verdict::ok;
    return;
  }
  // What the thread that has failed does not depend on is left out.
  if (culprit != kNone && repeatable_ && f.what != verdict::livelock) {
    vec<bool> keep(g_->size(), false);
    const auto keep_past = [&](event_id last) {
      if (last == kNone) return;
      for (event_id id = 0; id < g_->size(); ++id)
        if (id == last || g_->porf_before(id, g_->porf(last))) keep[id] = true;
    };
    keep_past(g_->last_of(culprit));
    if (collision.is_set() && collision.index != 0 &&
        collision.index <= g_->of_thread(collision.thread).size())
      keep_past(g_->of_thread(collision.thread)[collision.index - 1]);
    graph part(stride_);
    vec<event_id> renumber;
    part.assign(*g_, keep, renumber);
    if (part.size() < g_->size()) shorten(script::of(part, culprit));
  }
  result_.what = verdict::ok;
}

// Takes that script if it fails as the one found does.
void checker::shorten(const script& s) {
  const guide before = guide_;
  push_exploration();
  const outcome how = follow(s);
  if (how == outcome::failed && result_.what == found_->what && repeatable_) {
    g_->complete();
    script shorter = script::of(*g_, culprit_);
    if (shorter.length() < found_->how.length()) {
      found_->how = std::move(shorter);
      found_->message = failure_;
    }
  }
  drop_exploration();
  guide_ = before;
}

bool checker::shows_waiting() const noexcept {
  return found_->what == verdict::livelock && guide_.at_end();
}

result checker::failed() {
  result_.what = found_->what;
  result_.executions = found_->executions;
  result_.blocked = found_->blocked;
  failure_ = found_->message;
  if (found_->repeatable) {
    result_.replay = found_->how.to_string();
    show_failure();
  }
  result_.message = std::string(failure_.data(), failure_.size());
  return result_;
}

void checker::show_failure() {
  push_exploration();
  // A loop that waits may go on to sleep.
  if (found_->what == verdict::livelock &&
      follow(found_->how) == outcome::failed && repeatable_ &&
      result_.what == verdict::deadlock) {
    found_->what = verdict::deadlock;
    found_->message = failure_;
  }
  trace shown;
  recorder r(*this);
  failure_.clear();
  recording_ = &r;
  const outcome how = follow(found_->how);
  recording_ = nullptr;
  const bool same =
      how == outcome::failed
          ? repeatable_ && result_.what == found_->what
          : found_->what == verdict::leak || found_->what == verdict::livelock;
  // In this run it knows of places that calls do not give.
  if (same && found_->what != verdict::leak && !failure_.empty())
    found_->message = failure_;
  shown = r.take(found_->what, found_->message);
  result_.what = found_->what;
  failure_ = found_->message;
  if (!same) return;
  failure_ = shown.message;
  const text lines = timeline(shown);
  result_.timeline.assign(lines.data(), lines.size());
  if (!how_.html.empty() && !write_file(how_.html, page(shown)))
    failure_ += " (" + text(how_.html.c_str()) +
                " cannot be written: " + std::strerror(errno) + ")";
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
