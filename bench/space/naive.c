/* SPDX-License-Identifier: MIT */
/* Areas in a sorted list, and fork by copying: a kernel of the first week. */
#include "space/contender.h"

#include <stdlib.h>

#define COW 0

struct area {
	struct area *next;
	uint64_t start;
	uint64_t end;
	unsigned prot;
};

static struct area *spare;

static struct area *area_from(struct task *task, uint64_t va)
{
	struct area *area = task->areas;

	while (area != NULL && area->end <= va)
		area = area->next;
	return area;
}

static struct area *area_at(struct task *task, uint64_t va)
{
	struct area *area = area_from(task, va);

	return area != NULL && area->start <= va ? area : NULL;
}

static struct area *area_next(struct task *task, const struct area *area)
{
	(void)task;
	return area->next;
}

static void area_add(
	struct task *task, uint64_t start, uint64_t end, unsigned prot)
{
	struct area **link = &task->areas;
	struct area *area = spare;

	if (area == NULL)
		area = malloc(sizeof(*area));
	else
		spare = area->next;
	if (area == NULL)
		abort();
	while (*link != NULL && (*link)->start < start)
		link = &(*link)->next;
	*area = (struct area){*link, start, end, prot};
	*link = area;
}

static void area_cut(struct task *task, uint64_t va)
{
	struct area *area = area_at(task, va);
	const uint64_t end = area == NULL ? 0 : area->end;

	if (area == NULL || area->start == va)
		return;
	area->end = va;
	area_add(task, va, end, area->prot);
}

static void area_drop(struct task *task, uint64_t va, uint64_t end)
{
	struct area **link = &task->areas;

	while (*link != NULL && (*link)->start < va)
		link = &(*link)->next;
	while (*link != NULL && (*link)->start < end) {
		struct area *area = *link;

		*link = area->next;
		area->next = spare;
		spare = area;
	}
}

static void area_close(struct task *task)
{
	area_drop(task, 0, UINT64_MAX);
}

#include "space/peer.inc"

const struct contender bench_naive = {"naive", COW, peer_open, peer_close,
	peer_map, peer_map_any, peer_unmap, peer_protect, peer_discard,
	peer_move, peer_fault, peer_find, peer_fork};
