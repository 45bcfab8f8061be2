/* SPDX-License-Identifier: MIT */
/*
 * Pruning: unlink tables that hold nothing, lowest level first, so that a
 * table which becomes empty by it goes in the same call.
 */
#include "pt/pt_entry.h"
#include "pt/pt_gather.h"

static bool is_empty(const struct vmm_pt *pt, vmm_pa_t table)
{
	const uint64_t *entry = vmm_pt_table(pt, table);

	for (unsigned i = 0; i < VMM_PT_ENTRIES; i++) {
		if (vmm_pt_load(&entry[i]) != 0)
			return false;
	}
	return true;
}

/* Unlink the table that @entry at @level points to, if it is empty. */
static void prune_entry(struct vmm_pt *pt, uint64_t *entry, unsigned level,
	struct vmm_tlb_gather *gather)
{
	uint64_t value = vmm_pt_load(entry);
	vmm_pa_t table = vmm_pt_entry_pa(pt->format, value);

	if (!vmm_pt_is_table(pt->format, value, level) ||
		vmm_pt_is_lent(pt->format, value) || !is_empty(pt, table))
		return;
	vmm_pt_store(entry, 0);
	vmm_pt_retire(pt, table, level - 1, gather);
	/* What the table once held may have been global. */
	gather->flags |= VMM_TLB_GLOBAL;
}

/* Unlink the empty tables that entries at @level point to. */
static void prune_level(struct vmm_pt *pt, vmm_va_t va, vmm_va_t last,
	unsigned level, struct vmm_tlb_gather *gather)
{
	for (;;) {
		unsigned at;
		uint64_t *entry = vmm_pt_walk(pt, va, level, &at);
		uint64_t rest = vmm_pt_rest(va, at);

		if (at == level)
			prune_entry(pt, entry, level, gather);
		if (rest > last - va)
			return;
		va += rest;
	}
}

int vmm_pt_prune(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather)
{
	int err;

	VMM_ASSERT(gather != NULL);
	err = vmm_pt_change_check(pt, va, size);
	if (err != VMM_OK)
		return err;
	for (unsigned level = 1; level <= vmm_pt_root_level(pt); level++)
		prune_level(pt, va, vmm_range_last(va, size), level, gather);
	VMM_ASSERT_SLOW(vmm_pt_check(pt) == VMM_OK);
	return VMM_OK;
}
