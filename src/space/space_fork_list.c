/* SPDX-License-Identifier: MIT */
/* Fork: what the parent has mapped, a part at a time. */
#include "space/space_fork.h"

#include "pt/pt_walk.h"

/* Entries of 32 MiB are a few dozens of microseconds. */
#define CHUNK VMM_MIB(32)
/* So much of a table that is empty is passed over in one hold of the lock. */
#define SCAN  VMM_GIB(1)

/* Move behind @last; there may be nothing. */
void vmm_fork_pass(struct vmm_fork_job *f, vmm_va_t last)
{
	f->done = last >= f->last;
	f->va = last + 1;
}

/*
 * The next run of the region's pages, up to the end of its chunk, and the rest
 * of that in *@cursor. Where nothing is, chunks become larger.
 */
bool vmm_fork_find_run(struct vmm_fork_job *f, uint64_t chunk,
	struct vmm_pt_cursor *cursor, struct vmm_pt_run *run)
{
	uint64_t scanned = 0;

	while (!f->done) {
		const vmm_va_t end = f->va | (chunk - 1);

		*cursor = vmm_pt_cursor_range(
			f->va, end < f->last ? end : f->last);
		scanned += chunk;
		vmm_fork_pass(f, cursor->last);
		if (vmm_pt_next(f->from, cursor, run))
			return true;
		if (chunk < SCAN)
			chunk *= 2;
		if (scanned < SCAN)
			continue;
		vmm_space_unlock(f->parent);
		scanned = 0;
		vmm_space_lock(f->parent);
	}
	return false;
}

/* Add frames to the list; false if there is no room. */
static bool list_frames(struct vmm_fork_job *f, struct vmm_fork_part *part,
	vmm_pa_t pa, uint64_t size)
{
	struct vmm_tlb_frames *run = &f->op.gather.frames[part->runs];

	if (part->runs > 0 && run[-1].pa + run[-1].size == pa) {
		run[-1].size += size;
		return true;
	}
	if (part->runs == f->op.gather.frames_max)
		return false;
	run->pa = pa;
	run->size = size;
	part->runs++;
	return true;
}

/*
 * List the pages of the table of pages at the cursor, and move behind them.
 * False if there is no such table, and where entries are not pages: the slow
 * way, then. Frames of a process are rarely contiguous.
 */
static bool list_table(struct vmm_fork_job *f, struct vmm_fork_part *part,
	struct vmm_pt_cursor *cursor)
{
	const struct vmm_pt_format *format = f->from->format;
	struct vmm_pt_point point;
	const uint64_t write = format->prot[VMM_PT_WRITE_INDEX].set;
	uint64_t left;

	if (format->napot != 0)
		return false;
	point = vmm_pt_walk(f->from, cursor->va);
	if (point.level != 0)
		return false;
	left = vmm_pt_span_left(cursor->va, 1);
	if (left - 1 > cursor->last - cursor->va)
		left = cursor->last - cursor->va + 1;
	for (; left > 0; left -= VMM_PAGE_SIZE, point.entry++) {
		uint64_t entry = vmm_pt_load(point.entry);

		if (vmm_pt_is_valid(format, entry)) {
			if (!list_frames(f, part,
				    vmm_pt_entry_pa(format, entry),
				    VMM_PAGE_SIZE))
				return true;
			part->size = cursor->va - part->va + VMM_PAGE_SIZE;
			part->is_writable |= (entry & write) == write;
		}
		cursor->done = cursor->last - cursor->va < VMM_PAGE_SIZE;
		cursor->va += VMM_PAGE_SIZE;
	}
	return true;
}

/* List the runs of the next part, as many as there is room for. */
bool vmm_fork_list(struct vmm_fork_job *f, struct vmm_fork_part *part)
{
	const size_t max = f->op.gather.frames_max;
	struct vmm_pt_cursor cursor;
	struct vmm_pt_run run;

	if (!vmm_fork_find_run(f, CHUNK, &cursor, &run))
		return false;
	part->va = run.va;
	part->size = run.size;
	part->runs = 0;
	part->is_writable = (run.prot & VMM_PT_WRITE) != 0;
	list_frames(f, part, run.pa, run.size);
	while (part->runs < max && !cursor.done) {
		if (list_table(f, part, &cursor))
			continue;
		if (!vmm_pt_next(f->from, &cursor, &run))
			break;
		part->size = run.va - part->va + run.size;
		part->is_writable |= (run.prot & VMM_PT_WRITE) != 0;
		list_frames(f, part, run.pa, run.size);
	}
	vmm_fork_pass(f, vmm_range_last(part->va, part->size));
	return true;
}
