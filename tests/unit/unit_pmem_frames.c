/* SPDX-License-Identifier: MIT */
/* Frames in and out: every call and every error, on readable examples. */
#include "support/pmem_rig.h"

/*
 * Take runs of one order until there are none, give all back: every frame was
 * handed out once, aligned, and the zone is as it was. 2^n runs of order n fit
 * exactly, though the window begins in the middle of a block.
 */
TEST(unit_pmem_frames_exhaustion_at_each_order)
{
	static vmm_pa_t got[8192];

	for (unsigned order = 0; order <= 12; order++) {
		struct vmm_pmem_runs runs;
		const uint64_t size = VMM_MIB(order < 4 ? 2 : 32);
		const vmm_pa_t base = BASE - 5 * PAGE;
		size_t n = 0;

		zone_of(base, size + 9 * PAGE);
		vmm_pmem_runs(&zone, &runs);
		for (;; n++) {
			const vmm_pa_t none = 1;
			vmm_pa_t pa = none;
			int err = vmm_pmem_alloc(&zone, order, &pa);

			if (err != VMM_OK) {
				CHECK_EQ(err, VMM_ENOMEM);
				CHECK_EQ(pa, none);
				break;
			}
			CHECK_EQ(pa & ((PAGE << order) - 1), 0);
			CHECK(pa >= base && pa < BASE + size + 4 * PAGE);
			CHECK(n < 8192);
			got[n] = pa;
		}
		/* Both ends hold a few of the small orders. */
		CHECK(n >= (size / PAGE) >> order);
		CHECK(n <= ((size / PAGE) >> order) + (9 >> order));
		CHECK_EQ(stat().used, n << order);
		for (size_t i = 0; i < n; i++) {
			/* From both sides, to merge in many ways. */
			size_t at = i % 2 == 0 ? i / 2 : n - 1 - i / 2;

			CHECK(!vmm_pmem_is_free(&zone, got[at]));
			CHECK_EQ(vmm_pmem_free(&zone, got[at], order), VMM_OK);
			REFUSED(vmm_pmem_free(&zone, got[at], order),
				VMM_EEXIST);
		}
		CHECK_EQ(stat().used, 0);
		CHECK_EQ(stat().used_peak, n << order);
		CHECK(same_runs(&runs));
	}
}

/*
 * 64 GiB at a multiple of 64 GiB, three levels, in 2.2 MiB of metadata: runs up
 * to the whole window; orders that are larger than any window are refused.
 */
TEST(unit_pmem_frames_huge_orders)
{
	const vmm_pa_t base = VMM_GIB(64);
	vmm_pa_t pa = 1;
	vmm_pa_t page;

	zone_of(base, VMM_GIB(64));
	CHECK_EQ(zone.levels, 3);
	for (unsigned order = 9; order <= 24; order++) {
		const uint64_t fit = UINT64_C(1) << (24 - order);

		pa = alloc(order);
		/* From the far end. */
		CHECK_EQ(pa, base + (fit - 1) * (PAGE << order));
		REFUSED(vmm_pmem_free(&zone, pa + (PAGE << order) / 2, order),
			VMM_EINVAL);
		CHECK_EQ(vmm_pmem_free(&zone, pa, order), VMM_OK);
	}
	pa = 1;
	for (unsigned order = 25; order <= VMM_PMEM_ORDER_MAX; order++)
		REFUSED(vmm_pmem_alloc(&zone, order, &pa), VMM_ENOMEM);

	/* One page spoils the only run of 64 GiB and one of 32 GiB. */
	page = alloc(0);
	CHECK_EQ(page, base);
	REFUSED(vmm_pmem_alloc(&zone, 24, &pa), VMM_ENOMEM);
	CHECK_EQ(alloc(23), base + VMM_GIB(32));
	REFUSED(vmm_pmem_alloc(&zone, 23, &pa), VMM_ENOMEM);
	CHECK_EQ(alloc(18), base + VMM_GIB(31));
	CHECK_EQ(vmm_pmem_free(&zone, page, 0), VMM_OK);
	CHECK_EQ(vmm_pmem_free(&zone, base + VMM_GIB(31), 18), VMM_OK);
	/* Freed in other pieces than it was allocated in. */
	CHECK_EQ(vmm_pmem_free_range(&zone, base + VMM_GIB(32), 5), VMM_OK);
	REFUSED(vmm_pmem_free(&zone, base + VMM_GIB(32), 23), VMM_EEXIST);
	CHECK_EQ(vmm_pmem_free_range(&zone, base + VMM_GIB(32) + 5 * PAGE,
			 (UINT64_C(1) << 23) - 5),
		VMM_OK);
	CHECK_EQ(alloc(24), base);
	CHECK_EQ(stat().free, 0);
}

