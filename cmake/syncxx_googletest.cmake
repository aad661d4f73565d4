# SPDX-License-Identifier: Apache-2.0
#
# GTest::gtest, GTest::gmock and GTest::gmock_main: the installed libraries, or
# built here from the sources of Debian's package `googletest` where the
# installed ones do not fit: a sanitizer build (an uninstrumented GoogleTest
# gives false reports) and a cross build (it is for another machine).
set(SYNCXX_GOOGLETEST_SOURCE
    "/usr/src/googletest"
    CACHE PATH "Sources of GoogleTest, for sanitizer and cross builds")

if(NOT SYNCXX_SANITIZE AND NOT CMAKE_CROSSCOMPILING)
  find_package(GTest QUIET)
endif()

if(NOT TARGET GTest::gmock_main)
  if(NOT EXISTS "${SYNCXX_GOOGLETEST_SOURCE}/CMakeLists.txt")
    message(
      FATAL_ERROR
        "GoogleTest was not found. Install it (Debian: libgtest-dev "
        "libgmock-dev googletest), point SYNCXX_GOOGLETEST_SOURCE at its "
        "sources, or configure with -DSYNCXX_BUILD_TESTS=OFF.")
  endif()
  enable_language(C) # GoogleTest's project() asks for it
  set(INSTALL_GTEST OFF)
  set(BUILD_SHARED_LIBS OFF)
  add_subdirectory("${SYNCXX_GOOGLETEST_SOURCE}"
                   "${PROJECT_BINARY_DIR}/googletest" EXCLUDE_FROM_ALL SYSTEM)
  foreach(library gtest gtest_main gmock gmock_main)
    if(NOT TARGET GTest::${library})
      add_library(GTest::${library} ALIAS ${library})
    endif()
  endforeach()
endif()
