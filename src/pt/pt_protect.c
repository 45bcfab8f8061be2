/* SPDX-License-Identifier: MIT */
/*
 * Changing protection. The plan pass makes sure that every page of the range
 * is mapped; the ends are split; then leaves are rewritten in place. Address,
 * memory type and software bits of an entry stay as they are.
 */
#include "pt/pt_entry.h"
#include "pt/pt_gather.h"

static int plan(const struct vmm_pt *pt, vmm_va_t va, uint64_t size)
{
	while (size > 0) {
		unsigned level;
		const uint64_t *entry = vmm_pt_walk(pt, va, 0, &level);
		uint64_t part = vmm_pt_rest(va, level);
		unsigned left =
			vmm_pt_entries(pt, level) - vmm_pt_index(pt, va, level);

		if (!vmm_pt_is_valid(pt->format, vmm_pt_load(entry)))
			return VMM_ENOENT;
		/* On through the same table while its entries are leaves. */
		for (;;) {
			uint64_t value;

			if (part >= size)
				return VMM_OK;
			va += part;
			size -= part;
			part = vmm_pt_leaf_size(level);
			if (--left == 0)
				break;
			value = vmm_pt_load(++entry);
			if (!vmm_pt_is_valid(pt->format, value) ||
				vmm_pt_is_table(pt->format, value, level))
				break;
		}
	}
	return VMM_OK;
}

/*
 * Does going from one protection to another take something away? A page that
 * becomes the user's is lost to the kernel, and one that stops being global
 * may stay in the TLB for every address space.
 */
static bool restricts(unsigned from, unsigned to)
{
	return (from & ~to) != 0 ||
	       ((from ^ to) & (VMM_PT_USER | VMM_PT_GLOBAL)) != 0;
}

/* What protect writes: the same for every leaf. */
struct change {
	uint64_t bits; /* protection as entry bits */
	uint64_t mask; /* entry bits that a protection decides */
};

static void rewrite(struct vmm_pt *pt, vmm_va_t va, uint64_t *entry,
	unsigned level, const struct change *change,
	struct vmm_tlb_gather *gather)
{
	uint64_t old = vmm_pt_load(entry);
	uint64_t new = (old & ~change->mask) | change->bits;
	uint32_t flags = 0;

	if (new == old)
		return;
	vmm_pt_store(entry, new);
	if (restricts(vmm_pt_prot_decode(pt->format, old),
		    vmm_pt_prot_decode(pt->format, new)))
		flags |= VMM_TLB_RESTRICT;
	if (vmm_pt_is_global(pt->format, old) ||
		vmm_pt_is_global(pt->format, new))
		flags |= VMM_TLB_GLOBAL;
	vmm_tlb_note(gather, va, vmm_pt_leaf_size(level), vmm_pt_shift(level),
		flags);
}

static void commit(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	const struct change *change, struct vmm_tlb_gather *gather)
{
	while (size > 0) {
		unsigned level;
		uint64_t *entry = vmm_pt_walk(pt, va, 0, &level);
		uint64_t span = vmm_pt_leaf_size(level);
		unsigned left =
			vmm_pt_entries(pt, level) - vmm_pt_index(pt, va, level);

		do {
			VMM_ASSERT(size >= span);
			rewrite(pt, va, entry++, level, change, gather);
			va += span;
			size -= span;
		} while (--left > 0 && size > 0 &&
			 !vmm_pt_is_table(
				 pt->format, vmm_pt_load(entry), level));
	}
}

int vmm_pt_protect(struct vmm_pt *pt, vmm_va_t va, uint64_t size, unsigned prot,
	struct vmm_tlb_gather *gather)
{
	struct change change = {0, vmm_pt_prot_mask(pt->format)};
	int err;

	err = vmm_pt_change_check(pt, va, size);
	if (err != VMM_OK)
		return err;
	err = vmm_pt_prot_encode(pt->format, prot, &change.bits);
	if (err != VMM_OK)
		return err;
	err = plan(pt, va, size);
	if (err != VMM_OK)
		return err;
	err = vmm_pt_reserve(pt, vmm_pt_split_count(pt, va, size));
	if (err != VMM_OK)
		return err;
	vmm_pt_split(pt, va, size, gather);
	commit(pt, va, size, &change, gather);
	vmm_pt_note_lent(pt, va, size, gather);
	VMM_ASSERT_SLOW(vmm_pt_check(pt) == VMM_OK);
	return VMM_OK;
}
