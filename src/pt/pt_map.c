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

/*
 * Count the tables missing below the absent run at @look, for its part of the
 * range, and leave out those that the range before, which ended at *@after, has
 * entered.
 */
static uint64_t count_missing(const struct vmm_pt_look *look,
	const struct vmm_pt_rest *range, const vmm_va_t *after)
{
	vmm_va_t last = vmm_range_last(look->va, look->size);
	/* A multiple of a block's size where both addresses are in step. */
	uint64_t skew = range->va - range->pa;
	uint64_t tables = 0;

	for (unsigned level = look->level; level > 0; level--) {
		unsigned shift = vmm_pt_shift(level);
		uint64_t inside = (UINT64_C(1) << shift) - 1;
		vmm_va_t block = look->va >> shift;
		uint64_t blocks = (last >> shift) - block + 1;

		if (level <= range->top && (skew & inside) == 0) {
			/* Only those at the ends that are not covered. */
			uint64_t parts = ((look->va & inside) != 0 ? 1u : 0u) +
					 ((~last & inside) != 0 ? 1u : 0u);

			blocks = blocks < parts ? blocks : parts;
		}
		if (after != NULL && *after >> shift == block)
			blocks--;
		tables += blocks;
	}
	return tables;
}

VMM_RARE int vmm_pt_map_plan(const struct vmm_pt *pt,
	const struct vmm_pt_rest *rest, const vmm_va_t *after,
	uint64_t *tables_out)
{
	struct vmm_pt_look look;
	uint64_t tables = 0;

	vmm_pt_look_start(&look, pt, rest->va, rest->size, 0);
	while (vmm_pt_look_next(&look)) {
		if (look.bound)
			return VMM_EBUSY;
		if (look.kind != VMM_PT_ABSENT)
			return VMM_EEXIST;
		tables += count_missing(&look, rest, after);
	}
	*tables_out = tables;
	return VMM_OK;
}

VMM_RARE void vmm_pt_fill_rest(const struct vmm_pt_format *format,
	uint64_t *entry, unsigned count, unsigned level,
	const struct vmm_pt_rest *rest)
{
	const uint64_t inside = (VMM_PT_NAPOT_SIZE - 1) >> format->pa_shift;
	uint64_t step = vmm_pt_leaf_size(level) >> format->pa_shift;
	uint64_t value =
		vmm_pt_leaf_make(format, rest->pa, rest->bits.at[level > 0]);
	bool groups = level == 0 && format->napot != 0;

	if (rest->tag != 0) {
		value = rest->tag;
		step = 0;
		groups = false;
	}
	while (groups && count > 0) {
		bool fits = count >= VMM_PT_NAPOT_ENTRIES &&
			    vmm_is_aligned((uintptr_t)entry,
				    VMM_PT_NAPOT_ENTRIES * sizeof(*entry)) &&
			    (value & format->pa_mask & inside) == 0;
		unsigned n = fits ? VMM_PT_NAPOT_ENTRIES : 1;

		vmm_pt_fill(entry, n,
			fits ? value | format->napot |
					VMM_PT_NAPOT_ADDRESS >> format->pa_shift
			     : value,
			0);
		value += n * step;
		entry += n;
		count -= n;
	}
	vmm_pt_fill(entry, count, value, step);
}

/*
 * Build the tables from @level up to below the absent entry at @look, @count
 * entries in the lowest of them, and link the highest.
 */
static void link_chain(struct vmm_pt *pt, const struct vmm_pt_look *look,
	unsigned level, unsigned count, const struct vmm_pt_rest *rest)
{
	const struct vmm_pt_format *format = pt->format;
	unsigned at = vmm_pt_index(rest->va, level);
	vmm_pa_t table = vmm_pt_table_new(pt, at, count);

	vmm_pt_fill_rest(
		format, vmm_pt_table(pt, table) + at, count, level, rest);
	while (++level < look->level) {
		vmm_pa_t below = table;

		at = vmm_pt_index(rest->va, level);
		table = vmm_pt_table_new(pt, at, 1);
		vmm_pt_store(vmm_pt_table(pt, table) + at,
			vmm_pt_table_make(format, below));
	}
	vmm_pt_publish(look->entry, vmm_pt_table_make(format, table));
}

VMM_RARE void vmm_pt_map_commit(struct vmm_pt *pt, struct vmm_pt_rest *rest,
	struct vmm_tlb_gather *gather)
{
	/* Whoever sees an entry sees what its frame was filled with. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	while (rest->size > 0) {
		unsigned level =
			vmm_pt_fit(rest->va | rest->pa, rest->size, rest->top);
		/* No further than one table, which is all that a step takes. */
		uint64_t size = vmm_pt_span_left(rest->va, level + 1);
		struct vmm_pt_look look;
		unsigned shift;
		unsigned count;