/* Aligned to addresses, not to the window: here they differ by 3 blocks. */
TEST(unit_pmem_frames_alignment_is_absolute)
{
	vmm_pa_t pa = 1;

	zone_of(BASE - 3 * BLOCK, VMM_MIB(512));
	CHECK_EQ(alloc(16), BASE); /* 256 MiB */
	REFUSED(vmm_pmem_alloc(&zone, 16, &pa), VMM_ENOMEM);
	CHECK_EQ(alloc(15), BASE + VMM_MIB(256));
	REFUSED(vmm_pmem_alloc(&zone, 15, &pa), VMM_ENOMEM);
	CHECK_EQ(alloc(10), BASE + VMM_MIB(500));
}

/* Small requests break one block only; large ones grow from the other end. */
TEST(unit_pmem_frames_small_and_large_grow_apart)
{
	struct vmm_pmem_runs runs;

	zone_of(BASE, VMM_MIB(32));
	CHECK_EQ(alloc(0), BASE);
	CHECK_EQ(alloc(9), BASE + VMM_MIB(30));
	CHECK_EQ(alloc(3), BASE + 8 * PAGE);
	CHECK_EQ(alloc(9), BASE + VMM_MIB(28));
	CHECK_EQ(alloc(0), BASE + PAGE);
	vmm_pmem_runs(&zone, &runs);
	CHECK_EQ(runs.runs[9], 13);
	CHECK_EQ(runs.runs[0], 0);
	CHECK_EQ(runs.runs[1], 1);
	CHECK_EQ(runs.runs[2], 1);
	CHECK_EQ(runs.runs[3], 0);
	CHECK_EQ(runs.runs[4], 1);
	CHECK_EQ(runs.runs[8], 1);
}

TEST(unit_pmem_frames_malformed_calls)
{
	vmm_pa_t pa = 1;
	uint64_t n = 1;

	zone_of(BASE, VMM_MIB(8));
	REFUSED(vmm_pmem_alloc(&zone, VMM_PMEM_ORDER_MAX + 1, &pa), VMM_EINVAL);
	REFUSED(vmm_pmem_alloc(&zone, 64, &pa), VMM_EINVAL);
	REFUSED(vmm_pmem_alloc(&zone, ~0U, &pa), VMM_EINVAL);
	REFUSED(vmm_pmem_alloc_run(&zone, 0, 0, &pa), VMM_EINVAL);
	REFUSED(vmm_pmem_alloc_run(&zone, 1, VMM_PMEM_ORDER_MAX + 1, &pa),
		VMM_EINVAL);
	REFUSED(vmm_pmem_alloc_run(&zone, UINT64_MAX, 0, &pa), VMM_ENOMEM);
	REFUSED(vmm_pmem_alloc_run(&zone, 2049, 0, &pa), VMM_ENOMEM);
	REFUSED(vmm_pmem_alloc_up_to(&zone, 0, &pa, &n), VMM_EINVAL);
	CHECK_EQ(pa, 1);
	CHECK_EQ(n, 1);

	CHECK_EQ(vmm_pmem_claim(&zone, BASE, 2048), VMM_OK);
	REFUSED(vmm_pmem_free(&zone, BASE, VMM_PMEM_ORDER_MAX + 1), VMM_EINVAL);
	REFUSED(vmm_pmem_free(&zone, BASE, ~0U), VMM_EINVAL);
	REFUSED(vmm_pmem_free(&zone, BASE + 1, 0), VMM_EINVAL);
	REFUSED(vmm_pmem_free(&zone, BASE + PAGE, 1), VMM_EINVAL);
	REFUSED(vmm_pmem_free(&zone, BASE + BLOCK, 10), VMM_EINVAL);
	REFUSED(vmm_pmem_free_range(&zone, BASE + 1, 1), VMM_EINVAL);
	REFUSED(vmm_pmem_free_range(&zone, BASE, 0), VMM_EINVAL);
	REFUSED(vmm_pmem_claim(&zone, BASE, 0), VMM_EINVAL);
	REFUSED(vmm_pmem_claim(&zone, BASE + 8, 1), VMM_EINVAL);
	REFUSED(vmm_pmem_reserve(&zone, BASE, 0), VMM_EINVAL);
	REFUSED(vmm_pmem_reserve(&zone, BASE + 8, 1), VMM_EINVAL);
	REFUSED(vmm_pmem_release(&zone, VMM_MEM_FREE, &n), VMM_EINVAL);
	REFUSED(vmm_pmem_release(&zone, VMM_MEM_PERMANENT, &n), VMM_EINVAL);
	REFUSED(vmm_pmem_release(&zone, VMM_MEM_MMIO, &n), VMM_EINVAL);
	REFUSED(vmm_pmem_release(&zone, VMM_MEM_KIND_COUNT, &n), VMM_EINVAL);
	CHECK_EQ(n, 1);
}

