/* SPDX-License-Identifier: MIT */
/* Address regions by example: every call, every error, every edge. */
#include "support/test.h"

#include <vmm/vmem.h>

#define PAGE VMM_PAGE_SIZE
#define BASE UINT64_C(0xffffffc000000000)

static struct vmm_vmem arena;
static _Alignas(16) uint64_t memory[VMM_VMEM_NODES_SIZE(400) / 8];

static void open_arena(vmm_va_t base, uint64_t size)
{
	vmm_vmem_init(&arena, PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, base, size), VMM_OK);
}

/* The arena and all its nodes, byte by byte. */
static uint64_t digest(void)
{
	uint64_t sum = test_digest(TEST_DIGEST_INIT, &arena, sizeof(arena));

	return test_digest(sum, memory, sizeof(memory));
}

static vmm_va_t alloc(uint64_t size)
{
	vmm_va_t base = 1;

	CHECK_EQ(vmm_vmem_alloc(&arena, size, &base), VMM_OK);
	return base;
}

static vmm_va_t xalloc(const struct vmm_vmem_request *request)
{
	const struct vmm_vmem_region *region = NULL;

	CHECK_EQ(vmm_vmem_xalloc(&arena, request, &region), VMM_OK);
	return vmm_vmem_region_base(region);
}

/* A request that must be refused, and must leave no trace. */
static void refuse(const struct vmm_vmem_request *request, int err)
{
	const struct vmm_vmem_region *region = NULL;
	uint64_t before = digest();

	CHECK_EQ(vmm_vmem_xalloc(&arena, request, &region), err);
	CHECK(region == NULL);
	CHECK_EQ(digest(), before);
}

static void expect_stat(size_t used, size_t free, uint64_t used_size)
{
	struct vmm_vmem_stat stat;

	vmm_vmem_stat(&arena, &stat);
	CHECK_EQ(stat.used_count, used);
	CHECK_EQ(stat.free_count, free);
	CHECK_EQ(stat.used_size, used_size);
	CHECK_EQ(stat.spare_count, stat.node_count - stat.span_count - used -
					   free - stat.run_count);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
}

/* Sizes are rounded up; regions follow each other; freeing restores all. */
TEST(unit_vmem_alloc_and_free)
{
	vmm_va_t a, b;

	open_arena(BASE, 16 * PAGE);
	a = alloc(1);
	b = alloc(PAGE + 1);
	CHECK_EQ(a, BASE);
	CHECK_EQ(b, BASE + PAGE);
	expect_stat(2, 1, 3 * PAGE);
	CHECK_EQ(vmm_vmem_free(&arena, a), VMM_OK);
	expect_stat(1, 2, 2 * PAGE);
	CHECK_EQ(vmm_vmem_free(&arena, b), VMM_OK);
	expect_stat(0, 1, 0);
	CHECK_EQ(alloc(16 * PAGE), BASE);
	expect_stat(1, 0, 16 * PAGE);
}

/*
 * Used pages at 3, 5 and 8 leave holes of 3, 1 and 2 pages, and the rest. The
 * smallest that fits wins, wherever it lies; of equals, the lowest.
 */
TEST(unit_vmem_best_fit_then_lowest)
{
	open_arena(BASE, 64 * PAGE);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, BASE + 3 * PAGE, PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, BASE + 5 * PAGE, PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, BASE + 8 * PAGE, PAGE), VMM_OK);
	CHECK_EQ(alloc(2 * PAGE), BASE + 6 * PAGE);
	CHECK_EQ(vmm_vmem_free(&arena, BASE + 6 * PAGE), VMM_OK);

	/* Now [1,3) and [6,8) are equal. */
	CHECK_EQ(vmm_vmem_alloc_at(&arena, BASE, PAGE), VMM_OK);
	CHECK_EQ(alloc(2 * PAGE), BASE + PAGE);
	CHECK_EQ(alloc(2 * PAGE), BASE + 6 * PAGE);
	CHECK_EQ(alloc(PAGE), BASE + 4 * PAGE);
	CHECK_EQ(alloc(PAGE), BASE + 9 * PAGE);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
}

