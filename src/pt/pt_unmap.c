/* SPDX-License-Identifier: MIT */
/*
 * Unmapping: theory of operation
 *
 * 1. The plan pass reads the range run by run. What is there must be what the
 *    operation takes away; the frames behind it are written into the gather's
 *    array, merged into runs, and count only once all of them have fitted.
 *
 * 2. After the ends have been split, every entry that the range touches lies in
 *    it whole. The commit pass clears runs of entries, and where the range
 *    covers the whole span of a table it clears the one entry that points to
 *    it: a table of 512 pages goes with one store, and is not read again.
 *
 * 3. Where A and D are tracked, a pass in between takes every leaf out by an
 *    atomic exchange, so that what hardware set until then is known.
 *
 * 4. Nothing is given back here. Harts may use what they have cached, frames
 *    and tables alike, until the caller has flushed.
 */
#include "pt/pt_entry.h"
#include "pt/pt_gather.h"

/* What an operation finds in its range without giving up. */
#define TAKE(kind) (1u << (kind))
#define TAKE_LEAF  TAKE(VMM_PT_LEAF)
#define TAKE_TAG   (TAKE(VMM_PT_TAG) | TAKE(VMM_PT_ABSENT))

/* *@flags_out: VMM_TLB_GLOBAL if a leaf is, or one that was lent. */
static int plan(const struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	unsigned take, struct vmm_tlb_gather *gather, uint32_t *flags_out)
{
	uint32_t flags = VMM_TLB_RESTRICT | VMM_TLB_VALID;
	struct vmm_pt_look look;

	look.left = 0;
	while (size > 0) {
		vmm_pt_look_on(pt, va, size, 0, &look);
		if (vmm_pt_is_bound(pt, &look))
			return VMM_EBUSY;
		if ((take & TAKE(look.kind)) == 0)
			return look.kind == VMM_PT_LEAF ? VMM_EEXIST
							: VMM_ENOENT;
		flags |= vmm_pt_lent_note(pt, look.root);
		if (look.kind == VMM_PT_LEAF) {
			flags |= vmm_pt_global_note(pt->format, look.value);
			if (!vmm_tlb_frames_add(gather, look.pa, look.size))
				return VMM_ENOSPC;
		}
		va += look.size;
		size -= look.size;
	}
	*flags_out = flags;
	return VMM_OK;
}

/* The frames that the plan has written so far are not reported after all. */
static void forget_frames(struct vmm_tlb_gather *gather, size_t count,
	const struct vmm_tlb_frames *last)
{
	gather->frames_count = count;
	if (count > 0)
		gather->frames[count - 1] = *last;
}

/*
 * Take out the leaves of the range, and tell the runs of frames from @run on,
 * where the range's first frame is @skip bytes into it, which are dirty.
 */
static void take_dirty(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_frames *run, uint64_t skip)
{
	const uint64_t dirty = pt->format->prot[VMM_PT_DIRTY_INDEX].set;
	struct vmm_pt_look look;

	look.left = 0;
	while (size > 0) {
		uint64_t seen = 0;

		vmm_pt_look_on(pt, va, size, 0, &look);
		va += look.size;
		size -= look.size;
		if (look.kind != VMM_PT_LEAF)
			continue;
		for (unsigned i = 0; i < look.count; i++)
			seen |= __atomic_exchange_n(
				&look.entry[i], 0, __ATOMIC_RELAXED);
		if (run == NULL)
			continue;
		/* Frames come in the order in which the plan found them. */
		if (skip == run->size) {
			run++;
			skip = 0;
		}
		skip += look.size;
		run->dirty |= (seen & dirty) != 0;
	}
}

/* The largest entry that can be cleared at @va: never a lent one. */
static unsigned clear_level(const struct vmm_pt *pt, vmm_va_t va, uint64_t size)
{
	unsigned root = vmm_pt_root_level(pt);
	unsigned level = vmm_pt_fit(va, size, root);

	if (level == root && vmm_pt_is_lent(pt->format,
				     vmm_pt_load(vmm_pt_root_entry(pt, va))))
		level--;
	return level;
}

