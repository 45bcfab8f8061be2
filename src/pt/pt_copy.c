/* SPDX-License-Identifier: MIT */
/*
 * Copying mappings: theory of operation
 *
 * 1. The same pass runs twice, once to plan and once to write. The plan refuses
 *    and counts the missing tables, by the same rule as vmm_pt_map_tables():
 *    those that two pieces share are new for the first of them.
 *
 * 2. A piece is a run of the source, mapped as vmm_pt_map() would map it. Pages
 *    of a process are rarely contiguous, so runs are short in the lowest
 *    tables. There a piece is what one source and one new table have in common:
 *    its first page is mapped like a run, which makes the tables, and the
 *    others are copied from entry to entry. Entries with the same bits beside
 *    the address, and there are few kinds of them, are converted once.
 */
#include <vmm/pt_share.h>

#include "pt/pt_entry.h"
#include "pt/pt_gather.h"

struct copy {
	struct vmm_pt *pt;
	vmm_va_t va; /* of the next piece */
	struct vmm_pt_source source;
	uint64_t size; /* left */
	/* Bits of a leaf at level 0, and what becomes of them. */
	uint64_t from;
	uint64_t to;
	/* Plan: tables needed so far, and the last address of the piece before,
	   if there was one. */
	uint64_t tables;
	vmm_va_t last;
	const vmm_va_t *after;
};

/* What is to be mapped for a run. */
static int make_rest(const struct copy *copy, const struct vmm_pt_look *look,
	struct vmm_pt_rest *rest)
{
	const struct vmm_pt_format *from = copy->source.pt->format;
	const struct vmm_pt_format *to = copy->pt->format;
	unsigned prot;

	rest->va = copy->va;
	rest->pa = 0;
	rest->size = look->size;
	rest->note = 0;
	rest->tag = 0;
	if (look->kind == VMM_PT_TAG) {
		rest->tag =
			vmm_pt_tag_make(to, vmm_pt_tag_of(from, look->value));
		return VMM_OK;
	}
	prot = vmm_pt_prot_decode(from, look->value, look->level) &
	       ~copy->source.clear;
	rest->pa = look->pa;
	rest->note = (prot & VMM_PT_GLOBAL) != 0 ? VMM_TLB_GLOBAL : 0;
	if (vmm_range_last(look->pa, look->size) >> to->pa_bits != 0)
		return VMM_ERANGE;
	return vmm_pt_prot_encode(to, prot, &rest->bits);
}

/* An entry of level 0 as the copy has it; formats are the same. */
static int convert(struct copy *copy, uint64_t entry, uint64_t *entry_out)
{
	const struct vmm_pt_format *format = copy->pt->format;
	struct vmm_pt_leaf_bits bits;
	int err;

	*entry_out = entry;
	if (!vmm_pt_is_valid(format, entry))
		return VMM_OK;
	if ((entry & ~format->pa_mask) != copy->from) {
		err = vmm_pt_prot_encode(format,
			vmm_pt_prot_decode(format, entry, 0) &
				~copy->source.clear,
			&bits);
		if (err != VMM_OK)
			return err;
		copy->from = entry & ~format->pa_mask;
		copy->to = bits.at[0];
	}
	*entry_out = (entry & format->pa_mask) | copy->to;
	return VMM_OK;
}

/* The other pages of a piece: @count entries from @from on, first excluded. */
static int copy_entries(struct copy *copy, const uint64_t *from, uint64_t count,
	bool write, struct vmm_tlb_gather *gather)
{
	struct vmm_pt_point point = vmm_pt_walk(copy->pt, copy->va, 0);
	uint32_t flags = vmm_pt_lent_note(
		copy->pt, vmm_pt_load(vmm_pt_root_entry(copy->pt, copy->va)));

	for (uint64_t i = 1; i < count; i++) {
		uint64_t entry = vmm_pt_load(&from[i]);
		int err;

		if (entry == 0)
			continue;
		err = convert(copy, entry, &entry);
		if (err != VMM_OK)
			return err;
		copy->last = copy->va + i * VMM_PAGE_SIZE;
		/* Where the plan finds no table, nothing is in the way. */
		if (write)
			vmm_pt_store(&point.entry[i], entry);
		else if (point.level == 0 && vmm_pt_load(&point.entry[i]) != 0)
			return VMM_EEXIST;
		flags |= vmm_pt_global_note(copy->pt->format, entry);
	}
	if (write && count > 1)
		vmm_tlb_note(gather, copy->va, count * VMM_PAGE_SIZE,
			VMM_PAGE_SHIFT, flags);
	return VMM_OK;
}

