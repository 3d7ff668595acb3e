# SPDX-License-Identifier: Apache-2.0
# Language level, warnings, visibility and sanitizers, for every target of the project.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_SANITIZE "-O1 -gline-tables-only -fno-omit-frame-pointer")
set(CMAKE_C_FLAGS_SANITIZE "${CMAKE_CXX_FLAGS_SANITIZE}")

add_compile_options(-Wall -Wextra)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # libstdc++ 12 implements std::stable_sort with a function that C++17 deprecates.
  add_compile_options(-Wno-deprecated-declarations)
endif()
if(HRT_WERROR)
  add_compile_options(-Werror)
endif()

if(HRT_SANITIZE)
  add_compile_options(-fsanitize=${HRT_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${HRT_SANITIZE})
  # One copy of the sanitizer's run-time library, also when a plugin is loaded later.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    add_compile_options(-shared-libsan)
    add_link_options(-shared-libsan)
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=libclang_rt.asan-x86_64.so
                    OUTPUT_VARIABLE hrt_san OUTPUT_STRIP_TRAILING_WHITESPACE)
    get_filename_component(hrt_san_dir ${hrt_san} DIRECTORY)
    add_link_options(-Wl,-rpath,${hrt_san_dir})
  endif()
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  find_program(HRT_LLD NAMES ld.lld-19 ld.lld)
  if(HRT_LLD)
    add_link_options(-fuse-ld=${HRT_LLD})
  endif()
endif()

find_program(HRT_CCACHE ccache)
if(HRT_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${HRT_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${HRT_CCACHE})
endif()
