// SPDX-License-Identifier: Apache-2.0
#include "memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "report.h"
#include "running.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
namespace {

// What fresh heap memory is full of, so that reading it shows.
constexpr unsigned char kFresh = 0xd9;
// Before a block: its number.
constexpr std::size_t kHeader = 16;

// Up to a multiple of 16, where the next block's header begins at the earliest.
inline void fill_fresh(std::byte* base, std::size_t bytes) noexcept {
  constexpr std::size_t kFew = 128;
  if (bytes > kFew) {
    std::memset(base, kFresh, bytes);
    return;
  }
  for (std::size_t i = 0; i < bytes; i += kHeader)
    std::memset(base + i, kFresh, kHeader);
}

std::byte* reserve(std::size_t bytes) {
  void* const p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  return static_cast<std::byte*>(p);
}

}  // namespace

constinit memory::mapping memory::region_;

const memory::mapping& memory::mapped() {
  if (region_.stacks == nullptr) {
    region_.stacks = reserve(kThreads * (kStackEach + kHeapEach));
    region_.heap = region_.stacks + kThreads * kStackEach;
    g_stacks = reinterpret_cast<std::uintptr_t>(region_.stacks);
  }
  return region_;
}

// The shadow is mapped once as well (an emulator takes long for that), and is
// all zero between two checks.
memory::memory(checker& owner, const void* outside_frame)
    : owner_(owner),
      heap_(mapped().heap),
      shadow_([] {
        static std::byte* const once = reserve(
            kThreads * (kStackEach + kHeapEach) / kGranule * sizeof(granule));
        return reinterpret_cast<granule*>(once);
      }()),
      around_(outside_frame) {
  heaps_.resize(kThreads);
}

memory::~memory() {
  for (const heap& h : heaps_)
    for (const heap_block& b : h.blocks)
      if (b.kept) keep_for_good(b.base, b.size);
  ::madvise(shadow_,
            kThreads * (kStackEach + kHeapEach) / kGranule * sizeof(granule),
            MADV_DONTNEED);
}

void memory::begin_run() {
  ++run_;
  live_blocks_ = unlooked_ = 0;
  lowest_ = ~std::uintptr_t{0};
  highest_ = 0;
}

