/* SPDX-License-Identifier: MIT */
/* Shapes and uses of regions by example: every call, every error. */
#include "support/vmem_rig.h"

#define BASE UINT64_C(0xffffffc000000000)

static _Alignas(16) uint64_t memory[VMM_VMEM_NODES_SIZE(200) / 8];
static unsigned config;
#define EACH_CONFIG for (config = 0; config < VMEM_CONFIGS; config++)

typedef const struct vmm_vmem_region *handle;

static void open_arena(uint64_t pages)
{
	unsigned char *raw = (unsigned char *)memory;

	/* Donated memory may hold anything. */
	for (size_t i = 0; i < sizeof(memory); i++)
		raw[i] = 0xa5;
	arena_init(&vmem_configs[config], PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, BASE, pages * PAGE), VMM_OK);
}

static uint64_t digest(void)
{
	return arena_digest(memory, sizeof(memory));
}

static handle use(uint64_t page, uint64_t pages)
{
	const struct vmm_vmem_request request = {.size = pages * PAGE,
		.where = BASE + page * PAGE,
		.flags = VMM_VMEM_FIXED,
		.tags = {.owner = page}};
	handle region = NULL;

	CHECK_EQ(vmm_vmem_xalloc(&arena, &request, &region), VMM_OK);
	return region;
}

/* A region of @pages between guards of one page and of two. */
static handle use_guarded(uint64_t page, uint64_t pages)
{
	const struct vmm_vmem_request request = {.size = pages * PAGE,
		.where = BASE + page * PAGE,
		.guard = {PAGE, 2 * PAGE},
		.flags = VMM_VMEM_FIXED,
		.tags = {.owner = page}};
	handle region = NULL;

	CHECK_EQ(vmm_vmem_xalloc(&arena, &request, &region), VMM_OK);
	return region;
}

static void expect(handle region, uint64_t page, uint64_t pages)
{
	CHECK(region != NULL);
	CHECK_EQ(vmm_vmem_region_base(region), BASE + page * PAGE);
	CHECK_EQ(vmm_vmem_region_size(region), pages * PAGE);
	CHECK(vmm_vmem_find(&arena, BASE + page * PAGE) == region);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
}

static void expect_sizes(uint64_t used, size_t used_count, size_t free_count)
{
	struct vmm_vmem_stat stat;

	vmm_vmem_stat(&arena, &stat);
	CHECK_EQ(stat.used_size, used * PAGE);
	CHECK_EQ(stat.used_count, used_count);
	CHECK_EQ(stat.free_count, free_count);
}

/* The upper end, up and down, to the neighbour and no further. */
TEST(unit_vmem_region_resize)
{
	EACH_CONFIG
	{
		handle a, b;
		uint64_t before;

		open_arena(16);
		a = use(4, 2);
		b = use(8, 1);
		CHECK_EQ(vmm_vmem_room(a), 4 * PAGE);
		CHECK_EQ(vmm_vmem_resize(&arena, a, 3 * PAGE - 5), VMM_OK);
		expect(a, 4, 3);
		CHECK_EQ(vmm_vmem_resize(&arena, a, 4 * PAGE), VMM_OK);
		expect(a, 4, 4);
		expect_sizes(5, 2, 2);
		CHECK_EQ(vmm_vmem_room(a), 4 * PAGE);
		before = digest();
		CHECK_EQ(vmm_vmem_resize(&arena, a, 4 * PAGE), VMM_OK);
		CHECK_EQ(vmm_vmem_resize(&arena, a, 4 * PAGE + 1), VMM_ENOSPC);
		CHECK_EQ(vmm_vmem_resize(&arena, a, UINT64_MAX), VMM_ENOSPC);
		CHECK_EQ(vmm_vmem_resize(&arena, a, 0), VMM_EINVAL);
		CHECK_EQ(vmm_vmem_resize(&arena, NULL, PAGE), VMM_ENOENT);
		CHECK_EQ(vmm_vmem_resize(
				 &arena, vmm_vmem_region_first(&arena), PAGE),
			VMM_ENOENT);
		CHECK_EQ(digest(), before);
		CHECK_EQ(vmm_vmem_resize(&arena, a, 1), VMM_OK);
		expect(a, 4, 1);
		CHECK_EQ(vmm_vmem_resize(&arena, b, 8 * PAGE), VMM_OK);
		expect(b, 8, 8);
		expect_sizes(9, 2, 2);
	}
}

