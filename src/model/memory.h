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
#include "outside.h"

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
  std::uint32_t run = 0;   // in which it was allocated the last time
  std::uint32_t kind = 0;  // in heap::kinds
  bool kept = false;       // for what is outside of the test
  bool alive_in(std::uint32_t r) const noexcept {
    return run == r && !kept && !freed.is_set();
  }
};

class memory {
 public:
  memory(checker& owner, const void* outside_frame);
  ~memory();
  memory(const memory&) = delete;
  memory& operator=(const memory&) = delete;

  void begin_run();

  // The location of an atomic that is accessed now; its lifetime is checked.
  // (In engine.h.)
  location_id atomic(const void* address, std::uint32_t size);
  // Whether there is an object that has not been destroyed.
  bool has(const void* address) {
    const location_id l = live(reinterpret_cast<std::uintptr_t>(address));
    return l != kNone && !objects_[l].died.is_set();
  }
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

  // `site`: where operator new was called.
  void* allocate(std::size_t size, std::size_t alignment, const void* site);
  void release(void* p);
  // After each run: what is outside of the test keeps its blocks.
  void end_run(bool complete);
  // After end_run(): how many blocks nobody has freed; their bytes.
  std::size_t leaked(std::size_t& bytes);
  // A thread that is not the test's has deleted what is.
  static void note_stranger() noexcept;
  static bool saw_stranger() noexcept;

  // f(begin, end) of what this run has allocated.
  template <class F>
  void for_each_heap(F f) const {
    for (const heap& h : heaps_)
      for (const heap_block& b : h.blocks)
        if (b.run == run_ && !b.kept) f(b.base, b.base + (b.size + 7) / 8 * 8);
  }

  std::span<const std::uintptr_t> callers() const noexcept {
    return around_.callers();
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
  static bool on_fiber(const void* frame) noexcept {
    return reinterpret_cast<std::uintptr_t>(frame) - g_stacks <
           kThreads * kStackEach;
  }

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
  // Blocks of one size that one place in the code asks for. The n-th of a run
  // lies where it lay in other runs, whatever else they have allocated: a test
  // need not fill again what has been filled outside of it.
  struct block_kind {
    const void* site = nullptr;
    std::size_t size = 0, alignment = 0;
    vec<std::uint32_t> blocks;  // in heap::blocks, without those kept
    std::uint32_t run = 0;
    std::uint32_t next = 0;   // of this run
    std::uint32_t looks = 0;  // how often it was asked who has them
    bool is_for(std::size_t bytes, std::size_t align,
                const void* where) const noexcept {
      return site == where && size == bytes && alignment == align;
    }
  };
  struct heap {
    std::size_t used = 0;    // bytes
    vec<heap_block> blocks;  // by address; each is used again in each run
    vec<block_kind> kinds;
    hash_map<std::uint64_t, std::uint32_t> kind_numbers;
    std::uint32_t lately[8] = {};  // kinds asked for, by a part of their hash
  };
  static constexpr std::size_t kGranule = 4;
  // How often blocks of a kind are looked for outside of the test, if none was
  // ever found there.
  static constexpr std::uint32_t kLooks = 8;
  // In place of a life: the hidden locations of an address.
  static constexpr std::uint32_t kFutex = 0;
  static constexpr std::uint32_t kWaiters = kNone;

  static const mapping& mapped();
  // Where an object was found lately.
  struct lately_seen {
    const void* address = nullptr;
    std::uint32_t run = 0;
    std::uint32_t size = 0;  // of an atomic, or kCell
    location_id location = kNone;
  };
  static constexpr std::uint32_t kCell = 0;
  lately_seen& recent(std::uintptr_t address) noexcept {
    return recent_[address / kGranule % std::size(recent_)];
  }
  granule& granule_of(std::uintptr_t address);
  location_id live(const granule& g, std::uintptr_t address) const;
  location_id live(std::uintptr_t address);
  location_id lately_or_live(const void* p) {
    const auto address = reinterpret_cast<std::uintptr_t>(p);
    const lately_seen& lately = recent(address);
    return lately.address == p && lately.run == run_ ? lately.location
                                                     : live(address);
  }
  // `l`: its location.
  object& enter(granule& g, std::uintptr_t address, std::uint32_t size,
                bool cell, std::uint32_t life, location_id& l);
  location_id number_of(std::uintptr_t address, std::uint32_t life);
  location_id find_atomic(const void* address, std::uint32_t size);
  object& cell(const void* address);
  void check_block(object& o, location_id l);
  heap_block* block_of(std::uintptr_t address, std::uint32_t& number);
  heap_block* block_at(void* p, std::uint32_t& number);
  heap& heap_of(std::uintptr_t address) {
    return heaps_[(address - reinterpret_cast<std::uintptr_t>(heap_)) /
                  kHeapEach];
  }
  std::uint32_t new_block(heap& h, thread_number t, std::size_t bytes,
                          std::size_t alignment);
  block_kind& kind_of_block(heap& h, std::size_t size, std::size_t alignment,
                            const void* site);
  std::uint32_t find_kind(heap& h, std::size_t size, std::size_t alignment,
                          const void* site, std::uint64_t hash);
  void keep_reachable();
  void keep(heap_block& b);
  bool before_now(const moment& m) const noexcept;
  moment now() const noexcept;
  void check_lifetime(const object& o, const char* what);
  void still_used(const object& o, const char* how, thread_number by);
  bool is_alone() noexcept;
  bool find_out_whether_alone() noexcept;
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
  // When it was found that all other threads had ended.
  struct all_ended {
    std::uint32_t run = 0;
    thread_number thread = 0;
    std::uint32_t position = 0;
    std::uint32_t events = 0;
    bool operator==(const all_ended& other) const noexcept {
      return ((run ^ other.run) | (thread ^ other.thread) |
              (position ^ other.position) | (events ^ other.events)) == 0;
    }
  } alone_;
  bool atomics_wait_ = false;  // some location is of kWaiters
  static inline std::uintptr_t g_stacks = ~std::uintptr_t{0} / 2;  // region()'s
  vec<heap> heaps_;
  std::size_t live_blocks_ = 0;  // of this run
  std::size_t unlooked_ = 0;     // allocations of kinds that may be outside's
  std::size_t kept_blocks_ = 0;
  // Where the blocks of this run lie.
  std::uintptr_t lowest_ = 0, highest_ = 0;
  bool grows_outside_ = false;  // some block was kept
  outside_memory around_;
};

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_SRC_MODEL_MEMORY_H_
