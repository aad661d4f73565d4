#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Uses syncxx as its users do. One case a call:
#   tests/package/package_test.sh CASE WORK_DIRECTORY COMPILER
# The case `install` fills WORK_DIRECTORY/prefix; the cases that use an
# installed syncxx need it to have run.
set -eu

case_name=$1
work=$2
export CXX="$3"

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
source_tree=$(CDPATH='' cd -- "$here/../.." && pwd)
prefix=$work/prefix
mkdir -p "$work"

# Nothing of the surrounding build may leak into the outside projects.
unset DESTDIR CMAKE_PREFIX_PATH PKG_CONFIG_PATH LD_LIBRARY_PATH CXXFLAGS LDFLAGS
# ... but its compiler cache: the cases compile the same sources again and again.
if command -v ccache > /dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache CCACHE_NOHASHDIR=1
fi

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# equals WHAT GOT WANTED
equals() {
  [ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"
  echo "ok: $1 is '$2'"
}

# consumer NAME CMAKE_ARGUMENT...: configures the consumer from scratch.
consumer() {
  build=$work/$1
  shift
  rm -rf "$build"
  cmake -S "$here/consumer" -B "$build" -G Ninja "$@"
}

# build_and_run NAME CMAKE_ARGUMENT...: also builds; `said` is what it printed.
build_and_run() {
  consumer "$@"
  cmake --build "$build" --target consumer
  said=$("$build/consumer")
}

# install_to DIRECTORY CMAKE_ARGUMENT...
install_to() {
  destination=$1
  shift
  rm -rf "$destination" "$destination.moved-from"
  cmake -S "$source_tree" -B "$destination.build" -G Ninja --fresh \
    -DCMAKE_BUILD_TYPE=Release -DSYNCXX_BUILD_TESTS=OFF \
    -DSYNCXX_BUILD_STRESS=OFF -DSYNCXX_BUILD_BENCH=OFF \
    -DSYNCXX_BUILD_EXAMPLES=OFF "$@"
  cmake --build "$destination.build"
  # Installed to one place, used in another: nothing may remember the first.
  cmake --install "$destination.build" --prefix "$destination.moved-from"
  mv "$destination.moved-from" "$destination"
  if grep -rIl -e moved-from -e "$source_tree/" "$destination"; then
    fail "the files above name the place they were built or installed in"
  fi
}

library_version() {
  awk '/^#define SYNCXX_VERSION_(MAJOR|MINOR|PATCH) / {
    version = version dot $3; dot = "." } END { print version }' \
    "$prefix/include/sync/version.h"
}

compile() { # OBJECT SOURCE FLAG...
  object=$1
  shift
  "$CXX" -std=c++20 -pthread -c -o "$object" "-I$prefix/include" "$@"
}

