/* SPDX-License-Identifier: MIT */
/*
 * Mapping: theory of operation
 *
 * 1. Both passes move through the range in steps. A step is one run of entries
 *    in one table, found by one walk from the root: what is repeated for every
 *    page is one load, or one store, and an addition.
 *
 * 2. The level of a step is the largest at which the addresses are aligned and
 *    enough size is left, but no higher than the tables that are already
 *    there: an existing table is descended into, never replaced by a leaf,
 *    even if it is empty.
 *
 * 3. The plan pass reads. It refuses a range with anything in it, and counts
 *    the tables that are missing. Below an absent entry there is nothing to
 *    read; there it only counts, by the rule: a table is new when the range
 *    enters it, that is at its first address or at the first address of the
 *    part below the absent entry.
 *
 * 4. The commit pass cannot fail. Where tables are missing it builds the whole
 *    chain aside, leaves included, and makes it visible with one release
 *    store, so that a hart walking at the same time sees all of it or nothing.
 *
 * 5. A tag is written like a leaf: the same absent entries, as large as they
 *    fit, all with the same content.
 */
#include "pt/pt_entry.h"
#include "pt/pt_gather.h"

static void advance(struct vmm_pt_rest *rest, uint64_t bytes)
{
	rest->va += bytes;
	rest->pa += bytes;
	rest->size -= bytes;
}

/* The largest entry for the next step, tables aside. */
static VMM_RARE VMM_NOINLINE unsigned fit_level(
	const struct vmm_pt *pt, const struct vmm_pt_rest *rest)
{
	return rest->tag != 0
		       ? vmm_pt_fit(rest->va, rest->size, vmm_pt_root_level(pt))
		       : vmm_pt_fit(rest->va | rest->pa, rest->size,
				 pt->format->leaf_level_max);
}

/* Entries from @va to the end of its table at @level, at most @size bytes. */
static VMM_RARE VMM_NOINLINE unsigned run_entries(
	const struct vmm_pt *pt, const struct vmm_pt_rest *rest, unsigned level)
{
	unsigned room =
		vmm_pt_entries(pt, level) - vmm_pt_index(pt, rest->va, level);
	uint64_t wanted = rest->size >> vmm_pt_shift(level);

	return wanted < room ? (unsigned)wanted : room;
}

/* Is @va in the same entry at @level as the range before? */
static bool goes_on(const vmm_va_t *after, vmm_va_t va, unsigned level)
{
	return after != NULL &&
	       *after >> vmm_pt_shift(level) == va >> vmm_pt_shift(level);
}

/*
 * Count the tables missing for @part, all below absent entries at @top, and
 * leave out those that the range before, which ended at *@after, has entered.
 */
static uint64_t count_missing(const struct vmm_pt *pt, struct vmm_pt_rest part,
	unsigned top, const vmm_va_t *after)
{
	vmm_va_t start = part.va;
	uint64_t tables = 0;

	while (part.size > 0) {
		unsigned level = fit_level(pt, &part);

		if (level > top)
			level = top;
		for (unsigned l = level; l < top; l++) {
			bool entered =
				part.va == start
					? !goes_on(after, start, l + 1)
					: vmm_is_aligned(part.va,
						  vmm_pt_leaf_size(l + 1));

			tables += entered ? 1u : 0u;
		}
		advance(&part, (uint64_t)run_entries(pt, &part, level)
				       << vmm_pt_shift(level));
	}
	return tables;
}

VMM_RARE int vmm_pt_map_plan(const struct vmm_pt *pt,
	const struct vmm_pt_rest *range, const vmm_va_t *after,
	struct vmm_pt_look *first, uint64_t *tables_out)
{
	struct vmm_pt_rest rest = *range;
	struct vmm_pt_look look;
	uint64_t tables = 0;

	for (; rest.size > 0; advance(&rest, look.size)) {
		vmm_pt_look(pt, rest.va, rest.size, 0, &look);
		if (vmm_pt_is_bound(pt, &look))
			return VMM_EBUSY;
		if (look.kind != VMM_PT_ABSENT)
			return VMM_EEXIST;
		if (rest.size == range->size)
			*first = look;
		/* Entries of the lowest table need no other. */
		if (look.level > 0) {
			struct vmm_pt_rest part = rest;

			part.size = look.size;
			tables += count_missing(pt, part, look.level, after);
		}
	}
	*tables_out = tables;
	return VMM_OK;
}

