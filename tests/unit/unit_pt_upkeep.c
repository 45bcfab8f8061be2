/* SPDX-License-Identifier: MIT */
/* Merging, harvesting, and what a table is made of. */
#include "support/pt_rig.h"
#include "support/test.h"

#define RW (VMM_PT_READ | VMM_PT_WRITE)
#define AD (VMM_PT_ACCESSED | VMM_PT_DIRTY)

static struct pt_rig rig;

/* A page is taken out of 1 GiB, put back, and all becomes one leaf again, with
 * every address translated the same all the way. In each format that has it. */
TEST(unit_pt_merge)
{
	for (int f = 0; f < RIG_FORMATS; f++) {
		bool user = rig_is_guest(rig_formats[f]);
		const vmm_va_t va = VMM_GIB(3);
		struct vmm_tlb_gather gather;
		struct vmm_pt_usage usage;
		vmm_pa_t pa;

		rig_open(&rig, rig_formats[f]);
		vmm_tlb_gather_init(&gather, NULL, 0);
		CHECK_EQ(vmm_pt_map(
				 &rig.pt, va, VMM_GIB(8), VMM_GIB(1), RW, NULL),
			VMM_OK);
		CHECK_EQ(vmm_pt_usage(&rig.pt, &usage), VMM_OK);
		CHECK_EQ(usage.leaves[2], 1);
		CHECK_EQ(vmm_pt_protect(&rig.pt, va + VMM_MIB(6), 4096,
				 VMM_PT_READ, NULL),
			VMM_OK);
		/* Not alike: nothing merges. */
		CHECK_EQ(
			vmm_pt_merge(&rig.pt, va, VMM_GIB(1), &gather), VMM_OK);
		CHECK_EQ(gather.dead_count, 0);
		CHECK_EQ(vmm_pt_protect(
				 &rig.pt, va + VMM_MIB(6), 4096, RW, NULL),
			VMM_OK);
		/* Not the whole of the span: neither does it. */
		CHECK_EQ(vmm_pt_merge(&rig.pt, va + VMM_MIB(6) + 4096,
				 VMM_MIB(2) - 4096, &gather),
			VMM_OK);
		CHECK_EQ(gather.dead_count, 0);
		CHECK_EQ(
			vmm_pt_merge(&rig.pt, va, VMM_GIB(1), &gather), VMM_OK);
		CHECK_EQ(gather.dead_count, 2);
		CHECK_EQ(gather.flags,
			VMM_TLB_NON_LEAF | VMM_TLB_RESTRICT | VMM_TLB_VALID);
		CHECK(rig_mmu(&rig, va + VMM_MIB(6) + 5, 'w', user, &pa));
		CHECK_EQ(pa, VMM_GIB(8) + VMM_MIB(6) + 5);
		CHECK_EQ(vmm_pt_usage(&rig.pt, &usage), VMM_OK);
		CHECK_EQ(usage.leaves[2], 1);
		CHECK_EQ(usage.leaves[1] + usage.leaves[0], 0);
		rig_reap(&rig, &gather);
		rig_close(&rig);
	}
}

/* Contiguous, alike, but out of step with the larger leaf; with a page missing;
 * with another type; all too large for the machine. */
