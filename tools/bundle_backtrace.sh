#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes one object of what the hooked library takes from the compiler's own
# libraries, so that programs link the one library and no more:
#   libbacktrace.a (a part of gcc)  from addresses to functions, files, lines
#   libstdc++.a                     the demangler that allocates nothing
# All names but those that src/deadlock/report/debug_info.cc calls become local,
# and these get a prefix: a program may have a libbacktrace of its own. mmap()
# and munmap() are debug_info.cc's, which can give all the memory back.
#
#   bundle_backtrace.sh OBJECT COMPILER [FLAG...]
#   bundle_backtrace.sh - COMPILER [FLAG...]       status 1: it has none of these
#
# The flags say for which machine. OBJCOPY in the environment is used instead of
# the compiler's.
set -eu

object=$1
shift
backtrace=$("$@" -print-file-name=libbacktrace.a)
standard=$("$@" -print-file-name=libstdc++.a)
[ -f "$backtrace" ] && [ -f "$standard" ] || exit 1
objcopy=${OBJCOPY:-$("$@" -print-prog-name=objcopy)}
command -v "$objcopy" > /dev/null || exit 1
[ "$object" != - ] || exit 0

"$@" -r -nostdlib -o "$object.all" \
  -Wl,-u,backtrace_create_state,-u,backtrace_pcinfo,-u,backtrace_syminfo \
  -Wl,-u,__gcclibcxx_demangle_callback "$backtrace" "$standard"
# Renamed only when the others are local: calls in between must be kept.
"$objcopy" \
  --keep-global-symbol=backtrace_create_state \
  --keep-global-symbol=backtrace_pcinfo \
  --keep-global-symbol=backtrace_syminfo \
  --keep-global-symbol=__gcclibcxx_demangle_callback \
  "$object.all" "$object.some"
ours=syncxx_bundled_
"$objcopy" \
  --redefine-sym backtrace_create_state=${ours}create_state \
  --redefine-sym backtrace_pcinfo=${ours}pcinfo \
  --redefine-sym backtrace_syminfo=${ours}syminfo \
  --redefine-sym __gcclibcxx_demangle_callback=${ours}demangle \
  --redefine-sym mmap=${ours}mmap \
  --redefine-sym munmap=${ours}munmap \
  "$object.some" "$object"
rm -f "$object.all" "$object.some"
