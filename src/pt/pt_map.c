/* SPDX-License-Identifier: MIT */
/*
 * Mapping: theory of operation
 *
 * 1. Both passes move through the range in the same steps. A step is one run
 *    of entries in one table, found by one walk from the root: the inner loop
 *    touches nothing but consecutive 64-bit words.
 *
 * 2. The level of a step is the largest at which the addresses are aligned and
 *    enough size is left, but no higher than the tables that are already
 *    there: an existing table is descended into, never replaced by a leaf,
 *    even if it is empty.
 *
 * 3. The plan pass reads. It refuses a range with anything valid in it, and
 *    counts the tables that are missing. Below an absent entry there is
 *    nothing to read; there it only counts, by the rule: a table is new when
 *    the range enters it, that is at its first address or at the first address
 *    of the part below the absent entry.
 *
 * 4. The commit pass cannot fail. Where tables are missing it builds the whole
 *    chain aside, leaves included, and makes it visible with one release
 *    store, so that a hart walking at the same time sees all of it or nothing.
 */
#include "pt/pt_entry.h"
#include "pt/pt_gather.h"

/* What is left to map. */
struct rest {
	vmm_va_t va;
	vmm_pa_t pa;
	uint64_t size;
};

static void advance(struct rest *rest, uint64_t bytes)
{
	rest->va += bytes;
	rest->pa += bytes;
	rest->size -= bytes;
}

/* The largest leaf for the next step, tables aside. */
static unsigned leaf_level(const struct vmm_pt *pt, const struct rest *rest)
{
	return vmm_pt_fit(
		rest->va | rest->pa, rest->size, pt->format->leaf_level_max);
}

/* Entries from @va to the end of its table at @level, at most @size bytes. */
static unsigned run_entries(
	const struct vmm_pt *pt, const struct rest *rest, unsigned level)
{
	unsigned room =
		vmm_pt_entries(pt, level) - vmm_pt_index(pt, rest->va, level);
	uint64_t wanted = rest->size >> vmm_pt_shift(level);

	return wanted < room ? (unsigned)wanted : room;
}

/* How many of the @count entries from @entry on are invalid. */
static unsigned absent_entries(
	const struct vmm_pt *pt, const uint64_t *entry, unsigned count)
{
	unsigned n = 0;

	while (n < count &&
		!vmm_pt_is_valid(pt->format, vmm_pt_load(&entry[n])))
		n++;
	return n;
}

/* Is @va in the same entry at @level as the range before? */
static bool goes_on(const vmm_va_t *after, vmm_va_t va, unsigned level)
{
	return after != NULL &&
	       *after >> vmm_pt_shift(level) == va >> vmm_pt_shift(level);
}

/*
 * Count the tables missing for @part, all below one absent entry at @top, and
 * leave out those that the range before, which ended at *@after, has entered.
 */
