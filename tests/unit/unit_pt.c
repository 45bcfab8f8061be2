/* SPDX-License-Identifier: MIT */
/* Page tables by example: what maps where, and what each error means. */
#include "support/pt_rig.h"
#include "support/test.h"

#define RW  (VMM_PT_READ | VMM_PT_WRITE)
#define RWG (RW | VMM_PT_GLOBAL)
#define RX  (VMM_PT_READ | VMM_PT_EXEC)

/* What a changed leaf asks of a fence. */
#define MORE (VMM_TLB_CHANGED | VMM_TLB_VALID)
#define LESS (MORE | VMM_TLB_RESTRICT)

static struct pt_rig rig;

/* An operation that must fail with @code and change nothing at all. */
#define CHECK_REFUSED(call, code)                   \
	do {                                        \
		uint64_t before = rig_digest(&rig); \
		CHECK_EQ(call, code);               \
		CHECK_EQ(rig_digest(&rig), before); \
	} while (0)

/* One page in each half, in each format: the words of the specification and
 * the library's own look-up agree. */
TEST(unit_pt_one_page)
{
	for (int f = 0; f < RIG_FORMATS; f++) {
		struct vmm_tlb_gather gather;
		bool user = rig_is_guest(rig_formats[f]);
		vmm_va_t low = rig_low_end(rig_formats[f]);
		vmm_va_t high = rig_high(rig_formats[f]);
		vmm_va_t last = rig_last(rig_formats[f]);
		const vmm_va_t where[4] = {0, low - 4096, high, last - 4095};
		vmm_pa_t pa;
		unsigned prot;

		rig_open(&rig, rig_formats[f]);
		vmm_tlb_gather_init(&gather, NULL, 0);
		for (int i = 0; i < 4; i++)
			CHECK_EQ(vmm_pt_map(&rig.pt, where[i],
					 0x90000000 + (uint64_t)i * 4096, 4096,
					 RW, &gather),
				VMM_OK);
		CHECK(gather.flags == (VMM_TLB_CHANGED | VMM_TLB_NON_LEAF));
		for (int i = 0; i < 4; i++) {
			CHECK(rig_mmu(&rig, where[i] + 0x123, 'w', user, &pa));
			CHECK_EQ(pa, 0x90000123 + (uint64_t)i * 4096);
			CHECK_EQ(vmm_pt_translate(
					 &rig.pt, where[i] + 0x123, &pa, &prot),
				VMM_OK);
			CHECK_EQ(pa, 0x90000123 + (uint64_t)i * 4096);
			CHECK_EQ(prot, RW);
			CHECK(!rig_mmu(&rig, where[i], 'x', user, &pa));
			CHECK(!rig_mmu(&rig, where[i], 'r', !user, &pa));
		}
		CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
		for (int i = 0; i < 4; i++)
			CHECK_EQ(vmm_pt_unmap(&rig.pt, where[i], 4096, &gather),
				VMM_OK);
		CHECK_EQ(vmm_pt_prune(&rig.pt, 0, low, &gather), VMM_OK);
		CHECK_EQ(vmm_pt_prune(&rig.pt, high, last - high + 1, &gather),
			VMM_OK);
		rig_reap(&rig, &gather);
		CHECK_EQ(rig.pt.table_count, 1);
		rig_close(&rig);
	}
}

/* Every kind of protection, through the specification's eyes. */
TEST(unit_pt_protection_bits)
{
	rig_open(&rig, &vmm_pt_sv39);
	for (unsigned prot = 0; prot < VMM_PT_ACCESSED; prot++) {
		vmm_va_t va = 0x10000 + (vmm_va_t)prot * 4096;
		unsigned wanted = prot;
		bool user = (prot & VMM_PT_USER) != 0;
		unsigned got;
		vmm_pa_t pa;

		if ((prot & (VMM_PT_READ | VMM_PT_WRITE | VMM_PT_EXEC)) == 0) {
			CHECK_REFUSED(vmm_pt_map(&rig.pt, va, 0x90000000, 4096,
					      prot, NULL),
				VMM_EINVAL);
			continue;
		}
		if ((prot & VMM_PT_WRITE) != 0)
			wanted |= VMM_PT_READ;
		CHECK_EQ(vmm_pt_map(&rig.pt, va, 0x90000000, 4096, prot, NULL),
			VMM_OK);
		CHECK_EQ(vmm_pt_translate(&rig.pt, va, NULL, &got), VMM_OK);
		CHECK_EQ(got, wanted);
		CHECK(rig_mmu(&rig, va, 'r', user, &pa) ==
			((wanted & VMM_PT_READ) != 0));
		CHECK(rig_mmu(&rig, va, 'w', user, &pa) ==
			((wanted & VMM_PT_WRITE) != 0));
		CHECK(rig_mmu(&rig, va, 'x', user, &pa) ==
			((wanted & VMM_PT_EXEC) != 0));
		CHECK(!rig_mmu(&rig, va, 'r', !user, &pa));
	}
	CHECK_REFUSED(vmm_pt_map(&rig.pt, 0, 0, 4096, 1u << 31 | RW, NULL),
		VMM_EINVAL);
	CHECK_REFUSED(
		vmm_pt_map(&rig.pt, 0, 0, 4096, RW | VMM_PT_ACCESSED, NULL),
		VMM_ENOTSUP);
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
	rig_close(&rig);
}

