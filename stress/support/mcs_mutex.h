// SPDX-License-Identifier: Apache-2.0
//
// mcs_lock with the interface of a mutex. Each thread has some nodes, which it
// uses again and again; they go with the thread.
#ifndef SYNCXX_STRESS_SUPPORT_MCS_MUTEX_H_
#define SYNCXX_STRESS_SUPPORT_MCS_MUTEX_H_

#include <sync/mcs_lock.h>

#include <array>
#include <cstdlib>

namespace syncxx::stress {

class mcs_mutex {
 public:
  void lock() SYNCXX_NO_THREAD_SAFETY_ANALYSIS {  // the node is found later
    place& mine = free_place();
    lock_.lock(mine.node);
    owner_ = &mine;
  }
  bool try_lock() SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    place& mine = free_place();
    const bool locked = lock_.try_lock(mine.node);
    if (locked)
      owner_ = &mine;
    else
      mine.used = false;
    return locked;
  }
  void unlock() SYNCXX_NO_THREAD_SAFETY_ANALYSIS {
    place& mine = *owner_;
    lock_.unlock(mine.node);
    mine.used = false;
  }

 private:
  struct alignas(128) place {
    mcs_lock::node node;
    bool used = false;
  };

  static place& free_place() {
    thread_local std::array<place, 4> places;
    for (place& p : places) {
      if (p.used) continue;
      p.used = true;
      return p;
    }
    std::abort();  // no case holds so many
  }

  mcs_lock lock_;  // first: the line cases look at its word
  place* owner_ = nullptr;
};

}  // namespace syncxx::stress

#endif  // SYNCXX_STRESS_SUPPORT_MCS_MUTEX_H_
