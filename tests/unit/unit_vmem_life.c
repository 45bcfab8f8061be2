/* SPDX-License-Identifier: MIT */
/*
 * Address regions: spans and their borders, the life of an arena and of its
 * nodes, and the shapes that broke the trees of others.
 */
#include "support/rb_depth.h"
#include "support/test.h"

#include <vmm/vmem.h>

#define PAGE VMM_PAGE_SIZE

/*
 * Equal sizes: a million, in memory of 312 MB. Where each call is followed by a
 * whole check, a few; the factor makes them more.
 */
#if VMM_ASSERT_LEVEL >= 2
#define EQUALS	   400
#define EQUALS_MAX 100000
#else
#define EQUALS	   1000000
#define EQUALS_MAX EQUALS
#endif
#define NODES_MAX VMM_VMEM_NODES_FOR(2 * EQUALS_MAX + 16)

static struct vmm_vmem arena;
static _Alignas(16) uint64_t memory[VMM_VMEM_NODES_SIZE(NODES_MAX) / 8];

static void open_arena(size_t nodes)
{
	vmm_vmem_init(&arena, PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, VMM_VMEM_NODES_SIZE(nodes)),
		VMM_OK);
	CHECK_EQ(vmm_vmem_spare(&arena), nodes);
}

/* Both ends of the address space, and a sum of sizes that is 2^64. */
TEST(unit_vmem_whole_address_space)
{
	const uint64_t half = UINT64_C(1) << 63;
	struct vmm_vmem_stat stat;
	vmm_va_t base = 1;

	open_arena(16);
	CHECK_EQ(vmm_vmem_add(&arena, 0, half), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, half, half), VMM_OK);
	vmm_vmem_stat(&arena, &stat);
	CHECK_EQ(stat.size, UINT64_MAX);
	CHECK_EQ(stat.free_size, UINT64_MAX);
	CHECK_EQ(stat.used_size, 0);
	CHECK_EQ(stat.largest_free, half);

	/* The last page, then the first: 0 is an address like any other. */
	CHECK_EQ(vmm_vmem_alloc_at(&arena, -PAGE, PAGE), VMM_OK);
	CHECK(vmm_vmem_find_containing(&arena, UINT64_MAX) != NULL);
	CHECK(vmm_vmem_find_containing(&arena, 0) == NULL);
	CHECK_EQ(vmm_vmem_alloc(&arena, half, &base), VMM_OK);
	CHECK_EQ(base, 0);
	CHECK(vmm_vmem_find_containing(&arena, 0) != NULL);
	CHECK_EQ(vmm_vmem_alloc(&arena, half - PAGE, &base), VMM_OK);
	CHECK_EQ(base, half);
	vmm_vmem_stat(&arena, &stat);
	CHECK_EQ(stat.used_size, UINT64_MAX);
	CHECK_EQ(stat.free_size, 0);
	CHECK_EQ(vmm_vmem_alloc(&arena, PAGE, &base), VMM_ENOSPC);
	CHECK_EQ(vmm_vmem_free(&arena, -PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_free(&arena, 0), VMM_OK);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
}

