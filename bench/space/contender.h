/* SPDX-License-Identifier: MIT */
/*
 * What is compared: ways to keep tasks' memory, all with tables of Sv48 and
 * out of one pool of pages. A page's physical address is its pointer. All
 * memory is private and zeroed at first; nobody runs, so nobody is fenced, but
 * each call takes a lock as it would in a kernel.
 *
 * Functions return 0 or fail. Addresses and sizes are whole pages.
 */
#ifndef BENCH_SPACE_CONTENDER_H
#define BENCH_SPACE_CONTENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/space.h>

#define PAGE UINT64_C(4096)

/* machine.c: pages, for frames and tables. */

void machine_open(size_t pages);
uint64_t machine_take(void); /* one holder; ends the program if none is left */
void machine_get(uint64_t pa);
void machine_put(uint64_t pa);
uint32_t machine_holders(uint64_t pa);
size_t machine_free(void);
void machine_acquire(void *ctx);
void machine_release(void *ctx);

/* A task. Each contender uses the fields that it needs. */
struct area;
struct task {
	uint64_t root;
	struct vmm_space space;
	struct vmm_pt live;
	struct area *areas; /* sorted: a list's first, or an array */
	size_t count;
};

struct contender {
	const char *name;
	bool cow;
	void (*open)(struct task *task);
	void (*close)(struct task *task);
	/* At this place; what is there goes. */
	int (*map)(
		struct task *task, uint64_t va, uint64_t size, unsigned prot);
	/* Anywhere from 64 GiB on. */
	int (*map_any)(struct task *task, uint64_t size, uint64_t *va_out);
	int (*unmap)(struct task *task, uint64_t va, uint64_t size);
	int (*protect)(
		struct task *task, uint64_t va, uint64_t size, unsigned prot);
	int (*discard)(struct task *task, uint64_t va, uint64_t size);
	/* All of a region that begins at @va, to a place where nothing is. */
	int (*move)(struct task *task, uint64_t va, uint64_t size, uint64_t to,
		uint64_t to_size);
	/* A page fault. */
	int (*fault)(struct task *task, uint64_t va, bool write);
	/* Is there a region with the address? */
	bool (*find)(struct task *task, uint64_t va);
	/* @child is not open. */
	int (*fork)(struct task *child, struct task *parent);
};

extern const struct contender bench_ours;
extern const struct contender bench_naive;
extern const struct contender bench_array;

#endif /* BENCH_SPACE_CONTENDER_H */
