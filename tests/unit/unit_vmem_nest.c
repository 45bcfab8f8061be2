/* SPDX-License-Identifier: MIT */
/* Nested arenas by example: every call, every error, every edge. */
#include "support/vmem_rig.h"

#include <vmm/vmem_nest.h>

#define BASE UINT64_C(0xffffffc000000000)

static _Alignas(16) uint64_t memory[VMM_VMEM_NODES_SIZE(200) / 8];
static struct vmm_vmem parent;
static _Alignas(16) uint64_t parent_memory[VMM_VMEM_NODES_SIZE(200) / 8];
static const struct vmem_config plain;

static void open_both(uint64_t quantum, uint64_t parent_quantum)
{
	arena_init(&plain, quantum);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
	vmm_vmem_init(&parent, parent_quantum);
	CHECK_EQ(vmm_vmem_donate(&parent, parent_memory, sizeof(parent_memory)),
		VMM_OK);
	CHECK_EQ(vmm_vmem_add(&parent, BASE, VMM_GIB(1)), VMM_OK);
}

static uint64_t digest(void)
{
	uint64_t sum = arena_digest(memory, sizeof(memory));

	sum = test_digest(sum, &parent, sizeof(parent));
	return test_digest(sum, parent_memory, sizeof(parent_memory));
}

static void check_both(size_t imports)
{
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	CHECK_EQ(vmm_vmem_check(&parent), VMM_OK);
	CHECK_EQ(parent.used_count, imports);
}

/* The region in the parent is found again, and names the child. */
TEST(unit_vmem_nest_import_and_give_back)
{
	const struct vmm_vmem_request request = {.size = 16 * PAGE};
	const struct vmm_vmem_region *region;
	vmm_va_t base = 1;
	vmm_va_t at;

	open_both(PAGE, PAGE);
	CHECK_EQ(vmm_vmem_import(&arena, &parent, &request, &base), VMM_OK);
	CHECK_EQ(base, BASE);
	check_both(1);
	region = vmm_vmem_find(&parent, base);
	CHECK_EQ(vmm_vmem_region_size(region), 16 * PAGE);
	CHECK(vmm_vmem_region_tags(region)->user == &arena);
	CHECK_EQ(vmm_vmem_alloc(&arena, 16 * PAGE, &at), VMM_OK);
	CHECK_EQ(at, base);
	CHECK_EQ(vmm_vmem_give_back(&arena, base), VMM_EBUSY);
	CHECK_EQ(vmm_vmem_remove(&arena, base), VMM_EBUSY);
	CHECK_EQ(vmm_vmem_fini(&arena), VMM_EBUSY);
	CHECK_EQ(vmm_vmem_free(&arena, at), VMM_OK);
	/* Free, but not to be removed by hand, nor closed over. */
	CHECK_EQ(vmm_vmem_remove(&arena, base), VMM_EBUSY);
	CHECK_EQ(vmm_vmem_fini(&arena), VMM_EBUSY);
	CHECK_EQ(vmm_vmem_give_back(&arena, base + PAGE), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_give_back(&arena, 0), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_give_back(&arena, base), VMM_OK);
	CHECK_EQ(vmm_vmem_give_back(&arena, base), VMM_ENOENT);
	check_both(0);
	CHECK_EQ(vmm_vmem_fini(&arena), VMM_OK);
	CHECK_EQ(vmm_vmem_fini(&parent), VMM_OK);
}

