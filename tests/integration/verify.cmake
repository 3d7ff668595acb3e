# SPDX-License-Identifier: Apache-2.0
# Runs hrt-run verify on a group of conformance cases; skips, saying so, when the data or the device is not there.
if(NOT IS_DIRECTORY ${DIR})
  message("NOT RUN: the conformance data is not at ${DIR}")
  return()
endif()
execute_process(COMMAND ${HRT_RUN} devices --json RESULT_VARIABLE code OUTPUT_VARIABLE devices)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "hrt-run devices ended with ${code}")
endif()
if(NOT devices MATCHES "\"${DEVICE}\"")
  message("NOT RUN: no ${DEVICE} device is here")
  return()
endif()
execute_process(COMMAND ${HRT_RUN} verify ${DIR} -d ${DEVICE} --fallback allow --threads 2 --exclude ${EXCLUDE}
                RESULT_VARIABLE code)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "hrt-run verify ended with ${code}")
endif()