TEST(unit_pt_merge_refuses)
{
	struct vmm_tlb_gather gather;

	rig_open_with(&rig, &vmm_pt_sv39, VMM_PT_SVPBMT | VMM_PT_NO_GIGA);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0, 4096, VMM_MIB(2), RW, NULL), VMM_OK);
	for (uint64_t i = 0; i < 512; i++) {
		vmm_va_t va = VMM_MIB(2) + i * 4096;

		if (i != 200)
			CHECK_EQ(vmm_pt_map(&rig.pt, va, va, 4096, RW, NULL),
				VMM_OK);
		CHECK_EQ(vmm_pt_map(&rig.pt, va + VMM_MIB(2), va, 4096,
				 i == 511 ? RW | VMM_PT_NC : RW, NULL),
			VMM_OK);
	}
	CHECK_EQ(vmm_pt_map(&rig.pt, VMM_GIB(1), 0, VMM_GIB(1), RW, NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_merge(&rig.pt, 0, VMM_GIB(2), &gather), VMM_OK);
	CHECK_EQ(gather.dead_count, 0);
	CHECK_EQ(gather.flags, 0);
	/* With the page in its place, and one type, they do. */
	CHECK_EQ(vmm_pt_map(&rig.pt, VMM_MIB(2) + 200 * 4096,
			 VMM_MIB(2) + 200 * 4096, 4096, RW, NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_merge(&rig.pt, 0, VMM_GIB(2), &gather), VMM_OK);
	CHECK_EQ(gather.dead_count, 1);
	rig_reap(&rig, &gather);
	rig_close(&rig);
}

/* Leaves of 64 KiB merge as well; what is lent does not. */
TEST(unit_pt_merge_napot)
{
	struct vmm_tlb_gather gather;
	struct vmm_pt_usage usage;

	rig_open_with(&rig, &vmm_pt_sv39, VMM_PT_SVNAPOT);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0, VMM_MIB(8), VMM_MIB(2), RW, NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_unmap(&rig.pt, 0x30000, 0x10000, &gather), VMM_OK);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0x30000, VMM_MIB(8) + 0x30000, 0x10000, RW,
			 NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_usage(&rig.pt, &usage), VMM_OK);
	CHECK_EQ(usage.leaves[0], 512);
	CHECK_EQ(vmm_pt_merge(&rig.pt, 0, VMM_MIB(2), &gather), VMM_OK);
	CHECK_EQ(vmm_pt_usage(&rig.pt, &usage), VMM_OK);
	CHECK_EQ(usage.leaves[1], 1);
	rig_reap(&rig, &gather);
	rig_close(&rig);
}

/* What was used since the last time, and nothing twice; D cleared wants a
 * fence before the page is written back. */
TEST(unit_pt_harvest)
{
	static const struct rig_machine machines[] = {
		{&vmm_pt_sv39, VMM_PT_TRACK}, {&vmm_pt_x86_64, VMM_PT_TRACK},
		{&vmm_pt_sv48x4, VMM_PT_TRACK}};

	for (int m = 0; m < 3; m++) {
		bool user = rig_is_guest(machines[m].base);
		struct vmm_tlb_gather gather;
		struct vmm_pt_cursor cursor;
		struct vmm_pt_run run;
		vmm_pa_t pa;

		rig_open_with(&rig, machines[m].base, machines[m].features);
		vmm_tlb_gather_init(&gather, NULL, 0);
		CHECK_EQ(vmm_pt_map(
				 &rig.pt, 0x1000, 0x80001000, 0x8000, RW, NULL),
			VMM_OK);
		CHECK_EQ(vmm_pt_map(&rig.pt, VMM_MIB(2), VMM_GIB(2), VMM_MIB(2),
				 RW, NULL),
			VMM_OK);
		cursor = vmm_pt_cursor_all();
		CHECK(!vmm_pt_harvest(&rig.pt, &cursor, AD, &run, &gather));
		CHECK_EQ(gather.flags, 0);
		/* The machine reads one page and writes two and a large one. */
		CHECK(rig_mmu(&rig, 0x2000, 'r', user, &pa));
		CHECK(rig_mmu(&rig, 0x4000, 'w', user, &pa));
		CHECK(rig_mmu(&rig, 0x5000, 'w', user, &pa));
		CHECK(rig_mmu(&rig, VMM_MIB(3), 'w', user, &pa));
		cursor = vmm_pt_cursor_all();
		CHECK(vmm_pt_harvest(&rig.pt, &cursor, AD, &run, &gather));
		CHECK(run.va == 0x2000 && run.size == 0x1000);
		CHECK_EQ(run.prot, RW | VMM_PT_ACCESSED);
		CHECK_EQ(gather.flags, VMM_TLB_CHANGED | VMM_TLB_VALID);
		CHECK(vmm_pt_harvest(&rig.pt, &cursor, AD, &run, &gather));
		CHECK(run.va == 0x4000 && run.size == 0x2000);
		CHECK_EQ(run.pa, 0x80004000);
		CHECK_EQ(run.prot, RW | AD);
		CHECK_EQ(gather.flags & VMM_TLB_RESTRICT, VMM_TLB_RESTRICT);
		/* From inside the superpage: it is reported whole. */
		cursor = vmm_pt_cursor_range(VMM_MIB(3), VMM_MIB(3));
		CHECK(vmm_pt_harvest(
			&rig.pt, &cursor, VMM_PT_DIRTY, &run, &gather));
		CHECK(run.va == VMM_MIB(2) && run.size == VMM_MIB(2));
		CHECK(!vmm_pt_harvest(&rig.pt, &cursor, AD, &run, &gather));
		/* D alone was taken: A is still there. */
		cursor = vmm_pt_cursor_all();
		CHECK(vmm_pt_harvest(&rig.pt, &cursor, AD, &run, &gather));
		CHECK(run.va == VMM_MIB(2));
		CHECK_EQ(run.prot, RW | VMM_PT_ACCESSED);
		CHECK(!vmm_pt_harvest(&rig.pt, &cursor, AD, &run, &gather));
		CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
		rig_close(&rig);
	}
}

