include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(dir ${CMAKE_INSTALL_LIBDIR}/cmake/vmm)
install(TARGETS vmm EXPORT vmm-targets ARCHIVE FILE_SET HEADERS)
install(EXPORT vmm-targets NAMESPACE vmm:: DESTINATION ${dir})
write_basic_package_version_file(vmm-config-version.cmake
  COMPATIBILITY SameMinorVersion)
configure_package_config_file(cmake/vmm-config.cmake.in vmm-config.cmake
  INSTALL_DESTINATION ${dir})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/vmm-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/vmm-config-version.cmake DESTINATION ${dir})

# For build systems other than CMake. The paths are relative to the file's own
# folder, so that an installed tree can move.
file(RELATIVE_PATH up
  ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/vmm.pc.in vmm.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/vmm.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