/* What a format has no bits for is refused, and what it forces is there. */
TEST(unit_pt_formats_refuse_what_they_cannot_express)
{
	for (int f = 0; f < RIG_FORMATS; f++) {
		bool guest = rig_is_guest(rig_formats[f]);
		bool x86 = rig_formats[f]->satp_mode == 0;
		struct vmm_pt_run run;
		struct vmm_pt_cursor cursor = vmm_pt_cursor_all();
		vmm_pa_t pa;

		rig_open(&rig, rig_formats[f]);
		if (guest) {
			CHECK_REFUSED(vmm_pt_map(&rig.pt, 0, 0, 4096,
					      RW | VMM_PT_USER, NULL),
				VMM_ENOTSUP);
			CHECK_REFUSED(
				vmm_pt_map(&rig.pt, 0, 0, 4096, RWG, NULL),
				VMM_ENOTSUP);
		}
		if (x86)
			CHECK_REFUSED(vmm_pt_map(&rig.pt, 0, 0, 4096,
					      VMM_PT_EXEC, NULL),
				VMM_ENOTSUP);
		else
			CHECK_EQ(vmm_pt_map(&rig.pt, 0, 0, 4096, VMM_PT_EXEC,
					 NULL),
				VMM_OK);
		CHECK(rig_mmu(&rig, 0, 'x', guest, &pa) == !x86);
		CHECK(!rig_mmu(&rig, 0, 'r', guest, &pa));
		/* The largest leaf: as large as an entry of the root, but in
		 * x86-64 no larger than 1 GiB. */
		CHECK_EQ(vmm_pt_map(&rig.pt, VMM_TIB(1), VMM_TIB(1), VMM_TIB(1),
				 RX, NULL),
			guest || rig_formats[f] != &vmm_pt_sv39 ? VMM_OK
								: VMM_ERANGE);
		cursor.va = VMM_TIB(1);
		if (rig_formats[f] != &vmm_pt_sv39) {
			CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
			CHECK_EQ(run.size, VMM_TIB(1));
			CHECK_EQ(run.level,
				x86 || rig_formats[f]->levels == 3 ? 2 : 3);
			CHECK(rig_mmu(&rig, VMM_TIB(2) - 1, 'x', guest, &pa));
			CHECK_EQ(pa, VMM_TIB(2) - 1);
		}
		CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
		rig_close(&rig);
	}
}

/* Leaves are as large as alignment, size and the format allow: from one page
 * below a 1 GiB border to one page above the next. */
TEST(unit_pt_largest_leaves)
{
	const uint64_t page = 4096;
	struct vmm_pt_cursor cursor = vmm_pt_cursor_all();
	struct vmm_pt_run run;

	rig_open(&rig, &vmm_pt_sv39);
	CHECK_EQ(vmm_pt_map(&rig.pt, VMM_GIB(1) - page, VMM_GIB(3) - page,
			 VMM_GIB(1) + VMM_MIB(2) + 2 * page, RW, NULL),
		VMM_OK);
	CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
	CHECK(run.level == 0 && run.size == page);
	CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
	CHECK(run.level == 2 && run.size == VMM_GIB(1));
	CHECK_EQ(run.pa, VMM_GIB(3));
	CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
	CHECK(run.level == 1 && run.size == VMM_MIB(2));
	CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
	CHECK(run.level == 0 && run.size == page);
	CHECK_EQ(run.pa, VMM_GIB(4) + VMM_MIB(2));
	CHECK(!vmm_pt_next(&rig.pt, &cursor, &run));
	/* The root; a chain of two at either end. */
	CHECK_EQ(rig.pt.table_count, 5);
	rig_close(&rig);

	/* Physical addresses out of step: 4 KiB leaves all the way. */
	rig_open(&rig, &vmm_pt_sv39);
	CHECK_EQ(vmm_pt_map(&rig.pt, VMM_MIB(2), VMM_MIB(2) + page, VMM_MIB(4),
			 RW, NULL),
		VMM_OK);
	CHECK_EQ(rig.pt.table_count, 1 + 1 + 2);
	rig_close(&rig);

	/* In Sv57 a single leaf can be 256 TiB. */
	rig_open(&rig, &vmm_pt_sv57);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0, 0, VMM_TIB(256), RW, NULL), VMM_OK);
	CHECK_EQ(rig.pt.table_count, 1);
	rig_close(&rig);
}

