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
 *    aligned run, its first frames will do. If not, or if the caller bounds the
 *    place, the window is swept once (pmem_sweep.c).
 */
#include "pmem/pmem_set.h"
#include "pmem/pmem_sweep.h"

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

/* The least order of which a run holds @count frames; @count > 0. */
static unsigned order_of(uint64_t count)
{
	return count == 1 ? 0 : vmm_log2(count - 1) + 1;
}

/* The last frame and the first of a request's window lie in the zone's. */
static bool bounded(const struct vmm_pmem *pmem, const struct sweep *s)
{
	return s->low > pmem->first || s->end - pmem->first < pmem->count ||
	       s->nocross != 0;
}

/* Does the aligned run that the sets propose keep to the bounds? */
static bool in_bounds(const struct sweep *s, vmm_pfn_t pfn)
{
	if (pfn < s->low || pfn >= s->end || s->end - pfn < s->want)
		return false;
	return s->nocross == 0 || pfn % s->nocross + s->want <= s->nocross;
}

/*
 * Where the wanted frames are free; or, as an answer that is too short, the
 * longest stretch there is. Returns its frames.
 */
static uint64_t find_run(
	const struct vmm_pmem *pmem, struct sweep *s, vmm_pfn_t *pfn_out)
{
	const unsigned align_order = vmm_log2(s->align);
	const unsigned size_order = order_of(s->want);
	const unsigned order =
		size_order > align_order ? size_order : align_order;
	const bool free = !bounded(pmem, s);

	if (order <= VMM_PMEM_ORDER_MAX &&
		vmm_pmem_find(pmem, order, pfn_out) && in_bounds(s, *pfn_out))
		return s->want;
	/* Exactly an aligned run: the sets have said that there is none. */
	if (free && s->least == s->want && size_order == align_order &&
		vmm_is_pow2(s->want))
		return 0;
	vmm_pmem_sweep(pmem, s);
	*pfn_out = s->best;
	return s->best_count < s->want ? s->best_count : s->want;
}

/* A request as the sweep wants it: in frames, with the defaults put in. */
static int sweep_init(const struct vmm_pmem_request *request, struct sweep *s)
{
	const vmm_pa_t last = request->last != 0 ? request->last : UINT64_MAX;
	const uint64_t nocross = request->nocross;

	if (request->count == 0 || request->count_least > request->count ||
		request->align_order > VMM_PMEM_ORDER_MAX ||
		request->min > last)
		return VMM_EINVAL;
	if (nocross != 0 && (!vmm_is_pow2(nocross) || nocross < VMM_PAGE_SIZE))
		return VMM_EINVAL;
	*s = (struct sweep){
		.want = request->count,
		.least = request->count_least != 0 ? request->count_least
						   : request->count,
		.align = UINT64_C(1) << request->align_order,
		.nocross = vmm_pa_to_pfn(nocross),
	};
	/* Only whole frames; neither rounding can wrap. */
	s->low = request->min == 0 ? 0 : vmm_pa_to_pfn(request->min - 1) + 1;
	s->end = last == UINT64_MAX ? VMM_PFN_END : vmm_pa_to_pfn(last + 1);
	if (s->nocross != 0 && s->least > s->nocross)
		return VMM_EINVAL;
	if (s->nocross != 0 && s->want > s->nocross)
		s->want = s->nocross;
	return VMM_OK;
}

int vmm_pmem_xalloc(struct vmm_pmem *pmem,
	const struct vmm_pmem_request *request, vmm_pa_t *pa_out,
	uint64_t *count_out)
{
	struct sweep s;
	vmm_pfn_t pfn;
	uint64_t got;
	int err = sweep_init(request, &s);

	if (err != VMM_OK)
		return err;
	if (s.least > pmem->free)
		return VMM_ENOMEM;
	if (s.want > pmem->free)
		s.want = pmem->free;
	got = find_run(pmem, &s, &pfn);
	if (got < s.least)
		return VMM_ENOMEM;
	VMM_ASSERT(vmm_pmem_all_free(pmem, pfn, got));
	VMM_ASSERT(pfn >= s.low && s.end - pfn >= got);
	vmm_pmem_take(pmem, pfn, got);
	pmem_note_peak(pmem);
	*pa_out = vmm_pfn_to_pa(pfn);
	if (count_out != NULL)
		*count_out = got;
	VMM_ASSERT_SLOW(vmm_pmem_check(pmem) == VMM_OK);
	return VMM_OK;
}

int vmm_pmem_alloc_run(struct vmm_pmem *pmem, uint64_t count,
	unsigned align_order, vmm_pa_t *pa_out)
{
	const struct vmm_pmem_request request = {
		.count = count, .align_order = align_order};

	return vmm_pmem_xalloc(pmem, &request, pa_out, NULL);
}

int vmm_pmem_alloc_up_to(struct vmm_pmem *pmem, uint64_t count,
	vmm_pa_t *pa_out, uint64_t *count_out)
{
	const struct vmm_pmem_request request = {
		.count = count, .count_least = 1};

	return vmm_pmem_xalloc(pmem, &request, pa_out, count_out);
}
