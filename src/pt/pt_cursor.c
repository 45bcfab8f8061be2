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

/* What a run means, without where it is. */
static VMM_RARE VMM_NOINLINE void describe(const struct vmm_pt_format *format,
	const struct vmm_pt_look *look, vmm_va_t va, struct vmm_pt_run *run)
{
	run->va = va;
	run->size = look->size;
	run->level = look->level;
	run->shift = vmm_pt_shift(look->level);
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

/* Does @next go on where @run ends, and say the same? */
static bool continues(
	const struct vmm_pt_run *run, const struct vmm_pt_run *next)
{
	if (run->tag != 0)
		return run->tag == next->tag;
	if (run->level != next->level || run->shift != next->shift ||
		run->prot != next->prot)
		return false;
	return run->pa + run->size == next->pa;
}

VMM_RARE bool vmm_pt_next(const struct vmm_pt *pt, struct vmm_pt_cursor *cursor,
	struct vmm_pt_run *run_out)
{
	struct vmm_pt_run run = {0, 0, 0, 0, 0, 0, 0};
	struct vmm_pt_look look;
	uint64_t size;

	look.left = 0;
	while ((size = cursor_size(pt->format, cursor)) > 0) {
		struct vmm_pt_run next;

		vmm_pt_look_on(pt, cursor->va, size, 0, &look);
		if (look.kind == VMM_PT_LEAF ||
			(look.kind == VMM_PT_TAG && cursor->tags)) {
			describe(pt->format, &look, cursor->va, &next);
			if (run.size == 0)
				run = next;
			else if (run.va + run.size == next.va &&
				 continues(&run, &next))
				run.size += next.size;
			else
				break;
		} else if (run.size != 0) {
			break;
		}
		step(cursor, look.size);
	}
	if (run.size == 0)
		return false;
	*run_out = run;
	return true;
}

/* Take flags out of entries; returns what any of them had. */
static uint64_t take_bits(uint64_t *entry, unsigned count, uint64_t bits)
{
	uint64_t seen = 0;

	for (unsigned i = 0; i < count; i++)
		seen |= vmm_pt_load(&entry[i]);
	if ((seen & bits) == 0)
		return 0;
	for (unsigned i = 0; i < count; i++)
		seen |= __atomic_fetch_and(&entry[i], ~bits, __ATOMIC_RELAXED);
	return seen;
}

/* Widen a run to the whole of its leaves; 16 entries may be one. */
static void widen(const struct vmm_pt_format *format, struct vmm_pt_look *look,
	vmm_va_t *va)
{
	uint64_t inside =
		*va & (vmm_pt_leaf_span(format, look->value, look->level) - 1);

	*va -= inside;
	look->pa -= inside;
	if (vmm_pt_is_napot(format, look->value, look->level)) {
		look->entry -= inside >> VMM_PAGE_SHIFT;
		look->count = VMM_PT_NAPOT_ENTRIES;
	}
	look->size = (uint64_t)look->count << vmm_pt_shift(look->level);
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
		vmm_va_t va = cursor->va;
		uint64_t seen = 0;

		vmm_pt_look(pt, va, size, 0, &look);
		if (look.kind == VMM_PT_LEAF && !vmm_pt_is_bound(pt, &look)) {
			widen(format, &look, &va);
			seen = take_bits(look.entry, look.count, bits);
		}
		step(cursor, va + look.size - cursor->va);
		if (seen == 0)
			continue;
		look.value |= seen & format->tracked;
		describe(format, &look, va, run_out);
		vmm_tlb_note(gather, va, look.size, vmm_pt_shift(look.level),
			VMM_TLB_VALID |
				((run_out->prot & flags & VMM_PT_DIRTY) != 0
						? VMM_TLB_RESTRICT
						: 0) |
				vmm_pt_global_note(format, look.value) |
				vmm_pt_lent_note(pt, look.root));
		return true;
	}
	return false;
}
