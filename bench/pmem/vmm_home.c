/* SPDX-License-Identifier: MIT */
/* Contender: an arena for each CPU; a frame goes back to where it came from. */
#include "vmm.h"

#define PEER_NAME   "vmm/home"
#define PEER_SYMBOL vmm_home_contender
#define PEER_RUNS   1

struct peer {
	uint32_t half;
	struct arena home[CPUS];
};

ALWAYS void peer_open(struct peer *p, uint32_t frames)
{
	const struct vmm_pmem_cache_config config = {.policy = VMM_PMEM_LIFO};

	p->half = frames / CPUS;
	for (unsigned c = 0; c < CPUS; c++)
		arena_open(&p->home[c], (uint64_t)c * p->half, p->half, config,
			true);
}

ALWAYS uint32_t peer_get(struct peer *p, unsigned cpu, unsigned order)
{
	const uint32_t frame = arena_get(&p->home[cpu], cpu, order);

	if (__builtin_expect(frame != NONE, 1))
		return frame;
	return arena_get(&p->home[1 - cpu], cpu, order);
}

ALWAYS void peer_put(
	struct peer *p, unsigned cpu, uint32_t frame, unsigned order)
{
	arena_put(&p->home[frame >= p->half], cpu, frame, order);
}

ALWAYS void peer_settle(struct peer *p)
{
	for (unsigned c = 0; c < CPUS; c++)
		arena_settle(&p->home[c]);
}

#include "contender.inc"
