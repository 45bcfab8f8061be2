/* SPDX-License-Identifier: MIT */
/* From gathers to fences: as data for the SBI, for x86-64, and in registers. */
#include "support/pt_rig.h"
#include "support/test.h"

#include <vmm/riscv.h>
#include <vmm/x86.h>

#define RW (VMM_PT_READ | VMM_PT_WRITE)

static struct pt_rig rig;

static struct vmm_tlb_gather some(
	vmm_va_t first, uint64_t pages, uint32_t flags)
{
	struct vmm_tlb_gather gather;

	vmm_tlb_gather_init(&gather, NULL, 0);
	gather.first = first;
	gather.last = first + (pages * 4096 - 1);
	gather.shift = 12;
	gather.flags = VMM_TLB_CHANGED | flags;
	return gather;
}

/* Arguments of a remote fence. Page 0 alone is page 0 alone: start and size of
 * 0, which mean everything, never come out. */
TEST(unit_tlb_sbi)
{
	struct vmm_tlb_gather none;
	struct vmm_tlb_gather zero = some(0, 1, VMM_TLB_RESTRICT);
	struct vmm_tlb_gather many = some(0x5000, 65, VMM_TLB_RESTRICT);
	struct vmm_tlb_gather table =
		some(0x5000, 1, VMM_TLB_NON_LEAF | VMM_TLB_GLOBAL);
	struct vmm_riscv_sbi_fence fence = {9, 9, 9, 9};

	vmm_tlb_gather_init(&none, NULL, 0);
	CHECK(!vmm_riscv_sbi(&none, VMM_RISCV_OWN, 3, &fence));
	CHECK_EQ(fence.function, 9);
	CHECK(vmm_riscv_sbi(&zero, VMM_RISCV_OWN, 3, &fence));
	CHECK(fence.function == 2 && fence.id == 3);
	CHECK(fence.start == 0 && fence.size == 4096);
	CHECK(vmm_riscv_sbi(&many, VMM_RISCV_OWN, 3, &fence));
	CHECK(fence.function == 2 && fence.start == 0);
	CHECK_EQ(fence.size, UINT64_MAX);
	CHECK(vmm_riscv_sbi(&table, VMM_RISCV_OWN, 3, &fence));
	CHECK(fence.function == 1 && fence.size == UINT64_MAX);
	CHECK(vmm_riscv_sbi(&zero, VMM_RISCV_GUEST, 3, &fence));
	CHECK_EQ(fence.function, 3);
	CHECK(vmm_riscv_sbi(&table, VMM_RISCV_GUEST, 3, &fence));
	CHECK_EQ(fence.function, 4);
	CHECK(vmm_riscv_sbi(&zero, VMM_RISCV_GUESTS, 3, &fence));
	CHECK_EQ(fence.function, 5);
	CHECK(vmm_riscv_sbi(&table, VMM_RISCV_GUESTS, 3, &fence));
	CHECK_EQ(fence.function, 6);
}

/* What becomes present needs nothing on x86-64; a page INVLPG; a table CR3; what
 * is global or lent everything, as soon as another PCID may have it. */
TEST(unit_tlb_x86)
{
	const uint32_t less = VMM_TLB_RESTRICT | VMM_TLB_VALID;
	static const struct {
		uint32_t flags;
		bool pcids;
		enum vmm_x86_flush kind;
	} cases[] = {
		{0, false, VMM_X86_NOTHING},
		{VMM_TLB_NON_LEAF, true, VMM_X86_NOTHING},
		{VMM_TLB_VALID, false, VMM_X86_PAGES},
		{less, true, VMM_X86_PAGES},
		{less | VMM_TLB_GLOBAL, false, VMM_X86_PAGES},
		{less | VMM_TLB_GLOBAL, true, VMM_X86_EVERYTHING},
		{less | VMM_TLB_NON_LEAF, true, VMM_X86_SPACE},
		{less | VMM_TLB_NON_LEAF | VMM_TLB_GLOBAL, false,
			VMM_X86_EVERYTHING},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vmm_tlb_gather gather = some(0x5000, 2, cases[i].flags);
		struct vmm_tlb_plan plan = vmm_tlb_plan_make(&gather);

		CHECK_EQ(vmm_x86_flush_kind(&plan, cases[i].pcids),
			cases[i].kind);
	}
	{
		struct vmm_tlb_gather none;
		struct vmm_tlb_plan plan;

		vmm_tlb_gather_init(&none, NULL, 0);
		plan = vmm_tlb_plan_make(&none);
		CHECK_EQ(vmm_x86_flush_kind(&plan, true), VMM_X86_NOTHING);
	}
}

