/* SPDX-License-Identifier: MIT */
/*
 * The self-check of a zone. Each step relies only on what the steps before it
 * have proved, so that no damaged field leads it out of the metadata: first the
 * layout (I1), then the table of ranges (I2), then block by block the infos and
 * lines against the ranges (I3), while the words that the sets should have are
 * put together and compared 64 blocks at a time (I4), and at last the sums (I5).
 */
#include "pmem/pmem_internal.h"

/* What is carried from block to block. */
struct tally {
	uint32_t range; /* the first that ends above the block */
	uint64_t free;	/* frames so far */
	uint64_t held;	/* ... of blocks that are held back */
	uint64_t blocks_held;
	uint64_t bits[ORDER_COUNT]; /* the bottom word of each set */
};

/* I1 */
static bool layout_ok(const struct vmm_pmem *pmem)
{
	struct vmm_pmem should;

	if (pmem->meta == NULL ||
		!vmm_is_aligned((uintptr_t)pmem->meta, VMM_PMEM_META_ALIGN))
		return false;
	if (pmem->count == 0 || pmem->first >= VMM_PFN_END ||
		pmem->count > VMM_PFN_END - pmem->first)
		return false;
	should = *pmem;
	vmm_pmem_layout(&should);
	for (unsigned i = 0; i < VMM_PMEM_LEVELS_MAX; i++) {
		if (pmem->level_at[i] != should.level_at[i])
			return false;
	}
	return pmem->meta_size == should.meta_size &&
	       pmem->blocks == should.blocks &&
	       pmem->infos_at == should.infos_at &&
	       pmem->sets_at == should.sets_at &&
	       pmem->set_words == should.set_words &&
	       pmem->ranges_at == should.ranges_at &&
	       pmem->skew == should.skew && pmem->levels == should.levels;
}

/* I2 */
static bool ranges_ok(const struct vmm_pmem *pmem)
{
	const struct frame_range *ranges = pmem_ranges(pmem);
	vmm_pfn_t end = pmem->first;
	uint64_t managed = 0;

	if (pmem->ranges_count == 0 || pmem->ranges_count > pmem->ranges_max)
		return false;
	if (ranges[0].first != pmem->first)
		return false;
	for (uint32_t i = 0; i < pmem->ranges_count; i++) {
		const struct frame_range *r = &ranges[i];

		if (r->count == 0 || r->first < end ||
			!pmem_has(pmem, r->first, r->count))
			return false;
		if (r->kind > RANGE_OFFLINE || r->unused != 0)
			return false;
		if (i > 0 && r->first == end && r->kind == r[-1].kind)
			return false;
		end = r->first + r->count;
		managed += r->kind == VMM_MEM_FREE ? r->count : 0;
	}
	return end == pmem->first + pmem->count && managed == pmem->managed;
}

/*
 * The managed frames of block @b as bits. Ranges that end in the block are
 * passed, so over all blocks each range is looked at once, and once for each
 * block that it leaves.
 */
static void managed_bits(const struct vmm_pmem *pmem, uint64_t b,
	struct tally *t, uint64_t *bits)
{
	const struct frame_range *ranges = pmem_ranges(pmem);
	const vmm_pfn_t start = pmem_block_pfn(pmem, b);
	const vmm_pfn_t stop = start + BLOCK_FRAMES;

	line_fill(bits, 0);
	while (t->range < pmem->ranges_count) {
		const struct frame_range *r = &ranges[t->range];
		const vmm_pfn_t end = r->first + r->count;
		const vmm_pfn_t low = r->first > start ? r->first : start;
		const vmm_pfn_t high = end < stop ? end : stop;

		if (low < high && r->kind == VMM_MEM_FREE) {
			for (unsigned w = 0; w < LINE_WORDS; w++)
				bits[w] |= line_part(w, (unsigned)(low - start),
					(unsigned)(high - low));
		}
		if (end > stop)
			return;
		t->range++;
	}
}