/* The lower end: the place moves, and is found where it is now. */
TEST(unit_vmem_region_resize_below)
{
	EACH_CONFIG
	{
		handle a, b;
		uint64_t before;

		open_arena(16);
		a = use(2, 1);
		b = use(6, 2);
		CHECK_EQ(vmm_vmem_room_below(b), 5 * PAGE);
		CHECK_EQ(vmm_vmem_resize_below(&arena, b, 5 * PAGE), VMM_OK);
		expect(b, 3, 5);
		CHECK(vmm_vmem_find(&arena, BASE + 6 * PAGE) == NULL);
		before = digest();
		CHECK_EQ(
			vmm_vmem_resize_below(&arena, b, 6 * PAGE), VMM_ENOSPC);
		CHECK_EQ(vmm_vmem_resize_below(&arena, b, 0), VMM_EINVAL);
		CHECK_EQ(vmm_vmem_resize_below(&arena, NULL, PAGE), VMM_ENOENT);
		CHECK_EQ(digest(), before);
		CHECK_EQ(vmm_vmem_resize_below(&arena, b, PAGE), VMM_OK);
		expect(b, 7, 1);
		CHECK(vmm_vmem_find(&arena, BASE + 3 * PAGE) == NULL);
		CHECK_EQ(vmm_vmem_resize_below(&arena, a, 3 * PAGE), VMM_OK);
		expect(a, 0, 3);
		CHECK_EQ(vmm_vmem_room_below(a), 3 * PAGE);
		CHECK_EQ(vmm_vmem_free(&arena, BASE), VMM_OK);
		CHECK_EQ(vmm_vmem_free(&arena, BASE + 7 * PAGE), VMM_OK);
		expect_sizes(0, 0, 1);
	}
}

/* Guards move along with the ends, and stay as large. */
TEST(unit_vmem_region_resize_guarded)
{
	EACH_CONFIG
	{
		handle a;

		open_arena(32);
		a = use_guarded(8, 2);
		CHECK_EQ(vmm_vmem_room(a), 22 * PAGE);
		CHECK_EQ(vmm_vmem_room_below(a), 9 * PAGE);
		CHECK_EQ(vmm_vmem_resize(&arena, a, 22 * PAGE), VMM_OK);
		expect(a, 8, 22);
		CHECK_EQ(vmm_vmem_resize(&arena, a, PAGE), VMM_OK);
		expect(a, 8, 1);
		CHECK_EQ(vmm_vmem_resize_below(&arena, a, 8 * PAGE), VMM_OK);
		expect(a, 1, 8);
		expect_sizes(11, 1, 1);
		CHECK_EQ(vmm_vmem_region_guard(a, false), PAGE);
		CHECK_EQ(vmm_vmem_region_guard(a, true), 2 * PAGE);
		CHECK_EQ(vmm_vmem_resize_below(&arena, a, PAGE), VMM_OK);
		expect(a, 8, 1);
		expect_sizes(4, 1, 2);
	}
}

