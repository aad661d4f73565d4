// SPDX-License-Identifier: Apache-2.0
//
// How a futex operation changes a queue that it has opened.
#ifndef SYNCXX_SRC_MODEL_CLOSE_QUEUE_H_
#define SYNCXX_SRC_MODEL_CLOSE_QUEUE_H_

#include "engine.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

// change(queue) makes what it becomes. (The copy is gone before a run can end.)
template <class Change>
void checker::close_queue(location_id l, const value& before,
                          const Change& change) {
  access a;
  a.what = access_kind::futex;
  a.order = memory_order_acq_rel;
  const auto after = [&] {
    futex_queue q = queues_[before];
    change(q);
    return queues_.number(q);
  };
  modify(a, l, after());
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_CLOSE_QUEUE_H_
