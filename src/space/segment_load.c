/* SPDX-License-Identifier: MIT */
/*
 * Pages of whole segments and spaces on the way between the live table and the
 * store. First all copies, each of them all or nothing, which can be taken back
 * without failing; then the originals go, and the regions say so.
 *
 * What comes into the live table must find nothing there, be it where this one
 * has holes: another space may show something in the same table. Its calls have
 * windows of their own, so that is looked for whenever the lock was dropped:
 * without pages for tables, everything is taken back and begun again.
 */
#include <vmm/pt_share.h>

#include "space/segment_internal.h"

/* A move: of all regions in the window that have pages in @from. */
struct moving {
	struct vmm_space *space;
	struct vmm_space_op op;
	vmm_va_t base;
	vmm_va_t last;
	bool load; /* from the store to the live table; or the other way */
};

/* Has the region to be moved, or was it? Those without access stay stored. */
static bool moves(const struct moving *m, const struct vmm_vmem_region *region)
{
	return vmm_space_has(region, VMM_SPACE_IS_UNLOADED) == m->load &&
	       (vmm_space_prot(region) & VMM_SPACE_ACCESS) != 0 &&
	       vmm_space_kind(region) != VMM_SPACE_RESERVED;
}

/* The first region of the move at or above @va; NULL: no more. */
static const struct vmm_vmem_region *first(const struct moving *m, vmm_va_t va)
{
	const struct vmm_vmem_region *region = vmm_space_from(m->space, va);

	while (region != NULL && vmm_vmem_region_base(region) <= m->last) {
		if (moves(m, region))
			return region;
		region = vmm_vmem_next(&m->space->arena, region);
	}
	return NULL;
}

static const struct vmm_vmem_region *next(
	const struct moving *m, const struct vmm_vmem_region *region)
{
	vmm_va_t last = vmm_space_last(region);

	return last >= m->last ? NULL : first(m, last + 1);
}

static struct vmm_pt *table(const struct moving *m, bool live)
{
	return live ? m->space->live : &m->space->store;
}

static bool has_pages(
	const struct vmm_pt *pt, const struct vmm_vmem_region *region)
{
	struct vmm_pt_cursor cursor = vmm_pt_cursor_range(
		vmm_vmem_region_base(region), vmm_space_last(region));
	struct vmm_pt_run run;

	return vmm_pt_next(pt, &cursor, &run);
}

/* Is there anything to move? */
static bool has_content(const struct moving *m)
{
	const struct vmm_vmem_region *region = first(m, m->base);

	if (m->load && !m->space->has_store)
		return false;
	while (region != NULL && !has_pages(table(m, !m->load), region))
		region = next(m, region);
	return region != NULL;
}

/* Load: does something show where the regions are? */
static bool is_taken(const struct moving *m)
{
	const struct vmm_vmem_region *region = first(m, m->base);

	if (!m->load)
		return false;
	while (region != NULL && !has_pages(m->space->live, region))
		region = next(m, region);
	return region != NULL;
}

/*
 * Remove what a table has of the regions before @end, in one flush. Cannot
 * fail: no leaf sticks out of its region.
 */
static void remove_all(
	struct moving *m, bool live, const struct vmm_vmem_region *end)
{
	struct vmm_tlb_frames *const frames = m->op.gather.frames;
	const size_t frames_max = m->op.gather.frames_max;
	const struct vmm_vmem_region *region = first(m, m->base);
	struct vmm_tlb_gather stored;
	struct vmm_tlb_gather *gather = live ? &m->op.gather : &stored;

	vmm_tlb_gather_init(&stored, NULL, 0);
	m->op.gather.frames = NULL;
	m->op.gather.frames_max = 0;
	for (; region != end; region = next(m, region)) {
		int err = vmm_pt_unmap_any(table(m, live),
			vmm_vmem_region_base(region),
			vmm_vmem_region_size(region), gather);

		VMM_ASSERT(err == VMM_OK);
		(void)err;
	}
	if (live)
		vmm_space_settle(m->space, &m->op);
	else
		vmm_pt_reap(&m->space->store, &stored);
	m->op.gather.frames = frames;
	m->op.gather.frames_max = frames_max;
}

