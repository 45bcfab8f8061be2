/* SPDX-License-Identifier: MIT */
/*
 * Walks that the caller drives: over all that is mapped, and over all that was
 * used since the last time.
 */
#include <vmm/pt_upkeep.h>

#include "pt/pt_entry.h"
#include "pt/pt_gather.h"

/*
 * Move the cursor out of the hole between the canonical halves, and say how
 * many bytes of its walk lie before the next hole. 0 at the end.
 */
static VMM_RARE VMM_NOINLINE uint64_t cursor_size(
	const struct vmm_pt_format *format, struct vmm_pt_cursor *cursor)
{
	unsigned bits = format->va_bits - format->sign_extended;
	vmm_va_t end = (UINT64_C(1) << bits) - 1;

	if (!cursor->done && cursor->va > end) {
		if (format->sign_extended == 0 || cursor->last <= ~end - 1)
			cursor->done = true;
		else if (cursor->va < ~end)
			cursor->va = ~end;
		end = UINT64_MAX;
	}
	if (cursor->done)
		return 0;
	return (cursor->last < end ? cursor->last : end) - cursor->va + 1;
}

/* Move the cursor by @size, but not past its last address. */
static void step(struct vmm_pt_cursor *cursor, uint64_t size)
{
	if (size > cursor->last - cursor->va)
		cursor->done = true;
	else
		cursor->va += size;
}

static VMM_RARE VMM_NOINLINE void describe(
	const struct vmm_pt_look *look, struct vmm_pt_run *run)
{
	const struct vmm_pt_format *format = look->pt->format;

	run->va = look->va;
	run->size = look->size;
	run->level = look->level;
	run->shift = look->shift;
	run->pa = 0;
	run->prot = 0;
	run->tag = 0;
	if (look->kind == VMM_PT_TAG) {
		run->tag = vmm_pt_tag_of(format, look->value);
		return;
	}
	run->pa = look->pa;
	run->prot = vmm_pt_prot_decode(format, look->value, look->level);
	if (vmm_pt_is_napot(format, look->value, look->level))
		run->shift = VMM_PT_NAPOT_SHIFT;
}

/* Does @next, which comes after @run, say the same? */
static bool continues(
	const struct vmm_pt_run *run, const struct vmm_pt_run *next)
{
	if (run->tag != 0)
		return run->tag == next->tag;
	return run->level == next->level && run->shift == next->shift &&
	       run->prot == next->prot && run->pa + run->size == next->pa;
}

/* Make a run longer by what follows it; false if that says something else. */
static bool extend(struct vmm_pt_run *run, const struct vmm_pt_look *look)
{
	struct vmm_pt_run next;

	describe(look, &next);
	if (!continues(run, &next))
		return false;
	run->size += next.size;
	return true;
}

VMM_RARE bool vmm_pt_next(const struct vmm_pt *pt, struct vmm_pt_cursor *cursor,
	struct vmm_pt_run *run_out)
{
	bool found = false;
	uint64_t size;

	/* A run ends with the half of the addresses that it lies in. */
	while (!found && (size = cursor_size(pt->format, cursor)) > 0) {
		struct vmm_pt_look look;

		vmm_pt_look_start(&look, pt, cursor->va, size, 0);
		while (vmm_pt_look_next(&look)) {
			bool here = look.kind == VMM_PT_LEAF ||
				    (look.kind == VMM_PT_TAG && cursor->tags);

			if (found && (!here || !extend(run_out, &look)))
				return true;
			if (here && !found)
				describe(&look, run_out);
			found |= here;
			step(cursor, look.size);
		}
	}
	return found;
}

/* Widen a run to the whole of its leaves; 16 entries may be one. */
static void widen(struct vmm_pt_look *look)
{
	uint64_t inside = look->va & (look->span - 1);

	look->va -= inside;
	look->pa -= inside;
	if (vmm_pt_is_napot(look->pt->format, look->value, look->level)) {
		look->entry -= inside >> VMM_PAGE_SHIFT;
		look->count = VMM_PT_NAPOT_ENTRIES;
	}
	look->size = (uint64_t)look->count << look->shift;
}

VMM_RARE bool vmm_pt_harvest(struct vmm_pt *pt, struct vmm_pt_cursor *cursor,
	unsigned flags, struct vmm_pt_run *run_out,
	struct vmm_tlb_gather *gather)
{
	const struct vmm_pt_format *format = pt->format;
	uint64_t bits = 0;
	uint64_t size;

	if ((flags & VMM_PT_ACCESSED) != 0)
		bits |= format->prot[VMM_PT_ACCESSED_INDEX].set;
	if ((flags & VMM_PT_DIRTY) != 0)
		bits |= format->prot[VMM_PT_DIRTY_INDEX].set;
	while ((size = cursor_size(format, cursor)) > 0) {
		struct vmm_pt_look look;
		uint64_t seen = 0;

		vmm_pt_look(&look, pt, cursor->va, size);
		if (look.kind == VMM_PT_LEAF && !look.bound) {
			widen(&look);
			seen = vmm_pt_take_bits(look.entry, look.count, bits);
		}
		step(cursor, look.va + look.size - cursor->va);
		if (seen == 0)
			continue;
		look.value |= seen & format->tracked;
		describe(&look, run_out);
		look.note |= VMM_TLB_VALID;
		if ((run_out->prot & flags & VMM_PT_DIRTY) != 0)
			look.note |= VMM_TLB_RESTRICT;
		vmm_tlb_note(gather, look.va, look.size, look.shift, look.note);
		return true;
	}
	return false;
}
