# SPDX-License-Identifier: Apache-2.0
# hrt_opencl_table(TARGET file...): a static library with kernel_sources() (programs.h), the text of these files.
# Run as a script, writes it.
if(CMAKE_SCRIPT_MODE_FILE)
  set(table "// Generated.\n#include \"backends/opencl/programs.h\"\n\nnamespace hrt::gpu::opencl {\n\n")
  string(APPEND table "std::span<const Source> kernel_sources() {\n  static const Source sources[] = {\n")
  string(REPLACE "|" ";" FILES "${FILES}")
  foreach(file ${FILES})
    get_filename_component(name ${file} NAME)
    file(READ ${file} text)
    string(APPEND table "{\"${name}\", R\"hrt(${text})hrt\"},\n")
  endforeach()
  string(APPEND table "  };\n  return sources;\n}\n\n}  // namespace hrt::gpu::opencl\n")
  file(WRITE ${OUTPUT} "${table}")
  return()
endif()

set(HRT_OPENCL_TABLE_SCRIPT ${CMAKE_CURRENT_LIST_FILE} CACHE INTERNAL "")
function(hrt_opencl_table target)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${target}.cpp)
  string(REPLACE ";" "|" files "${ARGN}")
  add_custom_command(OUTPUT ${output} VERBATIM DEPENDS ${ARGN} ${HRT_OPENCL_TABLE_SCRIPT}
    COMMAND ${CMAKE_COMMAND} "-DFILES=${files}" -DOUTPUT=${output} -P ${HRT_OPENCL_TABLE_SCRIPT})
  add_library(${target} STATIC ${output})
  target_link_libraries(${target} PRIVATE hrt_opencl_driver)
endfunction()
