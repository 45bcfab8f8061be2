/* SPDX-License-Identifier: MIT */
/* What a memory map is asked for: frames, free places, and its text. */
#include "support/memmap_rig.h"

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
