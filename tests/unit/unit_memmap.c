/* SPDX-License-Identifier: MIT */
/* The memory map: what it promises, on examples that can be read. */
#include <vmm/memmap.h>

#include "support/test.h"

#define PAGE VMM_PAGE_SIZE
#define TOP  (UINT64_MAX - 0xfff) /* the last frame's first byte */

static struct vmm_mem_range ranges[2048];
static struct vmm_memmap map;

static void open_map(size_t max)
{
	vmm_memmap_init(&map, ranges, max);
}

static void add(vmm_pa_t base, uint64_t size)
{
	CHECK_EQ(vmm_memmap_add(&map, base, size), VMM_OK);
	CHECK_EQ(vmm_memmap_check(&map), VMM_OK);
}

static void reserve(vmm_pa_t base, uint64_t size, enum vmm_mem_kind kind)
{
	CHECK_EQ(vmm_memmap_reserve(&map, base, size, kind), VMM_OK);
	CHECK_EQ(vmm_memmap_check(&map), VMM_OK);
}

static void entry(
	size_t i, vmm_pa_t base, uint64_t size, unsigned kind, unsigned ram)
{
	CHECK(i < map.count);
	CHECK_EQ(ranges[i].base, base);
	CHECK_EQ(ranges[i].size, size);
	CHECK_EQ(ranges[i].kind, kind);
	CHECK_EQ(ranges[i].ram, ram);
}

static struct vmm_mem_frames walk;

static void frames(vmm_pfn_t first, uint64_t count, unsigned kind)
{
	CHECK(vmm_memmap_frames_next(&map, &walk));
	CHECK_EQ(walk.first, first);
	CHECK_EQ(walk.count, count);
	CHECK_EQ(walk.kind, kind);
}

static void frames_end(void)
{
	struct vmm_mem_frames before = walk;

	CHECK(!vmm_memmap_frames_next(&map, &walk));
	CHECK_EQ(walk.first, before.first);
	CHECK_EQ(walk.count, before.count);
	walk = (struct vmm_mem_frames){0};
}

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

/*
 * Frames: RAM that is no multiple of a page loses its ends, a shared frame
 * belongs to the stronger side, and a hole of one byte costs a whole frame.
 */
TEST(unit_memmap_frames)
{
	open_map(32);
	frames_end();
	add(0x1001, 0x4ffe); /* 0x1001 to 0x5ffe: frames 2 to 4 */
	frames(2, 3, VMM_MEM_FREE);
	frames_end();
	add(0x5fff, 1); /* now frame 5 is whole */
	frames(2, 4, VMM_MEM_FREE);
	frames_end();
	reserve(0x2fff, 2, VMM_MEM_LOADER); /* a byte of 2 and one of 3 */
	frames(2, 2, VMM_MEM_LOADER);
	frames(4, 2, VMM_MEM_FREE);
	frames_end();
	reserve(0x3800, 0x10, VMM_MEM_PERMANENT);
	frames(2, 1, VMM_MEM_LOADER);
	frames(3, 1, VMM_MEM_PERMANENT);
	frames(4, 2, VMM_MEM_FREE);
	frames_end();

	/* Two halves of a frame, with and without the byte between them. */
	add(0x10000, 0x7ff);
	add(0x10800, 0x800);
	frames(2, 1, VMM_MEM_LOADER);
	frames(3, 1, VMM_MEM_PERMANENT);
	frames(4, 2, VMM_MEM_FREE);
	frames_end();
	reserve(0x107ff, 1, VMM_MEM_NVRAM); /* reserved is not yet RAM */
	frames(2, 1, VMM_MEM_LOADER);
	frames(3, 1, VMM_MEM_PERMANENT);
	frames(4, 2, VMM_MEM_FREE);
	frames_end();
	add(0x107ff, 1);
	frames(2, 1, VMM_MEM_LOADER);
	frames(3, 1, VMM_MEM_PERMANENT);
	frames(4, 2, VMM_MEM_FREE);
	frames(0x10, 1, VMM_MEM_NVRAM);
	frames_end();
}

