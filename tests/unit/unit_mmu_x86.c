/* SPDX-License-Identifier: MIT */
/*
 * x86-64: what is cached, and what takes it. Sections are those of the Intel
 * SDM, volume 3A. The tables: root 0x80001000, 0x80002000, 0x80003000,
 * 0x80004000, which map 16 pages at VA; and the same again 0x10000 higher.
 */
#include "support/mmu_rig.h"

#define ROOT  UINT64_C(0x80001000)
#define LOW   UINT64_C(0x80004000)
#define SPACE UINT64_C(0x10000) /* from one space's tables to the other's */
#define FRAME UINT64_C(0x80100000)
#define VA    UINT64_C(0x40000000)
#define PAGE  UINT64_C(4096)
#define KEEP  (UINT64_C(1) << 63)
#define P     1u
#define W     2u
#define A     32u
#define D     64u
#define G     256u
#define ALL   (VMM_MMU_PCID | VMM_MMU_PGE | VMM_MMU_NXE | VMM_MMU_WP)

static struct mmu_rig rig;

static void write(uint64_t table, unsigned index, uint64_t entry)
{
	*mmu_word(table + 8 * index) = entry;
}

static void build(unsigned features)
{
	mmu_open(&rig, VMM_MMU_X86_64, features, 2);
	for (unsigned s = 0; s < 2; s++) {
		const uint64_t at = s * SPACE;

		write(at + ROOT, 0, (at + 0x80002000) | P | W | A);
		write(at + 0x80002000, 1, (at + 0x80003000) | P | W | A);
		write(at + 0x80003000, 0, (at + LOW) | P | W | A);
		for (unsigned i = 0; i < 16; i++)
			write(at + LOW, i,
				(FRAME + PAGE * (i + 64 * s)) | P | W | A | D);
	}
	for (unsigned h = 0; h < 2; h++)
		vmm_mmu_cr3(rig.mmu, h, ROOT | 1);
	mmu_new_all(&rig);
}

static uint64_t reports(unsigned hart, uint64_t va)
{
	mmu_new_all(&rig);
	rig.last.kind = VMM_MMU_KINDS;
	vmm_mmu_access(rig.mmu, hart, va, VMM_MMU_READ);
	return mmu_new_all(&rig);
}

/* A page fault takes the address, so each look needs a new one. */
static uint64_t other_page(void)
{
	static uint64_t next;

	return VA + PAGE * (next++ % 16);
}

/* 4.10.2.3: nothing is cached that is not present, or whose A is clear. */
TEST(unit_mmu_x86_caches_what_is_accessed)
{
	build(ALL);
	write(LOW, 40, FRAME | P | W | A | D);
	CHECK_EQ(reports(0, VA + 40 * PAGE), 0);
	/* A table that appears. */
	write(0x80003000, 5, (LOW + SPACE) | P | W | A);
	CHECK_EQ(reports(0, VA + 5 * 0x200000), 0);
	/* An entry whose A was never set. */
	write(LOW, 41, FRAME | P | W);
	vmm_mmu_sync(rig.mmu);
	write(LOW, 41, 0);
	CHECK_EQ(reports(0, VA + 41 * PAGE), 0);
	/* The same of a table: nobody has walked it. */
	write(0x80003000, 6, (LOW + SPACE) | P | W);
	vmm_mmu_sync(rig.mmu);
	write(0x80003000, 5, 0);
	write(0x80003000, 6, 0);
	vmm_mmu_invlpg(rig.mmu, 1, VA);
	vmm_mmu_sync(rig.mmu);
	write(0x80003000, 6, (LOW + 2 * SPACE) | P | W);
	vmm_mmu_sync(rig.mmu);
	write(0x80003000, 6, 0);
	CHECK_EQ(vmm_mmu_freed(rig.mmu, LOW + 2 * SPACE, PAGE), 0);
	CHECK_EQ(vmm_mmu_freed(rig.mmu, LOW + SPACE, PAGE), 1);
	/* Access sets it, on the whole way. */
	write(LOW, 42, FRAME | P | W);
	write(ROOT, 0, 0x80002000 | P | W);
	CHECK_EQ(reports(0, VA + 42 * PAGE), 0);
	CHECK_EQ(*mmu_word(LOW + 8 * 42), FRAME | P | W | A);
	CHECK_EQ(*mmu_word(ROOT), 0x80002000 | P | W | A);
	vmm_mmu_access(rig.mmu, 0, VA + 42 * PAGE, VMM_MMU_WRITE);
	CHECK_EQ(*mmu_word(LOW + 8 * 42), FRAME | P | W | A | D);
	write(LOW, 42, 0);
	CHECK_EQ(reports(0, VA + 42 * PAGE), 1);
	CHECK_EQ(rig.last.kind, VMM_MMU_STALE);
	mmu_close(&rig);
}

