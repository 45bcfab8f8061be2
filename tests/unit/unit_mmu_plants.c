/* SPDX-License-Identifier: MIT */
/*
 * The mistakes that kernels make, planted one by one in a small kernel that uses
 * the library: the model finds each and names it. Every test does the thing right
 * first, which is not reported, and then wrong.
 */
#include "support/mmu_rig.h"

#include <vmm/riscv.h>
#include <vmm/pt_upkeep.h>

#define PAGE UINT64_C(4096)
#define BASE UINT64_C(0x40000000)
#define RW   (VMM_PT_READ | VMM_PT_WRITE)

static struct mmu_rig rig;
static struct vmm_pt kernel; /* root 0x80000000, ASID 1 */
static struct vmm_pt other;  /* root 0x80001000 */
static vmm_pa_t page_next;   /* pages are handed out from here on */
static bool page_hook;	     /* tell the model of pages that go back */
static vmm_pa_t freed_last;

static int page_alloc(void *ctx, vmm_pa_t *pa_out)
{
	(void)ctx;
	*pa_out = page_next;
	page_next += PAGE;
	return 0;
}

static void page_free(void *ctx, vmm_pa_t pa)
{
	(void)ctx;
	freed_last = pa;
	if (page_hook)
		vmm_mmu_freed(rig.mmu, pa, PAGE);
}

static const struct vmm_pages source = {page_alloc, page_free, NULL};

static void pt_open(struct vmm_pt *pt, vmm_pa_t root)
{
	vmm_pt_init(pt, &vmm_pt_sv39, &source,
		(uint64_t)(uintptr_t)mmu_word(MMU_RAM) - MMU_RAM, root);
}

/* Two harts on one table, with 16 pages at BASE: 0x80100000 and on. */
static void boot(unsigned features)
{
	mmu_open(&rig, VMM_MMU_RISCV, features, 2);
	page_next = 0x80002000;
	page_hook = false;
	pt_open(&kernel, 0x80000000);
	pt_open(&other, 0x80001000);
	CHECK_EQ(vmm_pt_map(&kernel, BASE, 0x80100000, 16 * PAGE, RW, NULL),
		VMM_OK);
	for (unsigned h = 0; h < 2; h++)
		vmm_mmu_satp(rig.mmu, h, vmm_riscv_satp(&kernel, 1));
	mmu_new_all(&rig);
}

static void flush_both(const struct vmm_tlb_gather *gather)
{
	mmu_flush(rig.mmu, 0, gather, 1);
	mmu_flush(rig.mmu, 1, gather, 1);
}

/* The accesses are clean; so is everything that could be accessed. */
static void all_is_well(void)
{
	for (unsigned h = 0; h < 2; h++)
		CHECK_EQ(vmm_mmu_audit(rig.mmu, h), 0);
	CHECK_EQ(mmu_new_all(&rig), 0);
}

/* The whole report, to the letter. */
static void reports(const char *text)
{
	size_t i = 0;

	CHECK_EQ(mmu_new_all(&rig), 1);
	while (text[i] != '\0' && text[i] == rig.text[i])
		i++;
	if (text[i] != rig.text[i])
		test_puts(rig.text);
	CHECK(text[i] == rig.text[i]);
}

static void load(unsigned hart, vmm_va_t va)
{
	vmm_mmu_access(rig.mmu, hart, va, VMM_MMU_READ);
}

TEST(unit_mmu_plant_no_fence_after_map)
{
	struct vmm_tlb_gather gather;

	boot(0);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_map(&kernel, BASE + 16 * PAGE, 0x80200000, PAGE, RW,
			 &gather),
		VMM_OK);
	flush_both(&gather);
	all_is_well();
	vmm_mmu_mark(rig.mmu, "map a page");
	CHECK_EQ(vmm_pt_map(&kernel, BASE + 17 * PAGE, 0x80201000, PAGE, RW,
			 &gather),
		VMM_OK);
	load(0, BASE + 17 * PAGE);
	reports("hart 0: read 0x40011000: it may fault though the table allows "
		"it\n"
		"  the table says  physical 0x80201000\n"
		"  it may also be  page fault, not valid\n"
		"  by the entry    0x0 at 0x80003088, level 0\n"
		"  the change      0x0 -> 0x200804c7 at 0x80003088, level 0 "
		"(map a page)\n"
		"  why             no fence since the change\n");
	mmu_close(&rig);
}

