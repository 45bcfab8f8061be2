/* SPDX-License-Identifier: MIT */
/*
 * Fences. RISC-V Privileged 1.13: 12.2.1 (sfence.vma), Svinval,
 * 15.3.2 (hfence); Intel SDM 3A, 4.10.4.1 "Operations that Invalidate TLBs and
 * Paging-Structure Caches".
 *
 *                 rs1 = x0                  rs1 = address
 *   rs2 = x0      everything                leaf entries of the address, of
 *                                           all spaces, global ones too
 *   rs2 = ASID    all levels of that        leaf entries of the address in
 *                 space, no global ones     that space, no global ones
 *
 * INVLPG takes the address's leaf of the current PCID, that of a global page,
 * and every entry of the PCID that points to a table. Implementations may take
 * more; software may not rely on it.
 */
#include "mmu_internal.h"

#include <assert.h>
#include <stdlib.h>

bool mmu_fence_takes(const struct fence *fence, const struct held *held)
{
	const struct space *space = held->space;
	const bool after = fence->epoch > held->until;
	const bool leaf = after ? held->leaf_after : held->leaf;
	const bool global = after ? held->global_after : held->global;

	if (fence->stage != space->stage || fence->covers == 0)
		return false;
	/* A guest's fence is for one machine, the second stage's for one or
	 * all. */
	if (space->stage == STAGE_GUEST && fence->vmid != space->vmid)
		return false;
	if (fence->by_asid) {
		if (space->stage == STAGE_TWO) {
			if (fence->vmid != space->vmid)
				return false;
		} else if (global ? !fence->globals
				  : fence->asid != space->asid) {
			return false;
		}
	}
	if (!fence->by_va)
		return true;
	if (!leaf && !fence->path)
		return fence->tables;
	return held->va <= fence->va && fence->va <= held->last;
}

