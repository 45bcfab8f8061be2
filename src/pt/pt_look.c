/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing runs of entries: the two loops in which page-table
 * operations spend their time. Both are unrolled by hand: compilers leave
 * loops of atomic accesses as they are, and these run once per page.
 */
#include "pt/pt_entry.h"

#define UNROLL 4

/*
 * How many entries from @entry on, at most @max, are @first, @first + @step and
 * so on? The first one is.
 */
static unsigned sequence(
	const uint64_t *entry, unsigned max, uint64_t first, uint64_t step)
{
	uint64_t want = first + step;
	unsigned n = 1;

	for (; max - n >= UNROLL; n += UNROLL) {
		const uint64_t *at = &entry[n];

		for (unsigned i = 0; i < UNROLL; i++, want += step) {
			if (vmm_pt_load(&at[i]) != want)
				return n + i;
		}
	}
	while (n < max && vmm_pt_load(&entry[n]) == want) {
		want += step;
		n++;
	}
	return n;
}

void vmm_pt_fill(uint64_t *entry, unsigned count, uint64_t first, uint64_t step)
{
	for (; count >= UNROLL; count -= UNROLL, entry += UNROLL) {
		for (unsigned i = 0; i < UNROLL; i++, first += step)
			vmm_pt_store(&entry[i], first);
	}
	for (; count > 0; count--, entry++, first += step)
		vmm_pt_store(entry, first);
}

vmm_pa_t vmm_pt_leaf_pa(const struct vmm_pt_format *format, uint64_t entry,
	unsigned level, vmm_va_t va)
{
	uint64_t inside = vmm_pt_leaf_span(format, entry, level) - 1;

	return (vmm_pt_entry_pa(format, entry) & ~inside) | (va & inside);
}

unsigned vmm_pt_fit(uint64_t where, uint64_t size, unsigned max)
{
	unsigned level = max;

	while (level > 0 &&
		(size < vmm_pt_leaf_size(level) ||
			!vmm_is_aligned(where, vmm_pt_leaf_size(level))))
		level--;
	return level;
}

/*
 * The bits of @va that index the tables below the root are moved to the top of
 * a word, from where they come out level by level.
 */
VMM_NOINLINE struct vmm_pt_point vmm_pt_walk(
	const struct vmm_pt *pt, vmm_va_t va, uint64_t stop)
{
	const struct vmm_pt_format *format = pt->format;
	const uint64_t valid = format->valid;
	const uint64_t mask = valid | format->leaf_mask;
	uint64_t level = format->levels - 1u;
	uint64_t *entry = vmm_pt_root_entry(pt, va);
	uint64_t indices = va << (64 - format->root_shift);

	while (level > stop) {
		uint64_t value = vmm_pt_load(entry);

		if ((value & mask) != valid)
			break;
		entry = vmm_pt_table(pt, vmm_pt_entry_pa(format, value)) +
			(indices >> (64 - VMM_PT_INDEX_BITS));
		indices <<= VMM_PT_INDEX_BITS;
		level--;
	}
	return (struct vmm_pt_point){entry, level};
}

bool vmm_pt_is_bound(const struct vmm_pt *pt, const struct vmm_pt_look *look)
{
	return vmm_pt_is_borrowed(pt->format, look->root) ||
	       (vmm_pt_is_lent(pt->format, look->root) &&
		       look->kind == VMM_PT_LEAF &&
		       look->level == vmm_pt_root_level(pt));
}

static enum vmm_pt_kind kind_of(
	const struct vmm_pt_format *format, uint64_t value, unsigned level)
{
	if (vmm_pt_is_valid(format, value))
		return vmm_pt_is_table(format, value, level) ? VMM_PT_TABLE
							     : VMM_PT_LEAF;
	return value == 0 ? VMM_PT_ABSENT : VMM_PT_TAG;
}

/* The entry for @va, near the last run or by a walk. */
static void find(const struct vmm_pt *pt, vmm_va_t va, unsigned stop,
	struct vmm_pt_look *look)
{
	struct vmm_pt_point point;

	if (look->left > 0) {
		look->entry += look->count;
		look->value = vmm_pt_load(look->entry);
		if (look->level == vmm_pt_root_level(pt))
			look->root = look->value;
		if (look->level == stop ||
			!vmm_pt_is_table(pt->format, look->value, look->level))
			return;
	}
	point = vmm_pt_walk(pt, va, stop);
	look->entry = point.entry;
	look->value = vmm_pt_load(point.entry);
	look->level = (unsigned)point.level;
	look->root = vmm_pt_load(vmm_pt_root_entry(pt, va));
}

void vmm_pt_look_on(const struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	unsigned stop, struct vmm_pt_look *look)
{
	const struct vmm_pt_format *format = pt->format;
	uint64_t inside;
	uint64_t max;
	uint64_t bytes;
	unsigned level;
	unsigned room;

	find(pt, va, stop, look);
	level = look->level;
	look->kind = kind_of(format, look->value, level);
	look->step = 0;
	inside = va & (vmm_pt_leaf_size(level) - 1);
	max = ((inside + size - 1) >> vmm_pt_shift(level)) + 1;
	room = vmm_pt_entries(pt, level) - vmm_pt_index(pt, va, level);
	if (max > room)
		max = room;
	if (look->kind == VMM_PT_TABLE)
		max = 1;
	if (look->kind == VMM_PT_LEAF) {
		look->step = vmm_pt_leaf_size(level) >> format->pa_shift;
		look->pa = vmm_pt_leaf_pa(format, look->value, level, va);
		if (vmm_pt_is_napot(format, look->value, level)) {
			/* The 16 entries of a group are all the same. */
			unsigned group =
				VMM_PT_NAPOT_ENTRIES -
				(va >> VMM_PAGE_SHIFT) % VMM_PT_NAPOT_ENTRIES;

			look->step = 0;
			max = max < group ? max : group;
		}
	}
	look->count =
		sequence(look->entry, (unsigned)max, look->value, look->step);
	look->left = room - look->count;
	bytes = ((uint64_t)look->count << vmm_pt_shift(level)) - inside;
	look->size = bytes < size ? bytes : size;
}