/* 4.10.4.1: INVLPG takes the page, and all entries of tables of the PCID. */
TEST(unit_mmu_x86_invlpg)
{
	build(ALL);
	write(LOW, 0, 0);
	write(LOW, 1, 0);
	vmm_mmu_invlpg(rig.mmu, 0, VA + PAGE);
	CHECK_EQ(vmm_mmu_audit(rig.mmu, 0), 1);
	CHECK_EQ(rig.last.va, VA);
	CHECK_EQ(rig.last.why, VMM_MMU_WHY_OTHER_ADDRESS);
	vmm_mmu_invlpg(rig.mmu, 0, VA);
	CHECK_EQ(vmm_mmu_audit(rig.mmu, 0), 0);
	/* The other processor has its own. */
	CHECK_EQ(vmm_mmu_audit(rig.mmu, 1), 2);
	vmm_mmu_invlpg(rig.mmu, 1, VA);
	vmm_mmu_invlpg(rig.mmu, 1, VA + PAGE);
	/* A table goes: its leaves stay cached, its entry does not. */
	write(0x80003000, 0, 0);
	vmm_mmu_invlpg(rig.mmu, 0, VA + 2 * PAGE);
	CHECK_EQ(reports(0, VA + 2 * PAGE), 0);
	CHECK_EQ(reports(0, VA + 3 * PAGE), 1);
	mmu_new_all(&rig);
	vmm_mmu_freed(rig.mmu, LOW, PAGE);
	CHECK_EQ(mmu_new(&rig, VMM_MMU_FREED_TABLE), 1);
	CHECK_EQ(rig.last.hart, 1);
	mmu_close(&rig);
}

/* Global pages: INVLPG takes them, a write of CR3 does not, CR4.PGE does. */
TEST(unit_mmu_x86_global_pages)
{
	build(ALL);
	write(LOW, 0, FRAME | P | W | A | D | G);
	vmm_mmu_pge(rig.mmu, 0, false);
	vmm_mmu_pge(rig.mmu, 0, true);
	write(LOW, 0, 0);
	vmm_mmu_cr3(rig.mmu, 0, ROOT | 1);
	CHECK_EQ(vmm_mmu_audit(rig.mmu, 0), 1);
	CHECK_EQ(rig.last.why, VMM_MMU_WHY_NOT_GLOBAL);
	vmm_mmu_invpcid(rig.mmu, 0, 1, 1, 0);
	vmm_mmu_invpcid(rig.mmu, 0, 3, 0, 0);
	vmm_mmu_invpcid(rig.mmu, 0, 0, 1, VA);
	CHECK_EQ(vmm_mmu_audit(rig.mmu, 0), 1);
	/* Seen from the other space as well: there VA is another page. */
	vmm_mmu_cr3(rig.mmu, 0, (ROOT + SPACE) | 2);
	CHECK_EQ(reports(0, VA), 1);
	CHECK_EQ(rig.last.why, VMM_MMU_WHY_GLOBAL);
	CHECK_EQ(reports(0, VA + PAGE), 0);
	vmm_mmu_invlpg(rig.mmu, 0, VA);
	CHECK_EQ(reports(0, VA), 0);
	mmu_close(&rig);

	build(ALL);
	write(LOW, 0, FRAME | P | W | A | D | G);
	vmm_mmu_invpcid(rig.mmu, 0, 2, 0, 0);
	write(LOW, 0, 0);
	vmm_mmu_invpcid(rig.mmu, 0, 2, 0, 0);
	CHECK_EQ(vmm_mmu_audit(rig.mmu, 0), 0);
	mmu_close(&rig);

	/* Without CR4.PGE the bit means nothing. */
	build(ALL & ~VMM_MMU_PGE);
	write(LOW, 0, FRAME | P | W | A | D | G);
	vmm_mmu_cr3(rig.mmu, 0, ROOT | 1);
	write(LOW, 0, 0);
	vmm_mmu_cr3(rig.mmu, 0, ROOT | 1);
	CHECK_EQ(vmm_mmu_audit(rig.mmu, 0), 0);
	mmu_close(&rig);
}

