/* SPDX-License-Identifier: MIT */
/* Contender: the floor, with an exchange for each call. */
#include "peers.h"

#define PEER_NAME   "stack/locked"
#define PEER_SYMBOL stack_locked_contender
#define PEER_RUNS   0

struct peer {
	struct locked s;
};

ALWAYS void peer_open(struct peer *p, uint32_t frames)
{
	locked_open(&p->s, frames);
}

ALWAYS uint32_t peer_get(struct peer *p, unsigned cpu, unsigned order)
{
	return locked_get(&p->s, cpu, order);
}

ALWAYS void peer_put(
	struct peer *p, unsigned cpu, uint32_t frame, unsigned order)
{
	locked_put(&p->s, cpu, frame, order);
}

#include "contender.inc"
