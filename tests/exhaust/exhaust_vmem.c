/* SPDX-License-Identifier: MIT */
/*
 * The small world, whole: all scripts of up to six operations on an arena of
 * eight pages, against a byte per page, in every way to set an arena up. Two
 * spans of three and five pages touch, so that their border is in the middle of
 * everything.
 */
#include "support/vmem_rig.h"

#define PAGES  8
#define BORDER 3
#define OPS    10
#define NODES  VMM_VMEM_NODES_FOR(2 + PAGES)

/*
 * Once in full; less where each operation is followed by a whole check, or
 * emulated, and with the other compiler.
 */
#if VMM_ASSERT_LEVEL >= 2 || defined(__riscv) || !defined(__clang__)
#define LENGTH 5
#else
#define LENGTH 6
#endif

static _Alignas(16) uint64_t memory[VMM_VMEM_NODES_SIZE(NODES) / 8];
static struct vmm_vmem_region embedded[LENGTH + 1];

/* The number of the region a page belongs to, 0 for a free page. */
static unsigned char owner[PAGES];
static unsigned char next_owner;

static void start(const struct vmem_config *config)
{
	arena_init(config, PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, 0, BORDER * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, BORDER * PAGE, (PAGES - BORDER) * PAGE),
		VMM_OK);
}

static void reset(void)
{
	vmm_vmem_free_all(&arena);
	CHECK_EQ(vmm_vmem_spare(&arena), NODES - 5);
	for (unsigned i = 0; i < PAGES; i++)
		owner[i] = 0;
	next_owner = 1;
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

static unsigned run_start(unsigned page)
{
	while (page != 0 && page != BORDER && owner[page - 1] == owner[page])
		page--;
	return page;
}

static void mark(unsigned page, unsigned pages, unsigned char who)
{
	for (unsigned i = 0; i < pages; i++)
		owner[page + i] = who;
}

/* The first page of the smallest hole with @pages, or PAGES. */
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

static void do_alloc(unsigned pages)
{
	unsigned at = best_fit(pages);
	vmm_va_t base = 1;

	CHECK_EQ(vmm_vmem_alloc(&arena, pages * PAGE, &base),
		at < PAGES ? VMM_OK : VMM_ENOSPC);
	if (at == PAGES)
		return;
	/* With bins, any hole of the size will do. */
	if (arena.bins != NULL && base != at * PAGE) {
		unsigned size = run_at(at);

		at = (unsigned)(base / PAGE);
		CHECK(at < PAGES && base % PAGE == 0 && owner[at] == 0);
		CHECK(run_start(at) == at && run_at(at) == size);
	}
	CHECK_EQ(base, at * PAGE);
	mark(at, pages, next_owner++);
}

static void do_alloc_at(unsigned page, unsigned pages)
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
		mark(page, pages, next_owner++);
}

static void do_free(unsigned page)
{
	bool is_start = owner[page] != 0 && run_start(page) == page;

	CHECK_EQ(vmm_vmem_free(&arena, page * PAGE),
		is_start ? VMM_OK : VMM_ENOENT);
	if (is_start)
		mark(page, run_at(page), 0);
}

/*
 * Allocate 1, 2 or 3 pages anywhere, three fixed ranges (one of them across
 * the border), free at page 0, 2, 3 or 5.
 */
static void do_op(unsigned op)
{
	if (op < 3)
		do_alloc(op + 1);
	else if (op == 3)
		do_alloc_at(1, 1);
	else if (op == 4)
		do_alloc_at(4, 2);
	else if (op == 5)
		do_alloc_at(2, 2);
	else
		do_free((op - 6) * 2 - (op > 7));
}

/* The lowest or the highest place for @pages, or PAGES. */
static unsigned end_fit(unsigned pages, bool down)
{
	for (unsigned i = 0; i <= PAGES - pages; i++) {
		unsigned at = down ? PAGES - pages - i : i;

		if (owner[at] == 0 &&
			run_at(run_start(at)) - (at - run_start(at)) >= pages)
			return at;
	}
	return PAGES;
}

static void do_policy(unsigned flags, unsigned pages)
{
	struct vmm_vmem_request request = {
		.size = pages * PAGE, .flags = flags};
	unsigned at = end_fit(pages, flags == VMM_VMEM_LAST_FIT);
	const struct vmm_vmem_region *region = NULL;
	int err = at < PAGES ? VMM_OK : VMM_ENOSPC;

	if (arena.bins != NULL && !arena.by_address)
		err = VMM_ENOTSUP;
	if (flags == VMM_VMEM_LAST_FIT)
		request.embed = &embedded[next_owner % (LENGTH + 1)];
	CHECK_EQ(vmm_vmem_xalloc(&arena, &request, &region), err);
	if (err != VMM_OK)
		return;
	CHECK_EQ(vmm_vmem_region_base(region), at * PAGE);
	mark(at, pages, next_owner++);
}