VMM_RARE void vmm_pt_fill_leaves(const struct vmm_pt_format *format,
	uint64_t *entry, unsigned count, unsigned level, uint64_t first)
{
	uint64_t step = vmm_pt_leaf_size(level) >> format->pa_shift;
	uint64_t size = VMM_PT_NAPOT_SIZE >> format->pa_shift;

	if (level > 0 || format->napot == 0) {
		vmm_pt_fill(entry, count, first, step);
		return;
	}
	while (count > 0) {
		bool fits = count >= VMM_PT_NAPOT_ENTRIES &&
			    vmm_is_aligned((uintptr_t)entry,
				    VMM_PT_NAPOT_ENTRIES * sizeof(*entry)) &&
			    (first & format->pa_mask & (size - 1)) == 0;
		unsigned n = fits ? VMM_PT_NAPOT_ENTRIES : 1;

		vmm_pt_fill(entry, n,
			fits ? first | format->napot |
					(VMM_PT_NAPOT_ADDRESS >>
						format->pa_shift)
			     : first,
			0);
		first += n * step;
		entry += n;
		count -= n;
	}
}

/* Write @count entries of one table for the start of @rest. */
static VMM_NOINLINE void fill(const struct vmm_pt_format *format,
	uint64_t *entry, unsigned count, unsigned level,
	const struct vmm_pt_rest *rest)
{
	if (rest->tag != 0)
		vmm_pt_fill(entry, count, rest->tag, 0);
	else
		vmm_pt_fill_leaves(format, entry, count, level,
			vmm_pt_leaf_make(
				format, rest->pa, rest->bits.at[level > 0]));
}

/*
 * Build the tables from @level up to below @top, the entries of one run in the
 * lowest of them, and link the highest into @entry.
 */
static void link_chain(struct vmm_pt *pt, uint64_t *entry, unsigned top,
	unsigned level, const struct vmm_pt_rest *rest)
{
	const struct vmm_pt_format *format = pt->format;
	unsigned count = run_entries(pt, rest, level);
	unsigned at = vmm_pt_index(pt, rest->va, level);
	vmm_pa_t table = vmm_pt_table_new(pt, at, count);

	fill(format, vmm_pt_table(pt, table) + at, count, level, rest);
	for (unsigned l = level + 1; l < top; l++) {
		vmm_pa_t parent;

		at = vmm_pt_index(pt, rest->va, l);
		parent = vmm_pt_table_new(pt, at, 1);
		vmm_pt_store(vmm_pt_table(pt, parent) + at,
			vmm_pt_table_make(format, table));
		table = parent;
	}
	vmm_pt_publish(entry, vmm_pt_table_make(format, table));
}

/* One step: the run @look is the absent one at the start of @rest. */
static uint64_t map_run(struct vmm_pt *pt, const struct vmm_pt_rest *rest,
	const struct vmm_pt_look *look, struct vmm_tlb_gather *gather)
{
	unsigned level = fit_level(pt, rest);
	uint32_t flags = rest->note | vmm_pt_lent_note(pt, look->root);
	uint64_t bytes;
	unsigned count;

	if (level < look->level) {
		count = run_entries(pt, rest, level);
		link_chain(pt, look->entry, look->level, level, rest);
		flags |= VMM_TLB_NON_LEAF;
	} else {
		level = look->level;
		count = run_entries(pt, rest, level);
		count = count < look->count ? count : look->count;
		fill(pt->format, look->entry, count, level, rest);
	}
	bytes = (uint64_t)count << vmm_pt_shift(level);
	/* A tag changes nothing for hardware, but a new table does. */
	if (rest->tag == 0 || (flags & VMM_TLB_NON_LEAF) != 0)
		vmm_tlb_note(
			gather, rest->va, bytes, vmm_pt_shift(level), flags);
	return bytes;
}

VMM_RARE void vmm_pt_map_commit(struct vmm_pt *pt, struct vmm_pt_rest rest,
	struct vmm_pt_look look, struct vmm_tlb_gather *gather)
{
	/* Whoever sees an entry sees what its frame was filled with. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	for (;;) {
		uint64_t size;

		advance(&rest, map_run(pt, &rest, &look, gather));
		if (rest.size == 0)
			return;
		/* No further than one table, which is all that a step takes. */
		size = vmm_pt_rest(rest.va, fit_level(pt, &rest) + 1);
		vmm_pt_look(pt, rest.va, size < rest.size ? size : rest.size, 0,
			&look);
	}
}

VMM_RARE int vmm_pt_map_check(
	const struct vmm_pt *pt, vmm_va_t va, vmm_pa_t pa, uint64_t size)
{
	int err = vmm_pt_range_check(pt, va, size, VMM_PAGE_SIZE);

	if (err != VMM_OK)
		return err;
	if (!vmm_is_aligned(pa, VMM_PAGE_SIZE))
		return VMM_EINVAL;
	if (!vmm_range_ok(pa, size) ||
		vmm_range_last(pa, size) >> pt->format->pa_bits != 0)
		return VMM_ERANGE;
	return VMM_OK;
}

