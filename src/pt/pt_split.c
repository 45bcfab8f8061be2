/* SPDX-License-Identifier: MIT */
/*
 * Splitting superpages at the ends of a range.
 *
 *     one leaf of 1 GiB             a table of 2 MiB leaves, one of which
 *                                   is a table of 4 KiB leaves
 *    +-----------------+           +-----+-----+-----+-----+
 *    |       leaf      |    ->     |leaf |table|leaf |leaf |
 *    +-----------------+           +-----+--|--+-----+-----+
 *              ^ end of the range       +---+------+
 *                                       | 512 leaves|
 *
 * Each step replaces a leaf by a table that translates every address as
 * before, so harts may go on using the old leaf from their TLB: nothing is
 * lost until the caller changes the smaller leaves, and that change is in the
 * same gather.
 */
#include "pt/pt_entry.h"
#include "pt/pt_gather.h"

/* The level of the leaf that an end of a range cuts, or 0 if it cuts none. */
static unsigned cut_level(const struct vmm_pt *pt, vmm_va_t end)
{
	unsigned level;
	const uint64_t *entry = vmm_pt_walk(pt, end, 0, &level);

	if (!vmm_pt_is_valid(pt->format, vmm_pt_load(entry)) ||
		vmm_is_aligned(end, vmm_pt_leaf_size(level)))
		return 0;
	return level;
}

/*
 * An end that cuts a leaf at level l takes a table for each level from l down
 * to the one at which it is aligned. Two ends share a table where they cut the
 * same entry.
 */
uint64_t vmm_pt_split_count(const struct vmm_pt *pt, vmm_va_t va, uint64_t size)
{
	vmm_va_t end = va + size;
	unsigned low = cut_level(pt, va);
	unsigned high = cut_level(pt, end);
	uint64_t tables = 0;

	for (unsigned level = 1; level < VMM_PT_LEVELS_MAX; level++) {
		uint64_t span = vmm_pt_leaf_size(level);
		bool cut_low = level <= low && !vmm_is_aligned(va, span);
		bool cut_high = level <= high && !vmm_is_aligned(end, span);
		unsigned shift = vmm_pt_shift(level);

		tables += (cut_low ? 1u : 0u) + (cut_high ? 1u : 0u);
		if (cut_low && cut_high && va >> shift == end >> shift)
			tables--;
	}
	return tables;
}

static void split_leaf(struct vmm_pt *pt, uint64_t *entry, unsigned level)
{
	const struct vmm_pt_format *format = pt->format;
	uint64_t step = vmm_pt_leaf_size(level - 1) >> format->pa_shift;
	uint64_t leaf = vmm_pt_load(entry);
	vmm_pa_t table = vmm_pt_table_new(pt);
	uint64_t *child = vmm_pt_table(pt, table);

	/* The same leaf, but for the bits that belong to its level. */
	leaf = (leaf & ~format->leaf_bits[1]) | format->leaf_bits[level > 1];
	for (unsigned i = 0; i < VMM_PT_ENTRIES; i++)
		child[i] = leaf + i * step;
	vmm_pt_publish(entry, vmm_pt_table_make(format, table));
}

static void split_at(
	struct vmm_pt *pt, vmm_va_t end, struct vmm_tlb_gather *gather)
{
	for (unsigned level = cut_level(pt, end); level > 0;
		level = cut_level(pt, end)) {
		uint64_t span = vmm_pt_leaf_size(level);
		unsigned at;
		uint64_t *entry = vmm_pt_walk(pt, end, level, &at);
		uint32_t flags = VMM_TLB_NON_LEAF;

		VMM_ASSERT(at == level);
		if (vmm_pt_is_global(pt->format, vmm_pt_load(entry)))
			flags |= VMM_TLB_GLOBAL;
		split_leaf(pt, entry, level);
		vmm_tlb_note(gather, vmm_align_down(end, span), span,
			vmm_pt_shift(level - 1), flags);
	}
}

void vmm_pt_split(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather)
{
	/* The end may be 2^64, written 0: aligned to everything, no cut. */
	split_at(pt, va, gather);
	split_at(pt, va + size, gather);
}
