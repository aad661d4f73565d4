// SPDX-License-Identifier: Apache-2.0
//
// bankers_allocator: customers, requests, and who is served when.
//
// One mutex guards everything, so each call is one step but for its sleep.
//
// No wake is lost, none is left over. A request that waits is in both lists.
// Whoever serves it takes it out of them under the mutex, once, and after that
// exactly one set() of its event follows. A waiter whose time has passed, or
// that was asked to stop, looks again under the mutex: either it still waits,
// and takes itself out, so that nobody will serve it; or it has been served,
// and waits for the set() that is on its way.
//
// Lifetime. A waiter is on the stack of the thread that waits, which cannot
// leave before the set(); an auto_reset_event may be destroyed although the
// set() that let its waiter go has not returned.
//
// Nobody who could be served waits (B2). A request can become grantable when
// something is given back, a claim is lowered, the total grows, or somebody
// leaves; and by nothing else: after a grant or a raised claim, whoever can
// finish could before. It may also be that it was held back by an elder, who
// has been served or has left. After each of these serve() is called.
//
// Nobody starves, if customers whose requests are granted give back all that
// they hold in finite time, as the Banker's algorithm takes for granted. Let X
// be whoever has waited longest. After patience more grants X is the elder, and
// only those who hold something, and X, are served. In a safe state the first
// of the safe sequence can be given all that it may ask for, so its requests
// are served; it finishes, and is then one of those who wait behind X. Those
// who hold become fewer, until X can be served, at the latest when it alone
// holds something. (To let nobody pass X instead would be a deadlock: those who
// hold what X needs may have to ask for more before they give it back.)
#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <utility>

#include <sync/detail/annotations.h>
#include <sync/detail/bankers_table.h>

#include "bankers_waiter.h"
#include "src/await_event.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

namespace {

constexpr const char* kGone = " of a customer that has left, or was moved from";

void check_total(amounts_view total) {
  if (total.empty()) refuse("a bankers_allocator needs at least one resource");
  for (std::size_t k = 0; k < total.size(); ++k) {
    if (total[k] > kMostUnits)
      throw std::length_error("syncxx: a bankers_allocator with " +
                              of_resource(total[k], k) +
                              ": it can have at most 2^62 - 1");
  }
}

template <waiter_links bankers_waiter::*Links>
void insert_before(waiter_list& list, bankers_waiter* next,
                   bankers_waiter& w) noexcept {
  bankers_waiter* const prev =
      next == nullptr ? list.last : (next->*Links).prev;
  w.*Links = {prev, next};
  (prev == nullptr ? list.first : (prev->*Links).next) = &w;
  (next == nullptr ? list.last : (next->*Links).prev) = &w;
}

template <waiter_links bankers_waiter::*Links>
void unlink(waiter_list& list, bankers_waiter& w) noexcept {
  const waiter_links l = w.*Links;
  (l.prev == nullptr ? list.first : (l.prev->*Links).next) = l.next;
  (l.next == nullptr ? list.last : (l.next->*Links).prev) = l.prev;
}

}  // namespace

// Holds the mutex. When it gives it up it wakes who has been served.
class bankers_table::section {
 public:
  explicit section(bankers_table& table) : table_(table) { enter(); }
  section(const section&) = delete;
  section& operator=(const section&) = delete;
  ~section() {
    if (inside_) leave();
  }
  void enter() SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    table_.mutex_.lock();
    inside_ = true;
  }
  void leave() SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    bankers_waiter* woken = std::exchange(table_.woken_, nullptr);
    inside_ = false;
    table_.mutex_.unlock();
    while (woken != nullptr) {  // each may be gone after its set()
      bankers_waiter* const next = woken->woken_next;
      woken->ready.set();
      woken = next;
    }
  }

 private:
  bankers_table& table_;
  bool inside_ = false;
};

bankers_table::bankers_table(amounts_view total, bankers_options options)
    : core_((check_total(total), total)),
      rest_(total.size()),
      options_(options) {}

// NOLINTNEXTLINE(bugprone-exception-escape): it ends the program.
bankers_table::~bankers_table() {
  if (customers_ == 0) return;
  refuse(EBUSY, "destruction of a bankers_allocator that has " +
                    std::to_string(customers_) +
                    " customers: they must leave first");
}

