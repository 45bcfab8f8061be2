/* SPDX-License-Identifier: MIT */
/*
 * Changing protection. The plan pass makes sure that every run of the range can
 * have the protection it is to get; the ends are split; then leaves are
 * rewritten in place. The address of an entry stays as it is.
 *
 * Entries that have the same bits beside the address change in the same way,
 * and a process has few kinds of them: what was found out for the last kind is
 * kept.
 *
 * Where hardware sets A and D by itself, an entry may change between the load
 * and the store of it. There it is replaced by compare-and-swap, one at a time.
 */
#include "pt/pt_entry.h"
#include "pt/pt_gather.h"

/* What becomes of a protection, and of the bits of one kind of leaf. */
struct change {
	unsigned set_prot;
	unsigned clear_prot;
	bool holes; /* the range may have some */
	/* The last kind of leaf: 0 is none. */
	uint64_t kind;
	unsigned level;
	uint64_t clear;
	uint64_t set;
	uint32_t flags; /* VMM_TLB_... of the change */
};

/*
 * Does going from one protection to another take something away? A page that
 * becomes the user's is lost to the kernel, one that stops being global may
 * stay in the TLB for every address space, and one that is cached in two ways
 * at once is neither.
 */
static bool restricts(unsigned from, unsigned to)
{
	const unsigned either = VMM_PT_USER | VMM_PT_GLOBAL | VMM_PT_TYPE_MASK;

	return (from & ~to) != 0 || ((from ^ to) & either) != 0;
}

/* Find out what changes in the leaves of a run. */
static VMM_RARE int study(const struct vmm_pt_format *format,
	const struct vmm_pt_look *look, struct change *change)
{
	unsigned above = look->level > 0 ? 1 : 0;
	unsigned from = vmm_pt_prot_decode(format, look->value, look->level);
	/* A memory type in what is set replaces the old one. */
	unsigned type = (change->set_prot & VMM_PT_TYPE_MASK) != 0
				? VMM_PT_TYPE_MASK
				: 0;
	unsigned to = (from & ~(change->clear_prot | type)) | change->set_prot;
	struct vmm_pt_leaf_bits old = {{0, 0}};
	struct vmm_pt_leaf_bits new;
	int err = vmm_pt_prot_encode(format, to, &new);

	if (err == VMM_OK)
		err = vmm_pt_prot_encode(format, from, &old);
	if (err != VMM_OK)
		return err;
	change->kind = look->value & ~format->pa_mask;
	change->level = look->level;
	change->clear = old.at[above] & ~new.at[above];
	change->set = new.at[above] & ~old.at[above];
	/* As it reads back. */
	if ((to & VMM_PT_WRITE) != 0)
		to |= VMM_PT_READ;
	change->flags = VMM_TLB_VALID;
	if (((from | to) & VMM_PT_GLOBAL) != 0)
		change->flags |= VMM_TLB_GLOBAL;
	if (restricts(from, to))
		change->flags |= VMM_TLB_RESTRICT;
	return VMM_OK;
}

/*
 * The kind of a leaf is in the bits that are no address. In x86-64, those of
 * large leaves share a bit with it; there each run is studied anew.
 */
static int prepare(const struct vmm_pt_format *format,
	const struct vmm_pt_look *look, struct change *change)
{
	if (look->level == 0 && change->level == 0 &&
		change->kind == (look->value & ~format->pa_mask))
		return VMM_OK;
	return study(format, look, change);
}

/* The bits that differ, in every entry of a run, whatever hardware adds. */
static void swap_bits(
	const struct vmm_pt_look *look, uint64_t clear, uint64_t set)
{
	for (unsigned i = 0; i < look->count; i++) {
		uint64_t old = vmm_pt_load(&look->entry[i]);

		/* Hardware can set two bits, so it can win twice. */
		while (!__atomic_compare_exchange_n(&look->entry[i], &old,
			(old & ~clear) | set, false, __ATOMIC_RELAXED,
			__ATOMIC_RELAXED)) {
		}
	}
}

/* To plan, and once more to write. */
static int pass(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct change *change, bool write, struct vmm_tlb_gather *gather)
{
	struct vmm_pt_look look;

	vmm_pt_look_start(&look, pt, va, size, 0);
	while (vmm_pt_look_next(&look)) {
		int err;

		if (look.bound)
			return VMM_EBUSY;
		if (look.kind != VMM_PT_LEAF && !change->holes)
			return VMM_ENOENT;
		if (look.kind != VMM_PT_LEAF)
			continue;
		err = prepare(pt->format, &look, change);
		VMM_ASSERT(!write || err == VMM_OK);
		if (err != VMM_OK)
			return err;
		if (!write || (change->clear | change->set) == 0)
			continue;
		if (pt->format->tracked != 0)
			swap_bits(&look, change->clear, change->set);
		else
			vmm_pt_fill(look.entry, look.count,
				(look.value & ~change->clear) | change->set,
				look.step);
		vmm_tlb_note(gather, look.va, look.size, look.shift,
			change->flags | look.note);
	}
	return VMM_OK;
}

static VMM_RARE int modify(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct change *change, struct vmm_tlb_gather *gather)
{
	int err = vmm_pt_range_check(pt, va, size, VMM_PAGE_SIZE);

	for (int write = 0; write < 2 && err == VMM_OK; write++) {
		if (write != 0)
			err = vmm_pt_split(pt, va, size, gather);
		if (err == VMM_OK)
			err = pass(pt, va, size, change, write != 0, gather);
	}
	VMM_ASSERT_SLOW(vmm_pt_check(pt) == VMM_OK);
	return err;
}

int vmm_pt_protect(struct vmm_pt *pt, vmm_va_t va, uint64_t size, unsigned prot,
	struct vmm_tlb_gather *gather)
{
	struct change change = {.set_prot = prot,
		.clear_prot = VMM_PT_READ | VMM_PT_WRITE | VMM_PT_EXEC |
			      VMM_PT_USER | VMM_PT_GLOBAL};

	return modify(pt, va, size, &change, gather);
}

int vmm_pt_modify(struct vmm_pt *pt, vmm_va_t va, uint64_t size, unsigned set,
	unsigned clear, struct vmm_tlb_gather *gather)
{
	struct change change = {
		.set_prot = set, .clear_prot = clear, .holes = true};

	if (((set | clear) & ~VMM_PT_ALL) != 0)
		return VMM_EINVAL;
	return modify(pt, va, size, &change, gather);
}
