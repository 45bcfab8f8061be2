/* SPDX-License-Identifier: MIT */
/*
 * page-N: single pages, N of them live: each step frees a burst of them at
 * random, and allocates as many. All bursts are alike, so that what the
 * processor cannot predict is in the contender and not in the harness.
 */
#include "vmem/workloads.h"

#include <stdlib.h>

#define BURST 16u
#define STEPS 4000u

static void make_step(struct vmem_script *script, struct bench_rng *rng,
	uint32_t *slots, size_t live)
{
	for (size_t i = 0; i < BURST; i++) {
		size_t at = i + bench_below(rng, live - i);
		uint32_t slot = slots[at];

		slots[at] = slots[i];
		slots[i] = slot;
		vmem_script_free(script, slot, 1);
	}
	for (size_t i = 0; i < BURST; i++)
		vmem_script_alloc(script, slots[i], 1);
}

static void make(struct vmem_script *script, size_t live)
{
	struct bench_rng rng = {bench_options.seed};
	uint32_t *slots = malloc(live * sizeof(*slots));

	BENCH_MUST(slots != NULL);
	for (uint32_t slot = 0; slot < live; slot++) {
		slots[slot] = slot;
		vmem_script_alloc(script, slot, 1);
	}
	for (size_t i = 0; i < 2 * live / BURST + STEPS / 10; i++)
		make_step(script, &rng, slots, live);
	vmem_script_measure(script);
	for (size_t i = 0; i < STEPS; i++)
		make_step(script, &rng, slots, live);
	free(slots);
}

static void run(const char *name, size_t live, unsigned rounds)
{
	static vmem_peers peers = {&vmem_floor, &vmem_tlsf, &vmem_tlsf_full,
		&vmem_plain, &vmem_ours_handle, &vmem_ours_sized,
		&vmem_ours_address, &vmem_nocache_handle,
		&vmem_nocache_address};
	struct vmem_script script = {0};

	if (!bench_wants(name))
		return;
	make(&script, live);
	vmem_script_run(name, &script, peers, rounds);
	vmem_script_fini(&script);
}

void vmem_pages(void)
{
	run("page-100", 100, 25);
	run("page-10k", 10000, 25);
	if (!bench_options.quick)
		run("page-1m", 1000000, 5);
}
