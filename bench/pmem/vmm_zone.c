/* SPDX-License-Identifier: MIT */
/* Contender: the bare zone, without magazines, in a lock. */
#include "vmm.h"

#define PEER_NAME   "vmm/zone"
#define PEER_SYMBOL vmm_zone_contender
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
	vmm_pa_t pa;
	int err;

	(void)cpu;
	spin_acquire(&p->s.lock);
	err = vmm_pmem_alloc(&p->s.zone, order, &pa);
	spin_release(&p->s.lock);
	return err == VMM_OK ? (uint32_t)vmm_pa_to_pfn(pa) : NONE;
}

ALWAYS void peer_put(
	struct peer *p, unsigned cpu, uint32_t frame, unsigned order)
{
	int err;

	(void)cpu;
	spin_acquire(&p->s.lock);
	err = vmm_pmem_free(&p->s.zone, vmm_pfn_to_pa(frame), order);
	spin_release(&p->s.lock);
	if (err != VMM_OK)
		bench_fail("frame %u of order %u is refused", frame, order);
}

ALWAYS void peer_settle(struct peer *p)
{
	(void)p;
}

#include "contender.inc"
