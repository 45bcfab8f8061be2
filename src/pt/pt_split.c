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
static VMM_RARE VMM_NOINLINE bool cuts(
	const struct vmm_pt *pt, vmm_va_t end, struct vmm_pt_look *look)
{
	if (!vmm_pt_canonical(pt->format, end))
		return false;
	vmm_pt_look(look, pt, end, 1);
	return look->kind != VMM_PT_ABSENT && !vmm_is_aligned(end, look->span);
}

/*
 * An end that cuts an entry at level l takes a table for each level from l down
 * to the one at which it is aligned. Two ends share a table where they cut the
 * same entry.
 */
static uint64_t count_tables(const struct vmm_pt *pt, const vmm_va_t end[2])
{
	unsigned high[2] = {0, 0};
	uint64_t tables = 0;
	struct vmm_pt_look look;

	for (unsigned i = 0; i < 2; i++) {
		if (cuts(pt, end[i], &look))
			high[i] = look.level;
	}
	for (unsigned level = vmm_pt_root_level(pt); level > 0; level--) {
		unsigned shift = vmm_pt_shift(level);
		unsigned cut = 0;

		for (unsigned i = 0; i < 2; i++)
			cut += level <= high[i] &&
			       !vmm_is_aligned(end[i], UINT64_C(1) << shift);
		if (cut == 2 && (end[0] ^ end[1]) >> shift == 0)
			cut = 1;
		tables += cut;
	}
	return tables;
}

/* What @look says, for smaller entries in its place from @pa on. */
static void make_rest(const struct vmm_pt_format *format,
	const struct vmm_pt_look *look, vmm_pa_t pa, struct vmm_pt_rest *rest)
{
	unsigned prot;
	int err;

	rest->tag = look->value;
	rest->pa = pa;
	rest->bits = (struct vmm_pt_leaf_bits){{0, 0}};
	if (look->kind == VMM_PT_TAG)
		return;
	rest->tag = 0;
	prot = vmm_pt_prot_decode(format, look->value, look->level);
	if (format->tracked != 0)
		prot |= VMM_PT_ACCESSED |
			((prot & VMM_PT_WRITE) != 0 ? VMM_PT_DIRTY : 0);
	err = vmm_pt_prot_encode(format, prot, &rest->bits);
	VMM_ASSERT(err == VMM_OK);
}

static void split_at(
	struct vmm_pt *pt, vmm_va_t end, struct vmm_tlb_gather *gather)
{
	const struct vmm_pt_format *format = pt->format;
	struct vmm_pt_look look;

	while (cuts(pt, end, &look)) {
		uint64_t inside = end & (look.span - 1);
		unsigned level = 0;
		struct vmm_pt_rest rest;

		make_rest(format, &look, look.pa - inside, &rest);
		if (look.kind == VMM_PT_LEAF)
			look.note |= VMM_TLB_VALID;
		if (look.level == 0) {
			vmm_pt_fill(look.entry - (inside >> VMM_PAGE_SHIFT),
				VMM_PT_NAPOT_ENTRIES,
				vmm_pt_leaf_make(
					format, rest.pa, rest.bits.at[0]),
				VMM_PAGE_SIZE >> format->pa_shift);
		} else {
			vmm_pa_t table =
				vmm_pt_table_new(pt, 0, VMM_PT_ENTRIES);

			level = look.level - 1;
			vmm_pt_fill_rest(format, vmm_pt_table(pt, table),
				VMM_PT_ENTRIES, level, &rest);
			vmm_pt_publish(
				look.entry, vmm_pt_table_make(format, table));
			look.note |= VMM_TLB_NON_LEAF;
		}
		vmm_tlb_note(gather, end - inside, look.span,
			vmm_pt_shift(level), look.note);
	}
}

VMM_RARE int vmm_pt_split(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather)
{
	const vmm_va_t end[2] = {va, va + size};
	int err = vmm_pt_reserve(pt, count_tables(pt, end));

	for (unsigned i = 0; i < 2 && err == VMM_OK; i++)
		split_at(pt, end[i], gather);
	return err;
}
