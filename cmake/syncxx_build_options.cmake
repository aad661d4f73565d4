# SPDX-License-Identifier: Apache-2.0
#
# How our own targets are compiled. Nothing here reaches a user of the library
# but what the CMakeLists.txt that includes it makes PUBLIC.

if(SYNCXX_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(SYNCXX_CCACHE_PROGRAM ccache)
  if(SYNCXX_CCACHE_PROGRAM)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${SYNCXX_CCACHE_PROGRAM}")
    set(CMAKE_C_COMPILER_LAUNCHER "${SYNCXX_CCACHE_PROGRAM}")
  endif()
endif()

# Sanitizers are for the whole build: library, tests and GoogleTest alike.
if(SYNCXX_SANITIZE)
  string(REPLACE ";" "," syncxx_sanitizers "${SYNCXX_SANITIZE}")
  add_compile_options("-fsanitize=${syncxx_sanitizers}"
                      -fno-sanitize-recover=all -fno-omit-frame-pointer)
  # gcc warns of each fence, which its ThreadSanitizer does not model: the one of
  # <sync/atomic.h>, which nothing here relies on.
  if("thread" IN_LIST SYNCXX_SANITIZE)
    add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
  endif()
  add_link_options("-fsanitize=${syncxx_sanitizers}")
endif()

# syncxx_build_options(<target>): warnings and language rules for our own code.
function(syncxx_build_options target)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow
                                           -Wconversion)
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_compile_options(${target} PRIVATE -Wthread-safety)
  endif()
  if(SYNCXX_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()