/* The values that turn a table on. */
TEST(unit_tlb_registers)
{
	rig_open(&rig, &vmm_pt_sv48);
	CHECK_EQ(vmm_riscv_satp(&rig.pt, 0xffff),
		UINT64_C(9) << 60 | UINT64_C(0xffff) << 44 | 0x80000);
	rig_close(&rig);
	rig_open(&rig, &vmm_pt_sv57x4);
	CHECK_EQ(vmm_riscv_hgatp(&rig.pt, 0x3fff),
		UINT64_C(10) << 60 | UINT64_C(0x3fff) << 44 | 0x80000);
	rig_close(&rig);
	rig_open(&rig, &vmm_pt_la57);
	CHECK_EQ(vmm_x86_cr3(&rig.pt, 0xfff), 0x80000fff);
	rig_close(&rig);
}

/* Which kind of change asks for what: the table of tlb.h, row by row. */
TEST(unit_tlb_flags_of_each_change)
{
	const uint32_t valid = VMM_TLB_CHANGED | VMM_TLB_VALID;
	struct vmm_tlb_gather gather;

	rig_open(&rig, &vmm_pt_sv39);
	vmm_tlb_gather_init(&gather, NULL, 0);
	/* absent to table, absent to leaf */
	CHECK_EQ(vmm_pt_map(&rig.pt, 0, 0, 4096, VMM_PT_READ, &gather), VMM_OK);
	CHECK_EQ(gather.flags, VMM_TLB_CHANGED | VMM_TLB_NON_LEAF);
	CHECK(vmm_tlb_plan_make(&gather).fresh);
	vmm_pt_reap(&rig.pt, &gather);
	CHECK_EQ(vmm_pt_map(&rig.pt, 4096, 0, 4096, VMM_PT_READ, &gather),
		VMM_OK);
	CHECK_EQ(gather.flags, VMM_TLB_CHANGED);
	CHECK(vmm_tlb_plan_make(&gather).fresh);
	vmm_pt_reap(&rig.pt, &gather);
	/* allows more, less */
	CHECK_EQ(vmm_pt_protect(&rig.pt, 0, 4096, RW, &gather), VMM_OK);
	CHECK_EQ(gather.flags, valid);
	CHECK(!vmm_tlb_plan_make(&gather).fresh);
	vmm_pt_reap(&rig.pt, &gather);
	CHECK_EQ(
		vmm_pt_protect(&rig.pt, 0, 4096, VMM_PT_READ, &gather), VMM_OK);
	CHECK_EQ(gather.flags, valid | VMM_TLB_RESTRICT);
	vmm_pt_reap(&rig.pt, &gather);
	/* leaf to table: a change of nothing still splits */
	CHECK_EQ(vmm_pt_map(&rig.pt, VMM_GIB(1), 0, VMM_GIB(1), RW, NULL),
		VMM_OK);
	CHECK_EQ(
		vmm_pt_protect(&rig.pt, VMM_GIB(1), 4096, RW, &gather), VMM_OK);
	CHECK_EQ(gather.flags, valid | VMM_TLB_NON_LEAF);
	CHECK(vmm_tlb_plan_make(&gather).all_addresses);
	vmm_pt_reap(&rig.pt, &gather);
	/* table to leaf: the table waits for the fence */
	CHECK_EQ(
		vmm_pt_merge(&rig.pt, VMM_GIB(1), VMM_GIB(1), &gather), VMM_OK);
	CHECK_EQ(gather.flags,
		VMM_TLB_VALID | VMM_TLB_NON_LEAF | VMM_TLB_RESTRICT);
	CHECK(vmm_tlb_plan_make(&gather).all_addresses);
	vmm_pt_reap(&rig.pt, &gather);
	/* leaf to absent, table unlinked */
	CHECK_EQ(vmm_pt_unmap(&rig.pt, 0, 4096, &gather), VMM_OK);
	CHECK_EQ(gather.flags, valid | VMM_TLB_RESTRICT);
	vmm_pt_reap(&rig.pt, &gather);
	CHECK_EQ(vmm_pt_unmap_any(&rig.pt, 0, VMM_MIB(2), &gather), VMM_OK);
	CHECK_EQ(gather.flags, valid | VMM_TLB_RESTRICT | VMM_TLB_NON_LEAF);
	rig_reap(&rig, &gather);
	rig_close(&rig);
}