/* A part gets tags of its own; joining undoes it. */
TEST(unit_vmem_region_split_and_join)
{
	EACH_CONFIG
	{
		handle a, upper = NULL;
		uint64_t before;

		open_arena(16);
		a = use(4, 6);
		vmm_vmem_set_use(&arena, a, VMM_VMEM_COMMITTED);
		before = digest();
		CHECK_EQ(vmm_vmem_split(&arena, a, BASE + 4 * PAGE, &upper),
			VMM_EINVAL);
		CHECK_EQ(vmm_vmem_split(&arena, a, BASE + 10 * PAGE, &upper),
			VMM_EINVAL);
		CHECK_EQ(vmm_vmem_split(&arena, a, BASE + 3 * PAGE, &upper),
			VMM_EINVAL);
		CHECK_EQ(vmm_vmem_split(&arena, a, BASE + 5 * PAGE + 1, &upper),
			VMM_EINVAL);
		CHECK_EQ(vmm_vmem_split(&arena, NULL, BASE + 5 * PAGE, &upper),
			VMM_ENOENT);
		CHECK_EQ(vmm_vmem_join(&arena, NULL), VMM_ENOENT);
		CHECK_EQ(vmm_vmem_join(&arena, a), VMM_EINVAL);
		CHECK(upper == NULL);
		CHECK_EQ(digest(), before);
		CHECK_EQ(vmm_vmem_split(&arena, a, BASE + 5 * PAGE, &upper),
			VMM_OK);
		expect(a, 4, 1);
		expect(upper, 5, 5);
		CHECK_EQ(vmm_vmem_region_tags(upper)->owner, 4);
		CHECK_EQ(vmm_vmem_region_use(upper), VMM_VMEM_COMMITTED);
		CHECK(vmm_vmem_next(&arena, a) == upper);
		/* Of different uses they are not one. */
		vmm_vmem_set_use(&arena, upper, VMM_VMEM_MAPPED);
		CHECK_EQ(vmm_vmem_join(&arena, a), VMM_EINVAL);
		vmm_vmem_set_use(&arena, a, VMM_VMEM_MAPPED);
		CHECK_EQ(vmm_vmem_join(&arena, a), VMM_OK);
		expect(a, 4, 6);
		CHECK_EQ(vmm_vmem_free_region(&arena, upper), VMM_ENOENT);
		CHECK_EQ(vmm_vmem_join(&arena, a), VMM_EINVAL);
		expect_sizes(6, 1, 2);
	}
}

/* Guards stay at the outer ends; inner ones keep regions from being joined. */
TEST(unit_vmem_region_split_guarded)
{
	EACH_CONFIG
	{
		handle a, b, upper;

		open_arena(32);
		a = use_guarded(8, 4);
		b = use(14, 1);
		CHECK_EQ(vmm_vmem_join(&arena, a), VMM_EINVAL);
		CHECK_EQ(vmm_vmem_free_region(&arena, b), VMM_OK);
		CHECK_EQ(vmm_vmem_split(&arena, a, BASE + 10 * PAGE, &upper),
			VMM_OK);
		expect(a, 8, 2);
		expect(upper, 10, 2);
		CHECK_EQ(vmm_vmem_region_guard(a, false), PAGE);
		CHECK_EQ(vmm_vmem_region_guard(a, true), 0);
		CHECK_EQ(vmm_vmem_region_guard(upper, false), 0);
		CHECK_EQ(vmm_vmem_region_guard(upper, true), 2 * PAGE);
		CHECK_EQ(vmm_vmem_join(&arena, a), VMM_OK);
		expect(a, 8, 4);
		CHECK_EQ(vmm_vmem_region_guard(a, true), 2 * PAGE);
		b = use_guarded(15, 1);
		(void)b;
		CHECK_EQ(vmm_vmem_join(&arena, a), VMM_EINVAL);
	}
}

/* Spans that touch: a region of one does not join one of the other. */
TEST(unit_vmem_region_join_ends_at_spans)
{
	EACH_CONFIG
	{
		handle a;

		open_arena(4);
		CHECK_EQ(vmm_vmem_add(&arena, BASE + 4 * PAGE, 4 * PAGE),
			VMM_OK);
		a = use(0, 4);
		(void)use(4, 4);
		CHECK_EQ(vmm_vmem_join(&arena, a), VMM_EINVAL);
		CHECK_EQ(vmm_vmem_free(&arena, BASE + 4 * PAGE), VMM_OK);
		CHECK_EQ(vmm_vmem_room(a), 4 * PAGE);
		CHECK_EQ(vmm_vmem_resize(&arena, a, 5 * PAGE), VMM_ENOSPC);
	}
}

