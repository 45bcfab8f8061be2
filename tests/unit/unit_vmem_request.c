/* SPDX-License-Identifier: MIT */
/* Requests under constraints by example: every field, flag and error. */
#include "support/vmem_rig.h"

#define BASE UINT64_C(0xffffffc000000000)

static _Alignas(16) uint64_t memory[VMM_VMEM_NODES_SIZE(300) / 8];

static const struct vmem_config plain;
static const struct vmem_config bins = {true, false, 0};
static const struct vmem_config by_address = {true, true, 32};
/* What can be asked for an address. */
static const struct vmem_config *const setups[] = {&plain, &by_address};

typedef struct vmm_vmem_request ask;

static void open_arena(const struct vmem_config *config, uint64_t pages)
{
	arena_init(config, PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, BASE, pages * PAGE), VMM_OK);
}

static void use(uint64_t page, uint64_t pages)
{
	CHECK_EQ(vmm_vmem_alloc_at(&arena, BASE + page * PAGE, pages * PAGE),
		VMM_OK);
}

static const struct vmm_vmem_region *get(ask request)
{
	const struct vmm_vmem_region *region = NULL;

	CHECK_EQ(vmm_vmem_xalloc(&arena, &request, &region), VMM_OK);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	return region;
}

/* The page, counted from BASE, that a request gets; it is freed again. */
static uint64_t page_of(ask request)
{
	const struct vmm_vmem_region *region = get(request);
	uint64_t page = (vmm_vmem_region_base(region) - BASE) / PAGE;

	CHECK_EQ(vmm_vmem_free_region(&arena, region), VMM_OK);
	return page;
}

/* Refused, with not a byte changed. */
static void refuse(ask request, int err)
{
	const struct vmm_vmem_region *region = NULL;
	uint64_t before = arena_digest(memory, sizeof(memory));

	CHECK_EQ(vmm_vmem_xalloc(&arena, &request, &region), err);
	CHECK(region == NULL);
	CHECK_EQ(arena_digest(memory, sizeof(memory)), before);
}

/* Lowest, highest, and on from the last one, round the end. */
TEST(unit_vmem_request_policies)
{
	for (unsigned i = 0; i < 2; i++) {
		const ask first = {.size = PAGE, .flags = VMM_VMEM_FIRST_FIT};
		const ask last = {.size = PAGE, .flags = VMM_VMEM_LAST_FIT};
		const ask next = {.size = PAGE, .flags = VMM_VMEM_NEXT_FIT};

		/* Holes: [1,3) [4,5) [10,16). */
		open_arena(setups[i], 16);
		use(0, 1);
		use(3, 1);
		use(5, 5);
		CHECK_EQ(page_of((ask){.size = PAGE}), 4);
		CHECK_EQ(page_of(first), 1);
		CHECK_EQ(page_of(last), 15);
		CHECK_EQ(page_of(next), 1);
		CHECK_EQ(page_of(next), 2);
		CHECK_EQ(page_of(next), 4);
		CHECK_EQ(page_of(next), 10);
		/* Others do not move it. */
		CHECK_EQ(page_of(first), 1);
		for (unsigned page = 11; page < 16; page++)
			CHECK_EQ(page_of(next), page);
		CHECK_EQ(page_of(next), 1);
		CHECK_EQ(page_of((ask){
				 .size = 3 * PAGE, .flags = VMM_VMEM_LAST_FIT}),
			13);
		CHECK_EQ(page_of((ask){.size = 3 * PAGE,
				 .flags = VMM_VMEM_FIRST_FIT}),
			10);
		refuse((ask){.size = 7 * PAGE, .flags = VMM_VMEM_LAST_FIT},
			VMM_ENOSPC);
	}
}

