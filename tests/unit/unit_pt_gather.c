/* SPDX-License-Identifier: MIT */
/* Gathers: what became stale, what came free, and which fences that takes. */
#include "support/pt_rig.h"
#include "support/test.h"

#define RW  (VMM_PT_READ | VMM_PT_WRITE)
#define RWG (RW | VMM_PT_GLOBAL)
#define RX  (VMM_PT_READ | VMM_PT_EXEC)

/* What a changed leaf asks of a fence. */
#define MORE (VMM_TLB_CHANGED | VMM_TLB_VALID)
#define LESS (MORE | VMM_TLB_RESTRICT)

static struct pt_rig rig;

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
	CHECK_REFUSED(
		&rig, vmm_pt_unmap(&rig.pt, 0, 5 * 4096, &gather), VMM_ENOSPC);
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
