/* SPDX-License-Identifier: MIT */
/*
 * Two stages. Sections are those of RISC-V Privileged 1.13. The tables:
 *
 *   second stage (Sv39x4): root 0x80008000 (16 KiB), 0x8000c000, 0x8000d000,
 *   which maps guest-physical 0 to 0x1fffff, page by page, to 0x80100000 and on
 *
 *   first stage (Sv39), in guest-physical memory: root 0x1000, 0x2000, 0x3000,
 *   which maps 16 pages at VA to guest-physical 0x10000 and on
 */
#include "support/mmu_rig.h"

#define GROOT	  0x80008000
#define GMID	  0x8000c000
#define GLOW	  0x8000d000
#define GBASE	  UINT64_C(0x80100000) /* where the guest's memory is */
#define VA	  UINT64_C(0x40000000)
#define PAGE	  UINT64_C(4096)
#define RWU	  (E_V | E_R | E_W | E_U | E_AD)
#define RW	  (E_V | E_R | E_W | E_AD)
#define VMID	  7
#define HGATP(v)  mmu_satp(8, v, GROOT)
#define VSATP(id) mmu_satp(8, id, 0x1000)

static struct mmu_rig rig;
static const uint64_t three = 3;
static const uint64_t seven = VMID;
static const uint64_t va0 = VA;

static void write(uint64_t table, unsigned index, uint64_t entry)
{
	*mmu_word(table + 8 * index) = entry;
}

/* A word of guest-physical memory. */
static void guest_write(uint64_t gpa, uint64_t entry)
{
	*mmu_word(GBASE + gpa) = entry;
}

static void build(unsigned features)
{
	mmu_open(&rig, VMM_MMU_RISCV, features, 2);
	write(GROOT, 0, mmu_pte(GMID, E_V));
	write(GMID, 0, mmu_pte(GLOW, E_V));
	for (unsigned i = 0; i < 512; i++)
		write(GLOW, i, mmu_pte(GBASE + PAGE * i, RWU));
	guest_write(0x1008, mmu_pte(0x2000, E_V));
	guest_write(0x2000, mmu_pte(0x3000, E_V));
	for (unsigned i = 0; i < 16; i++)
		guest_write(0x3000 + 8 * i, mmu_pte(0x10000 + PAGE * i, RW));
	for (unsigned h = 0; h < 2; h++) {
		vmm_mmu_hgatp(rig.mmu, h, HGATP(VMID));
		vmm_mmu_vsatp(rig.mmu, h, VSATP(3));
		vmm_mmu_virt(rig.mmu, h, true);
	}
	mmu_new_all(&rig);
}

static struct vmm_mmu_result load(unsigned hart, uint64_t va)
{
	return vmm_mmu_access(rig.mmu, hart, va, VMM_MMU_READ);
}

static uint64_t reports(unsigned hart, uint64_t va)
{
	mmu_new_all(&rig);
	rig.last.kind = VMM_MMU_KINDS;
	load(hart, va);
	return mmu_new_all(&rig);
}

/* 15.5: both stages are passed; whose fault it is, and permissions of each. */
TEST(unit_mmu_guest_two_stages)
{
	struct vmm_mmu_result result;

	build(0);
	CHECK_EQ(load(0, VA + 0x5123).pa, GBASE + 0x15123);
	CHECK_EQ(load(0, VA + 17 * PAGE).status, VMM_MMU_PAGE_FAULT);
	/* The page, as the second stage has it. */
	write(GLOW, 0x10, mmu_pte(GBASE, E_V | E_R | E_U | E_AD));
	write(GLOW, 0x11, 0);
	vmm_mmu_hfence_gvma(rig.mmu, 0, NULL, NULL);
	CHECK_EQ(load(0, VA).status, VMM_MMU_OK);
	result = vmm_mmu_access(rig.mmu, 0, VA, VMM_MMU_WRITE);
	CHECK_EQ(result.status, VMM_MMU_GUEST_PAGE_FAULT);
	CHECK_EQ(result.reason, VMM_MMU_DENIED);
	CHECK_EQ(load(0, VA + PAGE).status, VMM_MMU_GUEST_PAGE_FAULT);
	/* A table that the second stage does not let be read. */
	write(GLOW, 3, mmu_pte(GBASE + 0x3000, E_V | E_X | E_U | E_AD));
	vmm_mmu_hfence_gvma(rig.mmu, 0, NULL, NULL);
	vmm_mmu_hfence_vvma(rig.mmu, 0, NULL, NULL);
	result = vmm_mmu_access(
		rig.mmu, 0, VA, VMM_MMU_READ | VMM_MMU_MXR | VMM_MMU_HS_MXR);
	CHECK_EQ(result.status, VMM_MMU_GUEST_PAGE_FAULT);
	mmu_close(&rig);
}

