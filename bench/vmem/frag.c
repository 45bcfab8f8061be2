/* SPDX-License-Identifier: MIT */
/*
 * frag: the sizes that are asked for change again and again, while the bytes in
 * use stay about the same. Holes left by one kind of caller have to serve the
 * next. In each phase regions are freed at random and new ones allocated, until
 * what was allocated in the phase amounts to all the bytes in use.
 */
#include "vmem/workloads.h"

#include <stdlib.h>

#define LIVE_PAGES  200000u
#define SLOTS_MAX   LIVE_PAGES
#define PHASES	    (sizeof(phases) / sizeof(phases[0]))
#define WARM_PHASES 3u

/* Sizes of a phase, in pages; their logarithm is uniform. */
struct phase {
	uint32_t least;
	uint32_t most;
};

static const struct phase phases[] = {
	{4, 16},
	{64, 256},
	{1, 8},
	{1, 1024},
	{3, 5},
	{400, 600},
	{1, 64},
	{17, 33},
	{1, 1024},
};

struct region {
	uint32_t slot;
	uint32_t pages;
};

struct live {
	struct region regions[SLOTS_MAX];
	size_t count;
	uint64_t pages;
	uint32_t spare[SLOTS_MAX]; /* slots */
	size_t spare_count;
};

static void free_one(
	struct vmem_script *script, struct live *live, struct bench_rng *rng)
{
	size_t at = bench_below(rng, live->count);
	struct region region = live->regions[at];

	vmem_script_free(script, region.slot, region.pages);
	live->regions[at] = live->regions[--live->count];
	live->spare[live->spare_count++] = region.slot;
	live->pages -= region.pages;
}

static void run_phase(struct vmem_script *script, struct live *live,
	struct bench_rng *rng, const struct phase *phase)
{
	uint64_t renewed = 0;

	while (renewed < LIVE_PAGES) {
		uint32_t pages = phase->least - 1 +
				 (uint32_t)bench_log_uniform(
					 rng, phase->most - phase->least + 1);
		uint32_t slot;

		while (live->pages + pages > LIVE_PAGES)
			free_one(script, live, rng);
		slot = live->spare[--live->spare_count];
		vmem_script_alloc(script, slot, pages);
		live->regions[live->count++] = (struct region){slot, pages};
		live->pages += pages;
		renewed += pages;
	}
}

void vmem_frag(void)
{
	static vmem_peers peers = {&vmem_floor, &vmem_tlsf, &vmem_tlsf_full,
		&vmem_plain, &vmem_ours_handle, &vmem_ours_address,
		&vmem_nocache_handle, &vmem_nocache_address};
	struct vmem_script script = {0};
	struct bench_rng rng = {bench_options.seed};
	struct live *live;

	if (!bench_wants("frag"))
		return;
	live = calloc(1, sizeof(*live));
	BENCH_MUST(live != NULL);
	for (uint32_t slot = SLOTS_MAX; slot-- > 0;)
		live->spare[live->spare_count++] = slot;
	for (size_t i = 0; i < PHASES; i++) {
		if (i == WARM_PHASES)
			vmem_script_measure(&script);
		run_phase(&script, live, &rng, &phases[i]);
	}
	free(live);
	vmem_script_run("frag", &script, peers, 9);
	vmem_script_fini(&script);
}
