// SPDX-License-Identifier: Apache-2.0
//
// What is inline of engine.h, which includes this.
#ifndef SYNCXX_SRC_MODEL_ENGINE_INLINE_H_
#define SYNCXX_SRC_MODEL_ENGINE_INLINE_H_

#include "engine.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

inline value checker::perform(const access& a, const void* site) noexcept {
  if (current_->mortal) [[unlikely]]
    choose_to_die();
  return guide_.on() ? perform_guided(a, site) : perform_exploring(a, site);
}

inline std::uint32_t checker::spawn(task* body, const source& where) {
  return guide_.on() ? spawn_guided(body, where) : spawn_exploring(body, where);
}
inline void checker::join(thread_number t, const source& where) {
  return guide_.on() ? join_guided(t, where) : join_exploring(t, where);
}

template <class Message>
void checker::fail(verdict what, const Message& message) noexcept {
  if (current_->following) give_up_following(kFails);  // it is no real run
  if constexpr (std::is_invocable_v<const Message&>) {
    failure_ = message();
  } else {
    failure_ = message;
  }
  result_.what = what;
  culprit_ = self_;
  end_run(outcome::failed);
}

template <class Message>
void checker::misfit(const Message& message) noexcept {
  repeatable_ = false;
  fail(verdict::misuse, message);
}

inline const std::uint32_t* checker::past() const noexcept {
  // Replay: not what is still to come.
  return current_->done == 0 ? kNoPast
                             : g_->hb(g_->of_thread(self_)[current_->done - 1]);
}

inline bool checker::is_alone() const noexcept {
  if (guide_.on() && unfinished_ > 1) return false;
  const std::uint32_t* const past = this->past();
  thread_number t = 0;
  for (const thread_state* s = threads_.begin(); s != threads_.end();
       ++s, ++t) {
    if (s->at == stage::absent || s == current_) continue;
    if (s->at != stage::finished || past[t] < s->done) return false;
  }
  return true;
}

inline void checker::switch_to(thread_number t) noexcept {
  context& from = current_->fiber;
  thread_state& next = threads_[t];
  if (!block_.empty()) [[unlikely]]
    switch_thread_locals(next);
  self_ = t;
  current_ = &next;
  if (next.at == stage::unstarted) start_fiber(t);
  switch_context(from, next.fiber);
}

inline void checker::unblock(thread_number t) noexcept {
  threads_[t].blocked = obstacle::none;
  if (guide_.on()) able_.add(t);
}

inline event checker::fresh(kind what) const noexcept {
  event e;
  e.what = what;
  e.thread = static_cast<std::uint16_t>(self_);
  e.access = access_kind::other;
  return e;
}

inline event_id checker::add_event(const event& e, std::uint32_t place) {
  if (guide_.on()) return add_guided(e);
  const event_id id = g_->add(e, place);
  ++current_->done;
  current_->hinted = false;
  return id;
}

inline void checker::progress() noexcept {
  current_->rounds = 0;
  last_progress_ = g_->size();
}

inline value checker::data_of(location_id l, event_id from) const noexcept {
  return from == kInitial ? memory_.at(l).initial : g_->at(from).data;
}

inline bool memory::before_now(const moment& m) const noexcept {
  if (!m.is_set() || m.thread == owner_.self()) return true;
  // Most objects were there before the thread was.
  const moment& born = owner_.born();
  if (m.thread == born.thread && m.index < born.index) return true;
  return owner_.past()[m.thread] > m.index;
}

// The location of an atomic that is accessed now; its lifetime is checked.
inline location_id memory::atomic(const void* address, std::uint32_t size) {
  const lately_seen& lately = recent(reinterpret_cast<std::uintptr_t>(address));
  if (lately.address != address || lately.run != run_ || lately.size != size)
      [[unlikely]]
    return find_atomic(address, size);
  const object& o = objects_[lately.location];
  if (o.died.is_set() || !before_now(o.made)) [[unlikely]]
    check_lifetime(o, "access");
  return lately.location;
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_ENGINE_INLINE_H_
