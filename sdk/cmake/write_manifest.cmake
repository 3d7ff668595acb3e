# SPDX-License-Identifier: Apache-2.0
# Fills the library's sha256 into its manifest: cmake -DLIBRARY= -DTEMPLATE= -DOUTPUT= -P this
file(SHA256 ${LIBRARY} sha)
file(READ ${TEMPLATE} text)
string(REPLACE HRT_SHA256 ${sha} text "${text}")
file(WRITE ${OUTPUT} "${text}")