/* Tags, guards, window, place: as for any request to the parent. */
TEST(unit_vmem_nest_import_with_a_request)
{
	struct vmm_vmem_request request = {.size = 4 * PAGE,
		.guard = {PAGE, 2 * PAGE},
		.align = 64 * PAGE,
		.min = BASE + PAGE,
		.tags = {.owner = 9}};
	const struct vmm_vmem_region *region;
	vmm_va_t base;

	open_both(PAGE, PAGE);
	CHECK_EQ(vmm_vmem_import(&arena, &parent, &request, &base), VMM_OK);
	CHECK_EQ(base, BASE + 64 * PAGE);
	/* The guards are the parent's: the span is what lies between. */
	CHECK_EQ(arena.size, 4 * PAGE);
	region = vmm_vmem_find(&parent, base);
	CHECK_EQ(vmm_vmem_region_guard(region, true), 2 * PAGE);
	CHECK_EQ(vmm_vmem_region_tags(region)->owner, 9);
	CHECK(vmm_vmem_find_containing(&parent, base - 1) == region);
	CHECK(vmm_vmem_region_find(&arena, base - 1) == NULL);
	CHECK(vmm_vmem_region_find(&arena, base + 4 * PAGE) == NULL);
	request.tags.user = &request;
	CHECK_EQ(vmm_vmem_import(&arena, &parent, &request, &base), VMM_OK);
	CHECK(vmm_vmem_region_tags(vmm_vmem_find(&parent, base))->user ==
		&request);
	CHECK_EQ(vmm_vmem_give_back(&arena, BASE + 64 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_give_back(&arena, base), VMM_OK);
	check_both(0);
}

TEST(unit_vmem_nest_import_errors)
{
	struct vmm_vmem_request request = {.size = VMM_GIB(2)};
	vmm_va_t base = 1;
	uint64_t before;

	open_both(PAGE, PAGE);
	before = digest();
	CHECK_EQ(vmm_vmem_import(&arena, &parent, &request, &base), VMM_ENOSPC);
	request.size = 0;
	CHECK_EQ(vmm_vmem_import(&arena, &parent, &request, &base), VMM_EINVAL);
	request.size = PAGE;
	request.flags = VMM_VMEM_FIXED;
	CHECK_EQ(vmm_vmem_import(&arena, &parent, &request, &base), VMM_ERANGE);
	CHECK_EQ(base, 1);
	CHECK_EQ(digest(), before);

	/* The child has a span there that is not the parent's. */
	CHECK_EQ(vmm_vmem_add(&arena, BASE + 4 * PAGE, PAGE), VMM_OK);
	request.where = BASE + 2 * PAGE;
	request.size = 4 * PAGE;
	CHECK_EQ(vmm_vmem_import(&arena, &parent, &request, &base), VMM_EEXIST);
	CHECK_EQ(base, 1);
	CHECK_EQ(arena.span_count, 1);
	check_both(0);
	request.size = 2 * PAGE;
	CHECK_EQ(vmm_vmem_import(&arena, &parent, &request, &base), VMM_OK);
	CHECK_EQ(vmm_vmem_import(&arena, &parent, &request, &base), VMM_EEXIST);
	check_both(1);
	/* A span that was added by hand is not given back. */
	CHECK_EQ(vmm_vmem_give_back(&arena, BASE + 4 * PAGE), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_remove(&arena, BASE + 4 * PAGE), VMM_OK);
}

/* What fits is served; what does not imports first, and no more than asked. */
TEST(unit_vmem_nest_alloc_import)
{
	const struct vmm_vmem_request page = {.size = PAGE};
	const struct vmm_vmem_request large = {
		.size = 3 * PAGE, .align = 4 * PAGE};
	const struct vmm_vmem_region *a, *b, *c;

	open_both(PAGE, PAGE);
	CHECK_EQ(vmm_vmem_alloc_import(&arena, &parent, 8 * PAGE, &page, &a),
		VMM_OK);
	CHECK_EQ(arena.size, 8 * PAGE);
	CHECK_EQ(vmm_vmem_alloc_import(&arena, &parent, 8 * PAGE, &page, &b),
		VMM_OK);
	CHECK_EQ(arena.size, 8 * PAGE);
	check_both(1);
	/* No more than what has a place wherever it begins. */
	CHECK_EQ(vmm_vmem_resize(&arena, b, 7 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_alloc_import(&arena, &parent, 0, &large, &c), VMM_OK);
	CHECK(vmm_is_aligned(vmm_vmem_region_base(c), 4 * PAGE));
	CHECK_EQ(arena.size, 8 * PAGE + 6 * PAGE);
	check_both(2);
	CHECK_EQ(vmm_vmem_free_release(&arena, c), VMM_OK);
	check_both(1);
	CHECK_EQ(vmm_vmem_free_release(&arena, a), VMM_OK);
	check_both(1);
	CHECK_EQ(vmm_vmem_free_release(&arena, a), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_free_release(&arena, NULL), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_free_release(&arena, b), VMM_OK);
	check_both(0);
	CHECK_EQ(arena.span_count, 0);
	CHECK_EQ(vmm_vmem_fini(&arena), VMM_OK);
}

/* The window holds for the import, too; errors import nothing. */
TEST(unit_vmem_nest_alloc_import_errors)
{
	struct vmm_vmem_request request = {
		.size = PAGE, .min = BASE + VMM_MIB(512)};
	const struct vmm_vmem_region *region = NULL;
	uint64_t before;

	open_both(PAGE, PAGE);
	CHECK_EQ(vmm_vmem_alloc_import(
			 &arena, &parent, VMM_MIB(1), &request, &region),
		VMM_OK);
	CHECK(vmm_vmem_region_base(region) >= BASE + VMM_MIB(512));
	CHECK_EQ(vmm_vmem_free_release(&arena, region), VMM_OK);
	check_both(0);
	region = NULL;
	before = digest();
	request.max = BASE;
	CHECK_EQ(vmm_vmem_alloc_import(
			 &arena, &parent, VMM_MIB(1), &request, &region),
		VMM_EINVAL);
	request = (struct vmm_vmem_request){.size = VMM_GIB(1) + 1};
	CHECK_EQ(vmm_vmem_alloc_import(&arena, &parent, 0, &request, &region),
		VMM_ENOSPC);
	request.size = UINT64_MAX;
	CHECK_EQ(vmm_vmem_alloc_import(&arena, &parent, 0, &request, &region),
		VMM_ENOSPC);
	request.size = PAGE;
	request.align = UINT64_C(1) << 63;
	CHECK_EQ(vmm_vmem_alloc_import(&arena, &parent, 0, &request, &region),
		VMM_ENOSPC);
	request.align = 0;
	CHECK_EQ(vmm_vmem_alloc_import(
			 &arena, &parent, VMM_GIB(2), &request, &region),
		VMM_ENOSPC);
	request.flags = VMM_VMEM_FIXED;
	request.where = BASE;
	CHECK_EQ(vmm_vmem_alloc_import(&arena, &parent, 0, &request, &region),
		VMM_ERANGE);
	CHECK(region == NULL);
	CHECK_EQ(digest(), before);
}

/* A child of small quanta in a parent of large ones. */
TEST(unit_vmem_nest_quanta)
{
	const struct vmm_vmem_request request = {.size = 3, .guard = {1, 1}};
	const struct vmm_vmem_region *region;

	open_both(1, PAGE);
	for (unsigned i = 0; i < 20; i++)
		CHECK_EQ(vmm_vmem_alloc_import(
				 &arena, &parent, 0, &request, &region),
			VMM_OK);
	CHECK_EQ(arena.size, PAGE);
	CHECK_EQ(arena.used_size, 20 * 5);
	check_both(1);
}

/* Three levels: what the lowest gives back goes up as far as it is free. */
TEST(unit_vmem_nest_three_levels)
{
	static struct vmm_vmem low;
	static _Alignas(16) uint64_t low_memory[VMM_VMEM_NODES_SIZE(20) / 8];
	const struct vmm_vmem_request request = {.size = PAGE};
	const struct vmm_vmem_request segment = {.size = 64 * PAGE};
	const struct vmm_vmem_region *region;
	vmm_va_t base;

	open_both(PAGE, PAGE);
	vmm_vmem_init(&low, PAGE);
	CHECK_EQ(vmm_vmem_donate(&low, low_memory, sizeof(low_memory)), VMM_OK);
	CHECK_EQ(vmm_vmem_import(&arena, &parent, &segment, &base), VMM_OK);
	CHECK_EQ(vmm_vmem_alloc_import(
			 &low, &arena, 8 * PAGE, &request, &region),
		VMM_OK);
	CHECK_EQ(vmm_vmem_region_base(region), base);
	CHECK_EQ(vmm_vmem_give_back(&arena, base), VMM_EBUSY);
	CHECK_EQ(vmm_vmem_free_release(&low, region), VMM_OK);
	CHECK_EQ(low.span_count, 0);
	CHECK_EQ(vmm_vmem_give_back(&arena, base), VMM_OK);
	check_both(0);
}

/* Imports of a parent that ends at 2^64. */
TEST(unit_vmem_nest_at_the_top)
{
	const struct vmm_vmem_request request = {
		.size = 16 * PAGE, .flags = VMM_VMEM_LAST_FIT};
	const struct vmm_vmem_region *region;
	vmm_va_t base;

	open_both(PAGE, PAGE);
	CHECK_EQ(vmm_vmem_add(&parent, -(64 * PAGE), 64 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_import(&arena, &parent, &request, &base), VMM_OK);
	CHECK_EQ(base, -(16 * PAGE));
	CHECK_EQ(vmm_vmem_alloc_import(&arena, &parent, 0, &request, &region),
		VMM_OK);
	CHECK_EQ(vmm_vmem_region_base(region), base);
	CHECK_EQ(vmm_vmem_free_release(&arena, region), VMM_OK);
	check_both(0);
}

/* A region of the child's. */
struct piece {
	const struct vmm_vmem_region *region;
	vmm_va_t base;
	uint64_t size;
};

/*
 * Random work in a child that imports and releases: it never holds a span that
 * is entirely free, and what the parent has in use is what the child has in
 * spans.
 */
TEST(unit_vmem_nest_random)
{
	static struct piece pieces[50];
	struct rng rng = {test_seed};
	size_t count = 0;

	open_both(PAGE, PAGE);
	for (uint64_t step = 0; step < 20000 * test_factor; step++) {
		struct vmm_vmem_request request = {
			.size = 1 + rng_below(&rng, 6 * PAGE),
			.align = PAGE << rng_below(&rng, 4),
			.guard = {rng_below(&rng, 2) * PAGE, 0},
		};
		struct piece *piece = &pieces[rng_below(&rng, 50)];

		if (piece->region != NULL) {
			CHECK_EQ(vmm_vmem_region_base(piece->region),
				piece->base);
			CHECK_EQ(vmm_vmem_region_size(piece->region),
				piece->size);
			CHECK_EQ(vmm_vmem_free_release(&arena, piece->region),
				VMM_OK);
			piece->region = NULL;
			count--;
		} else if (vmm_vmem_alloc_import(&arena, &parent,
				   rng_below(&rng, 20 * PAGE), &request,
				   &piece->region) == VMM_OK) {
			piece->base = vmm_vmem_region_base(piece->region);
			piece->size = vmm_vmem_region_size(piece->region);
			CHECK(piece->base % request.align == 0);
			CHECK(vmm_vmem_find_containing(&parent, piece->base) !=
				NULL);
			count++;
		} else {
			/* Of 200 nodes, four for each would do, and a run. */
			CHECK(vmm_vmem_spare(&arena) < 4 ||
				vmm_vmem_spare(&parent) < 3);
			piece->region = NULL;
		}
		CHECK_EQ(arena.used_count, count);
		CHECK_EQ(arena.size, parent.used_size);
		CHECK_EQ(arena.span_count, parent.used_count);
		for (const struct vmm_vmem_region *span =
				vmm_vmem_ceiling(&parent, 0);
			span != NULL; span = vmm_vmem_next(&parent, span)) {
			const struct vmm_vmem_region *first =
				vmm_vmem_region_find(
					&arena, vmm_vmem_region_base(span));

			CHECK(vmm_vmem_region_is_used(first) ||
				vmm_vmem_region_size(first) !=
					vmm_vmem_region_size(span));
		}
		check_both(arena.span_count);
	}
}