void no_customer() { refuse(EPERM, std::string("use") + kGone); }

// --- What is asked for -------------------------------------------------------

bool bankers_table::is_here(ticket who) const noexcept {
  return who.number != 0 && records_[who.slot].number == who.number;
}

const bankers_table::record& bankers_table::find(ticket who,
                                                 const char* call) const {
  if (!is_here(who)) [[unlikely]]
    refuse(EPERM, std::string(call) + kGone);
  return records_[who.slot];
}

bankers_table::record& bankers_table::find(ticket who, const char* call) {
  return const_cast<record&>(std::as_const(*this).find(who, call));
}

std::string bankers_table::label(const record& c) const {
  return "customer '" + c.name + "'";
}

void bankers_table::check_width(amounts_view amounts, const char* call,
                                const std::string& whose) const {
  if (amounts.size() == resources()) return;
  refuse(std::string(call) + " of " + whose + " with " +
         std::to_string(amounts.size()) + " amounts: there are " +
         std::to_string(resources()) + " resources");
}

void bankers_table::check_request(ticket who, const record& c,
                                  amounts_view request) const {
  check_width(request, "request", label(c));
  for (std::size_t k = 0; k < request.size(); ++k) {
    if (request[k] <= as_count(core_.need(who.slot)[k])) continue;
    refuse("request of " + label(c) + " for " + of_resource(request[k], k) +
           ": its claim is " + std::to_string(core_.claim(who.slot, k)) +
           ", of which it holds " + std::to_string(core_.held(who.slot)[k]));
  }
}

void bankers_table::check_claim(amounts_view claim,
                                const std::string& whose) const {
  check_width(claim, "claim", whose);
  for (std::size_t k = 0; k < claim.size(); ++k) {
    if (claim[k] <= as_count(core_.total()[k])) continue;
    refuse("claim of " + whose + " to " + of_resource(claim[k], k) +
           ": there are " + std::to_string(core_.total()[k]));
  }
}

// --- Customers ---------------------------------------------------------------

bankers_table::ticket bankers_table::join(amounts_view claim, std::string name,
                                          int priority) {
  const section here(*this);
  if (name.empty()) name = default_name(joined_);
  check_claim(claim, "customer '" + name + "'");
  return add(claim, std::move(name), priority);
}

bankers_table::ticket bankers_table::add(amounts_view claim, std::string name,
                                         int priority) {
  record made;
  made.number = joined_ + 1;
  made.name = std::move(name);
  made.priority = priority;
  made.kept.resize(resources());
  // Slot 0 is nobody's, and free ones are used first.
  if (records_.size() < customers_ + 2)
    records_.resize(std::max(customers_ + 2, 2 * records_.size()));
  const bankers_core::slot slot = core_.join(claim);
  ++joined_;
  ++customers_;
  records_[slot] = std::move(made);
  return {slot, joined_};
}

void bankers_table::drop(ticket who) noexcept {
  records_[who.slot].number = 0;
  --customers_;
  core_.leave(who.slot);
}

void bankers_table::leave(ticket who) {
  const section here(*this);
  const record& c = find(who, "leaving");
  if (c.waiting != 0)
    refuse(EBUSY, "leaving of " + label(c) + ", for which " +
                      std::to_string(c.waiting) +
                      " requests wait: let them end first (a stop_token can)");
  drop(who);
  serve();
}

std::vector<bankers_table::ticket> bankers_table::restore(
    const bankers_state& state) {
  state.validate();
  check_width(state.total, "restoring", "a state");
  const section here(*this);
  if (customers_ != 0)
    refuse(EBUSY, "restoring of a bankers_allocator that has " +
                      std::to_string(customers_) + " customers");
  const std::vector<amount> was(core_.total(), core_.total() + resources());
  std::vector<ticket> made;
  made.reserve(state.customers.size());
  core_.set_total(state.total);
  try {
    for (const bankers_state::customer& c : state.customers) {
      made.push_back(
          add(c.max, c.name.empty() ? default_name(made.size()) : c.name, 0));
      const ticket who = made.back();
      core_.put(who.slot, c.holding);
      records_[who.slot].kept.assign(c.holding.begin(), c.holding.end());
    }
  } catch (...) {
    for (const ticket who : made) drop(who);
    core_.set_total(
        {reinterpret_cast<const std::uint64_t*>(was.data()), was.size()});
    throw;
  }
  core_.check();
  return made;
}

