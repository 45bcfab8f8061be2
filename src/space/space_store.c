/* SPDX-License-Identifier: MIT */
/*
 * Pages on the move: from the live table to the store, back, or to other
 * addresses in one of the two. First they are copied, entry by entry, frames
 * as they are, which can fail; then they are removed where they were, which
 * cannot. Nobody puts or gets a frame: each has as many holders in the end.
 *
 * In between a page is in both tables. Of these, only one is used by harts; or
 * both are the live one, and the page is the same memory at both addresses.
 *
 * Where hardware sets A and D, it may do so in the old entry after it was
 * copied. So copies count as written to, if they can be.
 */
#include <vmm/pt_share.h>

#include "space/space_internal.h"

void vmm_space_mark_dirty(struct vmm_pt *pt, vmm_va_t va, uint64_t size)
{
	struct vmm_pt_cursor cursor =
		vmm_pt_cursor_range(va, vmm_range_last(va, size));
	const unsigned marks = VMM_PT_ACCESSED | VMM_PT_DIRTY;
	struct vmm_pt_run run;

	if (pt->format->tracked == 0)
		return;
	while (vmm_pt_next(pt, &cursor, &run)) {
		int err;

		if ((run.prot & VMM_PT_WRITE) == 0)
			continue;
		/* Whole leaves, so nothing is split; and nobody waits for it:
		   an entry that has more than before. */
		err = vmm_pt_modify(pt, run.va, run.size, marks, 0, NULL);
		VMM_ASSERT(err == VMM_OK);
		(void)err;
	}
}

int vmm_space_copy(struct vmm_space *space, struct vmm_space_op *op,
	const struct vmm_space_trip *trip)
{
	const bool is_live = trip->to == space->live;
	const struct vmm_pt_source source = {trip->from, trip->from_va, 0};
	int err = VMM_OK;

	if (trip->from == &space->store && !space->has_store)
		return VMM_OK;
	/* The store has to be there before anything can be in it. */
	if (!is_live && !space->has_store)
		err = vmm_space_need(space, 0, 0, 1);
	if (err)
		return err;
	do {
		err = vmm_pt_copy(trip->to, trip->to_va, trip->size, &source,
			is_live ? &op->gather : NULL);
	} while (vmm_space_more(space, op,
		is_live ? VMM_SPACE_FOR_LIVE : VMM_SPACE_FOR_STORE, &err));
	if (err == VMM_OK)
		vmm_space_mark_dirty(trip->to, trip->to_va, trip->size);
	return err;
}

int vmm_space_copy_out(struct vmm_space *space, struct vmm_space_op *op,
	vmm_va_t va, uint64_t size)
{
	const struct vmm_space_trip trip = {
		&space->store, va, space->live, va, size};

	return vmm_space_copy(space, op, &trip);
}

int vmm_space_copy_in(struct vmm_space *space, struct vmm_space_op *op,
	vmm_va_t va, uint64_t size)
{
	const struct vmm_space_trip trip = {
		space->live, va, &space->store, va, size};

	return vmm_space_copy(space, op, &trip);
}

void vmm_space_forget(struct vmm_space *space, struct vmm_space_op *op,
	struct vmm_pt *pt, vmm_va_t va, uint64_t size)
{
	struct vmm_tlb_gather *gather = &op->gather;
	struct vmm_tlb_frames *const frames = gather->frames;
	struct vmm_tlb_gather stored; /* no hart has seen the store */
	int err;

	VMM_ASSERT(gather->frames_count == 0);
	if (pt == space->live) {
		gather->frames = NULL;
		err = vmm_pt_unmap_any(pt, va, size, gather);
		gather->frames = frames;
	} else {
		if (!space->has_store)
			return;
		vmm_tlb_gather_init(&stored, NULL, 0);
		err = vmm_pt_unmap_any(pt, va, size, &stored);
		vmm_pt_reap(pt, &stored);
	}
	VMM_ASSERT(err == VMM_OK);
	(void)err;
}