/* Outside of the window on either side, and counts that would wrap. */
TEST(unit_pmem_frames_out_of_range)
{
	zone_of(BASE, VMM_MIB(8));
	CHECK_EQ(vmm_pmem_claim(&zone, BASE, 2048), VMM_OK);
	REFUSED(vmm_pmem_free(&zone, BASE - PAGE, 0), VMM_ERANGE);
	REFUSED(vmm_pmem_free(&zone, BASE + VMM_MIB(8), 0), VMM_ERANGE);
	REFUSED(vmm_pmem_free(&zone, 0, 0), VMM_ERANGE);
	REFUSED(vmm_pmem_free(&zone, 0, VMM_PMEM_ORDER_MAX), VMM_ERANGE);
	REFUSED(vmm_pmem_free(&zone, UINT64_MAX - 0xfff, 0), VMM_ERANGE);
	REFUSED(vmm_pmem_free(&zone, BASE, 12), VMM_ERANGE);
	REFUSED(vmm_pmem_free_range(&zone, BASE, 2049), VMM_ERANGE);
	REFUSED(vmm_pmem_free_range(&zone, BASE, UINT64_MAX), VMM_ERANGE);
	REFUSED(vmm_pmem_free_range(&zone, BASE + PAGE, UINT64_MAX),
		VMM_ERANGE);
	REFUSED(vmm_pmem_free_range(&zone, BASE - PAGE, 2), VMM_ERANGE);
	REFUSED(vmm_pmem_claim(&zone, BASE - PAGE, 2), VMM_ERANGE);
	REFUSED(vmm_pmem_reserve(&zone, BASE + VMM_MIB(8) - PAGE, 2),
		VMM_ERANGE);
	CHECK_EQ(stat().used, 2048);
}

/*
 * Free what is free: alone, at the start, in the middle and at the end of a
 * range that is in use otherwise, in blocks in part use, full and empty.
 */