/* The borders of the address space, and what lies outside. */
TEST(unit_pt_ranges)
{
	for (int f = 0; f < RIG_FORMATS; f++) {
		const struct vmm_pt_format *format = rig_formats[f];
		uint64_t pa_end = UINT64_C(1) << format->pa_bits;
		vmm_va_t last = rig_last(format);
		struct vmm_tlb_gather gather;

		rig_open(&rig, format);
		vmm_tlb_gather_init(&gather, NULL, 0);
		CHECK(vmm_pt_canonical(format, last));
		CHECK_REFUSED(
			vmm_pt_map(&rig.pt, last - 4095, 0, 8192, RW, NULL),
			VMM_ERANGE);
		CHECK_REFUSED(vmm_pt_map(&rig.pt, 0, pa_end, 4096, RW, NULL),
			VMM_ERANGE);
		CHECK_REFUSED(
			vmm_pt_map(&rig.pt, 0, pa_end - 4096, 8192, RW, NULL),
			VMM_ERANGE);
		CHECK_REFUSED(
			vmm_pt_map(&rig.pt, 1, 0, 4096, RW, NULL), VMM_EINVAL);
		CHECK_REFUSED(
			vmm_pt_map(&rig.pt, 0, 1, 4096, RW, NULL), VMM_EINVAL);
		CHECK_REFUSED(
			vmm_pt_map(&rig.pt, 0, 0, 4097, RW, NULL), VMM_EINVAL);
		CHECK_REFUSED(
			vmm_pt_map(&rig.pt, 0, 0, 0, RW, NULL), VMM_EINVAL);
		CHECK_REFUSED(
			vmm_pt_protect(&rig.pt, 5, 4096, RW, NULL), VMM_EINVAL);

		/* The last physical page, at the last virtual one. */
		CHECK_EQ(vmm_pt_map(&rig.pt, last - 4095, pa_end - 4096, 4096,
				 RW, NULL),
			VMM_OK);
		CHECK_EQ(vmm_pt_unmap(&rig.pt, last - 4095, 4096, &gather),
			VMM_OK);
		CHECK_EQ(gather.last, last);
		rig_reap(&rig, &gather);
		rig_close(&rig);
	}
}

/* What is neither in the one half nor in the other, or in both. */
TEST(unit_pt_ranges_in_the_hole)
{
	for (int f = 0; f < RIG_FORMATS; f++) {
		const struct vmm_pt_format *format = rig_formats[f];
		/* A guest's addresses have no hole: what lies behind them. */
		bool guest = rig_is_guest(format);
		vmm_va_t low =
			guest ? rig_last(format) + 1 : rig_low_end(format);
		vmm_va_t high = guest ? UINT64_MAX - 4095 : rig_high(format);
		struct vmm_tlb_gather gather;

		rig_open(&rig, format);
		vmm_tlb_gather_init(&gather, NULL, 0);
		CHECK(vmm_pt_canonical(format, low - 1));
		CHECK(!vmm_pt_canonical(format, low));
		CHECK(!vmm_pt_canonical(format, high - 1));
		CHECK(vmm_pt_canonical(format, high) == !guest);
		CHECK_REFUSED(vmm_pt_map(&rig.pt, low, 0, 4096, RW, NULL),
			VMM_ERANGE);
		CHECK_REFUSED(
			vmm_pt_map(&rig.pt, low - 4096, 0, 8192, RW, NULL),
			VMM_ERANGE);
		CHECK_REFUSED(
			vmm_pt_map(&rig.pt, high - 4096, 0, 8192, RW, NULL),
			VMM_ERANGE);
		CHECK_REFUSED(vmm_pt_map(&rig.pt, low - 4096, 0,
				      high - low + 8192, RW, NULL),
			VMM_ERANGE);
		CHECK_REFUSED(
			vmm_pt_unmap(&rig.pt, low, 4096, &gather), VMM_ERANGE);
		/* From half to half, across the hole. */
		CHECK_REFUSED(vmm_pt_unmap(&rig.pt, low - 4096,
				      high - low + 8192, &gather),
			VMM_ERANGE);
		CHECK_REFUSED(
			vmm_pt_prune(&rig.pt, low, 4096, &gather), VMM_ERANGE);
		CHECK_EQ(
			vmm_pt_translate(&rig.pt, low, NULL, NULL), VMM_ERANGE);
		CHECK_EQ(vmm_pt_translate(&rig.pt, high, NULL, NULL),
			guest ? VMM_ERANGE : VMM_ENOENT);
		rig_close(&rig);
	}
}

/* Mapping over a mapping is refused wherever the two meet; a hole in what is
 * to be unmapped or protected as well. */
TEST(unit_pt_conflicts_and_holes)
{
	struct vmm_tlb_gather gather;
	const vmm_va_t va = VMM_GIB(1);

	rig_open(&rig, &vmm_pt_sv48);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_map(&rig.pt, va, 0, VMM_MIB(2), RW, NULL), VMM_OK);
	CHECK_EQ(vmm_pt_map(&rig.pt, va + VMM_MIB(4), 0, 4096, RW, NULL),
		VMM_OK);
	/* Below a leaf, over a leaf, over a table with a leaf in it. */
	CHECK_REFUSED(
		vmm_pt_map(&rig.pt, va + 4096, 0, 4096, RW, NULL), VMM_EEXIST);
	CHECK_REFUSED(
		vmm_pt_map(&rig.pt, va - 4096, 0, 8192, RW, NULL), VMM_EEXIST);
	CHECK_REFUSED(
		vmm_pt_map(&rig.pt, va + VMM_MIB(4), 0, VMM_MIB(2), RW, NULL),
		VMM_EEXIST);
	CHECK_REFUSED(
		vmm_pt_map(&rig.pt, 0, 0, VMM_GIB(4), RW, NULL), VMM_EEXIST);
	/* Holes: before, behind, between, everywhere. */
	CHECK_REFUSED(
		vmm_pt_unmap(&rig.pt, va - 4096, 8192, &gather), VMM_ENOENT);
	CHECK_REFUSED(
		vmm_pt_unmap(&rig.pt, va + VMM_MIB(2) - 4096, 8192, &gather),
		VMM_ENOENT);
	CHECK_REFUSED(
		vmm_pt_unmap(&rig.pt, va, VMM_MIB(6), &gather), VMM_ENOENT);
	CHECK_REFUSED(vmm_pt_unmap(&rig.pt, 0, 4096, &gather), VMM_ENOENT);
	CHECK_REFUSED(
		vmm_pt_protect(&rig.pt, va, VMM_MIB(6), RX, NULL), VMM_ENOENT);
	CHECK_REFUSED(vmm_pt_protect(&rig.pt, va + VMM_MIB(4), 8192, RX, NULL),
		VMM_ENOENT);
	/* From the middle of a superpage to behind its end. */
	CHECK_REFUSED(
		vmm_pt_protect(&rig.pt, va + VMM_MIB(1), VMM_MIB(2), RX, NULL),
		VMM_ENOENT);
	CHECK_REFUSED(
		vmm_pt_unmap(&rig.pt, va + VMM_MIB(1), VMM_MIB(2), &gather),
		VMM_ENOENT);
	CHECK_REFUSED(vmm_pt_protect(&rig.pt, va, 4096, VMM_PT_USER, NULL),
		VMM_EINVAL);
	CHECK_EQ(gather.flags, 0);
	rig_close(&rig);
}

