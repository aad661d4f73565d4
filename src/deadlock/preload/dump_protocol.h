// SPDX-License-Identifier: Apache-2.0
//
// What the tool `syncxx` and the preload library agree on.
#ifndef SYNCXX_SRC_DEADLOCK_PRELOAD_DUMP_PROTOCOL_H_
#define SYNCXX_SRC_DEADLOCK_PRELOAD_DUMP_PROTOCOL_H_

#include <signal.h>

namespace syncxx::dump_protocol {

// In the environment of watched processes: a folder of the tool's.
inline constexpr const char* kFolderVariable = "SYNCXX_WATCH_FOLDER";

// A file in it that watched processes have mapped, so that /proc/PID/maps says
// that they listen, and where the folder is (programs write over their
// environment).
inline constexpr const char* kMarkerFile = "syncxx-watched";

// A request is a signal sent with sigqueue(), and this number with the dump's.
inline constexpr unsigned kMagic = 0x57a70000;
inline constexpr unsigned kNumberMask = 0xffff;

inline int signal_number() noexcept { return SIGRTMAX - 3; }
inline bool is_request(unsigned value) noexcept {
  return (value & ~kNumberMask) == kMagic;
}
inline unsigned number_of(unsigned value) noexcept {
  return value & kNumberMask;
}

// The answer goes to the file <folder>/<prefix><number>, which is there, and
// ends with kEnd.
inline constexpr const char* kFilePrefix = "dump.";
inline constexpr char kEnd = '\0';

}  // namespace syncxx::dump_protocol

#endif  // SYNCXX_SRC_DEADLOCK_PRELOAD_DUMP_PROTOCOL_H_
