/* SPDX-License-Identifier: MIT */
/*
 * Do to a blob whatever a kernel might do, and check what must hold for any
 * content. Used by the tests that feed nonsense.
 */
#ifndef FDT_PROBE_H
#define FDT_PROBE_H

#include <vmm/fdt.h>

/* No blob given to fdt_probe() is larger. */
#define FDT_PROBE_MAX 16384

/*
 * Copy the blob to the very end of an array, so that reading one byte too many
 * is seen by the address sanitizer, then open it and use everything. Returns
 * what vmm_fdt_init() said.
 */
int fdt_probe(const unsigned char *blob, size_t size);

#endif /* FDT_PROBE_H */
