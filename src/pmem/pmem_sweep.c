/* SPDX-License-Identifier: MIT */
/*
 * One pass over the window in address order. Free stretches are followed across
 * words and blocks:
 *
 *        block         block         block
 *        |..##..######|############|###.....#...|
 *               <------- one stretch ------>
 *
 * Full and empty blocks cost one look at their info. The sweep sees every
 * maximal stretch, so what it does not find is not there.
 *
 * A stretch that must not cross multiples of a boundary is cut there into
 * pieces. Only two of them matter: the first, and the one after it, which is as
 * long as any later one.
 */
#include "pmem/pmem_sweep.h"

/* Take note of @count free frames from @pfn on. True if they are enough. */
static bool note(struct sweep *s, vmm_pfn_t pfn, uint64_t count)
{
	if (count <= s->best_count)
		return false;
	s->best = pfn;
	s->best_count = count;
	return count >= s->want;
}

/* Take note of the part of [start, end) that crosses no boundary. */
static bool note_piece(struct sweep *s, vmm_pfn_t start, vmm_pfn_t end)
{
	uint64_t count = end - start;

	if (s->nocross != 0 && count > s->nocross - start % s->nocross)
		count = s->nocross - start % s->nocross;
	return note(s, start, count);
}

/* Take note of the stretch. True if it is long enough. */
static bool note_stretch(struct sweep *s)
{
	const vmm_pfn_t end = s->first + s->count;
	vmm_pfn_t start = vmm_align_up(s->first, s->align);

	if (start >= end)
		return false;
	if (note_piece(s, start, end))
		return true;
	if (s->nocross == 0)
		return false;
	start = vmm_align_up(
		start + 1, s->nocross > s->align ? s->nocross : s->align);
	return start < end && note_piece(s, start, end);
}

/* The next @count frames are free. */
static bool sweep_free(struct sweep *s, vmm_pfn_t pfn, uint64_t count)
{
	const vmm_pfn_t low = pfn > s->low ? pfn : s->low;
	const vmm_pfn_t end = pfn + count < s->end ? pfn + count : s->end;

	if (low >= end)
		return false;
	if (s->count == 0)
		s->first = low;
	s->count += end - low;
	return note_stretch(s);
}

/* One word of a line, whose bit 0 is frame @pfn. At most 33 stretches. */
static bool sweep_word(struct sweep *s, vmm_pfn_t pfn, uint64_t word)
{
	unsigned at = 0;

	if (word == UINT64_MAX)
		return sweep_free(s, pfn, 64);
	while (word != 0) {
		const unsigned gap = vmm_ctz(word);
		unsigned ones;

		if (gap > 0)
			s->count = 0;
		word >>= gap;
		at += gap;
		/* Not all ones: above the first gap there are zeros. */
		ones = vmm_ctz(~word);
		if (sweep_free(s, pfn + at, ones))
			return true;
		word >>= ones;
		at += ones;
	}
	if (at < 64)
		s->count = 0;
	return false;
}

static bool sweep_line(struct sweep *s, vmm_pfn_t pfn, const uint64_t *line)
{
	for (unsigned w = 0; w < LINE_WORDS; w++) {
		if (sweep_word(s, pfn + UINT64_C(64) * w, line[w]))
			return true;
	}
	return false;
}

static bool sweep_block(
	const struct vmm_pmem *pmem, struct sweep *s, uint64_t b)
{
	const struct block_info *info = pmem_info(pmem, b);
	const vmm_pfn_t pfn = pmem_block_pfn(pmem, b);

	if (info->free == 0 || (info->flags & BLOCK_HELD) != 0) {
		s->count = 0;
		return false;
	}
	if (info->free == BLOCK_FRAMES)
		return sweep_free(s, pfn, BLOCK_FRAMES);
	return sweep_line(s, pfn, pmem_line(pmem, b));
}

void vmm_pmem_sweep(const struct vmm_pmem *pmem, struct sweep *s)
{
	const vmm_pfn_t zone_end = pmem->first + pmem->count;
	uint64_t b;
	uint64_t last;

	if (s->low < pmem->first)
		s->low = pmem->first;
	if (s->end > zone_end)
		s->end = zone_end;
	if (s->low >= s->end)
		return;
	last = pmem_block_of(pmem, s->end - 1);
	for (b = pmem_block_of(pmem, s->low); b <= last; b++) {
		if (sweep_block(pmem, s, b))
			return;
	}
}
