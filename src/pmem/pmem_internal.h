/* SPDX-License-Identifier: MIT */
/*
 * What the sources of pmem share: the parts of the metadata and the calls from
 * one file to the next. pmem.c explains the design.
 */
#ifndef VMM_PMEM_INTERNAL_H
#define VMM_PMEM_INTERNAL_H

#include <vmm/pmem.h>

#include "core/bits.h"
#include "pmem/pmem_line.h"

#define BLOCK_ORDER  VMM_PMEM_BLOCK_ORDER
#define BLOCK_FRAMES LINE_FRAMES
#define ORDER_COUNT  (BLOCK_ORDER + 1)
#define ORDER_NONE   15 /* of a block without a free frame */

/* What is known of a block without reading its line. */
struct block_info {
	uint16_t free; /* frames, 0 to 512; at both ends the line is implied */
	uint8_t order; /* of the largest free aligned run, or ORDER_NONE */
	uint8_t flags; /* BLOCK_MIXED, BLOCK_HELD */
};

#define BLOCK_MIXED 1U /* not every frame of the block is managed */
#define BLOCK_HELD  2U /* in no set: its free frames are not to be had */

/* The kind of frames that were taken offline; one more than the map's. */
#define RANGE_OFFLINE VMM_MEM_KIND_COUNT

/* A range of RAM in the window. Kind VMM_MEM_FREE stands for managed. */
struct frame_range {
	vmm_pfn_t first;
	uint64_t count;
	uint32_t kind;
	uint32_t unused; /* always 0 */
};

_Static_assert(sizeof(struct block_info) == 4, "34.7 KiB per GiB");
_Static_assert(sizeof(struct frame_range) == 24, "24 bytes per range");
_Static_assert(LINE_FRAMES == VMM_PMEM_BLOCK_FRAMES, "a line is a block");

static inline unsigned char *pmem_meta(const struct vmm_pmem *pmem)
{
	return pmem->meta;
}

/* The line of block @b, an index into the window. */
static inline uint64_t *pmem_line(const struct vmm_pmem *pmem, uint64_t b)
{
	return (uint64_t *)(void *)pmem_meta(pmem) + b * LINE_WORDS;
}

static inline struct block_info *pmem_info(
	const struct vmm_pmem *pmem, uint64_t b)
{
	void *infos = pmem_meta(pmem) + pmem->infos_at;

	return (struct block_info *)infos + b;
}

/* The words of the set of one order. */
static inline uint64_t *pmem_set(const struct vmm_pmem *pmem, unsigned order)
{
	void *sets = pmem_meta(pmem) + pmem->sets_at;

	return (uint64_t *)sets + order * pmem->set_words;
}

static inline struct frame_range *pmem_ranges(const struct vmm_pmem *pmem)
{
	void *ranges = pmem_meta(pmem) + pmem->ranges_at;

	return ranges;
}

/* Index of the block that frame @pfn is in. */
static inline uint64_t pmem_block_of(const struct vmm_pmem *pmem, vmm_pfn_t pfn)
{
	return (pfn >> BLOCK_ORDER) - (pmem->first >> BLOCK_ORDER);
}

/* First frame of block @b, which may lie below the window. */
static inline vmm_pfn_t pmem_block_pfn(const struct vmm_pmem *pmem, uint64_t b)
{
	return ((pmem->first >> BLOCK_ORDER) + b) << BLOCK_ORDER;
}

/* Do @count > 0 frames from @pfn lie in the window? */
static inline bool pmem_has(
	const struct vmm_pmem *pmem, vmm_pfn_t pfn, uint64_t count)
{
	const uint64_t at = pfn - pmem->first;

	return at < pmem->count && count <= pmem->count - at;
}

/* pmem_init.c: where everything is, from first, count and ranges_max. */
void vmm_pmem_layout(struct vmm_pmem *pmem);

/* pmem_block.c: many frames at a time, over any number of blocks. */
bool vmm_pmem_all_free(
	const struct vmm_pmem *pmem, vmm_pfn_t pfn, uint64_t count);
