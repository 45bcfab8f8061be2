/* SPDX-License-Identifier: MIT */
/* Contender: the floor, without a lock, behind the hook for pages. */
#include "hook.h"

#define PEER_NAME   "stack/hook"
#define PEER_SYMBOL stack_hook_contender
#define PEER_RUNS   0

struct peer {
	struct stack s;
	struct vmm_pages pages;
};

ALWAYS void peer_open(struct peer *p, uint32_t frames)
{
	stack_open(&p->s, frames);
	p->pages = (struct vmm_pages){hook_stack_alloc, hook_stack_free, &p->s};
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
