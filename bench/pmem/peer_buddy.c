/* SPDX-License-Identifier: MIT */
/* Contender: a buddy system whose per-CPU lists have a try-lock. */
#include "buddy.h"

#define PEER_NAME   "buddy"
#define PEER_SYMBOL buddy_contender
#define PEER_RUNS   1

struct peer {
	struct buddy s;
};

ALWAYS void peer_open(struct peer *p, uint32_t frames)
{
	buddy_open_as(&p->s, frames, false);
}

ALWAYS uint32_t peer_get(struct peer *p, unsigned cpu, unsigned order)
{
	return buddy_get(&p->s, cpu, order);
}

ALWAYS void peer_put(
	struct peer *p, unsigned cpu, uint32_t frame, unsigned order)
{
	buddy_put(&p->s, cpu, frame, order);
}

/* What the CPUs hold goes home. */
ALWAYS void peer_settle(struct peer *p)
{
	buddy_drain(&p->s);
}

#include "contender.inc"