moment memory::now() const noexcept {
  return {owner_.self(), owner_.position()};
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
location_id memory::live(const granule& g, std::uintptr_t address) const {
  if (g.run != run_) return kNone;
  for (location_id l = g.head; l != kNone; l = objects_[l].in_granule)
    if (reinterpret_cast<std::uintptr_t>(objects_[l].address) == address)
      return l;
  return kNone;
}
location_id memory::live(std::uintptr_t address) {
  return live(granule_of(address), address);
}

[[gnu::always_inline]] inline object& memory::enter(
    granule& g, std::uintptr_t address, std::uint32_t size, bool cell,
    std::uint32_t life, location_id& l) {
  l = kNone;
  // Most objects lie where one lay in the last run.
  if (g.run != run_ && g.run != 0) {
    const object& o = objects_[g.head];
    if (reinterpret_cast<std::uintptr_t>(o.address) == address &&
        o.life == life)
      l = g.head;
  }
  if (l == kNone) l = number_of(address, life);
  object& o = objects_[l];
  o.address = reinterpret_cast<const std::byte*>(address);
  o.size = size;
  o.life = life;
  o.cell = cell;
  o.initialized = true;
  o.block = o.in_block = kNone;
  o.in_granule = g.run == run_ ? g.head : kNone;
  o.initial = {};
  o.made = o.died = o.written = {};
  o.written_at = {};
  o.read.clear();
  g.run = run_;
  g.head = l;
  recent(address) = {o.address, run_, cell ? kCell : size, l};
  if (region().in_heap(o.address)) check_block(o, l);
  return o;
}

[[gnu::noinline]] location_id memory::number_of(std::uintptr_t address,
                                                std::uint32_t life) {
  const auto [it, fresh] = known_.try_emplace(
      key{address, life}, static_cast<location_id>(objects_.size()));
  if (fresh) objects_.emplace_back();
  return it->second;
}

[[gnu::noinline]] heap_block* memory::block_of(std::uintptr_t address,
                                               std::uint32_t& number) {
  heap& h = heap_of(address);
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
[[gnu::noinline]] void memory::check_block(object& o, location_id l) {
  std::uint32_t number = 0;
  heap_block* const b =
      block_of(reinterpret_cast<std::uintptr_t>(o.address), number);
  if (b == nullptr || b->run != run_ || b->kept) return;  // an earlier run's
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

// One that has not been seen lately, or is none yet.
location_id memory::find_atomic(const void* p, std::uint32_t size) {
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
    object& o = enter(granule_of(address), address, size, false, 1, l);
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
  check_lifetime(o, "access");
  recent(address) = {p, run_, size, l};
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
  objects_[it->second].initial = {};
  return it->second;
}

// Whether all other threads' ends happen before: so does all that they have
// done. (Many objects may end at one moment.)
inline bool memory::is_alone() noexcept {
  const all_ended now{run_, owner_.self(), owner_.position(),
                      owner_.now().size()};
  return now == alone_ || find_out_whether_alone();
}

[[gnu::noinline]] bool memory::find_out_whether_alone() noexcept {
  if (!owner_.is_alone()) return false;
  alone_ = {run_, owner_.self(), owner_.position(), owner_.now().size()};
  return true;
}

void memory::construct(const void* p, std::size_t size, bool cell,
                       bool initialized) {
  const auto address = reinterpret_cast<std::uintptr_t>(p);
  granule& g = granule_of(address);
  const location_id old = live(g, address);
  std::uint32_t life = 1;
  if (old != kNone) [[unlikely]] {
    object& o = objects_[old];
    life = o.life + 1;
    if (!o.died.is_set()) check_ended(o, old, "constructed anew");
    // Another object takes its place in the granule.
    o.address = nullptr;
  }
  location_id l = kNone;
  object& o =
      enter(g, address, static_cast<std::uint32_t>(size), cell, life, l);
  o.made = now();
  o.initialized = initialized;
  if (cell) {
    if (initialized) o.written = o.made;
    o.written_at.file = nullptr;  // by the construction
  } else {
    std::memcpy(&o.initial, p, size);
  }
}

void memory::still_used(const object& o, const char* how, thread_number by) {
  owner_.fail(verdict::use_after_free, [&] {
    return name(o) + " is " + how + " while thread " + number(by) +
           " may still use it: its access does not happen before";
  });
}

// All accesses must happen before the end of the object.
void memory::check_ended(const object& o, location_id l, const char* how) {
  const std::uint32_t* const past = owner_.past();
  const graph& g = owner_.now();
  if (o.cell) {
    if (!before_now(o.written)) still_used(o, how, o.written.thread);
    for (thread_number t = 0; t < o.read.size(); ++t)
      if (o.read[t] != 0 && !before_now({t, o.read[t] - 1}))
        still_used(o, how, t);
    return;
  }
  // (A wake of a futex may come later; a notification is an access.)
  const auto check_accesses = [&](location_id of) {
    const std::span<const event_id> last = g.last_accesses(of);
    for (thread_number t = 0; t < last.size(); ++t)
      if (last[t] != kNone && g.at(last[t]).index > past[t] &&
          t != owner_.self())
        still_used(o, how, t);
  };
  check_accesses(l);
  if (!atomics_wait_) [[likely]]
    return;
  const auto waiters =
      known_.find(key{reinterpret_cast<std::uintptr_t>(o.address), kWaiters});
  if (waiters != known_.end()) check_accesses(waiters->second);
}

void memory::destroy(const void* p) {
  const location_id l = lately_or_live(p);
  if (l == kNone) return;
  object& o = objects_[l];
  if (o.died.is_set()) return;  // its block was freed: reported by accesses
  if (!is_alone()) check_ended(o, l, "destroyed");
  o.died = now();
}

object& memory::cell(const void* p) {
  location_id l = lately_or_live(p);
  if (l != kNone) [[likely]]
    return objects_[l];
  const auto address = reinterpret_cast<std::uintptr_t>(p);
  return enter(granule_of(address), address, 1, true, 1, l);
}

void memory::cell_read(const void* p, const source& where) {
  object& o = cell(p);
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
  object& o = cell(p);
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

// Behind all others of its thread.
std::uint32_t memory::new_block(heap& h, thread_number t, std::size_t bytes,
                                std::size_t alignment) {
  std::byte* const begin = heap_ + t * kHeapEach;
  if (h.blocks.empty())
    h.used =
        static_cast<std::size_t>(end_of_kept(begin, begin + kHeapEach) - begin);
  const std::size_t align = std::max<std::size_t>(alignment, 16);
  const std::size_t at = (h.used + kHeader + align - 1) / align * align;
  if (at + bytes > kHeapEach)
    owner_.fail(verdict::misuse, [&] {
      return "thread " + number(t) + " has used up its heap of " +
             number(kHeapEach >> 20) +
             " MiB: a loop that allocates without end, or a container "
             "outside of the test that has grown too much?";
    });
  const auto number = static_cast<std::uint32_t>(h.blocks.size());
  heap_block b;
  b.base = begin + at;
  b.size = bytes;
  std::memcpy(b.base - kHeader, &number, sizeof number);
  h.used = at + bytes;
  h.blocks.push_back(b);
  return number;
}

// The block that begins there, or around there; or null.
inline heap_block* memory::block_at(void* p, std::uint32_t& number) {
  const auto address = reinterpret_cast<std::uintptr_t>(p);
  heap& h = heap_of(address);
  // (The test may have written over it.)
  std::memcpy(&number, static_cast<std::byte*>(p) - kHeader, sizeof number);
  if (number < h.blocks.size() && h.blocks[number].base == p) [[likely]]
    return &h.blocks[number];
  return block_of(address, number);
}

[[gnu::always_inline]] inline memory::block_kind& memory::kind_of_block(
    heap& h, std::size_t size, std::size_t alignment, const void* site) {
  const std::uint64_t hash =
      (reinterpret_cast<std::uintptr_t>(site) ^ alignment) *
          0x9e3779b97f4a7c15u +
      size;
  std::uint32_t& lately = h.lately[(hash >> 32) % std::size(h.lately)];
  if (lately < h.kinds.size() && h.kinds[lately].is_for(size, alignment, site))
      [[likely]]
    return h.kinds[lately];
  lately = find_kind(h, size, alignment, site, hash);
  return h.kinds[lately];
}

[[gnu::noinline]] std::uint32_t memory::find_kind(heap& h, std::size_t size,
                                                  std::size_t alignment,
                                                  const void* site,
                                                  std::uint64_t hash) {
  for (;; ++hash) {
    const auto [it, fresh] = h.kind_numbers.try_emplace(
        hash, static_cast<std::uint32_t>(h.kinds.size()));
    if (fresh) {
      block_kind& made = h.kinds.emplace_back();
      made.site = site;
      made.size = size;
      made.alignment = alignment;
    }
    if (h.kinds[it->second].is_for(size, alignment, site)) return it->second;
  }
}

void* memory::allocate(std::size_t size, std::size_t alignment,
                       const void* site) {
  const thread_number t = owner_.self();
  heap& h = heaps_[t];
  const std::size_t bytes = std::max<std::size_t>(size, 1);
  block_kind& k = kind_of_block(h, bytes, alignment, site);
  if (k.run != run_) {
    k.run = run_;
    k.next = 0;
  }
  if (k.next == k.blocks.size()) [[unlikely]] {
    const std::uint32_t fresh = new_block(h, t, bytes, alignment);
    h.blocks[fresh].kind = static_cast<std::uint32_t>(&k - h.kinds.data());
    k.blocks.push_back(fresh);
  }
  heap_block& b = h.blocks[k.blocks[k.next++]];
  fill_fresh(b.base, bytes);
  b.run = run_;
  b.freed = {};
  b.objects = kNone;
  ++live_blocks_;
  if (k.looks < kLooks) ++unlooked_;
  const auto begin = reinterpret_cast<std::uintptr_t>(b.base);
  lowest_ = std::min(lowest_, begin);
  highest_ = std::max(highest_, begin + bytes);
  return b.base;
}

void memory::release(void* p) {
  const auto address = reinterpret_cast<std::uintptr_t>(p);
  std::uint32_t number_in_heap = 0;
  heap_block* const b = block_at(p, number_in_heap);
  if (b == nullptr) {  // of an earlier check
    release_kept(p);
    return;
  }
  if (b->kept && b->base == p) {
    b->kept = false;
    --kept_blocks_;
    heap& h = heap_of(address);
    h.kinds[b->kind].blocks.push_back(number_in_heap);
    return;
  }
  if (b->run != run_) return;  // of an earlier run, and gone with it
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
    if (!is_alone()) check_ended(o, l, "freed");
    o.died = now();
  }
  b->freed = now();
  --live_blocks_;
}

std::size_t memory::leaked(std::size_t& bytes) {
  bytes = 0;
  if (live_blocks_ == 0) return 0;
  std::size_t count = 0;
  for (const heap& h : heaps_) {
    for (const heap_block& b : h.blocks) {
      if (!b.alive_in(run_)) continue;
      ++count;
      bytes += b.size;
    }
  }
  return count;
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