static void commit(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	uint32_t flags, struct vmm_tlb_gather *gather)
{
	struct vmm_pt_look look;

	look.left = 0;
	while (size > 0) {
		unsigned shift;

		vmm_pt_look_on(pt, va, size, clear_level(pt, va, size), &look);
		shift = vmm_pt_shift(look.level);
		if (look.kind != VMM_PT_ABSENT)
			vmm_pt_fill(look.entry, look.count, 0, 0);
		if (look.kind == VMM_PT_TABLE) {
			vmm_pt_retire(pt,
				vmm_pt_entry_pa(pt->format, look.value),
				look.level - 1, gather);
			shift = VMM_PAGE_SHIFT;
		}
		/* No TLB holds a tag. */
		if (look.kind == VMM_PT_LEAF || look.kind == VMM_PT_TABLE)
			vmm_tlb_note(gather, va, look.size, shift, flags);
		va += look.size;
		size -= look.size;
	}
}

static VMM_RARE VMM_NOINLINE int unmap(struct vmm_pt *pt, vmm_va_t va,
	uint64_t size, unsigned take, struct vmm_tlb_gather *gather)
{
	struct vmm_tlb_frames last = {0, 0, false};
	size_t count = gather->frames_count;
	uint32_t flags;
	int err;

	if (count > 0)
		last = gather->frames[count - 1];
	err = vmm_pt_range_check(pt, va, size, VMM_PAGE_SIZE);
	if (err != VMM_OK)
		return err;
	err = plan(pt, va, size, take, gather, &flags);
	if (err == VMM_OK)
		err = vmm_pt_reserve(pt, vmm_pt_split_count(pt, va, size));
	if (err != VMM_OK) {
		forget_frames(gather, count, &last);
		return err;
	}
	vmm_pt_split(pt, va, size, gather);
	if (pt->format->tracked != 0) {
		size_t first = count > 0 ? count - 1 : 0;

		vmm_tlb_note(gather, va, size, VMM_PAGE_SHIFT, flags);
		take_dirty(pt, va, size,
			gather->frames_count == 0 ? NULL
						  : &gather->frames[first],
			last.size);
	}
	commit(pt, va, size, flags, gather);
	VMM_ASSERT_SLOW(vmm_pt_check(pt) == VMM_OK);
	return VMM_OK;
}

/*
 * A single page out of a table, the commonest case: what the passes would do,
 * with one walk. False if they have to.
 */
static bool unmap_page(
	struct vmm_pt *pt, vmm_va_t va, struct vmm_tlb_gather *gather)
{
	const struct vmm_pt_format *format = pt->format;
	uint64_t *entry = vmm_pt_page_entry(pt, va);
	uint64_t value;

	if (entry == NULL || (format->tracked | format->napot) != 0)
		return false;
	value = vmm_pt_load(entry);
	if (!vmm_pt_is_valid(format, value) ||
		!vmm_tlb_drop_page(gather, va, vmm_pt_entry_pa(format, value),
			VMM_TLB_RESTRICT | VMM_TLB_VALID |
				vmm_pt_global_note(format, value)))
		return false;
	vmm_pt_store(entry, 0);
	return true;
}

int vmm_pt_unmap(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather)
{
	VMM_ASSERT(gather != NULL);
	if (size == VMM_PAGE_SIZE && unmap_page(pt, va, gather))
		return VMM_OK;
	return unmap(pt, va, size, TAKE_LEAF, gather);
}

int vmm_pt_unmap_any(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather)
{
	VMM_ASSERT(gather != NULL);
	return unmap(pt, va, size, TAKE_LEAF | TAKE_TAG, gather);
}

int vmm_pt_untag(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather)
{
	VMM_ASSERT(gather != NULL);
	return unmap(pt, va, size, TAKE_TAG, gather);
}
