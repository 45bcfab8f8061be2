/* SPDX-License-Identifier: MIT */
/*
 * A walk from the root for every page, as a teaching kernel has it: short,
 * with the format's numbers in the code. It refuses to map over a mapping, but
 * leaves what it has done if it fails half-way; it knows no larger page than it
 * is told, keeps its tables until the end, and leaves the fences to others.
 */
#include "pt/contender.h"

#include <string.h>

#define V   1u
#define R   2u
#define W   4u
#define X   8u
#define A_D 0xc0u

/*
 * The way to an entry: the one function of such a kernel that all others call.
 * It is not static there, and too large to be compiled into each of them.
 */
static __attribute__((noinline)) uint64_t *walk(
	struct space *space, uint64_t va, unsigned shift, int create)
{
	uint64_t *table = (uint64_t *)(uintptr_t)space->root;

	for (unsigned at = 30; at > shift; at -= 9) {
		uint64_t *entry = &table[(va >> at) & 511];

		if ((*entry & V) != 0) {
			/* A leaf on the way is not a table. */
			if ((*entry & (R | W | X)) != 0)
				return NULL;
			table = (uint64_t *)(uintptr_t)(*entry >> 10 << 12);
		} else {
			if (!create)
				return NULL;
			table = (uint64_t *)(uintptr_t)table_take(
				space->memory);
			if (table == NULL)
				return NULL;
			memset(table, 0, 4096);
			*entry = (uint64_t)(uintptr_t)table >> 12 << 10 | V;
		}
	}
	return &table[(va >> shift) & 511];
}

static void naive_open(struct space *space)
{
	memset((void *)(uintptr_t)space->root, 0, 4096);
}

static void naive_close(struct space *space)
{
	uint64_t *root = (uint64_t *)(uintptr_t)space->root;

	for (int i = 0; i < 512; i++) {
		uint64_t *mid = (uint64_t *)(uintptr_t)(root[i] >> 10 << 12);

		if ((root[i] & (V | R | W | X)) != V)
			continue;
		for (int k = 0; k < 512; k++) {
			if ((mid[k] & (V | R | W | X)) == V)
				table_give(space->memory, mid[k] >> 10 << 12);
		}
		table_give(space->memory, root[i] >> 10 << 12);
		root[i] = 0;
	}
}

static int naive_map(struct space *space, uint64_t va, uint64_t pa,
	uint64_t size, unsigned shift)
{
	uint64_t step = UINT64_C(1) << shift;

	if (size == 0 || ((va | size) & (step - 1)) != 0)
		return -1;
	for (uint64_t at = 0; at < size; at += step) {
		uint64_t *entry = walk(space, va + at, shift, 1);

		if (entry == NULL || (*entry & V) != 0)
			return -1;
		*entry = (pa + at) >> 12 << 10 | V | R | W | A_D;
	}
	return 0;
}

static int naive_unmap(
	struct space *space, uint64_t va, uint64_t size, unsigned shift)
{
	uint64_t step = UINT64_C(1) << shift;

	if (size == 0 || ((va | size) & (step - 1)) != 0)
		return -1;
	for (uint64_t at = 0; at < size; at += step) {
		uint64_t *entry = walk(space, va + at, shift, 0);

		if (entry == NULL || (*entry & V) == 0)
			return -1;
		*entry = 0;
	}
	return 0;
}

static int naive_protect(
	struct space *space, uint64_t va, uint64_t size, unsigned shift)
{
	uint64_t step = UINT64_C(1) << shift;

	for (uint64_t at = 0; at < size; at += step) {
		uint64_t *entry = walk(space, va + at, shift, 0);

		if (entry == NULL || (*entry & V) == 0)
			return -1;
		*entry = (*entry & ~(uint64_t)W);
	}
	return 0;
}

static int naive_translate(struct space *space, uint64_t va, uint64_t *pa_out)
{
	uint64_t *entry;

	if (va >> 38 != 0 && va >> 38 != UINT64_MAX >> 38)
		return -1;
	entry = walk(space, va, 12, 0);
	if (entry == NULL || (*entry & V) == 0)
		return -1;
	*pa_out = (*entry >> 10 << 12) | (va & 4095);
	return 0;
}

static int naive_fork(
	struct space *child, struct space *parent, uint64_t va, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += 4096) {
		uint64_t *from = walk(parent, va + at, 12, 0);
		uint64_t *to;

		if (from == NULL || (*from & V) == 0)
			continue;
		to = walk(child, va + at, 12, 1);
		if (to == NULL || (*to & V) != 0)
			return -1;
		*from &= ~(uint64_t)W;
		*to = *from;
	}
	return 0;
}

const struct contender bench_naive = {"naive", naive_open, naive_close,
	naive_map, naive_unmap, naive_protect, naive_translate, naive_fork};
