/* SPDX-License-Identifier: MIT */
/*
 * The frame allocator: theory of operation
 *
 * 1. Words. A zone covers a window of frames. The 512 frames of an aligned
 *    2 MiB are a block; its 512 bits, 1 = free, are a line of 64 bytes. A frame
 *    is managed when it was handed over to the zone. Frames are never touched,
 *    so there is no list of free frames: all knowledge is in the metadata.
 *
 *      meta
 *      | lines, 64 bytes a block | infos, 4 bytes a block | ten sets | ranges |
 *
 * 2. Infos. Of each block is known, without a look at its line: how many frames
 *    are free, the order of its largest aligned free run (exactly, at all
 *    times), and whether it is mixed, that is, has frames that are not managed.
 *    A block with 0 or 512 free frames implies its line, which is not read and
 *    may hold anything; it is filled when the first bit in it changes. So a
 *    zone starts without writing any line, and whole blocks come and go
 *    without touching theirs.
 *
 * 3. Sets. A block with a free frame is filed in the set of its order, ten
 *    trees of bits (pmem_set.h), and `nonempty` has a bit for each set with a
 *    member. A request of order n goes to the least order m >= n with a block,
 *    to the first block there, and to the first fitting run of its line:
 *
 *      nonempty >> n   ->  m  ->  block  ->  info  ->  line
 *        ctz               a ctz a level           shifts and masks
 *
 *    The least sufficient order is the most broken block that will do, which
 *    keeps whole blocks whole. Requests for whole blocks take the last one
 *    instead of the first, so that small and large grow from the two ends.
 *
 * 4. Keeping the order exact is cheap. To put back a run of order n in a block
 *    of order m: the new order is at least max(n, m), and it is higher if and
 *    only if the aligned run of the next order around the new one is free; so
 *    climb, buddy by buddy. To take a run out of a block: nothing changes,
 *    unless the aligned run of order m around it was free, that is, unless a
 *    largest run was broken. Only then is the line folded anew, in at most six
 *    passes over its eight words. Hence every call up to order 9 is O(1) in the
 *    worst case but for the depth of the sets, and never searches.
 *
 * 5. Frees are checked against the truth: a set bit is a frame that is free
 *    already. In a block that is mixed, a clear bit may also be a frame that
 *    was never handed over, so the table of ranges is asked (pmem_range.c).
 *    All other blocks need no look-up.
 *
 * 6. Above a block, runs are found in the words of set 9, and runs of any
 *    length and place by one pass over the window (pmem_run.c).
 *
 * 7. The magazines of pmem_cache.h take and put many runs at a time: one line is
 *    emptied or filled run by run, and its order is folded once (pmem_bulk.c).
 *
 * 8. Not chosen. A buddy system with lists keeps its lists in the free frames
 *    or pays 16 bytes a frame. An upper bound instead of the exact order saves
 *    the folding, but then a request may visit many blocks before it finds that
 *    none fits. A bit a frame was also the choice of LLFree (Wrenger et al.,
 *    USENIX ATC 2023), which searches its trees where we keep sets.
 */
#include "pmem/pmem_take.h"

bool vmm_pmem_find(
	const struct vmm_pmem *pmem, unsigned order, vmm_pfn_t *pfn_out)
{
	uint64_t b;
	unsigned at;

	if (order > BLOCK_ORDER)
		return vmm_pmem_find_blocks(pmem, order, pfn_out);
	if (!find_in_block(pmem, order, &b, &at))
		return false;
	*pfn_out = pmem_block_pfn(pmem, b) + at;
	return true;
}

/* Orders that take more than one block. */
static int alloc_blocks(struct vmm_pmem *pmem, unsigned order, vmm_pa_t *pa_out)
{
	vmm_pfn_t pfn;

	if (order > VMM_PMEM_ORDER_MAX)
		return VMM_EINVAL;
	if (!vmm_pmem_find(pmem, order, &pfn))
		return VMM_ENOMEM;
	vmm_pmem_take(pmem, pfn, UINT64_C(1) << order);
	pmem_note_peak(pmem);
	*pa_out = vmm_pfn_to_pa(pfn);
	VMM_ASSERT_SLOW(vmm_pmem_check(pmem) == VMM_OK);
	return VMM_OK;
}

static VMM_ALWAYS_INLINE int alloc_run(
	struct vmm_pmem *pmem, unsigned order, vmm_pa_t *pa_out)
{
	uint64_t b;
	unsigned at;

	if (!find_in_block(pmem, order, &b, &at))
		return VMM_ENOMEM;
	take_run(pmem, b, at, order);
	pmem_note_peak(pmem);
	*pa_out = vmm_pfn_to_pa(pmem_block_pfn(pmem, b) + at);
	VMM_ASSERT_SLOW(vmm_pmem_check(pmem) == VMM_OK);
	return VMM_OK;
}