bool bankers_table::change_claim(ticket who, amounts_view claim) {
  const section here(*this);
  record& c = find(who, "change of the claim");
  check_claim(claim, label(c));
  for (std::size_t k = 0; k < claim.size(); ++k) {
    const std::uint64_t held = as_count(core_.held(who.slot)[k]);
    if (claim[k] < held)
      refuse("claim of " + label(c) + " to " + of_resource(claim[k], k) +
             ", of which it holds " + std::to_string(held));
    for (const bankers_waiter* w = c.waiting != 0 ? arrived_.first : nullptr;
         w != nullptr; w = w->arrival.next) {
      if (w->who.slot == who.slot && w->request[k] > claim[k] - held)
        refuse("claim of " + label(c) + " to " + of_resource(claim[k], k) +
               ": it holds " + std::to_string(held) + " and waits for " +
               std::to_string(w->request[k]));
    }
  }
  if (!core_.set_claim(who.slot, claim)) return false;
  serve();
  return true;
}

void bankers_table::grow(amounts_view more) {
  check_width(more, "growth", "the total");
  std::vector<std::uint64_t> sum(more.begin(), more.end());
  const section here(*this);
  for (std::size_t k = 0; k < sum.size(); ++k) {
    const std::uint64_t now = as_count(core_.total()[k]);
    if (more[k] > kMostUnits - now)
      throw std::length_error("syncxx: growth by " + of_resource(more[k], k) +
                              ", of which there are " + std::to_string(now) +
                              ": there can be at most 2^62 - 1");
    sum[k] += now;
  }
  core_.set_total(sum);
  serve();
}

void bankers_table::shrink(amounts_view lost) {
  check_width(lost, "loss", "the total");
  std::vector<std::uint64_t> left(lost.size());
  const section here(*this);
  for (std::size_t k = 0; k < left.size(); ++k) {
    const std::uint64_t now = as_count(core_.total()[k]);
    if (lost[k] > now)
      refuse("loss of " + of_resource(lost[k], k) + ", of which there are " +
             std::to_string(now));
    left[k] = now - lost[k];
  }
  core_.set_total(left);
}

// --- Requests ----------------------------------------------------------------

// Whether somebody may be served before those who wait.
bool bankers_table::may_pass(bankers_core::slot s) const noexcept {
  return elder() == nullptr || core_.holds_any(s);
}

bool bankers_table::take(bankers_core::slot s, amounts_view request) noexcept {
  for (std::size_t k = 0; k < request.size(); ++k) {
    // Another thread's request for the same customer may have been served.
    if (request[k] > as_count(core_.need(s)[k])) return false;
  }
  return core_.take(s, request);
}

bool bankers_table::acquire(ticket who, amounts_view request, deadline until,
                            const stop_token* stop) {
  section here(*this);
  record& c = find(who, "request");
  check_request(who, c, request);
  if (std::all_of(request.begin(), request.end(),
                  [](auto a) { return a == 0; }))
    return true;
  if (may_pass(who.slot) && take(who.slot, request)) {
    note_grant();
    return true;
  }
  if (until.has_passed() || (stop != nullptr && stop->stop_requested()))
    return false;
  bankers_waiter w;
  w.who = who;
  w.request = request;
  w.priority = c.priority;
  enqueue(w);
  return sleep(w, here, until, stop);
}

bool bankers_table::sleep(bankers_waiter& w, section& here, deadline until,
                          const stop_token* stop) {
  here.leave();
  if (await_event(w.ready, until, stop)) return true;
  here.enter();
  if (!w.served) {
    remove(w);
    serve();
    return false;
  }
  here.leave();
  w.ready.wait();
  return true;
}