TEST(unit_mmu_plant_no_fence_after_unmap)
{
	struct vmm_tlb_gather gather;

	boot(0);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_unmap(&kernel, BASE, PAGE, &gather), VMM_OK);
	flush_both(&gather);
	all_is_well();
	vmm_mmu_mark(rig.mmu, "unmap a page");
	CHECK_EQ(vmm_pt_unmap(&kernel, BASE + PAGE, PAGE, &gather), VMM_OK);
	load(1, BASE + PAGE + 8);
	reports("hart 1: read 0x40001008: an old translation may be used\n"
		"  the table says  page fault, not valid\n"
		"  it may also be  physical 0x80101008\n"
		"  by the entry    0x200404c7 at 0x80003008, level 0\n"
		"  the change      0x200404c7 -> 0x0 at 0x80003008, level 0 "
		"(unmap a page)\n"
		"  why             no fence since the change\n");
	mmu_close(&rig);
}

TEST(unit_mmu_plant_no_fence_after_protect)
{
	struct vmm_tlb_gather gather;

	boot(0);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_protect(&kernel, BASE, PAGE, VMM_PT_READ, &gather),
		VMM_OK);
	flush_both(&gather);
	all_is_well();
	CHECK_EQ(vmm_pt_protect(
			 &kernel, BASE + PAGE, PAGE, VMM_PT_READ, &gather),
		VMM_OK);
	load(0, BASE + PAGE);
	CHECK_EQ(mmu_new_all(&rig), 0);
	vmm_mmu_access(rig.mmu, 0, BASE + PAGE, VMM_MMU_WRITE);
	reports("hart 0: write 0x40001000: an old translation may be used\n"
		"  the table says  page fault, not permitted\n"
		"  it may also be  physical 0x80101000\n"
		"  by the entry    0x200404c7 at 0x80003008, level 0\n"
		"  the change      0x200404c7 -> 0x200404c3 at 0x80003008, "
		"level 0\n"
		"  why             no fence since the change\n");
	mmu_close(&rig);
}

/*
 * A table is unlinked and given back, and nobody fences. Its next owner stores
 * there what a walker takes for an entry.
 */
TEST(unit_mmu_plant_no_fence_after_table_freed)
{
	struct vmm_tlb_gather gather;
	vmm_pa_t table;

	boot(0);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_unmap(&kernel, BASE, 16 * PAGE, &gather), VMM_OK);
	flush_both(&gather);
	vmm_pt_reap(&kernel, &gather);
	all_is_well();
	CHECK_EQ(vmm_pt_prune(&kernel, BASE, 512 * PAGE, &gather), VMM_OK);
	CHECK_EQ(gather.dead_count, 2);
	vmm_pt_reap(&kernel, &gather);
	table = 0x80003000;
	*mmu_word(table + 8 * 5) = mmu_pte(0x80300000, 0xcf);
	load(0, BASE + 5 * PAGE);
	reports("hart 0: read 0x40005000: an old translation may be used\n"
		"  the table says  page fault, not valid\n"
		"  it may also be  physical 0x80300000\n"
		"  by the entry    0x200c00cf at 0x80003028, level 0\n"
		"  the change      0x20000801 -> 0x0 at 0x80000008, level 2\n"
		"  why             no fence since the change\n");
	mmu_close(&rig);
}

