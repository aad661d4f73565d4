// SPDX-License-Identifier: Apache-2.0
//
// lock_manager: what it says to people.
#include <cerrno>
#include <map>
#include <string>
#include <utility>

#include <sync/lock_manager.h>

namespace syncxx::inline SYNCXX_ABI {

namespace {

std::string label(std::uint64_t number, const std::string& name) {
  std::string text = "#";
  text += std::to_string(number);
  if (!name.empty()) text.append(" '").append(name).append("'");
  return text;
}

std::string counted(std::size_t n, const char* what) {
  return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

}  // namespace

const char* to_string(lock_mode mode) noexcept {
  switch (mode) {
    case lock_mode::IS:
      return "IS";
    case lock_mode::IX:
      return "IX";
    case lock_mode::S:
      return "S";
    case lock_mode::SIX:
      return "SIX";
    case lock_mode::U:
      return "U";
    case lock_mode::X:
      return "X";
  }
  return "?";
}

transaction_aborted::transaction_aborted(std::shared_ptr<const report> about)
    : std::system_error(
          std::make_error_code(std::errc::resource_deadlock_would_occur),
          "syncxx: transaction aborted by " + about->text +
              ": roll it back, and begin it again"),
      about_(std::move(about)) {}

lock_snapshot deadlock_cycle::snapshot() const {
  return table_->take_snapshot();
}

std::string lock_snapshot::text() const {
  std::map<std::uint64_t, std::string> labels;
  std::string out = counted(transactions.size(), "transaction") + ", " +
                    counted(keys.size(), "key") + "\n";
  for (const transaction_state& t : transactions) {
    const std::string& who = labels[t.transaction] =
        label(t.transaction, t.name);
    out += "transaction " + who + ": holds " + counted(t.locks_held, "key");
    if (t.waits) out += ", waits";
    if (t.aborted) out += ", aborted";
    out += "\n";
  }
  for (const key_state& k : keys) {
    out += "key " + k.key + "\n";
    for (const holder& h : k.holders) {
      out += "  " + labels[h.transaction] + " holds " + to_string(h.mode);
      if (h.wanted != h.mode)
        out += std::string(", waits for ") + to_string(h.wanted);
      out += "\n";
    }
    for (const waiter& w : k.waiters) {
      out += "  " + labels[w.transaction] + " waits for " +
             to_string(w.wanted) + "\n";
    }
  }
  return out;
}

namespace detail {

std::string transaction_core::label() const {
  return syncxx::label(number_, options_.name);
}

std::string cycle_text(const std::vector<deadlock_member>& cycle,
                       std::size_t victim) {
  const auto name = [&](std::size_t i) {
    const deadlock_member& m = cycle[i % cycle.size()];
    return label(m.transaction, m.name);
  };
  std::string text =
      "deadlock of " + counted(cycle.size(), "transaction") + ": ";
  for (std::size_t i = 0; i < cycle.size(); ++i) {
    const deadlock_member& m = cycle[i];
    text += name(i) + " wants " + to_string(m.wanted) + " of key " + m.key +
            ", which " + name(i + 1) +
            (m.next_holds ? " holds in " : " wants before it in ") +
            to_string(m.next_mode) + "; ";
  }
  return text + name(victim) + " is to make way";
}

lock_snapshot lock_table::snapshot() const {
  const std::lock_guard lock(mutex_);
  return take_snapshot();
}

// Under the mutex.
lock_snapshot lock_table::take_snapshot() const {
  lock_snapshot all;
  for (const transaction_core* t = first_; t != nullptr; t = t->next_) {
    const bool aborted = t->state_ == transaction_state::aborted ||
                         t->state_ == transaction_state::rolling_back;
    all.transactions.push_back(
        {t->number_, t->name(), t->locks_, t->pending_ != nullptr, aborted});
  }
  for (const lock_queue* queue : buckets_) {
    for (; queue != nullptr; queue = queue->chain) {
      lock_snapshot::key_state key{text(*queue), {}, {}};
      for (const lock_request* r = queue->holders.first(); r != nullptr;
           r = queue->holders.next(*r)) {
        key.holders.push_back({r->owner->number_, r->mode, r->wanted});
      }
      for (const lock_request* r = queue->newcomers.first(); r != nullptr;
           r = queue->newcomers.next(*r)) {
        key.waiters.push_back({r->owner->number_, r->wanted});
      }
      all.keys.push_back(std::move(key));
    }
  }
  return all;
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI
