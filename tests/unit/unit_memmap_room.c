/* SPDX-License-Identifier: MIT */
/* How many entries calls need, and what happens when there are no more. */
#include "support/memmap_rig.h"

/*
 * A full array: what needs one entry more is refused and changes nothing, not
 * even beyond the table's end. What keeps the number of entries at every point
 * of the rewriting still works.
 */
TEST(unit_memmap_full_array_changes_nothing)
{
	uint64_t digest;

	open_map(3);
	add(0, 0x1000);
	add(0x2000, 0x1000);
	add(0x4000, 0x1000);
	digest = test_digest(TEST_DIGEST_INIT, ranges, sizeof(ranges));

	CHECK_EQ(vmm_memmap_add(&map, 0x6000, 1), VMM_ENOMEM);
	CHECK_EQ(vmm_memmap_reserve(&map, 0x2800, 1, VMM_MEM_ACPI), VMM_ENOMEM);
	CHECK_EQ(vmm_memmap_reserve(&map, 0x2800, 0x5000, VMM_MEM_ACPI),
		VMM_ENOMEM);
	CHECK_EQ(vmm_memmap_reserve(&map, 0, 1, VMM_MEM_ACPI), VMM_ENOMEM);
	CHECK_EQ(map.count, 3);
	CHECK_EQ(test_digest(TEST_DIGEST_INIT, ranges, sizeof(ranges)), digest);

	reserve(0x2000, 0x1000, VMM_MEM_ACPI);
	CHECK_EQ(map.count, 3);
	add(0, 0x10000);
	CHECK_EQ(map.count, 3);
	entry(2, 0x3000, 0xd000, VMM_MEM_FREE, 1);
}

/*
 * What a full array may refuse although the result would fit: four entries
 * become four, but the first two have become four before the last two are
 * merged into them. One entry to spare is enough.
 */
TEST(unit_memmap_full_array_may_refuse_a_fit)
{
	for (size_t max = 4; max <= 5; max++) {
		open_map(max);
		add(0, 0x1000);
		add(0x2000, 0x3000);
		reserve(0x3000, 0x1000, VMM_MEM_LOADER);
		reserve(0x4000, 0x1000, VMM_MEM_ACPI);
		CHECK_EQ(map.count, 4);
		CHECK_EQ(vmm_memmap_reserve(
				 &map, 0x800, 0x4800, VMM_MEM_PERMANENT),
			max == 4 ? VMM_ENOMEM : VMM_OK);
		CHECK_EQ(map.count, 4);
		CHECK_EQ(vmm_memmap_check(&map), VMM_OK);
	}
	entry(0, 0, 0x800, VMM_MEM_FREE, 1);
	entry(1, 0x800, 0x800, VMM_MEM_PERMANENT, 1);
	entry(2, 0x1000, 0x1000, VMM_MEM_PERMANENT, 0);
	entry(3, 0x2000, 0x3000, VMM_MEM_PERMANENT, 1);
}

/* The promise about room: n calls fit in 2 n + 1 entries, whatever they are. */
TEST(unit_memmap_room_is_enough)
{
	struct rng rng = {test_seed};

	for (unsigned round = 0; round < 300 * test_factor; round++) {
		size_t n = 1 + rng_below(&rng, 24);

		open_map(2 * n + 1);
		for (size_t i = 0; i < n; i++) {
			vmm_pa_t base = rng_below(&rng, 64);
			uint64_t size = 1 + rng_below(&rng, 64);

			if (rng_below(&rng, 2) == 0)
				add(base, size);
			else
				reserve(base, size,
					(enum vmm_mem_kind)(
						1 + rng_below(&rng, 5)));
		}
	}
}

/*
 * What vmm_memmap_room() promises: so many ranges more, each added and
 * reserved, in any map. Some reach 2^64, and a few maps become all 2^64 bytes.
 * The promise is tight, too: a map that is full of entries has none.
 */
TEST(unit_memmap_room_of_a_used_map)
{
	struct rng rng = {test_seed};
	size_t most = 0;

	for (unsigned round = 0; round < 2000 * test_factor; round++) {
		const bool high = rng_below(&rng, 2) == 0;
		size_t room;

		open_map(1 + rng_below(&rng, 60));
		CHECK_EQ(vmm_memmap_room(&map), (map.max - 1) / 2);
		do {
			room = vmm_memmap_room(&map);
			if (room > most)
				most = room;
			for (size_t i = 0; i < room; i++) {
				vmm_pa_t base = rng_below(&rng, 64);
				uint64_t size = 1 + rng_below(&rng, 32);

				if (high)
					base = UINT64_MAX - base;
				if (rng_below(&rng, 20) == 0)
					size = UINT64_MAX - base;
				if (!vmm_range_ok(base, size))
					size = UINT64_MAX - base + 1;
				if (size == 0)
					continue;
				add(base, size);
				reserve(base, size,
					(enum vmm_mem_kind)(
						1 + rng_below(&rng, 5)));
				if (rng_below(&rng, 4) == 0)
					break;
			}
		} while (room != 0 && rng_below(&rng, 8) != 0);
	}
	CHECK_EQ(most, 29);

	open_map(3);
	add(0, 1);
	CHECK_EQ(
		vmm_memmap_room(&map), 0); /* an island would fit, a hole not */
	open_map(5);
	add(0, 1);
	add(9, 1);
	CHECK_EQ(vmm_memmap_room(&map), 0); /* the gap may be filled, too */
	open_map(4);
	add(0, 9);
	CHECK_EQ(vmm_memmap_room(&map), 1);
	reserve(4, 1, VMM_MEM_MMIO);
	CHECK_EQ(map.count, 3);
	CHECK_EQ(vmm_memmap_room(&map), 0);
}

/* A machine that lists 1,000 pieces of RAM, from the last to the first. */
TEST(unit_memmap_thousand_entries)
{
	uint64_t pages = 0;

	open_map(2001);
	for (unsigned i = 1000; i-- > 0;)
		add((uint64_t)i * 4 * PAGE, (1 + i % 3) * PAGE);
	CHECK_EQ(map.count, 1000);
	for (unsigned i = 0; i < 1000; i++)
		reserve((uint64_t)i * 4 * PAGE, 1, VMM_MEM_LOADER);
	CHECK_EQ(map.count, 2000);
	while (vmm_memmap_frames_next(&map, &walk))
		pages += walk.kind == VMM_MEM_FREE ? walk.count : 0;
	CHECK_EQ(pages, 333 * 2 + 333 * 1); /* of 1, 2 and 3 pages, less one */
	frames_end();
	add(0, 4000 * PAGE);
	reserve(0, 4000 * PAGE, VMM_MEM_MMIO);
	CHECK_EQ(map.count, 1);
}