/* The fence is for an address, but it was the way to it that changed. */
TEST(unit_mmu_plant_leaf_fence_for_a_path)
{
	const vmm_va_t va = BASE + 512 * PAGE;
	struct vmm_tlb_gather gather;

	boot(0);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(
		vmm_pt_map(&kernel, va, 0x80200000, PAGE, RW, &gather), VMM_OK);
	for (unsigned h = 0; h < 2; h++)
		vmm_mmu_sfence_vma(rig.mmu, h, &va, NULL);
	load(0, va);
	reports("hart 0: read 0x40200000: it may fault though the table allows "
		"it\n"
		"  the table says  physical 0x80200000\n"
		"  it may also be  page fault, not valid\n"
		"  by the entry    0x0 at 0x80002008, level 1\n"
		"  the change      0x0 -> 0x20001001 at 0x80002008, level 1\n"
		"  why             the fence for address 0x40200000 orders "
		"leaf entries only, and this is none\n");
	flush_both(&gather);
	all_is_well();
	mmu_close(&rig);
}

/* One space marks its own page global, and another is run after it. */
TEST(unit_mmu_plant_global_private_page)
{
	boot(0);
	CHECK_EQ(vmm_pt_map(&other, BASE, 0x80200000, PAGE, RW, NULL), VMM_OK);
	vmm_mmu_satp(rig.mmu, 0, vmm_riscv_satp(&other, 2));
	load(0, BASE);
	all_is_well();
	CHECK_EQ(vmm_pt_protect(&other, BASE, PAGE, RW | VMM_PT_GLOBAL, NULL),
		VMM_OK);
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, NULL);
	load(0, BASE);
	CHECK_EQ(mmu_new_all(&rig), 0);
	vmm_mmu_satp(rig.mmu, 0, vmm_riscv_satp(&kernel, 1));
	load(0, BASE);
	reports("hart 0: read 0x40000000: an old translation may be used\n"
		"  the table says  physical 0x80100000\n"
		"  it may also be  physical 0x80200000\n"
		"  by the entry    0x200800e7 at 0x80005000, level 0, global\n"
		"  why             root 0x80001000 (ASID 2) marks it global, "
		"and this space has another\n");
	mmu_close(&rig);
}

TEST(unit_mmu_plant_asid_reused)
{
	const uint64_t asid = 1;

	boot(0);
	CHECK_EQ(vmm_pt_map(&other, BASE, 0x80200000, PAGE, RW, NULL), VMM_OK);
	vmm_mmu_satp(rig.mmu, 0, vmm_riscv_satp(&other, 1));
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, &asid);
	load(0, BASE);
	all_is_well();
	vmm_mmu_satp(rig.mmu, 1, vmm_riscv_satp(&other, 1));
	load(1, BASE);
	reports("hart 1: read 0x40000000: an old translation may be used\n"
		"  the table says  physical 0x80200000\n"
		"  it may also be  physical 0x80100000\n"
		"  by the entry    0x200400c7 at 0x80003000, level 0\n"
		"  why             ASID 1 was that of root 0x80000000, and was "
		"not fenced when it changed hands\n");
	mmu_close(&rig);
}

/* An entry without A or D, as a kernel would write it that expects Svadu. */
TEST(unit_mmu_plant_accessed_and_dirty_clear)
{
	boot(VMM_MMU_SVADU);
	*mmu_word(0x80003000) = mmu_pte(0x80100000, E_V | E_R | E_W);
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, NULL);
	load(0, BASE);
	CHECK_EQ(mmu_new_all(&rig), 0);
	mmu_close(&rig);

	boot(0);
	*mmu_word(0x80003000) = mmu_pte(0x80100000, E_V | E_R | E_W);
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, NULL);
	load(0, BASE);
	reports("hart 0: read 0x40000000: A and D are left to software\n"
		"  A is clear: entry 0x20040007 at 0x80003000, level 0\n");
	*mmu_word(0x80003000) = mmu_pte(0x80100000, E_V | E_R | E_W | E_A);
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, NULL);
	load(0, BASE);
	CHECK_EQ(mmu_new_all(&rig), 0);
	vmm_mmu_access(rig.mmu, 0, BASE, VMM_MMU_WRITE);
	reports("hart 0: write 0x40000000: A and D are left to software\n"
		"  D is clear: entry 0x20040047 at 0x80003000, level 0\n");
	mmu_close(&rig);
}

