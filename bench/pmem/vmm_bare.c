/* SPDX-License-Identifier: MIT */
/* Contender: magazines that are the CPU's alone, no marks. */
#include "vmm.h"

#define PEER_NAME   "vmm/bare"
#define PEER_SYMBOL vmm_bare_contender
#define PEER_RUNS   1

struct peer {
	struct arena s;
};

ALWAYS void peer_open(struct peer *p, uint32_t frames)
{
	const struct vmm_pmem_cache_config config = {.pinned = true};

	arena_open(&p->s, 0, frames, config, false);
}

ALWAYS uint32_t peer_get(struct peer *p, unsigned cpu, unsigned order)
{
	return arena_get_pinned(&p->s, cpu, order);
}

ALWAYS void peer_put(
	struct peer *p, unsigned cpu, uint32_t frame, unsigned order)
{
	arena_put_pinned(&p->s, cpu, frame, order);
}

ALWAYS void peer_settle(struct peer *p)
{
	arena_settle(&p->s);
}

#include "contender.inc"
