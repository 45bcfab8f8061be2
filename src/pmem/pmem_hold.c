/* SPDX-License-Identifier: MIT */
/*
 * Memory that leaves and memory that joins.
 *
 * To take memory away, its frames must first come home. A block that is held
 * back stands in no set and is passed over by the sweep, so nothing is
 * allocated from it; a free goes the usual way, into its line and its info, but
 * is counted as held instead of free. When all are home, the range goes offline:
 * its frames are not managed any more, and the table of ranges says so.
 *
 *      free, used  -- hold -->  held, used  -- frees -->  held  -- offline
 *           ^                       |                               |
 *           +------- unhold --------+          <------ online ------+
 */
#include "pmem/pmem_set.h"

bool vmm_pmem_any_held(
	const struct vmm_pmem *pmem, vmm_pfn_t pfn, uint64_t count)
{
	const uint64_t last = pmem_block_of(pmem, pfn + count - 1);

	if (pmem->blocks_held == 0)
		return false;
	for (uint64_t b = pmem_block_of(pmem, pfn); b <= last; b++) {
		if ((pmem_info(pmem, b)->flags & BLOCK_HELD) != 0)
			return true;
	}
	return false;
}

void vmm_pmem_unhold_blocks(
	struct vmm_pmem *pmem, vmm_pfn_t pfn, uint64_t count)
{
	const uint64_t last = pmem_block_of(pmem, pfn + count - 1);

	if (pmem->blocks_held == 0)
		return;
	for (uint64_t b = pmem_block_of(pmem, pfn); b <= last; b++) {
		struct block_info *info = pmem_info(pmem, b);

		if ((info->flags & BLOCK_HELD) == 0)
			continue;
		info->flags &= (uint8_t)~BLOCK_HELD;
		set_move(pmem, b, ORDER_NONE, info->order);
		pmem->held -= info->free;
		pmem->free += info->free;
		pmem->blocks_held--;
	}
}

/* Whole blocks, or up to an end of the window. */
static int named_blocks(
	const struct vmm_pmem *pmem, vmm_pa_t pa, uint64_t count)
{
	const vmm_pfn_t pfn = vmm_pa_to_pfn(pa);

	if (!vmm_is_aligned(pa, VMM_PAGE_SIZE) || count == 0)
		return VMM_EINVAL;
	if (!pmem_has(pmem, pfn, count))
		return VMM_ERANGE;
	if (pfn != pmem->first && !vmm_is_aligned(pfn, BLOCK_FRAMES))
		return VMM_EINVAL;
	if (pfn + count != pmem->first + pmem->count &&
		!vmm_is_aligned(pfn + count, BLOCK_FRAMES))
		return VMM_EINVAL;
	return VMM_OK;
}

int vmm_pmem_hold(struct vmm_pmem *pmem, vmm_pa_t pa, uint64_t count)
{
	const vmm_pfn_t pfn = vmm_pa_to_pfn(pa);
	int err = named_blocks(pmem, pa, count);
	uint64_t last;

	if (err != VMM_OK)
		return err;
	last = pmem_block_of(pmem, pfn + count - 1);
	for (uint64_t b = pmem_block_of(pmem, pfn); b <= last; b++) {
		struct block_info *info = pmem_info(pmem, b);

		if ((info->flags & BLOCK_HELD) != 0)
			continue;
		set_move(pmem, b, info->order, ORDER_NONE);
		info->flags |= BLOCK_HELD;
		pmem->held += info->free;
		pmem->free -= info->free;
		pmem->blocks_held++;
	}
	VMM_ASSERT_SLOW(vmm_pmem_check(pmem) == VMM_OK);
	return VMM_OK;
}

int vmm_pmem_unhold(struct vmm_pmem *pmem, vmm_pa_t pa, uint64_t count)
{
	int err = named_blocks(pmem, pa, count);

	if (err != VMM_OK)
		return err;
	vmm_pmem_unhold_blocks(pmem, vmm_pa_to_pfn(pa), count);
	VMM_ASSERT_SLOW(vmm_pmem_check(pmem) == VMM_OK);
	return VMM_OK;
}

int vmm_pmem_offline(struct vmm_pmem *pmem, vmm_pa_t pa, uint64_t count)
{
	const vmm_pfn_t pfn = vmm_pa_to_pfn(pa);
	int err = vmm_pmem_named(pmem, pa, count);

	if (err != VMM_OK)
		return err;
	if (!vmm_pmem_all_free(pmem, pfn, count))
		return VMM_EBUSY;
	err = vmm_pmem_withdraw(pmem, pfn, count, RANGE_OFFLINE);
	VMM_ASSERT_SLOW(vmm_pmem_check(pmem) == VMM_OK);
	return err;
}

int vmm_pmem_online(struct vmm_pmem *pmem, vmm_pa_t pa, uint64_t count)
{
	const vmm_pfn_t pfn = vmm_pa_to_pfn(pa);
	int err;

	if (!vmm_is_aligned(pa, VMM_PAGE_SIZE) || count == 0)
		return VMM_EINVAL;
	if (!pmem_has(pmem, pfn, count))
		return VMM_ERANGE;
	err = vmm_pmem_bring(pmem, pfn, count);
	VMM_ASSERT_SLOW(vmm_pmem_check(pmem) == VMM_OK);
	return err;
}

/* The frames of block @b in use, as bits. */
static void used_bits(const struct vmm_pmem *pmem, uint64_t b, uint64_t *bits)
{
	const struct block_info *info = pmem_info(pmem, b);
	const uint64_t *line = pmem_line(pmem, b);

	for (unsigned w = 0; w < LINE_WORDS; w++) {
		if (info->free == 0 || info->free == BLOCK_FRAMES)
			bits[w] = info->free == 0 ? UINT64_MAX : 0;
		else
			bits[w] = ~line[w];
	}
}

/* The first frame from @pfn on, below @end, that is free or used as @want. */
static vmm_pfn_t next_of(const struct vmm_pmem *pmem, vmm_pfn_t pfn,
	vmm_pfn_t end, uint64_t want)
{
	while (pfn < end) {
		const uint64_t b = pmem_block_of(pmem, pfn);
		const unsigned at = (unsigned)(pfn % BLOCK_FRAMES);
		uint64_t bits[LINE_WORDS];

		used_bits(pmem, b, bits);
		for (unsigned w = at / 64; w < LINE_WORDS; w++) {
			uint64_t word = bits[w] ^ want;

			if (w == at / 64)
				word &= UINT64_MAX << (at % 64);
			if (word == 0)
				continue;
			pfn = pmem_block_pfn(pmem, b) + UINT64_C(64) * w +
			      vmm_ctz(word);
			return pfn < end ? pfn : end;
		}
		pfn = pmem_block_pfn(pmem, b + 1);
	}
	return end;
}

bool vmm_pmem_next_used(const struct vmm_pmem *pmem, struct vmm_pmem_used *used)
{
	const struct frame_range *ranges = pmem_ranges(pmem);
	vmm_pfn_t from = vmm_pa_to_pfn(used->pa) + used->count;

	for (uint32_t i = 0; i < pmem->ranges_count; i++) {
		const struct frame_range *r = &ranges[i];
		const vmm_pfn_t end = r->first + r->count;

		if (r->kind != VMM_MEM_FREE || end <= from)
			continue;
		from = from > r->first ? from : r->first;
		from = next_of(pmem, from, end, 0);
		if (from == end)
			continue;
		used->pa = vmm_pfn_to_pa(from);
		used->count = next_of(pmem, from, end, UINT64_MAX) - from;
		return true;
	}
	return false;
}
