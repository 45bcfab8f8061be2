/* SPDX-License-Identifier: MIT */
/*
 * Harts: their registers, and the spaces that they have used. A space is a root
 * with its tag; it is active on a hart while the registers name it and the
 * hart runs in the mode that uses them (12.1.11 "satp", "active"; "vsatp"
 * in chapter 15). Walks may begin in those epochs and in no others.
 */
#include "mmu_internal.h"

#include <assert.h>
#include <stdlib.h>

#define PPN_MASK  ((UINT64_C(1) << 44) - 1)
#define ASID_MASK UINT64_C(0xffff)
#define VMID_MASK UINT64_C(0x3fff)
#define CR3_MASK  (((UINT64_C(1) << 40) - 1) << 12)
#define PCID_MASK UINT64_C(0xfff)

struct vmm_mmu *vmm_mmu_new(const struct vmm_mmu_config *config)
{
	struct vmm_mmu *mmu = mmu_alloc(1, sizeof(*mmu));

	mmu->config = *config;
	mmu->epoch = 1;
	mmu->rng = config->seed;
	mmu->trim_at = 256;
	mmu->harts = mmu_alloc(config->harts, sizeof(*mmu->harts));
	for (unsigned i = 0; i < config->harts; i++)
		mmu->harts[i].pge = (config->features & VMM_MMU_PGE) != 0;
	return mmu;
}

void vmm_mmu_delete(struct vmm_mmu *mmu)
{
	for (unsigned h = 0; h < mmu->config.harts; h++) {
		struct hart *hart = &mmu->harts[h];

		for (size_t i = 0; i < hart->spaces.count; i++) {
			spans_free(&hart->spaces.item[i]->active_in);
			free(hart->spaces.item[i]);
		}
		free(hart->spaces.item);
		free(hart->fences.item);
		free(hart->pending.item);
	}
	for (size_t i = 0; i < mmu->pages.count; i++)
		free(mmu->pages.item[i]);
	free(mmu->pages.item);
	free(mmu->pages.slot);
	free(mmu->changes.item);
	free(mmu->harts);
	free(mmu);
}