/* vmm_pt_reap() before the flush: the page source is told, and asks. */
TEST(unit_mmu_plant_table_freed_before_flush)
{
	struct vmm_tlb_gather gather;

	boot(0);
	page_hook = true;
	CHECK_EQ(vmm_pt_map(&kernel, BASE + 512 * PAGE, 0x80200000 + PAGE,
			 512 * PAGE, RW, NULL),
		VMM_OK);
	for (unsigned h = 0; h < 2; h++)
		vmm_mmu_sfence_vma(rig.mmu, h, NULL, NULL);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_unmap(&kernel, BASE + 512 * PAGE, 512 * PAGE, &gather),
		VMM_OK);
	mmu_flush(rig.mmu, 0, &gather, 1);
	vmm_pt_reap(&kernel, &gather);
	CHECK_EQ(freed_last, 0x80004000);
	reports("hart 1: page 0x80004000 was freed, but may still be walked as "
		"a table for 0x40200000\n"
		"  by the entry    0x20001001 at 0x80002008, level 1\n"
		"  the change      0x20001001 -> 0x0 at 0x80002008, level 1\n"
		"  why             hart 0 fenced, hart 1 did not\n");
	mmu_close(&rig);
}

/* "Flush address 0" was meant as "flush everything". */
TEST(unit_mmu_plant_address_zero_for_all)
{
	const uint64_t zero = 0;
	struct vmm_tlb_gather gather;

	boot(0);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_unmap(&kernel, BASE, PAGE, &gather), VMM_OK);
	vmm_mmu_sfence_vma(rig.mmu, 0, &zero, NULL);
	load(0, BASE);
	reports("hart 0: read 0x40000000: an old translation may be used\n"
		"  the table says  page fault, not valid\n"
		"  it may also be  physical 0x80100000\n"
		"  by the entry    0x200400c7 at 0x80003000, level 0\n"
		"  the change      0x200400c7 -> 0x0 at 0x80003000, level 0\n"
		"  why             the fence was for address 0x0 only\n");
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, NULL);
	load(0, BASE);
	CHECK_EQ(mmu_new_all(&rig), 0);
	mmu_close(&rig);
}

/* The hart that changed the table fences, the other one is not told. */
TEST(unit_mmu_plant_no_remote_fence)
{
	struct vmm_tlb_gather gather;

	boot(0);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_unmap(&kernel, BASE, PAGE, &gather), VMM_OK);
	mmu_flush(rig.mmu, 0, &gather, 1);
	load(0, BASE);
	CHECK_EQ(mmu_new_all(&rig), 0);
	load(1, BASE);
	reports("hart 1: read 0x40000000: an old translation may be used\n"
		"  the table says  page fault, not valid\n"
		"  it may also be  physical 0x80100000\n"
		"  by the entry    0x200400c7 at 0x80003000, level 0\n"
		"  the change      0x200400c7 -> 0x0 at 0x80003000, level 0\n"
		"  why             hart 0 fenced, hart 1 did not\n");
	mmu_close(&rig);
}

/* Entries that no machine takes, whatever is fenced. */
TEST(unit_mmu_plant_wrong_entries)
{
	boot(VMM_MMU_SVPBMT);
	*mmu_word(0x80003000) =
		mmu_pte(0x80100000, E_V | E_R | E_W | E_AD) | 3ull << 61;
	*mmu_word(0x80003008) = mmu_pte(0x80100000, E_V | E_W | E_AD);
	*mmu_word(0x80002008) = mmu_pte(0x80101000, E_V | E_R | E_W | E_AD);
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, NULL);
	load(0, BASE);
	reports("hart 0: read 0x40000000: the entry is wrong\n"
		"  reserved PBMT: entry 0x60000000200400c7 at 0x80003000, "
		"level 0\n");
	load(0, BASE + PAGE);
	reports("hart 0: read 0x40001000: the entry is wrong\n"
		"  W without R is reserved: entry 0x200400c5 at 0x80003008, "
		"level 0\n");
	load(0, BASE + 512 * PAGE);
	reports("hart 0: read 0x40200000: the entry is wrong\n"
		"  misaligned superpage: entry 0x200404c7 at 0x80002008, "
		"level 1\n");
	mmu_close(&rig);
}
