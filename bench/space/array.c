/* SPDX-License-Identifier: MIT */
/*
 * Areas in a sorted array that is searched by halves, and fork by copy on
 * write: what a careful small kernel has.
 */
#include "space/contender.h"

#include <stdlib.h>

#define COW	  1
#define AREAS_MAX 32768u

struct area {
	uint64_t start;
	uint64_t end;
	unsigned prot;
};

/* The first area that ends above @va. */
static size_t index_from(const struct task *task, uint64_t va)
{
	size_t low = 0;
	size_t high = task->count;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (task->areas[middle].end <= va)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct area *area_from(struct task *task, uint64_t va)
{
	const size_t at = index_from(task, va);

	return at < task->count ? &task->areas[at] : NULL;
}

static struct area *area_at(struct task *task, uint64_t va)
{
	struct area *area = area_from(task, va);

	return area != NULL && area->start <= va ? area : NULL;
}

static struct area *area_next(struct task *task, const struct area *area)
{
	const size_t at = (size_t)(area - task->areas) + 1;

	return at < task->count ? &task->areas[at] : NULL;
}

static void area_add(
	struct task *task, uint64_t start, uint64_t end, unsigned prot)
{
	size_t at = index_from(task, start);

	if (task->areas == NULL)
		task->areas = malloc(AREAS_MAX * sizeof(*task->areas));
	if (task->areas == NULL || task->count == AREAS_MAX)
		abort();
	for (size_t i = task->count++; i > at; i--)
		task->areas[i] = task->areas[i - 1];
	task->areas[at] = (struct area){start, end, prot};
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
	const size_t first = index_from(task, va);
	size_t last = first;

	while (last < task->count && task->areas[last].start < end)
		last++;
	if (last == first)
		return;
	for (size_t i = last; i < task->count; i++)
		task->areas[first + (i - last)] = task->areas[i];
	task->count -= last - first;
}

static void area_close(struct task *task)
{
	free(task->areas);
	task->areas = NULL;
	task->count = 0;
}

#include "space/peer.inc"

const struct contender bench_array = {"array", COW, peer_open, peer_close,
	peer_map, peer_map_any, peer_unmap, peer_protect, peer_discard,
	peer_move, peer_fault, peer_find, peer_fork};
