/* SPDX-License-Identifier: MIT */
/*
 * What ought to be mapped, as a plain list of ranges in no order: the naive
 * model that the tables are compared with.
 */
#ifndef EXTENTS_H
#define EXTENTS_H

#include <vmm/types.h>

#define EXTENTS_MAX 256

struct extent {
	vmm_va_t va;
	uint64_t size; /* bytes */
	vmm_pa_t pa;
	unsigned prot;
};

struct extents {
	size_t count;
	struct extent list[EXTENTS_MAX];
};

/* The extent that @va lies in, or NULL. */
const struct extent *extents_find(const struct extents *extents, vmm_va_t va);

/* Bytes of the range that are mapped. */
uint64_t extents_mapped(
	const struct extents *extents, vmm_va_t va, uint64_t size);

/* Add a range, no part of which is there. */
void extents_add(struct extents *extents, struct extent extent);

/* Take a range out, or give it another protection if @prot is not 0. */
void extents_change(
	struct extents *extents, vmm_va_t va, uint64_t size, unsigned prot);

#endif /* EXTENTS_H */
