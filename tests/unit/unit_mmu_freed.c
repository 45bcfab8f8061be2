/* SPDX-License-Identifier: MIT */
/* Pages that change hands while a hart may still reach them. */
#include "support/mmu_spaces.h"

/*
 * A table that is unlinked may be walked on, and what it holds by then may be
 * read: here the next owner of the page makes an entry of it.
 */
TEST(unit_mmu_walks_unlinked_tables)
{
	build(1, 0);
	write(MID, 0, 0);
	CHECK_EQ(reports(0, VA), 1);
	write(LOW, 9, mmu_pte(0x80300000, RW));
	vmm_mmu_sfence_vma(rig.mmu, 0, &(uint64_t){VA + 0x9000}, NULL);
	CHECK_EQ(reports(0, VA + 0x9000), 1);
	CHECK_EQ(rig.last.may.pa, 0x80300000);
	CHECK(is(VMM_MMU_STALE, VMM_MMU_WHY_LEAF_ONLY));
	/* Even what lies beyond it, where nothing was a table before. */
	write(MID, 0, mmu_pte(LOW, E_V));
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, NULL);
	write(ROOT, 1, 0);
	write(MID, 3, mmu_pte(0x80040000, E_V));
	write(0x80040000, 2, mmu_pte(0x80050000, RW));
	vmm_mmu_sfence_vma(rig.mmu, 0, &(uint64_t){VA + 0x602000}, NULL);
	CHECK_EQ(reports(0, VA + 0x602000), 1);
	CHECK_EQ(rig.last.may.pa, 0x80050000);
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, &one);
	CHECK_EQ(reports(0, VA + 0x602000), 0);
	mmu_close(&rig);
}

/* A page changes hands: who may still reach it? */
TEST(unit_mmu_freed_pages)
{
	build(2, 0);
	CHECK_EQ(vmm_mmu_freed(rig.mmu, FRAME + 0x200000, 4096), 0);
	/* A frame: on both harts, then on one, then on none. */
	write(LOW, 0, 0);
	CHECK_EQ(vmm_mmu_freed(rig.mmu, FRAME, 4096), 2);
	CHECK_EQ(rig.last.kind, VMM_MMU_FREED_FRAME);
	vmm_mmu_sfence_vma(rig.mmu, 0, &va0, &one);
	CHECK_EQ(vmm_mmu_freed(rig.mmu, FRAME, 4096), 1);
	CHECK_EQ(rig.last.hart, 1);
	CHECK_EQ(rig.last.why, VMM_MMU_WHY_OTHER_HART);
	vmm_mmu_sfence_vma(rig.mmu, 1, &va0, &one);
	CHECK_EQ(vmm_mmu_freed(rig.mmu, FRAME, 4096), 0);
	/* One that has another, valid mapping is no matter. */
	write(LOW, 1, mmu_pte(FRAME + 0x2000, RW));
	CHECK_EQ(vmm_mmu_freed(rig.mmu, FRAME + 0x2000, 4096), 0);
	/* A table that is linked, unlinked, fenced. */
	CHECK_EQ(vmm_mmu_freed(rig.mmu, LOW, 4096), 2);
	CHECK_EQ(rig.last.kind, VMM_MMU_FREED_TABLE);
	CHECK_EQ(rig.last.why, VMM_MMU_WHY_NONE);
	write(MID, 0, 0);
	vmm_mmu_sfence_vma(rig.mmu, 0, &va0, NULL);
	mmu_new_all(&rig);
	vmm_mmu_freed(rig.mmu, LOW, 4096);
	CHECK_EQ(mmu_new(&rig, VMM_MMU_FREED_TABLE), 2);
	CHECK_EQ(mmu_new_all(&rig), 0);
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, NULL);
	vmm_mmu_sfence_vma(rig.mmu, 1, NULL, NULL);
	CHECK_EQ(vmm_mmu_freed(rig.mmu, LOW, 4096), 0);
	/* The root in use. */
	CHECK_EQ(vmm_mmu_freed(rig.mmu, ROOT, 4096), 2);
	vmm_mmu_satp(rig.mmu, 0, mmu_satp(8, 2, ROOT2));
	vmm_mmu_satp(rig.mmu, 1, mmu_satp(8, 2, ROOT2));
	CHECK_EQ(vmm_mmu_freed(rig.mmu, ROOT, 4096), 0);
	mmu_close(&rig);
}
