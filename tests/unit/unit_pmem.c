/* SPDX-License-Identifier: MIT */
/* A zone as a whole: how it begins, what it covers, what joins and leaves it. */
#include "support/pmem_rig.h"

static _Alignas(64) unsigned char other_meta[64 * 1024];

/*
 * A board: firmware at the start of RAM, a boot module, a hole in the middle of
 * a block, an end that is no multiple of a block, and a last entry on its own.
 */
TEST(unit_pmem_starts_from_a_map)
{
	uint64_t frames;

	map_open();
	map_add(BASE, VMM_MIB(64) + 3 * PAGE);
	map_add(BASE + VMM_MIB(128), PAGE);
	map_reserve(BASE, 64 * PAGE, VMM_MEM_PERMANENT);
	map_reserve(BASE + VMM_MIB(5), VMM_MIB(3), VMM_MEM_LOADER);
	map_reserve(BASE + VMM_MIB(9) + 100, 1, VMM_MEM_ACPI);
	zone_open(NULL);

	CHECK_EQ(stat().base, BASE);
	CHECK_EQ(stat().count, VMM_MIB(128) / PAGE + 1);
	CHECK_EQ(stat().managed, VMM_MIB(61) / PAGE - 64 + 3 - 1 + 1);
	CHECK_EQ(stat().free, stat().managed);
	CHECK_EQ(stat().used, 0);
	CHECK_EQ(stat().used_peak, 0);
	CHECK(!vmm_pmem_is_free(&zone, BASE));
	CHECK(vmm_pmem_is_free(&zone, BASE + 64 * PAGE));
	CHECK(!vmm_pmem_is_free(&zone, BASE + VMM_MIB(9)));
	CHECK(vmm_pmem_is_free(&zone, BASE + VMM_MIB(64) + 2 * PAGE + 17));
	CHECK(!vmm_pmem_is_free(&zone, BASE + VMM_MIB(64) + 3 * PAGE));
	CHECK(vmm_pmem_is_free(&zone, BASE + VMM_MIB(128)));
	CHECK(!vmm_pmem_is_free(&zone, BASE + VMM_MIB(128) + PAGE));
	CHECK(!vmm_pmem_is_free(&zone, BASE - 1));

	CHECK_EQ(vmm_pmem_release(&zone, VMM_MEM_LOADER, &frames), VMM_OK);
	CHECK_EQ(frames, VMM_MIB(3) / PAGE);
	CHECK(vmm_pmem_is_free(&zone, BASE + VMM_MIB(5)));
	CHECK_EQ(vmm_pmem_release(&zone, VMM_MEM_ACPI, &frames), VMM_OK);
	CHECK_EQ(frames, 1);
	CHECK_EQ(vmm_pmem_release(&zone, VMM_MEM_ACPI, &frames), VMM_OK);
	CHECK_EQ(frames, 0);
	CHECK_EQ(stat().managed, VMM_MIB(64) / PAGE - 64 + 3 + 1);
}

/*
 * The metadata lies in the memory it describes: the size that was asked for
 * still suffices after its place was cut out of the map, and a byte less does
 * not. The bound is the one that the header names.
 */
TEST(unit_pmem_metadata_is_placed_in_ram)
{
	const struct vmm_pmem_config config = {.ranges_spare = 5};
	uint64_t size;
	vmm_pa_t pa;

	map_open();
	map_add(BASE, VMM_GIB(1));
	map_reserve(BASE + VMM_MIB(16), VMM_MIB(1), VMM_MEM_LOADER);
	CHECK_EQ(vmm_pmem_meta_size(&map, &config, &size), VMM_OK);
	CHECK(size <= VMM_KIB(36));
	CHECK_EQ(vmm_memmap_find_free(
			 &map, size, PAGE, BASE + VMM_MIB(16), UINT64_MAX, &pa),
		VMM_OK);
	CHECK_EQ(pa, BASE + VMM_MIB(17));
	map_reserve(pa + PAGE, size, VMM_MEM_PERMANENT);

	zone = (struct vmm_pmem){0};
	CHECK_EQ(vmm_pmem_init(&zone, &map, &config, meta, size - 1),
		VMM_ENOMEM);
	CHECK_EQ(vmm_pmem_init(&zone, &map, &config, meta, 0), VMM_ENOMEM);
	CHECK_EQ(zone.count, 0);
	CHECK_EQ(vmm_pmem_init(&zone, &map, &config, meta, size), VMM_OK);
	CHECK(zone.ranges_max - zone.ranges_count >= 5);
	CHECK(!vmm_pmem_is_free(&zone, pa + PAGE + size - 1));
}

