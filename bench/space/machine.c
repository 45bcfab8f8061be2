/* SPDX-License-Identifier: MIT */
/* The pool of pages, and a lock: what a small kernel has for both. */
#include "space/contender.h"
#include "support/bench.h"

static struct {
	uint64_t base;
	size_t pages;
	uint32_t *holders;
	uint32_t *free; /* last in, first out */
	size_t free_count;
	int lock;
} machine;

void machine_open(size_t pages)
{
	machine.base = (uint64_t)(uintptr_t)bench_memory(pages * PAGE);
	machine.pages = pages;
	machine.holders = bench_memory(pages * sizeof(*machine.holders));
	machine.free = bench_memory(pages * sizeof(*machine.free));
	while (machine.free_count < pages) {
		machine.free[machine.free_count] =
			(uint32_t)(pages - 1 - machine.free_count);
		machine.free_count++;
	}
}

uint64_t machine_take(void)
{
	uint32_t at;

	if (machine.free_count == 0)
		bench_fail("the machine has too few pages");
	at = machine.free[--machine.free_count];
	machine.holders[at] = 1;
	return machine.base + at * PAGE;
}

static size_t index_of(uint64_t pa)
{
	return (size_t)((pa - machine.base) / PAGE);
}

void machine_get(uint64_t pa)
{
	machine.holders[index_of(pa)]++;
}

void machine_put(uint64_t pa)
{
	const size_t at = index_of(pa);

	if (--machine.holders[at] == 0)
		machine.free[machine.free_count++] = (uint32_t)at;
}

uint32_t machine_holders(uint64_t pa)
{
	return machine.holders[index_of(pa)];
}

size_t machine_free(void)
{
	return machine.free_count;
}

void machine_acquire(void *ctx)
{
	(void)ctx;
	while (__atomic_exchange_n(&machine.lock, 1, __ATOMIC_ACQUIRE) != 0)
		;
}

void machine_release(void *ctx)
{
	(void)ctx;
	__atomic_store_n(&machine.lock, 0, __ATOMIC_RELEASE);
}
