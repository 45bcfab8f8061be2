/* SPDX-License-Identifier: MIT */
/*
 * Doing without tables: those that hold nothing are unlinked, and those whose
 * leaves say together what one larger leaf can say are replaced by it. Lowest
 * level first, so that a table which becomes empty, or uniform, by it goes in
 * the same call.
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

enum deed { PRUNE, MERGE };

static bool is_empty(const struct vmm_pt *pt, vmm_pa_t table)
{
	const uint64_t *entry = vmm_pt_table(pt, table);

	for (unsigned i = 0; i < VMM_PT_ENTRIES; i++) {
		if (vmm_pt_load(&entry[i]) != 0)
			return false;
	}
	return true;
}

/*
 * The protection that all leaves of a table at @level have, which map one large
 * frame from *@pa_out on, to @va; 0 if they do not.
 */
static unsigned uniform_prot(
	const struct vmm_pt *pt, vmm_va_t va, unsigned level, vmm_pa_t *pa_out)
{
	const struct vmm_pt_format *format = pt->format;
	const unsigned state =
		format->tracked != 0 ? VMM_PT_ACCESSED | VMM_PT_DIRTY : 0;
	uint64_t span = vmm_pt_leaf_size(level + 1);
	struct vmm_pt_look look;
	unsigned prot = 0;

	look.left = 0;
	for (uint64_t at = 0; at < span; at += look.size) {
		unsigned got;

		vmm_pt_look_on(pt, va + at, span - at, 0, &look);
		got = vmm_pt_prot_decode(format, look.value, look.level) &
		      ~state;
		if (at == 0) {
			*pa_out = look.pa;
			prot = got;
		}
		if (look.kind != VMM_PT_LEAF || look.level != level ||
			got != prot || look.pa != *pa_out + at)
			return 0;
	}
	/* Which page was used or written to, the large one cannot say. */
	return prot | (state & VMM_PT_ACCESSED) |
	       ((prot & VMM_PT_WRITE) != 0 ? state : 0);
}

/* What takes the place of the entry for @va at @look, which is a table's. */
static bool replacement(const struct vmm_pt *pt, enum deed deed, vmm_va_t va,
	const struct vmm_pt_look *look, uint64_t *entry_out)
{
	const struct vmm_pt_format *format = pt->format;
	struct vmm_pt_leaf_bits bits;
	vmm_pa_t pa = 0;
	unsigned prot;

	*entry_out = 0;
	if (deed == PRUNE)
		return is_empty(pt, vmm_pt_entry_pa(format, look->value));
	if (look->level > format->leaf_level_max ||
		look->size < vmm_pt_leaf_size(look->level))
		return false;
	prot = uniform_prot(pt, va, look->level - 1, &pa);
	if (prot == 0 || !vmm_is_aligned(pa, vmm_pt_leaf_size(look->level)) ||
		vmm_pt_prot_encode(format, prot, &bits) != VMM_OK)
		return false;
	*entry_out = vmm_pt_leaf_make(format, pa, bits.at[1]);
	return true;
}

static VMM_RARE int sweep(struct vmm_pt *pt, enum deed deed, vmm_va_t va,
	uint64_t size, struct vmm_tlb_gather *gather)
{
	const struct vmm_pt_format *format = pt->format;
	int err;

	VMM_ASSERT(gather != NULL);
	err = vmm_pt_change_check(pt, va, size);
	if (err != VMM_OK)
		return err;
	for (unsigned level = 1; level <= vmm_pt_root_level(pt); level++) {
		struct vmm_pt_look look;
		uint64_t entry;

		for (uint64_t at = 0; at < size; at += look.size) {
			vmm_pt_look(pt, va + at, size - at, level, &look);
			/* What is lent is other tables' as well. */
			if (look.kind != VMM_PT_TABLE ||
				vmm_pt_is_lent(format, look.value) ||
				!replacement(pt, deed, va + at, &look, &entry))
				continue;
			vmm_pt_store(look.entry, entry);
			vmm_pt_unlink(pt, vmm_pt_entry_pa(format, look.value),
				gather);
			/* An empty table may have held what was global. */
			gather->flags |= vmm_pt_lent_note(pt, look.root) |
					 (entry == 0 ? VMM_TLB_GLOBAL
						     : vmm_pt_global_note(
							       format, entry));
		}
	}
	VMM_ASSERT_SLOW(vmm_pt_check(pt) == VMM_OK);
	return VMM_OK;
}

int vmm_pt_prune(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather)
{
	return sweep(pt, PRUNE, va, size, gather);
}

int vmm_pt_merge(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather)
{
	return sweep(pt, MERGE, va, size, gather);
}