/* A page out of the middle of a 1 GiB leaf: two splits, everything around it
 * still translates, and putting the page back leaves no trace in the count. */
TEST(unit_pt_split_a_superpage)
{
	const vmm_va_t hole = VMM_GIB(5) + VMM_MIB(300) + 0x7000;
	struct vmm_tlb_gather gather;
	struct vmm_tlb_frames frames[1];
	vmm_pa_t pa;

	rig_open(&rig, &vmm_pt_sv39);
	vmm_tlb_gather_init(&gather, frames, 1);
	CHECK_EQ(vmm_pt_map(&rig.pt, VMM_GIB(5), VMM_GIB(2), VMM_GIB(1), RWG,
			 NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_unmap(&rig.pt, hole, 4096, &gather), VMM_OK);
	CHECK_EQ(rig.pt.table_count, 3);
	CHECK_EQ(gather.frames_count, 1);
	CHECK_EQ(frames[0].pa, VMM_GIB(2) + VMM_MIB(300) + 0x7000);
	CHECK_EQ(frames[0].size, 4096);
	CHECK_EQ(gather.flags, VMM_TLB_CHANGED | VMM_TLB_RESTRICT |
				       VMM_TLB_NON_LEAF | VMM_TLB_GLOBAL |
				       VMM_TLB_VALID);
	CHECK(!rig_mmu(&rig, hole, 'r', false, &pa));
	CHECK(rig_mmu(&rig, hole - 1, 'w', false, &pa));
	CHECK_EQ(pa, VMM_GIB(2) + VMM_MIB(300) + 0x6fff);
	CHECK(rig_mmu(&rig, hole + 4096, 'w', false, &pa));
	CHECK(rig_mmu(&rig, VMM_GIB(5), 'w', false, &pa));
	CHECK(rig_mmu(&rig, VMM_GIB(6) - 1, 'w', false, &pa));
	CHECK_EQ(pa, VMM_GIB(3) - 1);
	/* The library's look-up in what is still a 2 MiB leaf. */
	CHECK_EQ(vmm_pt_translate(&rig.pt, VMM_GIB(5) + 0x12345, &pa, NULL),
		VMM_OK);
	CHECK_EQ(pa, VMM_GIB(2) + 0x12345);
	rig_reap(&rig, &gather);
	/* Unmapping the rest, split tables go with their spans. */
	CHECK_EQ(vmm_pt_map(&rig.pt, hole, VMM_GIB(2) + VMM_MIB(300) + 0x7000,
			 4096, RWG, NULL),
		VMM_OK);
	CHECK_EQ(
		vmm_pt_unmap(&rig.pt, VMM_GIB(5), VMM_GIB(1), &gather), VMM_OK);
	CHECK_EQ(gather.dead_count, 2);
	CHECK_EQ(gather.frames_count, 1);
	CHECK_EQ(frames[0].size, VMM_GIB(1));
	CHECK_EQ(rig.pt.table_count, 1);
	/* Unlinked tables are not free before the flush. */
	CHECK_EQ(rig.live, 2);
	rig_reap(&rig, &gather);
	CHECK_EQ(rig.live, 0);
	rig_close(&rig);
}

/* Both ends in the same superpage: shared tables are counted once. The exact
 * number is in hand and not one page more. */
TEST(unit_pt_split_count_is_exact)
{
	static const struct {
		uint64_t from, size, tables;
	} cases[] = {
		{0x1000, 0x1000, 2},
		{0x1000, VMM_MIB(2) - 0x1000, 2},
		{0x1000, VMM_MIB(2), 3},
		{VMM_MIB(2), VMM_MIB(2), 1},
		{VMM_MIB(2), VMM_MIB(2) + 0x1000, 2},
		{0, 0x1000, 2},
		{VMM_MIB(1022) + 0x1000, 0x1ff000, 2},
		{0x1000, VMM_GIB(1) - 0x2000, 3},
		{0x1000, VMM_GIB(1), 4},
		{0, VMM_GIB(1), 0},
		{0, VMM_GIB(2), 0},
		{VMM_MIB(1022), VMM_MIB(4), 2},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_open(&rig, &vmm_pt_sv39);
		CHECK_EQ(vmm_pt_map(&rig.pt, 0, 0, VMM_GIB(2), RW, NULL),
			VMM_OK);
		CHECK_EQ(vmm_pt_reserve(&rig.pt, cases[i].tables), VMM_OK);
		rig.fail_in = 0;
		CHECK_EQ(vmm_pt_protect(&rig.pt, cases[i].from, cases[i].size,
				 VMM_PT_READ, NULL),
			VMM_OK);
		CHECK_EQ(rig.pt.spare_count, 0);
		CHECK_EQ(rig.pt.table_count, 1 + cases[i].tables);
		CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
		rig.fail_in = -1;
		rig_close(&rig);
	}
}

/* Ranges of one sequence share tables: the count says how many are missing for
 * all of them, whatever their sizes and gaps. */
TEST(unit_pt_map_tables_is_exact)
{
	struct rng rng = {test_seed};

	for (int round = 0; round < 300; round++) {
		vmm_va_t start = rng_below(&rng, 1 << 20) * 4096;
		struct rng again = rng;
		const vmm_va_t *after = NULL;
		vmm_va_t last = 0;
		uint64_t sum = 0;
		uint64_t tables;
		vmm_va_t va = start;

		rig_open(&rig, rig_formats[round % RIG_FORMATS]);
		/* Something is there already in every second round. */
		if (round % 2 == 0)
			CHECK_EQ(vmm_pt_map(&rig.pt, start + VMM_GIB(8), 0,
					 4096, RW, NULL),
				VMM_OK);
		for (int i = 0; i < 6; i++) {
			uint64_t size = (1 + rng_below(&rng, 1200)) * 4096;

			CHECK_EQ(vmm_pt_map_tables(
					 &rig.pt, va, va, size, after, &tables),
				VMM_OK);
			sum += tables;
			last = va + size - 1;
			after = &last;
			va += size + rng_below(&rng, 700) * 4096;
		}
		CHECK_EQ(vmm_pt_reserve(&rig.pt, sum), VMM_OK);
		rig.fail_in = 0;
		va = start;
		for (int i = 0; i < 6; i++) {
			uint64_t size = (1 + rng_below(&again, 1200)) * 4096;

			CHECK_EQ(vmm_pt_map(&rig.pt, va, va, size, RW, NULL),
				VMM_OK);
			va += size + rng_below(&again, 700) * 4096;
		}
		CHECK_EQ(rig.pt.spare_count, 0);
		rig.fail_in = -1;
		rig_close(&rig);
	}
}

/* A row can say what it cannot express, and has its own bits above level 0:
 * an invented format with no user bit and a bit that marks superpages. */
TEST(unit_pt_format_rows)
{
	struct vmm_pt_format format = vmm_pt_sv39;
	const uint64_t mark = UINT64_C(1) << 60;
	struct vmm_tlb_gather gather;
	unsigned prot;

	format.prot_allowed &= ~(VMM_PT_USER | VMM_PT_GLOBAL);
	format.prot[3] = (struct vmm_pt_prot_bits){0, 0};
	format.prot[4] = (struct vmm_pt_prot_bits){0, 0};
	format.leaf_bits[1] |= mark;
	rig_open(&rig, &format);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_REFUSED(vmm_pt_map(&rig.pt, 0, 0, 4096, RWG, NULL), VMM_ENOTSUP);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0, 0, VMM_GIB(1), RW, NULL), VMM_OK);
	CHECK_REFUSED(vmm_pt_protect(&rig.pt, 0, 4096, RW | VMM_PT_USER, NULL),
		VMM_ENOTSUP);
	CHECK_EQ(
		vmm_pt_protect(&rig.pt, 0, 4096, VMM_PT_READ, &gather), VMM_OK);
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
	CHECK_EQ(vmm_pt_translate(&rig.pt, 4096, NULL, &prot), VMM_OK);
	CHECK_EQ(prot, RW);
	{
		const uint64_t *root =
			(const uint64_t *)(uintptr_t)(rig.pt.root + rig.offset);
		const uint64_t *mid =
			(const uint64_t *)(uintptr_t)((root[0] >> 10 << 12) +
						      rig.offset);
		const uint64_t *low =
			(const uint64_t *)(uintptr_t)((mid[0] >> 10 << 12) +
						      rig.offset);

		CHECK_EQ(mid[1] & mark, mark);
		CHECK_EQ(low[1] & mark, 0);
	}
	rig_close(&rig);
}

