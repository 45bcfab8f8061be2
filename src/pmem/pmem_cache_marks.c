/* SPDX-License-Identifier: MIT */
/*
 * Marks: what the cache knows about runs that it took out of the zone.
 *
 *      in the zone --- refill ---> parked --- alloc ---> user's
 *           mark 0                 n + 33               n + 1
 *             ^                     |  ^                  |
 *             +------- flush -------+  +------ free ------+
 *
 * The mark of a run of order n < 9 stands at its first frame; larger runs have
 * theirs with the blocks, at the first one; all other marks are 0. The fast path
 * changes marks between parked and user's, of runs that are its own; whatever
 * makes a mark 0, or not 0, happens under the zone's lock, and known[b] counts
 * the marks of the frames of a block that are not 0: so a free of gigabytes need
 * not read a byte for each frame.
 *
 * A range of frames may begin or end inside a run, whose mark lies before it.
 * There are few orders with magazines, and runs are aligned, so there are as few
 * places to look at.
 */
#include "pmem/pmem_mag.h"

static bool is_parked(uint8_t mark)
{
	return (mark & VMM_PMEM_MARK_IS_PARKED) != 0;
}

static unsigned order_of(uint8_t mark)
{
	return (mark & ~(unsigned)VMM_PMEM_MARK_IS_PARKED) - 1;
}

/* The number of the block of frame @at, as the zone counts. */
static uint64_t block_of(const struct vmm_pmem_cache *cache, uint64_t at)
{
	return (at + cache->pmem->first % BLOCK_FRAMES) >> BLOCK_ORDER;
}

static uint64_t mark_at(
	const struct vmm_pmem_cache *cache, uint64_t at, unsigned order)
{
	return vmm_pmem_mark_at(vmm_pmem_cache_cpu(cache, 0), at, order);
}

/* Set a mark; @known is the count of its block. */
static void set(uint8_t *mark, uint8_t value, uint16_t *known)
{
	const uint8_t old = vmm_pmem_mark(mark);

	vmm_pmem_mark_set(mark, value);
	if ((old != 0) != (value != 0))
		*known = (uint16_t)(*known + (value != 0 ? 1 : -1));
}

#define MARKS_A_WORD 8 /* a mark is a byte */

/* Do the first eight of @at, which differ, fill a word of marks? */
static bool is_word(const uint32_t *at)
{
	uint32_t differ = at[0] ^ at[1];

	if (differ >= MARKS_A_WORD)
		return false;
	for (unsigned i = 2; i < MARKS_A_WORD; i++)
		differ |= at[0] ^ at[i];
	return differ < MARKS_A_WORD;
}

/* Set the word of marks that @mark is in. Returns how many of them were not 0:
 * a mark is below 0x80, so that the sum has that bit if it is not 0. */
static unsigned set_word(uint8_t *mark, uint8_t value)
{
	const uint64_t each = UINT64_MAX / UINT8_MAX;
	uint64_t *word = (uint64_t *)(void *)mark;
	const uint64_t old = __atomic_load_n(word, __ATOMIC_RELAXED);

	__atomic_store_n(word, value * each, __ATOMIC_RELAXED);
	if (old == 0)
		return 0;
	return vmm_popcount((old + 0x7f * each) & (0x80 * each));
}

/* Set the mark of the first run of @at, or of eight if they fill a word. Returns
 * how many, and adds those that were not 0 to *@were. */
static uint32_t set_next(uint8_t *marks, uint8_t value, const uint32_t *at,
	bool eight, uint32_t *were)
{
	uint8_t *mark = &marks[at[0]];

	if (eight && is_word(at)) {
		*were += set_word(mark - at[0] % MARKS_A_WORD, value);
		return MARKS_A_WORD;
	}
	*were += vmm_pmem_mark(mark) != 0 ? 1 : 0;
	vmm_pmem_mark_set(mark, value);
	return 1;
}

/*
 * Set the marks of runs below a block; those that lie in one block and follow
 * each other, which most do, are counted at once. Single frames that fill a word
 * of marks, out of a block that was whole, are set at once, too, unless words of
 * marks may cross blocks.
 */
static void set_small(struct vmm_pmem_cache *cache, uint8_t mark,
	uint32_t count, const uint32_t *at)
{
	const bool words = cache->pmem->first % MARKS_A_WORD == 0;
	/* Where no eight are left to come. */
	const uint32_t few =
		words && count >= MARKS_A_WORD ? count - MARKS_A_WORD + 1 : 0;
	uint32_t i = 0;

	while (i < count) {
		const uint64_t block = block_of(cache, at[i]);
		const uint32_t from = i;
		uint32_t were = 0;

		do
			i += set_next(
				cache->marks, mark, &at[i], i < few, &were);
		while (i < count && block_of(cache, at[i]) == block);
		cache->known[block] = (uint16_t)(cache->known[block] - were +
						 (mark != 0 ? i - from : 0));
	}
}

