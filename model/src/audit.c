/* SPDX-License-Identifier: MIT */
/*
 * Looking at all that a hart may hold, with nobody making an access: after a
 * flush, and before a page changes hands.
 */
#include "mmu_internal.h"

#include <stdlib.h>

/* Each way in which permissions can differ. */
static const unsigned ways[] = {
	VMM_MMU_READ,
	VMM_MMU_WRITE,
	VMM_MMU_EXEC,
	VMM_MMU_READ | VMM_MMU_USER,
	VMM_MMU_WRITE | VMM_MMU_USER,
	VMM_MMU_EXEC | VMM_MMU_USER,
	VMM_MMU_READ | VMM_MMU_SUM,
	VMM_MMU_WRITE | VMM_MMU_SUM,
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* The tables of one stage, whatever the other one says. */
static void walk_stage(const struct vmm_mmu *mmu, const struct hart *hart,
	enum stage stage, uint64_t va, unsigned how, struct walk *walk)
{
	if (stage == STAGE_TWO)
		mmu_walk_second(&mmu->config, hart->regs.hgatp, va, how, walk);
	else
		mmu_walk_first(&mmu->config, &hart->regs, va, how, walk);
}

/* What an audit has reported: a change in each way once. */
struct reported {
	struct {
		uint64_t change;
		enum vmm_mmu_kind kind;
	} * item;
	size_t count;
	size_t room;
};

static bool is_new(
	struct reported *reported, uint64_t change, enum vmm_mmu_kind kind)
{
	for (size_t i = 0; i < reported->count; i++) {
		if (change != 0 && reported->item[i].change == change &&
			reported->item[i].kind == kind)
			return false;
	}
	GROW(reported);
	reported->item[reported->count].change = change;
	reported->item[reported->count++].kind = kind;
	return true;
}

/* Guest-physical, to compare what the first stage alone gives. */
static bool compare_way(struct vmm_mmu *mmu, unsigned number,
	const struct candidate *c, uint64_t va, unsigned how,
	struct reported *reported)
{
	const struct hart *hart = &mmu->harts[number];
	struct vmm_mmu_report report = {0};
	struct outcome outcome = {0};
	struct walk walk;
	enum vmm_mmu_kind kind;

	if (!mmu_outcome(mmu, c, va, how, &outcome))
		return false;
	walk_stage(mmu, hart, c->space->stage, va, how, &walk);
	/* What lies behind the first stage is the second's to judge. */
	if (c->space->stage == STAGE_GUEST &&
		walk.result.status != VMM_MMU_PAGE_FAULT) {
		if (walk.entry.kind != ENTRY_LEAF)
			return false;
		walk.result = (struct vmm_mmu_result){
			.pa = mmu_leaf_pa(&walk.entry, walk.level, va),
			.type = walk.entry.type};
	}
	kind = mmu_judge(&walk, &outcome);
	if (kind == VMM_MMU_KINDS)
		return false;
	report.kind = kind;
	report.va = va;
	report.how = how;
	report.now = walk.result;
	report.may = outcome.result;
	mmu_report_candidate(mmu, number, c, &report);
	if (is_new(reported, report.change.number, kind))
		mmu_report(mmu, &report);
	return true;
}

/* Piece by piece, as the tables divide what the candidate stands for. */
static void compare(struct vmm_mmu *mmu, unsigned number,
	const struct candidate *c, struct reported *reported)
{
	const struct hart *hart = &mmu->harts[number];
	const uint64_t last = c->va + (mmu_span(&c->entry, c->level) - 1);
	uint64_t va = c->va;

	for (;;) {
		struct walk walk;
		uint64_t inside;

		for (unsigned i = 0; i < WAYS; i++) {
			if (compare_way(mmu, number, c, va, ways[i], reported))
				return;
		}
		walk_stage(mmu, hart, c->space->stage, va, VMM_MMU_READ, &walk);
		inside = (UINT64_C(1) << mmu_shift(walk.level)) - 1;
		if ((va | inside) >= last)
			return;
		va = (va | inside) + 1;
	}
}

static void gather(const struct vmm_mmu *mmu, const struct hart *hart,
	enum stage stage, bool tables, struct candidates *out)
{
	const struct question question = {stage,
		stage == STAGE_ONE ? 0 : hart->regs.hgatp >> 44 & 0x3fff, 0,
		UINT64_MAX, tables};

	if (mmu_space_active(hart, stage) != NULL)
		mmu_may(mmu, hart, &question, out);
}

uint64_t vmm_mmu_audit(struct vmm_mmu *mmu, unsigned hart)
{
	const uint64_t before = vmm_mmu_count_all(mmu);
	const struct hart *it = mmu_hart(mmu, hart);
	struct reported reported = {0};

	vmm_mmu_sync(mmu);
	for (unsigned stage = 0; stage < STAGES; stage++) {
		struct candidates list = {0};

		gather(mmu, it, (enum stage)stage, false, &list);
		for (size_t i = 0; i < list.count; i++) {
			if (!list.item[i].now &&
				mmu_usable(mmu, it, &list.item[i]))
				compare(mmu, hart, &list.item[i], &reported);
		}
		candidates_free(&list);
	}
	free(reported.item);
	return vmm_mmu_count_all(mmu) - before;
}

/* Do two ranges meet? */
static bool meets(uint64_t a, uint64_t size_a, uint64_t b, uint64_t size_b)
{
	return a < b ? b - a < size_a : a - b < size_b;
}

/* Do the tables of now still lead through the table, or to the page? */
static bool still_there(const struct vmm_mmu *mmu, const struct hart *hart,
	const struct candidate *c)
{
	struct walk walk;

	walk_stage(mmu, hart, c->space->stage, c->va, VMM_MMU_READ, &walk);
	if (c->entry.kind == ENTRY_TABLE) {
		for (unsigned i = 0; i < walk.levels; i++) {
			if ((walk.entry_pa[i] & ~(PAGE - 1)) == c->entry.pa)
				return true;
		}
		return false;
	}
	return walk.levels > 0 && walk.entry.kind == ENTRY_LEAF &&
	       mmu_leaf_pa(&walk.entry, walk.level, c->va) ==
		       mmu_leaf_pa(&c->entry, c->level, c->va);
}

static void freed_by(struct vmm_mmu *mmu, unsigned number,
	const struct candidate *c, uint64_t pa, uint64_t size)
{
	const struct hart *hart = &mmu->harts[number];
	const bool table = c->entry.kind == ENTRY_TABLE;
	struct vmm_mmu_report report = {.va = c->va,
		.kind = table ? VMM_MMU_FREED_TABLE : VMM_MMU_FREED_FRAME};

	if (table ? !meets(c->entry.pa, PAGE, pa, size)
		  : c->entry.kind != ENTRY_LEAF ||
				!meets(mmu_leaf_pa(&c->entry, c->level, c->va),
					mmu_span(&c->entry, c->level), pa,
					size))
		return;
	/* Frames may have other mappings; tables that are linked may not go. */
	if (table ? !c->now && still_there(mmu, hart, c)
		  : c->now || still_there(mmu, hart, c))
		return;
	report.now.status = VMM_MMU_PAGE_FAULT;
	report.may.pa =
		table ? c->entry.pa : mmu_leaf_pa(&c->entry, c->level, c->va);
	mmu_report_candidate(mmu, number, c, &report);
	mmu_report(mmu, &report);
}

/* The root that a hart is using. */
static void freed_root(struct vmm_mmu *mmu, unsigned number,
	const struct space *space, uint64_t pa, uint64_t size)
{
	const uint64_t bytes = PAGE << (space->format->root_bits - 9);
	struct vmm_mmu_report report = {.kind = VMM_MMU_FREED_TABLE,
		.hart = number,
		.level = space->format->levels,
		.root = space->root,
		.asid = space->asid,
		.vmid = space->vmid};

	if (!meets(space->root, bytes, pa, size))
		return;
	report.may.pa = space->root;
	mmu_report(mmu, &report);
}

static void freed_in_stage(struct vmm_mmu *mmu, unsigned number,
	enum stage stage, uint64_t pa, uint64_t size)
{
	const struct hart *hart = &mmu->harts[number];
	const struct space *space = mmu_space_active(hart, stage);
	struct candidates list = {0};

	if (space != NULL)
		freed_root(mmu, number, space, pa, size);
	gather(mmu, hart, stage, true, &list);
	for (size_t i = 0; i < list.count; i++) {
		if (mmu_usable(mmu, hart, &list.item[i]))
			freed_by(mmu, number, &list.item[i], pa, size);
	}
	candidates_free(&list);
}

uint64_t vmm_mmu_freed(struct vmm_mmu *mmu, uint64_t pa, uint64_t size)
{
	const uint64_t before = vmm_mmu_count_all(mmu);

	vmm_mmu_sync(mmu);
	/* Guest-physical addresses are no pages of the kernel's. */
	for (unsigned h = 0; h < mmu->config.harts; h++) {
		freed_in_stage(mmu, h, STAGE_ONE, pa, size);
		freed_in_stage(mmu, h, STAGE_TWO, pa, size);
	}
	return vmm_mmu_count_all(mmu) - before;
}