case $case_name in
  install)
    install_to "$prefix"
    for file in include/sync/mutex.h include/sync/detail/config.h; do
      [ -f "$prefix/$file" ] || fail "$file is not installed"
    done
    # MODULE.bazel has to repeat the version.
    equals "MODULE.bazel's version" "$(
      sed -n 's/^ *version = "\([0-9.]*\)",$/\1/p' "$source_tree/MODULE.bazel" |
        head -n 1
    )" "$(library_version)"
    ;;

  find_package_release)
    # NDEBUG does not decide: neither with it nor without.
    for flags in -DNDEBUG -UNDEBUG; do
      build_and_run "$case_name" "-DCMAKE_PREFIX_PATH=$prefix" \
        -DCMAKE_BUILD_TYPE=Release "-DCMAKE_CXX_FLAGS_RELEASE=-O2 $flags"
      equals "Release, $flags" "$said" plain
    done
    ;;

  find_package_debug)
    for flags in -DNDEBUG -UNDEBUG; do
      build_and_run "$case_name" "-DCMAKE_PREFIX_PATH=$prefix" \
        -DCMAKE_BUILD_TYPE=Debug "-DCMAKE_CXX_FLAGS_DEBUG=-g $flags"
      equals "Debug, $flags" "$said" hooks
    done
    ;;

  find_package_multi_config)
    consumer "$case_name" "-DCMAKE_PREFIX_PATH=$prefix" \
      -G "Ninja Multi-Config"
    for pair in Release:plain RelWithDebInfo:plain Debug:hooks; do
      cmake --build "$build" --config "${pair%:*}"
      equals "${pair%:*}" "$("$build/${pair%:*}/consumer")" "${pair#*:}"
    done
    ;;

  find_package_by_name)
    build_and_run "$case_name" "-DCMAKE_PREFIX_PATH=$prefix" \
      -DCMAKE_BUILD_TYPE=Release -DLINK=syncxx::hooks
    equals "syncxx::hooks in Release" "$said" hooks
    build_and_run "$case_name" "-DCMAKE_PREFIX_PATH=$prefix" \
      -DCMAKE_BUILD_TYPE=Debug -DLINK=syncxx::plain
    equals "syncxx::plain in Debug" "$said" plain
    build_and_run "$case_name" "-DCMAKE_PREFIX_PATH=$prefix" \
      -DLINK=syncxx::syncxx
    equals "syncxx::syncxx with no build type" "$said" plain
    ;;

  find_package_version)
    consumer "$case_name" "-DCMAKE_PREFIX_PATH=$prefix" -DVERSION_WANTED=0.1
    if consumer "$case_name" "-DCMAKE_PREFIX_PATH=$prefix" \
        -DVERSION_WANTED=99; then
      fail "version 99 was found"
    fi
    ;;

  refuses_both)
    for both in "syncxx::plain;syncxx::hooks" "syncxx::hooks;syncxx::syncxx"; do
      if consumer "$case_name" "-DCMAKE_PREFIX_PATH=$prefix" \
          -DCMAKE_BUILD_TYPE=Release "-DLINK=$both" 2> "$work/both.log"; then
        fail "a target that links $both was accepted"
      fi
      grep SYNCXX_ABI "$work/both.log" || fail "refused for another reason"
    done
    ;;

  add_subdirectory | fetch_content)
    for pair in Release:plain Debug:hooks; do
      build_and_run "$case_name" "-DCONSUME=$case_name" \
        "-DSYNCXX_SOURCE=$source_tree" "-DCMAKE_BUILD_TYPE=${pair%:*}"
      equals "${pair%:*}" "$said" "${pair#*:}"
    done
    if grep -q googletest "$build/CMakeCache.txt"; then
      fail "syncxx's own tests are part of the user's build"
    fi
    ;;

  shared)
    install_to "$work/prefix-shared" -DBUILD_SHARED_LIBS=ON
    for pair in Release:plain Debug:hooks; do
      build_and_run "$case_name" "-DCMAKE_PREFIX_PATH=$work/prefix-shared" \
        "-DCMAKE_BUILD_TYPE=${pair%:*}"
      equals "${pair%:*} against the shared library" "$said" "${pair#*:}"
    done
    ldd "$build/consumer" | grep "libsyncxx_hooks\.so" ||
      fail "the program does not use the shared library"
    ;;

  pkg_config)
    pc_file=$(find "$prefix" -name syncxx.pc)
    [ -n "$pc_file" ] || fail "syncxx.pc is not installed"
    PKG_CONFIG_PATH=${pc_file%/*}
    export PKG_CONFIG_PATH
    for pair in syncxx:plain syncxx-hooks:hooks; do
      # shellcheck disable=SC2046
      "$CXX" -std=c++20 -o "$work/pkg_config_consumer" \
        "$here/consumer/main.cc" "$here/consumer/other.cc" \
        $(pkg-config --cflags --libs "${pair%:*}")
      equals "pkg-config ${pair%:*}" "$("$work/pkg_config_consumer")" \
        "${pair#*:}"
    done
    equals "the version" "$(pkg-config --modversion syncxx)" \
      "$(library_version)"
    ;;

  bare_library)
    library=$(dirname "$(find "$prefix" -name 'libsyncxx.a')")
    "$CXX" -std=c++20 -g -pthread -o "$work/bare" "-I$prefix/include" \
      "$here/consumer/main.cc" "$here/consumer/other.cc" \
      "-L$library" -lsyncxx
    equals "a bare -lsyncxx" "$("$work/bare")" plain
    ;;

  mixed_abi)
    library=$(dirname "$(find "$prefix" -name 'libsyncxx.a')")
    for file in main other; do
      compile "$work/$file.plain.o" "$here/consumer/$file.cc"
      compile "$work/$file.hooks.o" "$here/consumer/$file.cc" -DSYNCXX_HOOKS=1
    done
    for main in plain hooks; do
      for other in plain hooks; do
        for linked in syncxx syncxx_hooks; do
          what="main.o $main + other.o $other + -l$linked"
          rm -f "$work/mixed"
          if "$CXX" -pthread -o "$work/mixed" "$work/main.$main.o" \
              "$work/other.$other.o" "-L$library" "-l$linked" \
              2> "$work/mixed.log"; then
            result=links
          else
            result=fails
            grep -q "undefined reference to .*syncxx::abi1" "$work/mixed.log" ||
              fail "$what failed, but not because of the ABI's name"
          fi
          case $main/$other/$linked in
            plain/plain/syncxx | hooks/hooks/syncxx_hooks)
              equals "$what" $result links
              equals "what it says" "$("$work/mixed")" $main
              ;;
            *) equals "$what" $result fails ;;
          esac
        done
      done
    done
    ;;

  one_library)
    # Objects of two libraries, each with the library that it needs.
    library=$(dirname "$(find "$prefix" -name 'libsyncxx.a')")
    symbol=syncxx_links_one_library_only_plain_or_hooks_or_model
    compile "$work/one.model.o" "$here/consumer/model.cc" -DSYNCXX_MODEL=1
    for world in plain hooks; do
      hooks=0
      [ $world = plain ] || hooks=1
      for file in main other; do
        compile "$work/one.$file.$world.o" "$here/consumer/$file.cc" \
          -DSYNCXX_HOOKS=$hooks "-Dmain=main_of_$world" \
          "-Dcounted_elsewhere=counted_in_$world"
      done
    done
    # What the static model library needs, where the compiler comes with it.
    backtrace=''
    [ ! -e "$("$CXX" -print-file-name=libbacktrace.a)" ] ||
      backtrace=-lbacktrace
    link() { # LIBRARY... (plain, hooks or model)
      flags=''
      cat > "$work/one.cc" << END
$(for l; do echo "int main_of_$l();"; done)
int main() { return 0 $(for l; do printf '| main_of_%s()' "$l"; done); }
END
      for l; do
        case $l in
          plain) flags="$flags $work/one.main.plain.o $work/one.other.plain.o" ;;
          hooks) flags="$flags $work/one.main.hooks.o $work/one.other.hooks.o" ;;
          model) flags="$flags $work/one.model.o" ;;
        esac
      done
      for l; do
        case $l in
          plain) flags="$flags -lsyncxx" ;;
          model) flags="$flags -lsyncxx_model $backtrace" ;;
          *) flags="$flags -lsyncxx_$l" ;;
        esac
      done
      rm -f "$work/one"
      # The words of $flags are arguments.
      # shellcheck disable=SC2086
      LC_ALL=C "$CXX" -pthread -o "$work/one" "$work/one.cc" "-L$library" \
        "-Wl,-rpath,$library" $flags 2> "$work/one.log"
    }
    for l in plain hooks model; do
      link $l || fail "$l alone does not link: $(cat "$work/one.log")"
      equals "$l alone" "$("$work/one")" "$l"
    done
    for pair in 'plain model' 'model plain' 'hooks model' 'plain hooks'; do
      # shellcheck disable=SC2086
      if link $pair; then fail "links: $pair"; fi
      grep "multiple definition.*$symbol\|duplicate symbol.*$symbol" \
        "$work/one.log" || fail "another error: $(cat "$work/one.log")"
    done

    # Shared libraries link, but nothing is explored.
    install_to "$work/prefix-one" -DBUILD_SHARED_LIBS=ON
    library=$(dirname "$(find "$work/prefix-one" -name 'libsyncxx.so')")
    link model || fail "the shared model library does not link"
    equals "the shared model library alone" "$("$work/one")" model
    for pair in 'plain model' 'model hooks'; do
      # shellcheck disable=SC2086
      link $pair || fail "shared: $pair does not link"
      if "$work/one" > "$work/one.out" 2>&1; then fail "runs: shared $pair"; fi
      grep 'link syncxx::model alone' "$work/one.out" ||
        fail "shared $pair fails for another reason"
    done
    ;;

  bazel)
    if ! command -v bazel > /dev/null; then
      fail "bazel is not installed (\`./dev bazel\` installs it)"
    fi
    cd "$here/bazel"
    # One output base for all the runs of this check, not one in $HOME.
    for pair in //:consumer=plain //:consumer_hooks=hooks; do
      said=$(bazel "--output_base=$work/bazel" run --symlink_prefix=/ \
        --spawn_strategy=processwrapper-sandbox,local "${pair%=*}")
      equals "bazel run ${pair%=*}" "$said" "${pair#*=}"
    done
    bazel "--output_base=$work/bazel" shutdown
    ;;

  *)
    echo "no such case: $case_name" >&2
    exit 2
    ;;
esac