TEST(unit_pmem_frames_double_free)
{
	const vmm_pa_t mid = BASE + VMM_MIB(4);

	zone_of(BASE, VMM_MIB(8));
	REFUSED(vmm_pmem_free(&zone, BASE, 0), VMM_EEXIST);
	REFUSED(vmm_pmem_free(&zone, BASE, 9), VMM_EEXIST);
	REFUSED(vmm_pmem_free(&zone, BASE, 11), VMM_EEXIST);
	CHECK_EQ(vmm_pmem_claim(&zone, BASE, 2048), VMM_OK);
	CHECK_EQ(vmm_pmem_free(&zone, mid, 0), VMM_OK);
	REFUSED(vmm_pmem_free(&zone, mid, 0), VMM_EEXIST);
	REFUSED(vmm_pmem_free(&zone, mid, 3), VMM_EEXIST);
	REFUSED(vmm_pmem_free(&zone, mid, 8), VMM_EEXIST);
	REFUSED(vmm_pmem_free(&zone, mid, 10), VMM_EEXIST);
	REFUSED(vmm_pmem_free(&zone, BASE, 11), VMM_EEXIST);
	REFUSED(vmm_pmem_free_range(&zone, mid - 700 * PAGE, 701), VMM_EEXIST);
	REFUSED(vmm_pmem_free_range(&zone, mid, 600), VMM_EEXIST);
	REFUSED(vmm_pmem_free_range(&zone, mid - 3 * PAGE, 600), VMM_EEXIST);
	CHECK_EQ(vmm_pmem_free_range(&zone, mid - 700 * PAGE, 700), VMM_OK);
	CHECK_EQ(vmm_pmem_free_range(&zone, mid + PAGE, 1023), VMM_OK);
	CHECK_EQ(vmm_pmem_free_range(&zone, BASE, 324), VMM_OK);
	CHECK_EQ(stat().used, 0);
}

/* Frames that nobody handed over: every kind, holes, and pieces of them. */
TEST(unit_pmem_frames_foreign_free)
{
	map_open();
	map_add(BASE, VMM_MIB(2));
	map_add(BASE + VMM_MIB(3), VMM_MIB(5));
	map_reserve(BASE + 16 * PAGE, 16 * PAGE, VMM_MEM_PERMANENT);
	map_reserve(BASE + 64 * PAGE, 16 * PAGE, VMM_MEM_LOADER);
	map_reserve(BASE + VMM_MIB(4), VMM_MIB(2), VMM_MEM_ACPI);
	zone_open(NULL);
	CHECK_EQ(vmm_pmem_claim(&zone, BASE, 16), VMM_OK);
	REFUSED(vmm_pmem_free(&zone, BASE + 16 * PAGE, 0), VMM_ENOENT);
	REFUSED(vmm_pmem_free(&zone, BASE + 64 * PAGE, 0), VMM_ENOENT);
	REFUSED(vmm_pmem_free(&zone, BASE + VMM_MIB(2), 0), VMM_ENOENT);
	REFUSED(vmm_pmem_free(&zone, BASE + VMM_MIB(4), 9), VMM_ENOENT);
	/* The first half is the caller's, the second is not. */
	REFUSED(vmm_pmem_free(&zone, BASE, 5), VMM_ENOENT);
	REFUSED(vmm_pmem_free_range(&zone, BASE, 17), VMM_ENOENT);
	REFUSED(vmm_pmem_free_range(&zone, BASE + VMM_MIB(2) - PAGE, 513),
		VMM_ENOENT);
	REFUSED(vmm_pmem_claim(&zone, BASE + VMM_MIB(4), 1), VMM_ENOENT);
	REFUSED(vmm_pmem_reserve(&zone, BASE + 80 * PAGE - PAGE, 2),
		VMM_ENOENT);
	CHECK_EQ(vmm_pmem_free(&zone, BASE, 4), VMM_OK);
}

/* Named frames: all or nothing, and theirs to free afterwards. */
TEST(unit_pmem_frames_claim)
{
	zone_of(BASE, VMM_MIB(8));
	CHECK_EQ(vmm_pmem_claim(&zone, BASE + 500 * PAGE, 1000), VMM_OK);
	CHECK_EQ(stat().used, 1000);
	REFUSED(vmm_pmem_claim(&zone, BASE + 1499 * PAGE, 2), VMM_EBUSY);
	REFUSED(vmm_pmem_claim(&zone, BASE + 400 * PAGE, 101), VMM_EBUSY);
	REFUSED(vmm_pmem_claim(&zone, BASE, 2048), VMM_EBUSY);
	REFUSED(vmm_pmem_claim(&zone, BASE + VMM_MIB(2), 512), VMM_EBUSY);
	CHECK_EQ(vmm_pmem_claim(&zone, BASE + 1500 * PAGE, 548), VMM_OK);
	CHECK_EQ(vmm_pmem_claim(&zone, BASE, 500), VMM_OK);
	CHECK_EQ(stat().free, 0);
	CHECK_EQ(vmm_pmem_free_range(&zone, BASE, 2048), VMM_OK);
	CHECK_EQ(stat().used_peak, 2048);
	CHECK_EQ(alloc(11), BASE);
}