/* The used region that @page is of, or NULL. */
static const struct vmm_vmem_region *handle_at(unsigned page)
{
	const struct vmm_vmem_region *region =
		vmm_vmem_find_containing(&arena, page * PAGE);

	CHECK_EQ(region != NULL, owner[page] != 0);
	return region;
}

static void do_split(unsigned page)
{
	const struct vmm_vmem_region *region = handle_at(page);
	const struct vmm_vmem_region *upper;
	bool inside = run_start(page) != page;

	if (region == NULL)
		return;
	CHECK_EQ(vmm_vmem_split(&arena, region, page * PAGE, &upper),
		inside ? VMM_OK : VMM_EINVAL);
	if (inside)
		mark(page, run_at(page), next_owner++);
}

static void do_join(unsigned page)
{
	const struct vmm_vmem_region *region = handle_at(page);
	unsigned first = run_start(page);
	unsigned next = first + run_at(first);
	bool joins = next < PAGES && next != BORDER && owner[next] != 0;

	if (region == NULL)
		return;
	CHECK_EQ(vmm_vmem_join(&arena, region), joins ? VMM_OK : VMM_EINVAL);
	if (joins)
		mark(next, run_at(next), owner[page]);
}

static void do_grow(unsigned page)
{
	const struct vmm_vmem_region *region = handle_at(page);
	unsigned first = run_start(page);
	unsigned next = first + run_at(first);
	bool grows = next < PAGES && next != BORDER && owner[next] == 0;

	if (region == NULL)
		return;
	CHECK_EQ(vmm_vmem_resize(&arena, region, (next - first + 1) * PAGE),
		grows ? VMM_OK : VMM_ENOSPC);
	if (grows)
		owner[next] = owner[page];
}

static void do_shrink_below(unsigned page)
{
	const struct vmm_vmem_region *region = handle_at(page);
	unsigned first = run_start(page);
	uint64_t size = run_at(first) - 1;

	if (region == NULL)
		return;
	CHECK_EQ(vmm_vmem_resize_below(&arena, region, size * PAGE),
		size != 0 ? VMM_OK : VMM_EINVAL);
	if (size != 0)
		owner[first] = 0;
}

static void do_free_part(unsigned page)
{
	unsigned first = run_start(page);
	unsigned end = first + run_at(first);
	bool used = owner[page] != 0;

	CHECK_EQ(vmm_vmem_free_part(&arena, page * PAGE, PAGE),
		used ? VMM_OK : VMM_ENOENT);
	if (!used)
		return;
	/* What is left above is a region of its own. */
	if (page != first)
		mark(page, end - page, next_owner++);
	owner[page] = 0;
}

/* What else there is: policies, an embedded node, and all changes of shape. */
static void do_other_op(unsigned op)
{
	if (op < 2)
		do_alloc(op * 3 + 1);
	else if (op == 2)
		do_policy(VMM_VMEM_LAST_FIT, 2);
	else if (op == 3)
		do_policy(VMM_VMEM_FIRST_FIT, 2);
	else if (op == 4)
		do_split(5);
	else if (op == 5)
		do_join(4);
	else if (op == 6)
		do_grow(4);
	else if (op == 7)
		do_shrink_below(6);
	else if (op == 8)
		do_free_part(5);
	else
		do_free(6);
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
 * Prefixes of a script are scripts, so the shorter ones are in; they are
 * compared when they come first, that is when the rest is all zero.
 */
static void all_scripts(
	const struct vmem_config *config, void (*make)(unsigned op))
{
	unsigned scripts = 1;

	for (unsigned i = 0; i < LENGTH; i++)
		scripts *= OPS;
	start(config);
	for (unsigned script = 0; script < scripts; script++) {
		unsigned rest = script;

		reset();
		for (unsigned step = 0; step < LENGTH; step++) {
			make(rest % OPS);
			rest /= OPS;
			if (rest == 0)
				compare();
		}
	}
}

/* Eight regions fill no index of 32 buckets: one of two is enough. */
static void all_configs(void (*make)(unsigned op))
{
	for (unsigned i = 0; i < VMEM_CONFIGS; i++) {
		if (vmem_configs[i].index <= 2)
			all_scripts(&vmem_configs[i], make);
	}
}

TEST(exhaust_vmem_scripts)
{
	all_configs(do_op);
}

TEST(exhaust_vmem_scripts_of_shapes)
{
	all_configs(do_other_op);
}
