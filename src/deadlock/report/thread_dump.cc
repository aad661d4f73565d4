// SPDX-License-Identifier: Apache-2.0
#include "thread_dump.h"

#if SYNCXX_HOOKED

#include <unistd.h>

#include <string_view>

#include "../process.h"
#include "finding_text.h"
#include "large_stack.h"
#include "outputs.h"
#include "report_lock.h"
#include "words.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

constexpr std::string_view kMargin = "           ";

thread_activity thread_at(const thread_source& source,
                          std::uint32_t i) noexcept {
  return source.thread(source.context, i);
}

template <class F>
void for_each_place(const thread_source& source, F f) noexcept {
  for (std::uint32_t t = 0; t < source.threads; ++t) {
    const thread_activity thread = thread_at(source, t);
    if (thread.waiting != nullptr) f(thread.waiting->at);
    for (std::uint32_t i = 0; i < thread.holds; ++i)
      f(thread.held(thread.row, i).at);
  }
}

// " (held by thread 5, thread 6)"
void print_holders(const thread_source& source, const thread_activity& waiter,
                   text& out) noexcept {
  constexpr std::uint32_t kMost = 8;  // readers, say
  std::uint32_t holders = 0;
  for (std::uint32_t t = 0; t < source.threads; ++t) {
    const thread_activity thread = thread_at(source, t);
    for (std::uint32_t i = 0; i < thread.holds; ++i) {
      if (thread.held(thread.row, i).object.address !=
          waiter.waiting->object.address) {
        continue;
      }
      if (++holders > kMost) break;
      out << (holders == 1 ? " (held by " : ", ");
      if (thread.serial == waiter.serial)
        out << "itself";
      else
        print_thread(thread.tid, out);
      break;
    }
  }
  if (holders > kMost)
    out << " and " << std::int64_t{holders - kMost} << " more";
  if (holders > 0) out << ")";
}

void print_thread(const thread_source& source, const thread_activity& thread,
                  symbolizer& symbols, text& out) noexcept {
  out << "  ";
  print_thread(thread.tid, out);
  if (thread.waiting != nullptr) {
    out << ": waits for ";
    print_object(thread.waiting->object, out);
    out << " since ";
    print_duration(thread.waiting_ns, out);
    print_holders(source, thread, out);
    if (thread.bounded) out << ", but not for ever";
    out << "\n";
    symbols.print(thread.waiting->at, kMargin, out);
  } else {
    out << (thread.holds == 0 ? ": holds nothing, waits for nothing\n"
                              : ": waits for nothing\n");
  }
  for (std::uint32_t i = 0; i < thread.holds; ++i) {
    const deed& held = thread.held(thread.row, i);
    out << "    holds  ";
    print_object(held.object, out);
    out << "\n";
    symbols.print(held.at, kMargin, out);
  }
}

}  // namespace

void compose_thread_dump(const thread_source& source, symbolizer& symbols,
                         text& out) noexcept {
  out << "syncxx: thread dump of " << symbols.program() << ", process "
      << std::int64_t{::getpid()} << ": " << std::int64_t{source.threads}
      << (source.threads == 1 ? " thread\n" : " threads\n");
  for (std::uint32_t t = 0; t < source.threads; ++t)
    print_thread(source, thread_at(source, t), symbols, out);
}

void print_thread_dump(const thread_source& source, int fd) noexcept {
  static constinit char storage[16 * 1024] = {};
  const process::cancellation_pause uncancelled;
  const report_lock only_me;
  const auto printing = [&] {
    outputs::begin();
    symbolizer symbols;
    for_each_place(source, [&](const place& at) { symbols.add(at); });
    symbols.resolve();
    text out(storage, text::growth::pages);
    compose_thread_dump(source, symbols, out);
    if (fd < 0)
      outputs::say(out.view());
    else
      process::write_all(fd, out.view());
  };
  on_large_stack(function_ref<void()>(printing));
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
