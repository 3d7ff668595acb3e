// SPDX-License-Identifier: Apache-2.0
// How kernel scatter joins an update and the element there. Read by GLSL, OpenCL C and C++.
#define SCATTER_NONE 0
#define SCATTER_ADD 1
#define SCATTER_MUL 2
#define SCATTER_MAX 3
#define SCATTER_MIN 4