TEST(unit_pmem_init_refuses)
{
	struct vmm_pmem_config config = {.min = BASE + 5, .last = BASE + 4};
	uint64_t size = 77;

	zone = (struct vmm_pmem){0};
	map_open();
	CHECK_EQ(vmm_pmem_meta_size(&map, NULL, &size), VMM_ENOENT);
	map_reserve(0, PAGE, VMM_MEM_MMIO);
	CHECK_EQ(vmm_pmem_meta_size(&map, NULL, &size), VMM_ENOENT);
	CHECK_EQ(vmm_pmem_init(&zone, &map, NULL, meta, sizeof(meta)),
		VMM_ENOENT);
	map_add(BASE + 1, 2 * PAGE - 2); /* not one whole frame */
	CHECK_EQ(vmm_pmem_meta_size(&map, NULL, &size), VMM_ENOENT);
	map_add(BASE, VMM_MIB(1));
	CHECK_EQ(vmm_pmem_meta_size(&map, &config, &size), VMM_EINVAL);
	CHECK_EQ(vmm_pmem_init(&zone, &map, &config, meta, sizeof(meta)),
		VMM_EINVAL);
	config.last = BASE + 2 * PAGE; /* holds frame 1, but not all of 2 */
	config.min = BASE + PAGE + 1;
	CHECK_EQ(vmm_pmem_meta_size(&map, &config, &size), VMM_ENOENT);
	CHECK_EQ(vmm_pmem_init(&zone, &map, NULL, meta + 8, sizeof(meta) - 8),
		VMM_EINVAL);
	CHECK_EQ(vmm_pmem_init(&zone, &map, NULL, NULL, sizeof(meta)),
		VMM_EINVAL);
	CHECK_EQ(size, 77);
	CHECK_EQ(zone.count, 0);
}

/*
 * Metadata of every size from nothing to a few entries more than asked for. The
 * answer includes the two entries that cutting the metadata's own place out of
 * the map may add; here they are spare. Whatever the size, no byte beyond it
 * is written.
 */
TEST(unit_pmem_metadata_of_every_size)
{
	const struct vmm_pmem_config config = {.ranges_spare = 3};
	const uint64_t entry = 24;
	uint64_t size;

	map_open();
	map_add(BASE, VMM_MIB(1));
	map_reserve(BASE + PAGE, PAGE, VMM_MEM_LOADER);
	CHECK_EQ(vmm_pmem_meta_size(&map, &config, &size), VMM_OK);
	for (uint64_t n = 0; n < size + 100; n++) {
		const bool enough = n >= size - 2 * entry;

		for (uint64_t i = 0; i < size + 200; i++)
			meta[i] = 0xa5;
		zone = (struct vmm_pmem){0};
		CHECK_EQ(vmm_pmem_init(&zone, &map, &config, meta, n),
			enough ? VMM_OK : VMM_ENOMEM);
		for (uint64_t i = enough ? n : 0; i < size + 200; i++)
			CHECK_EQ(meta[i], 0xa5);
		if (!enough) {
			CHECK_EQ(zone.count, 0);
			continue;
		}
		CHECK_EQ(zone.ranges_count, 3);
		CHECK_EQ(zone.ranges_max, 6 + (n + 2 * entry - size) / entry);
		CHECK(zone.meta_size <= n && n - zone.meta_size < entry);
		CHECK_EQ(vmm_pmem_check(&zone), VMM_OK);
	}
}

