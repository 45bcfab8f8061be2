/* SPDX-License-Identifier: MIT */
/* Contender: a list in the free frames. */
#include "peers.h"

#define PEER_NAME   "list"
#define PEER_SYMBOL list_contender
#define PEER_RUNS   0

struct peer {
	struct list s;
};

ALWAYS void peer_open(struct peer *p, uint32_t frames)
{
	list_open(&p->s, frames);
}

ALWAYS uint32_t peer_get(struct peer *p, unsigned cpu, unsigned order)
{
	return list_get(&p->s, cpu, order);
}

ALWAYS void peer_put(
	struct peer *p, unsigned cpu, uint32_t frame, unsigned order)
{
	list_put(&p->s, cpu, frame, order);
}

#include "contender.inc"
