/* SPDX-License-Identifier: MIT */
/*
 * Watched tables. A page that a walk could read as a table is copied when it is
 * first seen; on each look every copy is compared with memory, and each entry
 * that differs becomes a change. The changes of an entry are a list from the
 * newest to the oldest, and give back every value that it had, and when:
 *
 *      change 3        change 9
 *    ----+---------------+------------> epochs
 *    from|to         from|to = copy
 */
#include "mmu_internal.h"

#include <stdlib.h>
#include <string.h>

static size_t slot_of(const struct pages *pages, uint64_t pa)
{
	size_t at = (size_t)((pa >> 12) * UINT64_C(0x9e3779b97f4a7c15) >> 20);

	for (at &= pages->slots - 1; pages->slot[at] != 0;
		at = (at + 1) & (pages->slots - 1)) {
		if (pages->item[pages->slot[at] - 1]->pa == pa)
			break;
	}
	return at;
}

/* Keep the table of slots at most half full. */
static void rehash(struct pages *pages, size_t slots)
{
	free(pages->slot);
	pages->slots = slots;
	pages->slot = mmu_alloc(slots, sizeof(*pages->slot));
	for (size_t i = 0; i < pages->count; i++)
		pages->slot[slot_of(pages, pages->item[i]->pa)] =
			(uint32_t)(i + 1);
}

/* The page at @pa, watched from now on if it was not; NULL: no memory. */
struct page *mmu_watch(struct vmm_mmu *mmu, uint64_t pa)
{
	struct pages *pages = &mmu->pages;
	const uint64_t *memory;
	struct page *page;
	size_t slot;

	pa &= ~(PAGE - 1);
	if (pages->slots == 0)
		rehash(pages, 64);
	slot = slot_of(pages, pa);
	if (pages->slot[slot] != 0)
		return pages->item[pages->slot[slot] - 1];
	memory = mmu_memory(&mmu->config, pa);
	if (memory == NULL)
		return NULL;
	page = mmu_alloc(1, sizeof(*page));
	page->pa = pa;
	page->memory = memory;
	page->since = mmu->epoch;
	memcpy(page->copy, memory, PAGE);
	for (unsigned i = 0; i < ENTRIES; i++)
		page->last[i] = NO_CHANGE;
	pages->item = mmu_grow(
		pages->item, pages->count, &pages->room, sizeof(void *));
	pages->item[pages->count++] = page;
	pages->slot[slot] = (uint32_t)pages->count;
	if (pages->count * 2 > pages->slots)
		rehash(pages, pages->slots * 2);
	return page;
}

static void note(
	struct vmm_mmu *mmu, struct page *page, unsigned index, bool hardware)
{
	struct changes *changes = &mmu->changes;
	struct change *change;

	GROW(changes);
	change = &changes->item[changes->count];
	change->epoch = mmu->epoch;
	change->number = ++mmu->change_number;
	change->pa = page->pa + UINT64_C(8) * index;
	change->from = page->copy[index];
	change->to = page->memory[index];
	change->before = page->last[index];
	change->by_hardware = hardware;
	change->label = mmu->label;
	page->last[index] = (uint32_t)changes->count++;
	page->copy[index] = page->memory[index];
}

/* The machine itself writes an entry: A and D. */
void mmu_hardware_store(struct vmm_mmu *mmu, uint64_t pa, uint64_t value)
{
	struct page *page = mmu_watch(mmu, pa);
	uint64_t *memory = (uint64_t *)(uintptr_t)mmu_memory(&mmu->config, pa);

	if (page == NULL || *memory == value)
		return;
	*memory = value;
	mmu->epoch++;
	note(mmu, page, (unsigned)(pa & (PAGE - 1)) / 8, true);
}

void vmm_mmu_sync(struct vmm_mmu *mmu)
{
	bool changed = false;

	for (size_t i = 0; i < mmu->pages.count; i++) {
		struct page *page = mmu->pages.item[i];

		if (memcmp(page->copy, page->memory, PAGE) == 0)
			continue;
		if (!changed)
			mmu->epoch++;
		changed = true;
		for (unsigned index = 0; index < ENTRIES; index++) {
			if (page->copy[index] != page->memory[index])
				note(mmu, page, index, false);
		}
	}
	if (!changed)
		return;
	mmu_discover_all(mmu);
	if (mmu->changes.count > mmu->trim_at)
		mmu_trim(mmu);
}

void vmm_mmu_mark(struct vmm_mmu *mmu, const char *label)
{
	vmm_mmu_sync(mmu);
	mmu->label = label;
}

static void segment_fill(const struct vmm_mmu *mmu, const struct page *page,
	uint32_t change, struct segment *out)
{
	out->before = change;
	out->span.first = change == NO_CHANGE ? page->since
					      : mmu->changes.item[change].epoch;
}

void mmu_segment_newest(const struct vmm_mmu *mmu, const struct page *page,
	unsigned index, struct segment *out)
{
	out->raw = page->copy[index];
	out->span.last = FOREVER;
	out->ended_by = NO_CHANGE;
	segment_fill(mmu, page, page->last[index], out);
}

bool mmu_segment_older(const struct vmm_mmu *mmu, const struct page *page,
	struct segment *segment)
{
	const struct change *change;

	if (segment->before == NO_CHANGE)
		return false;
	change = &mmu->changes.item[segment->before];
	segment->ended_by = segment->before;
	segment->raw = change->from;
	segment->span.last = change->epoch - 1;
	segment_fill(mmu, page, change->before, segment);
	return true;
}

/* The oldest epoch that a hart could still hold something from. */
static uint64_t horizon(const struct vmm_mmu *mmu)
{
	uint64_t oldest = mmu->epoch;

	for (unsigned h = 0; h < mmu->config.harts; h++) {
		const struct spaces *spaces = &mmu->harts[h].spaces;

		for (size_t i = 0; i < spaces->count; i++) {
			const struct spans *in = &spaces->item[i]->active_in;

			if (in->count > 0 && in->item[0].first < oldest)
				oldest = in->item[0].first;
		}
	}
	return oldest;
}

/*
 * Forget changes whose former value nobody can hold: it ended before the
 * horizon. The lists of such changes are cut, so what is left of an entry
 * starts with a value that began at some time before the horizon, when does not
 * matter.
 */
void mmu_trim(struct vmm_mmu *mmu)
{
	struct changes *changes = &mmu->changes;
	const uint64_t oldest = horizon(mmu);
	uint32_t kept = 0;
	uint32_t *moved = mmu_alloc(changes->count + 1, sizeof(*moved));

	for (size_t i = 0; i < changes->count; i++) {
		struct change change = changes->item[i];

		moved[i] = NO_CHANGE;
		if (change.epoch <= oldest)
			continue;
		if (change.before != NO_CHANGE)
			change.before = moved[change.before];
		moved[i] = kept;
		changes->item[kept++] = change;
	}
	/* A link to one that is gone would show. */
	memset(&changes->item[kept], 0xa5,
		(changes->count - kept) * sizeof(*changes->item));
	changes->count = kept;
	for (size_t i = 0; i < mmu->pages.count; i++) {
		uint32_t *last = mmu->pages.item[i]->last;

		for (unsigned index = 0; index < ENTRIES; index++) {
			if (last[index] != NO_CHANGE)
				last[index] = moved[last[index]];
		}
	}
	free(moved);
	mmu->trim_at = changes->count * 2 + 256;
}
