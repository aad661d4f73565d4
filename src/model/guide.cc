// SPDX-License-Identifier: Apache-2.0
#include "guide.h"

#include <algorithm>
#include <charconv>

#include "interleaving.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
namespace {

constexpr char kLetters[] = {'+', 'r', 'f', 'w', 'c', 't', '!'};
constexpr std::string_view kVersion = "1";

}  // namespace

// --- Scripts
// -------------------------------------------------------------------

void script::add(decision d) {
  if (d.what == decision::type::plain && !decisions_.empty() &&
      decisions_.back().what == d.what &&
      decisions_.back().thread == d.thread) {
    decisions_.back().n += d.n;
  } else {
    decisions_.push_back(d);
  }
}

script script::of(const graph& g, thread_number last) {
  script s;
  vec<bool> there(g.size(), false);
  // How many of the writes behind a place are there already.
  const auto behind = [&](location_id l, std::uint32_t place) {
    std::uint32_t n = 0;
    const auto co = g.co(l);
    for (std::size_t i = place; i < co.size(); ++i) n += there[co[i]];
    return n;
  };
  for (const event_id id : interleaving(g)) {
    there[id] = true;
    const event& e = g.at(id);
    if (e.vain) continue;  // its thread waits
    decision d;
    d.thread = e.thread;
    d.n = 1;
    switch (e.what) {
      case kind::read:
      case kind::update_read: {
        const std::uint32_t n = behind(e.location, g.place_of(e.rf));
        if (n == 0 && !e.guessed) break;
        d.what = e.guessed ? decision::type::refuse : decision::type::read;
        d.n = n;
        break;
      }
      case kind::write: {
        const std::uint32_t n = behind(e.location, e.co);
        if (n == 0) break;
        d.what = decision::type::write;
        d.n = n;
        break;
      }
      case kind::choice:
        if (e.data.lo == 0) break;
        d.what = decision::type::choice;
        d.n = static_cast<std::uint32_t>(e.data.lo);
        break;
      case kind::create:
        d.what = decision::type::create;
        d.n = e.location;
        break;
      default:
        break;
    }
    s.add(d);
  }
  if (last != kNone) s.add({decision::type::last, last, 0});
  return s;
}

// Events, and what was decided about them.
std::size_t script::length() const noexcept {
  std::size_t n = decisions_.size();
  for (const decision& d : decisions_)
    n += d.what == decision::type::plain ? d.n : 1;
  return n;
}

std::string script::to_string() const {
  std::string out(kVersion);
  for (const decision& d : decisions_) {
    out += ' ';
    out += std::to_string(d.thread);
    out += kLetters[static_cast<std::size_t>(d.what)];
    if (d.what != decision::type::last) out += std::to_string(d.n);
  }
  return out;
}

bool script::parse(std::string_view from) {
  decisions_.clear();
  if (!from.starts_with(kVersion)) return false;
  from.remove_prefix(kVersion.size());
  const auto read_number = [&](std::uint32_t& n) {
    const auto [end, error] =
        std::from_chars(from.data(), from.data() + from.size(), n);
    from.remove_prefix(static_cast<std::size_t>(end - from.data()));
    return error == std::errc();
  };
  while (!from.empty()) {
    if (from.front() != ' ') return false;
    from.remove_prefix(1);
    decision d;
    if (!read_number(d.thread) || from.empty()) return false;
    const char* const letter =
        std::find(std::begin(kLetters), std::end(kLetters), from.front());
    if (letter == std::end(kLetters)) return false;
    from.remove_prefix(1);
    d.what = static_cast<decision::type>(letter - kLetters);
    if (d.what != decision::type::last && !read_number(d.n)) return false;
    // None of what is never written.
    if (d.what == decision::type::last && !from.empty()) return false;
    if (d.what == decision::type::plain && d.n == 0) return false;
    if (d.what == decision::type::choice && d.n == 0) return false;
    if (d.what == decision::type::create && d.n == 0) return false;
    decisions_.push_back(d);
  }
  return true;
}

// --- Guides
// --------------------------------------------------------------------

void guide::begin_random(std::uint64_t seed) noexcept {
  mode_ = mode::random;
  state_ = seed * 0xd1342543de82ef95u;
  lowest_ = 0;
  const std::uint64_t dice = next();
  walk_ = (dice & 1) != 0;
  constexpr std::uint8_t kStale[] = {0, 2, 3, 8};
  stale_ = kStale[(dice >> 1) & 3];
  new_thread(0, 0);
  if (walk_) {
    stay(dice >> 8);
    return;
  }
  changes_left_ = static_cast<std::uint32_t>(dice >> 3) & 3;
  for (std::uint32_t i = 0; i < changes_left_; ++i) {
    const std::uint32_t step = 1 + below(longest_);
    std::uint32_t at = i;
    for (; at > 0 && changes_[at - 1] < step; --at)
      changes_[at] = changes_[at - 1];
    changes_[at] = step;
  }
  next_change();
  left_ = std::min(change_, kMostGuidedEvents);
}

void guide::begin_script(const script& s) noexcept {
  mode_ = mode::script;
  script_ = &s;
  position_ = 0;
  in_position_ = 0;
  walk_ = false;
  left_ = 0;
  lowest_ = 0;
  std::fill(priorities_.begin(), priorities_.end(), 0);
}

bool guide::fits(const event& e) const noexcept {
  if (mode_ != mode::script || at_end()) return true;
  const decision& d = script_->decisions()[position_];
  switch (d.what) {
    case decision::type::read:
      return e.is_read();
    case decision::type::refuse:
      return e.guessed;
    case decision::type::write:
      return e.what == kind::write;
    case decision::type::choice:
      return e.what == kind::choice && e.data.lo == d.n;
    case decision::type::create:
      return e.what == kind::create && e.location == d.n;
    case decision::type::plain:
      return e.what != kind::create;
    default:
      return true;
  }
}

void guide::step() noexcept {
  if (at_end()) return;
  const decision& d = script_->decisions()[position_];
  const std::uint32_t count = d.what == decision::type::plain ? d.n : 1;
  if (++in_position_ >= count) {
    in_position_ = 0;
    ++position_;
  }
}

std::uint32_t guide::scripted_n(decision::type what) noexcept {
  if (position_ == script_->decisions().size()) return 0;
  const decision& d = script_->decisions()[position_];
  return d.what == what ? d.n : 0;
}

std::uint32_t guide::read(std::uint32_t most) noexcept {
  if (mode_ == mode::script)
    return scripted_n(decision::type::read) +
           scripted_n(decision::type::refuse);
  return most == 0 ? 0 : 1 + below(most);
}

std::uint32_t guide::write(std::uint32_t most) noexcept {
  if (mode_ == mode::script) return scripted_n(decision::type::write);
  return most == 0 ? 0 : 1 + below(most);
}

bool guide::refuses() noexcept {
  if (mode_ == mode::script)
    return position_ != script_->decisions().size() &&
           script_->decisions()[position_].what == decision::type::refuse;
  return one_in(8);
}

std::uint32_t guide::choice(std::uint32_t n, access_kind what) noexcept {
  if (mode_ == mode::script) return scripted_n(decision::type::choice);
  switch (what) {
    case access_kind::disturbance:
      return one_in(16) ? 1 : 0;
    case access_kind::timed_sleep:
    case access_kind::clock:
      return one_in(4) ? n - 1 : 0;
    default:
      return below(n);
  }
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