/* A map with only reserved RAM makes a zone that waits for a release. */
TEST(unit_pmem_without_free_frames)
{
	vmm_pa_t pa = 1;
	uint64_t frames;

	map_open();
	map_add(BASE, VMM_MIB(4));
	map_reserve(BASE, VMM_MIB(4), VMM_MEM_NVRAM);
	zone_open(NULL);
	CHECK_EQ(stat().managed, 0);
	CHECK_EQ(vmm_pmem_alloc(&zone, 0, &pa), VMM_ENOMEM);
	CHECK_EQ(vmm_pmem_alloc_up_to(&zone, 1, &pa, &frames), VMM_ENOMEM);
	REFUSED(vmm_pmem_free(&zone, BASE, 0), VMM_ENOENT);
	CHECK_EQ(vmm_pmem_release(&zone, VMM_MEM_NVRAM, &frames), VMM_OK);
	CHECK_EQ(frames, 1024);
	CHECK_EQ(alloc(10), BASE);
}

/* Two zones cut at 4 GiB, at an unaligned address too: no frame twice. */
TEST(unit_pmem_windows_cut_the_memory)
{
	const uint64_t cut = VMM_GIB(4);
	struct vmm_pmem_config low = {.last = cut - 1};
	struct vmm_pmem_config high = {.min = cut};

	map_open();
	map_add(cut - VMM_MIB(3) - PAGE, VMM_MIB(7));
	zone_open(&low);
	CHECK_EQ(stat().count, VMM_MIB(3) / PAGE + 1);
	REFUSED(vmm_pmem_free(&zone, cut, 0), VMM_ERANGE);
	REFUSED(vmm_pmem_free_range(&zone, cut - PAGE, 2), VMM_ERANGE);
	zone_open(&high);
	CHECK_EQ(stat().base, cut);
	CHECK_EQ(stat().count, VMM_MIB(4) / PAGE - 1);

	/* The frame that the cut goes through belongs to neither. */
	low.last = cut + 5;
	high.min = cut + 6;
	zone_open(&low);
	CHECK_EQ(stat().count, VMM_MIB(3) / PAGE + 1);
	zone_open(&high);
	CHECK_EQ(stat().base, cut + PAGE);
}

/* Permanent frames are off the free side and can never come back. */
TEST(unit_pmem_reserve)
{
	const struct vmm_pmem_config config = {.ranges_spare = 2};

	map_open();
	map_add(BASE, VMM_MIB(8));
	zone_open(&config); /* room for 1 + 2 + 2 ranges */
	CHECK_EQ(zone.ranges_max, 5);
	CHECK_EQ(vmm_pmem_reserve(&zone, BASE + 100 * PAGE, 10), VMM_OK);
	CHECK_EQ(zone.ranges_count, 3);
	CHECK_EQ(stat().managed, 2038);
	CHECK_EQ(stat().used, 0);
	CHECK_EQ(stat().used_peak, 0);
	REFUSED(vmm_pmem_free(&zone, BASE + 100 * PAGE, 0), VMM_ENOENT);
	REFUSED(vmm_pmem_claim(&zone, BASE + 109 * PAGE, 2), VMM_ENOENT);
	REFUSED(vmm_pmem_reserve(&zone, BASE + 109 * PAGE, 2), VMM_ENOENT);

	/* Next to it, on both sides: no more entries. */
	CHECK_EQ(vmm_pmem_reserve(&zone, BASE + 110 * PAGE, 300), VMM_OK);
	CHECK_EQ(vmm_pmem_reserve(&zone, BASE + 99 * PAGE, 1), VMM_OK);
	CHECK_EQ(zone.ranges_count, 3);
	CHECK_EQ(vmm_pmem_reserve(&zone, BASE, 1), VMM_OK);
	CHECK_EQ(zone.ranges_count, 4);

	/* In the middle it takes two, and there is but one. */
	REFUSED(vmm_pmem_reserve(&zone, BASE + 50 * PAGE, 1), VMM_ENOMEM);
	CHECK_EQ(vmm_pmem_reserve(&zone, BASE + 2047 * PAGE, 1), VMM_OK);
	CHECK_EQ(zone.ranges_count, 5);
	REFUSED(vmm_pmem_reserve(&zone, BASE + 50 * PAGE, 1), VMM_ENOMEM);
	/* All of a range merges three entries into one. */
	CHECK_EQ(vmm_pmem_reserve(&zone, BASE + PAGE, 98), VMM_OK);
	CHECK_EQ(zone.ranges_count, 3);

	CHECK_EQ(alloc(9), BASE + VMM_MIB(4));
	REFUSED(vmm_pmem_reserve(&zone, BASE + VMM_MIB(4), 1), VMM_EBUSY);
}

