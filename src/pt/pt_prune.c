/* SPDX-License-Identifier: MIT */
/*
 * Doing without tables: those that hold nothing, or that lie in what is unmapped
 * anyway, are unlinked; and those whose leaves say together what one larger leaf
 * can say are replaced by it. Lowest level first, so that a table which becomes
 * empty, or uniform, by it goes in the same call, and none is unlinked before
 * those below it.
 *
 *     a table of 4 KiB leaves,      one leaf of 2 MiB
 *     contiguous and alike
 *    +-----+-----+-----+-----+     +-----------------+
 *    |leaf |leaf | ... |leaf |  -> |       leaf      |
 *    +-----+-----+-----+-----+     +-----------------+
 *
 * Every address translates as before, so a hart may use the old leaves, the new
 * one, or both, until the fence.
 */
#include <vmm/pt_upkeep.h>

#include "pt/pt_entry.h"
#include "pt/pt_gather.h"

/*
 * The protection that the leaves from @part on have, if they map together one
 * large frame, as large as their table's span; 0 if they do not.
 */
static unsigned uniform_prot(struct vmm_pt_look *part, unsigned level)
{
	const struct vmm_pt_format *format = part->pt->format;
	const unsigned state =
		format->tracked != 0 ? VMM_PT_ACCESSED | VMM_PT_DIRTY : 0;
	vmm_pa_t skew = part->pa - part->va;
	unsigned prot = 0;

	do {
		unsigned got =
			vmm_pt_prot_decode(format, part->value, part->level);

		got &= ~state;
		if (part->kind != VMM_PT_LEAF || part->level != level ||
			(prot != 0 && got != prot) ||
			part->pa - part->va != skew)
			return 0;
		prot = got;
	} while (vmm_pt_look_next(part));
	/* Which page was used or written to, the large one cannot say. */
	return prot | (state & VMM_PT_ACCESSED) |
	       ((prot & VMM_PT_WRITE) != 0 ? state : 0);
}

/* What takes the place of the entry at @look, which is a table's. */
static bool replacement(const struct vmm_pt_look *look, enum vmm_pt_deed deed,
	uint64_t *entry_out)
{
	const struct vmm_pt_format *format = look->pt->format;
	uint64_t span = look->span;
	bool whole = look->size == span;
	struct vmm_pt_look part;
	struct vmm_pt_leaf_bits bits;
	vmm_pa_t pa;
	unsigned prot;

	*entry_out = 0;
	if (deed == VMM_PT_CLEAR)
		return whole;
	vmm_pt_look(&part, look->pt, vmm_align_down(look->va, span), span);
	if (deed == VMM_PT_PRUNE)
		return part.kind == VMM_PT_ABSENT && part.size == span;
	if (look->level > format->leaf_level_max || !whole)
		return false;
	pa = part.pa;
	prot = uniform_prot(&part, look->level - 1);
	if (prot == 0 || !vmm_is_aligned(pa, span) ||
		vmm_pt_prot_encode(format, prot, &bits) != VMM_OK)
		return false;
	*entry_out = vmm_pt_leaf_make(format, pa, bits.at[1]);
	return true;
}

VMM_RARE void vmm_pt_sweep(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	enum vmm_pt_deed deed, struct vmm_tlb_gather *gather)
{
	const struct vmm_pt_format *format = pt->format;

	for (unsigned level = 1; level <= vmm_pt_root_level(pt); level++) {
		struct vmm_pt_look look;
		uint64_t entry;

		if (deed == VMM_PT_CLEAR && size < vmm_pt_leaf_size(level))
			break;
		vmm_pt_look_start(&look, pt, va, size, level);
		while (vmm_pt_look_next(&look)) {
			/* What is lent is other tables' as well. */
			if (look.kind != VMM_PT_TABLE ||
				(look.value & format->lent) != 0 ||
				!replacement(&look, deed, &entry))
				continue;
			vmm_pt_store(look.entry, entry);
			vmm_pt_unlink(pt, vmm_pt_entry_pa(format, look.value),
				gather);
			gather->flags |=
				look.note | vmm_pt_global_note(format, entry);
			/* An empty table may have held what was global. */
			if (deed == VMM_PT_PRUNE)
				gather->flags |= VMM_TLB_GLOBAL;
		}
	}
}

static VMM_RARE int upkeep(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	enum vmm_pt_deed deed, struct vmm_tlb_gather *gather)
{
	int err = vmm_pt_range_check(pt, va, size, VMM_PAGE_SIZE);
	struct vmm_pt_look look;

	VMM_ASSERT(gather != NULL);
	if (err != VMM_OK)
		return err;
	vmm_pt_look_start(&look, pt, va, size, vmm_pt_root_level(pt));
	while (vmm_pt_look_next(&look)) {
		if (look.bound)
			return VMM_EBUSY;
	}
	vmm_pt_sweep(pt, va, size, deed, gather);
	VMM_ASSERT_SLOW(vmm_pt_check(pt) == VMM_OK);
	return VMM_OK;
}

int vmm_pt_prune(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather)
{
	return upkeep(pt, va, size, VMM_PT_PRUNE, gather);
}

int vmm_pt_merge(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather)
{
	return upkeep(pt, va, size, VMM_PT_MERGE, gather);
}
