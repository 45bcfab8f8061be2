/* SPDX-License-Identifier: MIT */
/*
 * Spaces: which one is active, whose an entry is, and pages that are global.
 * Sections are those of RISC-V Privileged 1.13.
 */
#include "support/mmu_spaces.h"

/* 12.3.1: G of an entry that points to a table holds for all below it. */
TEST(unit_mmu_global_path)
{
	build(1, 0);
	write(ROOT, 1, mmu_pte(MID, E_V | E_G));
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, NULL);
	write(LOW, 0, 0);
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, &one);
	CHECK_EQ(reports(0, VA), 1);
	CHECK(is(VMM_MMU_STALE, VMM_MMU_WHY_NOT_GLOBAL));
	CHECK(rig.last.global);
	mmu_close(&rig);
}

/* 12.1.11: writing satp orders nothing and takes nothing. */
TEST(unit_mmu_satp_is_no_fence)
{
	build(1, 0);
	vmm_mmu_satp(rig.mmu, 0, mmu_satp(8, 2, ROOT2));
	CHECK_EQ(reports(0, VA), 0);
	write(LOW, 0, 0);
	write(LOW2, 1, 0);
	vmm_mmu_satp(rig.mmu, 0, mmu_satp(8, 1, ROOT));
	CHECK_EQ(reports(0, VA), 1);
	CHECK_EQ(reports(0, VA + 0x1000), 0);
	/* Off and on again takes nothing either. */
	vmm_mmu_satp(rig.mmu, 0, 0);
	CHECK_EQ(load(0, VA).pa, VA);
	vmm_mmu_satp(rig.mmu, 0, mmu_satp(8, 1, ROOT));
	CHECK_EQ(reports(0, VA), 1);
	vmm_mmu_satp(rig.mmu, 0, mmu_satp(8, 2, ROOT2));
	CHECK_EQ(reports(0, VA + 0x1000), 1);
	mmu_close(&rig);
}

/* What changed while a space was not active was not read: 12.3.2. */
TEST(unit_mmu_walks_only_active_spaces)
{
	build(1, 0);
	vmm_mmu_satp(rig.mmu, 0, mmu_satp(8, 2, ROOT2));
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, NULL);
	write(LOW, 0, mmu_pte(FRAME + 0x9000, RW));
	vmm_mmu_sync(rig.mmu);
	write(LOW, 0, 0);
	vmm_mmu_satp(rig.mmu, 0, mmu_satp(8, 1, ROOT));
	CHECK_EQ(reports(0, VA), 0);
	mmu_close(&rig);
}

/*
 * 12.2.1, "When software recycles an ASID": satp first, then the fence. The
 * other way round the old tables may be read again in between.
 */
TEST(unit_mmu_recycled_asid)
{
	build(1, 0);
	vmm_mmu_satp(rig.mmu, 0, mmu_satp(8, 1, ROOT2));
	CHECK_EQ(reports(0, VA), 1);
	CHECK(is(VMM_MMU_STALE, VMM_MMU_WHY_ASID_REUSED));
	CHECK_EQ(rig.last.root, ROOT);
	CHECK_EQ(rig.last.may.pa, FRAME);
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, &one);
	CHECK_EQ(reports(0, VA), 0);
	/* Back, in the wrong order. */
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, &one);
	vmm_mmu_satp(rig.mmu, 0, mmu_satp(8, 1, ROOT));
	CHECK_EQ(reports(0, VA), 1);
	CHECK(is(VMM_MMU_STALE, VMM_MMU_WHY_ASID_REUSED));
	/* Fencing while another ASID is loaded is right again. */
	vmm_mmu_satp(rig.mmu, 0, mmu_satp(8, 2, ROOT));
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, &one);
	vmm_mmu_satp(rig.mmu, 0, mmu_satp(8, 1, ROOT2));
	CHECK_EQ(reports(0, VA), 0);
	mmu_close(&rig);
}

/* 12.3.1: a page that is marked global and is not the same everywhere. */
TEST(unit_mmu_global_is_for_all_spaces)
{
	build(1, 0);
	write(LOW, 3, mmu_pte(FRAME + 0x3000, RW | E_G));
	write(LOW, 4, mmu_pte(FRAME + 0x44000, RW | E_G));
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, NULL);
	vmm_mmu_satp(rig.mmu, 0, mmu_satp(8, 2, ROOT2));
	CHECK_EQ(reports(0, VA + 0x3000), 1);
	CHECK(is(VMM_MMU_STALE, VMM_MMU_WHY_GLOBAL));
	CHECK_EQ(rig.last.root, ROOT);
	/* The same frame there: no conflict. */
	CHECK_EQ(reports(0, VA + 0x4000), 0);
	CHECK_EQ(reports(0, VA + 0x5000), 0);
	/* A fence for the ASID leaves it, wherever the other space is gone. */
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, &one);
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, &two);
	write(ROOT, 1, 0);
	CHECK_EQ(reports(0, VA + 0x3000), 1);
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, NULL);
	CHECK_EQ(reports(0, VA + 0x3000), 0);
	mmu_close(&rig);
}
