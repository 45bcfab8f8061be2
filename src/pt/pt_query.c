/* SPDX-License-Identifier: MIT */
/* Looking up one address, and walking over all that is mapped. */
#include "pt/pt_entry.h"

int vmm_pt_translate(const struct vmm_pt *pt, vmm_va_t va, vmm_pa_t *pa_out,
	unsigned *prot_out)
{
	unsigned level;
	uint64_t entry;

	if (!vmm_pt_canonical(pt->format, va))
		return VMM_ERANGE;
	entry = vmm_pt_load(vmm_pt_walk(pt, va, 0, &level));
	if (!vmm_pt_is_valid(pt->format, entry))
		return VMM_ENOENT;
	if (pa_out != NULL)
		*pa_out = vmm_pt_entry_pa(pt->format, entry) +
			  (va & (vmm_pt_leaf_size(level) - 1));
	if (prot_out != NULL)
		*prot_out = vmm_pt_prot_decode(pt->format, entry);
	return VMM_OK;
}

/* Move the cursor by @size, but not past its last address. */
static void step(struct vmm_pt_cursor *cursor, uint64_t size)
{
	if (size > cursor->last - cursor->va)
		cursor->done = true;
	else
		cursor->va += size;
}

/* From the hole between the canonical halves to the start of the upper one. */
static void skip_hole(
	const struct vmm_pt_format *format, struct vmm_pt_cursor *cursor)
{
	vmm_va_t upper;

	if (cursor->done || vmm_pt_canonical(format, cursor->va))
		return;
	upper = UINT64_MAX << (format->va_bits - 1);
	if (format->sign_extended == 0 || cursor->last < upper)
		cursor->done = true;
	else
		cursor->va = upper;
}

/*
 * Find the next leaf: *@entry_out in a table at *@level_out, covering the
 * cursor. False at the end of the walk.
 */
static bool find_leaf(const struct vmm_pt *pt, struct vmm_pt_cursor *cursor,
	const uint64_t **entry_out, unsigned *level_out)
{
	for (skip_hole(pt->format, cursor); !cursor->done;
		skip_hole(pt->format, cursor)) {
		unsigned level;
		const uint64_t *entry = vmm_pt_walk(pt, cursor->va, 0, &level);
		unsigned left = vmm_pt_entries(pt, level) -
				vmm_pt_index(pt, cursor->va, level);

		if (vmm_pt_is_valid(pt->format, vmm_pt_load(entry))) {
			*entry_out = entry;
			*level_out = level;
			return true;
		}
		/*
		 * Over the absent entries of this table at once, though not
		 * across the middle of the root, where the hole begins.
		 */
		do {
			step(cursor, vmm_pt_rest(cursor->va, level));
			entry++;
			left--;
		} while (left > 0 && !cursor->done &&
			 vmm_pt_canonical(pt->format, cursor->va) &&
			 !vmm_pt_is_valid(pt->format, vmm_pt_load(entry)));
	}
	return false;
}

/*
 * Add to @run the leaves that follow @entry in its table and continue it, and
 * move the cursor behind them. True if the table's end was reached with the
 * run unbroken.
 */
static bool extend(const struct vmm_pt *pt, struct vmm_pt_cursor *cursor,
	const uint64_t *entry, struct vmm_pt_run *run)
{
	uint64_t span = vmm_pt_leaf_size(run->level);
	unsigned left = vmm_pt_entries(pt, run->level) -
			vmm_pt_index(pt, cursor->va, run->level);

	while (left-- > 0) {
		uint64_t value = vmm_pt_load(entry++);
		uint64_t inside = cursor->va & (span - 1);
		uint64_t part = span - inside;

		if (!vmm_pt_is_valid(pt->format, value) ||
			vmm_pt_is_table(pt->format, value, run->level) ||
			vmm_pt_entry_pa(pt->format, value) + inside !=
				run->pa + run->size ||
			vmm_pt_prot_decode(pt->format, value) != run->prot)
			return false;
		if (part > cursor->last - cursor->va)
			part = cursor->last - cursor->va + 1;
		run->size += part;
		step(cursor, part);
		if (cursor->done)
			return false;
	}
	return true;
}

bool vmm_pt_next(const struct vmm_pt *pt, struct vmm_pt_cursor *cursor,
	struct vmm_pt_run *run_out)
{
	const uint64_t *entry;
	struct vmm_pt_run run;
	unsigned level;
	uint64_t value;

	if (!find_leaf(pt, cursor, &entry, &level))
		return false;
	value = vmm_pt_load(entry);
	run.va = cursor->va;
	run.pa = vmm_pt_entry_pa(pt->format, value) +
		 (cursor->va & (vmm_pt_leaf_size(level) - 1));
	run.size = 0;
	run.prot = vmm_pt_prot_decode(pt->format, value);
	run.level = level;
	/* From table to table, as long as the run goes on at the same level. */
	while (extend(pt, cursor, entry, &run)) {
		if (!vmm_pt_canonical(pt->format, cursor->va))
			break;
		entry = vmm_pt_walk(pt, cursor->va, 0, &level);
		if (level != run.level)
			break;
	}
	*run_out = run;
	return true;
}
