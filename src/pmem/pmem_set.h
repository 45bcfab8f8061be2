/* SPDX-License-Identifier: MIT */
/*
 * Ten sets of blocks, one for each order, as trees of 64-bit words:
 *
 *   level 2                [ ......x ]               one word
 *   level 1         [ ...... ][ x.....x ]            a bit for each word below
 *   level 0   [   0    ][ ...x.. ][   0    ][ .x... ]   a bit for each block
 *
 * A bit of an upper level is set if and only if the word below it is not 0, so
 * the first and the last member are found by one ctz or log2 a level. To insert
 * goes up only while it makes a word non-zero, to remove only while it makes
 * one zero. The word `nonempty` is one level more, on top of all ten.
 *
 * A block's bit is its index plus skew, so that bit 0 of a word is a multiple
 * of 64 blocks from address 0: large aligned runs are then aligned bits.
 */
#ifndef VMM_PMEM_SET_H
#define VMM_PMEM_SET_H

#include "pmem/pmem_internal.h"

static inline void set_insert(struct vmm_pmem *pmem, unsigned order, uint64_t b)
{
	uint64_t *set = pmem_set(pmem, order);
	uint64_t at = b + pmem->skew;

	for (unsigned level = 0; level < pmem->levels; level++) {
		uint64_t *word = &set[pmem->level_at[level] + (at >> 6)];
		const uint64_t old = *word;

		*word = old | UINT64_C(1) << (at & 63);
		if (old != 0)
			return;
		at >>= 6;
	}
	pmem->nonempty |= UINT64_C(1) << order;
}

static inline void set_remove(struct vmm_pmem *pmem, unsigned order, uint64_t b)
{
	uint64_t *set = pmem_set(pmem, order);
	uint64_t at = b + pmem->skew;

	for (unsigned level = 0; level < pmem->levels; level++) {
		uint64_t *word = &set[pmem->level_at[level] + (at >> 6)];

		*word &= ~(UINT64_C(1) << (at & 63));
		if (*word != 0)
			return;
		at >>= 6;
	}
	pmem->nonempty &= ~(UINT64_C(1) << order);
}

/* File block @b under the order @to instead of @from; either may be none. */
static inline void set_move(
	struct vmm_pmem *pmem, uint64_t b, unsigned from, unsigned to)
{
	if (from == to)
		return;
	if (from != ORDER_NONE)
		set_remove(pmem, from, b);
	if (to != ORDER_NONE)
		set_insert(pmem, to, b);
}

/* The first block of a set that is not empty. */
static inline uint64_t set_first(const struct vmm_pmem *pmem, unsigned order)
{
	const uint64_t *set = pmem_set(pmem, order);
	uint64_t at = 0;

	for (unsigned level = pmem->levels; level-- > 0;)
		at = at << 6 | vmm_ctz(set[pmem->level_at[level] + at]);
	return at - pmem->skew;
}

/* The last block of a set that is not empty. */
static inline uint64_t set_last(const struct vmm_pmem *pmem, unsigned order)
{
	const uint64_t *set = pmem_set(pmem, order);
	uint64_t at = 0;

	for (unsigned level = pmem->levels; level-- > 0;)
		at = at << 6 | vmm_log2(set[pmem->level_at[level] + at]);
	return at - pmem->skew;
}

/* pmem_set.c: the set of whole free blocks, @count > 0 blocks at once. */
void vmm_pmem_set_insert_run(struct vmm_pmem *pmem, uint64_t b, uint64_t count);
void vmm_pmem_set_remove_run(struct vmm_pmem *pmem, uint64_t b, uint64_t count);

#endif /* VMM_PMEM_SET_H */
