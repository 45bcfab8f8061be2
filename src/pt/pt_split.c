/* SPDX-License-Identifier: MIT */
/*
 * Splitting superpages at the ends of a range.
 *
 *     one leaf of 1 GiB             a table of 2 MiB leaves, one of which
 *                                   is a table of 4 KiB leaves
 *    +-----------------+           +-----+-----+-----+-----+
 *    |       leaf      |    ->     |leaf |table|leaf |leaf |
 *    +-----------------+           +-----+--|--+-----+-----+
 *              ^ end of the range       +---+------+
 *                                       | 512 leaves|
 *
 * Each step replaces a leaf by a table that translates every address as
 * before, so harts may go on using the old leaf from their TLB: nothing is
 * lost until the caller changes the smaller leaves, and that change is in the
 * same gather. A large absent entry with a tag is split in the same way. A leaf
 * of 64 KiB needs no table: its 16 entries become ones of 4 KiB.
 *
 * Where A and D are tracked, the smaller leaves get both, the one as far as
 * they can be written to: which of them was meant nobody knows, and hardware
 * may set the old leaf's until the new table is linked.
 */
#include "pt/pt_entry.h"
#include "pt/pt_gather.h"

/*
 * What an end of a range cuts; false if it cuts nothing, as where it lies
 * behind the last address. The end 2^64 is written 0: aligned to everything.
 */
static VMM_RARE bool cuts(
	const struct vmm_pt *pt, vmm_va_t end, struct vmm_pt_look *look)
{
	if (!vmm_pt_canonical(pt->format, end))
		return false;
	vmm_pt_look(pt, end, 1, 0, look);
	return look->kind != VMM_PT_ABSENT &&
	       !vmm_is_aligned(end,
		       vmm_pt_leaf_span(pt->format, look->value, look->level));
}

/*
 * An end that cuts an entry at level l takes a table for each level from l down
 * to the one at which it is aligned. Two ends share a table where they cut the
 * same entry.
 */
VMM_RARE uint64_t vmm_pt_split_count(
	const struct vmm_pt *pt, vmm_va_t va, uint64_t size)
{
	const vmm_va_t end[2] = {va, va + size};
	unsigned high[2] = {0, 0}; /* levels of tables: above low, to high */
	unsigned low[2] = {0, 0};
	uint64_t tables = 0;
	struct vmm_pt_look look;

	for (unsigned i = 0; i < 2; i++) {
		if (!cuts(pt, end[i], &look))
			continue;
		high[i] = look.level;
		low[i] = vmm_pt_fit(end[i], UINT64_MAX, look.level);
		tables += high[i] - low[i];
	}
	for (unsigned level = high[0] < high[1] ? high[0] : high[1];
		level > low[0] && level > low[1]; level--) {
		if ((end[0] ^ end[1]) >> vmm_pt_shift(level) == 0)
			tables--;
	}
	return tables;
}

/* The leaf's protection, for smaller ones in its place. */
static struct vmm_pt_leaf_bits smaller_bits(
	const struct vmm_pt_format *format, const struct vmm_pt_look *look)
{
	unsigned prot = vmm_pt_prot_decode(format, look->value, look->level);
	struct vmm_pt_leaf_bits bits = {{0, 0}};
	int err;

	if (format->tracked != 0)
		prot |= VMM_PT_ACCESSED |
			((prot & VMM_PT_WRITE) != 0 ? VMM_PT_DIRTY : 0);
	err = vmm_pt_prot_encode(format, prot, &bits);
	VMM_ASSERT(err == VMM_OK);
	return bits;
}

/* Write what @look says of @size bytes into the entries of level @level. */
static void write_smaller(const struct vmm_pt_format *format, uint64_t *entry,
	unsigned level, uint64_t inside, const struct vmm_pt_look *look)
{
	struct vmm_pt_leaf_bits bits;

	if (look->kind == VMM_PT_TAG) {
		vmm_pt_fill(entry, VMM_PT_ENTRIES, look->value, 0);
		return;
	}
	bits = smaller_bits(format, look);
	bits.at[0] =
		vmm_pt_leaf_make(format, look->pa - inside, bits.at[level > 0]);
	if (look->level == 0)
		vmm_pt_fill(entry, VMM_PT_NAPOT_ENTRIES, bits.at[0],
			VMM_PAGE_SIZE >> format->pa_shift);
	else
		vmm_pt_fill_leaves(
			format, entry, VMM_PT_ENTRIES, level, bits.at[0]);
}

static void split_at(
	struct vmm_pt *pt, vmm_va_t end, struct vmm_tlb_gather *gather)
{
	const struct vmm_pt_format *format = pt->format;
	struct vmm_pt_look look;

	while (cuts(pt, end, &look)) {
		uint64_t span =
			vmm_pt_leaf_span(format, look.value, look.level);
		uint64_t inside = end & (span - 1);
		uint32_t flags = vmm_pt_lent_note(pt, look.root);
		unsigned level = 0;

		if (look.kind == VMM_PT_LEAF)
			flags |= VMM_TLB_VALID |
				 vmm_pt_global_note(format, look.value);
		if (look.level == 0) {
			write_smaller(format,
				look.entry - (inside >> VMM_PAGE_SHIFT), 0,
				inside, &look);
		} else {
			vmm_pa_t table =
				vmm_pt_table_new(pt, 0, VMM_PT_ENTRIES);

			level = look.level - 1;
			write_smaller(format, vmm_pt_table(pt, table), level,
				inside, &look);
			vmm_pt_publish(
				look.entry, vmm_pt_table_make(format, table));
			flags |= VMM_TLB_NON_LEAF;
		}
		vmm_tlb_note(
			gather, end - inside, span, vmm_pt_shift(level), flags);
	}
}

VMM_RARE void vmm_pt_split(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather)
{
	for (unsigned i = 0; i < 2; i++, va += size)
		split_at(pt, va, gather);
}
