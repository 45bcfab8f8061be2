/* SPDX-License-Identifier: MIT */
/*
 * What an entry that was held can do to an access, and how it is reported.
 * Sections are those of RISC-V Privileged 1.13.
 */
#include "support/mmu_spaces.h"

/* What the access returns is one of the two, and both happen. */
TEST(unit_mmu_outcome_is_one_of_the_possible)
{
	unsigned old = 0;
	unsigned new = 0;

	build(1, 0);
	write(LOW, 0, mmu_pte(FRAME + 0x7000, RW));
	for (unsigned i = 0; i < 200; i++) {
		const struct vmm_mmu_result r = load(0, VA + 0x123);

		CHECK_EQ(r.status, VMM_MMU_OK);
		old += r.pa == FRAME + 0x123;
		new += r.pa == FRAME + 0x7123;
	}
	CHECK_EQ(old + new, 200);
	CHECK(old > 50 && new > 50);
	mmu_close(&rig);
	/* A machine that forgives, and the worst one. */
	build(1, 0);
	rig.config.stale_percent = 0;
	mmu_reopen(&rig);
	vmm_mmu_satp(rig.mmu, 0, mmu_satp(8, 1, ROOT));
	write(LOW, 0, 0);
	CHECK_EQ(load(0, VA).status, VMM_MMU_PAGE_FAULT);
	rig.config.stale_percent = 100;
	mmu_reopen(&rig);
	vmm_mmu_satp(rig.mmu, 0, mmu_satp(8, 1, ROOT));
	write(LOW, 1, 0);
	CHECK_EQ(load(0, VA + 0x1000).status, VMM_MMU_OK);
	mmu_close(&rig);
}

/* 12.2.1, note: entries with V = 0 may be held. Not with Svvptc. */
TEST(unit_mmu_absent_entries_are_held)
{
	build(1, 0);
	write(LOW, 40, mmu_pte(FRAME, RW));
	CHECK_EQ(reports(0, VA + 40 * 4096), 1);
	CHECK(is(VMM_MMU_SPURIOUS, VMM_MMU_WHY_NO_FENCE));
	CHECK_EQ(rig.last.now.status, VMM_MMU_OK);
	CHECK_EQ(rig.last.may.status, VMM_MMU_PAGE_FAULT);
	vmm_mmu_sfence_vma(rig.mmu, 0, &(uint64_t){VA + 40 * 4096}, NULL);
	CHECK_EQ(reports(0, VA + 40 * 4096), 0);
	/* One that becomes a global page needs a fence of all spaces. */
	write(LOW, 41, mmu_pte(FRAME, RW | E_G));
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, &one);
	CHECK_EQ(reports(0, VA + 41 * 4096), 1);
	CHECK(is(VMM_MMU_SPURIOUS, VMM_MMU_WHY_NOT_GLOBAL));
	/* One that becomes a superpage, too: it is a leaf entry by then. */
	write(MID, 6, mmu_pte(0x80000000, RW));
	CHECK_EQ(reports(0, VA + 6 * 0x200000), 1);
	vmm_mmu_sfence_vma(rig.mmu, 0, &(uint64_t){VA + 6 * 0x200000}, NULL);
	CHECK_EQ(reports(0, VA + 6 * 0x200000), 0);
	/* One that comes to point to a table is no leaf entry. */
	write(MID, 7, mmu_pte(LOW2, E_V));
	vmm_mmu_sfence_vma(rig.mmu, 0, &(uint64_t){VA + 7 * 0x200000}, NULL);
	CHECK_EQ(reports(0, VA + 7 * 0x200000), 1);
	CHECK(is(VMM_MMU_SPURIOUS, VMM_MMU_WHY_LEAF_ONLY));
	mmu_close(&rig);

	build(1, VMM_MMU_ADDRESS_ORDERS_LINKS);
	write(MID, 7, mmu_pte(LOW2, E_V));
	vmm_mmu_sfence_vma(rig.mmu, 0, &(uint64_t){VA + 7 * 0x200000}, NULL);
	CHECK_EQ(reports(0, VA + 7 * 0x200000), 0);
	mmu_close(&rig);

	build(1, VMM_MMU_SVVPTC);
	write(LOW, 40, mmu_pte(FRAME, RW));
	CHECK_EQ(reports(0, VA + 40 * 4096), 0);
	/* It speaks of entries that become valid, of nothing else. */
	write(LOW, 40, 0);
	CHECK_EQ(reports(0, VA + 40 * 4096), 1);
	mmu_close(&rig);
}

/* Tolerated kinds are not reported. */
TEST(unit_mmu_tolerates)
{
	build(1, 0);
	rig.config.tolerate = 1u << VMM_MMU_SPURIOUS;
	mmu_reopen(&rig);
	vmm_mmu_satp(rig.mmu, 0, mmu_satp(8, 1, ROOT));
	write(LOW, 40, mmu_pte(FRAME, RW));
	CHECK_EQ(reports(0, VA + 40 * 4096), 0);
	write(LOW, 41, 0);
	write(LOW, 1, 0);
	CHECK_EQ(reports(0, VA + 0x1000), 1);
	mmu_close(&rig);
}

