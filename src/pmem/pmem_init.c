/* SPDX-License-Identifier: MIT */
/*
 * How a zone begins. The map is walked in whole frames, three times: to find
 * the window, to know the room for the ranges, and to copy them. The metadata
 * has four parts, with the strictest alignment first, so none needs padding
 * but the third:
 *
 *   lines   64 bytes a block        (not written here)
 *   infos    4 bytes a block        all mixed, nothing free
 *   sets    10 trees of words       all empty
 *   ranges  24 bytes an entry       what the map says
 *
 * Then the ranges of the free kind are handed over, by the same code that
 * releases the other kinds later. For 1 GiB the parts take 32768, 2048 and 720
 * bytes.
 */
#include "pmem/pmem_internal.h"

/* Entries that the place of the metadata adds, when it is cut out of a range. */
#define RANGES_FOR_META 2

/* What the map has in the window. */
struct survey {
	vmm_pfn_t low; /* the window as asked for: [low, end) */
	vmm_pfn_t end;
	vmm_pfn_t first;      /* the first frame of RAM in it */
	uint64_t count;	      /* up to the last */
	uint64_t offline_low; /* frames of the window without RAM at its */
	uint64_t offline_end; /* ends, if it is kept as it was asked for */
	uint32_t ranges;
};

/* The next frames of the map, cut to the window. */
static bool next(const struct vmm_memmap *map, const struct survey *s,
	struct vmm_mem_frames *walk, struct frame_range *range_out)
{
	while (vmm_memmap_frames_next(map, walk)) {
		const vmm_pfn_t walk_end = walk->first + walk->count;
		const vmm_pfn_t low =
			walk->first > s->low ? walk->first : s->low;
		const vmm_pfn_t end = walk_end < s->end ? walk_end : s->end;

		if (low >= end)
			continue;
		range_out->first = low;
		range_out->count = end - low;
		range_out->kind = (uint32_t)walk->kind;
		range_out->unused = 0;
		return true;
	}
	return false;
}

static int survey(const struct vmm_memmap *map,
	const struct vmm_pmem_config *config, struct survey *s)
{
	const vmm_pa_t min = config != NULL ? config->min : 0;
	const vmm_pa_t last =
		config != NULL && config->last != 0 ? config->last : UINT64_MAX;
	struct vmm_mem_frames walk = {0};
	struct frame_range r;

	const bool keep = config != NULL && config->keep_window;

	if (min > last || (keep && config->last == 0))
		return VMM_EINVAL;
	*s = (struct survey){0};
	/* Only whole frames; neither rounding can wrap. */
	s->low = min == 0 ? 0 : vmm_pa_to_pfn(min - 1) + 1;
	s->end = last == UINT64_MAX ? VMM_PFN_END : vmm_pa_to_pfn(last + 1);
	while (next(map, s, &walk, &r)) {
		if (s->ranges == 0)
			s->first = r.first;
		s->count = r.first + r.count - s->first;
		s->ranges++;
	}
	if (!keep)
		return s->ranges != 0 ? VMM_OK : VMM_ENOENT;
	if (s->low >= s->end)
		return VMM_ENOENT;
	s->offline_low = s->ranges == 0 ? s->end - s->low : s->first - s->low;
	s->offline_end = s->ranges == 0 ? 0 : s->end - (s->first + s->count);
	s->ranges += s->offline_low != 0 ? 1 : 0;
	s->ranges += s->offline_end != 0 ? 1 : 0;
	s->first = s->low;
	s->count = s->end - s->low;
	return VMM_OK;
}

void vmm_pmem_layout(struct vmm_pmem *pmem)
{
	const uint64_t block_first = pmem->first >> BLOCK_ORDER;
	const uint64_t block_last =
		(pmem->first + pmem->count - 1) >> BLOCK_ORDER;
	uint64_t words;
	uint64_t bytes;

	pmem->blocks = block_last - block_first + 1;
	pmem->skew = (uint32_t)(block_first % 64);
	words = pmem->blocks + pmem->skew;
	pmem->set_words = 0;
	pmem->levels = 0;
	do {
		words = (words + 63) / 64;
		pmem->level_at[pmem->levels++] = pmem->set_words;
		pmem->set_words += words;
	} while (words > 1 && pmem->levels < VMM_PMEM_LEVELS_MAX);
	for (unsigned i = pmem->levels; i < VMM_PMEM_LEVELS_MAX; i++)
		pmem->level_at[i] = 0;

	bytes = pmem->blocks * LINE_WORDS * sizeof(uint64_t);
	pmem->infos_at = bytes;
	bytes += pmem->blocks * sizeof(struct block_info);
	bytes = vmm_align_up(bytes, sizeof(uint64_t));
	pmem->sets_at = bytes;
	bytes += pmem->set_words * sizeof(uint64_t) * ORDER_COUNT;
	pmem->ranges_at = bytes;
	pmem->meta_size =
		bytes + sizeof(struct frame_range) * (uint64_t)pmem->ranges_max;
}