		vmm_pt_look(&look, pt, rest->va,
			size < rest->size ? size : rest->size);
		level = level < look.level ? level : look.level;
		shift = vmm_pt_shift(level);
		count = (unsigned)(look.size >> shift);
		size = (uint64_t)count << shift;
		look.note |= rest->note;
		if (level < look.level) {
			look.note |= VMM_TLB_NON_LEAF;
			link_chain(pt, &look, level, count, rest);
		} else {
			vmm_pt_fill_rest(
				pt->format, look.entry, count, level, rest);
		}
		/* A tag changes nothing for hardware, but a new table does. */
		if (rest->tag == 0 || level < look.level)
			vmm_tlb_note(gather, rest->va, size, shift, look.note);
		rest->va += size;
		rest->pa += size;
		rest->size -= size;
	}
}

/* Checks of a range for mapping, but for what is there already. */
static VMM_RARE int map_check(
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
	const struct vmm_pt_rest rest = {
		va, pa, size, {{0, 0}}, 0, pt->format->leaf_level_max, 0};
	int err = map_check(pt, va, pa, size);

	VMM_ASSERT(after == NULL || *after < va);
	if (err != VMM_OK)
		return err;
	return vmm_pt_map_plan(pt, &rest, after, tables_out);
}

/* Plan, reserve and commit; the arguments have been looked at. */
static VMM_RARE VMM_NOINLINE int map(struct vmm_pt *pt,
	struct vmm_pt_rest *rest, struct vmm_tlb_gather *gather)
{
	uint64_t spares = pt->spare_count;
	uint64_t tables;
	int err;

	err = vmm_pt_map_plan(pt, rest, NULL, &tables);
	if (err == VMM_OK)
		err = vmm_pt_reserve(pt, tables);
	if (err != VMM_OK)
		return err;
	vmm_pt_map_commit(pt, rest, gather);
	/* The plan is exact: no page was taken in vain. */
	VMM_ASSERT(pt->spare_count == (spares > tables ? spares - tables : 0));
	VMM_ASSERT_SLOW(vmm_pt_check(pt) == VMM_OK);
	return VMM_OK;
}

static VMM_RARE VMM_NOINLINE int map_range(struct vmm_pt *pt, vmm_va_t va,
	vmm_pa_t pa, uint64_t size, unsigned prot,
	struct vmm_tlb_gather *gather)
{
	struct vmm_pt_rest rest = {va, pa, size, {{0, 0}}, 0,
		pt->format->leaf_level_max,
		(prot & VMM_PT_GLOBAL) != 0 ? VMM_TLB_GLOBAL : 0};
	struct vmm_pt_leaf_bits bits;
	int err = vmm_pt_prot_encode(pt->format, prot, &bits);

	if (err != VMM_OK)
		return err;
	rest.bits = bits;
	err = map_check(pt, va, pa, size);
	if (err == VMM_OK)
		err = map(pt, &rest, gather);
	if (err == VMM_OK) {
		pt->memo_prot = prot;
		pt->memo = bits;
	}
	return err;
}

/*
 * A single page into a table that is there, with the protection of the call
 * before, is the commonest case: one walk does what the passes would do.
 */
static VMM_ALWAYS_INLINE int map_page(struct vmm_pt *pt, vmm_va_t va,
	vmm_pa_t pa, struct vmm_tlb_gather *gather, unsigned pa_shift)
{
	uint64_t *entry = vmm_pt_page_entry(pt, va, pa_shift);

	if (entry == NULL || vmm_pt_load(entry) != 0)
		return map_range(
			pt, va, pa, VMM_PAGE_SIZE, pt->memo_prot, gather);
	vmm_pt_publish(entry, pa >> pa_shift | pt->memo.at[0]);
	return vmm_tlb_note(gather, va, VMM_PAGE_SIZE, VMM_PAGE_SHIFT,
		(pt->memo_prot & VMM_PT_GLOBAL) != 0 ? VMM_TLB_GLOBAL : 0);
}

int vmm_pt_map(struct vmm_pt *pt, vmm_va_t va, vmm_pa_t pa, uint64_t size,
	unsigned prot, struct vmm_tlb_gather *gather)
{
	if (size != VMM_PAGE_SIZE || prot != pt->memo_prot ||
		!vmm_is_aligned(pa, VMM_PAGE_SIZE) ||
		pa >> pt->format->pa_bits != 0)
		return map_range(pt, va, pa, size, prot, gather);
	return VMM_PT_BY_SHIFT(pt->format, map_page, pt, va, pa, gather);
}

VMM_RARE int vmm_pt_tag(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	uint64_t tag, struct vmm_tlb_gather *gather)
{
	struct vmm_pt_rest rest = {
		va, va, size, {{0, 0}}, 0, vmm_pt_root_level(pt), 0};
	int err = vmm_pt_range_check(pt, va, size, VMM_PAGE_SIZE);

	if (err != VMM_OK)
		return err;
	if (tag == 0 || tag > VMM_PT_TAG_MAX)
		return VMM_EINVAL;
	rest.tag = vmm_pt_tag_make(pt->format, tag);
	return map(pt, &rest, gather);
}
