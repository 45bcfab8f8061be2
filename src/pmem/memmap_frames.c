/* SPDX-License-Identifier: MIT */
/*
 * The memory map in whole frames.
 *
 * A walk goes from frame to frame upwards, but in strides. At the first byte of
 * a frame there is nothing (a gap), something that is no RAM, or RAM:
 *
 *   - after a gap, the next frame to look at is the first that begins inside
 *     the next entry: one that the gap cuts into is no RAM;
 *   - after an entry that is no RAM, it is the one behind the entry's last;
 *   - RAM that holds whole frames from here on is a run, all of one kind;
 *   - RAM that ends inside the frame shares it with the entries that follow.
 *     Only then are they looked at one by one, up to the frame's last byte.
 *
 * Every stride but the last kind passes an entry for good, and the last passes
 * all entries that end in the frame, so a walk is linear in the entries, plus
 * one binary search a call to find its place again.
 */
#include <vmm/memmap.h>

static vmm_pa_t entry_last(const struct vmm_mem_range *r)
{
	return vmm_range_last(r->base, r->size);
}

/* Index of the first entry that ends at or above @pa, or the count. */
static size_t entry_at(const struct vmm_memmap *map, vmm_pa_t pa)
{
	size_t low = 0;
	size_t high = map->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (entry_last(&map->ranges[middle]) < pa)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * The kind of frame @pfn, whose first byte lies in entry @i, which is RAM: the
 * strongest of its bytes, or VMM_MEM_KIND_COUNT if one of them is no RAM.
 */
static uint32_t shared_kind(
	const struct vmm_memmap *map, size_t i, vmm_pfn_t pfn)
{
	const vmm_pa_t end = vmm_pfn_to_pa(pfn) + (VMM_PAGE_SIZE - 1);
	uint32_t kind = map->ranges[i].kind;
	vmm_pa_t last = entry_last(&map->ranges[i]);

	while (last < end) {
		const struct vmm_mem_range *r;

		i++;
		if (i == map->count)
			return VMM_MEM_KIND_COUNT;
		r = &map->ranges[i];
		if (r->base - 1 != last || r->ram == 0)
			return VMM_MEM_KIND_COUNT;
		if (r->kind > kind)
			kind = r->kind;
		last = entry_last(r);
	}
	return kind;
}

/*
 * The first RAM at or above frame @pfn: one stride of equal kind, not merged
 * with its neighbours. Starts at entry *@i and leaves the last one used there.
 */
static bool stride(const struct vmm_memmap *map, size_t *i, vmm_pfn_t pfn,
	struct vmm_mem_frames *run)
{
	while (*i < map->count) {
		const struct vmm_mem_range *r = &map->ranges[*i];
		const vmm_pa_t pa = vmm_pfn_to_pa(pfn);
		uint64_t whole;
		uint32_t kind;

		if (pfn >= VMM_PFN_END)
			return false;
		if (entry_last(r) < pa) {
			(*i)++;
			continue;
		}
		if (r->base > pa) {
			/* Written so that rounding up cannot wrap. */
			pfn = vmm_pa_to_pfn(r->base - 1) + 1;
			continue;
		}
		if (r->ram == 0) {
			pfn = vmm_pa_to_pfn(entry_last(r)) + 1;
			continue;
		}
		/* At most the entry's size: the sum does not wrap. */
		whole = (entry_last(r) - pa + 1) >> VMM_PAGE_SHIFT;
		kind = whole != 0 ? r->kind : shared_kind(map, *i, pfn);
		if (kind < VMM_MEM_KIND_COUNT) {
			run->first = pfn;
			run->count = whole != 0 ? whole : 1;
			run->kind = (enum vmm_mem_kind)kind;
			return true;
		}
		pfn++;
	}
	return false;
}

bool vmm_memmap_frames_next(
	const struct vmm_memmap *map, struct vmm_mem_frames *frames)
{
	vmm_pfn_t pfn = frames->first + frames->count;
	size_t i = entry_at(map, pfn < VMM_PFN_END ? vmm_pfn_to_pa(pfn) : 0);
	struct vmm_mem_frames run;
	struct vmm_mem_frames more;

	if (!stride(map, &i, pfn, &run))
		return false;
	while (stride(map, &i, run.first + run.count, &more)) {
		if (more.first != run.first + run.count ||
			more.kind != run.kind)
			break;
		run.count += more.count;
	}
	*frames = run;
	return true;
}