/*
 * A bank between two holes, with a permanent page beyond each. Its first and
 * its last frame become permanent and join nothing: the entries are neighbours
 * in the table, but the frames are not.
 */
TEST(unit_pmem_reserve_beside_a_hole)
{
	const struct vmm_pmem_config config = {.ranges_spare = 4};
	const vmm_pa_t bank = BASE + 10 * PAGE;

	map_open();
	map_add(BASE, PAGE);
	map_reserve(BASE, PAGE, VMM_MEM_PERMANENT);
	map_add(bank, 10 * PAGE);
	map_add(BASE + 30 * PAGE, PAGE);
	map_reserve(BASE + 30 * PAGE, PAGE, VMM_MEM_PERMANENT);
	zone_open(&config);
	CHECK_EQ(zone.ranges_count, 3);

	CHECK_EQ(vmm_pmem_reserve(&zone, bank, 1), VMM_OK);
	CHECK_EQ(zone.ranges_count, 4);
	CHECK_EQ(vmm_pmem_check(&zone), VMM_OK);
	CHECK_EQ(vmm_pmem_reserve(&zone, bank + 9 * PAGE, 1), VMM_OK);
	CHECK_EQ(zone.ranges_count, 5);
	CHECK_EQ(vmm_pmem_check(&zone), VMM_OK);
	CHECK_EQ(stat().managed, 8);
	CHECK_EQ(vmm_pmem_claim(&zone, bank + PAGE, 8), VMM_OK);
	REFUSED(vmm_pmem_free(&zone, bank, 0), VMM_ENOENT);
	CHECK_EQ(vmm_pmem_free_range(&zone, bank + PAGE, 8), VMM_OK);

	/* All that is left: the bank's three entries become one. */
	CHECK_EQ(vmm_pmem_reserve(&zone, bank + PAGE, 8), VMM_OK);
	CHECK_EQ(zone.ranges_count, 3);
	CHECK_EQ(vmm_pmem_check(&zone), VMM_OK);

	/* A bank of one frame, which has both ends. */
	map_open();
	map_add(BASE, 31 * PAGE);
	map_reserve(BASE, 31 * PAGE, VMM_MEM_PERMANENT);
	map_add(BASE + 40 * PAGE, PAGE);
	map_add(BASE + 50 * PAGE, PAGE);
	map_reserve(BASE + 50 * PAGE, PAGE, VMM_MEM_PERMANENT);
	zone_open(&config);
	CHECK_EQ(vmm_pmem_reserve(&zone, BASE + 40 * PAGE, 1), VMM_OK);
	CHECK_EQ(zone.ranges_count, 3);
	CHECK_EQ(vmm_pmem_check(&zone), VMM_OK);
}

/*
 * Release merges with its neighbours and leaves the other kinds, which touch
 * it, for later. A block whose last part arrives is whole again.
 */
TEST(unit_pmem_release_by_kind)
{
	uint64_t frames = 0;
	vmm_pa_t pa = 1;

	map_open();
	map_add(BASE, VMM_MIB(4));
	map_reserve(BASE + 10 * PAGE, 10 * PAGE, VMM_MEM_LOADER);
	map_reserve(BASE + 20 * PAGE, 10 * PAGE, VMM_MEM_ACPI);
	map_reserve(BASE + 30 * PAGE, 10 * PAGE, VMM_MEM_LOADER);
	map_reserve(BASE + VMM_MIB(2) + 10, 1, VMM_MEM_LOADER);
	zone_open(NULL);
	CHECK_EQ(zone.ranges_count, 7);
	REFUSED(vmm_pmem_alloc(&zone, 9, &pa), VMM_ENOMEM);
	CHECK_EQ(vmm_pmem_release(&zone, VMM_MEM_LOADER, &frames), VMM_OK);
	CHECK_EQ(frames, 21);
	CHECK_EQ(zone.ranges_count, 3);
	pa = alloc(9);
	CHECK_EQ(pa, BASE + VMM_MIB(2));
	REFUSED(vmm_pmem_alloc(&zone, 9, &pa), VMM_ENOMEM);
	CHECK(!vmm_pmem_is_free(&zone, BASE + 29 * PAGE));
	CHECK_EQ(vmm_pmem_release(&zone, VMM_MEM_ACPI, &frames), VMM_OK);
	CHECK_EQ(frames, 10);
	CHECK_EQ(zone.ranges_count, 1);
	CHECK_EQ(alloc(9), BASE);
	CHECK_EQ(stat().free, 0);
}

