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
	vmm_va_t shift; /* from an address in the source to the new one */
	unsigned clear;
	/* Bits of a leaf at level 0, and what becomes of them. */
	uint64_t from;
	uint64_t to;
	/* Plan: tables needed so far, and the last address of the piece before,
	   if there was one. */
	uint64_t tables;
	vmm_va_t last;
	const vmm_va_t *after;
};

/* The bits of a leaf that is one at @level in @from. */
static VMM_RARE VMM_NOINLINE int recode(const struct copy *copy,
	const struct vmm_pt_format *from, uint64_t entry, unsigned level,
	struct vmm_pt_leaf_bits *bits_out)
{
	return vmm_pt_prot_encode(copy->pt->format,
		vmm_pt_prot_decode(from, entry, level) & ~copy->clear,
		bits_out);
}

/* What is to be mapped for a run. */
static int make_rest(const struct copy *copy, const struct vmm_pt_look *look,
	struct vmm_pt_rest *rest)
{
	const struct vmm_pt_format *from = look->pt->format;
	const struct vmm_pt_format *to = copy->pt->format;
	int err;

	rest->va = look->va + copy->shift;
	rest->pa = rest->va;
	rest->size = look->size;
	rest->top = vmm_pt_root_level(copy->pt);
	rest->note = 0;
	rest->tag = 0;
	if (look->kind == VMM_PT_TAG) {
		rest->tag =
			vmm_pt_tag_make(to, vmm_pt_tag_of(from, look->value));
		return VMM_OK;
	}
	rest->pa = look->pa;
	/* Pages stay pages. */
	rest->top = look->level == 0 ? 0 : to->leaf_level_max;
	if (vmm_range_last(look->pa, look->size) >> to->pa_bits != 0)
		return VMM_ERANGE;
	err = recode(copy, from, look->value, look->level, &rest->bits);
	if (err == VMM_OK)
		rest->note = vmm_pt_global_note(to, rest->bits.at[0]);
	return err;
}

/* An entry of level 0 as the copy has it; formats are the same. */
static int convert(struct copy *copy, uint64_t *entry)
{
	const struct vmm_pt_format *format = copy->pt->format;
	uint64_t kind = *entry & ~format->pa_mask;

	if (!vmm_pt_is_valid(format, *entry))
		return VMM_OK;
	if (kind != copy->from) {
		struct vmm_pt_leaf_bits bits;
		int err = recode(copy, format, *entry, 0, &bits);

		if (err != VMM_OK)
			return err;
		copy->from = kind;
		copy->to = bits.at[0];
	}
	*entry = (*entry & format->pa_mask) | copy->to;
	return VMM_OK;
}

/* The other pages of a piece: @count entries from @look on, first excluded. */
static int copy_entries(struct copy *copy, const struct vmm_pt_look *look,
	uint64_t count, bool write, struct vmm_tlb_gather *gather)
{
	vmm_va_t va = look->va + copy->shift;
	struct vmm_pt_look to;
	uint32_t flags;

	vmm_pt_look(&to, copy->pt, va, VMM_PAGE_SIZE);
	flags = to.note;
	for (uint64_t i = 1; i < count; i++) {
		uint64_t entry = vmm_pt_load(&look->entry[i]);
		int err;

		if (entry == 0)
			continue;
		err = convert(copy, &entry);
		if (err != VMM_OK)
			return err;
		copy->last = va + i * VMM_PAGE_SIZE;
		/* Where the plan finds no table, nothing is in the way. */
		if (write)
			vmm_pt_store(&to.entry[i], entry);
		else if (to.level == 0 && vmm_pt_load(&to.entry[i]) != 0)
			return VMM_EEXIST;
		flags |= vmm_pt_global_note(copy->pt->format, entry);
	}
	if (write && count > 1)
		vmm_tlb_note(gather, va, count * VMM_PAGE_SIZE, VMM_PAGE_SHIFT,
			flags);
	return VMM_OK;
}

/* How many entries of level 0 a source and a new table have in common here. */
static uint64_t piece_entries(
	const struct copy *copy, const struct vmm_pt_look *look)
{
	uint64_t source = vmm_pt_span_left(look->va, 1);
	uint64_t new = vmm_pt_span_left(look->va + copy->shift, 1);
	uint64_t size = look->rest;

	if (look->level > 0 || copy->pt->format != look->pt->format ||
		copy->pt->format->napot != 0)
		return 0;
	size = size < source ? size : source;
	return (size < new ? size : new) >> VMM_PAGE_SHIFT;
}

static int copy_piece(struct copy *copy, struct vmm_pt_look *look, bool write,
	struct vmm_tlb_gather *gather)
{
	uint64_t entries = piece_entries(copy, look);
	struct vmm_pt_rest rest;
	uint64_t tables = 0;
	int err;

	if (entries > 0)
		look->size = VMM_PAGE_SIZE;
	err = make_rest(copy, look, &rest);
	if (err == VMM_OK && !write)
		err = vmm_pt_map_plan(copy->pt, &rest, copy->after, &tables);
	copy->tables += tables;
	copy->last = vmm_range_last(rest.va, rest.size);
	if (err == VMM_OK && write)
		vmm_pt_map_commit(copy->pt, &rest, gather);
	copy->after = &copy->last;
	if (err != VMM_OK || entries == 0)
		return err;
	/* The next run is not where this one ends. */
	look->size = entries << VMM_PAGE_SHIFT;
	look->left = 0;
	return copy_entries(copy, look, entries, write, gather);
}

VMM_RARE int vmm_pt_copy(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	const struct vmm_pt_source *source, struct vmm_tlb_gather *gather)
{
	struct copy copy = {
		pt, va - source->va, source->clear, 0, 0, 0, 0, NULL};
	int err = vmm_pt_range_check(pt, va, size, VMM_PAGE_SIZE);

	if (err == VMM_OK)
		err = vmm_pt_range_check(
			source->pt, source->va, size, VMM_PAGE_SIZE);
	if (err == VMM_OK && pt == source->pt &&
		vmm_range_overlaps(va, size, source->va, size))
		err = VMM_EINVAL;
	for (unsigned pass = 0; pass < 2 && err == VMM_OK; pass++) {
		struct vmm_pt_look look;

		if (pass > 0)
			err = vmm_pt_reserve(pt, copy.tables);
		vmm_pt_look_start(&look, source->pt, source->va, size, 0);
		while (err == VMM_OK && vmm_pt_look_next(&look)) {
			if (look.kind == VMM_PT_ABSENT)
				continue;
			err = copy_piece(&copy, &look, pass > 0, gather);
			VMM_ASSERT(pass == 0 || err == VMM_OK);
		}
	}
	VMM_ASSERT_SLOW(vmm_pt_check(pt) == VMM_OK);
	return err;
}
