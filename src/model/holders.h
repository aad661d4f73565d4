// SPDX-License-Identifier: Apache-2.0
//
// Who holds which lock of the library in the present run: what <sync/misuse.h>
// calls misuse is a verdict of the checker.
#ifndef SYNCXX_SRC_MODEL_HOLDERS_H_
#define SYNCXX_SRC_MODEL_HOLDERS_H_

#include <algorithm>

#include <sync/detail/hooks.h>

#include "graph.h"
#include "memory_resource.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

class holders {
 public:
  struct holder {
    const void* lock = nullptr;
    thread_number thread = 0;
    detail::object_kind kind{};  // how, where there are several ways
    text place{};                // where it was locked, if known
  };

  void begin_run() noexcept { all_.clear(); }
  const holder* of(const void* lock) const noexcept {
    const auto it =
        std::find_if(all_.begin(), all_.end(),
                     [lock](const holder& h) { return h.lock == lock; });
    return it == all_.end() ? nullptr : &*it;
  }
  // The first that `wanted` says yes to.
  template <class Predicate>
  const holder* find_if(Predicate wanted) const noexcept {
    const auto it = std::find_if(all_.begin(), all_.end(), wanted);
    return it == all_.end() ? nullptr : &*it;
  }
  void took(const holder& h) { all_.push_back(h); }
  void gave(const holder* one) { all_.erase(all_.begin() + (one - &all_[0])); }
  void gave(const void* lock) noexcept {
    std::erase_if(all_, [lock](const holder& h) { return h.lock == lock; });
  }

 private:
  vec<holder> all_;  // the few that are held at one time
};

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_HOLDERS_H_