/* Contiguous runs that no order serves. */
TEST(unit_pmem_frames_alloc_run)
{
	vmm_pa_t pa = 1;

	zone_of(BASE, VMM_MIB(8));
	CHECK_EQ(vmm_pmem_alloc_run(&zone, 5, 0, &pa), VMM_OK);
	CHECK_EQ(pa, BASE);
	CHECK_EQ(stat().used, 5);
	/* A root table of the guest stage: 16 KiB at 16 KiB. */
	CHECK_EQ(vmm_pmem_alloc_run(&zone, 4, 2, &pa), VMM_OK);
	CHECK_EQ(pa, BASE + 8 * PAGE);
	/* One frame at a multiple of 4 MiB. */
	CHECK_EQ(vmm_pmem_alloc_run(&zone, 1, 10, &pa), VMM_OK);
	CHECK_EQ(pa, BASE + VMM_MIB(4));
	/* Three blocks and a bit fit only across the borders of blocks. */
	CHECK_EQ(vmm_pmem_free_range(&zone, pa, 1), VMM_OK);
	CHECK_EQ(vmm_pmem_alloc_run(&zone, 2036, 0, &pa), VMM_OK);
	CHECK_EQ(pa, BASE + 12 * PAGE);
	CHECK_EQ(stat().free, 3);
	REFUSED(vmm_pmem_alloc_run(&zone, 4, 0, &pa), VMM_ENOMEM);
	REFUSED(vmm_pmem_alloc_run(&zone, 2, 3, &pa), VMM_ENOMEM);
	CHECK_EQ(vmm_pmem_alloc_run(&zone, 3, 0, &pa), VMM_OK);
	CHECK_EQ(pa, BASE + 5 * PAGE);
	CHECK_EQ(stat().free, 0);
}

/*
 * Every run of three frames around the border of two words and of two blocks,
 * which is all that is free: it is found wherever it lies.
 */
TEST(unit_pmem_frames_alloc_run_is_complete)
{
	static const unsigned borders[] = {64, 512, 576, 1024};

	for (unsigned i = 0; i < 4; i++) {
		for (unsigned d = 0; d <= 4; d++) {
			const vmm_pa_t at = BASE + (borders[i] - d) * PAGE;
			vmm_pa_t pa = 1;

			zone_of(BASE, VMM_MIB(6));
			CHECK_EQ(vmm_pmem_claim(&zone, BASE, 1536), VMM_OK);
			CHECK_EQ(vmm_pmem_free_range(&zone, at, 3), VMM_OK);
			REFUSED(vmm_pmem_alloc_run(&zone, 4, 0, &pa),
				VMM_ENOMEM);
			CHECK_EQ(vmm_pmem_alloc_run(&zone, 3, 0, &pa), VMM_OK);
			CHECK_EQ(pa, at);
		}
	}
}

/* Parts of a buffer: the longest run each time, until there is nothing. */
TEST(unit_pmem_frames_alloc_up_to)
{
	vmm_pa_t pa;
	uint64_t n;

	zone_of(BASE, VMM_MIB(4));
	CHECK_EQ(vmm_pmem_claim(&zone, BASE, 1024), VMM_OK);
	CHECK_EQ(vmm_pmem_free_range(&zone, BASE + 3 * PAGE, 7), VMM_OK);
	CHECK_EQ(vmm_pmem_free_range(&zone, BASE + 505 * PAGE, 11), VMM_OK);
	CHECK_EQ(vmm_pmem_free_range(&zone, BASE + 1023 * PAGE, 1), VMM_OK);
	CHECK_EQ(vmm_pmem_alloc_up_to(&zone, 6, &pa, &n), VMM_OK);
	CHECK_EQ(n, 6);
	CHECK_EQ(vmm_pmem_free_range(&zone, pa, 6), VMM_OK);
	CHECK_EQ(vmm_pmem_alloc_up_to(&zone, UINT64_MAX, &pa, &n), VMM_OK);
	CHECK_EQ(pa, BASE + 505 * PAGE);
	CHECK_EQ(n, 11);
	CHECK_EQ(vmm_pmem_alloc_up_to(&zone, 8, &pa, &n), VMM_OK);
	CHECK_EQ(pa, BASE + 3 * PAGE);
	CHECK_EQ(n, 7);
	CHECK_EQ(vmm_pmem_alloc_up_to(&zone, 2, &pa, &n), VMM_OK);
	CHECK_EQ(pa, BASE + 1023 * PAGE);
	CHECK_EQ(n, 1);
	n = 77;
	REFUSED(vmm_pmem_alloc_up_to(&zone, 2, &pa, &n), VMM_ENOMEM);
	CHECK_EQ(n, 77);
}