/* Copy all; on an error, nothing. */
static int copy_all(struct moving *m)
{
	const struct vmm_vmem_region *region;

	for (region = first(m, m->base); region != NULL;
		region = next(m, region)) {
		const vmm_va_t va = vmm_vmem_region_base(region);
		const struct vmm_pt_source source = {table(m, !m->load), va, 0};
		int err = vmm_pt_copy(table(m, m->load), va,
			vmm_vmem_region_size(region), &source,
			m->load ? &m->op.gather : NULL);

		if (err) {
			remove_all(m, m->load, region);
			return err;
		}
		vmm_space_mark_dirty(
			table(m, m->load), va, vmm_vmem_region_size(region));
	}
	return VMM_OK;
}

/* Write into all regions of the window, moved or not, what they are now. */
static void mark_all(struct moving *m)
{
	const uint32_t flag = VMM_SPACE_IS_UNLOADED;
	const struct vmm_vmem_region *region =
		vmm_space_from(m->space, m->base);

	for (; region != NULL && vmm_vmem_region_base(region) <= m->last;
		region = vmm_vmem_next(&m->space->arena, region)) {
		vmm_space_mark(m->space, region, m->load ? 0 : flag,
			m->load ? flag : 0);
		if (vmm_space_has(region, VMM_SPACE_IS_SEGMENT)) {
			struct vmm_segment *segment =
				vmm_vmem_region_tags(region)->user;

			segment->loaded = m->load;
		}
	}
}

static int move(struct moving *m)
{
	enum vmm_space_use use =
		m->load ? VMM_SPACE_FOR_LIVE : VMM_SPACE_FOR_STORE;
	int err = VMM_OK;

	/* The store has to be there before something can be copied to it. */
	if (has_content(m) && !m->load)
		err = vmm_space_need(m->space, 0, 0, 1);
	if (err)
		return err;
	do {
		err = is_taken(m) ? VMM_EEXIST : VMM_OK;
		if (err == VMM_OK && has_content(m))
			err = copy_all(m);
	} while (vmm_space_more(m->space, &m->op, use, &err));
	if (err)
		return err;
	if (has_content(m))
		remove_all(m, !m->load, NULL);
	mark_all(m);
	return VMM_OK;
}

static int move_segment(struct vmm_segment *segment, bool load)
{
	struct vmm_space *space = segment->space;
	struct moving m = {.space = space,
		.base = segment->base,
		.last = vmm_segment_last(segment),
		.load = load};
	int err;

	VMM_ASSERT(space != NULL);

	if (segment->loaded == load)
		return VMM_EBUSY;
	vmm_space_begin(space, &m.op, segment->base, segment->size);
	err = move(&m);
	VMM_ASSERT_SLOW(vmm_space_is_sound(space, &m.op));
	vmm_space_end(space, &m.op);
	return err;
}

int vmm_segment_unload(struct vmm_segment *segment)
{
	return move_segment(segment, false);
}

int vmm_segment_load(struct vmm_segment *segment)
{
	return move_segment(segment, true);
}

/* Is there a region in the other state, or none at all? */
static bool has_work(const struct moving *m)
{
	const struct vmm_vmem_region *region =
		vmm_space_from(m->space, m->base);

	if (region == NULL)
		return true;
	for (; region != NULL;
		region = vmm_vmem_next(&m->space->arena, region)) {
		if (vmm_space_has(region, VMM_SPACE_IS_UNLOADED) == m->load)
			return true;
	}
	return false;
}

static int move_space(struct vmm_space *space, bool load)
{
	struct moving m = {
		.space = space, .base = 0, .last = UINT64_MAX, .load = load};
	int err;

	vmm_space_begin_all(space, &m.op);
	err = has_work(&m) ? move(&m) : VMM_EBUSY;
	VMM_ASSERT_SLOW(vmm_space_is_sound(space, &m.op));
	vmm_space_end(space, &m.op);
	return err;
}

int vmm_space_unload(struct vmm_space *space)
{
	return move_space(space, false);
}

int vmm_space_load(struct vmm_space *space)
{
	return move_space(space, true);
}