/* Protect says what it took away. Relaxing needs no urgent flush; a change of
 * nothing needs none. */
TEST(unit_pt_protect_gathers)
{
	static const struct {
		unsigned from, to;
		uint32_t flags;
	} cases[] = {
		{RW, RW, 0},
		{VMM_PT_READ, RW, MORE},
		/* WRITE implies READ, so nothing is lost. */
		{VMM_PT_READ, VMM_PT_WRITE, MORE},
		{RW, VMM_PT_READ, LESS},
		{RW, RX, LESS},
		{RW, RW | VMM_PT_USER, LESS},
		{RW, RWG, LESS | VMM_TLB_GLOBAL},
		{RWG, RW, LESS | VMM_TLB_GLOBAL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vmm_tlb_gather gather;
		unsigned prot;

		rig_open(&rig, &vmm_pt_sv39);
		vmm_tlb_gather_init(&gather, NULL, 0);
		CHECK_EQ(vmm_pt_map(&rig.pt, 0x5000, 0x90000000, 0x3000,
				 cases[i].from, NULL),
			VMM_OK);
		CHECK_EQ(vmm_pt_protect(
				 &rig.pt, 0x6000, 0x1000, cases[i].to, &gather),
			VMM_OK);
		CHECK_EQ(gather.flags, cases[i].flags);
		if (cases[i].flags != 0) {
			CHECK_EQ(gather.first, 0x6000);
			CHECK_EQ(gather.last, 0x6fff);
			CHECK_EQ(gather.shift, 12);
		}
		CHECK_EQ(
			vmm_pt_translate(&rig.pt, 0x6000, NULL, &prot), VMM_OK);
		CHECK_EQ(prot & cases[i].to, cases[i].to);
		CHECK_EQ(
			vmm_pt_translate(&rig.pt, 0x7000, NULL, &prot), VMM_OK);
		CHECK_EQ(prot, cases[i].from);
		rig_close(&rig);
	}
}

/* Frames come back in address order and merged where they touch; without room
 * for all of them nothing happens. */
TEST(unit_pt_unmap_reports_frames)
{
	struct vmm_tlb_frames frames[3];
	struct vmm_tlb_gather gather;

	rig_open(&rig, &vmm_pt_sv48);
	/* 0: pa 7, 1: pa 8, 2: pa 3, 3: pa 4, 4: pa 9 (in pages). */
	for (uint64_t i = 0; i < 5; i++)
		CHECK_EQ(vmm_pt_map(&rig.pt, i * 4096,
				 (uint64_t) "\7\10\3\4\11"[i] * 4096, 4096, RW,
				 NULL),
			VMM_OK);
	vmm_tlb_gather_init(&gather, frames, 2);
	CHECK_REFUSED(vmm_pt_unmap(&rig.pt, 0, 5 * 4096, &gather), VMM_ENOSPC);
	CHECK_EQ(gather.frames_count, 0);
	CHECK_EQ(gather.flags, 0);
	vmm_tlb_gather_init(&gather, frames, 3);
	CHECK_EQ(vmm_pt_unmap(&rig.pt, 0, 4096, &gather), VMM_OK);
	/* A second call goes on where the first ended: page 8 joins page 7. */
	CHECK_EQ(vmm_pt_unmap(&rig.pt, 4096, 4 * 4096, &gather), VMM_OK);
	CHECK_EQ(gather.frames_count, 3);
	CHECK(frames[0].pa == 7 * 4096 && frames[0].size == 2 * 4096);
	CHECK(frames[1].pa == 3 * 4096 && frames[1].size == 2 * 4096);
	CHECK(frames[2].pa == 9 * 4096 && frames[2].size == 4096);
	vmm_pt_reap(&rig.pt, &gather);
	/* A hart may still walk what is pruned, in whatever address space. */
	CHECK_EQ(vmm_pt_prune(&rig.pt, 0, VMM_GIB(1), &gather), VMM_OK);
	CHECK_EQ(gather.flags, VMM_TLB_RESTRICT | VMM_TLB_NON_LEAF |
				       VMM_TLB_GLOBAL | VMM_TLB_VALID);
	rig_reap(&rig, &gather);
	CHECK_EQ(gather.frames_count, 0);
	CHECK_EQ(rig.pt.table_count, 1);
	rig_close(&rig);
}

/* An empty table stays until it is pruned, and a large mapping over it uses
 * it instead of losing it. */
TEST(unit_pt_map_over_an_empty_table)
{
	struct vmm_tlb_gather gather;
	struct vmm_pt_cursor cursor = vmm_pt_cursor_all();
	struct vmm_pt_run run;

	rig_open(&rig, &vmm_pt_sv39);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_map(&rig.pt, VMM_MIB(2), 0, 4096, RW, NULL), VMM_OK);
	CHECK_EQ(vmm_pt_unmap(&rig.pt, VMM_MIB(2), 4096, &gather), VMM_OK);
	CHECK_EQ(rig.pt.table_count, 3);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0, 0, VMM_MIB(8), RW, &gather), VMM_OK);
	CHECK_EQ(rig.pt.table_count, 3);
	CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
	CHECK(run.level == 1 && run.size == VMM_MIB(2));
	CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
	CHECK(run.level == 0 && run.size == VMM_MIB(2));
	CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
	CHECK(run.level == 1 && run.size == VMM_MIB(4));
	/* What is mapped is never pruned. */
	CHECK_EQ(vmm_pt_prune(&rig.pt, 0, VMM_GIB(1), &gather), VMM_OK);
	CHECK_EQ(rig.pt.table_count, 3);
	rig_reap(&rig, &gather);
	rig_close(&rig);
}

