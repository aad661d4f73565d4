// SPDX-License-Identifier: Apache-2.0
#include "mutation.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string_view>

#include "memory_resource.h"
#include "report.h"

namespace syncxx::inline SYNCXX_ABI {
namespace model::engine {
namespace {

// The file's name from the project's root on; null: not of the library.
const char* in_library(const char* file) noexcept {
  static constexpr char kHere[] = "src/model/mutation.cc";
  static constexpr char kHeaders[] = "include/sync/";
  static constexpr char kModel[] = "include/sync/model/";
  static const std::size_t root = std::strlen(__FILE__) - (sizeof kHere - 1);
  if (file == nullptr) return nullptr;
  if (const char* const header = std::strstr(file, kHeaders))
    return std::strncmp(header, kModel, sizeof kModel - 1) == 0 ? nullptr
                                                                : header;
  const bool ours = std::strncmp(file, __FILE__, root) == 0 &&
                    std::strncmp(file + root, "src/", 4) == 0;
  return ours ? file + root : nullptr;
}

const char* name(access_kind what) noexcept {
  switch (what) {
    case access_kind::load:
      return "load";
    case access_kind::store:
      return "store";
    case access_kind::exchange:
      return "exchange";
    case access_kind::compare_exchange_weak:
    case access_kind::compare_exchange_strong:
      return "compare_exchange";
    case access_kind::fetch_add:
      return "fetch_add";
    case access_kind::fetch_sub:
      return "fetch_sub";
    case access_kind::fetch_and:
      return "fetch_and";
    case access_kind::fetch_or:
      return "fetch_or";
    case access_kind::fetch_xor:
      return "fetch_xor";
    case access_kind::heavy_fence:
      return "heavy_fence";
    case access_kind::light_fence:
      return "light_fence";
    default:
      return "fence";
  }
}

const char* name(memory_order order) noexcept {
  switch (order) {
    case memory_order_relaxed:
      return "relaxed";
    case memory_order_consume:
    case memory_order_acquire:
      return "acquire";
    case memory_order_release:
      return "release";
    case memory_order_acq_rel:
      return "acq_rel";
    default:
      return "seq_cst";
  }
}

struct weaker_orders {
  memory_order to[2] = {};
  int count = 0;
  const memory_order* begin() const noexcept { return to; }
  const memory_order* end() const noexcept { return to + count; }
};

// One step down. An order of acquire or release says by itself which half of a
// read-modify-write it strengthens.
weaker_orders weaker(access_kind what, memory_order order) noexcept {
  switch (order) {
    case memory_order_seq_cst:
      if (what == access_kind::load) return {{memory_order_acquire}, 1};
      if (what == access_kind::store) return {{memory_order_release}, 1};
      return {{memory_order_acq_rel}, 1};
    case memory_order_acq_rel:
      return {{memory_order_acquire, memory_order_release}, 2};
    case memory_order_relaxed:
      return {};
    default:
      return {{memory_order_relaxed}, 1};
  }
}

// What the environment asks for.
struct request {
  request() noexcept
      : list(std::getenv("SYNCXX_MODEL_MUTANTS")),
        mutant(std::getenv("SYNCXX_MODEL_MUTANT")) {}
  const char* list;
  const char* mutant;
};
const request g_request;

// Writes down a mutant that has not been met before.
void write_down(const text& mutant) {
  static std::FILE* const out = std::fopen(g_request.list, "a");
  static hash_map<std::size_t, bool> known;
  if (!known.try_emplace(std::hash<std::string_view>()(mutant), true).second)
    return;
  if (out == nullptr) {
    std::fprintf(stderr, "syncxx model checker: cannot write to %s\n",
                 g_request.list);
    std::abort();
  }
  std::fprintf(out, "%s\n", mutant.c_str());
  std::fflush(out);
}

// Whether the mutant is the one asked for.
bool chosen(const text& mutant) {
  if (g_request.list != nullptr) write_down(mutant);
  return g_request.mutant != nullptr && mutant == g_request.mutant;
}

// An order as it is to be: decided once for each place.
memory_order mutated(memory_order order, const char* which, access_kind what,
                     const source& where, bool only_reads = false) {
  if (order == memory_order_relaxed || where.line == 0) return order;
  static hash_map<std::uint64_t, memory_order> decided;
  std::uint64_t place = reinterpret_cast<std::uintptr_t>(where.file);
  for (const unsigned part :
       {where.line, static_cast<unsigned>(what), static_cast<unsigned>(*which),
        static_cast<unsigned>(order)})
    place = (place ^ part) * 0x9e3779b97f4a7c15u;
  const auto [it, fresh] = decided.try_emplace(place, order);
  if (!fresh) return it->second;
  const char* const file = in_library(where.file);
  if (file == nullptr) return order;
  for (const memory_order to :
       weaker(only_reads ? access_kind::load : what, order)) {
    const text mutant = text(file) + ":" + number(where.line) + " " +
                        name(what) + " " + which + " " + name(order) + " " +
                        name(to);
    if (chosen(mutant)) it->second = to;
  }
  return it->second;
}

}  // namespace

const bool g_mutating =
    g_request.list != nullptr || g_request.mutant != nullptr;

void mutate(access& a) noexcept {
  if (a.what != access_kind::compare_exchange_weak &&
      a.what != access_kind::compare_exchange_strong) {
    a.order = mutated(a.order, "order", a.what, a.where);
    return;
  }
  a.order = mutated(a.order, "success", a.what, a.where);
  a.failure = mutated(a.failure, "failure", a.what, a.where, true);
}

memory_order mutated_fence(memory_order order, const source& where,
                           access_kind what) noexcept {
  return mutated(order, "order", what, where);
}

bool drops_wake(const source& where) noexcept {
  const char* const file = in_library(where.file);
  return file != nullptr && where.line != 0 &&
         chosen(text(file) + ":" + number(where.line) + " wake drop");
}

}  // namespace model::engine
}  // namespace syncxx::inline SYNCXX_ABI
