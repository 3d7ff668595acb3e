# SPDX-License-Identifier: Apache-2.0
# Runs hrt-run verify on a group of conformance cases; skips, saying so, when the data is not there.
if(NOT IS_DIRECTORY ${DIR})
  message("SKIP the conformance data is not at ${DIR}")
  return()
endif()
execute_process(COMMAND ${HRT_RUN} verify ${DIR} -d ${DEVICE} --threads 2 RESULT_VARIABLE code)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "hrt-run verify ended with ${code}")
endif()
