/* SPDX-License-Identifier: MIT */
/*
 * The small world, whole: all scripts of up to six operations on an arena of
 * eight pages, against a byte per page. Two spans of three and five pages
 * touch, so that their border is in the middle of everything.
 */
#include "support/test.h"

#include <vmm/vmem.h>

#define PAGES	8
#define BORDER	3
#define PAGE	VMM_PAGE_SIZE
#define OPS	10
#define LENGTH	6
#define SCRIPTS 1000000 /* OPS to the power of LENGTH */
#define NODES	(2 + PAGES)

static struct vmm_vmem arena;
static uint64_t memory[VMM_VMEM_NODES_SIZE(NODES) / 8];

/* The number of the region a page belongs to, 0 for a free page. */
static unsigned char owner[PAGES];

static void reset(void)
{
	vmm_vmem_init(&arena, PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, 0, BORDER * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, BORDER * PAGE, (PAGES - BORDER) * PAGE),
		VMM_OK);
	for (unsigned i = 0; i < PAGES; i++)
		owner[i] = 0;
}

/* The length of the run of like pages in one span that starts at @page. */
static unsigned run_at(unsigned page)
{
	unsigned end = page;

	do
		end++;
	while (end < PAGES && end != BORDER && owner[end] == owner[page]);
	return end - page;
}

static unsigned best_fit(unsigned pages)
{
	unsigned best = PAGES;
	unsigned best_run = PAGES + 1;

	for (unsigned at = 0; at < PAGES; at += run_at(at)) {
		if (owner[at] != 0 || run_at(at) < pages)
			continue;
		if (run_at(at) < best_run) {
			best = at;
			best_run = run_at(at);
		}
	}
	return best;
}

static void mark(unsigned page, unsigned pages, unsigned who)
{
	for (unsigned i = 0; i < pages; i++)
		owner[page + i] = (unsigned char)who;
}

static void do_alloc(unsigned pages, unsigned who)
{
	unsigned at = best_fit(pages);
	vmm_va_t base = 1;

	CHECK_EQ(vmm_vmem_alloc(&arena, pages * PAGE, &base),
		at < PAGES ? VMM_OK : VMM_ENOSPC);
	if (at == PAGES)
		return;
	CHECK_EQ(base, at * PAGE);
	mark(at, pages, who);
}

static void do_alloc_at(unsigned page, unsigned pages, unsigned who)
{
	int err = VMM_OK;

	for (unsigned i = 0; i < pages; i++) {
		if (owner[page + i] != 0)
			err = VMM_EEXIST;
	}
	if (page < BORDER && page + pages > BORDER)
		err = VMM_ERANGE;
	CHECK_EQ(vmm_vmem_alloc_at(&arena, page * PAGE, pages * PAGE), err);
	if (err == VMM_OK)
		mark(page, pages, who);
}

static void do_free(unsigned page)
{
	bool start = owner[page] != 0 &&
		     (page == 0 || owner[page - 1] != owner[page]);

	CHECK_EQ(vmm_vmem_free(&arena, page * PAGE),
		start ? VMM_OK : VMM_ENOENT);
	if (start)
		mark(page, run_at(page), 0);
}

/* Ten operations; region numbers are step numbers, from 1. */
static void do_op(unsigned op, unsigned step)
{
	if (op < 3)
		do_alloc(op + 1, step);
	else if (op == 3)
		do_alloc_at(1, 1, step);
	else if (op == 4)
		do_alloc_at(4, 2, step);
	else if (op == 5)
		do_alloc_at(2, 2, step);
	else
		do_free((op - 6) * 2 - (op > 7));
}

static void compare(void)
{
	const struct vmm_vmem_region *region = vmm_vmem_region_first(&arena);

	for (unsigned at = 0; at < PAGES; at += run_at(at)) {
		CHECK(region != NULL);
		CHECK_EQ(vmm_vmem_region_base(region), at * PAGE);
		CHECK_EQ(vmm_vmem_region_size(region), run_at(at) * PAGE);
		CHECK_EQ(vmm_vmem_region_is_used(region), owner[at] != 0);
		region = vmm_vmem_region_next(&arena, region);
	}
	CHECK(region == NULL);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
}

/*
 * Allocate 1, 2 or 3 pages anywhere, three fixed ranges (one of them across
 * the border), free at page 0, 2, 3 or 5: ten operations, a million scripts
 * of six. Prefixes of a script are scripts, so the shorter ones are in; they
 * are compared when they come first, that is when the rest is all zero.
 */
TEST(exhaust_vmem_scripts)
{
	for (unsigned script = 0; script < SCRIPTS; script++) {
		unsigned rest = script;

		reset();
		for (unsigned step = 1; step <= LENGTH; step++) {
			do_op(rest % OPS, step);
			rest /= OPS;
			if (rest == 0)
				compare();
		}
	}
}
