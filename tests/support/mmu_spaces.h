/* SPDX-License-Identifier: MIT */
/*
 * Two spaces on a machine of the MMU model, their tables written by hand:
 *
 *   0x80001000 root   0x80002000 level 1   0x80003000 level 0
 *   0x80011000 another root, 0x80012000, 0x80013000 below it
 *
 * and pages are mapped at 0x40000000 (root index 1, level 1 index 0).
 */
#ifndef MMU_SPACES_H
#define MMU_SPACES_H

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

static inline void write(uint64_t table, unsigned index, uint64_t entry)
{
	*mmu_word(table + 8 * index) = entry;
}

/* Two spaces, with 32 pages each at VA: from FRAME on, and 256 KiB higher. */
static inline void build(unsigned harts, unsigned features)
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

static inline struct vmm_mmu_result load(unsigned hart, uint64_t va)
{
	return vmm_mmu_access(rig.mmu, hart, va, VMM_MMU_READ);
}

/*
 * One load: the number of its reports. The outcome is that of the table or the
 * one that was reported, and nothing else.
 */
static inline uint64_t reports(unsigned hart, uint64_t va)
{
	uint64_t count;

	mmu_new_all(&rig);
	rig.last.kind = VMM_MMU_KINDS;
	load(hart, va);
	count = mmu_new_all(&rig);
	CHECK(count <= 1);
	return count;
}

static inline bool is(enum vmm_mmu_kind kind, enum vmm_mmu_why why)
{
	return rig.last.kind == kind && rig.last.why == why;
}

static const uint64_t one = 1;
static const uint64_t two = 2;
static const uint64_t va0 = VA;
static const uint64_t va1 = VA + 0x1000;

#endif /* MMU_SPACES_H */