/* An aligned request must not slip round the top to address 0. */
TEST(unit_vmem_alignment_at_the_top)
{
	const struct vmm_vmem_request request = {
		.size = PAGE, .align = 16 * PAGE};
	const struct vmm_vmem_region *region;

	open_arena(16);
	CHECK_EQ(vmm_vmem_add(&arena, -(8 * PAGE), 8 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_xalloc(&arena, &request, &region), VMM_ENOSPC);
	CHECK_EQ(vmm_vmem_add(&arena, -(64 * PAGE), 56 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_xalloc(&arena, &request, &region), VMM_OK);
	CHECK_EQ(vmm_vmem_region_base(region), -(64 * PAGE));
}

/*
 * One aligned place exists in an arena of almost everything, and the request is
 * larger than what follows it: the sum of what is skipped and what is
 * asked for is 2^64 + one page.
 */
TEST(unit_vmem_alignment_of_half_of_everything)
{
	const uint64_t half = UINT64_C(1) << 63;
	struct vmm_vmem_request request = {
		.size = half + 2 * PAGE, .align = half};
	const struct vmm_vmem_region *region;

	open_arena(16);
	CHECK_EQ(vmm_vmem_add(&arena, PAGE, -PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_xalloc(&arena, &request, &region), VMM_ENOSPC);
	request.size = half;
	CHECK_EQ(vmm_vmem_xalloc(&arena, &request, &region), VMM_OK);
	CHECK_EQ(vmm_vmem_region_base(region), half);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
}

TEST(unit_vmem_add_errors)
{
	open_arena(7);
	CHECK_EQ(vmm_vmem_add(&arena, 8 * PAGE, 8 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, 32 * PAGE, 0), VMM_EINVAL);
	CHECK_EQ(vmm_vmem_add(&arena, 32 * PAGE + 1, PAGE), VMM_EINVAL);
	CHECK_EQ(vmm_vmem_add(&arena, 32 * PAGE, PAGE + 1), VMM_EINVAL);
	CHECK_EQ(vmm_vmem_add(&arena, -PAGE, 2 * PAGE), VMM_ERANGE);
	/* Overlaps: equal, inside, around, either end. */
	CHECK_EQ(vmm_vmem_add(&arena, 8 * PAGE, 8 * PAGE), VMM_EEXIST);
	CHECK_EQ(vmm_vmem_add(&arena, 9 * PAGE, PAGE), VMM_EEXIST);
	CHECK_EQ(vmm_vmem_add(&arena, 0, 32 * PAGE), VMM_EEXIST);
	CHECK_EQ(vmm_vmem_add(&arena, 7 * PAGE, 2 * PAGE), VMM_EEXIST);
	CHECK_EQ(vmm_vmem_add(&arena, 15 * PAGE, 2 * PAGE), VMM_EEXIST);
	CHECK_EQ(vmm_vmem_add(&arena, 0, 8 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, 16 * PAGE, PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, 17 * PAGE, PAGE), VMM_ENOMEM);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
}

/* Spans that touch stay two: nothing merges or reaches across. */
TEST(unit_vmem_touching_spans_stay_apart)
{
	vmm_va_t base;

	open_arena(16);
	CHECK_EQ(vmm_vmem_add(&arena, 4 * PAGE, 4 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, 0, 4 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_alloc(&arena, 5 * PAGE, &base), VMM_ENOSPC);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, 3 * PAGE, 2 * PAGE), VMM_ERANGE);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, 3 * PAGE, PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, 4 * PAGE, PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_free(&arena, 3 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_free(&arena, 4 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_alloc(&arena, 5 * PAGE, &base), VMM_ENOSPC);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
}

TEST(unit_vmem_remove)
{
	open_arena(16);
	CHECK_EQ(vmm_vmem_add(&arena, 0, 4 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, 4 * PAGE, 4 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_remove(&arena, PAGE), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, 7 * PAGE, PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_remove(&arena, 4 * PAGE), VMM_EBUSY);
	CHECK_EQ(vmm_vmem_remove(&arena, 0), VMM_OK);
	CHECK_EQ(vmm_vmem_remove(&arena, 0), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_spare(&arena), 16 - 4);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
}

/* Three donations of any alignment go in, and the same three come out. */
TEST(unit_vmem_donations_come_back)
{
	static unsigned char raw[3][1000];
	size_t nodes = 0;
	vmm_va_t base;
	void *back;
	size_t size;

	vmm_vmem_init(&arena, PAGE);
	for (size = 0; size < VMM_VMEM_NODES_SIZE(1); size++)
		CHECK_EQ(vmm_vmem_donate(&arena, raw[0], size), VMM_EINVAL);
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(vmm_vmem_donate(&arena, raw[i] + i, 1000 - i), VMM_OK);
		CHECK(vmm_vmem_spare(&arena) >= nodes + 8);
		nodes = vmm_vmem_spare(&arena);
	}
	CHECK_EQ(vmm_vmem_add(&arena, 0, 8 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_alloc(&arena, PAGE, &base), VMM_OK);
	CHECK_EQ(vmm_vmem_take_back(&arena, &back, &size), VMM_EBUSY);
	CHECK_EQ(vmm_vmem_fini(&arena), VMM_EBUSY);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	vmm_vmem_free_all(&arena);
	CHECK_EQ(vmm_vmem_fini(&arena), VMM_OK);
	for (unsigned i = 3; i-- > 0;) {
		CHECK_EQ(vmm_vmem_take_back(&arena, &back, &size), VMM_OK);
		CHECK(back == raw[i] + i);
		CHECK_EQ(size, 1000 - i);
	}
	CHECK_EQ(vmm_vmem_take_back(&arena, &back, &size), VMM_ENOENT);
}

/* Destroying a full arena frees what is left in whatever order. */
TEST(unit_vmem_free_all)
{
	vmm_va_t base;

	open_arena(64);
	CHECK_EQ(vmm_vmem_add(&arena, 0, 64 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, 64 * PAGE, 64 * PAGE), VMM_OK);
	for (unsigned i = 1; i < 10; i++)
		CHECK_EQ(vmm_vmem_alloc(&arena, i * PAGE, &base), VMM_OK);
	vmm_vmem_free_all(&arena);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	CHECK_EQ(vmm_vmem_spare(&arena), 64 - 5);
	CHECK_EQ(vmm_vmem_fini(&arena), VMM_OK);
}

/*
 * The refill path. The last nodes are for the request that makes room for
 * more; everyone else is refused before them.
 */
TEST(unit_vmem_reserve)
{
	static _Alignas(16) uint64_t page[512];
	struct vmm_vmem_request refill = {
		.size = PAGE, .flags = VMM_VMEM_USE_RESERVE};
	const struct vmm_vmem_region *region;
	vmm_va_t base;

	open_arena(7);
	CHECK_EQ(vmm_vmem_add(&arena, 0, 64 * PAGE), VMM_OK);
	vmm_vmem_set_reserve(&arena, 2);
	CHECK_EQ(vmm_vmem_alloc(&arena, PAGE, &base), VMM_OK);
	CHECK_EQ(vmm_vmem_alloc(&arena, PAGE, &base), VMM_OK);
	CHECK_EQ(vmm_vmem_spare(&arena), 2);
	CHECK_EQ(vmm_vmem_alloc(&arena, PAGE, &base), VMM_ENOMEM);
	/* Exactly what is left needs no node, so it is served. */
	CHECK_EQ(vmm_vmem_alloc(&arena, 62 * PAGE, &base), VMM_OK);
	CHECK_EQ(vmm_vmem_free(&arena, base), VMM_OK);
	CHECK_EQ(vmm_vmem_xalloc(&arena, &refill, &region), VMM_OK);
	CHECK_EQ(vmm_vmem_alloc(&arena, PAGE, &base), VMM_ENOMEM);
	CHECK_EQ(vmm_vmem_donate(&arena, page, sizeof(page)), VMM_OK);
	CHECK_EQ(vmm_vmem_alloc(&arena, PAGE, &base), VMM_OK);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
}

/*
 * Lesson: a tree that skipped rebalancing had depth 62 after 61 frees of
 * rising size. Used separators of one page keep the freed regions apart.
 */
TEST(unit_vmem_rising_frees_stay_balanced)
{
	vmm_va_t at[61];
	vmm_va_t wall;

	open_arena(256);
	CHECK_EQ(vmm_vmem_add(&arena, 0, 4096 * PAGE), VMM_OK);
	for (unsigned i = 0; i < 61; i++) {
		CHECK_EQ(
			vmm_vmem_alloc(&arena, (i + 1) * PAGE, &at[i]), VMM_OK);
		CHECK_EQ(vmm_vmem_alloc(&arena, PAGE, &wall), VMM_OK);
	}
	for (unsigned i = 0; i < 61; i++)
		CHECK_EQ(vmm_vmem_free(&arena, at[i]), VMM_OK);
	/* 62 free regions: 2 * log2(63), rounded down, is 11. */
	CHECK_EQ(arena.free_count, 62);
	CHECK(depth_of(&arena.free_by_size) <= 11);
	CHECK(depth_of(&arena.free_by_base) <= 11);
	CHECK(depth_of(&arena.used) <= 11);
}

/*
 * Equal sizes: every second page free, freed from the middle outwards. The
 * depth stays logarithmic and the lowest still comes first.
 */
TEST(unit_vmem_equal_sizes)
{
	uint64_t count = EQUALS * test_factor;
	unsigned depth_max = 0;
	vmm_va_t base;

	if (count > EQUALS_MAX)
		count = EQUALS_MAX;
	while ((count + 1) >> depth_max != 0)
		depth_max++;
	depth_max *= 2;
	open_arena(VMM_VMEM_NODES_FOR((size_t)(2 * count + 16)));
	CHECK_EQ(vmm_vmem_add(&arena, 0, 2 * count * PAGE), VMM_OK);
	for (uint64_t i = 0; i < 2 * count; i++)
		CHECK_EQ(vmm_vmem_alloc(&arena, PAGE, &base), VMM_OK);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t pick = count / 2;

		pick = i & 1 ? pick - (i + 1) / 2 : pick + i / 2;
		CHECK_EQ(vmm_vmem_free(&arena, 2 * pick * PAGE), VMM_OK);
	}
	CHECK_EQ(arena.free_count, count);
	CHECK(depth_of(&arena.free_by_size) <= depth_max);
	CHECK(depth_of(&arena.free_by_base) <= depth_max);
	CHECK(depth_of(&arena.used) <= depth_max);
	for (uint64_t i = 0; i < count; i++) {
		CHECK_EQ(vmm_vmem_alloc(&arena, PAGE, &base), VMM_OK);
		CHECK_EQ(base, 2 * i * PAGE);
	}
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
}
