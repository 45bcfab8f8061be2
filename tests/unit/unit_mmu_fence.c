/* SPDX-License-Identifier: MIT */
/*
 * What each fence takes and leaves, rule by rule. Sections are those of RISC-V
 * Privileged 1.13. The tables are written by hand:
 *
 *   0x80001000 root   0x80002000 level 1   0x80003000 level 0
 *   0x80011000 another root, 0x80012000, 0x80013000 below it
 *
 * and pages are mapped at 0x40000000 (root index 1, level 1 index 0).
 */
#include "support/mmu_rig.h"

#define ROOT  0x80001000
#define MID   0x80002000
#define LOW   0x80003000
#define ROOT2 0x80011000
#define MID2  0x80012000
#define LOW2  0x80013000
#define VA    UINT64_C(0x40000000)
#define FRAME 0x80100000
#define RW    (E_V | E_R | E_W | E_AD)

static struct mmu_rig rig;

static void write(uint64_t table, unsigned index, uint64_t entry)
{
	*mmu_word(table + 8 * index) = entry;
}

/* Two spaces, with 512 pages each at VA: from FRAME on, and 256 KiB higher. */
static void build(unsigned harts, unsigned features)
{
	mmu_open(&rig, VMM_MMU_RISCV, features, harts);
	write(ROOT, 1, mmu_pte(MID, E_V));
	write(MID, 0, mmu_pte(LOW, E_V));
	write(ROOT2, 1, mmu_pte(MID2, E_V));
	write(MID2, 0, mmu_pte(LOW2, E_V));
	for (unsigned i = 0; i < 32; i++) {
		write(LOW, i, mmu_pte(FRAME + 4096 * i, RW));
		write(LOW2, i, mmu_pte(FRAME + 4096 * (i + 64), RW));
	}
	for (unsigned h = 0; h < harts; h++)
		vmm_mmu_satp(rig.mmu, h, mmu_satp(8, 1, ROOT));
	mmu_new_all(&rig);
}

static struct vmm_mmu_result load(unsigned hart, uint64_t va)
{
	return vmm_mmu_access(rig.mmu, hart, va, VMM_MMU_READ);
}

/*
 * One load: the number of its reports. The outcome is that of the table or the
 * one that was reported, and nothing else.
 */
static uint64_t reports(unsigned hart, uint64_t va)
{
	uint64_t count;

	mmu_new_all(&rig);
	rig.last.kind = VMM_MMU_KINDS;
	load(hart, va);
	count = mmu_new_all(&rig);
	CHECK(count <= 1);
	return count;
}

static bool is(enum vmm_mmu_kind kind, enum vmm_mmu_why why)
{
	return rig.last.kind == kind && rig.last.why == why;
}

static const uint64_t one = 1;
static const uint64_t two = 2;
static const uint64_t va0 = VA;
static const uint64_t va1 = VA + 0x1000;

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
