/* SPDX-License-Identifier: MIT */
/*
 * What is built to be slow or to confuse: many empty spans, many holes that do
 * not fit, many equal ones, addresses right beside those that are meant.
 * Nothing is timed: what is linear here would not come to an end.
 */
#include "support/rb_depth.h"
#include "support/vmem_rig.h"

/* Where each call is followed by a whole check, few; emulated, fewer. */
#if VMM_ASSERT_LEVEL >= 2
#define MANY 300
#elif defined(__riscv)
#define MANY 30000
#else
#define MANY 100000
#endif

static _Alignas(16) uint64_t
	memory[VMM_VMEM_NODES_SIZE(VMM_VMEM_NODES_FOR(2 * MANY + 40)) / 8];

static void open_arena(unsigned config)
{
	arena_init(&vmem_configs[config], PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
}

static bool by_address(unsigned config)
{
	return !vmem_configs[config].bins || vmem_configs[config].by_address;
}

static unsigned depth_max(uint64_t count)
{
	unsigned log = 0;

	while ((count + 1) >> log != 0)
		log++;
	return 2 * log;
}

static const struct vmm_vmem_region *get(
	uint64_t pages, uint64_t align, unsigned flags)
{
	const struct vmm_vmem_request request = {
		.size = pages * PAGE, .align = align * PAGE, .flags = flags};
	const struct vmm_vmem_region *region = NULL;

	CHECK_EQ(vmm_vmem_xalloc(&arena, &request, &region), VMM_OK);
	return region;
}

/*
 * A used region at each end of very many empty spans: the one is the neighbour
 * of the other, from wherever one looks.
 */
TEST(unit_vmem_adversary_empty_spans)
{
	for (unsigned config = 0; config < VMEM_CONFIGS; config++) {
		const vmm_va_t end = (2 * MANY - 1) * PAGE;
		const struct vmm_vmem_region *low, *high;

		open_arena(config);
		for (uint64_t i = 0; i < MANY; i++)
			CHECK_EQ(vmm_vmem_add(&arena, 2 * i * PAGE, PAGE),
				VMM_OK);
		CHECK_EQ(vmm_vmem_alloc_at(&arena, 0, PAGE), VMM_OK);
		CHECK_EQ(vmm_vmem_alloc_at(&arena, end - PAGE, PAGE), VMM_OK);
		low = vmm_vmem_find(&arena, 0);
		high = vmm_vmem_find(&arena, end - PAGE);
		for (uint64_t i = 1; i + 1 < MANY; i++) {
			CHECK(vmm_vmem_floor(&arena, 2 * i * PAGE) == low);
			CHECK(vmm_vmem_ceiling(&arena, 2 * i * PAGE) == high);
			CHECK(vmm_vmem_next(&arena, low) == high);
			CHECK(vmm_vmem_prev(&arena, high) == low);
			CHECK(vmm_vmem_find_containing(&arena, 2 * i * PAGE) ==
				NULL);
			CHECK(vmm_vmem_region_find(&arena, 2 * i * PAGE) !=
				NULL);
		}
		CHECK(depth_of(&arena.used) <= depth_max(arena.run_count));
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	}
}

/*
 * Every second page is used: holes that are large enough for a page and, being
 * at odd addresses, never right. Each policy goes over them to what is right,
 * and fails as fast when there is nothing.
 */
TEST(unit_vmem_adversary_holes_that_do_not_fit)
{
	static const unsigned flags[] = {0, VMM_VMEM_FIRST_FIT,
		VMM_VMEM_LAST_FIT, VMM_VMEM_NEXT_FIT, VMM_VMEM_RANDOM};

	for (unsigned i = 0; i < VMEM_CONFIGS * 5; i++) {
		const uint64_t holes = MANY / 2;
		const struct vmm_vmem_request none = {.size = PAGE,
			.align = 2 * PAGE,
			.flags = flags[i % 5],
			.entropy = 0x123456789abcdef};
		const struct vmm_vmem_region *region;

		if (i % 5 != 0 && !by_address(i / 5))
			continue;
		open_arena(i / 5);
		CHECK_EQ(vmm_vmem_add(&arena, 0, (2 * holes + 8) * PAGE),
			VMM_OK);
		for (uint64_t k = 0; k < holes; k++)
			CHECK_EQ(vmm_vmem_alloc_at(&arena, 2 * k * PAGE, PAGE),
				VMM_OK);
		for (unsigned k = 0; k < 1000; k++) {
			region = get(2, 2, flags[i % 5]);
			CHECK(vmm_vmem_region_base(region) >= 2 * holes * PAGE);
			CHECK_EQ(vmm_vmem_free_region(&arena, region), VMM_OK);
		}
		CHECK_EQ(vmm_vmem_alloc_at(&arena, 2 * holes * PAGE, 8 * PAGE),
			VMM_OK);
		for (unsigned k = 0; k < 1000; k++) {
			region = NULL;
			CHECK_EQ(vmm_vmem_xalloc(&arena, &none, &region),
				VMM_ENOSPC);
		}
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	}
}

/* Small holes on either side of the only one that is large enough. */
TEST(unit_vmem_adversary_one_hole_among_many)
{
	for (unsigned config = 0; config < VMEM_CONFIGS; config++) {
		const uint64_t holes = MANY / 2;
		const uint64_t middle = holes / 2 * 2;

		open_arena(config);
		CHECK_EQ(vmm_vmem_add(&arena, 0, 2 * holes * PAGE), VMM_OK);
		for (uint64_t k = 0; k < holes; k++) {
			if (2 * k != middle)
				CHECK_EQ(vmm_vmem_alloc_at(
						 &arena, 2 * k * PAGE, PAGE),
					VMM_OK);
		}
		for (unsigned k = 0; k < 3000; k++) {
			static const unsigned flags[] = {
				0, VMM_VMEM_FIRST_FIT, VMM_VMEM_LAST_FIT};
			const struct vmm_vmem_region *region;

			if (k % 3 != 0 && !by_address(config))
				continue;
			region = get(3, 0, flags[k % 3]);
			CHECK_EQ(vmm_vmem_region_base(region),
				(middle - 1) * PAGE);
			CHECK_EQ(vmm_vmem_free_region(&arena, region), VMM_OK);
		}
	}
}

/* Equal sizes in bins: each list as long as it can be, in any order. */
TEST(unit_vmem_adversary_equal_sizes_in_bins)
{
	for (unsigned config = 0; config < VMEM_CONFIGS; config++) {
		vmm_va_t base;

		open_arena(config);
		CHECK_EQ(vmm_vmem_add(&arena, 0, 2 * MANY * PAGE), VMM_OK);
		for (uint64_t i = 0; i < 2 * MANY; i++)
			CHECK_EQ(vmm_vmem_alloc(&arena, PAGE, &base), VMM_OK);
		/* 7919 is prime to both counts: each second page, wildly. */
		for (uint64_t i = 0; i < MANY; i++)
			CHECK_EQ(vmm_vmem_free(
					 &arena, 2 * (i * 7919 % MANY) * PAGE),
				VMM_OK);
		CHECK_EQ(arena.free_count, MANY);
		CHECK(depth_of(&arena.free_by_size) <= depth_max(MANY));
		CHECK(depth_of(&arena.free_by_base) <= depth_max(MANY));
		CHECK(depth_of(&arena.used) <= depth_max(arena.run_count));
		for (uint64_t i = 0; i < MANY; i++) {
			CHECK_EQ(vmm_vmem_alloc(&arena, PAGE, &base), VMM_OK);
			if (!vmem_configs[config].bins)
				CHECK_EQ(base, 2 * i * PAGE);
		}
		CHECK_EQ(vmm_vmem_alloc(&arena, PAGE, &base), VMM_ENOSPC);
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	}
}

/* One address below, the first, one inside, the last, and one past the end. */
static void expect_edges(const struct vmm_vmem_region *region)
{
	vmm_va_t base = region->base;
	uint64_t size = region->size;
	const vmm_va_t inside[] = {
		base, base + 1, base + size / 2, base + (size - 1)};

	for (unsigned i = 0; i < 4; i++) {
		CHECK(vmm_vmem_find_containing(&arena, inside[i]) == region);
		CHECK(vmm_vmem_region_find(&arena, inside[i]) == region);
		CHECK(vmm_vmem_floor(&arena, inside[i]) == region);
		CHECK_EQ(vmm_vmem_find(&arena, inside[i]) == region,
			inside[i] == vmm_vmem_region_base(region));
		if (inside[i] != base)
			CHECK(vmm_vmem_ceiling(&arena, inside[i]) != region);
	}
	CHECK(vmm_vmem_ceiling(&arena, base) == region);
	CHECK(vmm_vmem_find_containing(&arena, base - 1) != region);
	CHECK(vmm_vmem_find_containing(&arena, base + size) != region);
	CHECK(vmm_vmem_region_find(&arena, base + size) != region);
	CHECK(vmm_vmem_floor(&arena, base - 1) != region);
}

/*
 * Regions of all sizes to 20 pages, some with guards, touching and not, at 0 and
 * to the last byte of 2^64: an address inside is found, one past the end is not.
 */
TEST(unit_vmem_adversary_edges_of_regions)
{
	for (unsigned config = 0; config < VMEM_CONFIGS; config++) {
		const struct vmm_vmem_region *region;
		unsigned count = 0;

		open_arena(config);
		CHECK_EQ(vmm_vmem_add(&arena, 0, 300 * PAGE), VMM_OK);
		CHECK_EQ(vmm_vmem_add(&arena, -(230 * PAGE), 230 * PAGE),
			VMM_OK);
		for (uint64_t i = 0; i < 40; i++) {
			const struct vmm_vmem_request request = {
				.size = (1 + i / 2) * PAGE,
				.guard = {i % 3 * PAGE, i % 2 * PAGE},
				.flags = i % 2 && by_address(config)
						 ? VMM_VMEM_LAST_FIT
						 : 0};

			if (vmm_vmem_xalloc(&arena, &request, &region) ==
				VMM_OK)
				count++;
		}
		CHECK(count >= 20);
		for (unsigned round = 0; round < 2; round++) {
			region = vmm_vmem_ceiling(&arena, 0);
			for (unsigned i = 0; region != NULL; i++) {
				const struct vmm_vmem_region *next =
					vmm_vmem_next(&arena, region);

				expect_edges(region);
				/* Holes beside every second one. */
				if (round == 0 && i % 2 == 1)
					CHECK_EQ(vmm_vmem_free_region(
							 &arena, region),
						VMM_OK);
				region = next;
			}
		}
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	}
}

/* A region that ends at 2^64, and one that is all of the upper half. */
TEST(unit_vmem_adversary_the_last_byte)
{
	for (unsigned config = 0; config < VMEM_CONFIGS; config++) {
		const uint64_t half = UINT64_C(1) << 63;
		const struct vmm_vmem_region *region;

		open_arena(config);
		CHECK_EQ(vmm_vmem_add(&arena, half, half), VMM_OK);
		for (unsigned i = 0; i < 2; i++) {
			uint64_t size = i == 0 ? PAGE : half;

			CHECK_EQ(
				vmm_vmem_alloc_at(&arena, -size, size), VMM_OK);
			region = vmm_vmem_find(&arena, -size);
			expect_edges(region);
			CHECK(vmm_vmem_floor(&arena, UINT64_MAX) == region);
			CHECK(vmm_vmem_find_containing(&arena, UINT64_MAX) ==
				region);
			CHECK(vmm_vmem_find_containing(&arena, 0) == NULL);
			CHECK(vmm_vmem_next(&arena, region) == NULL);
			CHECK_EQ(vmm_vmem_room(region), size);
			CHECK_EQ(vmm_vmem_resize(&arena, region, size + 1),
				VMM_ENOSPC);
			CHECK_EQ(vmm_vmem_free_part(&arena, -PAGE, 2 * PAGE),
				VMM_ENOENT);
			CHECK_EQ(vmm_vmem_free(&arena, -size), VMM_OK);
		}
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	}
}

/* One free region, in a span of its own, a page behind an aligned address or
   at one. */
static vmm_va_t add_alone(uint64_t *slot, uint64_t pages, bool aligned)
{
	vmm_va_t base = (++*slot * 16384 + (aligned ? 0 : 1)) * PAGE;

	CHECK_EQ(vmm_vmem_add(&arena, base, pages * PAGE), VMM_OK);
	return base;
}

/*
 * What is tried is bounded over bins and trees together: a bin counts 1, a
 * region of the trees 4. The only tight place is in the last region of the
 * trees that comes before those with a place for certain: it is found if, and
 * only if, that is in reach.
 */
TEST(unit_vmem_adversary_probes)
{
	const uint64_t align = 4096;

	for (unsigned i = 0; i < VMEM_CONFIGS * 7 * 5; i++) {
		const unsigned config = i % VMEM_CONFIGS;
		const unsigned trees = i / VMEM_CONFIGS % 7;
		const unsigned binned =
			VMM_VMEM_PROBES - 4 * trees - 2 + i / VMEM_CONFIGS / 7;
		vmm_va_t tight, certain;
		uint64_t slot = 0;

		if (!vmem_configs[config].bins)
			continue;
		open_arena(config);
		for (unsigned k = 0; k < binned; k++)
			add_alone(&slot, 1 + k, false);
		for (unsigned k = 0; k < trees; k++)
			add_alone(&slot, 1100 + k, false);
		tight = add_alone(&slot, 1200, true);
		certain = add_alone(&slot, 6000, false) + (align - 1) * PAGE;
		CHECK_EQ(vmm_vmem_region_base(get(1, align, 0)),
			binned + 4 * trees < VMM_VMEM_PROBES ? tight : certain);
	}
}
