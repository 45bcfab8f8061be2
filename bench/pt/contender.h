/* SPDX-License-Identifier: MIT */
/*
 * What is compared: ways to keep a page table of Sv39. The table memory is the
 * same for all, an array of pages that are handed out last in, first out; a
 * table's physical address is its pointer.
 *
 * Every function does its work for the whole range by pages of 1 << shift
 * bytes, 12 or 21, and returns 0 or fails.
 */
#ifndef BENCH_PT_CONTENDER_H
#define BENCH_PT_CONTENDER_H

#include <stddef.h>
#include <stdint.h>

#include <vmm/pt.h>

/* Pages for tables. */
struct table_memory {
	uint64_t *free; /* addresses */
	size_t count;
	size_t size;
};

static inline uint64_t table_take(struct table_memory *memory)
{
	return memory->count == 0 ? 0 : memory->free[--memory->count];
}

static inline void table_give(struct table_memory *memory, uint64_t pa)
{
	memory->free[memory->count++] = pa;
}

/* A page table; each contender uses the fields that it needs. */
struct space {
	struct table_memory *memory;
	uint64_t root;
	struct vmm_pt pt;
	struct vmm_pages pages;
	struct vmm_tlb_frames frames[2];
	struct vmm_tlb_gather gather;
};

struct contender {
	const char *name;
	void (*open)(struct space *space);
	/* Give all tables back but the root. */
	void (*close)(struct space *space);
	int (*map)(struct space *space, uint64_t va, uint64_t pa, uint64_t size,
		unsigned shift);
	int (*unmap)(struct space *space, uint64_t va, uint64_t size,
		unsigned shift);
	int (*protect)(struct space *space, uint64_t va, uint64_t size,
		unsigned shift);
	int (*translate)(struct space *space, uint64_t va, uint64_t *pa_out);
	/* Copy on write: the child gets the parent's pages, neither writes. */
	int (*fork)(struct space *child, struct space *parent, uint64_t va,
		uint64_t size);
};

extern const struct contender bench_ours;
extern const struct contender bench_naive;
extern const struct contender bench_visitor;

#endif /* BENCH_PT_CONTENDER_H */
