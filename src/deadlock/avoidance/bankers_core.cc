// SPDX-License-Identifier: Apache-2.0
//
// bankers_core: is a state safe if this is granted?
//
// Why it is enough that the requester can finish. Let S be safe, and S' be S
// after a grant to (or another claim of) customer i. Suppose that in S' the
// customers F, one after the other, and then i can finish. What is there then
// is what is available in S and all that F and i hold in S: granting moves
// units from "available" to "held by i", and i has given all back. The others
// can finish in the order of S's safe sequence: when the turn comes of one of
// them, everyone before it in that sequence has finished, so there is at least
// what there was for it in S. If i cannot finish, S' is unsafe by definition.
// Nobody can spoil it by finishing earlier, since what is there only grows: so
// a run in which whoever can finish does finds i's turn if there is one.
//
// A run goes through the remembered sequence. Who cannot finish in its place
// waits for one resource of which it needs more than there is, in that
// resource's heap, and is looked at again when there is enough of it. What it
// needs of that one stays covered from then on, so a customer is in each heap
// at most once: a run has O(n m) heap operations at the worst, and none for as
// long as the sequence is right.
//
// The sequence afterwards: those who finished, in that order; i; those who
// could not yet, and those who were not looked at, in their old order.
// A release keeps it: those before i find more, i needs as much more as
// there is more, those after it find what they found.
#include <sync/detail/bankers_core.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

constexpr amount kNever = std::numeric_limits<amount>::max();

// Rows of 1, 2, 4, 8 amounts have loops of their own; others are multiples
// of 4.
constexpr std::size_t stride_for(std::size_t resources) noexcept {
  if (resources <= 2) return std::max<std::size_t>(resources, 1);
  return (resources + 3) / 4 * 4;
}

// W amounts, or, if W is 0, `width`.
template <std::size_t W>
struct row {
  static constexpr std::size_t count(std::size_t width) noexcept {
    return W != 0 ? W : width;
  }
  // Whether no amount of `a` is beyond that of `b`: no difference has the sign
  // bit. (No amount is so far from zero that one overflows.)
  static bool fits(const amount* a, const amount* b,
                   std::size_t width) noexcept {
    amount differences = 0;
    for (std::size_t k = 0; k < count(width); ++k) differences |= b[k] - a[k];
    return differences >= 0;
  }
  static void add(amount* to, const amount* what, std::size_t width) noexcept {
    for (std::size_t k = 0; k < count(width); ++k) to[k] += what[k];
  }
};

}  // namespace

template <class F>
auto bankers_core::by_width(F&& f) noexcept {
  switch (stride_) {
    case 1:
      return f.template operator()<1>();
    case 2:
      return f.template operator()<2>();
    case 4:
      return f.template operator()<4>();
    case 8:
      return f.template operator()<8>();
    default:
      return f.template operator()<0>();
  }
}

bankers_core::bankers_core(std::span<const std::uint64_t> total)
    : resources_(total.size()),
      stride_(stride_for(resources_)),
      total_(stride_),
      available_(stride_),
      asked_(stride_),
      goal_(stride_),
      work_(stride_),
      least_(stride_, kNever),
      root_(stride_, kNone) {
  std::copy(total.begin(), total.end(), total_.begin());
  available_ = total_;
  rows_.resize(2 * stride_);
  links_.push_back({kHead, kHead});
  heap_.resize(1);
  used_.push_back(true);
  waits_.push_back(false);
}

// --- Customers ---------------------------------------------------------------

bankers_core::slot bankers_core::join(std::span<const std::uint64_t> claim) {
  if (free_.empty()) {
    // All of it first: what is too much for one vector makes no slot.
    const std::size_t n = links_.size() + 1;
    if (late_.capacity() < n) {
      const std::size_t room = 2 * n;
      rows_.reserve(room * 2 * stride_);
      heap_.reserve(room);
      done_.reserve(room);
      free_.reserve(room);
      used_.reserve(room);
      waits_.reserve(room);
      links_.reserve(room);
      late_.reserve(room);
    }
    rows_.resize(n * 2 * stride_);
    heap_.resize(n);
    used_.push_back(false);
    waits_.push_back(false);
    links_.emplace_back();
    free_.push_back(static_cast<slot>(n - 1));
  }
  const slot s = free_.back();
  free_.pop_back();
  used_[s] = true;
  std::fill_n(need_of(s), 2 * stride_, 0);
  std::copy(claim.begin(), claim.end(), need_of(s));
  return s;
}

void bankers_core::leave(slot s) noexcept {
  if (holds_any(s)) {
    row<0>::add(available_.data(), held(s), stride_);
    unlink(s);
  }
  std::fill_n(need_of(s), 2 * stride_, 0);
  used_[s] = false;
  free_.push_back(s);
  if (!safe_) check();
}