TEST(unit_vmem_alloc_errors)
{
	vmm_va_t base = 42;
	uint64_t before;

	open_arena(BASE, 4 * PAGE);
	before = digest();
	CHECK_EQ(vmm_vmem_alloc(&arena, 0, &base), VMM_EINVAL);
	CHECK_EQ(vmm_vmem_alloc(&arena, 4 * PAGE + 1, &base), VMM_ENOSPC);
	/* Rounds up to 2^64, which is no size. */
	CHECK_EQ(vmm_vmem_alloc(&arena, UINT64_MAX, &base), VMM_ENOSPC);
	CHECK_EQ(base, 42);
	CHECK_EQ(digest(), before);
	/* Also where there are others already. */
	CHECK_EQ(alloc(PAGE), BASE);
	before = digest();
	CHECK_EQ(vmm_vmem_alloc(&arena, UINT64_MAX, &base), VMM_ENOSPC);
	CHECK_EQ(vmm_vmem_alloc(&arena, UINT64_MAX - PAGE + 2, &base),
		VMM_ENOSPC);
	CHECK_EQ(vmm_vmem_alloc(&arena, 3 * PAGE + 1, &base), VMM_ENOSPC);
	CHECK_EQ(digest(), before);
	CHECK_EQ(alloc(3 * PAGE), BASE + PAGE);
}

/* A fixed request splits in none, one or two, and refuses collisions. */
TEST(unit_vmem_alloc_at)
{
	uint64_t before;

	open_arena(BASE, 16 * PAGE);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, BASE + 4 * PAGE, 4 * PAGE), VMM_OK);
	expect_stat(1, 2, 4 * PAGE);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, BASE + 15 * PAGE, 1), VMM_OK);
	expect_stat(2, 2, 5 * PAGE);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, BASE + 8 * PAGE, 7 * PAGE), VMM_OK);
	expect_stat(3, 1, 12 * PAGE);

	before = digest();
	CHECK_EQ(vmm_vmem_alloc_at(&arena, BASE, 0), VMM_EINVAL);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, BASE + 1, PAGE), VMM_EINVAL);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, BASE, 4 * PAGE + 1), VMM_EEXIST);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, BASE + 5 * PAGE, PAGE), VMM_EEXIST);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, BASE + 3 * PAGE, 2 * PAGE),
		VMM_EEXIST);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, BASE - PAGE, PAGE), VMM_ERANGE);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, BASE + 16 * PAGE, PAGE), VMM_ERANGE);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, BASE + 3 * PAGE, 14 * PAGE),
		VMM_ERANGE);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, BASE, UINT64_MAX), VMM_ERANGE);
	CHECK_EQ(
		vmm_vmem_alloc_at(&arena, BASE, UINT64_MAX - PAGE), VMM_ERANGE);
	CHECK_EQ(digest(), before);
}

/* Only the first address of a used region frees it, and only once. */
TEST(unit_vmem_free_errors)
{
	uint64_t before;
	vmm_va_t a;

	open_arena(BASE, 16 * PAGE);
	a = alloc(4 * PAGE);
	before = digest();
	CHECK_EQ(vmm_vmem_free(&arena, a + PAGE), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_free(&arena, a + 1), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_free(&arena, a + 4 * PAGE), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_free(&arena, 0), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_free(&arena, UINT64_MAX), VMM_ENOENT);
	CHECK_EQ(digest(), before);
	CHECK_EQ(vmm_vmem_free(&arena, a), VMM_OK);
	before = digest();
	CHECK_EQ(vmm_vmem_free(&arena, a), VMM_ENOENT);
	CHECK_EQ(digest(), before);
}

