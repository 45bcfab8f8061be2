/* SPDX-License-Identifier: MIT */
/*
 * The size classes of a two-level segregated fit, for the peers that are one:
 * sizes of 1 to 31 pages have a class each; above, each power of two is divided
 * in 32.
 */
#ifndef VMEM_TLSF_H
#define VMEM_TLSF_H

#include "vmem/peers.h"

#define SECOND_SHIFT 5
#define SECOND_COUNT (1u << SECOND_SHIFT)

struct class
{
	unsigned first;
	unsigned second;
};

static inline unsigned log2_of(uint64_t value)
{
	return 63u - (unsigned)__builtin_clzll(value);
}

static inline struct class class_of(uint64_t pages)
{
	unsigned log;

	if (pages < SECOND_COUNT)
		return (struct class){0, (unsigned)pages};
	log = log2_of(pages);
	return (struct class){log - SECOND_SHIFT + 1,
		(unsigned)(pages >> (log - SECOND_SHIFT)) - SECOND_COUNT};
}

/* The class from which on every region has @pages. */
static inline struct class class_for(uint64_t pages)
{
	if (pages >= SECOND_COUNT)
		pages += (UINT64_C(1) << (log2_of(pages) - SECOND_SHIFT)) - 1;
	return class_of(pages);
}

#endif /* VMEM_TLSF_H */
