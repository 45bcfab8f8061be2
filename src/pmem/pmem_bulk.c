/* SPDX-License-Identifier: MIT */
/*
 * Many runs of one order at a time, for magazines. The order of a block is exact
 * after each call of the zone, but need not be between two runs of one batch: a
 * line is emptied or filled run by run, and then folded and filed once.
 */
#include "pmem/pmem_take.h"

/* Blocks that one batch is taken from: each is folded anew, and the caller holds
 * a lock. */
#define VISITS_MAX 8

/* File block @b anew, after runs of its line were flipped. */
static void refile(struct vmm_pmem *pmem, uint64_t b, unsigned free)
{
	struct block_info *info = pmem_info(pmem, b);
	const unsigned was = info->order;
	const unsigned now =
		free == 0 ? ORDER_NONE : line_order(pmem_line(pmem, b));

	info->free = (uint16_t)free;
	info->order = (uint8_t)now;
	if (now != was)
		set_move(pmem, b, was, now);
}

/* All 64 frames of a word that is free, from frame @at on. */
static void take_word(uint32_t at, uint32_t *end)
{
	for (uint32_t i = 0; i < 64; i++)
		end[i] = at + 63 - i;
}

/* Runs of one word, whose bit 0 is frame @at, while there are and @count is
 * not reached. Returns how many. */
static uint32_t take_from_word(uint64_t *word, unsigned order, uint32_t at,
	uint32_t count, uint32_t *end)
{
	uint64_t starts;
	uint32_t n = 0;

	if (order == 0 && count >= 64 && *word == UINT64_MAX) {
		take_word(at, end - 64);
		*word = 0;
		return 64;
	}
	starts = line_fold(*word, order);
	for (; starts != 0 && n < count; n++) {
		const unsigned bit = vmm_ctz(starts);

		starts &= starts - 1;
		*word &= ~(line_run_mask(order) << bit);
		*--end = at + bit;
	}
	return n;
}

/* Up to @count runs of order up to 6 of block @b, which has one. */
static uint32_t take_from_block(struct vmm_pmem *pmem, uint64_t b,
	unsigned order, uint32_t count, uint32_t *end)
{
	const struct block_info *info = pmem_info(pmem, b);
	/* May be below 0, modulo 2^32, when the block begins before the window:
	 * the sum with the place of a managed frame is not. */
	const uint32_t at = (uint32_t)(pmem_block_pfn(pmem, b) - pmem->first);
	uint64_t *line = pmem_line(pmem, b);
	uint32_t n = 0;

	if (info->free == BLOCK_FRAMES)
		line_fill(line, UINT64_MAX);
	for (unsigned w = 0; w < LINE_WORDS && n < count; w++) {
		if (line[w] != 0)
			n += take_from_word(&line[w], order, at + w * 64,
				count - n, end - n);
	}
	VMM_ASSERT(n > 0);
	refile(pmem, b, info->free - (n << order));
	pmem->free -= (uint64_t)n << order;
	return n;
}

/* A single run of any order. */
static uint32_t take_one(struct vmm_pmem *pmem, unsigned order, uint32_t *end)
{
	vmm_pa_t pa;

	if (vmm_pmem_alloc(pmem, order, &pa) != VMM_OK)
		return 0;
	end[-1] = (uint32_t)(vmm_pa_to_pfn(pa) - pmem->first);
	return 1;
}

uint32_t vmm_pmem_take_many(
	struct vmm_pmem *pmem, unsigned order, uint32_t count, uint32_t *end)
{
	uint32_t n = 0;

	for (unsigned visits = 0; n < count && visits < VISITS_MAX; visits++) {
		const uint64_t fit = pmem->nonempty >> order;
		uint32_t got;

		if (order > WORD_ORDER)
			got = take_one(pmem, order, end - n);
		else
			got = fit == 0 ? 0
				       : take_from_block(pmem,
						 set_first(pmem,
							 order + vmm_ctz(fit)),
						 order, count - n, end - n);
		if (got == 0)
			break;
		n += got;
	}
	pmem_note_peak(pmem);
	VMM_ASSERT_SLOW(vmm_pmem_check(pmem) == VMM_OK);
	return n;
}

/*
 * Runs of order up to 6 that lie in the same block as the first one, which is
 * neither mixed nor held back and has a line. Returns how many runs were dealt
 * with.
 */
static uint32_t put_group(struct vmm_pmem *pmem, unsigned order, uint32_t count,
	const uint32_t *at, uint32_t *refused)
{
	const uint64_t b = pmem_block_of(pmem, pmem->first + at[0]);
	uint64_t *line = pmem_line(pmem, b);
	uint32_t put = 0;
	uint32_t n = 0;

	for (; n < count; n++) {
		const vmm_pfn_t pfn = pmem->first + at[n];
		const unsigned frame = (unsigned)(pfn % BLOCK_FRAMES);

		if (pmem_block_of(pmem, pfn) != b)
			break;
		if (!line_run_used(line, frame, order)) {
			++*refused;
			continue;
		}
		line_run_flip(line, frame, order);
		put++;
	}
	if (put > 0)
		refile(pmem, b, pmem_info(pmem, b)->free + (put << order));
	pmem->free += (uint64_t)put << order;
	return n;
}

/* Is there something to be saved: a line that is read, and two runs in it? */
static bool is_group(const struct vmm_pmem *pmem, unsigned order,
	uint32_t count, const uint32_t *at)
{
	const uint64_t b = pmem_block_of(pmem, pmem->first + at[0]);
	const struct block_info *info = pmem_info(pmem, b);

	return order <= WORD_ORDER && count > 1 && info->flags == 0 &&
	       info->free != 0 && info->free != BLOCK_FRAMES &&
	       pmem_block_of(pmem, pmem->first + at[1]) == b;
}

uint32_t vmm_pmem_put_many(struct vmm_pmem *pmem, unsigned order,
	uint32_t count, const uint32_t *at)
{
	uint32_t refused = 0;
	uint32_t n = 0;

	while (n < count) {
		const vmm_pfn_t pfn = pmem->first + at[n];

		if (is_group(pmem, order, count - n, at + n)) {
			n += put_group(
				pmem, order, count - n, at + n, &refused);
			continue;
		}
		if (vmm_pmem_free(pmem, vmm_pfn_to_pa(pfn), order) != VMM_OK)
			refused++;
		n++;
	}
	VMM_ASSERT(pmem->free + pmem->held <= pmem->managed);
	VMM_ASSERT_SLOW(vmm_pmem_check(pmem) == VMM_OK);
	return refused;
}