/* The first fence after an epoch. They are in order. */
static size_t fence_after(const struct fences *fences, uint64_t epoch)
{
	size_t low = 0;
	size_t high = fences->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (fences->item[middle].epoch > epoch)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/*
 * Was the value replaced by a store that the fence does not order? That is one
 * between sfence.w.inval and sfence.inval.ir: the entry may be read again as
 * it was.
 */
static bool is_unordered(const struct fence *fence, const struct held *held)
{
	return fence->covers <= held->until && held->until < fence->epoch - 1;
}

/* The first fence after an epoch that takes the entry; NULL: none did. */
static const struct fence *first_to_take(
	const struct hart *hart, const struct held *held, uint64_t epoch)
{
	for (size_t i = fence_after(&hart->fences, epoch);
		i < hart->fences.count; i++) {
		const struct fence *fence = &hart->fences.item[i];

		if (!is_unordered(fence, held) && mmu_fence_takes(fence, held))
			return fence;
	}
	return NULL;
}

/*
 * What was read until the end of a span is held until the first fence after
 * that takes it. Spans are left open where it is held still.
 */
void mmu_hold(const struct hart *hart, const struct held *held,
	const struct spans *loaded, struct spans *into)
{
	into->count = 0;
	for (size_t i = 0; i < loaded->count; i++) {
		const struct span *span = &loaded->item[i];
		const struct fence *fence =
			first_to_take(hart, held, span->last);

		spans_push(into, span->first,
			fence == NULL ? FOREVER : fence->epoch - 1);
	}
}

/* Does the fence take all that a space could have left behind? */
static bool takes_all(const struct fence *fence, const struct space *space)
{
	struct held held = {.space = space, .global = true, .until = FOREVER};

	if (fence->by_va || !mmu_fence_takes(fence, &held))
		return false;
	held.global = false;
	return mmu_fence_takes(fence, &held);
}

/*
 * The epoch from which on a space has to be remembered. What a guest's tables
 * gave was read through the second stage as it was then, so that is forgotten
 * no earlier than they are.
 */
static uint64_t first_needed(const struct hart *hart, const struct fence *fence,
	const struct space *space)
{
	uint64_t first = fence->covers;

	for (size_t i = 0; i < hart->spaces.count; i++) {
		const struct space *guest = hart->spaces.item[i];

		if (space->stage == STAGE_TWO && guest->stage == STAGE_GUEST &&
			guest->vmid == space->vmid &&
			guest->active_in.count > 0 &&
			guest->active_in.item[0].first < first)
			first = guest->active_in.item[0].first;
	}
	return first;
}

/* What lies before a fence of everything need not be remembered. */
static void forget(struct hart *hart, const struct fence *fence)
{
	uint64_t oldest = FOREVER;
	size_t spaces = 0;
	size_t kept = 0;

	for (size_t i = 0; i < hart->spaces.count; i++) {
		struct space *space = hart->spaces.item[i];

		if (takes_all(fence, space))
			spans_clip(&space->active_in,
				first_needed(hart, fence, space), FOREVER);
	}
	for (size_t i = 0; i < hart->spaces.count; i++) {
		struct space *space = hart->spaces.item[i];

		if (space->active_in.count == 0) {
			free(space->active_in.item);
			free(space);
			continue;
		}
		hart->spaces.item[spaces++] = space;
		if (space->active_in.item[0].first < oldest)
			oldest = space->active_in.item[0].first;
	}
	hart->spaces.count = spaces;
	for (size_t i = 0; i < hart->fences.count; i++) {
		if (hart->fences.item[i].epoch >= oldest)
			hart->fences.item[kept++] = hart->fences.item[i];
	}
	hart->fences.count = kept;
}

void mmu_fence_add(struct vmm_mmu *mmu, struct hart *hart, struct fence fence)
{
	fence.epoch = ++mmu->epoch;
	if (fence.covers == 0)
		fence.covers = fence.epoch;
	GROW(&hart->fences);
	hart->fences.item[hart->fences.count++] = fence;
	forget(hart, &fence);
}

/* rs1 and rs2 of the three RISC-V fences. */
static struct fence riscv_fence(const struct hart *hart, enum stage stage,
	const uint64_t *address, const uint64_t *space)
{
	struct fence fence = {.stage = stage,
		.by_va = address != NULL,
		.by_asid = space != NULL};

	if (address != NULL)
		fence.va = stage == STAGE_TWO ? *address << 2 : *address;
	if (stage == STAGE_GUEST)
		fence.vmid = hart->regs.hgatp >> 44 & 0x3fff;
	if (space != NULL && stage == STAGE_TWO)
		fence.vmid = *space & 0x3fff;
	else if (space != NULL)
		fence.asid = *space & 0xffff;
	return fence;
}

/* With V = 1, sfence.vma is the guest's: 15.5.3. */
static enum stage first_stage(const struct hart *hart)
{
	return hart->regs.virt ? STAGE_GUEST : STAGE_ONE;
}

static void fence_now(struct vmm_mmu *mmu, unsigned hart, enum stage stage,
	const uint64_t *address, const uint64_t *space)
{
	struct hart *it = mmu_hart(mmu, hart);

	vmm_mmu_sync(mmu);
	mmu_fence_add(mmu, it, riscv_fence(it, stage, address, space));
}

void vmm_mmu_sfence_vma(struct vmm_mmu *mmu, unsigned hart, const uint64_t *va,
	const uint64_t *asid)
{
	fence_now(mmu, hart, first_stage(mmu_hart(mmu, hart)), va, asid);
}

void vmm_mmu_hfence_vvma(struct vmm_mmu *mmu, unsigned hart, const uint64_t *va,
	const uint64_t *asid)
{
	fence_now(mmu, hart, STAGE_GUEST, va, asid);
}

void vmm_mmu_hfence_gvma(struct vmm_mmu *mmu, unsigned hart,
	const uint64_t *gpa_shifted, const uint64_t *vmid)
{
	fence_now(mmu, hart, STAGE_TWO, gpa_shifted, vmid);
}

/*
 * Svinval. Stores before sfence.w.inval are ordered before the sinvals after
 * it; those are ordered before the walks after sfence.inval.ir. So a sinval is
 * a fence at the place of the latter, but one that orders only the stores
 * before the former.
 */
void vmm_mmu_sfence_w_inval(struct vmm_mmu *mmu, unsigned hart)
{
	vmm_mmu_sync(mmu);
	mmu_hart(mmu, hart)->ordered = ++mmu->epoch;
}

static void sinval(struct vmm_mmu *mmu, unsigned hart, enum stage stage,
	const uint64_t *address, const uint64_t *space)
{
	struct hart *it = mmu_hart(mmu, hart);

	vmm_mmu_sync(mmu);
	GROW(&it->pending);
	it->pending.item[it->pending.count] =
		riscv_fence(it, stage, address, space);
	it->pending.item[it->pending.count++].covers = it->ordered;
}

void vmm_mmu_sinval_vma(struct vmm_mmu *mmu, unsigned hart, const uint64_t *va,
	const uint64_t *asid)
{
	sinval(mmu, hart, first_stage(mmu_hart(mmu, hart)), va, asid);
}

void vmm_mmu_hinval_vvma(struct vmm_mmu *mmu, unsigned hart, const uint64_t *va,
	const uint64_t *asid)
{
	sinval(mmu, hart, STAGE_GUEST, va, asid);
}

void vmm_mmu_hinval_gvma(struct vmm_mmu *mmu, unsigned hart,
	const uint64_t *gpa_shifted, const uint64_t *vmid)
{
	sinval(mmu, hart, STAGE_TWO, gpa_shifted, vmid);
}

void vmm_mmu_sfence_inval_ir(struct vmm_mmu *mmu, unsigned hart)
{
	struct hart *it = mmu_hart(mmu, hart);

	vmm_mmu_sync(mmu);
	for (size_t i = 0; i < it->pending.count; i++) {
		/* Without sfence.w.inval no store is ordered before it. */
		if (it->pending.item[i].covers != 0)
			mmu_fence_add(mmu, it, it->pending.item[i]);
	}
	it->pending.count = 0;
}

static uint64_t pcid_now(const struct vmm_mmu *mmu, const struct hart *hart)
{
	if ((mmu->config.features & VMM_MMU_PCID) == 0)
		return 0;
	return hart->regs.cr3 & 0xfff;
}

void vmm_mmu_invlpg(struct vmm_mmu *mmu, unsigned hart, uint64_t va)
{
	struct hart *it = mmu_hart(mmu, hart);

	vmm_mmu_sync(mmu);
	mmu_fence_add(mmu, it,
		(struct fence){.stage = STAGE_ONE,
			.by_va = true,
			.by_asid = true,
			.tables = true,
			.globals = true,
			.va = va,
			.asid = pcid_now(mmu, it)});
}

/*
 * 0: the address in the PCID, no global page; 1: the PCID, no global pages;
 * 2: everything; 3: all PCIDs, no global pages. 4.10.4.1: types 0 to 3 take
 * the entries of their PCIDs that point to tables.
 */
void vmm_mmu_invpcid(struct vmm_mmu *mmu, unsigned hart, unsigned type,
	uint64_t pcid, uint64_t va)
{
	struct hart *it = mmu_hart(mmu, hart);
	struct fence fence = {.stage = STAGE_ONE, .tables = true};

	assert(type <= 3);
	vmm_mmu_sync(mmu);
	fence.by_va = type == 0;
	fence.va = va;
	fence.by_asid = type <= 1;
	fence.asid = pcid;
	if (type != 3) {
		mmu_fence_add(mmu, it, fence);
		return;
	}
	/* One fence for each PCID that has been used here. */
	fence.by_asid = true;
	for (size_t i = 0; i < it->spaces.count; i++) {
		fence.asid = it->spaces.item[i]->asid;
		mmu_fence_add(mmu, it, fence);
	}
}
