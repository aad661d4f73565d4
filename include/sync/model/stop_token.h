// SPDX-License-Identifier: Apache-2.0
//
// The model world's stop tokens: [thread.stoptoken] on modelled atomics, so
// that requests, registrations and callbacks are explored like everything else.
// Included by <sync/detail/thread.h>.
#ifndef SYNCXX_MODEL_STOP_TOKEN_H_
#define SYNCXX_MODEL_STOP_TOKEN_H_

#include <concepts>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <sync/detail/config.h>
#include <sync/model/atomic.h>

namespace syncxx::inline SYNCXX_ABI {

struct nostopstate_t {
  explicit nostopstate_t() = default;
};
inline constexpr nostopstate_t nostopstate{};

namespace model::engine {

// A registered callback, in its state's list.
struct stop_node {
  void (*run)(stop_node*) = nullptr;
  stop_node* next = nullptr;
  stop_node** link = nullptr;  // what points to it; null: not in the list
  bool* gone = nullptr;        // set by a destructor that runs within the call
  std::uintptr_t runner = 0;   // whose thread calls it
  atomic<bool> done{false};
};

// Shared by a source, its tokens and callbacks. The counts are plain: in a run
// one thread executes at a time, and they decide nothing but its deletion.
class stop_state {
 public:
  bool requested() const noexcept {
    return (word_.load(std::memory_order_acquire) & kStopped) != 0;
  }
  bool request() noexcept {
    if (!lock(true)) return false;
    while (first_ != nullptr) {
      stop_node* const node = first_;
      unlink(node);
      bool gone = false;
      node->gone = &gone;
      node->runner = self_number();
      unlock();
      node->run(node);
      if (!gone) {
        node->gone = nullptr;
        node->done.store(true, std::memory_order_release);
      }
      lock(false);
    }
    unlock();
    return true;
  }
  // False: stopped already, and not registered.
  bool add(stop_node* node) noexcept {
    if (!lock(false, true)) return false;
    node->next = first_;
    node->link = &first_;
    if (first_ != nullptr) first_->link = &node->next;
    first_ = node;
    unlock();
    return true;
  }
  void remove(stop_node* node) noexcept {
    lock(false);
    const bool listed = node->link != nullptr;
    if (listed) unlink(node);
    const std::uintptr_t runner = node->runner;
    bool* const gone = node->gone;
    unlock();
    if (listed) return;
    if (runner == self_number()) {
      if (gone != nullptr) *gone = true;
      return;
    }
    while (!node->done.load(std::memory_order_acquire)) spin_hint();
  }

  void hold(bool by_source) noexcept {
    ++holders_;
    if (by_source) ++sources_;
  }
  void drop(bool by_source) noexcept {
    if (by_source) --sources_;
    if (--holders_ == 0) delete this;
  }
  bool possible() const noexcept { return sources_ != 0 || requested(); }

 private:
  static constexpr std::uint32_t kStopped = 1;
  static constexpr std::uint32_t kLocked = 2;

  // False: stopped, where the caller has no business then.
  bool lock(bool stop, bool unless_stopped = false) noexcept {
    for (;; spin_hint()) {
      std::uint32_t w = word_.load(std::memory_order_acquire);
      if ((stop || unless_stopped) && (w & kStopped) != 0) return false;
      if ((w & kLocked) != 0) continue;
      if (word_.compare_exchange_strong(w, w | kLocked | (stop ? kStopped : 0),
                                        std::memory_order_acq_rel,
                                        std::memory_order_relaxed))
        return true;
    }
  }
  void unlock() noexcept {
    word_.fetch_and(~kLocked, std::memory_order_release);
  }
  static void unlink(stop_node* node) noexcept {
    *node->link = node->next;
    if (node->next != nullptr) node->next->link = node->link;
    node->link = nullptr;
  }

  atomic<std::uint32_t> word_{0};
  stop_node* first_ = nullptr;
  unsigned holders_ = 0;
  unsigned sources_ = 0;
};

// A counted pointer; Source: of a stop_source.
template <bool Source>
class stop_ptr {
 public:
  stop_ptr() noexcept = default;
  explicit stop_ptr(stop_state* state) noexcept : state_(state) {
    if (state_ != nullptr) state_->hold(Source);
  }
  stop_ptr(const stop_ptr& other) noexcept : stop_ptr(other.state_) {}
  stop_ptr(stop_ptr&& other) noexcept
      : state_(std::exchange(other.state_, nullptr)) {}
  stop_ptr& operator=(stop_ptr other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~stop_ptr() {
    // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDelete): counted
    if (state_ != nullptr) state_->drop(Source);
  }
  // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDelete)
  stop_state* get() const noexcept { return state_; }

 private:
  stop_state* state_ = nullptr;
};

}  // namespace model::engine

template <class Callback>
class stop_callback;

class stop_token {
 public:
  stop_token() noexcept = default;
  void swap(stop_token& other) noexcept { std::swap(state_, other.state_); }
  bool stop_requested() const noexcept {
    return state_.get() != nullptr && state_.get()->requested();
  }
  bool stop_possible() const noexcept {
    return state_.get() != nullptr && state_.get()->possible();
  }
  friend bool operator==(const stop_token& a, const stop_token& b) noexcept {
    return a.state_.get() == b.state_.get();
  }

 private:
  friend class stop_source;
  template <class Callback>
  friend class stop_callback;
  explicit stop_token(model::engine::stop_state* state) noexcept
      : state_(state) {}
  model::engine::stop_ptr<false> state_;
};

class stop_source {
 public:
  stop_source() : state_(new model::engine::stop_state) {}
  explicit stop_source(nostopstate_t) noexcept {}
  void swap(stop_source& other) noexcept { std::swap(state_, other.state_); }
  stop_token get_token() const noexcept { return stop_token(state_.get()); }
  bool stop_possible() const noexcept { return state_.get() != nullptr; }
  bool stop_requested() const noexcept {
    return state_.get() != nullptr && state_.get()->requested();
  }
  bool request_stop() noexcept {
    return state_.get() != nullptr && state_.get()->request();
  }
  friend bool operator==(const stop_source& a, const stop_source& b) noexcept {
    return a.state_.get() == b.state_.get();
  }

 private:
  model::engine::stop_ptr<true> state_;
};

template <class Callback>
class [[nodiscard]] stop_callback : private model::engine::stop_node {
 public:
  using callback_type = Callback;
  template <class C>
  requires(std::is_constructible_v<Callback, C>) explicit stop_callback(
      const stop_token& token, C&& callback)
      : callback_(std::forward<C>(callback)), state_(token.state_) {
    run = [](model::engine::stop_node* node) {
      std::forward<Callback>(static_cast<stop_callback*>(node)->callback_)();
    };
    registered_ = state_.get() != nullptr && state_.get()->add(this);
    if (state_.get() != nullptr && !registered_)
      std::forward<Callback>(callback_)();
  }
  ~stop_callback() {
    if (registered_) state_.get()->remove(this);
  }
  stop_callback(const stop_callback&) = delete;
  stop_callback& operator=(const stop_callback&) = delete;

 private:
  Callback callback_;
  model::engine::stop_ptr<false> state_;
  bool registered_ = false;
};
template <class Callback>
stop_callback(stop_token, Callback) -> stop_callback<Callback>;

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_MODEL_STOP_TOKEN_H_