static void set_all(struct vmm_pmem_cache *cache, uint8_t mark, unsigned order,
	uint32_t count, const uint32_t *at)
{
	if (order < BLOCK_ORDER) {
		set_small(cache, mark, count, at);
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		vmm_pmem_mark_set(
			&cache->marks[mark_at(cache, at[i], order)], mark);
}

void vmm_pmem_marks_park(struct vmm_pmem_cache *cache, unsigned order,
	uint32_t count, const uint32_t *at)
{
	if (cache->marks != NULL)
		set_all(cache, VMM_PMEM_MARK_PARKED(order), order, count, at);
}

void vmm_pmem_marks_clear(struct vmm_pmem_cache *cache, unsigned order,
	uint32_t count, const uint32_t *at)
{
	if (cache->marks != NULL)
		set_all(cache, 0, order, count, at);
}

/*
 * The marks of runs that share a frame with a range, one after the other: those
 * of its frames, those of its blocks, and those of runs that begin before it.
 */
struct walk {
	uint64_t first; /* the range, as numbers of frames */
	uint64_t end;
	uint64_t frame; /* to go on with; end: done */
	uint64_t block; /* to go on with */
	unsigned order; /* to go on with */
	uint64_t at;	/* the mark that was found */
};

static struct walk walk_of(
	const struct vmm_pmem_cache *cache, vmm_pfn_t pfn, uint64_t count)
{
	const uint32_t at = cache_at(cache, pfn);

	return (struct walk){.first = at,
		.end = at + count,
		.frame = at,
		.block = block_of(cache, at)};
}

static bool is_set(const struct vmm_pmem_cache *cache, uint64_t at)
{
	return vmm_pmem_mark(&cache->marks[at]) != 0;
}

static bool next_of_frames(const struct vmm_pmem_cache *cache, struct walk *w)
{
	while (w->frame < w->end) {
		const vmm_pfn_t pfn = cache->pmem->first + w->frame;

		if (cache->known[block_of(cache, w->frame)] == 0) {
			w->frame += BLOCK_FRAMES - pfn % BLOCK_FRAMES;
			continue;
		}
		w->at = w->frame++;
		if (is_set(cache, w->at))
			return true;
	}
	return false;
}

static bool next_of_blocks(const struct vmm_pmem_cache *cache, struct walk *w)
{
	const uint64_t last = block_of(cache, w->end - 1);

	while (w->block <= last) {
		w->at = cache->pmem->count + w->block++;
		if (is_set(cache, w->at))
			return true;
	}
	return false;
}

static bool is_cached(const struct vmm_pmem_cache *cache, unsigned order)
{
	return vmm_pmem_cache_cpu(cache, 0)->get_at[order] !=
	       offsetof(struct vmm_pmem_cpu, mags[VMM_PMEM_MAGS - 1]);
}

/* A run that begins before the range, and before its first block if large. */
static bool next_of_earlier(const struct vmm_pmem_cache *cache, struct walk *w)
{
	const vmm_pfn_t first = cache->pmem->first + w->first;

	while (w->order <= VMM_PMEM_ORDER_MAX) {
		const unsigned order = w->order++;
		const vmm_pfn_t start =
			vmm_align_down(first, UINT64_C(1) << order);

		if (start == first || start < cache->pmem->first ||
			!is_cached(cache, order))
			continue;
		w->at = mark_at(cache, cache_at(cache, start), order);
		if (is_set(cache, w->at) &&
			order_of(vmm_pmem_mark(&cache->marks[w->at])) == order)
			return true;
	}
	return false;
}

static bool next_run(const struct vmm_pmem_cache *cache, struct walk *w)
{
	return next_of_frames(cache, w) || next_of_blocks(cache, w) ||
	       next_of_earlier(cache, w);
}

bool vmm_pmem_marks_any_parked(
	const struct vmm_pmem_cache *cache, vmm_pfn_t pfn, uint64_t count)
{
	struct walk walk = walk_of(cache, pfn, count);

	if (cache->marks == NULL)
		return false;
	while (next_run(cache, &walk)) {
		if (is_parked(vmm_pmem_mark(&cache->marks[walk.at])))
			return true;
	}
	return false;
}

void vmm_pmem_marks_forget(
	struct vmm_pmem_cache *cache, vmm_pfn_t pfn, uint64_t count)
{
	struct walk walk = walk_of(cache, pfn, count);

	if (cache->marks == NULL)
		return;
	while (next_run(cache, &walk)) {
		uint8_t *mark = &cache->marks[walk.at];

		if (is_parked(vmm_pmem_mark(mark)))
			continue;
		if (walk.at < cache->pmem->count)
			set(mark, 0, &cache->known[block_of(cache, walk.at)]);
		else
			vmm_pmem_mark_set(mark, 0);
	}
}
