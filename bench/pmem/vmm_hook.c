/* SPDX-License-Identifier: MIT */
/* Contender: vmm/pinned behind the hook for pages. */
#include "hook.h"

#define PEER_NAME   "vmm/hook"
#define PEER_SYMBOL vmm_hook_contender
#define PEER_RUNS   0

struct peer {
	struct arena s;
	struct vmm_pages pages;
};

ALWAYS void peer_open(struct peer *p, uint32_t frames)
{
	const struct vmm_pmem_cache_config config = {.pinned = true};

	arena_open(&p->s, 0, frames, config, true);
	p->pages = (struct vmm_pages){
		hook_pinned_alloc, hook_pinned_free, p->s.cpu[0]};
}

ALWAYS uint32_t peer_get(struct peer *p, unsigned cpu, unsigned order)
{
	(void)cpu, (void)order;
	return hook_get(&p->pages);
}

ALWAYS void peer_put(
	struct peer *p, unsigned cpu, uint32_t frame, unsigned order)
{
	(void)cpu, (void)order;
	hook_put(&p->pages, frame);
}

#include "contender.inc"
