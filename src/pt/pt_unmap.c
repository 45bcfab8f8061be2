/* SPDX-License-Identifier: MIT */
/*
 * Unmapping: theory of operation
 *
 * 1. The plan pass reads every leaf of the range: all must be there, and the
 *    frames behind them, merged into runs, must fit into the gather.
 *
 * 2. After the ends have been split, every leaf that the range touches lies in
 *    it whole. The commit pass clears runs of leaves, and where the range
 *    covers the whole span of a table it clears the one entry that points to
 *    it: a table of 512 pages goes with one store.
 *
 * 3. Nothing is given back here. Harts may use what they have cached, frames
 *    and tables alike, until the caller has flushed.
 */
#include "pt/pt_entry.h"
#include "pt/pt_gather.h"

/* Runs of frames, counted as vmm_tlb_frames_add() would write them. */
struct run_count {
	vmm_pa_t pa;
	uint64_t size;
	size_t runs;
};

static void count_frames(struct run_count *count, vmm_pa_t pa, uint64_t size)
{
	if (vmm_tlb_frames_join(count->pa, count->size, pa)) {
		count->size += size;
		return;
	}
	count->pa = pa;
	count->size = size;
	count->runs++;
}

/*
 * The part of the range's leaves that one table holds: returns its size, or 0
 * at a hole.
 */
static uint64_t plan_step(const struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct run_count *count)
{
	unsigned level;
	const uint64_t *entry = vmm_pt_walk(pt, va, 0, &level);
	uint64_t span = vmm_pt_leaf_size(level);
	unsigned left = vmm_pt_entries(pt, level) - vmm_pt_index(pt, va, level);
	uint64_t done = 0;

	for (; left > 0 && done < size; left--, entry++) {
		uint64_t value = vmm_pt_load(entry);
		uint64_t inside = (va + done) & (span - 1);
		uint64_t part = span - inside;

		if (!vmm_pt_is_valid(pt->format, value) ||
			vmm_pt_is_table(pt->format, value, level))
			break;
		if (part > size - done)
			part = size - done;
		count_frames(count, vmm_pt_entry_pa(pt->format, value) + inside,
			part);
		done += part;
	}
	return done;
}

static int plan(const struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	const struct vmm_tlb_gather *gather)
{
	struct run_count count = {0, 0, gather->frames_count};

	if (gather->frames_count != 0) {
		const struct vmm_tlb_frames *run =
			&gather->frames[gather->frames_count - 1];

		count.pa = run->pa;
		count.size = run->size;
	}
	while (size > 0) {
		uint64_t done = plan_step(pt, va, size, &count);

		if (done == 0)
			return VMM_ENOENT;
		va += done;
		size -= done;
	}
	if (gather->frames != NULL && count.runs > gather->frames_max)
		return VMM_ENOSPC;
	return VMM_OK;
}

/* Clear one entry, whose whole span lies in the range. */
static void clear_entry(struct vmm_pt *pt, vmm_va_t va, uint64_t *entry,
	unsigned level, struct vmm_tlb_gather *gather)
{
	const struct vmm_pt_format *format = pt->format;
	uint64_t value = vmm_pt_load(entry);
	uint32_t flags = VMM_TLB_RESTRICT;
	unsigned shift = vmm_pt_shift(level);

	vmm_pt_store(entry, 0);
	if (vmm_pt_is_table(format, value, level)) {
		vmm_pt_retire(
			pt, vmm_pt_entry_pa(format, value), level - 1, gather);
		shift = VMM_PAGE_SHIFT;
	} else {
		if (vmm_pt_is_global(format, value))
			flags |= VMM_TLB_GLOBAL;
		vmm_tlb_frames_add(gather, vmm_pt_entry_pa(format, value),
			vmm_pt_leaf_size(level));
	}
	vmm_tlb_note(gather, va, vmm_pt_leaf_size(level), shift, flags);
}

/* The largest entry that can be cleared at @va: never a lent one. */
static unsigned clear_level(const struct vmm_pt *pt, vmm_va_t va, uint64_t size)
{
	unsigned root = vmm_pt_root_level(pt);
	unsigned level = vmm_pt_fit(va, size, root);
	unsigned at;

	if (level == root &&
		vmm_pt_is_lent(pt->format,
			vmm_pt_load(vmm_pt_walk(pt, va, root, &at))))
		level--;
	return level;
}

static void commit(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather)
{
	while (size > 0) {
		unsigned stop = clear_level(pt, va, size);
		unsigned level;
		uint64_t *entry = vmm_pt_walk(pt, va, stop, &level);
		uint64_t span = vmm_pt_leaf_size(level);
		unsigned left =
			vmm_pt_entries(pt, level) - vmm_pt_index(pt, va, level);

		/* The plan found a leaf here, and it was split to fit. */
		VMM_ASSERT(level == stop);
		for (; left > 0 && size >= span; left--) {
			if (vmm_pt_is_lent(pt->format, vmm_pt_load(entry)))
				break;
			clear_entry(pt, va, entry++, level, gather);
			va += span;
			size -= span;
		}
	}
}

int vmm_pt_unmap(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather)
{
	int err;

	VMM_ASSERT(gather != NULL);
	err = vmm_pt_change_check(pt, va, size);
	if (err != VMM_OK)
		return err;
	err = plan(pt, va, size, gather);
	if (err != VMM_OK)
		return err;
	err = vmm_pt_reserve(pt, vmm_pt_split_count(pt, va, size));
	if (err != VMM_OK)
		return err;
	vmm_pt_split(pt, va, size, gather);
	commit(pt, va, size, gather);
	vmm_pt_note_lent(pt, va, size, gather);
	VMM_ASSERT_SLOW(vmm_pt_check(pt) == VMM_OK);
	return VMM_OK;
}