/* splitmix64 (Steele, Lea, Flood 2014). */
uint64_t mmu_random(struct vmm_mmu *mmu)
{
	uint64_t z = mmu->rng += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

struct hart *mmu_hart(struct vmm_mmu *mmu, unsigned hart)
{
	assert(hart < mmu->config.harts);
	return &mmu->harts[hart];
}

unsigned mmu_features(const struct vmm_mmu *mmu, const struct hart *hart)
{
	unsigned features = mmu->config.features & ~VMM_MMU_PGE;

	return hart->pge ? features | VMM_MMU_PGE : features;
}

const struct vmm_mmu_regs *vmm_mmu_regs(
	const struct vmm_mmu *mmu, unsigned hart)
{
	assert(hart < mmu->config.harts);
	return &mmu->harts[hart].regs;
}

struct space *mmu_space_active(const struct hart *hart, enum stage stage)
{
	for (size_t i = 0; i < hart->spaces.count; i++) {
		struct space *space = hart->spaces.item[i];

		if (space->active && space->stage == stage)
			return space;
	}
	return NULL;
}

static struct space *find(struct hart *hart, const struct space *want)
{
	struct spaces *spaces = &hart->spaces;
	struct space *space;

	for (size_t i = 0; i < spaces->count; i++) {
		space = spaces->item[i];
		if (space->stage == want->stage &&
			space->format == want->format &&
			space->root == want->root &&
			space->asid == want->asid && space->vmid == want->vmid)
			return space;
	}
	space = mmu_alloc(1, sizeof(*space));
	*space = *want;
	spaces->item = mmu_grow(
		spaces->item, spaces->count, &spaces->room, sizeof(void *));
	spaces->item[spaces->count++] = space;
	return space;
}

/* The space that a stage has by the registers; false: none. */
static bool wanted(const struct vmm_mmu *mmu, const struct hart *hart,
	enum stage stage, struct space *want)
{
	const struct vmm_mmu_regs *regs = &hart->regs;
	const uint64_t satp = stage == STAGE_ONE     ? regs->satp
			      : stage == STAGE_GUEST ? regs->vsatp
						     : regs->hgatp;

	*want = (struct space){.stage = stage};
	if (mmu->config.arch == VMM_MMU_X86_64) {
		want->format = mmu_format_x86(mmu->config.features);
		want->root = regs->cr3 & CR3_MASK;
		if ((mmu->config.features & VMM_MMU_PCID) != 0)
			want->asid = regs->cr3 & PCID_MASK;
		return stage == STAGE_ONE && regs->cr3 != 0;
	}
	want->format = mmu_format_riscv(satp, stage == STAGE_TWO);
	want->root = (satp & PPN_MASK) << 12;
	if (stage != STAGE_TWO)
		want->asid = satp >> 44 & ASID_MASK;
	if (stage != STAGE_ONE)
		want->vmid = regs->hgatp >> 44 & VMID_MASK;
	return want->format != NULL && (stage == STAGE_ONE) != regs->virt;
}

/* After a change of registers: begin and end activities. */
static void settle(struct vmm_mmu *mmu, struct hart *hart)
{
	for (unsigned stage = 0; stage < STAGES; stage++) {
		struct space *before =
			mmu_space_active(hart, (enum stage)stage);
		struct space *after = NULL;
		struct space want;

		if (wanted(mmu, hart, (enum stage)stage, &want))
			after = find(hart, &want);
		if (before == after)
			continue;
		/* Both were active in this epoch. */
		if (before != NULL) {
			before->active = false;
			spans_clip(&before->active_in, 0, mmu->epoch);
		}
		if (after != NULL) {
			after->active = true;
			spans_push(&after->active_in, mmu->epoch, FOREVER);
		}
	}
	mmu_discover_all(mmu);
}

void vmm_mmu_satp(struct vmm_mmu *mmu, unsigned hart, uint64_t value)
{
	vmm_mmu_sync(mmu);
	mmu_hart(mmu, hart)->regs.satp = value;
	settle(mmu, mmu_hart(mmu, hart));
}

void vmm_mmu_vsatp(struct vmm_mmu *mmu, unsigned hart, uint64_t value)
{
	vmm_mmu_sync(mmu);
	mmu_hart(mmu, hart)->regs.vsatp = value;
	settle(mmu, mmu_hart(mmu, hart));
}

void vmm_mmu_hgatp(struct vmm_mmu *mmu, unsigned hart, uint64_t value)
{
	vmm_mmu_sync(mmu);
	mmu_hart(mmu, hart)->regs.hgatp = value;
	settle(mmu, mmu_hart(mmu, hart));
}

void vmm_mmu_virt(struct vmm_mmu *mmu, unsigned hart, bool on)
{
	vmm_mmu_sync(mmu);
	mmu_hart(mmu, hart)->regs.virt = on;
	settle(mmu, mmu_hart(mmu, hart));
}

/*
 * Intel SDM 3A, 4.10.4.1: MOV to CR3 takes all but global translations of the
 * PCID it loads, unless PCIDs are on and bit 63 of the value is 1.
 */
void vmm_mmu_cr3(struct vmm_mmu *mmu, unsigned hart, uint64_t value)
{
	const uint64_t keep = UINT64_C(1) << 63;
	const bool pcids = (mmu->config.features & VMM_MMU_PCID) != 0;
	struct hart *it = mmu_hart(mmu, hart);

	vmm_mmu_sync(mmu);
	it->regs.cr3 = value & ~keep;
	settle(mmu, it);
	if (pcids && (value & keep) != 0)
		return;
	mmu_fence_add(mmu, it,
		(struct fence){.stage = STAGE_ONE,
			.by_asid = true,
			.asid = pcids ? value & PCID_MASK : 0});
}

/* The same: a change of CR4.PGE takes everything. */
void vmm_mmu_pge(struct vmm_mmu *mmu, unsigned hart, bool on)
{
	struct hart *it = mmu_hart(mmu, hart);

	vmm_mmu_sync(mmu);
	if (it->pge == on)
		return;
	it->pge = on;
	mmu_fence_add(mmu, it, (struct fence){.stage = STAGE_ONE});
}

/*
 * Watch every table that a walk of an active space could come to. Tables of a
 * guest lie behind the second stage as it is now.
 */
struct found {
	uint64_t table; /* in the first stage of a guest: guest-physical */
	unsigned level;
};

struct finds {
	struct found *item;
	size_t count;
	size_t room;
};

/*
 * A speculative walk sets A: of tables (x86-64) often, of leaves sometimes.
 */
static void speculate(struct vmm_mmu *mmu, const struct space *space,
	const struct page *page, unsigned index, const struct entry *entry)
{
	const unsigned need =
		VMM_MMU_SPECULATE | (space->format->x86 ? 0 : VMM_MMU_SVADU);
	const unsigned odds = entry->kind == ENTRY_TABLE ? 2 : 16;

	if ((mmu->config.features & need) != need || entry->a ||
		(entry->kind != ENTRY_LEAF &&
			!(entry->kind == ENTRY_TABLE && space->format->x86)) ||
		mmu_random(mmu) % odds != 0)
		return;
	mmu_hardware_store(mmu, page->pa + UINT64_C(8) * index,
		page->copy[index] | UINT64_C(1)
					    << (space->format->x86 ? 5 : 6));
}

static void look_into(struct vmm_mmu *mmu, const struct space *space,
	struct page *page, unsigned level, struct finds *finds)
{
	for (unsigned i = 0; i < ENTRIES; i++) {
		struct entry entry;

		if (page->copy[i] == 0)
			continue;
		mmu_decode(space->format, mmu->config.features, level,
			page->copy[i], &entry);
		speculate(mmu, space, page, i, &entry);
		if (entry.kind != ENTRY_TABLE)
			continue;
		GROW(finds);
		finds->item[finds->count++] =
			(struct found){entry.pa, level - 1};
	}
}

/* One page of a table: roots of the second stage have four. */
static void look_at(struct vmm_mmu *mmu, const struct hart *hart,
	const struct space *space, const struct found *found,
	struct finds *finds)
{
	const unsigned mark = 1u << found->level;
	uint64_t pa = found->table;
	struct page *page;

	if (space->stage == STAGE_GUEST) {
		struct walk second;

		mmu_walk_second(&mmu->config, hart->regs.hgatp, pa,
			VMM_MMU_READ, &second);
		if (second.result.status != VMM_MMU_OK)
			return;
		pa = second.result.pa;
	}
	page = mmu_watch(mmu, pa);
	if (page == NULL ||
		(page->seen == mmu->stamp && (page->seen_levels & mark) != 0))
		return;
	if (page->seen != mmu->stamp)
		page->seen_levels = 0;
	page->seen = mmu->stamp;
	page->seen_levels |= mark;
	if (found->level > 0 || (mmu->config.features & VMM_MMU_SPECULATE) != 0)
		look_into(mmu, space, page, found->level, finds);
}

static void discover(struct vmm_mmu *mmu, const struct hart *hart,
	const struct space *space, struct finds *finds)
{
	const unsigned pages = 1u << (space->format->root_bits - 9);

	finds->count = 0;
	for (unsigned i = 0; i < pages; i++) {
		GROW(finds);
		finds->item[finds->count++] = (struct found){
			space->root + i * PAGE, space->format->levels - 1};
	}
	while (finds->count > 0) {
		struct found found = finds->item[--finds->count];

		look_at(mmu, hart, space, &found, finds);
	}
}

void mmu_discover_all(struct vmm_mmu *mmu)
{
	struct finds finds = {0};

	/* All first stages may share marks: their entries read the same. */
	mmu->stamp++;
	for (unsigned h = 0; h < mmu->config.harts; h++) {
		const struct hart *hart = &mmu->harts[h];
		const struct space *space = mmu_space_active(hart, STAGE_ONE);

		if (space != NULL)
			discover(mmu, hart, space, &finds);
	}
	for (unsigned h = 0; h < mmu->config.harts; h++) {
		const struct hart *hart = &mmu->harts[h];

		for (unsigned stage = STAGE_GUEST; stage <= STAGE_TWO;
			stage++) {
			const struct space *space =
				mmu_space_active(hart, (enum stage)stage);

			mmu->stamp++;
			if (space != NULL)
				discover(mmu, hart, space, &finds);
		}
	}
	free(finds.item);
}
