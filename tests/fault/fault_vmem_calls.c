/* SPDX-License-Identifier: MIT */
/*
 * Every call that may take nodes, at every number of nodes to spare and with
 * every reserve, in every way to set an arena up: it takes exactly as many as
 * it needs, or reports VMM_ENOMEM and leaves every byte as it was. Whatever
 * happened, all can be freed afterwards.
 */
#include "support/vmem_rig.h"

#include <vmm/vmem_nest.h>

#define NODES_MAX 80

static _Alignas(16) uint64_t memory[VMM_VMEM_NODES_SIZE(NODES_MAX) / 8];
static size_t node_count;

static struct vmm_vmem parent;
static _Alignas(16) uint64_t parent_memory[VMM_VMEM_NODES_SIZE(16) / 8];

static struct vmm_vmem_region embedded;

/*
 * One span from page 64:
 *
 *      64   66  67      75  76 78  79  80  81          128 192
 *      |free|A  |B      |C  | f|D  | f |E  |f ...        |
 *
 * B touches A and C. D, E and so on are of one page, behind a hole of one page
 * each, as many as are wanted.
 */
#define SPAN	 64
#define SPAN_END 192
#define A	 66
#define B	 67
#define C	 75
#define D	 78

static void build(const struct vmem_config *config, size_t nodes, unsigned more)
{
	node_count = nodes;
	arena_init(config, PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, VMM_VMEM_NODES_SIZE(nodes)),
		VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, SPAN * PAGE, (SPAN_END - SPAN) * PAGE),
		VMM_OK);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, A * PAGE, PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, B * PAGE, 8 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, C * PAGE, PAGE), VMM_OK);
	for (unsigned i = 0; i < more; i++)
		CHECK_EQ(vmm_vmem_alloc_at(&arena, (D + 2 * i) * PAGE, PAGE),
			VMM_OK);
}

static uint64_t digest(void)
{
	uint64_t sum = arena_digest(memory, VMM_VMEM_NODES_SIZE(node_count));

	sum = test_digest(sum, &embedded, sizeof(embedded));
	sum = test_digest(sum, &parent, sizeof(parent));
	return test_digest(sum, parent_memory, sizeof(parent_memory));
}

static int xalloc(struct vmm_vmem_request request, unsigned flags)
{
	const struct vmm_vmem_region *region = NULL;
	int err;

	request.flags |= flags;
	err = vmm_vmem_xalloc(&arena, &request, &region);
	CHECK_EQ(region != NULL, err == VMM_OK);
	return err;
}

static int alloc(uint64_t pages)
{
	vmm_va_t base = 1;
	int err = vmm_vmem_alloc(&arena, pages * PAGE, &base);

	CHECK_EQ(base != 1, err == VMM_OK);
	return err;
}

static const struct vmm_vmem_region *at(uint64_t page)
{
	return vmm_vmem_find(&arena, page * PAGE);
}

/* What is called; each takes the flags of a request, if it is one. */

static int alloc_exact(unsigned flags)
{
	(void)flags;
	return alloc(2);
}

static int alloc_part(unsigned flags)
{
	(void)flags;
	return alloc(20);
}

static int alloc_region_part(unsigned flags)
{
	const struct vmm_vmem_region *region = NULL;

	(void)flags;
	return vmm_vmem_alloc_region(&arena, 20 * PAGE, &region);
}

static int fixed_all(unsigned flags)
{
	return xalloc((struct vmm_vmem_request){.size = 2 * PAGE,
			      .where = SPAN * PAGE},
		flags | VMM_VMEM_FIXED);
}

static int fixed_start(unsigned flags)
{
	return xalloc(
		(struct vmm_vmem_request){.size = PAGE, .where = SPAN * PAGE},
		flags | VMM_VMEM_FIXED);
}

static int fixed_end(unsigned flags)
{
	return xalloc((struct vmm_vmem_request){.size = PAGE,
			      .where = (SPAN + 1) * PAGE},
		flags | VMM_VMEM_FIXED);
}

