// SPDX-License-Identifier: Apache-2.0
//
// bankers_allocator: gives out resources of several kinds such that those who
// ask for more while they hold some can never deadlock (Dijkstra 1965).
//
// Choose it where each customer can say ahead how much it will need at the
// most, and takes it piece by piece: slabs of GPU memory, connections, worker
// quotas. Choose counting_semaphore for units that are taken all at once,
// lock_all for locks that are known ahead, lock_manager where nothing is known
// ahead and work can be undone.
//
//   bankers_allocator gpus({8, 640});           // devices, GB
//   auto job = gpus.join({4, 320}, "train");    // its claim
//   auto first = job.acquire({1, 80});          // blocks until it is safe
//   if (auto more = job.try_acquire({3, 240}))  // each gives back at its end
//     run(*more);
//
// Promises
//   safety    a request is granted if and only if all customers can get what
//             they may still ask for afterwards, in some order. So no customer
//             waits for ever, if those who got what they asked for give it back
//   fairness  by priority, then first come, first served, but that requests
//             that can't be granted let others pass: at most options.patience
//             past whoever has waited longest. Then it is first, and who holds
//             nothing waits behind it (who holds something may have to finish
//             first): no customer starves, whatever its priority
//   cost      one mutex. A request whose rest could be granted as well is
//             looked at once for each resource; else customers are let finish,
//             in a remembered order, until the requester can. No allocation
//             but in join()
//   progress  blocking
//   ordering  what is released synchronizes with the grants that it makes
//             possible
//   waits     can be bounded by any clock and by a stop_token
//   lifetime  customers must not outlive their allocator. A customer that is
//             destroyed gives back all that it holds; grants of it that are
//             left are empty, and must not outlive the allocator
//   errors    std::invalid_argument: request beyond claim, claim beyond total
//             or below what is held, release beyond what is held, wrong number
//             of amounts; std::length_error: more than 2^62 - 1 of a resource;
//             std::system_error, EPERM: use of a customer that has left;
//             std::bad_alloc. Each names the customer, the resource and the
//             numbers, and nothing has changed. The destruction of a customer
//             for which a thread waits, and of an allocator that has customers,
//             ends the program with a message
//   fork      in the child: construct anew
//
// A customer may be used by several threads at a time (not moved or destroyed):
// they share its claim. Design: docs/design/bankers_allocator.md. Model test:
// tests/model/bankers_allocator_model.cc.
#ifndef SYNCXX_BANKERS_ALLOCATOR_H_
#define SYNCXX_BANKERS_ALLOCATOR_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <sync/detail/bankers_state.h>
#include <sync/detail/bankers_table.h>
#include <sync/detail/config.h>
#include <sync/detail/deadline.h>
#include <sync/detail/thread.h>

namespace syncxx::inline SYNCXX_ABI {

// R kinds of resources; std::dynamic_extent: as many as `total` has.
template <std::size_t R = std::dynamic_extent>
class basic_bankers_allocator {
  static_assert(R > 0, "a bankers_allocator needs at least one resource");

 public:
  // One for each kind.
  using amounts =
      std::conditional_t<R == std::dynamic_extent, std::vector<std::uint64_t>,
                         std::array<std::uint64_t, R>>;

  // What one acquire() has got; given back when it is destroyed.
  class grant {
   public:
    grant() = default;
    grant(grant&& from) noexcept
        : table_(std::exchange(from.table_, nullptr)),
          who_(from.who_),
          has_(std::exchange(from.has_, amounts{})) {}
    // Gives back what it had.
    grant& operator=(grant&& from) noexcept {
      if (this != &from) {
        release();
        table_ = std::exchange(from.table_, nullptr);
        who_ = from.who_;
        has_ = std::exchange(from.has_, amounts{});
      }
      return *this;
    }
    ~grant() { release(); }

    // Gives back all of it now, or a part.
    void release() noexcept {
      if (table_ != nullptr)
        std::exchange(table_, nullptr)->release_grant(who_, has_);
      has_ = amounts{};
    }
    void release(const amounts& part) {
      if (table_ != nullptr) table_->release_grant(who_, has_, part);
    }
    // Leaves it to the customer, to be given back by customer::release().
    void keep() noexcept {
      if (table_ != nullptr) std::exchange(table_, nullptr)->keep(who_, has_);
      has_ = amounts{};
    }
    // Whether it has anything to give back.
    explicit operator bool() const noexcept { return table_ != nullptr; }
    // What it was granted, less what it has given back itself.
    const amounts& granted() const noexcept { return has_; }

   private:
    friend class basic_bankers_allocator;
    grant(detail::bankers_table::ticket who, const amounts& has)
        : who_(who), has_(has) {}

    detail::bankers_table* table_ = nullptr;
    detail::bankers_table::ticket who_;
    amounts has_{};
  };

  // Who asks. It leaves when it is destroyed.
  class customer {
   public:
    customer() = default;
    customer(customer&& from) noexcept
        : owner_(std::exchange(from.owner_, nullptr)),
          who_(std::exchange(from.who_, {})) {}
    // Leaves as whoever it was, as the destructor does.
    // NOLINTNEXTLINE(bugprone-exception-escape): it ends the program.
    customer& operator=(customer&& from) noexcept {
      if (this != &from) {
        leave();
        owner_ = std::exchange(from.owner_, nullptr);
        who_ = std::exchange(from.who_, {});
      }
      return *this;
    }
    // NOLINTNEXTLINE(bugprone-exception-escape): it ends the program.
    ~customer() { leave(); }

    // Gives back all that it holds, as the destructor does, but that EBUSY (a
    // thread waits for it) is thrown.
    void leave() {
      if (owner_ == nullptr) return;
      owner_->table_.leave(who_);
      owner_ = nullptr;
      who_ = {};
    }