/* By handle: freed before, free, of another arena, none at all. */
TEST(unit_vmem_free_region)
{
	static struct vmm_vmem other;
	static _Alignas(16) uint64_t other_memory[VMM_VMEM_NODES_SIZE(4) / 8];
	const struct vmm_vmem_request request = {.size = PAGE};
	const struct vmm_vmem_region *region;
	uint64_t before;

	open_arena(BASE, 16 * PAGE);
	vmm_vmem_init(&other, PAGE);
	CHECK_EQ(vmm_vmem_donate(&other, other_memory, sizeof(other_memory)),
		VMM_OK);
	CHECK_EQ(vmm_vmem_add(&other, BASE, 16 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_xalloc(&other, &request, &region), VMM_OK);
	before = digest();
	CHECK_EQ(vmm_vmem_free_region(&arena, region), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_free_region(&arena, NULL), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_free_region(&arena, vmm_vmem_region_first(&arena)),
		VMM_ENOENT);
	CHECK_EQ(digest(), before);

	CHECK_EQ(vmm_vmem_xalloc(&arena, &request, &region), VMM_OK);
	CHECK_EQ(vmm_vmem_free_region(&arena, region), VMM_OK);
	before = digest();
	CHECK_EQ(vmm_vmem_free_region(&arena, region), VMM_ENOENT);
	CHECK_EQ(digest(), before);
	expect_stat(0, 1, 0);
}

/* Each of the four cases of merging, told by the number of free regions. */
TEST(unit_vmem_free_merges)
{
	vmm_va_t at[5];

	open_arena(BASE, 5 * PAGE);
	for (unsigned i = 0; i < 5; i++)
		at[i] = alloc(PAGE);
	expect_stat(5, 0, 5 * PAGE);
	CHECK_EQ(vmm_vmem_free(&arena, at[1]), VMM_OK); /* alone */
	expect_stat(4, 1, 4 * PAGE);
	CHECK_EQ(vmm_vmem_free(&arena, at[2]), VMM_OK); /* with 1 before */
	expect_stat(3, 1, 3 * PAGE);
	CHECK_EQ(vmm_vmem_free(&arena, at[4]), VMM_OK); /* alone */
	expect_stat(2, 2, 2 * PAGE);
	CHECK_EQ(vmm_vmem_free(&arena, at[0]), VMM_OK); /* with 1 after */
	expect_stat(1, 2, PAGE);
	CHECK_EQ(vmm_vmem_free(&arena, at[3]), VMM_OK); /* with both */
	expect_stat(0, 1, 0);
	CHECK_EQ(alloc(5 * PAGE), BASE);
}

/* A free region of 9 pages whose only 8-aligned page is the second. */
TEST(unit_vmem_alignment)
{
	const vmm_va_t odd = BASE + 7 * PAGE;
	const struct vmm_vmem_request aligned = {
		.size = PAGE, .align = 8 * PAGE};

	open_arena(odd, 9 * PAGE);
	CHECK_EQ(xalloc(&aligned), BASE + 8 * PAGE);
	expect_stat(1, 2, PAGE);
	refuse(&aligned, VMM_ENOSPC);
	/* The first of those that [9,16) holds. */
	CHECK_EQ(xalloc(&(struct vmm_vmem_request){
			 .size = 4 * PAGE, .align = 2 * PAGE}),
		BASE + 10 * PAGE);
	expect_stat(2, 3, 5 * PAGE);
	refuse(&(struct vmm_vmem_request){.size = PAGE, .align = 3 * PAGE},
		VMM_EINVAL);
	refuse(&(struct vmm_vmem_request){.size = PAGE,
		       .align = UINT64_C(1) << 63},
		VMM_ENOSPC);
	/* Less than the quantum asks for nothing. */
	CHECK_EQ(xalloc(&(struct vmm_vmem_request){
			 .size = 2 * PAGE, .align = 1}),
		BASE + 14 * PAGE);
}

/*
 * More small holes than are probed, none with an aligned place: the request
 * must still find the large region behind them.
 */
TEST(unit_vmem_alignment_behind_many_holes)
{
	const unsigned holes = 2 * VMM_VMEM_PROBES;

	open_arena(BASE, 1024 * PAGE);
	/* Used pages 0, 2, 4, ...: the holes are the odd pages. */
	for (unsigned i = 0; i <= holes; i++)
		CHECK_EQ(vmm_vmem_alloc_at(&arena, BASE + 2 * i * PAGE, PAGE),
			VMM_OK);
	CHECK_EQ(xalloc(&(struct vmm_vmem_request){
			 .size = PAGE, .align = 2 * PAGE}),
		BASE + (2 * holes + 2) * PAGE);
	CHECK_EQ(alloc(PAGE), BASE + PAGE);
}

TEST(unit_vmem_hint_and_fixed)
{
	struct vmm_vmem_request request = {.size = 2 * PAGE,
		.where = BASE + 6 * PAGE,
		.flags = VMM_VMEM_HINT};

	open_arena(BASE, 16 * PAGE);
	CHECK_EQ(xalloc(&request), BASE + 6 * PAGE);
	CHECK_EQ(xalloc(&request), BASE); /* taken: best fit, [0,6) */
	request.where = 1;		  /* misaligned and outside */
	CHECK_EQ(xalloc(&request), BASE + 2 * PAGE);
	request.align = 8 * PAGE; /* the hint is less aligned than asked */
	request.where = BASE + 12 * PAGE;
	CHECK_EQ(xalloc(&request), BASE + 8 * PAGE);

	request.flags = VMM_VMEM_FIXED;
	refuse(&request, VMM_EINVAL);
	request.align = 4 * PAGE;
	CHECK_EQ(xalloc(&request), BASE + 12 * PAGE);
	refuse(&request, VMM_EEXIST);
	request.flags = VMM_VMEM_FIXED | VMM_VMEM_HINT;
	refuse(&request, VMM_EINVAL);
	request.flags = 1u << 31;
	refuse(&request, VMM_EINVAL);
	expect_stat(5, 3, 10 * PAGE);
}

/* Lesson: "floor" is not "contains". The end of a region is not in it. */
TEST(unit_vmem_lookups)
{
	const struct vmm_vmem_region *a, *b;
	vmm_va_t at = BASE + 4 * PAGE;

	open_arena(BASE, 32 * PAGE);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, at, 4 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, at + 8 * PAGE, PAGE), VMM_OK);
	a = vmm_vmem_find(&arena, at);
	b = vmm_vmem_find(&arena, at + 8 * PAGE);
	CHECK(a != NULL && b != NULL);

	CHECK(vmm_vmem_find(&arena, at + 1) == NULL);
	CHECK(vmm_vmem_find(&arena, BASE) == NULL);
	CHECK(vmm_vmem_find_containing(&arena, at) == a);
	CHECK(vmm_vmem_find_containing(&arena, at + 4 * PAGE - 1) == a);
	CHECK(vmm_vmem_find_containing(&arena, at + 4 * PAGE) == NULL);
	CHECK(vmm_vmem_find_containing(&arena, at - 1) == NULL);
	CHECK(vmm_vmem_floor(&arena, at - 1) == NULL);
	CHECK(vmm_vmem_floor(&arena, at) == a);
	CHECK(vmm_vmem_floor(&arena, at + 6 * PAGE) == a);
	CHECK(vmm_vmem_floor(&arena, UINT64_MAX) == b);
	CHECK(vmm_vmem_ceiling(&arena, 0) == a);
	CHECK(vmm_vmem_ceiling(&arena, at + 1) == b);
	CHECK(vmm_vmem_ceiling(&arena, at + 8 * PAGE + 1) == NULL);
	CHECK(vmm_vmem_next(&arena, a) == b && vmm_vmem_prev(&arena, b) == a);
	CHECK(vmm_vmem_next(&arena, b) == NULL);
	CHECK(vmm_vmem_prev(&arena, a) == NULL);
	CHECK(vmm_vmem_region_find(&arena, BASE - 1) == NULL);
	CHECK(!vmm_vmem_region_is_used(vmm_vmem_region_find(&arena, BASE)));
	CHECK(vmm_vmem_region_find(&arena, at + PAGE) == a);
}

TEST(unit_vmem_tags)
{
	int object;
	const struct vmm_vmem_request request = {.size = PAGE,
		.tags = {.owner = 7, .user = &object, .flags = 5, .count = 1}};
	const struct vmm_vmem_region *region;
	struct vmm_vmem_tags tags;

	open_arena(BASE, 16 * PAGE);
	CHECK_EQ(vmm_vmem_xalloc(&arena, &request, &region), VMM_OK);
	tags = *vmm_vmem_region_tags(region);
	CHECK(tags.owner == 7 && tags.user == &object);
	CHECK(tags.flags == 5 && tags.count == 1);
	tags.count = UINT32_MAX;
	vmm_vmem_region_set_tags(&arena, region, &tags);
	CHECK_EQ(vmm_vmem_region_tags(region)->count, UINT32_MAX);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	/* The next user of the node starts with none. */
	CHECK_EQ(vmm_vmem_free_region(&arena, region), VMM_OK);
	region = vmm_vmem_find(&arena, alloc(PAGE));
	CHECK_EQ(vmm_vmem_region_tags(region)->owner, 0);
}
