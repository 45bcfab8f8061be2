/* SPDX-License-Identifier: MIT */
/*
 * What each fence takes and leaves, rule by rule. Sections are those of RISC-V
 * Privileged 1.13.
 */
#include "support/mmu_spaces.h"

/* 12.2.1, rs1 = x0, rs2 = x0: any level, all spaces, global entries. */
TEST(unit_mmu_fence_of_everything)
{
	build(1, 0);
	write(LOW, 0, 0);
	write(LOW, 1, mmu_pte(FRAME + 0x5000, RW | E_G));
	CHECK_EQ(reports(0, VA), 1);
	CHECK(is(VMM_MMU_STALE, VMM_MMU_WHY_NO_FENCE));
	CHECK_EQ(reports(0, VA + 0x1000), 1);
	CHECK_EQ(reports(0, VA + 0x2000), 0);
	/* An ambiguity does not go away by itself. */
	CHECK_EQ(reports(0, VA), 1);
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, NULL);
	CHECK_EQ(reports(0, VA), 0);
	CHECK_EQ(reports(0, VA + 0x1000), 0);
	write(ROOT, 1, 0);
	CHECK_EQ(reports(0, VA + 0x1000), 1);
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, NULL);
	CHECK_EQ(reports(0, VA + 0x1000), 0);
	mmu_close(&rig);
}

/* 12.2.1, rs2 != x0: that space only, and no global entries. */
TEST(unit_mmu_fence_by_asid)
{
	build(1, 0);
	write(LOW, 0, 0);
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, &two);
	CHECK_EQ(reports(0, VA), 1);
	CHECK(is(VMM_MMU_STALE, VMM_MMU_WHY_OTHER_SPACE));
	CHECK_EQ(rig.last.fence_space, 2);
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, &one);
	CHECK_EQ(reports(0, VA), 0);
	/* A path is ordered as well. */
	write(MID, 0, 0);
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, &one);
	CHECK_EQ(reports(0, VA + 0x1000), 0);
	mmu_close(&rig);

	build(1, 0);
	write(LOW, 0, mmu_pte(FRAME, RW | E_G));
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, NULL);
	write(LOW, 0, 0);
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, &one);
	CHECK_EQ(reports(0, VA), 1);
	CHECK(is(VMM_MMU_STALE, VMM_MMU_WHY_NOT_GLOBAL));
	vmm_mmu_sfence_vma(rig.mmu, 0, &va0, &one);
	CHECK_EQ(reports(0, VA), 1);
	vmm_mmu_sfence_vma(rig.mmu, 0, &va0, NULL);
	CHECK_EQ(reports(0, VA), 0);
	mmu_close(&rig);
}

/* 12.2.1, rs1 != x0: leaf entries of that address, and nothing else. */
TEST(unit_mmu_fence_by_address)
{
	build(1, 0);
	write(LOW, 0, 0);
	write(LOW, 1, 0);
	vmm_mmu_sfence_vma(rig.mmu, 0, &va1, NULL);
	CHECK_EQ(reports(0, VA), 1);
	CHECK(is(VMM_MMU_STALE, VMM_MMU_WHY_OTHER_ADDRESS));
	CHECK_EQ(rig.last.fence_va, VA + 0x1000);
	CHECK_EQ(reports(0, VA + 0x1000), 0);
	/* Any address within the page will do. */
	vmm_mmu_sfence_vma(rig.mmu, 0, &(uint64_t){VA + 0xfff}, &one);
	CHECK_EQ(reports(0, VA), 0);
	/* The path may be held on. */
	write(MID, 0, mmu_pte(LOW2, E_V));
	vmm_mmu_sfence_vma(rig.mmu, 0, &(uint64_t){VA + 0x2000}, NULL);
	CHECK_EQ(reports(0, VA + 0x2000), 1);
	CHECK(is(VMM_MMU_STALE, VMM_MMU_WHY_LEAF_ONLY));
	CHECK_EQ(rig.last.change_level, 1);
	CHECK_EQ(rig.last.change.pa, MID);
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, &one);
	CHECK_EQ(reports(0, VA + 0x2000), 0);
	/* An address that is not canonical has no effect. */
	write(LOW2, 2, 0);
	vmm_mmu_sfence_vma(rig.mmu, 0,
		&(uint64_t){VA + 0x2000 + (UINT64_C(1) << 45)}, NULL);
	CHECK_EQ(reports(0, VA + 0x2000), 1);
	mmu_close(&rig);
}

