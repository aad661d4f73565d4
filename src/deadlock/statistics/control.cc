// SPDX-License-Identifier: Apache-2.0
#include "control.h"

#if SYNCXX_HOOKED

#include <stdlib.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <string_view>
#include <system_error>

#include <sync/lock_stat.h>

#include "../detection/self.h"
#include "../listeners.h"
#include "../process.h"
#include "../report/outputs.h"
#include "../report/report_lock.h"
#include "../report/text.h"
#include "../settings.h"
#include "statistics.h"
#include "summary.h"
#include "table.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail::statistics {
namespace {

constinit bool g_at_exit = false;
constinit pid_t g_pid = 0;  // of the process that has read the environment
constinit std::size_t g_rows = lock_stat::default_rows;

// False: there is no such variable, or no number in it.
template <class Number>
bool read_number(const char* variable, const char* what,
                 Number& number) noexcept {
  const char* const value = ::secure_getenv(variable);
  if (value == nullptr || *value == '\0') return false;
  const std::string_view digits = value;
  Number read = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), read);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    settings::refuse(variable, digits, what);
    return false;
  }
  number = read;
  return true;
}

bool is_asked_for() noexcept {
  constexpr settings::choice kChoices[] = {
      {"1", 1}, {"on", 1}, {"0", 0}, {"off", 0}};
  constexpr const char* kVariable = "SYNCXX_LOCKSTAT";
  return settings::choose(kVariable, ::secure_getenv(kVariable), kChoices,
                          "1 or 0: taken as 0", 0) != 0;
}

// After main(), and the static destructors of the program. A process that was
// forked has something to say only if it has counted.
[[gnu::destructor(101)]] void end() {
  if (!g_at_exit || !is_on()) return;
  const bool is_own = ::getpid() == g_pid;
  if (!is_own && !has_counted()) return;
  print(g_rows);
}

}  // namespace

void begin() noexcept {
  if (!is_asked_for()) return;
  const char* const rows = ::secure_getenv("SYNCXX_LOCKSTAT_ROWS");
  if (rows != nullptr && std::string_view(rows) == "all")
    g_rows = lock_stat::all_rows;
  else
    read_number("SYNCXX_LOCKSTAT_ROWS", "a number or all: 20 are shown",
                g_rows);
  std::uint32_t every = 1;
  if (read_number("SYNCXX_LOCKSTAT_HOLDS",
                  "a number, 0 for none: all holds are timed", every))
    set_hold_sampling(every);
  g_at_exit = true;
  g_pid = ::getpid();
  enable(true);
}

void enable(bool on) noexcept {
  const entrance checker;
  listeners::set_statistics(on);
}

void print(std::size_t rows) noexcept {
  const entrance checker;
  const process::cancellation_pause uncancelled;
  bool want_json = false;
  {
    const report_lock only_me;
    outputs::begin();
    want_json = outputs::want_statistics_json();
  }
  const summary all;
  char storage[4096];
  text table(storage, text::growth::pages);
  compose_table(all, rows, table);
  char json_storage[4096];
  text line(json_storage, text::growth::pages);
  if (want_json) {
    compose_json(all, line);
    line << "\n";
  }
  const report_lock only_me;
  outputs::say_statistics(table.view());
  // There was no memory for all of it: better none than half.
  if (want_json && line.view().substr(line.size() - 1) == "\n")
    outputs::append_statistics_json(line.view());
}

}  // namespace detail::statistics
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