/* How many entries of level 0 a source and a new table have in common here. */
static uint64_t piece_entries(
	const struct copy *copy, const struct vmm_pt_look *look)
{
	uint64_t size = vmm_pt_rest(copy->source.va, 1);

	if (look->level > 0 || copy->pt->format != copy->source.pt->format ||
		copy->pt->format->napot != 0)
		return 0;
	size = size < copy->size ? size : copy->size;
	size = size < vmm_pt_rest(copy->va, 1) ? size
					       : vmm_pt_rest(copy->va, 1);
	return size >> VMM_PAGE_SHIFT;
}

static int copy_piece(struct copy *copy, struct vmm_pt_look *look, bool write,
	struct vmm_tlb_gather *gather)
{
	uint64_t entries = piece_entries(copy, look);
	struct vmm_pt_look first;
	struct vmm_pt_rest rest;
	uint64_t tables;
	int err;

	if (entries > 0)
		look->size = VMM_PAGE_SIZE;
	err = make_rest(copy, look, &rest);
	if (err == VMM_OK && write) {
		vmm_pt_look(copy->pt, rest.va, rest.size, 0, &first);
		vmm_pt_map_commit(copy->pt, rest, first, gather);
	} else if (err == VMM_OK) {
		err = vmm_pt_map_plan(
			copy->pt, &rest, copy->after, &first, &tables);
		copy->tables += err == VMM_OK ? tables : 0;
	}
	copy->last = vmm_range_last(rest.va, rest.size);
	copy->after = &copy->last;
	if (err != VMM_OK || entries == 0)
		return err;
	look->size = entries << VMM_PAGE_SHIFT;
	return copy_entries(copy, look->entry, entries, write, gather);
}

static VMM_RARE int pass(
	struct copy *copy, bool write, struct vmm_tlb_gather *gather)
{
	int err = VMM_OK;

	while (err == VMM_OK && copy->size > 0) {
		struct vmm_pt_look look;

		vmm_pt_look(
			copy->source.pt, copy->source.va, copy->size, 0, &look);
		if (look.kind != VMM_PT_ABSENT)
			err = copy_piece(copy, &look, write, gather);
		copy->va += look.size;
		copy->source.va += look.size;
		copy->size -= look.size;
	}
	return err;
}

VMM_RARE int vmm_pt_copy(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	const struct vmm_pt_source *source, struct vmm_tlb_gather *gather)
{
	struct copy copy = {pt, va, *source, size, 0, 0, 0, 0, NULL};
	struct copy again = copy;
	int err;

	err = vmm_pt_range_check(pt, va, size, VMM_PAGE_SIZE);
	if (err == VMM_OK)
		err = vmm_pt_range_check(
			source->pt, source->va, size, VMM_PAGE_SIZE);
	if (err != VMM_OK)
		return err;
	if (pt == source->pt && vmm_range_overlaps(va, size, source->va, size))
		return VMM_EINVAL;
	err = pass(&copy, false, NULL);
	if (err == VMM_OK)
		err = vmm_pt_reserve(pt, copy.tables);
	if (err != VMM_OK)
		return err;
	err = pass(&again, true, gather);
	VMM_ASSERT(err == VMM_OK);
	VMM_ASSERT_SLOW(vmm_pt_check(pt) == VMM_OK);
	return VMM_OK;
}