static int fixed_middle(unsigned flags)
{
	return xalloc(
		(struct vmm_vmem_request){.size = PAGE, .where = 150 * PAGE},
		flags | VMM_VMEM_FIXED);
}

static int alloc_at_middle(unsigned flags)
{
	(void)flags;
	return vmm_vmem_alloc_at(&arena, 150 * PAGE, PAGE);
}

static int guarded(unsigned flags)
{
	return xalloc((struct vmm_vmem_request){.size = 20 * PAGE,
			      .guard = {PAGE, PAGE}},
		flags);
}

static int aligned_middle(unsigned flags)
{
	return xalloc((struct vmm_vmem_request){.size = 30 * PAGE,
			      .align = 128 * PAGE},
		flags);
}

static int embed_exact(unsigned flags)
{
	return xalloc(
		(struct vmm_vmem_request){.size = 2 * PAGE, .embed = &embedded},
		flags);
}

static int embed_part(unsigned flags)
{
	return xalloc((struct vmm_vmem_request){.size = 20 * PAGE,
			      .embed = &embedded},
		flags);
}

static int embed_middle(unsigned flags)
{
	return xalloc(
		(struct vmm_vmem_request){
			.size = PAGE, .where = 150 * PAGE, .embed = &embedded},
		flags | VMM_VMEM_FIXED);
}

static int split(unsigned flags)
{
	const struct vmm_vmem_region *upper = NULL;
	int err = vmm_vmem_split(&arena, at(B), (B + 3) * PAGE, &upper);

	(void)flags;
	CHECK_EQ(upper != NULL, err == VMM_OK);
	return err;
}

static int part_low(unsigned flags)
{
	(void)flags;
	return vmm_vmem_free_part(&arena, B * PAGE, PAGE);
}

static int part_high(unsigned flags)
{
	(void)flags;
	return vmm_vmem_free_part(&arena, (B + 7) * PAGE, PAGE);
}

static int part_middle(unsigned flags)
{
	(void)flags;
	return vmm_vmem_free_part(&arena, (B + 3) * PAGE, PAGE);
}

static int shrink(unsigned flags)
{
	(void)flags;
	return vmm_vmem_resize(&arena, at(B), PAGE);
}

static int shrink_below(unsigned flags)
{
	(void)flags;
	return vmm_vmem_resize_below(&arena, at(B), PAGE);
}

static int add_above(unsigned flags)
{
	(void)flags;
	return vmm_vmem_add(&arena, SPAN_END * PAGE, PAGE);
}

static int add_below(unsigned flags)
{
	(void)flags;
	return vmm_vmem_add(&arena, 0, PAGE);
}

static int import(unsigned flags)
{
	const struct vmm_vmem_request request = {
		.size = 4 * PAGE, .flags = flags};
	vmm_va_t base;

	return vmm_vmem_import(&arena, &parent, &request, &base);
}

static int alloc_import(unsigned flags)
{
	const struct vmm_vmem_request request = {
		.size = 1000 * PAGE, .flags = flags};
	const struct vmm_vmem_region *region;

	return vmm_vmem_alloc_import(
		&arena, &parent, 1001 * PAGE, &request, &region);
}

/*
 * Nodes that a call needs at least to be made; and that it has taken then, if
 * the run is not full. If it is, one more of each, but where @run is false.
 */
