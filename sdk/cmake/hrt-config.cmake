# SPDX-License-Identifier: Apache-2.0
# find_package(hrt CONFIG): the SDK for plugins out of tree, that is the target hrt_sdk (headers) and
# hrt_add_plugin(). -Dhrt_DIR=... names this folder, of a source tree or an installation.
get_filename_component(hrt_include ${CMAKE_CURRENT_LIST_DIR}/../include ABSOLUTE)
if(NOT EXISTS ${hrt_include}/hrt/plugin.h) # installed: lib/cmake/hrt
  get_filename_component(hrt_include ${CMAKE_CURRENT_LIST_DIR}/../../../include ABSOLUTE)
endif()
if(NOT TARGET hrt_sdk)
  add_library(hrt_sdk INTERFACE IMPORTED)
  target_include_directories(hrt_sdk INTERFACE ${hrt_include})
  target_compile_features(hrt_sdk INTERFACE cxx_std_20)
endif()
include(${CMAKE_CURRENT_LIST_DIR}/hrt_add_plugin.cmake)
