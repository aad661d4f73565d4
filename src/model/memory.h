// SPDX-License-Identifier: Apache-2.0
//
// The memory of the program under test: which objects live where, who may touch
// them, and a heap whose addresses repeat from run to run.
//
// Objects are checked in the order in which a run executes the threads. That
// order extends happens-before, so every pair of conflicting accesses that
// happens-before leaves unordered is found when the second one comes.
#ifndef SYNCXX_SRC_MODEL_MEMORY_H_
#define SYNCXX_SRC_MODEL_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>

#include <sync/model/access.h>

#include "fiber.h"
#include "graph.h"
#include "memory_resource.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {

class checker;

// A point in a thread's program order: behind its event `index`.
struct moment {
  thread_number thread = kNone;
  std::uint32_t index = 0;
  bool is_set() const noexcept { return thread != kNone; }
};

// An atomic object or a cell, as the present run knows it.
struct object {
  const std::byte* address = nullptr;
  std::uint32_t size = 0;
  std::uint32_t run = 0;   // in which the rest holds
  std::uint32_t life = 0;  // the how many-th object at this address
  bool cell = false;
  bool initialized = true;
  std::uint32_t block = kNone;     // of the heap
  location_id in_block = kNone;    // the next object of that block
  location_id in_granule = kNone;  // the next object of that granule
  value initial{};
  moment made;     // unset: before the test began
  moment died;     // unset: alive
  moment written;  // cells: the last write
  source written_at{};
  vec<std::uint32_t> read;  // cells: by thread, index of the last read, plus 1
};

struct heap_block {
  std::byte* base = nullptr;
  std::size_t size = 0;
  moment freed;
  location_id objects = kNone;
  thread_number by = 0;
};

class memory {
 public:
  explicit memory(checker& owner);
  ~memory();
  memory(const memory&) = delete;
  memory& operator=(const memory&) = delete;

  void begin_run();

  // The location of an atomic that is accessed now; its lifetime is checked.
  location_id atomic(const void* address, std::uint32_t size);
  // A location of the checker's own that belongs to an address: the kernel's
  // queue, or that of the atomic object's waiters.
  location_id hidden(const void* address, bool of_atomic = false);
  object& at(location_id l) noexcept { return objects_[l]; }
  const object& at(location_id l) const noexcept { return objects_[l]; }

  void construct(const void* address, std::size_t size, bool cell,
                 bool initialized);
  void destroy(const void* address);
  void cell_read(const void* address, const source& where);
  void cell_write(const void* address, const source& where);

  void* allocate(std::size_t size, std::size_t alignment);
  void release(void* p);
  // After a run: how many blocks nobody has freed and nothing outside of the
  // test points to; their bytes.
  std::size_t leaked(std::size_t& bytes);

  // f(begin, end) of what each thread has allocated.
  template <class F>
  void for_each_heap(F f) const {
    for (std::size_t t = 0; t < heaps_used_; ++t) {
      const std::byte* const begin = heap_ + t * kHeapEach;
      f(begin + heaps_[t].begin, begin + heaps_[t].used);
    }
  }

  std::byte* stack_memory(thread_number t) const noexcept {
    return region().stacks + t * kStackEach;
  }

  static constexpr std::size_t kThreads = 256;
  static constexpr std::size_t kStackEach = std::size_t{256} << 10;
  static constexpr std::size_t kHeapEach = std::size_t{32} << 20;

  // Mapped once, and kept: what the test has put into objects outside of it
  // stays there.
  struct mapping {
    std::byte* stacks = nullptr;
    std::byte* heap = nullptr;
    bool in_heap(const void* p) const noexcept {
      return heap != nullptr && p >= heap && p < heap + kThreads * kHeapEach;
    }
  };
  // Empty before there has been a checker.
  static const mapping& region() noexcept { return region_; }

 private:
  struct granule {
    std::uint32_t run = 0;
    location_id head = kNone;
  };
  struct key {
    std::uintptr_t address;
    std::uint32_t life;
    bool operator==(const key&) const noexcept = default;
  };
  struct key_hash {
    std::size_t operator()(const key& k) const noexcept {
      return (k.address * 0x9e3779b97f4a7c15u) ^ k.life;
    }
  };
  struct heap {
    std::size_t begin = 0;  // what lies below is kept for good
    std::size_t used = 0;
    vec<heap_block> blocks;
  };
  static constexpr std::size_t kGranule = 4;
  // In place of a life: the hidden locations of an address.
  static constexpr std::uint32_t kFutex = 0;
  static constexpr std::uint32_t kWaiters = kNone;

  static const mapping& mapped();
  // Where an atomic was found lately.
  struct lately_seen {
    const void* address = nullptr;
    std::uint32_t run = 0;
    std::uint32_t size = 0;
    location_id location = kNone;
  };
  lately_seen& recent(std::uintptr_t address) noexcept {
    return recent_[address / kGranule % std::size(recent_)];
  }
  granule& granule_of(std::uintptr_t address);
  location_id live(std::uintptr_t address);
  location_id enter(std::uintptr_t address, std::uint32_t size, bool cell,
                    std::uint32_t life);
  void check_block(object& o, location_id l);
  heap_block* block_of(std::uintptr_t address, std::uint32_t& number);
  bool before_now(const moment& m) const noexcept;
  moment now() const noexcept;
  void check_lifetime(const object& o, const char* what);
  void still_used(const object& o, const char* how, thread_number by);
  void check_ended(const object& o, location_id l, const char* how);
  text name(const object& o) const;

  static mapping region_;
  checker& owner_;
  std::byte* const heap_;
  granule* const shadow_;
  std::uint32_t run_ = 0;
  lately_seen recent_[16];
  vec<object> objects_;
  hash_map<key, location_id, key_hash> known_;
  hash_map<std::uintptr_t, granule> outside_;
  bool atomics_wait_ = false;  // some location is of kWaiters
  vec<heap> heaps_;
  std::size_t heaps_used_ = 0;
  std::size_t live_blocks_ = 0;
};

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_MEMORY_H_
