/* SPDX-License-Identifier: MIT */
/*
 * One tree through libfdt and through our reader, side by side. What we say is
 * compared with what libfdt says wherever both have an opinion; where ours is
 * a rule of its own (memory, harts) the rule is written a second time, over
 * libfdt's functions. For hosted programs that link libfdt.
 */
#ifndef FDT_DIFF_H
#define FDT_DIFF_H

#include <vmm/fdt.h>

/*
 * Compare everything. The blob stands at a multiple of 8, as libfdt wants it,
 * and may be damaged: we are the stricter reader, so what we accept libfdt has
 * to accept, and then both have to read the same. Returns what vmm_fdt_init()
 * said.
 */
int fdt_diff(const void *blob, size_t size);

/* The same for a tree that is known to be good: we have to accept it. */
void fdt_diff_good(const void *blob, size_t size);

/* The part of fdt_diff() that is about memory and harts; fdt_diff_mem.c. */
void fdt_diff_memory(const struct vmm_fdt *fdt);
void fdt_diff_harts(const struct vmm_fdt *fdt);

/*
 * Damage a few places of a tree, most of them in values that decide something:
 * the header, the reservations, and the properties of nodes that speak of
 * memory or harts. @good is intact and of @size bytes; @blob gets the result.
 */
struct rng;
void fdt_diff_mutate(
	void *blob, const void *good, size_t size, struct rng *rng);

#endif /* FDT_DIFF_H */