/* The machine sets the bits in one of 16 entries; the answer is for all. */
TEST(unit_pt_harvest_napot)
{
	struct vmm_pt_cursor cursor = vmm_pt_cursor_all();
	struct vmm_tlb_gather gather;
	struct vmm_pt_run run;
	vmm_pa_t pa;

	rig_open_with(&rig, &vmm_pt_sv39, VMM_PT_TRACK | VMM_PT_SVNAPOT);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0x10000, 0x80010000, 0x30000, RW, NULL),
		VMM_OK);
	CHECK(rig_mmu(&rig, 0x27000, 'w', false, &pa));
	CHECK_EQ(pa, 0x80027000);
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
	CHECK(vmm_pt_harvest(&rig.pt, &cursor, AD, &run, &gather));
	CHECK(run.va == 0x20000 && run.size == 0x10000 && run.shift == 16);
	CHECK_EQ(run.pa, 0x80020000);
	CHECK_EQ(run.prot, RW | AD);
	CHECK(gather.first == 0x20000 && gather.last == 0x2ffff);
	CHECK(!vmm_pt_harvest(&rig.pt, &cursor, AD, &run, &gather));
	/* From behind the entry that has it. */
	CHECK(rig_mmu(&rig, 0x31000, 'r', false, &pa));
	cursor = vmm_pt_cursor_range(0x38000, 0x38fff);
	CHECK(vmm_pt_harvest(&rig.pt, &cursor, AD, &run, &gather));
	CHECK(run.va == 0x30000 && run.size == 0x10000);
	CHECK(!vmm_pt_harvest(&rig.pt, &cursor, AD, &run, &gather));
	rig_close(&rig);
}

/* Which of the frames that are unmapped were written to. Runs that join are
 * dirty together, and a superpage is when one of its bytes was. */
TEST(unit_pt_unmap_tells_dirty_frames)
{
	struct vmm_tlb_frames frames[4];
	struct vmm_tlb_gather gather;
	vmm_pa_t pa;

	rig_open_with(&rig, &vmm_pt_sv39, VMM_PT_TRACK);
	vmm_tlb_gather_init(&gather, frames, 4);
	for (uint64_t i = 0; i < 4; i++)
		CHECK_EQ(vmm_pt_map(&rig.pt, i * 4096,
				 (uint64_t) "\7\10\3\1"[i] * 4096, 4096, RW,
				 NULL),
			VMM_OK);
	CHECK_EQ(vmm_pt_map(
			 &rig.pt, VMM_MIB(2), VMM_MIB(2), VMM_MIB(2), RW, NULL),
		VMM_OK);
	CHECK(rig_mmu(&rig, 0x0000, 'r', false, &pa));
	CHECK(rig_mmu(&rig, 0x1000, 'w', false, &pa));
	CHECK(rig_mmu(&rig, 0x3000, 'w', false, &pa));
	CHECK(rig_mmu(&rig, VMM_MIB(3), 'r', false, &pa));
	/* In two calls, of which the second goes on in the first one's run. */
	CHECK_EQ(vmm_pt_unmap(&rig.pt, 0, 4096, &gather), VMM_OK);
	CHECK_EQ(gather.frames_count, 1);
	CHECK(!frames[0].dirty);
	CHECK_EQ(vmm_pt_unmap_any(&rig.pt, 4096, VMM_MIB(4), &gather), VMM_OK);
	CHECK_EQ(gather.frames_count, 4);
	CHECK(frames[0].pa == 7 * 4096 && frames[0].size == 8192);
	CHECK(frames[0].dirty);
	CHECK(frames[1].pa == 3 * 4096 && !frames[1].dirty);
	CHECK(frames[2].pa == 1 * 4096 && frames[2].dirty);
	CHECK(frames[3].pa == VMM_MIB(2) && !frames[3].dirty);
	rig_reap(&rig, &gather);
	rig_close(&rig);
}

