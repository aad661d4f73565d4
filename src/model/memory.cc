// SPDX-License-Identifier: Apache-2.0
#include "memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "engine.h"
#include "report.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
namespace {

// What fresh heap memory is full of, so that reading it shows.
constexpr unsigned char kFresh = 0xd9;
constexpr std::size_t kHeader = 16;

std::byte* reserve(std::size_t bytes) {
  void* const p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  return static_cast<std::byte*>(p);
}

}  // namespace

const memory::mapping& memory::region() {
  static const mapping once = [] {
    mapping m;
    m.stacks = reserve(kThreads * (kStackEach + kHeapEach));
    m.heap = m.stacks + kThreads * kStackEach;
    return m;
  }();
  return once;
}

// The shadow is mapped once as well (an emulator takes long for that), and is
// all zero between two checks.
memory::memory(checker& owner)
    : owner_(owner), heap_(region().heap), shadow_([] {
        static std::byte* const once = reserve(
            kThreads * (kStackEach + kHeapEach) / kGranule * sizeof(granule));
        return reinterpret_cast<granule*>(once);
      }()) {
  heaps_.resize(kThreads);
}

memory::~memory() {
  ::madvise(shadow_,
            kThreads * (kStackEach + kHeapEach) / kGranule * sizeof(granule),
            MADV_DONTNEED);
}

void memory::begin_run() {
  ++run_;
  for (; heaps_used_ > 0; --heaps_used_) {
    heap& h = heaps_[heaps_used_ - 1];
    h.used = h.begin;
    h.blocks.clear();
  }
  live_blocks_ = 0;
}

moment memory::now() const noexcept {
  return {owner_.self(), owner_.position()};
}

bool memory::before_now(const moment& m) const noexcept {
  if (!m.is_set() || m.thread == owner_.self()) return true;
  return owner_.past()[m.thread] > m.index;
}

text memory::name(const object& o) const {
  return (o.cell ? "the cell at " : "the atomic at ") + hex(o.address);
}

memory::granule& memory::granule_of(std::uintptr_t address) {
  const std::uintptr_t begin =
      reinterpret_cast<std::uintptr_t>(region().stacks);
  if (address - begin < kThreads * (kStackEach + kHeapEach))
    return shadow_[(address - begin) / kGranule];
  return outside_[address / kGranule];
}

// The object that begins at this address in this run, or kNone.
location_id memory::live(std::uintptr_t address) {
  const granule& g = granule_of(address);
  if (g.run != run_) return kNone;
  for (location_id l = g.head; l != kNone; l = objects_[l].in_granule)
    if (reinterpret_cast<std::uintptr_t>(objects_[l].address) == address)
      return l;
  return kNone;
}

location_id memory::enter(std::uintptr_t address, std::uint32_t size, bool cell,
                          std::uint32_t life) {
  granule& g = granule_of(address);
  location_id l = kNone;
  // Most objects lie where one lay in the last run.
  if (g.run != run_ && g.run != 0) {
    const object& o = objects_[g.head];
    if (reinterpret_cast<std::uintptr_t>(o.address) == address &&
        o.life == life)
      l = g.head;
  }
  if (l == kNone) {
    const auto [it, fresh] = known_.try_emplace(
        key{address, life}, static_cast<location_id>(objects_.size()));
    l = it->second;
    if (fresh) objects_.emplace_back();
  }
  object& o = objects_[l];
  o.address = reinterpret_cast<const std::byte*>(address);
  o.size = size;
  o.run = run_;
  o.life = life;
  o.cell = cell;
  o.initialized = true;
  o.block = o.in_block = o.in_granule = kNone;
  o.initial = {};
  o.made = o.died = o.written = {};
  o.written_at = {};
  o.read.clear();
  if (g.run == run_) {
    o.in_granule = g.head;
  } else {
    g.run = run_;
  }
  g.head = l;
  if (region().in_heap(o.address)) check_block(o, l);
  return l;
}

heap_block* memory::block_of(std::uintptr_t address, std::uint32_t& number) {
  const auto offset = address - reinterpret_cast<std::uintptr_t>(heap_);
  heap& h = heaps_[offset / kHeapEach];
  const auto after =
      std::upper_bound(h.blocks.begin(), h.blocks.end(), address,
                       [](std::uintptr_t a, const heap_block& b) {
                         return a < reinterpret_cast<std::uintptr_t>(b.base);
                       });
  if (after == h.blocks.begin()) return nullptr;
  heap_block& b = *(after - 1);
  if (address >= reinterpret_cast<std::uintptr_t>(b.base) + b.size)
    return nullptr;
  number = static_cast<std::uint32_t>(&b - h.blocks.data());
  return &b;
}