/* Without a page source the table lives on donated pages and gives them all
 * back in the end: how boot tables work. */
TEST(unit_pt_donated_pages)
{
	struct vmm_tlb_gather gather;
	vmm_pa_t pages[3];
	vmm_pa_t pa;

	rig_open(&rig, &vmm_pt_sv48);
	vmm_tlb_gather_init(&gather, NULL, 0);
	rig.pt.pages = NULL;
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(rig.pages.alloc(rig.pages.ctx, &pages[i]), 0);
		vmm_pt_donate(&rig.pt, pages[i]);
	}
	CHECK_EQ(vmm_pt_reserve(&rig.pt, 3), VMM_OK);
	CHECK_EQ(vmm_pt_reserve(&rig.pt, 4), VMM_ENOMEM);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0, 0, 4096, RW, NULL), VMM_OK);
	CHECK_EQ(rig.pt.spare_count, 0);
	CHECK_REFUSED(
		vmm_pt_map(&rig.pt, VMM_GIB(1), 0, 4096, RW, NULL), VMM_ENOMEM);
	CHECK_EQ(vmm_pt_spare_take(&rig.pt, &pa), VMM_ENOENT);
	CHECK_EQ(vmm_pt_unmap(&rig.pt, 0, 4096, &gather), VMM_OK);
	CHECK_EQ(vmm_pt_prune(&rig.pt, 0, 4096, &gather), VMM_OK);
	vmm_pt_reap(&rig.pt, &gather);
	CHECK_EQ(rig.pt.spare_count, 3);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0, 0, VMM_MIB(2), RW, NULL), VMM_OK);
	vmm_pt_fini(&rig.pt);
	CHECK_EQ(rig.pt.spare_count, 3);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(vmm_pt_spare_take(&rig.pt, &pa), VMM_OK);
		rig.pages.free(rig.pages.ctx, pa);
	}
	CHECK_EQ(rig.live, 0);
}