void bankers_table::enqueue(bankers_waiter& w) noexcept {
  if (arrived_.first == nullptr) passed_ = 0;
  insert_before<&bankers_waiter::arrival>(arrived_, nullptr, w);
  bankers_waiter* next = nullptr;
  for (bankers_waiter* prev = queue_.last;
       prev != nullptr && prev->priority < w.priority; prev = prev->turn.prev) {
    next = prev;
  }
  insert_before<&bankers_waiter::turn>(queue_, next, w);
  ++records_[w.who.slot].waiting;
  ++waiting_;
}

void bankers_table::remove(bankers_waiter& w) noexcept {
  if (arrived_.first == &w) passed_ = 0;
  unlink<&bankers_waiter::arrival>(arrived_, w);
  unlink<&bankers_waiter::turn>(queue_, w);
  --records_[w.who.slot].waiting;
  --waiting_;
}

// --- Who is served -----------------------------------------------------------

bankers_waiter* bankers_table::elder() const noexcept {
  return passed_ >= options_.patience ? arrived_.first : nullptr;
}

// Somebody was served while others wait.
void bankers_table::note_grant() noexcept {
  if (waiting_ != 0 && passed_ < options_.patience) ++passed_;
}

bool bankers_table::serve_one(bankers_waiter& w) noexcept {
  if (!take(w.who.slot, w.request)) return false;
  note_grant();
  remove(w);
  w.served = true;
  w.woken_next = std::exchange(woken_, &w);
  return true;
}

// Makes B2 true. Each time round serves the elder, or is the last.
void bankers_table::serve() noexcept {
  if (!core_.is_safe()) return;
  for (;;) {
    bankers_waiter* const first = elder();
    if (first != nullptr && serve_one(*first)) continue;
    for (bankers_waiter* w = queue_.first; w != nullptr;) {
      bankers_waiter* const next = w->turn.next;
      // Grants make elders, and help nobody.
      if (w != first && (w == elder() || may_pass(w->who.slot))) serve_one(*w);
      w = next;
    }
    return;
  }
}

// --- Giving back -------------------------------------------------------------

void bankers_table::give(ticket who, amounts_view part) noexcept {
  core_.give(who.slot, part);
  serve();
}

void bankers_table::release(ticket who, amounts_view part) {
  const section here(*this);
  record& c = find(who, "release");
  check_width(part, "release", label(c));
  for (std::size_t k = 0; k < part.size(); ++k) {
    if (part[k] > as_count(core_.held(who.slot)[k]))
      refuse("release by " + label(c) + " of " + of_resource(part[k], k) +
             ": it holds " + std::to_string(core_.held(who.slot)[k]));
  }
  for (std::size_t k = 0; k < part.size(); ++k)
    c.kept[k] -= std::min(c.kept[k], static_cast<amount>(part[k]));
  give(who, part);
}

void bankers_table::release_grant(ticket who,
                                  std::span<std::uint64_t> from) noexcept {
  const section here(*this);
  if (is_here(who)) {
    const record& c = records_[who.slot];
    for (std::size_t k = 0; k < from.size(); ++k)
      rest_[k] =
          std::min(from[k], as_count(core_.held(who.slot)[k] - c.kept[k]));
    give(who, rest_);
  }
  std::fill(from.begin(), from.end(), 0);
}

void bankers_table::release_grant(ticket who, std::span<std::uint64_t> from,
                                  amounts_view part) {
  const section here(*this);
  const record& c = find(who, "release");
  check_width(part, "release", label(c));
  for (std::size_t k = 0; k < part.size(); ++k) {
    const std::uint64_t has =
        std::min(from[k], as_count(core_.held(who.slot)[k] - c.kept[k]));
    if (part[k] > has)
      refuse("release of " + of_resource(part[k], k) + " of a grant to " +
             label(c) + ", which has " + std::to_string(has));
  }
  for (std::size_t k = 0; k < part.size(); ++k) from[k] -= part[k];
  give(who, part);
}

void bankers_table::keep(ticket who, amounts_view granted) noexcept {
  const section here(*this);
  if (!is_here(who)) return;
  record& c = records_[who.slot];
  for (std::size_t k = 0; k < granted.size(); ++k)
    c.kept[k] = std::min(core_.held(who.slot)[k],
                         c.kept[k] + static_cast<amount>(granted[k]));
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