/* The last place of all, and next fit round 2^64. */
TEST(unit_vmem_request_policies_at_the_top)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct vmm_vmem_region *region;

		arena_init(setups[i], PAGE);
		CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)),
			VMM_OK);
		CHECK_EQ(vmm_vmem_add(&arena, 0, 4 * PAGE), VMM_OK);
		CHECK_EQ(vmm_vmem_add(&arena, -(4 * PAGE), 4 * PAGE), VMM_OK);
		region = get((ask){.size = PAGE, .flags = VMM_VMEM_LAST_FIT});
		CHECK_EQ(vmm_vmem_region_base(region), -PAGE);
		CHECK_EQ(vmm_vmem_free_region(&arena, region), VMM_OK);
		for (unsigned k = 0; k < 2; k++) {
			region = get((ask){
				.size = 4 * PAGE, .flags = VMM_VMEM_NEXT_FIT});
			CHECK_EQ(vmm_vmem_region_base(region),
				k == 0 ? 0 : -(4 * PAGE));
		}
		CHECK_EQ(vmm_vmem_free(&arena, 0), VMM_OK);
		region = get((ask){.size = PAGE, .flags = VMM_VMEM_NEXT_FIT});
		CHECK_EQ(vmm_vmem_region_base(region), 0);
	}
}

TEST(unit_vmem_request_phase)
{
	for (unsigned i = 0; i < 2; i++) {
		open_arena(setups[i], 64);
		CHECK_EQ(page_of((ask){.size = PAGE,
				 .align = 16 * PAGE,
				 .phase = 5 * PAGE}),
			5);
		use(0, 6);
		CHECK_EQ(page_of((ask){.size = PAGE,
				 .align = 16 * PAGE,
				 .phase = 5 * PAGE}),
			21);
		CHECK_EQ(page_of((ask){.size = PAGE,
				 .align = 16 * PAGE,
				 .phase = 5 * PAGE,
				 .flags = VMM_VMEM_LAST_FIT}),
			53);
		refuse((ask){.size = PAGE,
			       .align = 16 * PAGE,
			       .phase = 16 * PAGE},
			VMM_EINVAL);
		refuse((ask){.size = PAGE, .align = 16 * PAGE, .phase = 1},
			VMM_EINVAL);
		refuse((ask){.size = PAGE, .phase = PAGE}, VMM_EINVAL);
	}
}

/* No multiple of it lies inside; to begin or to end at one is fine. */
TEST(unit_vmem_request_nocross)
{
	for (unsigned i = 0; i < 2; i++) {
		open_arena(setups[i], 64);
		use(0, 6);
		CHECK_EQ(page_of((ask){.size = 2 * PAGE, .nocross = 8 * PAGE}),
			6);
		CHECK_EQ(page_of((ask){.size = 3 * PAGE, .nocross = 8 * PAGE}),
			8);
		CHECK_EQ(page_of((ask){.size = 8 * PAGE, .nocross = 8 * PAGE}),
			8);
		CHECK_EQ(page_of((ask){.size = 5 * PAGE,
				 .nocross = 8 * PAGE,
				 .flags = VMM_VMEM_LAST_FIT}),
			59);
		use(62, 1);
		CHECK_EQ(page_of((ask){.size = 7 * PAGE,
				 .nocross = 8 * PAGE,
				 .flags = VMM_VMEM_LAST_FIT}),
			49);
		refuse((ask){.size = 9 * PAGE, .nocross = 8 * PAGE},
			VMM_EINVAL);
		refuse((ask){.size = PAGE, .nocross = 3 * PAGE}, VMM_EINVAL);
		/* In phase 6 of 8, three pages always cross. */
		refuse((ask){.size = 3 * PAGE,
			       .align = 8 * PAGE,
			       .phase = 6 * PAGE,
			       .nocross = 8 * PAGE},
			VMM_EINVAL);
		/* It is the part between the guards that must not cross. */
		CHECK_EQ(page_of((ask){.size = 8 * PAGE,
				 .nocross = 8 * PAGE,
				 .guard = {PAGE, PAGE}}),
			8);
	}
}

