/* SPDX-License-Identifier: MIT */
/* Contender: a bitmap, next fit. */
#include "peers.h"

#define PEER_NAME   "bitmap"
#define PEER_SYMBOL bitmap_contender
#define PEER_RUNS   1

struct peer {
	struct bitmap s;
};

ALWAYS void peer_open(struct peer *p, uint32_t frames)
{
	bitmap_open(&p->s, frames);
}

ALWAYS uint32_t peer_get(struct peer *p, unsigned cpu, unsigned order)
{
	return bitmap_get(&p->s, cpu, order);
}

ALWAYS void peer_put(
	struct peer *p, unsigned cpu, uint32_t frame, unsigned order)
{
	bitmap_put(&p->s, cpu, frame, order);
}

ALWAYS void peer_settle(struct peer *p)
{
	(void)p;
}

#include "contender.inc"
