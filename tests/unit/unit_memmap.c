/* SPDX-License-Identifier: MIT */
/* The entries of a memory map: what is made of RAM, kinds and overlaps. */
#include "support/memmap_rig.h"

/* RAM, a hole in it, a device beside it: the shape of a real board. */
TEST(unit_memmap_splits_and_merges)
{
	open_map(16);
	add(0x80000000, 0x10000000);
	entry(0, 0x80000000, 0x10000000, VMM_MEM_FREE, 1);
	reserve(0x80000000, 0x40000, VMM_MEM_PERMANENT);
	reserve(0x84000000, 0x1000, VMM_MEM_LOADER);
	reserve(0x10000000, 0x100, VMM_MEM_MMIO);
	CHECK_EQ(map.count, 5);
	entry(0, 0x10000000, 0x100, VMM_MEM_MMIO, 0);
	entry(1, 0x80000000, 0x40000, VMM_MEM_PERMANENT, 1);
	entry(2, 0x80040000, 0x3fc0000, VMM_MEM_FREE, 1);
	entry(3, 0x84000000, 0x1000, VMM_MEM_LOADER, 1);
	entry(4, 0x84001000, 0xbfff000, VMM_MEM_FREE, 1);

	/* RAM added twice, and RAM that closes a gap. */
	add(0x80000000, 0x10000000);
	CHECK_EQ(map.count, 5);
	add(0x90000000, 0x1000);
	CHECK_EQ(map.count, 5);
	entry(4, 0x84001000, 0xc000000, VMM_MEM_FREE, 1);
	CHECK_EQ(vmm_memmap_ram(&map, VMM_MEM_FREE), 0x3fc0000 + 0xc000000);
	CHECK_EQ(vmm_memmap_ram(&map, VMM_MEM_MMIO), 0);
}

/* Classes that touch stay apart, so that one of them can be released. */
TEST(unit_memmap_keeps_touching_kinds_apart)
{
	open_map(16);
	add(0, 16 * PAGE);
	reserve(4 * PAGE, PAGE, VMM_MEM_LOADER);
	reserve(5 * PAGE, PAGE, VMM_MEM_ACPI);
	reserve(6 * PAGE, PAGE, VMM_MEM_LOADER);
	CHECK_EQ(map.count, 5);
	entry(1, 4 * PAGE, PAGE, VMM_MEM_LOADER, 1);
	entry(2, 5 * PAGE, PAGE, VMM_MEM_ACPI, 1);
	entry(3, 6 * PAGE, PAGE, VMM_MEM_LOADER, 1);
}

/* Every pair of kinds, in both orders: the stronger one is left. */
TEST(unit_memmap_stronger_kind_wins)
{
	for (unsigned a = 1; a < VMM_MEM_KIND_COUNT; a++) {
		for (unsigned b = 1; b < VMM_MEM_KIND_COUNT; b++) {
			unsigned strong = a > b ? a : b;

			open_map(16);
			reserve(100, 200, (enum vmm_mem_kind)a);
			reserve(200, 200, (enum vmm_mem_kind)b);
			CHECK_EQ(map.count, a == b ? 1 : 2);
			if (a == b)
				entry(0, 100, 300, a, 0);
			else if (strong == a)
				entry(0, 100, 200, a, 0);
			else
				entry(1, 200, 200, b, 0);
		}
	}
}

/* Adding RAM never undoes a reservation; reserving makes no RAM. */
TEST(unit_memmap_ram_and_kind_are_independent)
{
	open_map(16);
	reserve(0x1000, 0x3000, VMM_MEM_PERMANENT);
	add(0x2000, 0x1000);
	CHECK_EQ(map.count, 3);
	entry(0, 0x1000, 0x1000, VMM_MEM_PERMANENT, 0);
	entry(1, 0x2000, 0x1000, VMM_MEM_PERMANENT, 1);
	entry(2, 0x3000, 0x1000, VMM_MEM_PERMANENT, 0);
	frames(2, 1, VMM_MEM_PERMANENT);
	frames_end();
}

struct call {
	vmm_pa_t base;
	uint64_t size;
	unsigned kind; /* VMM_MEM_FREE: add RAM */
};

/*
 * The same calls in 500 random orders make the same table, byte for byte. The
 * calls overlap in every way, touch, repeat and reach 2^64.
 */
