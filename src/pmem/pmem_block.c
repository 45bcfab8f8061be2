/* SPDX-License-Identifier: MIT */
/*
 * Many frames at a time: a range is the tail of a block, whole blocks, and the
 * head of another,
 *
 *        |....####|########|########|###.....|
 *           part     whole blocks     part
 *
 * each of which may be missing. Parts are bits of a line, whole blocks are
 * never more than their infos and their bits in the set of order 9.
 */
#include "pmem/pmem_set.h"

/* Frames of @count from @at on that lie in the block of @at. */
static unsigned in_block(unsigned at, uint64_t count)
{
	const unsigned room = BLOCK_FRAMES - at;

	return count < room ? (unsigned)count : room;
}

static unsigned frame_of(vmm_pfn_t pfn)
{
	return (unsigned)(pfn % BLOCK_FRAMES);
}

/* Does every bit of the part equal that of @value, which is 0 or ~0? */
static bool part_is(
	const uint64_t *line, unsigned at, unsigned count, uint64_t value)
{
	for (unsigned w = 0; w < LINE_WORDS; w++) {
		if (((line[w] ^ value) & line_part(w, at, count)) != 0)
			return false;
	}
	return true;
}

static bool all_are(const struct vmm_pmem *pmem, vmm_pfn_t pfn, uint64_t count,
	uint64_t value)
{
	const unsigned whole = value != 0 ? BLOCK_FRAMES : 0;

	while (count > 0) {
		const uint64_t b = pmem_block_of(pmem, pfn);
		const unsigned free = pmem_info(pmem, b)->free;
		const unsigned n = in_block(frame_of(pfn), count);

		if (free != whole && (free == BLOCK_FRAMES - whole ||
					     !part_is(pmem_line(pmem, b),
						     frame_of(pfn), n, value)))
			return false;
		pfn += n;
		count -= n;
	}
	return true;
}

bool vmm_pmem_all_free(
	const struct vmm_pmem *pmem, vmm_pfn_t pfn, uint64_t count)
{
	return all_are(pmem, pfn, count, UINT64_MAX);
}

bool vmm_pmem_all_used(
	const struct vmm_pmem *pmem, vmm_pfn_t pfn, uint64_t count)
{
	return all_are(pmem, pfn, count, 0);
}

/* Free, or take, a part of one block that is less than all of it. */
static void part_flip(
	struct vmm_pmem *pmem, vmm_pfn_t pfn, unsigned count, bool to_free)
{
	const uint64_t b = pmem_block_of(pmem, pfn);
	const unsigned at = frame_of(pfn);
	struct block_info *info = pmem_info(pmem, b);
	uint64_t *line = pmem_line(pmem, b);
	unsigned free = info->free;
	unsigned order = ORDER_NONE;

	/* From here on the line is read, so it has to hold what was implied. */
	if (free == 0)
		line_fill(line, 0);
	else if (free == BLOCK_FRAMES)
		line_fill(line, UINT64_MAX);

	for (unsigned w = 0; w < LINE_WORDS; w++)
		line[w] ^= line_part(w, at, count);
	free = to_free ? free + count : free - count;
	if (free > 0)
		order = line_order(line);
	if ((info->flags & BLOCK_HELD) != 0)
		pmem->held += count;
	else
		set_move(pmem, b, info->order, order);
	info->free = (uint16_t)free;
	info->order = (uint8_t)order;
}

/*
 * Write the infos of @count whole blocks. All their frames are managed: they
 * are none of the mixed ones.
 */
static void whole_set(struct vmm_pmem *pmem, uint64_t b, uint64_t count,
	unsigned free, unsigned order)
{
	const struct block_info now = {(uint16_t)free, (uint8_t)order, 0};
	struct block_info *info = pmem_info(pmem, b);

	for (uint64_t i = 0; i < count; i++)
		info[i] = now;
}

/* Put back whole blocks, some of which may be held back. */
static void whole_put(struct vmm_pmem *pmem, uint64_t b, uint64_t count)
{
	if (pmem->blocks_held == 0) {
		whole_set(pmem, b, count, BLOCK_FRAMES, BLOCK_ORDER);
		vmm_pmem_set_insert_run(pmem, b, count);
		return;
	}
	for (; count > 0; b++, count--) {
		struct block_info *info = pmem_info(pmem, b);

		info->free = BLOCK_FRAMES;
		info->order = BLOCK_ORDER;
		if ((info->flags & BLOCK_HELD) != 0)
			pmem->held += BLOCK_FRAMES;
		else
			set_insert(pmem, BLOCK_ORDER, b);
	}
}

/* The frames of @count from @pfn that come before the first whole block. */
static unsigned before_whole(vmm_pfn_t pfn, uint64_t count)
{
	const unsigned at = frame_of(pfn);

	return at == 0 && count >= BLOCK_FRAMES ? 0 : in_block(at, count);
}

void vmm_pmem_take(struct vmm_pmem *pmem, vmm_pfn_t pfn, uint64_t count)
{
	const unsigned head = before_whole(pfn, count);
	const uint64_t whole = (count - head) / BLOCK_FRAMES;
	const unsigned tail = (unsigned)((count - head) % BLOCK_FRAMES);
	const uint64_t b = pmem_block_of(pmem, pfn + head);

	VMM_ASSERT(pmem_has(pmem, pfn, count));
	VMM_ASSERT(count <= pmem->free);
	VMM_ASSERT(!vmm_pmem_any_held(pmem, pfn, count));
	if (head > 0)
		part_flip(pmem, pfn, head, false);
	if (whole > 0) {
		whole_set(pmem, b, whole, 0, ORDER_NONE);
		vmm_pmem_set_remove_run(pmem, b, whole);
	}
	if (tail > 0)
		part_flip(pmem, pfn + count - tail, tail, false);
	pmem->free -= count;
}

void vmm_pmem_put(struct vmm_pmem *pmem, vmm_pfn_t pfn, uint64_t count)
{
	const uint64_t held = pmem->held;
	const unsigned head = before_whole(pfn, count);
	const uint64_t whole = (count - head) / BLOCK_FRAMES;
	const unsigned tail = (unsigned)((count - head) % BLOCK_FRAMES);
	const uint64_t b = pmem_block_of(pmem, pfn + head);

	VMM_ASSERT(pmem_has(pmem, pfn, count));
	if (head > 0)
		part_flip(pmem, pfn, head, true);
	if (whole > 0)
		whole_put(pmem, b, whole);
	if (tail > 0)
		part_flip(pmem, pfn + count - tail, tail, true);
	/* What went to blocks that are held back is not to be had. */
	pmem->free += count - (pmem->held - held);
}
