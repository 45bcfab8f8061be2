/* SPDX-License-Identifier: MIT */
/*
 * The self-check: walk every table from the root and test each entry. The walk
 * is bounded by table_count, so a loop or a table that is linked twice ends it
 * as surely as it is reported.
 */
#include "pt/pt_entry.h"

/* I2: a pointer to a table has no bits but the format's. */
static bool table_entry_ok(const struct vmm_pt *pt, uint64_t entry)
{
	vmm_pa_t pa = vmm_pt_entry_pa(pt->format, entry);

	return (entry & ~(pt->format->pa_mask | pt->format->table_ignored)) ==
		       pt->format->table_bits &&
	       pa != pt->root;
}

/* I3: a leaf is one that vmm_pt_map() or vmm_pt_protect() could write. */
static bool leaf_entry_ok(
	const struct vmm_pt *pt, uint64_t entry, unsigned level)
{
	const struct vmm_pt_format *format = pt->format;
	uint64_t mask = vmm_pt_prot_mask(format);
	uint64_t bits;

	return level <= format->leaf_level_max &&
	       vmm_is_aligned(vmm_pt_entry_pa(format, entry),
		       vmm_pt_leaf_size(level)) &&
	       (entry & (format->leaf_forbidden | format->borrowed |
				format->lent)) == 0 &&
	       (entry & format->leaf_bits[level > 0]) ==
		       format->leaf_bits[level > 0] &&
	       vmm_pt_prot_encode(format, vmm_pt_prot_decode(format, entry),
		       &bits) == VMM_OK &&
	       (entry & mask) == (bits & mask);
}

/* I2: what was borrowed is not lent on, and is a table's or a leaf's entry. */
static bool borrowed_entry_ok(const struct vmm_pt *pt, uint64_t entry)
{
	uint64_t plain = entry & ~pt->format->borrowed;
	unsigned level = vmm_pt_root_level(pt);

	return vmm_pt_is_table(pt->format, plain, level)
		       ? table_entry_ok(pt, plain)
		       : leaf_entry_ok(pt, plain, level);
}

/* I4: the spare list is as long as it says, and ends in 0: no loop does. */
static bool spares_ok(const struct vmm_pt *pt)
{
	vmm_pa_t pa = pt->spare;

	for (uint64_t i = 0; i < pt->spare_count; i++) {
		if (!vmm_is_aligned(pa, VMM_PAGE_SIZE) || pa == pt->root)
			return false;
		pa = vmm_pt_load(vmm_pt_table(pt, pa));
	}
	return pa == 0;
}

int vmm_pt_check(const struct vmm_pt *pt)
{
	const struct vmm_pt_format *format = pt->format;
	unsigned top = vmm_pt_root_level(pt);
	const uint64_t *table[VMM_PT_LEVELS_MAX] = {NULL};
	unsigned at[VMM_PT_LEVELS_MAX] = {0};
	unsigned level = top;
	uint64_t seen = 1;

	table[top] = vmm_pt_table(pt, pt->root);
	while (level <= top) {
		uint64_t entry;

		if (at[level] == vmm_pt_entries(pt, level)) {
			level++;
			continue;
		}
		entry = vmm_pt_load(&table[level][at[level]++]);
		if (!vmm_pt_is_valid(format, entry)) {
			if (entry != 0)
				return VMM_ECORRUPT;
			continue;
		}
		/* In the root the marks are the library's own. */
		if (level == top && !vmm_pt_is_borrowed(format, entry))
			entry &= ~format->lent;
		if (level == top && vmm_pt_is_borrowed(format, entry)) {
			if (!borrowed_entry_ok(pt, entry))
				return VMM_ECORRUPT;
			continue;
		}
		if (!vmm_pt_is_table(format, entry, level)) {
			if (!leaf_entry_ok(pt, entry, level))
				return VMM_ECORRUPT;
			continue;
		}
		if (!table_entry_ok(pt, entry) || ++seen > pt->table_count)
			return VMM_ECORRUPT;
		level--;
		table[level] = vmm_pt_table(pt, vmm_pt_entry_pa(format, entry));
		at[level] = 0;
	}
	if (seen != pt->table_count || !spares_ok(pt))
		return VMM_ECORRUPT;
	return VMM_OK;
}