/* The metadata moves in the middle of the work; the old place is dead. */
TEST(unit_pmem_rebase)
{
	vmm_pa_t a;
	vmm_pa_t b;

	zone_of(BASE, VMM_GIB(1));
	CHECK(zone.meta_size <= sizeof(other_meta));
	a = alloc(0);
	b = alloc(10);
	for (uint64_t i = 0; i < zone.meta_size; i++) {
		other_meta[i] = meta[i];
		meta[i] = 0xa5;
	}
	vmm_pmem_rebase(&zone, other_meta);
	CHECK_EQ(vmm_pmem_check(&zone), VMM_OK);
	REFUSED(vmm_pmem_free(&zone, a + PAGE, 0), VMM_EEXIST);
	CHECK_EQ(vmm_pmem_free(&zone, a, 0), VMM_OK);
	CHECK_EQ(vmm_pmem_free(&zone, b, 10), VMM_OK);
	CHECK_EQ(alloc(18), BASE);
}

/* The smallest zone, and the last frame that has an address. */
TEST(unit_pmem_one_frame)
{
	const vmm_pa_t bases[] = {0, BASE + 63 * PAGE, UINT64_MAX - 0xfff};

	for (unsigned i = 0; i < 3; i++) {
		vmm_pa_t pa = 1;

		zone_of(bases[i], PAGE);
		CHECK_EQ(alloc(0), bases[i]);
		REFUSED(vmm_pmem_alloc(&zone, 0, &pa), VMM_ENOMEM);
		REFUSED(vmm_pmem_alloc_run(&zone, 1, 0, &pa), VMM_ENOMEM);
		REFUSED(vmm_pmem_free_range(&zone, bases[i], 2), VMM_ERANGE);
		CHECK_EQ(vmm_pmem_free(&zone, bases[i], 0), VMM_OK);
		REFUSED(vmm_pmem_alloc(&zone, 1, &pa), VMM_ENOMEM);
		REFUSED(vmm_pmem_alloc(&zone, 27, &pa), VMM_ENOMEM);
		CHECK_EQ(vmm_pmem_reserve(&zone, bases[i], 1), VMM_OK);
		CHECK_EQ(stat().managed, 0);
	}
}

/* The uppermost memory, in which every end is 2^64. */
TEST(unit_pmem_top_of_the_address_space)
{
	const vmm_pa_t base = UINT64_MAX - VMM_MIB(8) + 1;

	zone_of(base, VMM_MIB(8));
	CHECK_EQ(alloc(10), base + VMM_MIB(4));
	CHECK_EQ(vmm_pmem_claim(&zone, base, 1024), VMM_OK);
	CHECK_EQ(vmm_pmem_free_range(&zone, base, 2048), VMM_OK);
	REFUSED(vmm_pmem_free_range(&zone, base, 2049), VMM_ERANGE);
	CHECK_EQ(alloc(11), base);
}

TEST(unit_pmem_dump)
{
	static char buffer[2048];
	struct test_text text;
	struct vmm_sink sink = test_text_sink(&text, buffer, sizeof(buffer));

	map_open();
	map_add(BASE, VMM_MIB(8));
	map_reserve(BASE + VMM_MIB(6), VMM_MIB(2), VMM_MEM_LOADER);
	zone_open(NULL);
	CHECK_EQ(alloc(0), BASE);
	vmm_pmem_dump(&zone, &sink);
	CHECK(test_text_has(&text,
		"[0x0000000080000000-0x00000000805fffff]         6M  managed\n"
		"[0x0000000080600000-0x00000000807fffff]         2M  "
		"loader\n"));
	CHECK(test_text_has(&text, "managed             1536 frames"));
	CHECK(test_text_has(&text, "used                   1 frames"));
	CHECK(test_text_has(&text, " 2 free runs of 2M\n"));
	CHECK(test_text_has(&text, " 1 free runs of 4K\n"));
}