/* A device with 32 address bits, one with borders, and both at once. */
TEST(unit_pmem_frames_xalloc)
{
	const vmm_pa_t cut = VMM_GIB(4);
	struct vmm_pmem_request request = {.count = 3, .last = cut - 1};
	vmm_pa_t pa = 1;
	uint64_t n = 77;

	zone_of(cut - VMM_MIB(4), VMM_MIB(8));
	CHECK_EQ(vmm_pmem_claim(&zone, cut - VMM_MIB(4), 1020), VMM_OK);
	CHECK_EQ(vmm_pmem_xalloc(&zone, &request, &pa, NULL), VMM_OK);
	CHECK_EQ(pa, cut - 4 * PAGE);
	REFUSED(vmm_pmem_xalloc(&zone, &request, &pa, &n), VMM_ENOMEM);
	CHECK_EQ(n, 77);
	request.count_least = 1;
	CHECK_EQ(vmm_pmem_xalloc(&zone, &request, &pa, &n), VMM_OK);
	CHECK_EQ(pa, cut - PAGE);
	CHECK_EQ(n, 1);

	/* Above, in the last frames of a window that ends inside a frame. */
	request = (struct vmm_pmem_request){.count = 2,
		.min = cut + 5 * PAGE - 1,
		.last = cut + 8 * PAGE - 2};
	CHECK_EQ(vmm_pmem_xalloc(&zone, &request, &pa, &n), VMM_OK);
	CHECK_EQ(pa, cut + 5 * PAGE);
	REFUSED(vmm_pmem_xalloc(&zone, &request, &pa, &n), VMM_ENOMEM);

	/* Six frames after frame 7 that cross no multiple of 32 KiB. */
	request = (struct vmm_pmem_request){
		.count = 6, .nocross = 8 * PAGE, .min = cut + 7 * PAGE};
	CHECK_EQ(vmm_pmem_xalloc(&zone, &request, &pa, &n), VMM_OK);
	CHECK_EQ(pa, cut + 8 * PAGE);
	/* As many as there can be: a border is never crossed. */
	request.count = 100;
	request.count_least = 1;
	request.align_order = 1;
	CHECK_EQ(vmm_pmem_xalloc(&zone, &request, &pa, &n), VMM_OK);
	CHECK_EQ(pa, cut + 16 * PAGE);
	CHECK_EQ(n, 8);
}

TEST(unit_pmem_frames_xalloc_refuses)
{
	static const struct vmm_pmem_request bad[] = {
		{.count = 0},
		{.count = 1, .count_least = 2},
		{.count = 1, .align_order = VMM_PMEM_ORDER_MAX + 1},
		{.count = 1, .min = 2 * PAGE, .last = PAGE},
		{.count = 1, .nocross = PAGE / 2},
		{.count = 1, .nocross = 3 * PAGE},
		{.count = 5, .nocross = 4 * PAGE},
		{.count = 9, .count_least = 5, .nocross = 4 * PAGE},
	};
	vmm_pa_t pa = 1;
	uint64_t n = 1;

	zone_of(BASE, VMM_MIB(8));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		REFUSED(vmm_pmem_xalloc(&zone, &bad[i], &pa, &n), VMM_EINVAL);
}
