/* SPDX-License-Identifier: MIT */
/*
 * The table of ranges: what the frames of the window are.
 *
 * A sorted array without overlaps, at most as long as the memory map and its
 * spare entries. Touching ranges differ in kind, so frames are managed if and
 * only if one single entry of the free kind holds them all. The line cannot
 * tell: a bit of 0 is a frame in use or one that was never handed over.
 *
 * To release a kind relabels its entries and merges; that needs no room. To
 * reserve frames inside a range, or take them offline, cuts it, which may need
 * two entries more; to bring them online fills gaps and may need one or two:
 *
 *      [-------- free --------]  ->  [- free -][ perm. ][-- free --]
 */
#include "pmem/pmem_internal.h"

/* Index of the first range that ends above @pfn, or the count. */
static uint32_t range_at(const struct vmm_pmem *pmem, vmm_pfn_t pfn)
{
	const struct frame_range *ranges = pmem_ranges(pmem);
	uint32_t low = 0;
	uint32_t high = pmem->ranges_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (ranges[middle].first + ranges[middle].count <= pfn)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool vmm_pmem_managed(
	const struct vmm_pmem *pmem, vmm_pfn_t pfn, uint64_t count)
{
	const uint32_t i = range_at(pmem, pfn);
	const struct frame_range *r = &pmem_ranges(pmem)[i];

	return i < pmem->ranges_count && r->kind == VMM_MEM_FREE &&
	       pfn >= r->first && count <= r->count - (pfn - r->first);
}

/* Merge the neighbours that touch and agree, in place. */
static void merge_all(struct vmm_pmem *pmem)
{
	struct frame_range *ranges = pmem_ranges(pmem);
	uint32_t to = 0;

	for (uint32_t i = 1; i < pmem->ranges_count; i++) {
		const struct frame_range r = ranges[i];
		struct frame_range *before = &ranges[to];

		if (before->first + before->count == r.first &&
			before->kind == r.kind)
			before->count += r.count;
		else
			ranges[++to] = r;
	}
	pmem->ranges_count = to + 1;
}

/* Every block that lies in a managed range as a whole is not mixed. */
static void find_unmixed(struct vmm_pmem *pmem)
{
	const struct frame_range *ranges = pmem_ranges(pmem);

	for (uint32_t i = 0; i < pmem->ranges_count; i++) {
		const struct frame_range *r = &ranges[i];
		vmm_pfn_t pfn = vmm_align_up(r->first, BLOCK_FRAMES);
		const vmm_pfn_t end =
			vmm_align_down(r->first + r->count, BLOCK_FRAMES);

		if (r->kind != VMM_MEM_FREE)
			continue;
		for (; pfn < end; pfn += BLOCK_FRAMES)
			pmem_info(pmem, pmem_block_of(pmem, pfn))->flags &=
				(uint8_t)~BLOCK_MIXED;
	}
}

/* Make all ranges of @kind managed and free. Returns their frames. */
uint64_t vmm_pmem_hand_over(struct vmm_pmem *pmem, enum vmm_mem_kind kind)
{
	struct frame_range *ranges = pmem_ranges(pmem);
	uint64_t frames = 0;

	for (uint32_t i = 0; i < pmem->ranges_count; i++) {
		if (ranges[i].kind != (uint32_t)kind)
			continue;
		ranges[i].kind = VMM_MEM_FREE;
		vmm_pmem_put(pmem, ranges[i].first, ranges[i].count);
		frames += ranges[i].count;
	}
	pmem->managed += frames;
	merge_all(pmem);
	find_unmixed(pmem);
	return frames;
}

int vmm_pmem_release(
	struct vmm_pmem *pmem, enum vmm_mem_kind kind, uint64_t *frames_out)
{
	if (kind != VMM_MEM_LOADER && kind != VMM_MEM_ACPI &&
		kind != VMM_MEM_NVRAM)
		return VMM_EINVAL;
	*frames_out = vmm_pmem_hand_over(pmem, kind);
	VMM_ASSERT_SLOW(vmm_pmem_check(pmem) == VMM_OK);
	return VMM_OK;
}

/* One to three entries that take the place of @old entries from @at on. */
struct patch {
	struct frame_range now[3];
	uint32_t count;
	uint32_t at;
	uint32_t old;
};

static void patch_add(
	struct patch *p, vmm_pfn_t first, uint64_t count, uint32_t kind)
{
	if (count > 0)
		p->now[p->count++] =
			(struct frame_range){first, count, kind, 0};
}

static vmm_pfn_t range_end(const struct frame_range *r)
{
	return r->first + r->count;
}

/*
 * How the table changes when @count frames from @pfn become one range of
 * @kind, whatever they were: what is left of the ranges at both ends stays,
 * and a neighbour of the same kind that touches is drawn in. No range inside
 * has that kind already.
 */
static void patch_plan(const struct vmm_pmem *pmem, vmm_pfn_t pfn,
	uint64_t count, uint32_t kind, struct patch *p)
{
	const struct frame_range *ranges = pmem_ranges(pmem);
	const uint32_t i = range_at(pmem, pfn);
	const vmm_pfn_t end = pfn + count;
	struct frame_range after = {0};
	uint32_t j = i;

	*p = (struct patch){.at = i};
	while (j < pmem->ranges_count && ranges[j].first < end)
		j++;
	if (j > i && ranges[i].first < pfn) {
		patch_add(p, ranges[i].first, pfn - ranges[i].first,
			ranges[i].kind);
	} else if (i > 0 && ranges[i - 1].kind == kind &&
		   range_end(&ranges[i - 1]) == pfn) {
		p->at--;
		pfn = ranges[i - 1].first;
		count = end - pfn;
	}
	if (j > i && range_end(&ranges[j - 1]) > end) {
		after.first = end;
		after.count = range_end(&ranges[j - 1]) - end;
		after.kind = ranges[j - 1].kind;
	} else if (j < pmem->ranges_count && ranges[j].kind == kind &&
		   ranges[j].first == end) {
		count += ranges[j++].count;
	}
	patch_add(p, pfn, count, kind);
	patch_add(p, after.first, after.count, after.kind);
	p->old = j - p->at;
}

static void patch_apply(struct vmm_pmem *pmem, const struct patch *p)
{
	struct frame_range *ranges = pmem_ranges(pmem);
	const uint32_t from = p->at + p->old;
	const uint32_t to = p->at + p->count;

	VMM_ASSERT(from <= pmem->ranges_count);
	if (to > from) {
		for (uint32_t i = pmem->ranges_count; i-- > from;)
			ranges[i + (to - from)] = ranges[i];
	} else if (to < from) {
		for (uint32_t i = from; i < pmem->ranges_count; i++)
			ranges[i - (from - to)] = ranges[i];
	}
	for (uint32_t i = 0; i < p->count; i++)
		ranges[p->at + i] = p->now[i];
	pmem->ranges_count = pmem->ranges_count - p->old + p->count;
}

static bool patch_fits(const struct vmm_pmem *pmem, const struct patch *p)
{
	return pmem->ranges_count - p->old + p->count <= pmem->ranges_max;
}

int vmm_pmem_withdraw(
	struct vmm_pmem *pmem, vmm_pfn_t pfn, uint64_t count, uint32_t kind)
{
	const uint64_t last = pmem_block_of(pmem, pfn + count - 1);
	struct patch p;

	patch_plan(pmem, pfn, count, kind, &p);
	if (!patch_fits(pmem, &p))
		return VMM_ENOMEM;
	vmm_pmem_unhold_blocks(pmem, pfn, count);
	vmm_pmem_take(pmem, pfn, count);
	pmem->managed -= count;
	patch_apply(pmem, &p);
	for (uint64_t b = pmem_block_of(pmem, pfn); b <= last; b++)
		pmem_info(pmem, b)->flags |= BLOCK_MIXED;
	return VMM_OK;
}

/* Do the frames belong to no range, or to ranges that are offline? */
static bool nobodys(const struct vmm_pmem *pmem, vmm_pfn_t pfn, uint64_t count)
{
	const struct frame_range *ranges = pmem_ranges(pmem);
	uint32_t i = range_at(pmem, pfn);

	for (; i < pmem->ranges_count && ranges[i].first < pfn + count; i++) {
		if (ranges[i].kind != RANGE_OFFLINE)
			return false;
	}
	return true;
}

int vmm_pmem_bring(struct vmm_pmem *pmem, vmm_pfn_t pfn, uint64_t count)
{
	struct patch p;

	if (!nobodys(pmem, pfn, count))
		return VMM_EEXIST;
	patch_plan(pmem, pfn, count, VMM_MEM_FREE, &p);
	if (!patch_fits(pmem, &p))
		return VMM_ENOMEM;
	patch_apply(pmem, &p);
	vmm_pmem_put(pmem, pfn, count);
	pmem->managed += count;
	find_unmixed(pmem);
	return VMM_OK;
}

int vmm_pmem_reserve(struct vmm_pmem *pmem, vmm_pa_t pa, uint64_t count)
{
	const vmm_pfn_t pfn = vmm_pa_to_pfn(pa);
	int err = vmm_pmem_named(pmem, pa, count);

	if (err != VMM_OK)
		return err;
	if (!vmm_pmem_all_free(pmem, pfn, count) ||
		vmm_pmem_any_held(pmem, pfn, count))
		return VMM_EBUSY;
	err = vmm_pmem_withdraw(pmem, pfn, count, VMM_MEM_PERMANENT);
	VMM_ASSERT_SLOW(vmm_pmem_check(pmem) == VMM_OK);
	return err;
}
