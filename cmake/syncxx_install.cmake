# SPDX-License-Identifier: Apache-2.0
#
# Install rules: headers, both libraries, the CMake package, pkg-config files.
# The result can be moved: every path in it is relative to where it lies.
include(CMakePackageConfigHelpers)

set(syncxx_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/syncxx")

install(
  DIRECTORY "${PROJECT_SOURCE_DIR}/include/sync"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  FILES_MATCHING
  PATTERN "*.h")

install(TARGETS syncxx syncxx_plain syncxx_hooks syncxx_model EXPORT syncxx-targets)
install(
  EXPORT syncxx-targets
  NAMESPACE syncxx::
  DESTINATION "${syncxx_cmake_dir}")

configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/syncxx-config.cmake.in"
  "${PROJECT_BINARY_DIR}/syncxx-config.cmake"
  INSTALL_DESTINATION "${syncxx_cmake_dir}")
write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/syncxx-config-version.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/syncxx-config.cmake"
              "${PROJECT_BINARY_DIR}/syncxx-config-version.cmake"
        DESTINATION "${syncxx_cmake_dir}")

# pkg-config: syncxx.pc is the plain library, syncxx-hooks.pc the hooked one.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}"
   OR IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(pc_prefix "${CMAKE_INSTALL_PREFIX}")
  set(pc_libdir "${CMAKE_INSTALL_FULL_LIBDIR}")
  set(pc_includedir "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
else()
  file(RELATIVE_PATH pc_to_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
  set(pc_prefix "\${pcfiledir}/${pc_to_prefix}")
  set(pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
  set(pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()

function(syncxx_install_pc name description library cflags)
  set(pc_name ${name})
  set(pc_description "${description}")
  set(pc_library ${library})
  set(pc_cflags "${cflags}")
  configure_file("${PROJECT_SOURCE_DIR}/cmake/syncxx.pc.in"
                 "${PROJECT_BINARY_DIR}/${name}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${name}.pc"
          DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endfunction()

syncxx_install_pc(syncxx "${PROJECT_DESCRIPTION}" syncxx "")
syncxx_install_pc(
  syncxx-hooks "${PROJECT_DESCRIPTION}, with hooks and misuse checks"
  syncxx_hooks " -DSYNCXX_HOOKS=1")

install(FILES "${PROJECT_SOURCE_DIR}/LICENSE"
        DESTINATION "${CMAKE_INSTALL_DOCDIR}")