/* The number of tables is a function of the mappings: random mappings, whatever
 * was mapped and unmapped between them, need after a prune what they need in an
 * empty table. */
TEST(unit_pt_usage_is_a_function_of_the_mappings)
{
	struct rng rng = {test_seed};

	for (int round = 0; round < 40; round++) {
		const struct rig_machine *machine =
			&rig_machines[round % RIG_MACHINES];
		struct vmm_tlb_gather gather;
		struct vmm_pt_usage usage;
		struct vmm_pt_usage fresh;
		vmm_va_t va[6];
		uint64_t size[6];

		vmm_tlb_gather_init(&gather, NULL, 0);
		for (int i = 0; i < 6; i++) {
			va[i] = (vmm_va_t)i * VMM_GIB(1) +
				rng_below(&rng, 1 << 17) * 4096;
			size[i] = (1 + rng_below(&rng, 1 << 11)) * 4096;
		}
		for (int pass = 0; pass < 2; pass++) {
			rig_open_with(&rig, machine->base, machine->features);
			for (int i = 0; i < 6; i++) {
				/* In the first pass with detours. */
				if (pass == 0) {
					CHECK_EQ(vmm_pt_map(&rig.pt,
							 va[i] ^ 0x3000, 0,
							 4096, RW, NULL),
						VMM_OK);
					CHECK_EQ(vmm_pt_unmap_any(&rig.pt,
							 va[i] & ~0xffffull,
							 0x10000, &gather),
						VMM_OK);
					CHECK_EQ(vmm_pt_prune(&rig.pt, 0,
							 VMM_GIB(8), &gather),
						VMM_OK);
				}
				CHECK_EQ(vmm_pt_map(&rig.pt, va[i], va[i],
						 size[i], RW, NULL),
					VMM_OK);
				if (pass == 0 && i % 2 == 0)
					CHECK_EQ(vmm_pt_unmap(&rig.pt, va[i],
							 size[i], &gather),
						VMM_OK);
				if (pass == 1 && i % 2 == 0)
					CHECK_EQ(vmm_pt_unmap(&rig.pt, va[i],
							 size[i], &gather),
						VMM_OK);
			}
			CHECK_EQ(vmm_pt_prune(&rig.pt, 0, VMM_GIB(8), &gather),
				VMM_OK);
			CHECK_EQ(vmm_pt_usage(
					 &rig.pt, pass == 0 ? &usage : &fresh),
				VMM_OK);
			rig_reap(&rig, &gather);
			rig_close(&rig);
		}
		CHECK_EQ(usage.empty, 0);
		CHECK_EQ(usage.tables, fresh.tables);
		CHECK_EQ(usage.size, fresh.size);
		CHECK_EQ(usage.size, size[1] + size[3] + size[5]);
	}
}

/* Every count of a table that has some of each. */
TEST(unit_pt_usage)
{
	struct vmm_tlb_gather gather;
	struct vmm_pt_usage usage;

	rig_open(&rig, &vmm_pt_sv48);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_map(&rig.pt, VMM_GIB(1), 0, VMM_GIB(1), RW, NULL),
		VMM_OK);
	CHECK_EQ(
		vmm_pt_map(&rig.pt, VMM_MIB(2), 0, VMM_MIB(2) + 8192, RW, NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_tag(&rig.pt, VMM_MIB(8), VMM_MIB(4), 1, NULL), VMM_OK);
	CHECK_EQ(vmm_pt_map(&rig.pt, VMM_MIB(64), 0, 4096, RW, NULL), VMM_OK);
	CHECK_EQ(vmm_pt_unmap(&rig.pt, VMM_MIB(64), 4096, &gather), VMM_OK);
	CHECK_EQ(vmm_pt_usage(&rig.pt, &usage), VMM_OK);
	CHECK_EQ(usage.tables, 5);
	CHECK_EQ(usage.empty, 1);
	CHECK_EQ(usage.tags, 2);
	CHECK_EQ(usage.borrowed, 0);
	CHECK_EQ(usage.leaves[0], 2);
	CHECK_EQ(usage.leaves[1], 1);
	CHECK_EQ(usage.leaves[2], 1);
	CHECK_EQ(usage.size, VMM_GIB(1) + VMM_MIB(2) + 8192);
	rig_close(&rig);
}
