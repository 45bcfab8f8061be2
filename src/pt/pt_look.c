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

	/* Most runs that are not long have one entry. */
	if (max > 1 && vmm_pt_load(&entry[1]) != want)
		return 1;
	while (max - n >= UNROLL) {
		uint64_t differ = 0;

		for (unsigned i = 0; i < UNROLL; i++)
			differ |=
				vmm_pt_load(&entry[n + i]) ^ (want + i * step);
		if (differ != 0)
			break;
		n += UNROLL;
		want += UNROLL * step;
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

VMM_RARE uint64_t vmm_pt_take_bits(
	uint64_t *entry, unsigned count, uint64_t bits)
{
	uint64_t seen = 0;

	for (unsigned i = 0; i < count; i++)
		seen |= vmm_pt_load(&entry[i]);
	if ((seen & bits) == 0)
		return 0;
	for (unsigned i = 0; i < count; i++)
		seen |= __atomic_fetch_and(&entry[i], ~bits, __ATOMIC_RELAXED);
	return seen;
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

static enum vmm_pt_kind kind_of(
	const struct vmm_pt_format *format, uint64_t value, unsigned level)
{
	if (vmm_pt_is_valid(format, value))
		return vmm_pt_is_table(format, value, level) ? VMM_PT_TABLE
							     : VMM_PT_LEAF;
	return value == 0 ? VMM_PT_ABSENT : VMM_PT_TAG;
}

/* The entry for the run's address: near the last run, or by a walk. */
static void find(struct vmm_pt_look *look)
{
	const struct vmm_pt *pt = look->pt;
	const struct vmm_pt_format *format = pt->format;
	unsigned level = vmm_pt_root_level(pt);
	uint64_t indices = vmm_pt_indices(pt, look->va);
	uint64_t *entry;
	uint64_t value;

	if (look->left > 0) {
		look->entry += look->count;
		look->value = vmm_pt_load(look->entry);
		if (look->level == level)
			look->root = look->value;
		if (look->level == look->stop ||
			!vmm_pt_is_table(format, look->value, look->level))
			return;
	}
	entry = vmm_pt_root_entry(pt, look->va);
	value = vmm_pt_load(entry);
	look->root = value;
	while (level > look->stop &&
		(value & format->table_mask) == format->valid) {
		entry = vmm_pt_below(pt, value, indices, format->pa_shift);
		value = vmm_pt_load(entry);
		indices <<= VMM_PT_INDEX_BITS;
		level--;
	}
	look->entry = entry;
	look->value = value;
	look->level = level;
}

/*
 * What there is to know of the run's first entry. Returns how many entries the
 * run can have, of @max.
 */
static uint64_t study(struct vmm_pt_look *look, uint64_t max)
{
	const struct vmm_pt_format *format = look->pt->format;
	unsigned level = look->level;
	uint64_t value = look->value;
	enum vmm_pt_kind kind = kind_of(format, value, level);
	uint64_t marks = vmm_pt_is_valid(format, look->root) ? look->root : 0;
	uint64_t bound = format->borrowed;
	uint64_t step = 0;
	uint64_t span = vmm_pt_leaf_span(format, value, level);

	if (kind == VMM_PT_TABLE)
		max = 1;
	look->note = 0;
	if (kind == VMM_PT_LEAF) {
		uint64_t inside = look->va & (span - 1);
		uint64_t group =
			(span - inside + VMM_PAGE_SIZE - 1) >> VMM_PAGE_SHIFT;

		look->note = vmm_pt_global_note(format, value);
		look->pa = (vmm_pt_entry_pa(format, value) & -span) | inside;
		if (level == vmm_pt_root_level(look->pt))
			bound |= format->lent;
		/* The 16 entries of a group are all the same. */
		if (!vmm_pt_is_napot(format, value, level))
			step = span >> format->pa_shift;
		else if (max > group)
			max = group;
	}
	look->kind = kind;
	look->span = span;
	look->step = step;
	look->bound = (marks & bound) != 0;
	if ((marks & format->lent) != 0)
		look->note = VMM_TLB_GLOBAL;
	return max;
}

bool vmm_pt_look_next(struct vmm_pt_look *look)
{
	unsigned shift;
	unsigned room;
	uint64_t inside;
	uint64_t max;
	uint64_t bytes;

	look->va += look->size;
	look->rest -= look->size;
	if (look->rest == 0)
		return false;
	find(look);
	shift = vmm_pt_shift(look->level);
	look->shift = shift;
	inside = look->va & ((UINT64_C(1) << shift) - 1);
	max = ((inside + look->rest - 1) >> shift) + 1;
	/* A root of more than 512 entries is looked at in parts of 512. */
	room = VMM_PT_ENTRIES - vmm_pt_index(look->va, look->level);
	max = study(look, max < room ? max : room);
	look->count =
		sequence(look->entry, (unsigned)max, look->value, look->step);
	look->left = room - look->count;
	bytes = ((uint64_t)look->count << shift) - inside;
	look->size = bytes < look->rest ? bytes : look->rest;
	return true;
}

void vmm_pt_look(struct vmm_pt_look *look, const struct vmm_pt *pt, vmm_va_t va,
	uint64_t size)
{
	vmm_pt_look_start(look, pt, va, size, 0);
	vmm_pt_look_next(look);
}