VMM_RARE int vmm_pt_map_tables(const struct vmm_pt *pt, vmm_va_t va,
	vmm_pa_t pa, uint64_t size, const vmm_va_t *after, uint64_t *tables_out)
{
	const struct vmm_pt_rest rest = {va, pa, size, {{0, 0}}, 0, 0};
	struct vmm_pt_look look;
	int err = vmm_pt_map_check(pt, va, pa, size);

	VMM_ASSERT(after == NULL || *after < va);
	if (err != VMM_OK)
		return err;
	return vmm_pt_map_plan(pt, &rest, after, &look, tables_out);
}

/* Plan, reserve and commit; the arguments have been looked at. */
static VMM_RARE VMM_NOINLINE int map(struct vmm_pt *pt,
	const struct vmm_pt_rest *rest, struct vmm_tlb_gather *gather)
{
	uint64_t spares = pt->spare_count;
	struct vmm_pt_look look;
	uint64_t tables;
	int err;

	err = vmm_pt_map_plan(pt, rest, NULL, &look, &tables);
	if (err == VMM_OK)
		err = vmm_pt_reserve(pt, tables);
	if (err != VMM_OK)
		return err;
	vmm_pt_map_commit(pt, *rest, look, gather);
	/* The plan is exact: no page was taken in vain. */
	VMM_ASSERT(pt->spare_count == (spares > tables ? spares - tables : 0));
	VMM_ASSERT_SLOW(vmm_pt_check(pt) == VMM_OK);
	return VMM_OK;
}

/*
 * A single page into a table that is there, with the protection of the call
 * before: the commonest case, in which one walk does what the passes would do.
 * False if they have to.
 */
static bool map_page(struct vmm_pt *pt, vmm_va_t va, vmm_pa_t pa,
	struct vmm_tlb_gather *gather)
{
	uint64_t *entry;

	if (!vmm_is_aligned(pa, VMM_PAGE_SIZE) ||
		pa >> pt->format->pa_bits != 0)
		return false;
	entry = vmm_pt_page_entry(pt, va);
	if (entry == NULL || vmm_pt_load(entry) != 0)
		return false;
	vmm_pt_publish(entry, vmm_pt_leaf_make(pt->format, pa, pt->memo.at[0]));
	vmm_tlb_note(gather, va, VMM_PAGE_SIZE, VMM_PAGE_SHIFT,
		(pt->memo_prot & VMM_PT_GLOBAL) != 0 ? VMM_TLB_GLOBAL : 0);
	return true;
}

static VMM_RARE VMM_NOINLINE int map_range(struct vmm_pt *pt, vmm_va_t va,
	vmm_pa_t pa, uint64_t size, unsigned prot,
	struct vmm_tlb_gather *gather)
{
	struct vmm_pt_rest rest = {va, pa, size, {{0, 0}}, 0,
		(prot & VMM_PT_GLOBAL) != 0 ? VMM_TLB_GLOBAL : 0};
	int err = vmm_pt_prot_encode(pt->format, prot, &rest.bits);

	if (err != VMM_OK)
		return err;
	err = vmm_pt_map_check(pt, va, pa, size);
	if (err == VMM_OK)
		err = map(pt, &rest, gather);
	if (err == VMM_OK) {
		pt->memo_prot = prot;
		pt->memo = rest.bits;
	}
	return err;
}

int vmm_pt_map(struct vmm_pt *pt, vmm_va_t va, vmm_pa_t pa, uint64_t size,
	unsigned prot, struct vmm_tlb_gather *gather)
{
	if (size == VMM_PAGE_SIZE && prot == pt->memo_prot &&
		map_page(pt, va, pa, gather))
		return VMM_OK;
	return map_range(pt, va, pa, size, prot, gather);
}

VMM_RARE int vmm_pt_tag(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	uint64_t tag, struct vmm_tlb_gather *gather)
{
	struct vmm_pt_rest rest = {va, 0, size, {{0, 0}}, 0, 0};
	int err = vmm_pt_range_check(pt, va, size, VMM_PAGE_SIZE);

	if (err != VMM_OK)
		return err;
	if (tag == 0 || tag > VMM_PT_TAG_MAX)
		return VMM_EINVAL;
	rest.tag = vmm_pt_tag_make(pt->format, tag);
	return map(pt, &rest, gather);
}
