# SPDX-License-Identifier: Apache-2.0
# hrt_add_plugin(TARGET
#   ID vendor.product           what the library's own manifest structure says too
#   KINDS backend|ops|pass|importer|extension ...
#   SOURCES file...
#   [LIBS library...]           private libraries
#   [VERSION x.y.z]
#   [DESCRIPTION text]
#   [PROVIDES name RANK n]      several libraries may provide the same thing ("cpu" for different
#                               instruction sets): the host loads the one of highest rank that fits
#   [CPU_FEATURES feature...])  as in /proc/cpuinfo; without them the host refuses to map the library
#
# Builds lib/TARGET.so and, beside it, its manifest lib/TARGET.hrt.json with the library's sha256.
set(HRT_PLUGIN_CMAKE_DIR ${CMAKE_CURRENT_LIST_DIR})

function(hrt_add_plugin target)
  cmake_parse_arguments(P "" "ID;VERSION;DESCRIPTION;PROVIDES;RANK" "KINDS;SOURCES;LIBS;CPU_FEATURES" ${ARGN})
  foreach(needed ID KINDS SOURCES)
    if(NOT P_${needed})
      message(FATAL_ERROR "hrt_add_plugin(${target}): ${needed} is missing")
    endif()
  endforeach()
  if(NOT P_VERSION)
    set(P_VERSION 0.1.0)
  endif()
  if(NOT P_RANK)
    set(P_RANK 0)
  endif()
  add_library(${target} MODULE ${P_SOURCES})
  target_link_libraries(${target} PRIVATE hrt_sdk ${P_LIBS})
  target_link_options(${target} PRIVATE LINKER:--exclude-libs,ALL)
  if(NOT HRT_SANITIZE)
    target_link_options(${target} PRIVATE LINKER:-z,defs)
  endif()
  set_target_properties(${target} PROPERTIES
    PREFIX "" CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)

  string(REPLACE ";" "\", \"" kinds "${P_KINDS}")
  string(REPLACE ";" "\", \"" features "${P_CPU_FEATURES}")
  if(features)
    set(features "\"${features}\"")
  endif()
  set(manifest ${CMAKE_CURRENT_BINARY_DIR}/${target}.hrt.json.in)
  file(CONFIGURE OUTPUT ${manifest} @ONLY CONTENT [[{
  "id": "@P_ID@",
  "version": "@P_VERSION@",
  "description": "@P_DESCRIPTION@",
  "kinds": ["@kinds@"],
  "abi": 1,
  "arch": "@CMAKE_SYSTEM_PROCESSOR@",
  "library": "@target@.so",
  "provides": "@P_PROVIDES@",
  "rank": @P_RANK@,
  "cpu_features": [@features@],
  "sha256": "HRT_SHA256"
}
]])
  add_custom_command(TARGET ${target} POST_BUILD VERBATIM
    COMMAND ${CMAKE_COMMAND} -DLIBRARY=$<TARGET_FILE:${target}> -DTEMPLATE=${manifest}
            -DOUTPUT=$<TARGET_FILE_DIR:${target}>/${target}.hrt.json
            -P ${HRT_PLUGIN_CMAKE_DIR}/write_manifest.cmake)
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${manifest})
endfunction()