// An object of the heap belongs to a block, with which it dies.
void memory::check_block(object& o, location_id l) {
  std::uint32_t number = 0;
  heap_block* const b =
      block_of(reinterpret_cast<std::uintptr_t>(o.address), number);
  if (b == nullptr) return;  // of an earlier run, kept
  o.block = number;
  o.in_block = b->objects;
  b->objects = l;
  if (b->freed.is_set()) o.died = b->freed;
}

void memory::check_lifetime(const object& o, const char* what) {
  if (o.died.is_set()) {
    owner_.collides_with(o.died);
    owner_.fail(verdict::use_after_free, [&] {
      return text(what) + " of " + name(o) + ", whose life has ended";
    });
  }
  if (!before_now(o.made)) {
    owner_.collides_with(o.made);
    owner_.fail(verdict::data_race, [&] {
      return text(what) + " of " + name(o) +
             ", whose construction does not happen before";
    });
  }
}

location_id memory::atomic(const void* p, std::uint32_t size) {
  const auto address = reinterpret_cast<std::uintptr_t>(p);
  location_id l = live(address);
  if (l == kNone) {
    for (std::uintptr_t near = address - 15; near < address + size; ++near) {
      if (near == address) continue;
      const location_id other = live(near);
      if (other != kNone && !objects_[other].died.is_set() &&
          near + objects_[other].size > address)
        owner_.fail(verdict::misuse, [&] {
          return "an atomic access at " + hex(p) + " overlaps " +
                 name(objects_[other]);
        });
    }
    l = enter(address, size, false, 1);
    object& o = objects_[l];
    std::memcpy(&o.initial, p, size);
    if (o.block != kNone) {
      const auto* const bytes = reinterpret_cast<const unsigned char*>(p);
      o.initialized = std::any_of(bytes, bytes + size,
                                  [](unsigned char b) { return b != kFresh; });
    }
  }
  object& o = objects_[l];
  if (o.size != size || o.cell) [[unlikely]]
    owner_.fail(verdict::misuse, [&] {
      return "an atomic access of " + number(size) + " bytes to " + name(o) +
             ", which has " + number(o.size);
    });
  if (o.died.is_set() || o.made.thread != owner_.self()) [[unlikely]]
    check_lifetime(o, "access");
  return l;
}

location_id memory::hidden(const void* p, bool of_atomic) {
  const auto address = reinterpret_cast<std::uintptr_t>(p);
  atomics_wait_ |= of_atomic;
  const auto [it, fresh] =
      known_.try_emplace(key{address, of_atomic ? kWaiters : kFutex},
                         static_cast<location_id>(objects_.size()));
  if (fresh) {
    objects_.emplace_back();
    objects_.back().address = static_cast<const std::byte*>(p);
  }
  object& o = objects_[it->second];
  o.run = run_;
  o.initial = {};
  return it->second;
}

void memory::construct(const void* p, std::size_t size, bool cell,
                       bool initialized) {
  const auto address = reinterpret_cast<std::uintptr_t>(p);
  const location_id old = live(address);
  std::uint32_t life = 1;
  if (old != kNone) {
    object& o = objects_[old];
    life = o.life + 1;
    if (!o.died.is_set()) check_ended(o, old, "constructed anew");
    // Another object takes its place in the granule.
    o.address = nullptr;
  }
  const location_id l =
      enter(address, static_cast<std::uint32_t>(size), cell, life);
  object& o = objects_[l];
  o.made = now();
  o.initialized = initialized;
  if (cell) {
    if (initialized) o.written = o.made;
    o.written_at.file = nullptr;  // by the construction
  } else {
    std::memcpy(&o.initial, p, size);
  }
}

// All accesses must happen before the end of the object.
void memory::check_ended(const object& o, location_id l, const char* how) {
  const std::uint32_t* const past = owner_.past();
  const graph& g = owner_.now();
  const auto complain = [&](thread_number t) {
    owner_.fail(verdict::use_after_free, [&] {
      return name(o) + " is " + how + " while thread " + number(t) +
             " may still use it: its access does not happen before";
    });
  };
  if (o.cell) {
    if (!before_now(o.written)) complain(o.written.thread);
    for (thread_number t = 0; t < o.read.size(); ++t)
      if (o.read[t] != 0 && !before_now({t, o.read[t] - 1})) complain(t);
    return;
  }
  // (A wake of a futex may come later; a notification is an access.)
  location_id both[] = {l, l};
  if (atomics_wait_) {
    const auto waiters =
        known_.find(key{reinterpret_cast<std::uintptr_t>(o.address), kWaiters});
    if (waiters != known_.end()) both[1] = waiters->second;
  }
  for (thread_number t = 0; t < g.threads(); ++t) {
    if (t == owner_.self()) continue;
    for (const location_id used : both) {
      const event_id last = g.last_access(used, t);
      if (last != kNone && g.at(last).index > past[t]) complain(t);
    }
  }
}