int vmm_pmem_meta_size(const struct vmm_memmap *map,
	const struct vmm_pmem_config *config, uint64_t *size_out)
{
	struct survey s;
	struct vmm_pmem layout = {0};
	uint64_t ranges;
	int err = survey(map, config, &s);

	if (err != VMM_OK)
		return err;
	layout.first = s.first;
	layout.count = s.count;
	vmm_pmem_layout(&layout);
	ranges = (uint64_t)s.ranges + RANGES_FOR_META;
	ranges += config != NULL ? config->ranges_spare : 0;
	*size_out = layout.meta_size + ranges * sizeof(struct frame_range);
	return VMM_OK;
}

/* The layout for a survey, with all the ranges that @meta_size has room for. */
static int plan(const struct survey *s, const struct vmm_pmem_config *config,
	uint64_t meta_size, struct vmm_pmem *zone)
{
	const uint64_t spare = config != NULL ? config->ranges_spare : 0;
	uint64_t ranges;

	*zone = (struct vmm_pmem){.first = s->first, .count = s->count};
	vmm_pmem_layout(zone);
	if (meta_size < zone->meta_size)
		return VMM_ENOMEM;
	ranges = (meta_size - zone->meta_size) / sizeof(struct frame_range);
	if (ranges < s->ranges + spare)
		return VMM_ENOMEM;
	zone->ranges_max = ranges < UINT32_MAX ? (uint32_t)ranges : UINT32_MAX;
	vmm_pmem_layout(zone);
	return VMM_OK;
}

static void clear(struct vmm_pmem *pmem)
{
	const struct block_info nothing = {0, ORDER_NONE, BLOCK_MIXED};
	struct block_info *infos = pmem_info(pmem, 0);
	uint64_t *sets = pmem_set(pmem, 0);

	for (uint64_t b = 0; b < pmem->blocks; b++)
		infos[b] = nothing;
	for (uint64_t w = 0; w < pmem->set_words * ORDER_COUNT; w++)
		sets[w] = 0;
}

static void add_offline(struct vmm_pmem *pmem, vmm_pfn_t first, uint64_t count)
{
	const struct frame_range r = {first, count, RANGE_OFFLINE, 0};

	if (count != 0)
		pmem_ranges(pmem)[pmem->ranges_count++] = r;
}

int vmm_pmem_init(struct vmm_pmem *pmem, const struct vmm_memmap *map,
	const struct vmm_pmem_config *config, void *meta, uint64_t meta_size)
{
	struct survey s;
	struct vmm_pmem zone;
	struct vmm_mem_frames walk = {0};
	struct frame_range r;
	int err;

	/*
	 * An error, not a bug: where the metadata goes depends on the map, and
	 * the lowest free memory of a machine may begin at address 0.
	 */
	if (meta == NULL ||
		!vmm_is_aligned((uintptr_t)meta, VMM_PMEM_META_ALIGN))
		return VMM_EINVAL;
	err = survey(map, config, &s);
	if (err == VMM_OK)
		err = plan(&s, config, meta_size, &zone);
	if (err != VMM_OK)
		return err;

	*pmem = zone;
	pmem->meta = meta;
	clear(pmem);
	add_offline(pmem, s.first, s.offline_low);
	while (next(map, &s, &walk, &r))
		pmem_ranges(pmem)[pmem->ranges_count++] = r;
	add_offline(pmem, s.first + s.count - s.offline_end, s.offline_end);
	VMM_ASSERT(pmem->ranges_count == s.ranges);
	(void)vmm_pmem_hand_over(pmem, VMM_MEM_FREE);
	VMM_ASSERT_SLOW(vmm_pmem_check(pmem) == VMM_OK);
	return VMM_OK;
}

void vmm_pmem_rebase(struct vmm_pmem *pmem, void *meta)
{
	/* A bug: the caller has chosen this address itself. */
	VMM_ASSERT(meta != NULL);
	VMM_ASSERT(vmm_is_aligned((uintptr_t)meta, VMM_PMEM_META_ALIGN));
	pmem->meta = meta;
	VMM_ASSERT_SLOW(vmm_pmem_check(pmem) == VMM_OK);
}