/* The walk clips runs to its range, joins leaves across tables, jumps the
 * hole, and ends at 2^64. */
TEST(unit_pt_next)
{
	struct vmm_pt_cursor cursor;
	struct vmm_pt_run run;

	for (int f = 0; f < RIG_FORMATS; f++) {
		vmm_va_t low = rig_low_end(rig_formats[f]);
		vmm_va_t high = rig_high(rig_formats[f]);
		vmm_va_t last = rig_last(rig_formats[f]);

		rig_open(&rig, rig_formats[f]);
		/* 4 KiB leaves over a table's border, out of step with pa. */
		CHECK_EQ(vmm_pt_map(&rig.pt, VMM_MIB(2) - 0x2000, 0x3000,
				 0x5000, RW, NULL),
			VMM_OK);
		/* Adjacent in the table's root; 2^64 - 2^va_bits apart, but for
		 * a guest. */
		CHECK_EQ(
			vmm_pt_map(&rig.pt, low - 4096, 0x7000, 4096, RW, NULL),
			VMM_OK);
		CHECK_EQ(vmm_pt_map(&rig.pt, high, 0x9000, 4096, RW, NULL),
			VMM_OK);
		CHECK_EQ(
			vmm_pt_map(&rig.pt, last - 0x1fff, 0, 0x2000, RW, NULL),
			VMM_OK);
		cursor = vmm_pt_cursor_all();
		CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
		CHECK_EQ(run.va, VMM_MIB(2) - 0x2000);
		CHECK_EQ(run.size, 0x5000);
		CHECK_EQ(run.pa, 0x3000);
		CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
		CHECK(run.va == low - 4096 && run.size == 4096);
		CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
		CHECK(run.va == high && run.size == 4096);
		CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
		CHECK(run.va == last - 0x1fff && run.size == 0x2000);
		CHECK(!vmm_pt_next(&rig.pt, &cursor, &run));
		CHECK(!vmm_pt_next(&rig.pt, &cursor, &run));

		cursor = vmm_pt_cursor_range(
			VMM_MIB(2) - 0x1800, VMM_MIB(2) + 0x7ff);
		CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
		CHECK_EQ(run.va, VMM_MIB(2) - 0x1800);
		CHECK_EQ(run.size, 0x2000);
		CHECK_EQ(run.pa, 0x3800);
		CHECK(!vmm_pt_next(&rig.pt, &cursor, &run));
		/* A walk where nothing is, and one that is empty. */
		cursor = vmm_pt_cursor_range(low + (high == low ? 4096 : 0),
			high == low ? last - 0x2000 : high - 1);
		CHECK(!vmm_pt_next(&rig.pt, &cursor, &run));
		cursor = vmm_pt_cursor_range(5, 4);
		CHECK(!vmm_pt_next(&rig.pt, &cursor, &run));
		rig_close(&rig);
	}
}

/* A global leaf is noticed wherever it is touched, and only there. */
TEST(unit_pt_global_gathers)
{
	for (int global = 0; global < 2; global++) {
		unsigned prot = global != 0 ? RWG : RW;
		uint32_t flag = global != 0 ? VMM_TLB_GLOBAL : 0;
		struct vmm_tlb_gather gather;

		rig_open(&rig, &vmm_pt_sv39);
		vmm_tlb_gather_init(&gather, NULL, 0);
		/* Into a new table, then beside it. */
		for (vmm_va_t va = 0; va < 8192; va += 4096) {
			CHECK_EQ(
				vmm_pt_map(&rig.pt, va, 0, 4096, prot, &gather),
				VMM_OK);
			CHECK_EQ(gather.flags & VMM_TLB_GLOBAL, flag);
			vmm_pt_reap(&rig.pt, &gather);
		}
		/* A single leaf out of a table. */
		CHECK_EQ(vmm_pt_unmap(&rig.pt, 0, 4096, &gather), VMM_OK);
		CHECK_EQ(gather.flags, LESS | flag);
		vmm_pt_reap(&rig.pt, &gather);
		/* A table with all its leaves. */
		CHECK_EQ(vmm_pt_map(&rig.pt, VMM_MIB(4), 4096, VMM_MIB(2), prot,
				 NULL),
			VMM_OK);
		CHECK_EQ(vmm_pt_unmap(&rig.pt, VMM_MIB(4), VMM_MIB(2), &gather),
			VMM_OK);
		CHECK_EQ(gather.dead_count, 1);
		CHECK_EQ(gather.flags & VMM_TLB_GLOBAL, flag);
		rig_reap(&rig, &gather);
		rig_close(&rig);
	}
}

