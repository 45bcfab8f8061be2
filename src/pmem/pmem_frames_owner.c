/* SPDX-License-Identifier: MIT */
/* Who has what: the frames in use, zone by zone, and what their words say. */
#include <vmm/pmem_frames.h>

#include "core/text.h"
#include "pmem/pmem_internal.h"

/* A stretch of frames that agree. */
struct stretch {
	vmm_pa_t pa;
	uint64_t count;
	uint32_t word; /* the owner's; 0: nobody told */
};

/* Walks over all frames in use. To begin, zero it. */
struct walk {
	uint32_t zone;
	struct vmm_pmem_used used; /* of the zone; done up to at */
	uint64_t at;
};

static uint32_t word_of(const struct vmm_pmem_zone *zone, vmm_pa_t pa)
{
	const uint64_t at = vmm_pa_to_pfn(pa) - zone->cache->pmem->first;

	if (zone->owners == NULL)
		return 0;
	return __atomic_load_n(&zone->owners[at], __ATOMIC_RELAXED);
}

/* The next frames in use of which the words agree. */
static bool next(
	const struct vmm_pmem_zones *set, struct walk *w, struct stretch *out)
{
	const struct vmm_pmem_zone *zone;

	for (; w->zone < set->count; w->zone++) {
		const struct vmm_pmem *pmem = set->zones[w->zone].cache->pmem;

		if (w->at < w->used.count)
			break;
		w->at = 0;
		if (vmm_pmem_next_used(pmem, &w->used))
			break;
		w->used = (struct vmm_pmem_used){0};
	}
	if (w->zone == set->count)
		return false;
	zone = &set->zones[w->zone];
	out->pa = w->used.pa + vmm_pfn_to_pa(w->at);
	out->word = word_of(zone, out->pa);
	out->count = 0;
	do {
		out->count++;
		w->at++;
	} while (w->at < w->used.count &&
		 word_of(zone, w->used.pa + vmm_pfn_to_pa(w->at)) == out->word);
	return true;
}

/* Frames in magazines are nobody's, but look as if in use. */
static void drain(const struct vmm_pmem_zones *set)
{
	for (uint32_t i = 0; i < set->count; i++)
		(void)!vmm_pmem_cache_drain_all(set->zones[i].cache);
}

uint64_t vmm_pmem_frames_owned(
	const struct vmm_pmem_frames *frames, uint32_t owner)
{
	struct walk walk = {0};
	struct stretch s;
	uint64_t sum = 0;

	drain(frames->zones);
	while (next(frames->zones, &walk, &s)) {
		if (s.word == owner + 1)
			sum += s.count;
	}
	return sum;
}

void vmm_pmem_frames_leaks(
	const struct vmm_pmem_frames *frames, const struct vmm_sink *sink)
{
	struct walk walk = {0};
	struct stretch s;

	drain(frames->zones);
	while (next(frames->zones, &walk, &s)) {
		const uint64_t size = vmm_pfn_to_pa(s.count);

		vmm_text_range(sink, s.pa, size);
		vmm_text_str(sink, " ");
		vmm_text_size(sink, size, 10);
		if (s.word == 0) {
			vmm_text_str(sink, "  owner unknown\n");
			continue;
		}
		vmm_text_str(sink, "  owner ");
		vmm_text_dec(sink,
			(s.word & ~VMM_PMEM_OWNER_FREED) - UINT64_C(1), 0);
		vmm_text_str(sink, "\n");
	}
}