void memory::destroy(const void* p) {
  const location_id l = live(reinterpret_cast<std::uintptr_t>(p));
  if (l == kNone) return;
  object& o = objects_[l];
  if (o.died.is_set()) return;  // its block was freed: reported by accesses
  check_ended(o, l, "destroyed");
  o.died = now();
}

void memory::cell_read(const void* p, const source& where) {
  const auto address = reinterpret_cast<std::uintptr_t>(p);
  location_id l = live(address);
  if (l == kNone) l = enter(address, 1, true, 1);
  object& o = objects_[l];
  check_lifetime(o, "read");
  if (!o.initialized)
    owner_.fail(verdict::uninitialized_read, [&] {
      return "read of " + name(o) + ", which nobody has written, at " +
             place(where);
    });
  if (!before_now(o.written)) {
    owner_.collides_with(o.written);
    owner_.fail(verdict::data_race, [&] {
      return "the read at " + place(where) + " and the write " +
             (o.written_at.file == nullptr ? text("by its construction")
                                           : "at " + place(o.written_at)) +
             " by thread " + number(o.written.thread) + " of " + name(o) +
             " are not ordered by happens-before";
    });
  }
  const thread_number t = owner_.self();
  if (o.read.size() <= t) o.read.resize(t + 1, 0);
  o.read[t] = owner_.position() + 1;
}

void memory::cell_write(const void* p, const source& where) {
  const auto address = reinterpret_cast<std::uintptr_t>(p);
  location_id l = live(address);
  if (l == kNone) l = enter(address, 1, true, 1);
  object& o = objects_[l];
  check_lifetime(o, "write");
  const auto race = [&](const char* what, const moment& other) {
    const thread_number t = other.thread;
    owner_.collides_with(other);
    owner_.fail(verdict::data_race, [&] {
      return "the write at " + place(where) + " and a " + what + " by thread " +
             number(t) + " of " + name(o) +
             " are not ordered by happens-before";
    });
  };
  if (!before_now(o.written)) race("write", o.written);
  for (thread_number t = 0; t < o.read.size(); ++t)
    if (o.read[t] != 0 && !before_now({t, o.read[t] - 1}))
      race("read", {t, o.read[t] - 1});
  o.written = now();
  o.written_at = where;
  o.initialized = true;
  owner_.count_plain_write();
}

void* memory::allocate(std::size_t size, std::size_t alignment) {
  const thread_number t = owner_.self();
  heap& h = heaps_[t];
  heaps_used_ = std::max<std::size_t>(heaps_used_, t + 1);
  const std::size_t align = std::max<std::size_t>(alignment, 16);
  std::size_t at = (h.used + kHeader + align - 1) / align * align;
  const std::size_t bytes = std::max<std::size_t>(size, 1);
  if (at + bytes > kHeapEach) throw std::bad_alloc();
  std::byte* const base = heap_ + t * kHeapEach + at;
  std::memset(base, kFresh, bytes);
  heap_block b;
  b.base = base;
  b.size = bytes;
  b.by = t;
  h.blocks.push_back(b);
  h.used = at + bytes;
  ++live_blocks_;
  return base;
}

void memory::release(void* p) {
  std::uint32_t number_in_heap = 0;
  heap_block* const b =
      block_of(reinterpret_cast<std::uintptr_t>(p), number_in_heap);
  if (b == nullptr) return;  // of an earlier run, kept for what is outside
  if (b->base != p)
    owner_.fail(verdict::misuse, [&] {
      return "delete of " + hex(p) + ", which is inside of a block at " +
             hex(b->base);
    });
  if (b->freed.is_set())
    owner_.fail(verdict::double_free, [&] {
      return "the block of " + number(b->size) + " bytes at " + hex(p) +
             " is deleted again";
    });
  for (location_id l = b->objects; l != kNone; l = objects_[l].in_block) {
    object& o = objects_[l];
    if (o.died.is_set()) continue;
    check_ended(o, l, "freed");
    o.died = now();
  }
  b->freed = now();
  --live_blocks_;
}

std::size_t memory::leaked(std::size_t& bytes) {
  bytes = 0;
  if (live_blocks_ == 0) return 0;
  std::size_t count = 0;
  for (heap& h : heaps_) {
    for (heap_block& b : h.blocks) {
      if (b.freed.is_set()) continue;
      ++count;
      bytes += b.size;
    }
  }
  return count;
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
