/* SPDX-License-Identifier: MIT */
/*
 * The self-check: walk every table from the root and test each entry. The walk
 * is bounded by table_count, so a loop or a table that is linked twice ends it
 * as surely as it is reported.
 */
#include "pt/pt_walker.h"

/* Is @pa one of the root's pages? */
static bool in_root(const struct vmm_pt *pt, vmm_pa_t pa)
{
	return vmm_range_has(
		pt->root, UINT64_C(8) << pt->format->root_bits, pa);
}

/* I2: a pointer to a table has no bits but the format's. */
static bool table_entry_ok(const struct vmm_pt *pt, uint64_t entry)
{
	vmm_pa_t pa = vmm_pt_entry_pa(pt->format, entry);

	return (entry & ~(pt->format->pa_mask | pt->format->table_ignored)) ==
		       pt->format->table_bits &&
	       !in_root(pt, pa) && pa >> pt->format->pa_bits == 0;
}

/* I3: a leaf is the one that its address and protection make. */
static VMM_RARE bool leaf_entry_ok(
	const struct vmm_pt_format *format, uint64_t entry, unsigned level)
{
	unsigned prot = vmm_pt_prot_decode(format, entry, level);
	uint64_t size = vmm_pt_leaf_span(format, entry, level);
	vmm_pa_t pa = vmm_pt_leaf_pa(format, entry, level, 0);
	struct vmm_pt_leaf_bits bits;

	if (level > format->leaf_level_max ||
		(pa + (size - 1)) >> format->pa_bits != 0 ||
		vmm_pt_prot_encode(format, prot, &bits) != VMM_OK)
		return false;
	if (vmm_pt_is_napot(format, entry, level)) {
		bits.at[0] |= format->napot;
		pa |= VMM_PT_NAPOT_ADDRESS;
	}
	return entry == vmm_pt_leaf_make(format, pa, bits.at[level > 0]);
}

/* I3: the 16 entries of a leaf of 64 KiB are alike, but for A and D. */
static bool group_ok(const struct vmm_pt_walker *w)
{
	const struct vmm_pt_format *format = w->pt->format;
	uint64_t before;

	if (w->index % VMM_PT_NAPOT_ENTRIES == 0)
		return true;
	before = vmm_pt_load(
		vmm_pt_table(w->pt, w->path[w->level].pa) + w->index - 1);
	return (!vmm_pt_is_napot(format, before, w->level) &&
		       !vmm_pt_is_napot(format, w->entry, w->level)) ||
	       ((before ^ w->entry) & ~format->tracked) == 0;
}

/* I3: what is not valid is 0 or a tag. */
static bool absent_entry_ok(const struct vmm_pt_format *format, uint64_t entry)
{
	uint64_t tag = vmm_pt_tag_of(format, entry);

	return entry == 0 || (tag != 0 && tag <= VMM_PT_TAG_MAX &&
				     entry == vmm_pt_tag_make(format, tag));
}

/* I4: the spare list is as long as it says, and ends in 0: no loop does. */
static VMM_RARE bool spares_ok(const struct vmm_pt *pt)
{
	vmm_pa_t pa = pt->spare;

	for (uint64_t i = 0; i < pt->spare_count; i++) {
		if (!vmm_is_aligned(pa, VMM_PAGE_SIZE) || in_root(pt, pa))
			return false;
		pa = vmm_pt_load(vmm_pt_table(pt, pa));
	}
	return pa == 0;
}

/* Test and count one entry; a table that it points to is entered. */
static bool entry_ok(struct vmm_pt_walker *w, struct vmm_pt_usage *usage)
{
	const struct vmm_pt *pt = w->pt;
	const struct vmm_pt_format *format = pt->format;
	uint64_t entry = w->entry;
	uint64_t mark = 0;
	bool table;

	if (!group_ok(w))
		return false;
	if (!vmm_pt_is_valid(format, entry)) {
		usage->tags += entry != 0 ? 1u : 0u;
		return absent_entry_ok(format, entry);
	}
	/* In the root, one of the marks is the library's own. */
	if (w->level == vmm_pt_root_level(pt))
		mark = (entry & format->borrowed) != 0 ? format->borrowed
						       : format->lent;
	entry &= ~mark;
	table = vmm_pt_is_table(format, entry, w->level);
	if (!(table ? table_entry_ok(pt, entry)
		    : leaf_entry_ok(format, entry, w->level)))
		return false;
	if (mark != 0 && mark != format->lent) {
		usage->borrowed++;
	} else if (table) {
		vmm_pt_walker_enter(w);
		return ++usage->tables <= pt->table_count;
	} else {
		usage->leaves[w->level]++;
		usage->size += vmm_pt_leaf_size(w->level);
	}
	return true;
}

VMM_RARE int vmm_pt_usage(
	const struct vmm_pt *pt, struct vmm_pt_usage *usage_out)
{
	struct vmm_pt_usage usage = {1, 0, 0, 0, 0, {0, 0, 0, 0, 0}};
	struct vmm_pt_walker walker;

	vmm_pt_walker_init(&walker, pt);
	do {
		while (vmm_pt_walker_next(&walker)) {
			if (!entry_ok(&walker, &usage))
				return VMM_ECORRUPT;
		}
		if (vmm_pt_walker_step(&walker)->used == 0 &&
			walker.level < vmm_pt_root_level(pt))
			usage.empty++;
	} while (vmm_pt_walker_leave(&walker));
	if (usage.tables != pt->table_count || !spares_ok(pt))
		return VMM_ECORRUPT;
	*usage_out = usage;
	return VMM_OK;
}

int vmm_pt_check(const struct vmm_pt *pt)
{
	struct vmm_pt_usage usage;

	return vmm_pt_usage(pt, &usage);
}