static uint64_t count_missing(const struct vmm_pt *pt, struct rest part,
	unsigned top, const vmm_va_t *after)
{
	vmm_va_t start = part.va;
	uint64_t tables = 0;

	while (part.size > 0) {
		unsigned level = leaf_level(pt, &part);

		VMM_ASSERT(level < top);
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

/* Refuse conflicts and count missing tables; changes nothing. */
static int plan(const struct vmm_pt *pt, struct rest rest,
	const vmm_va_t *after, uint64_t *tables_out)
{
	uint64_t tables = 0;

	while (rest.size > 0) {
		unsigned level;
		const uint64_t *entry = vmm_pt_walk(pt, rest.va, 0, &level);
		unsigned absent;

		if (vmm_pt_is_valid(pt->format, vmm_pt_load(entry)))
			return VMM_EEXIST;
		if (leaf_level(pt, &rest) < level) {
			struct rest part = rest;
			uint64_t room = vmm_pt_rest(rest.va, level);

			if (part.size > room)
				part.size = room;
			tables += count_missing(pt, part, level, after);
			advance(&rest, part.size);
			continue;
		}
		absent = absent_entries(
			pt, entry, run_entries(pt, &rest, level));
		advance(&rest, (uint64_t)absent << vmm_pt_shift(level));
	}
	*tables_out = tables;
	return VMM_OK;
}

static void fill(const struct vmm_pt_format *format, uint64_t *entry,
	unsigned count, unsigned level, uint64_t first)
{
	uint64_t step = vmm_pt_leaf_size(level) >> format->pa_shift;

	for (unsigned i = 0; i < count; i++)
		vmm_pt_store(&entry[i], first + i * step);
}

/*
 * Build the tables from @level up to below @top, the leaves of one run in the
 * lowest of them, and link the highest into @entry.
 */
static void link_chain(struct vmm_pt *pt, uint64_t *entry, unsigned top,
	unsigned level, const struct rest *rest, uint64_t bits)
{
	const struct vmm_pt_format *format = pt->format;
	vmm_pa_t table = vmm_pt_table_new(pt);

	fill(format,
		vmm_pt_table(pt, table) + vmm_pt_index(pt, rest->va, level),
		run_entries(pt, rest, level), level,
		vmm_pt_leaf_make(format, rest->pa, bits, level));
	for (unsigned l = level + 1; l < top; l++) {
		vmm_pa_t parent = vmm_pt_table_new(pt);

		vmm_pt_table(pt, parent)[vmm_pt_index(pt, rest->va, l)] =
			vmm_pt_table_make(format, table);
		table = parent;
	}
	vmm_pt_publish(entry, vmm_pt_table_make(format, table));
}

static void commit(struct vmm_pt *pt, struct rest rest, unsigned prot,
	uint64_t bits, struct vmm_tlb_gather *gather)
{
	uint32_t global = (prot & VMM_PT_GLOBAL) != 0 ? VMM_TLB_GLOBAL : 0;

	/* Whoever sees an entry sees what its frame was filled with. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	while (rest.size > 0) {
		unsigned top;
		uint64_t *entry = vmm_pt_walk(pt, rest.va, 0, &top);
		unsigned level = leaf_level(pt, &rest);
		uint32_t flags = global;
		unsigned count;

		if (level < top) {
			count = run_entries(pt, &rest, level);
			link_chain(pt, entry, top, level, &rest, bits);
			flags |= VMM_TLB_NON_LEAF;
		} else {
			level = top;
			count = absent_entries(
				pt, entry, run_entries(pt, &rest, level));
			fill(pt->format, entry, count, level,
				vmm_pt_leaf_make(
					pt->format, rest.pa, bits, level));
		}
		vmm_tlb_note(gather, rest.va,
			(uint64_t)count << vmm_pt_shift(level),
			vmm_pt_shift(level), flags);
		advance(&rest, (uint64_t)count << vmm_pt_shift(level));
	}
}

int vmm_pt_map_tables(const struct vmm_pt *pt, vmm_va_t va, vmm_pa_t pa,
	uint64_t size, const vmm_va_t *after, uint64_t *tables_out)
{
	const struct rest rest = {va, pa, size};
	int err = vmm_pt_change_check(pt, va, size);

	VMM_ASSERT(after == NULL || *after < va);
	if (err != VMM_OK)
		return err;
	if (!vmm_is_aligned(pa, VMM_PAGE_SIZE))
		return VMM_EINVAL;
	if (!vmm_range_ok(pa, size) ||
		vmm_range_last(pa, size) >> pt->format->pa_bits != 0)
		return VMM_ERANGE;
	return plan(pt, rest, after, tables_out);
}

int vmm_pt_map(struct vmm_pt *pt, vmm_va_t va, vmm_pa_t pa, uint64_t size,
	unsigned prot, struct vmm_tlb_gather *gather)
{
	const struct rest rest = {va, pa, size};
	uint64_t spares = pt->spare_count;
	uint64_t tables;
	uint64_t bits;
	int err;

	err = vmm_pt_prot_encode(pt->format, prot, &bits);
	if (err == VMM_OK)
		err = vmm_pt_map_tables(pt, va, pa, size, NULL, &tables);
	if (err == VMM_OK)
		err = vmm_pt_reserve(pt, tables);
	if (err != VMM_OK)
		return err;
	commit(pt, rest, prot, bits, gather);
	vmm_pt_note_lent(pt, va, size, gather);
	/* The plan is exact: no page was taken in vain. */
	VMM_ASSERT(pt->spare_count == (spares > tables ? spares - tables : 0));
	VMM_ASSERT_SLOW(vmm_pt_check(pt) == VMM_OK);
	return VMM_OK;
}
