/* SPDX-License-Identifier: MIT */
/*
 * Runs of blocks into and out of the set of whole free blocks, a word at a
 * time: a zone begins with runs of thousands of blocks, and one step down a tree
 * for each would be most of its start.
 */
#include "pmem/pmem_set.h"

/* The bits of word @w that stand for first to last. */
static uint64_t part(uint64_t w, uint64_t first, uint64_t last)
{
	uint64_t mask = UINT64_MAX;

	if (w == first >> 6)
		mask &= UINT64_MAX << (first & 63);
	if (w == last >> 6)
		mask &= UINT64_MAX >> (63 - (last & 63));
	return mask;
}

/* Every word of the run is not 0 afterwards, so every bit above is set. */
void vmm_pmem_set_insert_run(struct vmm_pmem *pmem, uint64_t b, uint64_t count)
{
	uint64_t *set = pmem_set(pmem, BLOCK_ORDER);
	uint64_t first = b + pmem->skew;
	uint64_t last = first + count - 1;

	VMM_ASSERT(count > 0);
	for (unsigned level = 0; level < pmem->levels; level++) {
		uint64_t *words = set + pmem->level_at[level];

		for (uint64_t w = first >> 6; w <= last >> 6; w++)
			words[w] |= part(w, first, last);
		first >>= 6;
		last >>= 6;
	}
	pmem->nonempty |= UINT64_C(1) << BLOCK_ORDER;
}

/*
 * The words inside the run are 0 afterwards; the first and the last may have
 * kept bits outside the run, and then their bits above stay.
 */
void vmm_pmem_set_remove_run(struct vmm_pmem *pmem, uint64_t b, uint64_t count)
{
	uint64_t *set = pmem_set(pmem, BLOCK_ORDER);
	uint64_t first = b + pmem->skew;
	uint64_t last = first + count - 1;

	VMM_ASSERT(count > 0);
	for (unsigned level = 0; level < pmem->levels; level++) {
		uint64_t *words = set + pmem->level_at[level];
		uint64_t low = first >> 6;
		uint64_t end = (last >> 6) + 1;

		for (uint64_t w = low; w < end; w++)
			words[w] &= ~part(w, first, last);
		if (words[low] != 0)
			low++;
		if (low < end && words[end - 1] != 0)
			end--;
		if (low >= end)
			return;
		first = low;
		last = end - 1;
	}
	pmem->nonempty &= ~(UINT64_C(1) << BLOCK_ORDER);
}