/* The line of a block in part use: its count, its order, nothing foreign. */
static bool line_ok(const struct vmm_pmem *pmem, uint64_t b,
	const struct block_info *info, const uint64_t *managed)
{
	const uint64_t *line = pmem_line(pmem, b);

	for (unsigned w = 0; w < LINE_WORDS; w++) {
		if ((line[w] & ~managed[w]) != 0)
			return false;
	}
	return line_count(line) == info->free &&
	       line_order(line) == info->order;
}

/* I3 */
static bool block_ok(const struct vmm_pmem *pmem, uint64_t b, struct tally *t)
{
	const struct block_info info = *pmem_info(pmem, b);
	uint64_t managed[LINE_WORDS];
	bool mixed;
	bool held;

	managed_bits(pmem, b, t, managed);
	mixed = line_count(managed) != BLOCK_FRAMES;
	held = (info.flags & BLOCK_HELD) != 0;
	t->blocks_held += held ? 1 : 0;
	*(held ? &t->held : &t->free) += info.free;
	if (info.order < ORDER_COUNT && !held)
		t->bits[info.order] |= UINT64_C(1) << ((b + pmem->skew) % 64);

	if ((info.flags & ~BLOCK_HELD) != (mixed ? BLOCK_MIXED : 0))
		return false;
	if (info.free == 0)
		return info.order == ORDER_NONE;
	if (info.free == BLOCK_FRAMES)
		return info.order == BLOCK_ORDER && !mixed;
	return info.free < BLOCK_FRAMES && line_ok(pmem, b, &info, managed);
}

/* I4, bottom level: word @w of each set is as the infos say. */
static bool set_words_ok(
	const struct vmm_pmem *pmem, uint64_t w, struct tally *t)
{
	for (unsigned order = 0; order < ORDER_COUNT; order++) {
		if (pmem_set(pmem, order)[w] != t->bits[order])
			return false;
		t->bits[order] = 0;
	}
	return true;
}

static bool blocks_ok(const struct vmm_pmem *pmem, struct tally *t)
{
	for (uint64_t b = 0; b < pmem->blocks; b++) {
		const uint64_t bit = b + pmem->skew;

		if (!block_ok(pmem, b, t))
			return false;
		if (bit % 64 != 63 && b + 1 != pmem->blocks)
			continue;
		if (!set_words_ok(pmem, bit / 64, t))
			return false;
	}
	return true;
}

/* I4, one upper level: a bit for each word below that is not 0, no others. */
static bool level_ok(
	const uint64_t *below, uint64_t below_count, const uint64_t *words)
{
	uint64_t bits = 0;

	for (uint64_t i = 0; i < below_count; i++) {
		if (below[i] != 0)
			bits |= UINT64_C(1) << (i % 64);
		if (i % 64 != 63 && i + 1 != below_count)
			continue;
		if (words[i / 64] != bits)
			return false;
		bits = 0;
	}
	return true;
}

static bool set_ok(const struct vmm_pmem *pmem, unsigned order)
{
	const uint64_t *set = pmem_set(pmem, order);
	const uint64_t top = set[pmem->level_at[pmem->levels - 1]];

	for (unsigned level = 1; level < pmem->levels; level++) {
		const uint64_t below = pmem->level_at[level - 1];
		const uint64_t at = pmem->level_at[level];

		if (!level_ok(set + below, at - below, set + at))
			return false;
	}
	return ((pmem->nonempty >> order) & 1) == (top != 0 ? 1 : 0);
}

int vmm_pmem_check(const struct vmm_pmem *pmem)
{
	struct tally t = {0};

	if (!layout_ok(pmem) || !ranges_ok(pmem) || !blocks_ok(pmem, &t))
		return VMM_ECORRUPT;
	for (unsigned order = 0; order < ORDER_COUNT; order++) {
		if (!set_ok(pmem, order))
			return VMM_ECORRUPT;
	}
	if (pmem->nonempty >> ORDER_COUNT != 0)
		return VMM_ECORRUPT;
	/* I5 */
	if (t.free != pmem->free || t.held != pmem->held ||
		t.blocks_held != pmem->blocks_held ||
		t.free + t.held > pmem->managed)
		return VMM_ECORRUPT;
	if (pmem->used_peak < pmem->managed - pmem->free - pmem->held ||
		pmem->used_peak > pmem->count)
		return VMM_ECORRUPT;
	return VMM_OK;
}