void bankers_core::insert_after(slot at, slot s) noexcept {
  const slot next = links_[at].next;
  links_[s] = {next, at};
  links_[at].next = s;
  links_[next].prev = s;
}

void bankers_core::unlink(slot s) noexcept {
  const link l = links_[s];
  links_[l.prev].next = l.next;
  links_[l.next].prev = l.prev;
  links_[s] = {};
}

void bankers_core::load(std::span<const std::uint64_t> from) noexcept {
  std::copy(from.begin(), from.end(), asked_.begin());
}

bool bankers_core::has_all(const amount* what,
                           const amount* of) const noexcept {
  return row<0>::fits(what, of, stride_);
}

// --- Waiting for a resource, in a run ----------------------------------------

bankers_core::slot bankers_core::merge(slot a, slot b) noexcept {
  if (a == kNone) return b;
  if (b == kNone) return a;
  if (heap_[b].key < heap_[a].key) std::swap(a, b);
  heap_[b].sibling = heap_[a].child;
  heap_[a].child = b;
  return a;
}

void bankers_core::push(slot s, std::size_t resource) noexcept {
  heap_[s] = {need(s)[resource], kNone, kNone};
  root_[resource] = merge(root_[resource], s);
  least_[resource] = heap_[root_[resource]].key;
}

bankers_core::slot bankers_core::pop(std::size_t resource) noexcept {
  const slot top = root_[resource];
  slot pairs = kNone;  // the children, merged two by two, in reverse
  for (slot s = heap_[top].child; s != kNone;) {
    const slot a = s;
    const slot b = heap_[a].sibling;
    s = b == kNone ? kNone : heap_[b].sibling;
    heap_[a].sibling = kNone;
    if (b != kNone) heap_[b].sibling = kNone;
    const slot pair = merge(a, b);
    heap_[pair].sibling = std::exchange(pairs, pair);
  }
  slot root = kNone;
  while (pairs != kNone) {
    const slot pair = pairs;
    pairs = std::exchange(heap_[pair].sibling, kNone);
    root = merge(root, pair);
  }
  root_[resource] = root;
  least_[resource] = root == kNone ? kNever : heap_[root].key;
  return top;
}

// --- A run -------------------------------------------------------------------

template <std::size_t W>
void bankers_core::finish(slot s) noexcept {
  row<W>::add(work_.data(), held(s), stride_);
  if (!late_.empty()) done_.push_back(s);
}

// A customer finishes, or goes into a heap: false.
template <std::size_t W>
bool bankers_core::park_or_finish(slot s) noexcept {
  const amount* const n = need(s);
  for (std::size_t k = 0; k < row<W>::count(stride_); ++k) {
    if (n[k] > work_[k]) {
      push(s, k);
      return false;
    }
  }
  waits_[s] = false;
  finish<W>(s);
  return true;
}

// Whoever waits for what there is now.
template <std::size_t W>
void bankers_core::wake() noexcept {
  for (bool again = true; again;) {
    again = false;
    for (std::size_t k = 0; k < row<W>::count(stride_); ++k) {
      while (least_[k] <= work_[k]) again |= park_or_finish<W>(pop(k));
    }
  }
}

// Lets finish whoever can, until what there is covers `goal`; without one,
// until nobody can. `who` does not take part.
template <std::size_t W>
bankers_core::outcome bankers_core::run(slot who, const amount* goal) noexcept {
  late_.clear();
  done_.clear();
  outcome at{goal != nullptr && row<W>::fits(goal, work_.data(), stride_),
             kHead, links_[kHead].next};
  std::size_t parked = 0;  // of late_
  while (!at.reached && at.rest != kHead) {
    const slot s = at.rest;
    at.rest = links_[s].next;
    __builtin_prefetch(need(links_[at.rest].next));
    if (s == who) continue;
    if (row<W>::fits(need(s), work_.data(), stride_)) {
      finish<W>(s);
      if (late_.empty()) {
        at.last = s;
      } else {
        // Not before: where nobody can finish that is all for nothing.
        while (parked < late_.size()) park_or_finish<W>(late_[parked++]);
        wake<W>();
      }
      at.reached = goal != nullptr && row<W>::fits(goal, work_.data(), stride_);
    } else {
      late_.push_back(s);
      waits_[s] = true;
    }
  }
  return at;
}

// Whether `who` could finish if it needed goal_, with work_ available. If so
// and `keep`, the list is then a safe sequence.
bool bankers_core::can_finish(slot who, bool keep) noexcept {
  const outcome at = by_width(
      [&]<std::size_t W>() noexcept { return run<W>(who, goal_.data()); });
  if (at.reached && keep) remember(who, at);
  if (!late_.empty()) {
    for (const slot s : late_) waits_[s] = false;
    std::fill(root_.begin(), root_.end(), kNone);
    std::fill(least_.begin(), least_.end(), kNever);
  }
  return at.reached;
}