/* 15.5: MXR of the guest counts in its own stage, the hypervisor's in both. */
TEST(unit_mmu_guest_mxr)
{
	build(0);
	guest_write(0x3000, mmu_pte(0x10000, E_V | E_X | E_AD));
	write(GLOW, 0x11, mmu_pte(GBASE + 0x11000, E_V | E_X | E_U | E_AD));
	vmm_mmu_hfence_gvma(rig.mmu, 0, NULL, NULL);
	vmm_mmu_hfence_vvma(rig.mmu, 0, NULL, NULL);
	CHECK_EQ(load(0, VA).status, VMM_MMU_PAGE_FAULT);
	CHECK_EQ(vmm_mmu_access(rig.mmu, 0, VA, VMM_MMU_READ | VMM_MMU_MXR)
			 .status,
		VMM_MMU_OK);
	CHECK_EQ(vmm_mmu_access(
			 rig.mmu, 0, VA + PAGE, VMM_MMU_READ | VMM_MMU_MXR)
			 .status,
		VMM_MMU_GUEST_PAGE_FAULT);
	CHECK_EQ(vmm_mmu_access(
			 rig.mmu, 0, VA + PAGE, VMM_MMU_READ | VMM_MMU_HS_MXR)
			 .status,
		VMM_MMU_OK);
	mmu_close(&rig);
}

/* 15.3.2: each fence takes what its stage holds, and no more. */
TEST(unit_mmu_guest_fences)
{
	const uint64_t gpa = 0x10000;
	const uint64_t shifted = gpa >> 2;

	build(0);
	/* The guest's own table. */
	guest_write(0x3000, 0);
	CHECK_EQ(reports(0, VA), 1);
	CHECK_EQ(rig.last.vmid, VMID);
	CHECK_EQ(rig.last.asid, 3);
	vmm_mmu_hfence_gvma(rig.mmu, 0, NULL, NULL);
	CHECK_EQ(reports(0, VA), 1);
	vmm_mmu_hfence_vvma(rig.mmu, 0, &va0, &three);
	CHECK_EQ(reports(0, VA), 0);
	/* sfence.vma is the guest's while it runs, and the host's if not. */
	guest_write(0x3008, 0);
	vmm_mmu_virt(rig.mmu, 1, false);
	vmm_mmu_sfence_vma(rig.mmu, 1, NULL, NULL);
	vmm_mmu_virt(rig.mmu, 1, true);
	CHECK_EQ(reports(1, VA + PAGE), 1);
	vmm_mmu_sfence_vma(rig.mmu, 1, NULL, NULL);
	CHECK_EQ(reports(1, VA + PAGE), 0);
	mmu_close(&rig);

	/* The second stage. The address is shifted right by two. */
	build(0);
	write(GLOW, 0x10, mmu_pte(0x80300000, RWU));
	CHECK_EQ(reports(0, VA), 1);
	CHECK_EQ(rig.last.may.pa, GBASE + 0x10000);
	vmm_mmu_hfence_vvma(rig.mmu, 0, NULL, NULL);
	CHECK_EQ(reports(0, VA), 1);
	vmm_mmu_hfence_gvma(rig.mmu, 0, &gpa, &seven);
	CHECK_EQ(reports(0, VA), 1);
	CHECK_EQ(rig.last.why, VMM_MMU_WHY_OTHER_ADDRESS);
	CHECK_EQ(rig.last.fence_va, gpa << 2);
	vmm_mmu_hfence_gvma(rig.mmu, 0, &shifted, &three);
	CHECK_EQ(reports(0, VA), 1);
	CHECK_EQ(rig.last.why, VMM_MMU_WHY_OTHER_SPACE);
	vmm_mmu_hfence_gvma(rig.mmu, 0, &shifted, &seven);
	CHECK_EQ(reports(0, VA), 0);
	CHECK_EQ(reports(1, VA), 1);
	CHECK_EQ(rig.last.why, VMM_MMU_WHY_OTHER_HART);
	mmu_close(&rig);
}