/* A superpage is fenced whole by any address in it: 12.2.1. */
TEST(unit_mmu_fence_of_superpage)
{
	build(1, 0);
	write(MID, 1, mmu_pte(0x80200000, RW));
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, NULL);
	write(MID, 1, mmu_pte(0x80000000, RW));
	CHECK_EQ(reports(0, VA + 0x2ff000), 1);
	CHECK_EQ(rig.last.level, 1);
	CHECK_EQ(rig.last.may.pa, 0x802ff000);
	vmm_mmu_sfence_vma(rig.mmu, 0, &(uint64_t){VA + 0x234567}, NULL);
	CHECK_EQ(reports(0, VA + 0x2ff000), 0);
	/*
	 * Split: as long as all translates as before, nothing is ambiguous. The
	 * fence of one page does not order the store of the table's entry.
	 */
	for (unsigned i = 0; i < 512; i++)
		write(0x80020000, i, mmu_pte(0x80000000 + 4096 * i, RW));
	write(MID, 1, mmu_pte(0x80020000, E_V));
	CHECK_EQ(reports(0, VA + 0x205000), 0);
	write(0x80020000, 5, 0);
	CHECK_EQ(reports(0, VA + 0x205000), 1);
	vmm_mmu_sfence_vma(rig.mmu, 0, &(uint64_t){VA + 0x205000}, NULL);
	CHECK_EQ(reports(0, VA + 0x205000), 1);
	CHECK(is(VMM_MMU_STALE, VMM_MMU_WHY_LEAF_ONLY));
	CHECK_EQ(reports(0, VA + 0x206000), 0);
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, &one);
	CHECK_EQ(reports(0, VA + 0x205000), 0);
	/* Merged again: the table's entries may be held on. */
	write(MID, 1, mmu_pte(0x80000000, RW));
	vmm_mmu_sfence_vma(rig.mmu, 0, &(uint64_t){VA + 0x205000}, NULL);
	CHECK_EQ(reports(0, VA + 0x205000), 1);
	CHECK(is(VMM_MMU_SPURIOUS, VMM_MMU_WHY_LEAF_ONLY));
	mmu_close(&rig);
}

/* 12.2.1: a fence orders the local hart only. */
TEST(unit_mmu_harts_are_apart)
{
	build(3, 0);
	write(LOW, 0, 0);
	vmm_mmu_sfence_vma(rig.mmu, 1, NULL, NULL);
	CHECK_EQ(reports(1, VA), 0);
	CHECK_EQ(reports(0, VA), 1);
	CHECK(is(VMM_MMU_STALE, VMM_MMU_WHY_OTHER_HART));
	CHECK_EQ(rig.last.fence_hart, 1);
	CHECK_EQ(rig.last.hart, 0);
	CHECK_EQ(vmm_mmu_audit(rig.mmu, 1), 0);
	CHECK_EQ(vmm_mmu_audit(rig.mmu, 2), 1);
	mmu_close(&rig);
}

/* Svinval: three instructions that make one fence, in this order. */
TEST(unit_mmu_svinval)
{
	build(1, 0);
	/* In order. */
	write(LOW, 0, 0);
	vmm_mmu_sfence_w_inval(rig.mmu, 0);
	vmm_mmu_sinval_vma(rig.mmu, 0, &va0, &one);
	CHECK_EQ(reports(0, VA), 1);
	CHECK(is(VMM_MMU_STALE, VMM_MMU_WHY_UNFINISHED));
	vmm_mmu_sfence_inval_ir(rig.mmu, 0);
	CHECK_EQ(reports(0, VA), 0);
	/* A store behind sfence.w.inval is not ordered. */
	vmm_mmu_sfence_w_inval(rig.mmu, 0);
	write(LOW, 1, 0);
	vmm_mmu_sinval_vma(rig.mmu, 0, &va1, &one);
	vmm_mmu_sfence_inval_ir(rig.mmu, 0);
	CHECK_EQ(reports(0, VA + 0x1000), 1);
	/* For another address. */
	vmm_mmu_sfence_w_inval(rig.mmu, 0);
	vmm_mmu_sinval_vma(rig.mmu, 0, &va0, NULL);
	vmm_mmu_sfence_inval_ir(rig.mmu, 0);
	CHECK_EQ(reports(0, VA + 0x1000), 1);
	vmm_mmu_sfence_w_inval(rig.mmu, 0);
	vmm_mmu_sinval_vma(rig.mmu, 0, NULL, &one);
	vmm_mmu_sfence_inval_ir(rig.mmu, 0);
	CHECK_EQ(reports(0, VA + 0x1000), 0);
	mmu_close(&rig);
}

/*
 * Svnapot: a NAPOT entry may be held as sixteen, so a change needs a fence
 * for each page of it, and entries of a group that differ are both in use.
 */
TEST(unit_mmu_svnapot)
{
	build(1, VMM_MMU_SVNAPOT);
	for (unsigned i = 16; i < 32; i++)
		write(LOW, i, mmu_pte(0x80200000 + 0x8000, RW) | 1ull << 63);
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, NULL);
	CHECK_EQ(load(0, VA + 0x15678).pa, 0x80205678);
	CHECK_EQ(reports(0, VA + 0x15678), 0);
	for (unsigned i = 16; i < 32; i++)
		write(LOW, i, 0);
	vmm_mmu_sfence_vma(rig.mmu, 0, &(uint64_t){VA + 0x1f000}, NULL);
	CHECK_EQ(reports(0, VA + 0x1f000), 0);
	CHECK_EQ(reports(0, VA + 0x11000), 1);
	for (unsigned i = 16; i < 31; i++)
		vmm_mmu_sfence_vma(
			rig.mmu, 0, &(uint64_t){VA + 4096 * i}, NULL);
	CHECK_EQ(vmm_mmu_audit(rig.mmu, 0), 0);
	/* One of the sixteen says otherwise. */
	for (unsigned i = 16; i < 32; i++)
		write(LOW, i, mmu_pte(0x80200000 + 0x8000, RW) | 1ull << 63);
	write(LOW, 20, mmu_pte(0x80300000, RW));
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, NULL);
	CHECK_EQ(reports(0, VA + 20 * 4096), 1);
	CHECK(is(VMM_MMU_STALE, VMM_MMU_WHY_NAPOT));
	CHECK_EQ(rig.last.may.pa, 0x80204000);
	mmu_close(&rig);
}
