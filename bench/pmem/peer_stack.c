/* SPDX-License-Identifier: MIT */
/* Contender: the floor, without a lock. */
#include "peers.h"

#define PEER_NAME   "stack"
#define PEER_SYMBOL stack_contender
#define PEER_RUNS   0

struct peer {
	struct stack s;
};

ALWAYS void peer_open(struct peer *p, uint32_t frames)
{
	stack_open(&p->s, frames);
}

ALWAYS uint32_t peer_get(struct peer *p, unsigned cpu, unsigned order)
{
	return stack_get(&p->s, cpu, order);
}

ALWAYS void peer_put(
	struct peer *p, unsigned cpu, uint32_t frame, unsigned order)
{
	stack_put(&p->s, cpu, frame, order);
}

#include "contender.inc"