bool vmm_pmem_all_used(
	const struct vmm_pmem *pmem, vmm_pfn_t pfn, uint64_t count);
/* Make frames used, all of which are free; and the other way round. */
void vmm_pmem_take(struct vmm_pmem *pmem, vmm_pfn_t pfn, uint64_t count);
void vmm_pmem_put(struct vmm_pmem *pmem, vmm_pfn_t pfn, uint64_t count);

/* pmem_range.c: what is managed. */
bool vmm_pmem_managed(
	const struct vmm_pmem *pmem, vmm_pfn_t pfn, uint64_t count);
uint64_t vmm_pmem_hand_over(struct vmm_pmem *pmem, enum vmm_mem_kind kind);
/* Make free frames, all managed, a range of another @kind. VMM_ENOMEM: the
 * table is full, nothing was changed. */
int vmm_pmem_withdraw(
	struct vmm_pmem *pmem, vmm_pfn_t pfn, uint64_t count, uint32_t kind);
/* Make frames of a gap, or offline, managed and free. VMM_EEXIST: they belong
 * to somebody. */
int vmm_pmem_bring(struct vmm_pmem *pmem, vmm_pfn_t pfn, uint64_t count);

/* pmem_hold.c: does a block that is held back have a part of the frames? */
bool vmm_pmem_any_held(
	const struct vmm_pmem *pmem, vmm_pfn_t pfn, uint64_t count);
void vmm_pmem_unhold_blocks(
	struct vmm_pmem *pmem, vmm_pfn_t pfn, uint64_t count);

/* pmem.c: the checks of a call that names frames, up to VMM_ENOENT. */
int vmm_pmem_named(const struct vmm_pmem *pmem, vmm_pa_t pa, uint64_t count);
/* pmem.c: an aligned run of any order; nothing is taken. */
bool vmm_pmem_find(
	const struct vmm_pmem *pmem, unsigned order, vmm_pfn_t *pfn_out);

/*
 * pmem_bulk.c: up to @count aligned runs of @order, as numbers of their first
 * frames counted from the window's. They are stored downwards from @end, so
 * that the last one has the lowest address. Returns how many there were: fewer
 * than @count also if they are scattered, none only if there is none.
 */
uint32_t vmm_pmem_take_many(
	struct vmm_pmem *pmem, unsigned order, uint32_t count, uint32_t *end);
/* Free @count runs. Wrong ones are refused; returns how many were. */
uint32_t vmm_pmem_put_many(struct vmm_pmem *pmem, unsigned order,
	uint32_t count, const uint32_t *at);

/* pmem_run.c: an aligned run above the order of a block. */
bool vmm_pmem_find_blocks(
	const struct vmm_pmem *pmem, unsigned order, vmm_pfn_t *pfn_out);

/* pmem_dump.c: @lock, or NULL, is held for RUNS_STEP blocks at a time only, and
 * not while the sink is called. */
#define RUNS_STEP 16
void vmm_pmem_runs_in_steps(const struct vmm_pmem *pmem,
	const struct vmm_lock *lock, struct vmm_pmem_runs *runs_out);
void vmm_pmem_dump_in_steps(const struct vmm_pmem *pmem,
	const struct vmm_lock *lock, const struct vmm_sink *sink);

static inline void pmem_lock(const struct vmm_lock *lock)
{
	if (lock != NULL)
		lock->acquire(lock->ctx);
}

static inline void pmem_unlock(const struct vmm_lock *lock)
{
	if (lock != NULL)
		lock->release(lock->ctx);
}

/* To be called when frames were taken. */
static inline void pmem_note_peak(struct vmm_pmem *pmem)
{
	const uint64_t used = pmem->managed - pmem->free - pmem->held;

	if (used > pmem->used_peak)
		pmem->used_peak = used;
}

#endif /* VMM_PMEM_INTERNAL_H */