    // Blocks until granting leaves a safe state.
    grant acquire(const amounts& request) {
      return std::move(*take(request, detail::deadline::never()));
    }
    // Never waits. Nothing: it would have to.
    std::optional<grant> try_acquire(const amounts& request) {
      return take(request, detail::deadline::past());
    }
    // Block until it is granted, or the time has passed or a stop was requested
    // (nothing). What is to be had at once is taken even so.
    template <class Rep, class Period>
    std::optional<grant> try_acquire_for(
        const amounts& request, const std::chrono::duration<Rep, Period>& time,
        const stop_token& stop = stop_token{}) {
      return take(request, detail::deadline::after(time), &stop);
    }
    template <class Clock, class Duration>
    std::optional<grant> try_acquire_until(
        const amounts& request,
        const std::chrono::time_point<Clock, Duration>& time,
        const stop_token& stop = stop_token{}) {
      std::optional<grant> made;
      detail::wait_until(
          time,
          [&](detail::deadline until) {
            made = take(request, until, &stop);
            return made.has_value();
          },
          stop);
      return made;
    }
    std::optional<grant> acquire(const amounts& request,
                                 const stop_token& stop) {
      return take(request, detail::deadline::never(), &stop);
    }

    // Gives back a part of what it holds: first of what was kept, then of what
    // its grants have. They give back what is left of it.
    void release(const amounts& part) { table().release(who_, part); }

    // From now on it may ask for so much, with what it holds and waits for.
    // False: that would be unsafe, and nothing has changed.
    [[nodiscard]] bool change_claim(const amounts& claim) {
      return table().change_claim(who_, claim);
    }

    std::string name() const { return table().name(who_); }
    amounts claim() const {
      detail::bankers_table& table = this->table();
      return owner_->read([&](auto to) { table.claim(who_, to); });
    }
    // By its grants, and kept.
    amounts holding() const {
      detail::bankers_table& table = this->table();
      return owner_->read([&](auto to) { table.holding(who_, to); });
    }
    // Whether it has joined, and has not left.
    explicit operator bool() const noexcept { return owner_ != nullptr; }

   private:
    friend class basic_bankers_allocator;
    customer(basic_bankers_allocator& owner, detail::bankers_table::ticket who)
        : owner_(&owner), who_(who) {}

    detail::bankers_table& table() const {
      if (owner_ == nullptr) [[unlikely]]
        detail::no_customer();
      return owner_->table_;
    }
    std::optional<grant> take(const amounts& request, detail::deadline until,
                              const stop_token* stop = nullptr) {
      // What might throw comes before the request.
      std::optional<grant> made(grant(who_, request));
      if (!table().acquire(who_, request, until, stop)) return std::nullopt;
      made->table_ = &table();
      return made;
    }

    basic_bankers_allocator* owner_ = nullptr;
    detail::bankers_table::ticket who_;
  };

  explicit basic_bankers_allocator(const amounts& total,
                                   bankers_options options = {})
      : table_(total, options) {}
  basic_bankers_allocator(const basic_bankers_allocator&) = delete;
  basic_bankers_allocator& operator=(const basic_bankers_allocator&) = delete;

  // A customer that will hold at most `max_claim` at a time. Without a name it
  // is "P" and how many have joined before; of a higher priority it is served
  // first.
  // NOLINTNEXTLINE(performance-unnecessary-value-param): it is moved.
  [[nodiscard]] customer join(const amounts& max_claim, std::string name = {},
                              int priority = 0) {
    return customer(*this, table_.join(max_claim, std::move(name), priority));
  }
  // The customers of a state, with what they hold (kept), in their order, and
  // its total. EBUSY: there are customers already.
  [[nodiscard]] std::vector<customer> restore(const bankers_state& state) {
    std::vector<customer> made;
    made.reserve(state.customers.size());
    for (const auto& who : table_.restore(state))
      made.push_back(customer(*this, who));
    return made;
  }

  // A device is added, or lost. After a loss the state may be unsafe: then
  // nothing is granted until what is given back makes it safe; nobody is
  // evicted, and what is held stays so.
  void grow(const amounts& more) { table_.grow(more); }
  void shrink(const amounts& lost) { table_.shrink(lost); }

  bool is_safe() const { return table_.is_safe(); }
  // Names, in an order in which all can get what they may still ask for. Empty:
  // unsafe, or no customers.
  std::vector<std::string> safe_sequence() const {
    return snapshot().safe_sequence();
  }
  // Why the customer waits and whose releases would unblock it; why it would
  // have to wait for `request`.
  bankers_blocking why_blocked(const customer& who) const {
    return table_.why_blocked(who.who_, nullptr);
  }
  bankers_blocking why_blocked(const customer& who,
                               const amounts& request) const {
    const detail::amounts_view view(request);
    return table_.why_blocked(who.who_, &view);
  }
  // Customers in the order in which they have joined.
  bankers_state snapshot() const { return table_.snapshot(); }

  std::size_t resources() const noexcept { return table_.resources(); }
  amounts total() const {
    return read([&](auto to) { table_.total(to); });
  }
  // After a loss it may be less than nothing: that is 0 here.
  amounts available() const {
    return read([&](auto to) { table_.available(to); });
  }
  std::size_t customers() const { return table_.customers(); }
  // Requests that wait.
  std::size_t waiting() const { return table_.waiting(); }

 private:
  template <class F>
  amounts read(F&& into) const {
    amounts out{};
    if constexpr (R == std::dynamic_extent) out.resize(resources());
    into(std::span<std::uint64_t>(out));
    return out;
  }

  detail::bankers_table table_;
};

using bankers_allocator = basic_bankers_allocator<>;

}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_BANKERS_ALLOCATOR_H_
