# SPDX-License-Identifier: Apache-2.0
# hrt_module(NAME DEPS other modules... LIBS private libraries...)
#
# A module of the core: the static library hrt_NAME of all sources in the current folder. DEPS are the
# modules to its left in the design; a second link of the module against these alone, with every
# symbol required, makes a dependency against the arrows a link error.
function(hrt_module name)
  cmake_parse_arguments(M "" "" "DEPS;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  add_library(hrt_${name} STATIC ${sources})
  target_include_directories(hrt_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  list(TRANSFORM M_DEPS PREPEND hrt_)
  target_link_libraries(hrt_${name} PUBLIC hrt_sdk ${M_DEPS} PRIVATE ${M_LIBS})

  if(NOT HRT_SANITIZE)
    file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/closed.cpp "// links hrt_${name} whole\n")
    add_library(hrt_${name}_closed MODULE ${CMAKE_CURRENT_BINARY_DIR}/closed.cpp)
    target_link_libraries(hrt_${name}_closed PRIVATE
      -Wl,--whole-archive hrt_${name} -Wl,--no-whole-archive ${M_DEPS} ${M_LIBS} -Wl,-z,defs)
    set_target_properties(hrt_${name}_closed PROPERTIES
      LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  endif()
endfunction()