/* Guards are of the region, but not of its place. */
TEST(unit_vmem_request_guards)
{
	const struct vmm_vmem_region *region;

	open_arena(&plain, 64);
	region = get((ask){.size = 2 * PAGE, .guard = {1, PAGE + 1}});
	CHECK_EQ(vmm_vmem_region_base(region), BASE + PAGE);
	CHECK_EQ(vmm_vmem_region_size(region), 2 * PAGE);
	CHECK_EQ(vmm_vmem_region_guard(region, false), PAGE);
	CHECK_EQ(vmm_vmem_region_guard(region, true), 2 * PAGE);
	CHECK_EQ(arena.used_size, 5 * PAGE);
	/* Found by any of its addresses; by name, only by its place. */
	CHECK(vmm_vmem_find_containing(&arena, BASE) == region);
	CHECK(vmm_vmem_find_containing(&arena, BASE + 5 * PAGE - 1) == region);
	CHECK(vmm_vmem_find_containing(&arena, BASE + 5 * PAGE) == NULL);
	CHECK(vmm_vmem_find(&arena, BASE) == NULL);
	CHECK(vmm_vmem_find(&arena, BASE + PAGE) == region);
	CHECK_EQ(vmm_vmem_free(&arena, BASE), VMM_ENOENT);
	CHECK_EQ(
		vmm_vmem_free_sized(&arena, BASE + PAGE, 5 * PAGE), VMM_EINVAL);
	CHECK_EQ(vmm_vmem_free_sized(&arena, BASE + PAGE, 2 * PAGE), VMM_OK);
	CHECK_EQ(arena.used_size, 0);

	/* Fixed: the place is where it was asked for, the guard below it. */
	region = get((ask){.size = PAGE,
		.where = BASE + PAGE,
		.guard = {PAGE, 0},
		.flags = VMM_VMEM_FIXED});
	CHECK_EQ(vmm_vmem_region_base(region), BASE + PAGE);
	CHECK_EQ(vmm_vmem_free_region(&arena, region), VMM_OK);
	refuse((ask){.size = PAGE,
		       .where = BASE,
		       .guard = {PAGE, 0},
		       .flags = VMM_VMEM_FIXED},
		VMM_ERANGE);
	refuse((ask){.size = 62 * PAGE, .guard = {PAGE, 2 * PAGE}}, VMM_ENOSPC);
	/* Larger than can be noted down, and than there is. */
	refuse((ask){.size = PAGE, .guard = {PAGE << 32, 0}}, VMM_ENOSPC);
	refuse((ask){.size = PAGE, .guard = {0, UINT64_MAX}}, VMM_ENOSPC);
	refuse((ask){.size = PAGE, .guard = {UINT64_MAX - PAGE, UINT64_MAX}},
		VMM_ENOSPC);
}

/* A guard has at most 2^32 - 1 quanta, however much room there is. */
TEST(unit_vmem_request_guards_of_many_quanta)
{
	const uint64_t most = UINT32_MAX;
	const struct vmm_vmem_region *region;

	arena_init(&plain, 1);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, 0, UINT64_C(1) << 40), VMM_OK);
	region = get((ask){.size = 1, .guard = {most, most}});
	CHECK_EQ(vmm_vmem_region_base(region), most);
	CHECK_EQ(vmm_vmem_region_guard(region, true), most);
	CHECK_EQ(vmm_vmem_region_size(region), 1);
	CHECK_EQ(vmm_vmem_free(&arena, most), VMM_OK);
	refuse((ask){.size = 1, .guard = {most + 1, 0}}, VMM_ENOSPC);
	refuse((ask){.size = 1, .guard = {0, most + 1}}, VMM_ENOSPC);
}

/* Guards of the first and the last page there is. */
TEST(unit_vmem_request_guards_at_the_ends)
{
	const struct vmm_vmem_region *region;

	arena_init(&plain, PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, 0, 3 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, -(3 * PAGE), 3 * PAGE), VMM_OK);
	for (unsigned i = 0; i < 2; i++) {
		region = get((ask){.size = PAGE, .guard = {PAGE, PAGE}});
		CHECK_EQ(vmm_vmem_region_base(region),
			i == 0 ? PAGE : -(2 * PAGE));
	}
	CHECK(vmm_vmem_find_containing(&arena, UINT64_MAX) == region);
	CHECK_EQ(vmm_vmem_room(region), PAGE);
	CHECK_EQ(vmm_vmem_free(&arena, -(2 * PAGE)), VMM_OK);
	refuse((ask){.size = 2 * PAGE,
		       .where = -(2 * PAGE),
		       .guard = {PAGE, PAGE},
		       .flags = VMM_VMEM_FIXED},
		VMM_ERANGE);
}

