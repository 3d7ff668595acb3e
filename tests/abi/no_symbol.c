/* SPDX-License-Identifier: Apache-2.0 */
int a_library_without_the_symbol(void);
int a_library_without_the_symbol(void) { return 1; }