TEST(unit_vmem_region_free_part)
{
	EACH_CONFIG
	{
		handle a, upper;
		uint64_t before;

		open_arena(32);
		a = use(4, 8);
		before = digest();
		CHECK_EQ(vmm_vmem_free_part(&arena, BASE + 4 * PAGE, 0),
			VMM_EINVAL);
		CHECK_EQ(vmm_vmem_free_part(&arena, BASE + 4 * PAGE, 1),
			VMM_EINVAL);
		CHECK_EQ(vmm_vmem_free_part(&arena, BASE + 4 * PAGE + 1, PAGE),
			VMM_EINVAL);
		CHECK_EQ(vmm_vmem_free_part(&arena, BASE + 4 * PAGE, 9 * PAGE),
			VMM_ENOENT);
		CHECK_EQ(vmm_vmem_free_part(&arena, BASE + 3 * PAGE, 2 * PAGE),
			VMM_ENOENT);
		CHECK_EQ(vmm_vmem_free_part(&arena, BASE + 12 * PAGE, PAGE),
			VMM_ENOENT);
		CHECK_EQ(vmm_vmem_free_part(&arena, BASE - PAGE, PAGE),
			VMM_ENOENT);
		CHECK_EQ(vmm_vmem_free_part(
				 &arena, BASE + 5 * PAGE, -(uint64_t)PAGE),
			VMM_ENOENT);
		CHECK_EQ(digest(), before);
		/* Each end, then the midst, then all. */
		CHECK_EQ(vmm_vmem_free_part(&arena, BASE + 4 * PAGE, PAGE),
			VMM_OK);
		expect(a, 5, 7);
		CHECK_EQ(vmm_vmem_free_part(&arena, BASE + 11 * PAGE, PAGE),
			VMM_OK);
		expect(a, 5, 6);
		expect_sizes(6, 1, 2);
		CHECK_EQ(vmm_vmem_free_part(&arena, BASE + 7 * PAGE, 2 * PAGE),
			VMM_OK);
		expect(a, 5, 2);
		upper = vmm_vmem_next(&arena, a);
		expect(upper, 9, 2);
		CHECK_EQ(vmm_vmem_region_tags(upper)->owner, 4);
		expect_sizes(4, 2, 3);
		CHECK_EQ(vmm_vmem_free_part(&arena, BASE + 5 * PAGE, 2 * PAGE),
			VMM_OK);
		CHECK_EQ(vmm_vmem_free_region(&arena, a), VMM_ENOENT);
		expect_sizes(2, 1, 2);
	}
}

/* "A guard next to it is freed with it"; a guard alone cannot be freed. */
TEST(unit_vmem_region_free_part_guarded)
{
	EACH_CONFIG
	{
		handle a;

		open_arena(32);
		a = use_guarded(8, 6);
		CHECK_EQ(vmm_vmem_free_part(&arena, BASE + 7 * PAGE, PAGE),
			VMM_ENOENT);
		CHECK_EQ(vmm_vmem_free_part(&arena, BASE + 14 * PAGE, PAGE),
			VMM_ENOENT);
		CHECK_EQ(vmm_vmem_free_part(&arena, BASE + 8 * PAGE, PAGE),
			VMM_OK);
		expect(a, 9, 5);
		CHECK_EQ(vmm_vmem_region_guard(a, false), 0);
		CHECK_EQ(vmm_vmem_free_part(&arena, BASE + 13 * PAGE, PAGE),
			VMM_OK);
		expect(a, 9, 4);
		CHECK_EQ(vmm_vmem_region_guard(a, true), 0);
		expect_sizes(4, 1, 2);
		CHECK_EQ(vmm_vmem_free_region(&arena, a), VMM_OK);
		a = use_guarded(8, 6);
		CHECK_EQ(vmm_vmem_free_part(&arena, BASE + 8 * PAGE, 6 * PAGE),
			VMM_OK);
		expect_sizes(0, 0, 1);
	}
}