/*
 * The page that holds a guest's table is moved by the hypervisor. A hart that
 * holds the old place reads the old page, whoever has that now.
 */
TEST(unit_mmu_guest_table_moves)
{
	build(0);
	for (unsigned i = 0; i < 16; i++)
		*mmu_word(0x80300000 + 8 * i) = mmu_pte(0x10000 + PAGE * i, RW);
	write(GLOW, 3, mmu_pte(0x80300000, RWU));
	/* The same content: nothing can be seen yet. */
	CHECK_EQ(reports(0, VA), 0);
	guest_write(0x3000, mmu_pte(0x1f000, RW));
	CHECK_EQ(reports(0, VA), 1);
	CHECK_EQ(rig.last.now.pa, GBASE + 0x10000);
	CHECK_EQ(rig.last.may.pa, GBASE + 0x1f000);
	CHECK_EQ(rig.last.change.pa, GLOW + 8 * 3);
	vmm_mmu_hfence_gvma(rig.mmu, 0, NULL, &seven);
	/* What the guest's stage read there may be held on. */
	CHECK_EQ(reports(0, VA), 1);
	vmm_mmu_hfence_vvma(rig.mmu, 0, NULL, NULL);
	CHECK_EQ(reports(0, VA), 0);
	mmu_close(&rig);
}

/*
 * 15.5.3, note: a switch of machines zeroes vsatp first. Else the tables of one
 * are walked, speculatively, under the VMID of the other.
 */
TEST(unit_mmu_guest_world_switch)
{
	const uint64_t root2 = 0x80010000;

	for (unsigned right = 0; right < 2; right++) {
		build(0);
		/* Another machine: its memory is 0x80200000 and on. */
		write(root2, 0, mmu_pte(0x80014000, E_V));
		write(0x80014000, 0, mmu_pte(0x80015000, E_V));
		for (unsigned i = 0; i < 512; i++)
			write(0x80015000, i,
				mmu_pte(0x80200000 + PAGE * i, RWU));
		*mmu_word(0x80205008) = mmu_pte(0x6000, E_V);
		*mmu_word(0x80206000) = mmu_pte(0x7000, E_V);
		*mmu_word(0x80207000) = mmu_pte(0x20000, RW);
		if (right)
			vmm_mmu_vsatp(rig.mmu, 0, 0);
		vmm_mmu_hgatp(rig.mmu, 0, mmu_satp(8, 8, root2));
		vmm_mmu_vsatp(rig.mmu, 0, mmu_satp(8, 3, 0x5000));
		/* The old root, 0x1000, was empty there: absent entries. */
		CHECK_EQ(reports(0, VA), right ? 0 : 1);
		if (!right)
			CHECK_EQ(rig.last.why, VMM_MMU_WHY_ASID_REUSED);
		CHECK_EQ(load(0, VA + PAGE).status, VMM_MMU_PAGE_FAULT);
		mmu_close(&rig);
	}
}

