/* SPDX-License-Identifier: MIT */
/*
 * The pages of a world of mmu_world.h: who has them, and what its frames hold.
 * Included by its source alone, for which the state is.
 */
#ifndef MMU_PAGES_H
#define MMU_PAGES_H

#include "support/mmu_world.h"

#define PAGE	   UINT64_C(4096)
#define POOL_FIRST 64 /* pages below are for roots */

enum use { FREE, TABLE, FRAME };

static struct mmu_rig rig;
static const struct mmu_kind *kind;
static enum mmu_defect defect;
static enum use uses[MMU_PAGES];
static uint64_t stamps[MMU_PAGES]; /* a word that the owner has written */
static struct rng rng;

/* No report so far, unless there is a reason. */
static inline void clean(uint64_t reports)
{
	if (defect == NO_DEFECT)
		CHECK_EQ(reports, 0);
}

static inline size_t page_index(vmm_pa_t pa)
{
	return (size_t)((pa - MMU_RAM) / PAGE);
}

static inline bool in_ram(vmm_pa_t pa)
{
	return pa >= MMU_RAM && page_index(pa) < MMU_PAGES;
}

/* Entries that lead somewhere, in case a walk comes by. */
static inline void junk(vmm_pa_t pa)
{
	for (unsigned i = 0; i < 512; i++)
		*mmu_word(pa + 8 * i) =
			kind->arch == VMM_MMU_X86_64
				? (MMU_RAM + PAGE * i) | 0x67
				: mmu_pte(MMU_RAM + PAGE * i,
					  E_V | E_R | E_W | E_U | E_AD);
}

static inline bool page_take(enum use use, vmm_pa_t *pa_out)
{
	const size_t start = rng_below(&rng, MMU_PAGES);

	for (size_t i = 0; i < MMU_PAGES; i++) {
		const size_t at = (start + i) % MMU_PAGES;

		if (at < POOL_FIRST || uses[at] != FREE)
			continue;
		uses[at] = use;
		*pa_out = MMU_RAM + PAGE * at;
		return true;
	}
	return false;
}

/* The property that all is about: nobody can reach what goes back. */
static inline void page_give(vmm_pa_t pa, enum use use)
{
	CHECK(in_ram(pa) && uses[page_index(pa)] == use);
	clean(vmm_mmu_freed(rig.mmu, pa, PAGE));
	*(use == TABLE ? &mmu_done.tables : &mmu_done.frames) += 1;
	uses[page_index(pa)] = FREE;
	junk(pa);
}

static inline int source_alloc(void *ctx, vmm_pa_t *pa_out)
{
	(void)ctx;
	return page_take(TABLE, pa_out) ? 0 : -1;
}

static inline void source_free(void *ctx, vmm_pa_t pa)
{
	(void)ctx;
	page_give(pa, TABLE);
}

static const struct vmm_pages source = {source_alloc, source_free, NULL};

#endif /* MMU_PAGES_H */