/* Less permission, more permission, another type; each seen by its access. */
TEST(unit_mmu_kinds_of_change)
{
	build(1, VMM_MMU_SVPBMT);
	write(LOW, 0, mmu_pte(FRAME, E_V | E_R | E_AD));
	CHECK_EQ(reports(0, VA), 0);
	mmu_new_all(&rig);
	vmm_mmu_access(rig.mmu, 0, VA, VMM_MMU_WRITE);
	CHECK_EQ(mmu_new(&rig, VMM_MMU_STALE), 1);
	write(LOW, 1, mmu_pte(FRAME + 0x1000, RW | E_X));
	vmm_mmu_access(rig.mmu, 0, VA + 0x1000, VMM_MMU_EXEC);
	CHECK_EQ(mmu_new(&rig, VMM_MMU_SPURIOUS), 1);
	write(LOW, 2, mmu_pte(FRAME + 0x2000, RW) | 1ull << 61);
	vmm_mmu_access(rig.mmu, 0, VA + 0x2000, VMM_MMU_READ);
	CHECK_EQ(mmu_new(&rig, VMM_MMU_STALE_TYPE), 1);
	CHECK_EQ(rig.last.now.type, 1);
	CHECK_EQ(rig.last.may.type, 0);
	/* RSW is no change to the machine: bits 8 and 9. */
	write(LOW, 3, mmu_pte(FRAME + 0x3000, RW | 0x300));
	CHECK_EQ(reports(0, VA + 0x3000), 0);
	/* The audit finds all of them with no access at all. */
	mmu_new_all(&rig);
	CHECK_EQ(vmm_mmu_audit(rig.mmu, 0), 3);
	CHECK_EQ(mmu_new(&rig, VMM_MMU_STALE), 1);
	CHECK_EQ(mmu_new(&rig, VMM_MMU_SPURIOUS), 1);
	CHECK_EQ(mmu_new(&rig, VMM_MMU_STALE_TYPE), 1);
	mmu_close(&rig);
}

/*
 * 12.3.1, 12.3.2 step 7. Svade faults, Svadu sets; D that software cleared with
 * no fence is lost; an entry that was held with A clear cannot be used to set
 * it, so the walk starts anew and nothing is ambiguous.
 */
TEST(unit_mmu_accessed_and_dirty)
{
	build(1, 0);
	write(LOW, 0, mmu_pte(FRAME, E_V | E_R | E_W));
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, NULL);
	CHECK_EQ(load(0, VA).reason, VMM_MMU_A_CLEAR);
	CHECK_EQ(rig.last.kind, VMM_MMU_AD_FAULT);
	write(LOW, 0, mmu_pte(FRAME, E_V | E_R | E_W | E_A));
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, NULL);
	CHECK_EQ(load(0, VA).status, VMM_MMU_OK);
	CHECK_EQ(vmm_mmu_access(rig.mmu, 0, VA, VMM_MMU_WRITE).reason,
		VMM_MMU_D_CLEAR);
	mmu_close(&rig);

	build(1, VMM_MMU_SVADU);
	write(LOW, 0, mmu_pte(FRAME, E_V | E_R | E_W));
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, NULL);
	CHECK_EQ(reports(0, VA), 0);
	CHECK_EQ(*mmu_word(LOW), mmu_pte(FRAME, E_V | E_R | E_W | E_A));
	mmu_new_all(&rig);
	vmm_mmu_access(rig.mmu, 0, VA, VMM_MMU_WRITE);
	CHECK_EQ(mmu_new_all(&rig), 0);
	CHECK_EQ(*mmu_word(LOW), mmu_pte(FRAME, RW));
	/* Cleared by software. */
	write(LOW, 0, mmu_pte(FRAME, E_V | E_R | E_W | E_A));
	CHECK_EQ(reports(0, VA), 0);
	mmu_new_all(&rig);
	vmm_mmu_access(rig.mmu, 0, VA, VMM_MMU_WRITE);
	CHECK_EQ(mmu_new(&rig, VMM_MMU_LOST_DIRTY), 1);
	vmm_mmu_sfence_vma(rig.mmu, 0, &va0, &one);
	vmm_mmu_access(rig.mmu, 0, VA, VMM_MMU_WRITE);
	CHECK_EQ(mmu_new_all(&rig), 0);
	CHECK_EQ(*mmu_word(LOW), mmu_pte(FRAME, RW));
	write(LOW, 0, mmu_pte(FRAME, E_V | E_R | E_W | E_D));
	CHECK_EQ(reports(0, VA), 1);
	CHECK_EQ(rig.last.kind, VMM_MMU_LOST_ACCESS);
	mmu_close(&rig);
}