/* MOV to CR3: the PCID that is loaded, or nothing with bit 63. */
TEST(unit_mmu_x86_pcids)
{
	build(ALL);
	vmm_mmu_cr3(rig.mmu, 0, (ROOT + SPACE) | 2);
	write(LOW, 0, 0);
	write(LOW, 1, 0);
	vmm_mmu_cr3(rig.mmu, 0, ROOT | 1 | KEEP);
	CHECK_EQ(vmm_mmu_audit(rig.mmu, 0), 2);
	vmm_mmu_cr3(rig.mmu, 0, (ROOT + SPACE) | 2);
	vmm_mmu_invpcid(rig.mmu, 0, 0, 1, VA);
	vmm_mmu_cr3(rig.mmu, 0, ROOT | 1 | KEEP);
	CHECK_EQ(vmm_mmu_audit(rig.mmu, 0), 1);
	CHECK_EQ(rig.last.va, VA + PAGE);
	vmm_mmu_cr3(rig.mmu, 0, ROOT | 1);
	CHECK_EQ(vmm_mmu_audit(rig.mmu, 0), 0);
	/* A PCID with another root. */
	vmm_mmu_cr3(rig.mmu, 0, (ROOT + SPACE) | 1 | KEEP);
	CHECK_EQ(reports(0, VA + 2 * PAGE), 1);
	CHECK_EQ(rig.last.why, VMM_MMU_WHY_ASID_REUSED);
	mmu_close(&rig);

	/* Without PCIDs each write takes all; the low bits are no ID. */
	build(ALL & ~VMM_MMU_PCID);
	vmm_mmu_cr3(rig.mmu, 0, ROOT + SPACE);
	CHECK_EQ(reports(0, VA), 0);
	write(LOW, 0, 0);
	vmm_mmu_cr3(rig.mmu, 0, ROOT);
	CHECK_EQ(reports(0, VA), 0);
	mmu_close(&rig);
}

/* 4.10.4.1: a page fault takes what was cached for the address. */
TEST(unit_mmu_x86_page_fault_takes_the_address)
{
	uint64_t faults = 0;

	build(ALL);
	/* More permission: at worst one fault, then the new entry. */
	for (unsigned i = 0; i < 16; i++)
		write(LOW, i, (FRAME + PAGE * i) | P | A | D);
	vmm_mmu_cr3(rig.mmu, 0, ROOT | 1);
	for (unsigned i = 0; i < 16; i++)
		write(LOW, i, (FRAME + PAGE * i) | P | W | A | D);
	for (unsigned i = 0; i < 16; i++) {
		const uint64_t va = other_page();

		while (vmm_mmu_access(rig.mmu, 0, va, VMM_MMU_WRITE).status !=
			VMM_MMU_OK)
			faults++;
		CHECK(rig.last.kind == VMM_MMU_SPURIOUS);
	}
	/* Half of them by the seed; never two for one page. */
	CHECK(faults > 2 && faults < 16);
	CHECK_EQ(vmm_mmu_audit(rig.mmu, 0), 16 - faults);
	mmu_close(&rig);
}

/* What the entries on the way take away is cached as well: 4.10.2.2. */
TEST(unit_mmu_x86_path_permissions)
{
	build(ALL);
	write(0x80002000, 1, 0x80003000 | P | A);
	mmu_new_all(&rig);
	vmm_mmu_access(rig.mmu, 0, VA, VMM_MMU_WRITE);
	CHECK_EQ(mmu_new(&rig, VMM_MMU_STALE), 1);
	CHECK_EQ(rig.last.change.pa, 0x80002008);
	CHECK_EQ(reports(0, VA), 0);
	vmm_mmu_cr3(rig.mmu, 0, ROOT | 1);
	vmm_mmu_access(rig.mmu, 0, VA, VMM_MMU_WRITE);
	CHECK_EQ(mmu_new_all(&rig), 0);
	mmu_close(&rig);
}

/* A is set by speculation, when the machine is told to. */
TEST(unit_mmu_x86_speculates)
{
	unsigned set = 0;

	build(ALL | VMM_MMU_SPECULATE);
	for (unsigned i = 16; i < 512; i++)
		write(LOW, i, (FRAME + PAGE * i) | P);
	vmm_mmu_sync(rig.mmu);
	for (unsigned i = 16; i < 512; i++)
		set += (*mmu_word(LOW + 8 * i) & A) != 0;
	CHECK(set > 5 && set < 400);
	mmu_close(&rig);
}
