/* SPDX-License-Identifier: MIT */
/* Break each field and each kind of metadata; the check must notice. */
#include <vmm/pmem.h>

#include "pmem/pmem_internal.h"
#include "support/test.h"

#define BASE UINT64_C(0x80000000)
#define PAGE VMM_PAGE_SIZE

static struct vmm_mem_range map_ranges[16];
static struct vmm_pmem zone;
static struct vmm_pmem good;
static _Alignas(64) unsigned char meta[64 * 1024];
static _Alignas(64) unsigned char good_meta[64 * 1024];

/*
 * 300 MiB, so that the sets have two levels, with a hole and a reservation;
 * block 0 is in part use, block 1 is mixed, the last block is in use.
 */
static void rig(void)
{
	const struct vmm_pmem_config config = {.ranges_spare = 3};
	struct vmm_memmap map;
	uint64_t size;
	vmm_pa_t pa;

	vmm_memmap_init(&map, map_ranges, 16);
	CHECK_EQ(vmm_memmap_add(&map, BASE, VMM_MIB(3)), VMM_OK);
	CHECK_EQ(vmm_memmap_add(&map, BASE + VMM_MIB(4), VMM_MIB(296)), VMM_OK);
	CHECK_EQ(vmm_memmap_reserve(
			 &map, BASE + VMM_MIB(8), VMM_MIB(2), VMM_MEM_LOADER),
		VMM_OK);
	CHECK_EQ(vmm_pmem_meta_size(&map, &config, &size), VMM_OK);
	CHECK(size <= sizeof(meta));
	CHECK_EQ(vmm_pmem_init(&zone, &map, &config, meta, size), VMM_OK);
	CHECK_EQ(vmm_pmem_claim(&zone, BASE + 5 * PAGE, 100), VMM_OK);
	CHECK_EQ(vmm_pmem_alloc(&zone, 9, &pa), VMM_OK);
	CHECK_EQ(pa, BASE + VMM_MIB(298));
	CHECK_EQ(vmm_pmem_hold(&zone, BASE + VMM_MIB(4), 512), VMM_OK);
	CHECK_EQ(zone.levels, 2);
	CHECK_EQ(vmm_pmem_check(&zone), VMM_OK);
	good = zone;
	for (size_t i = 0; i < sizeof(meta); i++)
		good_meta[i] = meta[i];
}

static void expect_corrupt(void)
{
	CHECK_EQ(vmm_pmem_check(&zone), VMM_ECORRUPT);
	zone = good;
	for (size_t i = 0; i < sizeof(meta); i++)
		meta[i] = good_meta[i];
	CHECK_EQ(vmm_pmem_check(&zone), VMM_OK);
}

#define BREAKS(statement)         \
	do {                      \
		statement;        \
		expect_corrupt(); \
	} while (0)

/*
 * Every bit of every field of the struct but two: where the metadata is can
 * only be seen to be misaligned or missing, and a peak only to be impossible.
 */
TEST(corrupt_pmem_struct)
{
	unsigned char *bytes = (unsigned char *)&zone;
	size_t bits = 0;

	rig();
	for (size_t i = 0; i < sizeof(zone); i++) {
		const size_t peak = offsetof(struct vmm_pmem, used_peak);

		if (i < sizeof(zone.meta) ||
			(i >= peak && i < peak + sizeof(zone.used_peak)))
			continue;
		for (unsigned bit = 0; bit < 8; bit++, bits++)
			BREAKS(bytes[i] ^= (unsigned char)(1U << bit));
	}
	/* Only the two fields left out; no padding got in. */
	CHECK_EQ(bits, 8 * (sizeof(zone) - sizeof(zone.meta) - 8));
	BREAKS(zone.meta = NULL);
	BREAKS(zone.meta = meta + 8);
	BREAKS(zone.used_peak = zone.managed - zone.free - zone.held - 1);
	BREAKS(zone.used_peak = zone.count + 1);
	BREAKS(zone.count = 0);
	BREAKS(zone.count = UINT64_MAX);
	BREAKS(zone.first = UINT64_MAX);
}

TEST(corrupt_pmem_infos)
{
	const uint64_t some[] = {0, 1, 2, 4, 77, 148, 149};

	rig();
	CHECK_EQ(zone.blocks, 150);
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		struct block_info *info = pmem_info(&zone, some[i]);

		for (unsigned bit = 0; bit < 16; bit++)
			BREAKS(info->free ^= (uint16_t)(1U << bit));
		for (unsigned bit = 0; bit < 8; bit++) {
			BREAKS(info->order ^= (uint8_t)(1U << bit));
			BREAKS(info->flags ^= (uint8_t)(1U << bit));
		}
	}
}

/* A bit of a line that is read: lost, invented, or free but not managed. */
TEST(corrupt_pmem_lines)
{
	rig();
	for (unsigned at = 0; at < 512; at++)
		BREAKS(pmem_line(&zone, 0)[at / 64] ^= UINT64_C(1)
						       << (at % 64));
	/* The count is right, but one of the frames is a hole. */
	BREAKS(pmem_line(&zone, 1)[0] ^= 1; pmem_line(&zone, 1)[7] ^= 1);
	/* Lines that are implied are not read. */
	pmem_line(&zone, 77)[3] ^= 1;
	pmem_line(&zone, 149)[3] ^= 1;
	CHECK_EQ(vmm_pmem_check(&zone), VMM_OK);
}

/* Every bit of every word of every set, on both levels. */
TEST(corrupt_pmem_sets)
{
	const uint64_t words = 10 * 4; /* 3 words below, 1 above */

	rig();
	CHECK_EQ(zone.set_words, 4);
	for (uint64_t w = 0; w < words; w++) {
		for (unsigned bit = 0; bit < 64; bit++)
			BREAKS(pmem_set(&zone, 0)[w] ^= UINT64_C(1) << bit);
	}
}

/* Every bit of the entries in use, and entries that lie about each other. */
TEST(corrupt_pmem_ranges)
{
	struct frame_range *r;
	unsigned char *bytes;

	rig();
	r = pmem_ranges(&zone);
	bytes = (unsigned char *)r;
	CHECK_EQ(zone.ranges_count, 4);
	for (size_t i = 0; i < 4 * sizeof(*r); i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			/* One kind that is not managed is as good as another. */
			if (i / sizeof(*r) == 2 &&
				i % sizeof(*r) ==
					offsetof(struct frame_range, kind))
				continue;
			BREAKS(bytes[i] ^= (unsigned char)(1U << bit));
		}
	}
	BREAKS(r[2].kind = VMM_MEM_FREE);
	BREAKS(r[2].kind = VMM_MEM_KIND_COUNT + 1);
	BREAKS(r[1].count -= 1; r[2].first -= 1; r[2].count += 1);
	BREAKS(r[2].first = r[1].first);
	BREAKS(zone.ranges_count = 0);
	BREAKS(zone.ranges_count = zone.ranges_max + 1);
	BREAKS(zone.ranges_max = 3);
}
