/* SPDX-License-Identifier: MIT */
/*
 * Tables: how many an operation takes, where they come from, and when they go.
 */
#include "support/pt_rig.h"
#include "support/test.h"

#define RW  (VMM_PT_READ | VMM_PT_WRITE)
#define RWG (RW | VMM_PT_GLOBAL)

static struct pt_rig rig;

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
	CHECK_REFUSED(&rig, vmm_pt_map(&rig.pt, VMM_GIB(1), 0, 4096, RW, NULL),
		VMM_ENOMEM);
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