int vmm_pmem_alloc(struct vmm_pmem *pmem, unsigned order, vmm_pa_t *pa_out)
{
	if (order == 0)
		return alloc_run(pmem, 0, pa_out);
	if (order < BLOCK_ORDER)
		return alloc_run(pmem, order, pa_out);
	if (order == BLOCK_ORDER)
		return alloc_run(pmem, BLOCK_ORDER, pa_out);
	return alloc_blocks(pmem, order, pa_out);
}

int vmm_pmem_named(const struct vmm_pmem *pmem, vmm_pa_t pa, uint64_t count)
{
	if (!vmm_is_aligned(pa, VMM_PAGE_SIZE) || count == 0)
		return VMM_EINVAL;
	if (!pmem_has(pmem, vmm_pa_to_pfn(pa), count))
		return VMM_ERANGE;
	if (!vmm_pmem_managed(pmem, vmm_pa_to_pfn(pa), count))
		return VMM_ENOENT;
	return VMM_OK;
}

int vmm_pmem_free_range(struct vmm_pmem *pmem, vmm_pa_t pa, uint64_t count)
{
	const vmm_pfn_t pfn = vmm_pa_to_pfn(pa);
	int err = vmm_pmem_named(pmem, pa, count);

	if (err != VMM_OK)
		return err;
	if (!vmm_pmem_all_used(pmem, pfn, count))
		return VMM_EEXIST;
	vmm_pmem_put(pmem, pfn, count);
	VMM_ASSERT(pmem->free + pmem->held <= pmem->managed);
	VMM_ASSERT_SLOW(vmm_pmem_check(pmem) == VMM_OK);
	return VMM_OK;
}

/*
 * Blocks that need a closer look: frames of a mixed one may not be managed,
 * and what comes back to one that is held back stays there.
 */
static int free_run_flagged(struct vmm_pmem *pmem, vmm_pa_t pa, unsigned order)
{
	return vmm_pmem_free_range(pmem, pa, UINT64_C(1) << order);
}

static VMM_ALWAYS_INLINE int free_run(
	struct vmm_pmem *pmem, vmm_pa_t pa, unsigned order)
{
	const vmm_pfn_t pfn = vmm_pa_to_pfn(pa);
	const unsigned at = (unsigned)(pfn % BLOCK_FRAMES);
	const struct block_info *info;
	uint64_t b;

	if (!vmm_is_aligned(pa, VMM_PAGE_SIZE << order))
		return VMM_EINVAL;
	if (!pmem_has(pmem, pfn, UINT64_C(1) << order))
		return VMM_ERANGE;
	b = pmem_block_of(pmem, pfn);
	info = pmem_info(pmem, b);
	if (VMM_UNLIKELY(info->flags != 0))
		return free_run_flagged(pmem, pa, order);
	if (info->free != 0 &&
		(info->free == BLOCK_FRAMES || order == BLOCK_ORDER ||
			!line_run_used(pmem_line(pmem, b), at, order)))
		return VMM_EEXIST;
	put_run(pmem, b, at, order);
	VMM_ASSERT(pmem->free + pmem->held <= pmem->managed);
	VMM_ASSERT_SLOW(vmm_pmem_check(pmem) == VMM_OK);
	return VMM_OK;
}

int vmm_pmem_free(struct vmm_pmem *pmem, vmm_pa_t pa, unsigned order)
{
	if (order == 0)
		return free_run(pmem, pa, 0);
	if (order < BLOCK_ORDER)
		return free_run(pmem, pa, order);
	if (order == BLOCK_ORDER)
		return free_run(pmem, pa, BLOCK_ORDER);
	if (order > VMM_PMEM_ORDER_MAX ||
		!vmm_is_aligned(pa, VMM_PAGE_SIZE << order))
		return VMM_EINVAL;
	return vmm_pmem_free_range(pmem, pa, UINT64_C(1) << order);
}

int vmm_pmem_claim(struct vmm_pmem *pmem, vmm_pa_t pa, uint64_t count)
{
	const vmm_pfn_t pfn = vmm_pa_to_pfn(pa);
	int err = vmm_pmem_named(pmem, pa, count);

	if (err != VMM_OK)
		return err;
	if (!vmm_pmem_all_free(pmem, pfn, count) ||
		vmm_pmem_any_held(pmem, pfn, count))
		return VMM_EBUSY;
	vmm_pmem_take(pmem, pfn, count);
	pmem_note_peak(pmem);
	VMM_ASSERT_SLOW(vmm_pmem_check(pmem) == VMM_OK);
	return VMM_OK;
}

bool vmm_pmem_is_free(const struct vmm_pmem *pmem, vmm_pa_t pa)
{
	const vmm_pfn_t pfn = vmm_pa_to_pfn(pa);

	return pmem_has(pmem, pfn, 1) && vmm_pmem_all_free(pmem, pfn, 1) &&
	       !vmm_pmem_any_held(pmem, pfn, 1);
}