/* The lowest place, between reservations, inside a window, aligned. */
TEST(unit_memmap_find_free)
{
	vmm_pa_t base = 77;

	open_map(16);
	CHECK_EQ(vmm_memmap_find_free(&map, 1, 1, 0, UINT64_MAX, &base),
		VMM_ENOMEM);
	add(0x1000, 0x9000); /* 0x1000 to 0x9fff */
	reserve(0x3000, 0x1000, VMM_MEM_LOADER);
	reserve(0x20000, 0x1000, VMM_MEM_PERMANENT); /* no RAM at all */
	CHECK_EQ(vmm_memmap_find_free(&map, 0x7000, 1, 0, UINT64_MAX, &base),
		VMM_ENOMEM);
	CHECK_EQ(base, 77);
	CHECK_EQ(vmm_memmap_find_free(&map, 0x2000, 1, 0, UINT64_MAX, &base),
		VMM_OK);
	CHECK_EQ(base, 0x1000);
	CHECK_EQ(vmm_memmap_find_free(&map, 0x2001, 1, 0, UINT64_MAX, &base),
		VMM_OK);
	CHECK_EQ(base, 0x4000);
	CHECK_EQ(vmm_memmap_find_free(&map, 1, 0x8000, 0, UINT64_MAX, &base),
		VMM_OK);
	CHECK_EQ(base, 0x8000);
	CHECK_EQ(vmm_memmap_find_free(&map, 1, 1, 0x4321, UINT64_MAX, &base),
		VMM_OK);
	CHECK_EQ(base, 0x4321);
	CHECK_EQ(vmm_memmap_find_free(
			 &map, 0x1000, 1, 0x9001, UINT64_MAX, &base),
		VMM_ENOMEM);
	CHECK_EQ(vmm_memmap_find_free(&map, 0x800, 1, 0x1800, 0x1fff, &base),
		VMM_OK);
	CHECK_EQ(base, 0x1800);
	CHECK_EQ(vmm_memmap_find_free(&map, 0x801, 1, 0x1800, 0x1fff, &base),
		VMM_ENOMEM);
	CHECK_EQ(vmm_memmap_find_free(&map, 1, 1, 0x1900, 0x1800, &base),
		VMM_ENOMEM);
	/* Rounding up to the alignment would pass 2^64. */
	add(TOP, 0x1000);
	CHECK_EQ(vmm_memmap_find_free(
			 &map, 1, UINT64_C(1) << 63, TOP, UINT64_MAX, &base),
		VMM_ENOMEM);
}

TEST(unit_memmap_dump)
{
	static char buffer[1024];
	struct test_text text;
	struct vmm_sink sink = test_text_sink(&text, buffer, sizeof(buffer));

	open_map(8);
	add(0x80000000, 0x20000000);
	reserve(0x80000000, 0x40000, VMM_MEM_PERMANENT);
	reserve(0x10000000, 0x100, VMM_MEM_MMIO);
	vmm_memmap_dump(&map, &sink);
	CHECK(test_text_has(&text,
		"[0x0000000010000000-0x00000000100000ff]        256"
		"  mmio      not ram\n"
		"[0x0000000080000000-0x000000008003ffff]       256K"
		"  permanent ram\n"
		"[0x0000000080040000-0x000000009fffffff]    524032K"
		"  free      ram\n"
		"sum                                        524032K"
		"  free      ram\n"
		"sum                                           256K"
		"  permanent ram\n"
		"sum                                           512M"
		"  all       ram\n"));

	/* Nothing, and more than a size can say. */
	open_map(8);
	sink = test_text_sink(&text, buffer, sizeof(buffer));
	vmm_memmap_dump(&map, &sink);
	CHECK_EQ(text.used, 66);
	CHECK(test_text_has(&text,
		"sum                                              0"
		"  all       ram\n"));
	add(0, UINT64_C(1) << 63);
	add(UINT64_C(1) << 63, UINT64_C(1) << 63);
	reserve(0, 1, VMM_MEM_LOADER);
	sink = test_text_sink(&text, buffer, sizeof(buffer));
	vmm_memmap_dump(&map, &sink);
	CHECK(test_text_has(&text,
		"sum                                     18446744073709551615"
		"  all       ram\n"));
	sink = test_text_sink(&text, buffer, sizeof(buffer));
	sink.write(sink.ctx, vmm_mem_kind_name(VMM_MEM_KIND_COUNT), 7);
	CHECK(test_text_has(&text, "unknown"));
}
