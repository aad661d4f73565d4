# SPDX-License-Identifier: Apache-2.0
#
# Finds Relacy for tests/relacy: sets syncxx_relacy_root to the directory that
# holds relacy/relacy.hpp, or to nothing.
set(SYNCXX_RELACY_ROOT
    "$ENV{SYNCXX_RELACY_ROOT}"
    CACHE PATH "A copy of Relacy: the directory that holds relacy/relacy.hpp")
option(SYNCXX_FETCH_RELACY "Fetch the pinned Relacy" OFF)

set(syncxx_relacy_pin "${PROJECT_SOURCE_DIR}/third_party/bazel/relacy.bzl")
foreach(word IN ITEMS REPOSITORY COMMIT)
  file(STRINGS "${syncxx_relacy_pin}" line REGEX "^RELACY_${word} = ")
  string(REGEX REPLACE ".*\"(.*)\"" "\\1" syncxx_relacy_${word} "${line}")
endforeach()

set(syncxx_relacy_root "${SYNCXX_RELACY_ROOT}")
if(NOT syncxx_relacy_root AND SYNCXX_FETCH_RELACY)
  include(FetchContent)
  FetchContent_Declare(
    relacy
    GIT_REPOSITORY "${syncxx_relacy_REPOSITORY}"
    GIT_TAG "${syncxx_relacy_COMMIT}"
    SOURCE_SUBDIR "not-built")
  FetchContent_MakeAvailable(relacy)
  set(syncxx_relacy_root "${relacy_SOURCE_DIR}")
endif()
if(syncxx_relacy_root AND NOT EXISTS
                          "${syncxx_relacy_root}/relacy/relacy.hpp")
  message(FATAL_ERROR "No relacy/relacy.hpp in ${syncxx_relacy_root}")
endif()
