/* SPDX-License-Identifier: MIT */
/*
 * Resolving faults: theory of operation
 *
 * 1. Prepare, without the lock: get a frame, fill it or copy into it. What is
 *    copied from cannot go: the entry in the window holds it, or this call
 *    does, if it is an object's. Then enter it, under the lock; if tables are
 *    missing, that is found out before the first change, and when there are no
 *    pages for them the frame goes back.
 *
 * 2. A page of its own. No hart may read the old frame after another one wrote
 *    to the new one. So the new one is entered without WRITE, which it has the
 *    same bytes as the old one for; the flush makes sure that nobody has the old
 *    one any more, which is put then; and at last the entry gets its WRITE.
 *    Nothing is absent meanwhile: other harts read on, the table does not
 *    become empty, and nobody could map something else there.
 *
 *        drop old, enter new read-only   one hold of the lock
 *        flush, put old                  settle
 *        allow writing                   flushed on this hart, at the end
 *
 * 3. Who is the last. Holders other than entries of this page can only go away
 *    while the window is had: a frame gets another holder from one that maps it,
 *    and this one is in the window. So "the last" stays true, and "not the last"
 *    costs a copy that was not needed, at worst.
 */
#include "space/space_internal.h"

void vmm_space_count_holders(
	const struct vmm_space *space, struct vmm_space_fix *fix)
{
	const struct vmm_frames *frames = space->hooks->frames;

	if (frames->holders(frames->ctx, fix->pa) > fix->pages)
		return;
	/* What others read there, they have read before they let go. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	fix->cause = VMM_FAULT_LAST;
}

static void put_pages(const struct vmm_frames *frames, vmm_pa_t pa,
	const struct vmm_space_fix *fix)
{
	for (unsigned i = 0; i < fix->pages; i++)
		frames->put(frames->ctx, pa, 1);
}

/* A copy of the page as it is, held once. */
static int copy(const struct vmm_frames *frames,
	const struct vmm_space_fix *fix, vmm_pa_t *pa_out)
{
	vmm_pa_t from = fix->pa;
	int err;

	if (!fix->is_mapped) {
		err = vmm_object_page(fix->object, fix->offset, &from);
		if (err != VMM_OK)
			return err;
	}
	err = frames->alloc(frames->ctx, 1, false, pa_out);
	if (err == VMM_OK)
		frames->copy(frames->ctx, *pa_out, from);
	if (!fix->is_mapped)
		frames->put(frames->ctx, from, 1);
	return err;
}

/* The frame that the page is to have, with a holder for each entry. */
static int prepare(const struct vmm_space *space, struct vmm_space_fix *fix,
	vmm_pa_t *pa_out)
{
	const struct vmm_frames *frames = space->hooks->frames;
	vmm_pa_t pa;
	int err;

	if (fix->cause == VMM_FAULT_OBJECT)
		err = vmm_object_page(fix->object, fix->offset, &pa);
	else if (fix->cause == VMM_FAULT_COPY)
		err = copy(frames, fix, &pa);
	else
		err = frames->alloc(frames->ctx, 1, true, &pa);
	if (err != VMM_OK)
		return err;
	if (fix->pages == 2) {
		err = frames->get(frames->ctx, pa, 1);
		if (err != VMM_OK) {
			frames->put(frames->ctx, pa, 1);
			return err;
		}
	}
	*pa_out = pa;
	return VMM_OK;
}

/* What an entry of a fresh page allows. */
static unsigned prot_of(
	const struct vmm_space *space, const struct vmm_space_fix *fix)
{
	unsigned prot = fix->prot;

	if (space->live->format->tracked != 0)
		prot |= VMM_PT_ACCESSED |
			((fix->access & VMM_PT_WRITE) != 0 ? VMM_PT_DIRTY : 0);
	return prot;
}

/* The same, but for writing: that implied reading. */
static unsigned read_only(unsigned prot)
{
	if ((prot & VMM_PT_WRITE) == 0)
		return prot;
	return (prot & ~(VMM_PT_WRITE | VMM_PT_DIRTY)) | VMM_PT_READ;
}

/* Have all tables for both pages of a ring. */
static int need_tables(
	struct vmm_space *space, const struct vmm_space_fix *fix, vmm_pa_t pa)
{
	const vmm_va_t last = vmm_range_last(fix->page[0], VMM_PAGE_SIZE);
	int err = VMM_OK;

	while (err == VMM_OK) {
		uint64_t first;
		uint64_t second;

		err = vmm_pt_map_tables(space->live, fix->page[0], pa,
			VMM_PAGE_SIZE, NULL, &first);
		if (err == VMM_OK)
			err = vmm_pt_map_tables(space->live, fix->page[1], pa,
				VMM_PAGE_SIZE, &last, &second);
		if (err != VMM_OK || first + second <= space->live->spare_count)
			break;
		err = vmm_space_need(space, 0, first + second, 0);
	}
	return err;
}

/* Map a frame where nothing is. */
static int enter(struct vmm_space *space, struct vmm_space_op *op,
	const struct vmm_space_fix *fix, vmm_pa_t pa, unsigned prot)
{
	int err;

	if (fix->pages == 2) {
		err = need_tables(space, fix, pa);
		if (err != VMM_OK)
			return err;
	}
	do {
		err = vmm_pt_map(space->live, fix->page[0], pa, VMM_PAGE_SIZE,
			prot, &op->gather);
	} while (vmm_space_more(space, op, VMM_SPACE_FOR_LIVE, &err));
	if (err == VMM_OK && fix->pages == 2) {
		err = vmm_pt_map(space->live, fix->page[1], pa, VMM_PAGE_SIZE,
			prot, &op->gather);
		VMM_ASSERT(err == VMM_OK);
	}
	return err;
}

/* Tables for leaves that both pages of a ring may be parts of. */
static int need_splits(struct vmm_space *space, const struct vmm_space_fix *fix)
{
	if (fix->pages == 1)
		return VMM_OK;
	return vmm_space_need(
		space, 0, UINT64_C(2) * (space->live->format->levels - 1u), 0);
}

/* Add permissions to what is mapped; single pages need no table for it. */
static int add_rights(struct vmm_space *space, struct vmm_space_op *op,
	const struct vmm_space_fix *fix, unsigned set)
{
	int err;

	do {
		err = vmm_pt_modify(space->live, fix->page[0], VMM_PAGE_SIZE,
			set, 0, &op->gather);
	} while (vmm_space_more(space, op, VMM_SPACE_FOR_LIVE, &err));
	if (err == VMM_OK && fix->pages == 2) {
		err = vmm_pt_modify(space->live, fix->page[1], VMM_PAGE_SIZE,
			set, 0, &op->gather);
		VMM_ASSERT(err == VMM_OK);
	}
	return err;
}

/* The same for what may be a part of a larger leaf. */
static int grant(struct vmm_space *space, struct vmm_space_op *op,
	const struct vmm_space_fix *fix, unsigned set)
{
	int err = need_splits(space, fix);

	if (err == VMM_OK)
		err = add_rights(space, op, fix, set);
	/* What becomes the user's is lost to the kernel. */
	if ((op->gather.flags & VMM_TLB_RESTRICT) != 0)
		vmm_space_settle(space, op);
	return err;
}

/* Have what is mapped replaced by a frame with the same bytes. */
static int exchange(struct vmm_space *space, struct vmm_space_op *op,
	const struct vmm_space_fix *fix, vmm_pa_t pa, unsigned prot)
{
	const unsigned first = read_only(prot);
	int err = need_splits(space, fix);

	if (err != VMM_OK)
		return err;
	for (unsigned i = 0; i < fix->pages; i++) {
		do {
			err = vmm_pt_unmap(space->live, fix->page[i],
				VMM_PAGE_SIZE, &op->gather);
		} while (vmm_space_more(space, op, VMM_SPACE_FOR_LIVE, &err));
		if (err != VMM_OK)
			return err;
		err = vmm_pt_map(space->live, fix->page[i], pa, VMM_PAGE_SIZE,
			first, &op->gather);
		VMM_ASSERT(err == VMM_OK);
	}
	vmm_space_settle(space, op);
	err = add_rights(space, op, fix, prot & ~first);
	VMM_ASSERT(err == VMM_OK);
	return VMM_OK;
}

/* The stack reaches down to the page now. */
static void deepen(struct vmm_space *space, const struct vmm_space_fix *fix)
{
	const struct vmm_vmem_region *region =
		vmm_space_at(space, fix->page[0]);
	struct vmm_vmem_tags tags = *vmm_vmem_region_tags(region);
	uint64_t depth = (vmm_vmem_region_base(region) +
				 vmm_vmem_region_size(region) - fix->page[0]) >>
			 VMM_PAGE_SHIFT;

	if (depth <= tags.count)
		return;
	tags.count = (uint32_t)depth;
	vmm_vmem_region_set_tags(&space->arena, region, &tags);
}

/* With a frame of its own; the lock is dropped first. */
static int resolve_with(struct vmm_space *space, struct vmm_space_op *op,
	struct vmm_space_fix *fix, unsigned prot)
{
	vmm_pa_t pa;
	int err;

	vmm_space_unlock(space);
	if (fix->cause == VMM_FAULT_COPY && fix->is_mapped)
		vmm_space_count_holders(space, fix);
	if (fix->cause == VMM_FAULT_LAST) {
		vmm_space_lock(space);
		return grant(space, op, fix, fix->set);
	}
	err = prepare(space, fix, &pa);
	vmm_space_lock(space);
	if (err != VMM_OK)
		return err;
	err = fix->is_mapped ? exchange(space, op, fix, pa, prot)
			     : enter(space, op, fix, pa, prot);
	if (err == VMM_OK) {
		fix->pa = pa;
		return VMM_OK;
	}
	vmm_space_unlock(space);
	put_pages(space->hooks->frames, pa, fix);
	vmm_space_lock(space);
	return err;
}

int vmm_space_resolve(struct vmm_space *space, struct vmm_space_op *op,
	struct vmm_space_fix *fix)
{
	unsigned prot = prot_of(space, fix);
	int err;

	switch (fix->cause) {
	case VMM_FAULT_SPURIOUS:
	case VMM_FAULT_LAST:
		return grant(space, op, fix, fix->set);
	case VMM_FAULT_ZERO_PAGE:
		fix->pa = space->hooks->frames->zero_page;
		return enter(space, op, fix, fix->pa, read_only(prot));
	case VMM_FAULT_OBJECT:
		/* It is the object's until it is written to. */
		if (fix->private)
			prot = read_only(prot);
		break;
	default:
		break;
	}
	err = resolve_with(space, op, fix, prot);
	if (err == VMM_OK && fix->cause == VMM_FAULT_STACK)
		deepen(space, fix);
	return err;
}
