/* SPDX-License-Identifier: MIT */
/*
 * One walker that calls back for every entry, as hypervisors have it: the
 * walker knows the way, and a small function for each operation says what to do
 * with an entry. Tables are entered once for all their pages, but every page is
 * a call through a pointer.
 */
#include "pt/contender.h"

#include <string.h>

#define V   1u
#define R   2u
#define W   4u
#define X   8u
#define A_D 0xc0u

#define LEVELS 3

struct visit;

/* Called for an entry above the leaves before it is entered, and for leaves. */
typedef int (*visit_fn)(struct visit *visit, uint64_t *entry, unsigned shift);

struct visit {
	struct space *space;
	visit_fn fn;
	uint64_t va;
	uint64_t size;
	unsigned shift; /* of the leaves */
	/* The operation's own. */
	uint64_t pa;
	uint64_t start;
	struct space *other;
};

static int is_table(uint64_t entry)
{
	return (entry & (V | R | W | X)) == V;
}

static int walk(struct visit *visit)
{
	uint64_t *path[LEVELS];
	unsigned level = LEVELS - 1;

	path[level] = (uint64_t *)(uintptr_t)visit->space->root;
	while (visit->size > 0) {
		unsigned shift = 12 + 9 * level;
		uint64_t *entry = &path[level][(visit->va >> shift) & 511];
		uint64_t step;
		int err = visit->fn(visit, entry, shift);

		if (err != 0)
			return err;
		if (shift > visit->shift && is_table(*entry)) {
			path[--level] =
				(uint64_t *)(uintptr_t)(*entry >> 10 << 12);
			continue;
		}
		step = (UINT64_C(1) << shift) -
		       (visit->va & ((UINT64_C(1) << shift) - 1));
		if (step >= visit->size)
			return 0;
		visit->va += step;
		visit->size -= step;
		while (level < LEVELS - 1 &&
			((visit->va >> (12 + 9 * level)) & 511) == 0)
			level++;
	}
	return 0;
}

static int visit_map(struct visit *visit, uint64_t *entry, unsigned shift)
{
	uint64_t table;

	if (shift == visit->shift) {
		if ((*entry & V) != 0)
			return -1;
		*entry = (visit->pa + (visit->va - visit->start)) >> 12 << 10 |
			 V | R | W | A_D;
		return 0;
	}
	if ((*entry & V) != 0)
		return is_table(*entry) ? 0 : -1;
	table = table_take(visit->space->memory);
	if (table == 0)
		return -1;
	memset((void *)(uintptr_t)table, 0, 4096);
	*entry = table >> 12 << 10 | V;
	return 0;
}

static int visit_unmap(struct visit *visit, uint64_t *entry, unsigned shift)
{
	if (shift > visit->shift)
		return is_table(*entry) ? 0 : -1;
	if ((*entry & V) == 0)
		return -1;
	*entry = 0;
	return 0;
}

static int visit_protect(struct visit *visit, uint64_t *entry, unsigned shift)
{
	if (shift > visit->shift)
		return is_table(*entry) ? 0 : -1;
	if ((*entry & V) == 0)
		return -1;
	*entry &= ~(uint64_t)W;
	return 0;
}

static int visit_translate(struct visit *visit, uint64_t *entry, unsigned shift)
{
	if (is_table(*entry) && shift > 12)
		return 0;
	if ((*entry & V) == 0)
		return -1;
	visit->pa = (*entry >> 10 << 12) |
		    (visit->start & ((UINT64_C(1) << shift) - 1));
	return 0;
}

static int visit_leaf_of_child(
	struct visit *visit, uint64_t *entry, unsigned shift)
{
	if (shift > visit->shift)
		return visit_map(visit, entry, shift);
	*entry = visit->pa;
	return 0;
}

static int visit_fork(struct visit *visit, uint64_t *entry, unsigned shift)
{
	struct visit child = {visit->other, visit_leaf_of_child, visit->va,
		4096, 12, 0, 0, NULL};

	if (shift > 12 || (*entry & V) == 0)
		return 0;
	*entry &= ~(uint64_t)W;
	child.pa = *entry;
	return walk(&child);
}

static int visitor_map(struct space *space, uint64_t va, uint64_t pa,
	uint64_t size, unsigned shift)
{
	struct visit visit = {space, visit_map, va, size, shift, pa, va, NULL};

	return walk(&visit);
}

static int visitor_unmap(
	struct space *space, uint64_t va, uint64_t size, unsigned shift)
{
	struct visit visit = {space, visit_unmap, va, size, shift, 0, va, NULL};

	return walk(&visit);
}

static int visitor_protect(
	struct space *space, uint64_t va, uint64_t size, unsigned shift)
{
	struct visit visit = {
		space, visit_protect, va, size, shift, 0, va, NULL};

	return walk(&visit);
}

static int visitor_translate(struct space *space, uint64_t va, uint64_t *pa_out)
{
	struct visit visit = {space, visit_translate, va & ~UINT64_C(4095),
		4096, 12, 0, va, NULL};
	int err = walk(&visit);

	*pa_out = visit.pa;
	return err;
}

static int visitor_fork(
	struct space *child, struct space *parent, uint64_t va, uint64_t size)
{
	struct visit visit = {parent, visit_fork, va, size, 12, 0, va, child};

	return walk(&visit);
}

static void visitor_open(struct space *space)
{
	bench_naive.open(space);
}

static void visitor_close(struct space *space)
{
	bench_naive.close(space);
}

const struct contender bench_visitor = {"visitor", visitor_open, visitor_close,
	visitor_map, visitor_unmap, visitor_protect, visitor_translate,
	visitor_fork};
