/* SPDX-License-Identifier: MIT */
/*
 * A world for the adversarial machine: several harts run several spaces of the
 * library's page tables, which share a kernel half, and everything is changed
 * at random. After each change the fences that the gather asks for are
 * executed, or, with a defect, not all of them.
 *
 * Pages that go back are filled with entries that would be valid, so that a walk
 * through a table too long gone would find something. Guest stages have spaces
 * without a shared half.
 */
#ifndef MMU_WORLD_H
#define MMU_WORLD_H

#include "support/mmu_rig.h"

/* Ways to be wrong, to see that the machine minds. */
enum mmu_defect {
	NO_DEFECT,
	NO_FENCE,	 /* none at all */
	NO_REMOTE_FENCE, /* the last hart is left out */
	NO_NON_LEAF,	 /* changed tables are not told */
	NO_GLOBAL,	 /* changed global entries are not told */
	ONE_PAGE,	 /* the first page of a range only */
	FREE_FIRST,	 /* pages go back before the fences */
};

/* What was done since the caller cleared it. */
struct mmu_done {
	uint64_t steps;
	uint64_t accesses; /* that went through */
	uint64_t faults;
	uint64_t frames; /* that went back */
	uint64_t tables;
};
extern struct mmu_done mmu_done;

/*
 * Begin, make one step, and end. Without a defect each checks what must hold:
 * no report, no ambiguous access, every outcome that of vmm_pt_translate().
 * Otherwise mmu_world_reports() tells how many reports there were. In a world
 * whose seed is odd the kernel's space is alone, and shares nothing.
 */
void mmu_world_start(
	const struct mmu_kind *kind, enum mmu_defect defect, uint64_t seed);
void mmu_world_step(void);
uint64_t mmu_world_reports(void);
void mmu_world_end(void);

#endif /* MMU_WORLD_H */