static const struct call {
	int (*make)(unsigned flags);
	unsigned need;
	unsigned take;
	bool run;
	bool request; /* has flags */
} calls[] = {
	{alloc_exact, 0, 0, true, false},
	{alloc_part, 1, 1, true, false},
	{alloc_region_part, 1, 1, true, false},
	{fixed_all, 0, 0, true, true},
	{fixed_start, 1, 1, true, true},
	{fixed_end, 1, 1, true, true},
	{fixed_middle, 2, 2, true, true},
	{alloc_at_middle, 2, 2, true, false},
	{guarded, 1, 1, true, true},
	{aligned_middle, 2, 2, true, true},
	{embed_exact, 0, 0, true, true},
	{embed_part, 1, 1, true, true},
	{embed_middle, 2, 2, true, true},
	{split, 1, 1, true, false},
	{part_low, 1, 1, false, false},
	{part_high, 1, 1, false, false},
	{part_middle, 2, 2, true, false},
	{shrink, 1, 1, false, false},
	{shrink_below, 1, 1, false, false},
	{add_above, 2, 2, true, false},
	{add_below, 2, 2, true, false},
	/* It asks for the three that it may need before it knows. */
	{import, 3, 2, false, true},
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

static void open_parent(void)
{
	vmm_vmem_init(&parent, PAGE);
	CHECK_EQ(vmm_vmem_donate(&parent, parent_memory, sizeof(parent_memory)),
		VMM_OK);
	CHECK_EQ(vmm_vmem_add(&parent, VMM_GIB(1), VMM_GIB(1)), VMM_OK);
}

/* Nodes that nobody uses and nobody has set aside. */
static size_t to_spare(void)
{
	return vmm_vmem_spare(&arena) - arena.embedded_count;
}

/* Free all, close, and find no node missing. */
static void expect_freeable(void)
{
	vmm_va_t imported = 0;

	while (arena.used_count != 0) {
		CHECK_EQ(vmm_vmem_free(&arena,
				 vmm_vmem_region_base(
					 vmm_vmem_floor(&arena, UINT64_MAX))),
			VMM_OK);
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	}
	if (parent.used_count != 0) {
		imported = vmm_vmem_region_base(vmm_vmem_ceiling(&parent, 0));
		CHECK_EQ(vmm_vmem_give_back(&arena, imported), VMM_OK);
	}
	CHECK_EQ(vmm_vmem_check(&parent), VMM_OK);
	CHECK_EQ(parent.used_count, 0);
	CHECK_EQ(vmm_vmem_fini(&arena), VMM_OK);
}

/* @full: the marker and the used regions fill a run. */
static void try_call(const struct vmem_config *config, const struct call *call,
	bool full, size_t spare, size_t reserve)
{
	const unsigned more = full ? VMM_VMEM_RUN_MAX - 4 : 3;
	size_t need = call->need + (full && call->run);
	size_t take =
		call->take + (full && (call->run || call->make == import));
	size_t in_use;

	/* Marker, used, run; holes between those of a page, and two more. */
	in_use = 1 + 3 + more + 1 + more + 2;
	for (unsigned flags = 0; flags <= VMM_VMEM_USE_RESERVE;
		flags += VMM_VMEM_USE_RESERVE) {
		size_t keep = flags != 0 ? 0 : reserve;
		bool enough = need == 0 || spare >= need + keep;
		uint64_t before;
		int err;

		if (flags != 0 && !call->request)
			continue;
		open_parent();
		build(config, in_use + spare, more);
		CHECK_EQ(arena.run_count, 1);
		CHECK_EQ(vmm_vmem_spare(&arena), spare);
		vmm_vmem_set_reserve(&arena, reserve);
		before = digest();
		err = call->make(flags);
		CHECK_EQ(err, enough ? VMM_OK : VMM_ENOMEM);
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
		if (err)
			CHECK_EQ(digest(), before);
		CHECK_EQ(to_spare(), enough ? spare - take : spare);
		expect_freeable();
	}
}

TEST(fault_vmem_every_call_at_every_supply)
{
	for (unsigned config = 0; config < VMEM_CONFIGS; config++) {
		for (unsigned i = 0; i < CALLS * 2 * 6 * 4; i++)
			try_call(&vmem_configs[config], &calls[i / 48],
				i / 24 % 2, i / 4 % 6, i % 4);
	}
}

/*
 * An import that is needed for a request: if there are nodes for the import and
 * not for the region in it, it is given back.
 */
TEST(fault_vmem_alloc_import_every_supply)
{
	for (unsigned i = 0; i < VMEM_CONFIGS * 12; i++) {
		size_t spare = i / 2 % 6;
		bool full = i & 1;
		const unsigned more = full ? VMM_VMEM_RUN_MAX - 4 : 3;
		int err;

		open_parent();
		build(&vmem_configs[i / 12], 7 + 2 * more + spare, more);
		CHECK_EQ(vmm_vmem_spare(&arena), spare);
		err = alloc_import(0);
		/* Marker, free region, used region; a run for the marker. */
		CHECK_EQ(err, spare >= (full ? 4 : 3) ? VMM_OK : VMM_ENOMEM);
		CHECK_EQ(arena.span_count, err == VMM_OK ? 2 : 1);
		CHECK_EQ(parent.used_count, err == VMM_OK);
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
		CHECK_EQ(vmm_vmem_check(&parent), VMM_OK);
		if (err)
			CHECK_EQ(vmm_vmem_spare(&arena), spare);
		expect_freeable();
	}
}

/*
 * The parent's nodes running out while the child has some: nothing is
 * imported, and the child is as it was.
 */
TEST(fault_vmem_import_without_nodes_of_the_parent)
{
	uint64_t before;

	build(&vmem_configs[0], 30, 3);
	vmm_vmem_init(&parent, PAGE);
	CHECK_EQ(
		vmm_vmem_donate(&parent, parent_memory, VMM_VMEM_NODES_SIZE(3)),
		VMM_OK);
	CHECK_EQ(vmm_vmem_add(&parent, VMM_GIB(1), VMM_GIB(1)), VMM_OK);
	CHECK_EQ(vmm_vmem_spare(&parent), 0);
	before = digest();
	CHECK_EQ(import(0), VMM_ENOMEM);
	CHECK_EQ(alloc_import(0), VMM_ENOMEM);
	CHECK_EQ(digest(), before);
	/* All of the parent's span, which needs no node. */
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
}

/*
 * What gives addresses up or only looks takes no node, though none is spare and
 * more are reserved than there are: freeing, growing, joining, removing.
 */
TEST(fault_vmem_calls_without_nodes)
{
	for (unsigned config = 0; config < VMEM_CONFIGS; config++) {
		open_parent();
		build(&vmem_configs[config], 1 + 3 + 3 + 1 + 3 + 2, 3);
		vmm_vmem_set_reserve(&arena, 10);
		CHECK_EQ(vmm_vmem_spare(&arena), 0);
		CHECK_EQ(vmm_vmem_resize(&arena, at(C), 2 * PAGE), VMM_OK);
		CHECK_EQ(
			vmm_vmem_resize_below(&arena, at(A), 2 * PAGE), VMM_OK);
		CHECK_EQ(
			vmm_vmem_resize_below(&arena, at(A - 1), PAGE), VMM_OK);
		CHECK_EQ(vmm_vmem_join(&arena, at(A)), VMM_OK);
		vmm_vmem_set_reserve(&arena, 0);
		CHECK_EQ(vmm_vmem_split(&arena, at(A), B * PAGE,
				 &(const struct vmm_vmem_region *){NULL}),
			VMM_OK);
		vmm_vmem_set_reserve(&arena, 10);
		CHECK_EQ(vmm_vmem_free_part(&arena, (C + 1) * PAGE, PAGE),
			VMM_OK);
		CHECK_EQ(vmm_vmem_free_sized(&arena, C * PAGE, PAGE), VMM_OK);
		CHECK_EQ(vmm_vmem_free_region(&arena, at(D)), VMM_OK);
		CHECK_EQ(vmm_vmem_free_release(&arena, at(A)), VMM_OK);
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
		vmm_vmem_free_all(&arena);
		CHECK_EQ(vmm_vmem_remove(&arena, SPAN * PAGE), VMM_OK);
		CHECK_EQ(vmm_vmem_spare(&arena), node_count);
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	}
}