TEST(unit_memmap_order_does_not_matter)
{
	struct call calls[] = {
		{0x80000000, 0x8000000, VMM_MEM_FREE},
		{0x87fff000, 0x1001, VMM_MEM_FREE},
		{0x80000000, 0x20000, VMM_MEM_PERMANENT},
		{0x8001f001, 0x2345, VMM_MEM_LOADER},
		{0x80020000, 0x1000, VMM_MEM_ACPI},
		{0x7fffffff, 0x8000003, VMM_MEM_LOADER},
		{0x83000000, 0x1000, VMM_MEM_NVRAM},
		{0x83000800, 0x1000, VMM_MEM_MMIO},
		{TOP, 0x1000, VMM_MEM_FREE},
		{TOP - 0x10, 0x20, VMM_MEM_LOADER},
		{UINT64_MAX, 1, VMM_MEM_ACPI},
		{0, 1, VMM_MEM_PERMANENT},
		{0, 0x1000, VMM_MEM_FREE},
		{0x83000000, 0x1000, VMM_MEM_NVRAM},
	};
	const size_t n = sizeof(calls) / sizeof(calls[0]);
	struct rng rng = {test_seed};
	uint64_t first = 0;

	for (unsigned round = 0; round < 500 * test_factor; round++) {
		uint64_t digest;

		open_map(2 * n + 1);
		for (size_t i = n; i > 1; i--) {
			size_t j = rng_below(&rng, i);
			struct call swap = calls[i - 1];

			calls[i - 1] = calls[j];
			calls[j] = swap;
		}
		for (size_t i = 0; i < n; i++) {
			if (calls[i].kind == VMM_MEM_FREE)
				add(calls[i].base, calls[i].size);
			else
				reserve(calls[i].base, calls[i].size,
					(enum vmm_mem_kind)calls[i].kind);
		}
		digest = test_digest(TEST_DIGEST_INIT, ranges,
			map.count * sizeof(ranges[0]));
		if (round == 0)
			first = digest;
		CHECK_EQ(digest, first);
	}
}

TEST(unit_memmap_refuses_malformed_calls)
{
	vmm_pa_t base = 77;

	open_map(4);
	add(0x1000, 0x1000);
	CHECK_EQ(vmm_memmap_add(&map, 5, 0), VMM_EINVAL);
	CHECK_EQ(vmm_memmap_add(&map, UINT64_MAX, 2), VMM_EINVAL);
	CHECK_EQ(vmm_memmap_reserve(&map, 5, 0, VMM_MEM_LOADER), VMM_EINVAL);
	CHECK_EQ(vmm_memmap_reserve(&map, 3, UINT64_MAX - 1, VMM_MEM_LOADER),
		VMM_EINVAL);
	CHECK_EQ(vmm_memmap_reserve(&map, 5, 5, VMM_MEM_FREE), VMM_EINVAL);
	CHECK_EQ(
		vmm_memmap_reserve(&map, 5, 5, VMM_MEM_KIND_COUNT), VMM_EINVAL);
	CHECK_EQ(vmm_memmap_find_free(&map, 0, 1, 0, UINT64_MAX, &base),
		VMM_EINVAL);
	CHECK_EQ(vmm_memmap_find_free(&map, 1, 3, 0, UINT64_MAX, &base),
		VMM_EINVAL);
	CHECK_EQ(vmm_memmap_find_free(&map, 1, 0, 0, UINT64_MAX, &base),
		VMM_EINVAL);
	CHECK_EQ(base, 77);
	CHECK_EQ(map.count, 1);
	entry(0, 0x1000, 0x1000, VMM_MEM_FREE, 1);
}

/*
 * Ranges that end at 2^64, and the map of all 2^64 bytes, whose size cannot be
 * said in one entry.
 */
TEST(unit_memmap_top_of_the_address_space)
{
	vmm_pa_t base;

	open_map(8);
	add(TOP, 0x1000);
	reserve(UINT64_MAX, 1, VMM_MEM_LOADER);
	CHECK_EQ(map.count, 2);
	entry(0, TOP, 0xfff, VMM_MEM_FREE, 1);
	entry(1, UINT64_MAX, 1, VMM_MEM_LOADER, 1);
	frames(TOP >> VMM_PAGE_SHIFT, 1, VMM_MEM_LOADER);
	frames_end();

	open_map(8);
	add(UINT64_C(1) << 63, UINT64_C(1) << 63);
	entry(0, UINT64_C(1) << 63, UINT64_C(1) << 63, VMM_MEM_FREE, 1);
	add(0, UINT64_C(1) << 63);
	CHECK_EQ(map.count, 2);
	entry(0, 0, UINT64_MAX, VMM_MEM_FREE, 1);
	entry(1, UINT64_MAX, 1, VMM_MEM_FREE, 1);
	frames(0, UINT64_C(1) << 52, VMM_MEM_FREE);
	frames_end();
	CHECK_EQ(vmm_memmap_ram(&map, VMM_MEM_FREE), UINT64_MAX);
	/* The same facts in other words make the same table. */
	add(5, UINT64_MAX - 10);
	CHECK_EQ(map.count, 2);
	entry(0, 0, UINT64_MAX, VMM_MEM_FREE, 1);
	CHECK_EQ(vmm_memmap_find_free(
			 &map, 0x1000, 0x1000, TOP - 5, UINT64_MAX, &base),
		VMM_ENOMEM); /* the last byte stands alone */
	CHECK_EQ(
		vmm_memmap_find_free(&map, 1, 1, UINT64_MAX, UINT64_MAX, &base),
		VMM_OK);
	CHECK_EQ(base, UINT64_MAX);
	reserve(0x1000, 0x1000, VMM_MEM_ACPI);
	CHECK_EQ(map.count, 3);
	entry(2, 0x2000, UINT64_MAX - 0x1fff, VMM_MEM_FREE, 1);
}
