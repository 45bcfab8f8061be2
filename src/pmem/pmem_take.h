/* SPDX-License-Identifier: MIT */
/*
 * One aligned run, up to a block, out of the zone and back; pmem.c says why it
 * is enough. It is compiled three times: for any order below a block's, for
 * single frames, whose shifts and masks are then constants, and for whole
 * blocks, of which only the info and the sets are left.
 */
#ifndef VMM_PMEM_TAKE_H
#define VMM_PMEM_TAKE_H

#include "pmem/pmem_set.h"

/* The block for an aligned run of @order <= 9, and the run's place in it. */
static VMM_ALWAYS_INLINE bool find_in_block(const struct vmm_pmem *pmem,
	unsigned order, uint64_t *b_out, unsigned *at_out)
{
	const uint64_t fit = pmem->nonempty >> order;
	unsigned have;
	uint64_t b;

	if (fit == 0)
		return false;
	have = order + vmm_ctz(fit);
	b = order == BLOCK_ORDER ? set_last(pmem, have) : set_first(pmem, have);
	*b_out = b;
	/* The line of a whole free block is implied: its first run will do. */
	*at_out =
		have == BLOCK_ORDER ? 0 : line_find(pmem_line(pmem, b), order);
	return true;
}

/* Take the free aligned run of @order <= 9 at frame @at out of block @b. */
static VMM_ALWAYS_INLINE void take_run(
	struct vmm_pmem *pmem, uint64_t b, unsigned at, unsigned order)
{
	struct block_info *info = pmem_info(pmem, b);
	uint64_t *line = pmem_line(pmem, b);
	const unsigned was = info->order;
	const unsigned free = info->free - (1U << order);
	unsigned now = was;
	bool broken;

	VMM_ASSERT(info->free >= 1U << order);
	if (order == BLOCK_ORDER) {
		now = ORDER_NONE;
	} else if (was == BLOCK_ORDER) {
		line_fill(line, UINT64_MAX);
		line_run_flip(line, at, order);
		now = BLOCK_ORDER - 1; /* the half that the run is not in */
	} else {
		broken = line_run_free(line, line_run_at(at, was), was);
		line_run_flip(line, at, order);
		if (free == 0)
			now = ORDER_NONE;
		else if (broken && order < was)
			/* The half that the run is not in is left. */
			now = line_has(line, was) ? was : was - 1;
		else if (broken && was > 0)
			now = line_order(line);
	}
	info->free = (uint16_t)free;
	info->order = (uint8_t)now;
	if (now != was)
		set_move(pmem, b, was, now);
	pmem->free -= UINT64_C(1) << order;
}

/* Put the used aligned run of @order <= 9 at frame @at back into block @b. */
static VMM_ALWAYS_INLINE void put_run(
	struct vmm_pmem *pmem, uint64_t b, unsigned at, unsigned order)
{
	struct block_info *info = pmem_info(pmem, b);
	uint64_t *line = pmem_line(pmem, b);
	const unsigned was = info->order;
	unsigned now = order;

	if (order == BLOCK_ORDER) {
		VMM_ASSERT(info->free == 0);
	} else if (info->free == 0) {
		line_fill(line, 0);
		line_run_flip(line, at, order);
	} else {
		line_run_flip(line, at, order);
		now = was > order ? was : order;
		while (now < BLOCK_ORDER &&
			line_run_free(line, line_run_at(at, now + 1), now + 1))
			now++;
	}
	info->free = (uint16_t)(info->free + (1U << order));
	info->order = (uint8_t)now;
	if (now != was)
		set_move(pmem, b, was, now);
	pmem->free += UINT64_C(1) << order;
}

#endif /* VMM_PMEM_TAKE_H */