/* From gather to fences: by address while that is cheaper, all addresses for
 * tables, all address spaces for global leaves. */
TEST(unit_pt_flush_plan)
{
	struct vmm_tlb_gather gather;
	struct vmm_tlb_plan plan;

	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK(!vmm_tlb_plan_make(&gather).needed);

	rig_open(&rig, &vmm_pt_sv39);
	CHECK_EQ(vmm_pt_map(&rig.pt, VMM_GIB(4), 0, VMM_GIB(1) + VMM_MIB(2),
			 RWG, NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0, 0, 65 * 4096, RW, NULL), VMM_OK);
	CHECK_EQ(vmm_pt_protect(&rig.pt, 0, 64 * 4096, VMM_PT_READ, &gather),
		VMM_OK);
	plan = vmm_tlb_plan_make(&gather);
	CHECK(plan.needed && !plan.all_addresses && !plan.all_spaces);
	CHECK(plan.count == 64 && plan.first == 0 && plan.shift == 12);
	CHECK_EQ(vmm_pt_protect(&rig.pt, 64 * 4096, 4096, VMM_PT_READ, &gather),
		VMM_OK);
	CHECK(vmm_tlb_plan_make(&gather).all_addresses);
	CHECK(!vmm_tlb_plan_make(&gather).all_spaces);

	/* One superpage is one fence. */
	vmm_pt_reap(&rig.pt, &gather);
	CHECK_EQ(vmm_pt_protect(
			 &rig.pt, VMM_GIB(4), VMM_GIB(1), VMM_PT_READ, &gather),
		VMM_OK);
	plan = vmm_tlb_plan_make(&gather);
	CHECK(plan.all_spaces && !plan.all_addresses);
	CHECK(plan.count == 1 && plan.shift == 30);
	/* With a 2 MiB page after it, fences come at that distance. */
	CHECK_EQ(vmm_pt_protect(
			 &rig.pt, VMM_GIB(5), VMM_MIB(2), VMM_PT_READ, &gather),
		VMM_OK);
	plan = vmm_tlb_plan_make(&gather);
	CHECK(plan.shift == 21 && plan.all_addresses);

	/* A table that goes needs every address. */
	vmm_pt_reap(&rig.pt, &gather);
	CHECK_EQ(
		vmm_pt_unmap(&rig.pt, VMM_GIB(5), VMM_MIB(2), &gather), VMM_OK);
	CHECK(!vmm_tlb_plan_make(&gather).all_addresses);
	CHECK_EQ(
		vmm_pt_prune(&rig.pt, VMM_GIB(5), VMM_MIB(2), &gather), VMM_OK);
	CHECK(vmm_tlb_plan_make(&gather).all_addresses);
	rig_reap(&rig, &gather);
	rig_close(&rig);
}

/* The dump is for people: merged runs, sizes, permissions. */
TEST(golden_pt_dump)
{
	static const char wanted[] =
		"sv39 root 0x0000000080000000, 4 tables\n"
		"[0x0000000000400000-0x00000000005fffff]    2M -> "
		"0x0000000080200000   2M r-x--\n"
		"[0x0000000000600000-0x0000000000602fff]   12K -> "
		"0x0000000090000000   4K rw-u-\n"
		"[0xffffffc000000000-0xffffffc07fffffff]    2G -> "
		"0x0000000000000000   1G rw--g\n";
	char buffer[1024];
	struct test_text text;
	struct vmm_sink sink = test_text_sink(&text, buffer, sizeof(buffer));

	rig_open(&rig, &vmm_pt_sv39);
	CHECK_EQ(
		vmm_pt_map(&rig.pt, 0x400000, 0x80200000, VMM_MIB(2), RX, NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0x600000, 0x90000000, 0x3000,
			 RW | VMM_PT_USER, NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_map(
			 &rig.pt, 0xffffffc000000000, 0, VMM_GIB(2), RWG, NULL),
		VMM_OK);
	/* root, one of level 1, one of level 0 for the user pages */
	CHECK_EQ(rig.pt.table_count, 3);
	/* and an empty one, which the dump counts and does not list */
	CHECK_EQ(vmm_pt_map(&rig.pt, 0x1000, 0, 4096, RW, NULL), VMM_OK);
	{
		struct vmm_tlb_gather gather;

		vmm_tlb_gather_init(&gather, NULL, 0);
		CHECK_EQ(vmm_pt_unmap(&rig.pt, 0x1000, 4096, &gather), VMM_OK);
	}
	vmm_pt_dump(&rig.pt, &sink);
	CHECK_EQ(text.used, sizeof(wanted) - 1);
	CHECK(test_text_has(&text, wanted));
	rig_close(&rig);
}
