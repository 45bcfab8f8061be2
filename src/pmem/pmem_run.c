/* SPDX-License-Identifier: MIT */
/*
 * Runs of frames that the sets do not answer.
 *
 * 1. Aligned runs of whole blocks. The bottom words of set 9 have a bit for
 *    each whole free block, and bit 0 of a word is a multiple of 64 blocks. So
 *    an aligned run of order 10 to 15 is an aligned run of ones in a word,
 *    found by folding as in a line; above that it is an aligned run of words
 *    that are all ones. Like single blocks they are taken from the far end.
 *
 * 2. Runs of any length at any place. If the next power of two is free as an
 *    aligned run, its first frames will do. If not, the window is swept once,
 *    and free stretches are followed across words and blocks:
 *
 *        block         block         block
 *        |..##..######|############|###.....#...|
 *               <------- one stretch ------>
 *
 *    The sweep sees every maximal stretch, so what it does not find is not
 *    there. Full and empty blocks cost one look at their info.
 */
#include "pmem/pmem_set.h"

/* Does word @w of set 9 and those after it hold @count words of ones? */
static bool words_full(const uint64_t *words, uint64_t w, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		if (words[w + i] != UINT64_MAX)
			return false;
	}
	return true;
}

/*
 * The start, as an index of words, of the last aligned run of @step words of
 * ones. @phase is the number of the first word, counted from address 0.
 */
static bool find_words(const uint64_t *words, uint64_t count, uint64_t phase,
	uint64_t step, uint64_t *at_out)
{
	uint64_t end = vmm_align_down(phase + count, step);

	for (; end >= phase + step; end -= step) {
		if (words_full(words, end - step - phase, step)) {
			*at_out = end - step - phase;
			return true;
		}
	}
	return false;
}

bool vmm_pmem_find_blocks(
	const struct vmm_pmem *pmem, unsigned order, vmm_pfn_t *pfn_out)
{
	const uint64_t *words = pmem_set(pmem, BLOCK_ORDER);
	const uint64_t count = (pmem->blocks + pmem->skew + 63) / 64;
	const vmm_pfn_t origin = pmem->first >> (BLOCK_ORDER + WORD_ORDER);
	const unsigned fold = order - BLOCK_ORDER;
	uint64_t at;

	VMM_ASSERT(order > BLOCK_ORDER);
	VMM_ASSERT(order <= VMM_PMEM_ORDER_MAX);
	if (UINT64_C(1) << order > pmem->free)
		return false;
	if (fold > WORD_ORDER) {
		if (!find_words(words, count, origin,
			    UINT64_C(1) << (fold - WORD_ORDER), &at))
			return false;
		*pfn_out = (origin + at) << (BLOCK_ORDER + WORD_ORDER);
		return true;
	}
	for (uint64_t w = count; w-- > 0;) {
		uint64_t starts = line_fold(words[w], fold);

		if (starts == 0)
			continue;
		at = (origin + w) * 64 + vmm_log2(starts);
		*pfn_out = at << BLOCK_ORDER;
		return true;
	}
	return false;
}

/* A sweep: the stretch being followed, and the best that has ended. */
struct sweep {
	uint64_t want; /* stop at a stretch of so many frames */
	uint64_t align;
	vmm_pfn_t first; /* of the stretch; count 0: none */
	uint64_t count;
	vmm_pfn_t best; /* aligned */
	uint64_t best_count;
};

/* Take note of the stretch. True if it is long enough. */
static bool sweep_note(struct sweep *s)
{
	const vmm_pfn_t start = vmm_align_up(s->first, s->align);
	const uint64_t lost = start - s->first;

	if (lost >= s->count || s->count - lost <= s->best_count)
		return false;
	s->best = start;
	s->best_count = s->count - lost;
	return s->best_count >= s->want;
}

/* The next @count frames are free. */
static bool sweep_free(struct sweep *s, vmm_pfn_t pfn, uint64_t count)
{
	if (s->count == 0)
		s->first = pfn;
	s->count += count;
	return sweep_note(s);
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

/* Sweep the window. On return best_count is the longest, or enough. */
static void sweep(const struct vmm_pmem *pmem, struct sweep *s)
{
	for (uint64_t b = 0; b < pmem->blocks; b++) {
		const unsigned free = pmem_info(pmem, b)->free;
		const vmm_pfn_t pfn = pmem_block_pfn(pmem, b);
		bool found;

		if (free == 0) {
			s->count = 0;
			continue;
		}
		found = free == BLOCK_FRAMES
				? sweep_free(s, pfn, BLOCK_FRAMES)
				: sweep_line(s, pfn, pmem_line(pmem, b));
		if (found)
			return;
	}
}

/* The least order of which a run holds @count frames; @count > 0. */
static unsigned order_of(uint64_t count)
{
	return count == 1 ? 0 : vmm_log2(count - 1) + 1;
}

/*
 * Where @count frames are free at a multiple of 2^@align_order; or, as an
 * answer that is too short, the longest stretch there is.
 */
static uint64_t find_run(const struct vmm_pmem *pmem, uint64_t count,
	unsigned align_order, vmm_pfn_t *pfn_out)
{
	const unsigned size_order = order_of(count);
	const unsigned order =
		size_order > align_order ? size_order : align_order;
	struct sweep s = {
		.want = count,
		.align = UINT64_C(1) << align_order,
	};

	if (order <= VMM_PMEM_ORDER_MAX && vmm_pmem_find(pmem, order, pfn_out))
		return count;
	/* Exactly an aligned run: the sets have said that there is none. */
	if (size_order == align_order && vmm_is_pow2(count))
		return 0;
	sweep(pmem, &s);
	*pfn_out = s.best;
	return s.best_count < count ? s.best_count : count;
}

static void take(struct vmm_pmem *pmem, vmm_pfn_t pfn, uint64_t count)
{
	VMM_ASSERT(vmm_pmem_all_free(pmem, pfn, count));
	vmm_pmem_take(pmem, pfn, count);
	pmem_note_peak(pmem);
	VMM_ASSERT_SLOW(vmm_pmem_check(pmem) == VMM_OK);
}

int vmm_pmem_alloc_run(struct vmm_pmem *pmem, uint64_t count,
	unsigned align_order, vmm_pa_t *pa_out)
{
	vmm_pfn_t pfn;

	if (count == 0 || align_order > VMM_PMEM_ORDER_MAX)
		return VMM_EINVAL;
	if (count > pmem->free)
		return VMM_ENOMEM;
	if (find_run(pmem, count, align_order, &pfn) < count)
		return VMM_ENOMEM;
	take(pmem, pfn, count);
	*pa_out = vmm_pfn_to_pa(pfn);
	return VMM_OK;
}

int vmm_pmem_alloc_up_to(struct vmm_pmem *pmem, uint64_t count,
	vmm_pa_t *pa_out, uint64_t *count_out)
{
	vmm_pfn_t pfn;
	uint64_t got;

	if (count == 0)
		return VMM_EINVAL;
	if (pmem->free == 0)
		return VMM_ENOMEM;
	got = find_run(pmem, count < pmem->free ? count : pmem->free, 0, &pfn);
	VMM_ASSERT(got > 0);
	take(pmem, pfn, got);
	*pa_out = vmm_pfn_to_pa(pfn);
	*count_out = got;
	return VMM_OK;
}