TEST(unit_vmem_request_window)
{
	for (unsigned i = 0; i < 2; i++) {
		open_arena(setups[i], 64);
		CHECK_EQ(page_of((ask){.size = PAGE, .min = BASE + 9 * PAGE}),
			9);
		CHECK_EQ(page_of((ask){
				 .size = PAGE, .min = BASE + 8 * PAGE + 1}),
			9);
		CHECK_EQ(page_of((ask){.size = 2 * PAGE,
				 .max = BASE + 12 * PAGE - 1,
				 .flags = VMM_VMEM_LAST_FIT}),
			10);
		CHECK_EQ(page_of((ask){.size = 2 * PAGE,
				 .max = BASE + 12 * PAGE - 2,
				 .flags = VMM_VMEM_LAST_FIT}),
			9);
		/* Guards lie in it, too. */
		CHECK_EQ(page_of((ask){.size = PAGE,
				 .guard = {PAGE, 0},
				 .min = BASE + 9 * PAGE}),
			10);
		/* Exactly what fits, and a byte less. */
		CHECK_EQ(page_of((ask){.size = 4 * PAGE,
				 .min = BASE + 5 * PAGE,
				 .max = BASE + 9 * PAGE - 1}),
			5);
		refuse((ask){.size = 4 * PAGE,
			       .min = BASE + 5 * PAGE,
			       .max = BASE + 9 * PAGE - 2},
			VMM_ENOSPC);
		refuse((ask){.size = PAGE, .min = 2, .max = 1}, VMM_EINVAL);
		refuse((ask){.size = PAGE, .max = BASE - 1}, VMM_ENOSPC);
		refuse((ask){.size = PAGE, .min = BASE + 64 * PAGE},
			VMM_ENOSPC);
		/* For a fixed place, the window is a condition. */
		refuse((ask){.size = PAGE,
			       .where = BASE,
			       .min = BASE + 1,
			       .flags = VMM_VMEM_FIXED},
			VMM_ERANGE);
		/* A hint outside of it is passed over. */
		CHECK_EQ(page_of((ask){.size = PAGE,
				 .where = BASE,
				 .min = BASE + PAGE,
				 .flags = VMM_VMEM_HINT}),
			1);
	}
}

/* What bins without "by address" cannot do, they refuse; all else they can. */
TEST(unit_vmem_request_not_supported)
{
	static const unsigned policies[] = {VMM_VMEM_FIRST_FIT,
		VMM_VMEM_LAST_FIT, VMM_VMEM_NEXT_FIT, VMM_VMEM_RANDOM};

	open_arena(&bins, 64);
	for (unsigned i = 0; i < 4; i++)
		refuse((ask){.size = PAGE, .flags = policies[i]}, VMM_ENOTSUP);
	refuse((ask){.size = PAGE, .min = 1}, VMM_ENOTSUP);
	refuse((ask){.size = PAGE, .max = UINT64_MAX - 1}, VMM_ENOTSUP);
	CHECK_EQ(page_of((ask){.size = PAGE, .max = UINT64_MAX}), 0);
	CHECK_EQ(page_of((ask){.size = PAGE,
			 .where = BASE + 5 * PAGE,
			 .flags = VMM_VMEM_FIXED}),
		5);
	CHECK_EQ(page_of((ask){.size = PAGE,
			 .where = BASE + 5 * PAGE,
			 .flags = VMM_VMEM_HINT}),
		5);
	use(0, 1);
	CHECK_EQ(page_of((ask){.size = PAGE, .align = 16 * PAGE}), 16);
	/* What is wrong in itself is said first. */
	refuse((ask){.size = 0, .flags = VMM_VMEM_FIRST_FIT}, VMM_EINVAL);
}

/* At most one way to choose; a hint goes with any, but not with fixed. */
TEST(unit_vmem_request_flags)
{
	open_arena(&plain, 64);
	for (unsigned flags = 0; flags < 2 * VMM_VMEM_FLAGS + 2; flags++) {
		const ask request = {
			.size = PAGE, .where = BASE, .flags = flags};
		unsigned ways = (flags & VMM_VMEM_FIXED) != 0;

		for (unsigned bit = VMM_VMEM_FIRST_FIT; bit <= VMM_VMEM_RANDOM;
			bit <<= 1)
			ways += (flags & bit) != 0;
		if (ways <= 1 && flags <= VMM_VMEM_FLAGS &&
			!((flags & VMM_VMEM_FIXED) && (flags & VMM_VMEM_HINT)))
			(void)page_of(request);
		else
			refuse(request, VMM_EINVAL);
	}
}