static void expect_uses(uint64_t reserved, uint64_t committed, uint64_t mapped)
{
	struct vmm_vmem_stat stat;

	vmm_vmem_stat(&arena, &stat);
	CHECK_EQ(stat.use_size[VMM_VMEM_RESERVED], reserved);
	CHECK_EQ(stat.use_size[VMM_VMEM_COMMITTED], committed);
	CHECK_EQ(stat.use_size[VMM_VMEM_MAPPED], mapped);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
}

/* The sums follow through all that changes a region. */
TEST(unit_vmem_region_uses)
{
	EACH_CONFIG
	{
		handle a, b, upper;

		open_arena(32);
		a = use(0, 4);
		b = use_guarded(8, 4);
		expect_uses(11 * PAGE, 0, 0);
		CHECK_EQ(vmm_vmem_region_use(a), VMM_VMEM_RESERVED);
		vmm_vmem_set_use(&arena, a, VMM_VMEM_COMMITTED);
		vmm_vmem_set_use(&arena, b, VMM_VMEM_MAPPED);
		vmm_vmem_set_use(&arena, b, VMM_VMEM_MAPPED);
		expect_uses(0, 4 * PAGE, 7 * PAGE);
		CHECK_EQ(vmm_vmem_resize(&arena, a, 5 * PAGE), VMM_OK);
		expect_uses(0, 5 * PAGE, 7 * PAGE);
		CHECK_EQ(vmm_vmem_free_part(&arena, BASE + PAGE, PAGE), VMM_OK);
		expect_uses(0, 4 * PAGE, 7 * PAGE);
		CHECK_EQ(vmm_vmem_split(&arena, b, BASE + 9 * PAGE, &upper),
			VMM_OK);
		vmm_vmem_set_use(&arena, upper, VMM_VMEM_RESERVED);
		expect_uses(5 * PAGE, 4 * PAGE, 2 * PAGE);
		CHECK_EQ(vmm_vmem_free_region(&arena, a), VMM_OK);
		CHECK_EQ(vmm_vmem_free_region(&arena, b), VMM_OK);
		expect_uses(5 * PAGE, 3 * PAGE, 0);
		vmm_vmem_free_all(&arena);
		expect_uses(0, 0, 0);
	}
}

/* Sums of 2^64 are given as one less, and are not 0. */
TEST(unit_vmem_region_uses_of_everything)
{
	const uint64_t half = UINT64_C(1) << 63;

	for (unsigned use = 0; use < VMM_VMEM_USE_COUNT; use++) {
		uint64_t sums[VMM_VMEM_USE_COUNT] = {0};

		config = 0;
		arena_init(&vmem_configs[0], PAGE);
		CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)),
			VMM_OK);
		CHECK_EQ(vmm_vmem_add(&arena, 0, half), VMM_OK);
		CHECK_EQ(vmm_vmem_add(&arena, half, half), VMM_OK);
		for (unsigned i = 0; i < 2; i++) {
			CHECK_EQ(vmm_vmem_alloc_at(&arena, i * half, half),
				VMM_OK);
			vmm_vmem_set_use(&arena,
				vmm_vmem_find(&arena, i * half),
				(enum vmm_vmem_use)use);
		}
		sums[use] = UINT64_MAX;
		expect_uses(sums[0], sums[1], sums[2]);
		vmm_vmem_set_use(&arena, vmm_vmem_find(&arena, 0),
			(enum vmm_vmem_use)((use + 1) % 3));
		sums[use] = half;
		sums[(use + 1) % 3] = half;
		expect_uses(sums[0], sums[1], sums[2]);
	}
}
