/* SPDX-License-Identifier: MIT */
/*
 * Unmapping: theory of operation
 *
 * 1. The plan pass reads the range run by run. What is there must be what the
 *    operation takes away; the frames behind it are written into the gather's
 *    array, merged into runs, and count only once all of them have fitted.
 *
 * 2. After the ends have been split, every entry that the range touches lies in
 *    it whole. The commit pass clears runs of entries, but none in a table
 *    whose whole span the range covers: such tables are unlinked after it, so
 *    that one of 512 pages goes with one store, and is not read again.
 *
 * 3. Where A and D are tracked, every leaf is taken out by an atomic operation,
 *    so that what hardware set until then is known.
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

/* *@flags_out: what becomes stale, as the gather has it. */
static int plan(const struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	unsigned take, struct vmm_tlb_gather *gather, uint32_t *flags_out)
{
	uint32_t flags = VMM_TLB_RESTRICT | VMM_TLB_VALID;
	struct vmm_pt_look look;

	vmm_pt_look_start(&look, pt, va, size, 0);
	while (vmm_pt_look_next(&look)) {
		if (look.bound)
			return VMM_EBUSY;
		if ((take & TAKE(look.kind)) == 0)
			return look.kind == VMM_PT_LEAF ? VMM_EEXIST
							: VMM_ENOENT;
		flags |= look.note;
		if (look.kind == VMM_PT_LEAF &&
			!vmm_tlb_frames_add(gather, look.pa, look.size))
			return VMM_ENOSPC;
	}
	*flags_out = flags;
	return VMM_OK;
}

/* Where the frames of the range are in the gather's array. */
struct reported {
	struct vmm_tlb_frames *run; /* NULL: they are not */
	uint64_t skip; /* bytes of the run that come before the next ones */
};

/* The leaves of a run are gone, and had these bits in them. */
static void tell_dirty(const struct vmm_pt_look *look, uint64_t seen,
	struct reported *reported)
{
	uint64_t dirty = look->pt->format->prot[VMM_PT_DIRTY_INDEX].set;

	if (reported->run == NULL)
		return;
	/* Frames come in the order in which the plan found them. */
	if (reported->skip == reported->run->size) {
		reported->run++;
		reported->skip = 0;
	}
	reported->skip += look->size;
	reported->run->dirty |= (seen & dirty) != 0;
}

static void commit(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	uint32_t flags, struct reported reported, struct vmm_tlb_gather *gather)
{
	const bool tracked = pt->format->tracked != 0;
	struct vmm_pt_look look;

	vmm_pt_look_start(&look, pt, va, size, 0);
	for (;;) {
		/* Not into tables that go as a whole. */
		if (!tracked)
			look.stop = vmm_pt_fit(look.va + look.size,
				look.rest - look.size,
				vmm_pt_root_level(pt) - 1);
		if (!vmm_pt_look_next(&look))
			break;
		if (look.kind == VMM_PT_ABSENT)
			continue;
		if (look.kind == VMM_PT_LEAF && tracked)
			tell_dirty(&look,
				vmm_pt_take_bits(
					look.entry, look.count, UINT64_MAX),
				&reported);
		else if (look.kind != VMM_PT_TABLE)
			vmm_pt_fill(look.entry, look.count, 0, 0);
		/* No TLB holds a tag. */
		if (look.kind != VMM_PT_TAG)
			vmm_tlb_note(gather, look.va, look.size,
				look.kind == VMM_PT_TABLE ? VMM_PAGE_SHIFT
							  : look.shift,
				flags);
	}
	vmm_pt_sweep(pt, va, size, VMM_PT_CLEAR, gather);
}

static VMM_RARE VMM_NOINLINE int unmap(struct vmm_pt *pt, vmm_va_t va,
	uint64_t size, unsigned take, struct vmm_tlb_gather *gather)
{
	struct vmm_tlb_frames last = {0, 0, false};
	size_t count = gather->frames_count;
	size_t first = count > 0 ? count - 1 : 0;
	struct reported reported = {NULL, 0};
	uint32_t flags;
	int err;

	if (count > 0)
		last = gather->frames[first];
	err = vmm_pt_range_check(pt, va, size, VMM_PAGE_SIZE);
	if (err == VMM_OK)
		err = plan(pt, va, size, take, gather, &flags);
	if (err == VMM_OK)
		err = vmm_pt_split(pt, va, size, gather);
	if (err != VMM_OK) {
		/* The frames that the plan found are not reported after all. */
		gather->frames_count = count;
		if (count > 0)
			gather->frames[first] = last;
		return err;
	}
	if (gather->frames_count > 0)
		reported = (struct reported){&gather->frames[first], last.size};
	commit(pt, va, size, flags, reported, gather);
	VMM_ASSERT_SLOW(vmm_pt_check(pt) == VMM_OK);
	return VMM_OK;
}

/*
 * A single page out of a table, the commonest case: what the passes would do,
 * with one walk.
 */
static VMM_ALWAYS_INLINE int unmap_page(struct vmm_pt *pt, vmm_va_t va,
	struct vmm_tlb_gather *gather, unsigned pa_shift)
{
	const struct vmm_pt_format *format = pt->format;
	uint64_t *entry = vmm_pt_page_entry(pt, va, pa_shift);
	uint64_t value = entry == NULL ? 0 : vmm_pt_load(entry);

	/* One of the 16 of a larger leaf, and D, are for the passes. */
	if (!vmm_pt_is_valid(format, value) ||
		(value & format->special_mask) != 0)
		return unmap(pt, va, VMM_PAGE_SIZE, TAKE_LEAF, gather);
	if (!vmm_tlb_frames_add(gather, (value & format->pa_mask) << pa_shift,
		    VMM_PAGE_SIZE))
		return VMM_ENOSPC;
	vmm_pt_store(entry, 0);
	vmm_tlb_note_page(gather, va,
		VMM_TLB_RESTRICT | VMM_TLB_VALID |
			vmm_pt_global_note(format, value));
	return VMM_OK;
}

int vmm_pt_unmap(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather)
{
	VMM_ASSERT(gather != NULL);
	if (size != VMM_PAGE_SIZE)
		return unmap(pt, va, size, TAKE_LEAF, gather);
	return VMM_PT_BY_SHIFT(pt->format, unmap_page, pt, va, gather);
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