/* Spans for fixed requests only: nobody else gets in, by any way. */
TEST(unit_vmem_request_fixed_only)
{
	for (unsigned config = 0; config < VMEM_CONFIGS; config++) {
		struct vmm_vmem_stat stat;

		arena_init(&vmem_configs[config], PAGE);
		CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)),
			VMM_OK);
		CHECK_EQ(vmm_vmem_add_flags(&arena, BASE, 16 * PAGE, 2),
			VMM_EINVAL);
		CHECK_EQ(vmm_vmem_add_flags(
				 &arena, BASE, 16 * PAGE, VMM_VMEM_FIXED_ONLY),
			VMM_OK);
		refuse((ask){.size = PAGE}, VMM_ENOSPC);
		refuse((ask){.size = PAGE, .align = 8 * PAGE}, VMM_ENOSPC);
		refuse((ask){.size = PAGE,
			       .where = BASE,
			       .flags = VMM_VMEM_HINT},
			VMM_ENOSPC);
		if (!arena.bins || arena.by_address) {
			for (unsigned bit = VMM_VMEM_FIRST_FIT;
				bit <= VMM_VMEM_RANDOM; bit <<= 1)
				refuse((ask){.size = PAGE, .flags = bit},
					VMM_ENOSPC);
			refuse((ask){.size = PAGE, .min = BASE}, VMM_ENOSPC);
		}
		vmm_vmem_stat(&arena, &stat);
		CHECK_EQ(stat.free_size, 16 * PAGE);
		CHECK_EQ(stat.largest_free, 0);
		use(4, 2);
		use(8, 1);
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
		/* What is freed there is no more to be had than before. */
		CHECK_EQ(vmm_vmem_free(&arena, BASE + 4 * PAGE), VMM_OK);
		refuse((ask){.size = PAGE}, VMM_ENOSPC);
		CHECK_EQ(vmm_vmem_free(&arena, BASE + 8 * PAGE), VMM_OK);
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
		CHECK_EQ(vmm_vmem_remove(&arena, BASE), VMM_OK);
	}
}

/* A region that is part of a structure of ours, and comes back. */
TEST(unit_vmem_request_embed)
{
	struct object {
		int before;
		struct vmm_vmem_region region;
		int after;
	};
	static struct object objects[4];
	unsigned char *raw = (unsigned char *)objects;

	/* A caller's node may hold anything. */
	for (size_t i = 0; i < sizeof(objects); i++)
		raw[i] = 0xa5;
	for (unsigned config = 0; config < VMEM_CONFIGS; config++) {
		size_t spare;

		open_arena(&vmem_configs[config], 64);
		spare = vmm_vmem_spare(&arena);
		for (unsigned i = 0; i < 4; i++) {
			const struct vmm_vmem_region *region = get((ask){
				.size = PAGE, .embed = &objects[i].region});

			objects[i].before = 1;
			objects[i].after = 2;
			CHECK(region == &objects[i].region);
			CHECK(vmm_vmem_find(&arena, BASE + i * PAGE) == region);
		}
		CHECK_EQ(vmm_vmem_spare(&arena), spare);
		/* Between used ones, beside a free one, between free ones. */
		CHECK_EQ(vmm_vmem_free(&arena, BASE + PAGE), VMM_OK);
		CHECK_EQ(vmm_vmem_spare(&arena), spare - 1);
		CHECK_EQ(vmm_vmem_free(&arena, BASE + 3 * PAGE), VMM_OK);
		CHECK_EQ(vmm_vmem_free(&arena, BASE + 2 * PAGE), VMM_OK);
		CHECK_EQ(vmm_vmem_spare(&arena), spare);
		CHECK_EQ(vmm_vmem_free_region(&arena, &objects[0].region),
			VMM_OK);
		CHECK_EQ(vmm_vmem_free_region(&arena, &objects[0].region),
			VMM_ENOENT);
		for (unsigned i = 0; i < 4; i++)
			CHECK(objects[i].before == 1 && objects[i].after == 2);
		CHECK_EQ(vmm_vmem_spare(&arena), spare);
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	}
}
