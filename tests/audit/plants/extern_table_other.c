/* SPDX-License-Identifier: MIT */
/* The other file of extern_table.c. */
extern const unsigned char vmm_elsewhere[];

const unsigned char vmm_elsewhere[] = {1, 2, 3};