void bankers_core::remember(slot who, outcome at) noexcept {
  if (holds_any(who)) {
    if (at.rest == who) at.rest = links_[who].next;
    if (links_[who].prev == at.last && late_.empty()) return;
    unlink(who);
  }
  slot tail = at.last;
  const auto append = [&](slot s) {
    links_[tail].next = s;
    links_[s].prev = tail;
    tail = s;
  };
  if (late_.empty()) {
    insert_after(tail, who);
    return;
  }
  for (const slot s : done_) append(s);
  append(who);
  for (const slot s : late_) {
    if (waits_[s]) append(s);
  }
  append(at.rest);  // or the head, which ends the list
}

// --- Changes -----------------------------------------------------------------

bool bankers_core::could_take(slot s,
                              std::span<const std::uint64_t> request) noexcept {
  load(request);
  if (!safe_ || !has_all(asked_.data(), available_.data())) return false;
  for (std::size_t k = 0; k < stride_; ++k) {
    goal_[k] = need(s)[k] - asked_[k];
    work_[k] = available_[k] - asked_[k];
  }
  return can_finish(s, /*keep=*/false);
}

bool bankers_core::take(slot s,
                        std::span<const std::uint64_t> request) noexcept {
  load(request);
  amount any = 0;
  for (std::size_t k = 0; k < stride_; ++k) {
    any |= asked_[k];
    goal_[k] = need(s)[k] - asked_[k];
    work_[k] = available_[k] - asked_[k];
  }
  if (any == 0) return true;
  if (!safe_ || !has_all(asked_.data(), available_.data())) return false;
  if (!can_finish(s, /*keep=*/true)) return false;
  for (std::size_t k = 0; k < stride_; ++k) {
    available_[k] -= asked_[k];
    need_of(s)[k] -= asked_[k];
    held_of(s)[k] += asked_[k];
  }
  return true;
}

void bankers_core::give(slot s, std::span<const std::uint64_t> part) noexcept {
  load(part);
  amount left = 0;
  for (std::size_t k = 0; k < stride_; ++k) {
    available_[k] += asked_[k];
    need_of(s)[k] += asked_[k];
    left |= held_of(s)[k] -= asked_[k];
  }
  if (left == 0 && holds_any(s)) unlink(s);
  if (!safe_) check();
}

bool bankers_core::set_claim(slot s,
                             std::span<const std::uint64_t> claim) noexcept {
  load(claim);
  bool raised = false;
  for (std::size_t k = 0; k < stride_; ++k) {
    goal_[k] = asked_[k] - held(s)[k];
    raised = raised || goal_[k] > need(s)[k];
  }
  if (raised) {
    work_ = available_;
    if (!safe_ || !has_all(asked_.data(), total_.data())) return false;
    if (holds_any(s) && !can_finish(s, /*keep=*/true)) return false;
  }
  std::copy(goal_.begin(), goal_.end(), need_of(s));
  if (!safe_) check();
  return true;
}

void bankers_core::set_total(std::span<const std::uint64_t> total) noexcept {
  load(total);
  bool lost = false;
  for (std::size_t k = 0; k < stride_; ++k) {
    lost = lost || asked_[k] < total_[k];
    available_[k] += asked_[k] - total_[k];
    total_[k] = asked_[k];
  }
  if (lost || !safe_) check();
}

void bankers_core::put(slot s, std::span<const std::uint64_t> held) noexcept {
  load(held);
  amount any = 0;
  for (std::size_t k = 0; k < stride_; ++k) {
    any |= asked_[k];
    available_[k] -= asked_[k];
    need_of(s)[k] -= asked_[k];
    held_of(s)[k] += asked_[k];
  }
  if (any != 0 && !holds_any(s)) insert_after(links_[kHead].prev, s);
}

bool bankers_core::claims_fit() const noexcept {
  for (slot s = 1; s < links_.size(); ++s) {
    if (!used_[s]) continue;
    for (std::size_t k = 0; k < stride_; ++k) {
      if (claim(s, k) > total_[k]) return false;
    }
  }
  return true;
}

void bankers_core::check() noexcept {
  work_ = available_;
  const outcome at = by_width(
      [&]<std::size_t W>() noexcept { return run<W>(kNone, nullptr); });
  bool all = true;
  for (const slot s : late_) {
    all = all && !waits_[s];
    waits_[s] = false;
  }
  if (!late_.empty()) {
    std::fill(root_.begin(), root_.end(), kNone);
    std::fill(least_.begin(), least_.end(), kNever);
  }
  if (all && !late_.empty()) {
    slot tail = at.last;
    done_.push_back(kHead);
    for (const slot s : done_) {
      links_[tail].next = s;
      links_[s].prev = tail;
      tail = s;
    }
  }
  safe_ = all && claims_fit();
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