/* 12.1.11, vsatp: the host's space is not walked while the guest runs. */
TEST(unit_mmu_guest_host_is_not_active)
{
	build(0);
	write(0x80020000, 1, mmu_pte(0x80000000, RW));
	vmm_mmu_virt(rig.mmu, 0, false);
	vmm_mmu_satp(rig.mmu, 0, mmu_satp(8, 3, 0x80020000));
	CHECK_EQ(load(0, VA + 5).pa, 0x80000005);
	vmm_mmu_virt(rig.mmu, 0, true);
	write(0x80020000, 1, 0);
	vmm_mmu_sync(rig.mmu);
	write(0x80020000, 2, mmu_pte(0x80000000, RW));
	guest_write(0x3010, mmu_pte(0x10000, RW));
	vmm_mmu_sync(rig.mmu);
	write(0x80020000, 2, 0);
	/* Nor do its fences reach the guest's, or the other way round. */
	CHECK_EQ(reports(0, VA + 2 * PAGE), 1);
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, NULL);
	CHECK_EQ(reports(0, VA + 2 * PAGE), 0);
	vmm_mmu_virt(rig.mmu, 0, false);
	CHECK_EQ(reports(0, 2 * VA), 0);
	CHECK_EQ(reports(0, VA), 1);
	mmu_close(&rig);
}

/* Bare stages: vsatp and hgatp, MODE = 0. */
TEST(unit_mmu_guest_bare_stages)
{
	build(0);
	vmm_mmu_vsatp(rig.mmu, 0, 0);
	CHECK_EQ(load(0, 0x10042).pa, GBASE + 0x10042);
	write(GLOW, 0x10, 0);
	CHECK_EQ(reports(0, 0x10042), 1);
	CHECK_EQ(vmm_mmu_freed(rig.mmu, GBASE + 0x10000, PAGE), 2);
	vmm_mmu_hfence_gvma(rig.mmu, 0, NULL, &seven);
	CHECK_EQ(reports(0, 0x10042), 0);
	CHECK_EQ(vmm_mmu_freed(rig.mmu, GBASE + 0x10000, PAGE), 1);
	vmm_mmu_hgatp(rig.mmu, 0, 0);
	CHECK_EQ(load(0, 0x12345678).pa, 0x12345678);
	mmu_close(&rig);
}

/* Svadu in both stages: the walk through a table sets A of its page. */
TEST(unit_mmu_guest_accessed_and_dirty)
{
	build(VMM_MMU_SVADU);
	for (unsigned i = 0; i < 512; i++)
		write(GLOW, i,
			mmu_pte(GBASE + PAGE * i, E_V | E_R | E_W | E_U));
	guest_write(0x3000, mmu_pte(0x10000, E_V | E_R | E_W));
	vmm_mmu_hfence_gvma(rig.mmu, 0, NULL, NULL);
	vmm_mmu_hfence_vvma(rig.mmu, 0, NULL, NULL);
	vmm_mmu_access(rig.mmu, 0, VA, VMM_MMU_WRITE);
	CHECK_EQ(mmu_new_all(&rig), 0);
	CHECK_EQ(*mmu_word(GBASE + 0x3000), mmu_pte(0x10000, RW));
	/* The page is written, and so is the one with the guest's entry. */
	CHECK_EQ(*mmu_word(GLOW + 8 * 0x10) & 0xc0, 0xc0);
	CHECK_EQ(*mmu_word(GLOW + 8 * 3) & 0xc0, 0xc0);
	CHECK_EQ(*mmu_word(GLOW + 8 * 2) & 0xc0, 0x40);
	CHECK_EQ(*mmu_word(GLOW + 8 * 4) & 0xc0, 0);
	mmu_close(&rig);
}

/* Svpbmt: the type of the first stage counts, if it says one. */
TEST(unit_mmu_guest_memory_types)
{
	build(VMM_MMU_SVPBMT);
	write(GLOW, 0x10, mmu_pte(GBASE, RWU) | 1ull << 61);
	write(GLOW, 0x11, mmu_pte(GBASE, RWU) | 1ull << 61);
	guest_write(0x3008, mmu_pte(0x11000, RW) | 2ull << 61);
	vmm_mmu_hfence_gvma(rig.mmu, 0, NULL, NULL);
	vmm_mmu_hfence_vvma(rig.mmu, 0, NULL, NULL);
	CHECK_EQ(load(0, VA).type, 1);
	CHECK_EQ(load(0, VA + PAGE).type, 2);
	CHECK_EQ(load(0, VA + 2 * PAGE).type, 0);
	mmu_close(&rig);
}
