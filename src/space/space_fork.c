/* SPDX-License-Identifier: MIT */
/*
 * Fork: theory of operation
 *
 * 1. The call owns all of the parent, so nothing there changes but what hardware
 *    marks in entries. The child is nobody else's, its live table included; it
 *    is written to under the parent's lock, and its own is only taken to get
 *    pages and to make spans, the parent's dropped: never both.
 *
 * 2. Region by region: a node, then the pages, in chunks that a hold of the lock
 *    is short for. A chunk is shared in three steps:
 *
 *        list    the runs of frames in the next part of the table
 *        hold    once more each, without the lock, a hook call a run
 *        copy    the entries to the child, without WRITE, and take WRITE from
 *                the parent's, both at once
 *
 *    What was held is either in the child's table when a chunk is done, or was
 *    put again. So what a fork has made so far is a space like any other at all
 *    times, and to undo it is to close that.
 *
 * 3. The parent loses WRITE where the child got the page, and one flush at the
 *    end tells its harts. If the fork fails, faults bring it back: the last
 *    holder of a page writes to it as it is.
 */
#include <vmm/pt_share.h>

#include "space/space_fork.h"

#include "vmem/vmem_spans.h"

/* Get nodes and pages for the child; the parent's lock is dropped meanwhile. */
int vmm_fork_need(
	struct vmm_fork_job *f, uint64_t nodes, uint64_t live, uint64_t store)
{
	int err;

	vmm_space_unlock(f->parent);
	vmm_space_lock(f->child);
	err = vmm_space_need(f->child, nodes, live, store);
	vmm_space_unlock(f->child);
	vmm_space_lock(f->parent);
	return err;
}

/*
 * The child's table said *@err: was it out of pages, and are there more now?
 * Twice as many each time; fewer will do, too.
 */
bool vmm_fork_more(struct vmm_fork_job *f, int *err)
{
	const bool is_live = f->to == f->child->live;
	const uint64_t before = f->to->spare_count;
	const uint64_t count = before + f->batch;

	if (*err != VMM_ENOMEM || f->to->pages != NULL)
		return false;
	*err = vmm_fork_need(f, 0, is_live ? count : 0, is_live ? 0 : count);
	if (f->to->spare_count > before)
		*err = VMM_OK;
	f->batch = f->batch < 64 ? 2 * f->batch : 64;
	return *err == VMM_OK;
}

/* One more holder for a run of frames, the zero page aside: all or none. */
int vmm_fork_hold_run(
	const struct vmm_frames *frames, vmm_pa_t pa, uint64_t size)
{
	uint64_t before = size;
	int err = VMM_OK;

	if (frames->has_zero_page && vmm_range_has(pa, size, frames->zero_page))
		before = frames->zero_page - pa;
	if (before != 0)
		err = frames->get(frames->ctx, pa, vmm_pa_to_pfn(before));
	if (err != VMM_OK || before == size || before + VMM_PAGE_SIZE == size)
		return err;
	err = frames->get(frames->ctx, pa + before + VMM_PAGE_SIZE,
		vmm_pa_to_pfn(size - before - VMM_PAGE_SIZE));
	if (err != VMM_OK && before != 0)
		frames->put(frames->ctx, pa, vmm_pa_to_pfn(before));
	return err;
}

static void put_runs(struct vmm_fork_job *f, size_t count)
{
	const struct vmm_tlb_frames *runs = f->op.gather.frames;

	while (count-- > 0)
		vmm_space_put(f->parent, runs[count].pa, runs[count].size);
}

/* Hold the runs of a part, without the lock: all or none. */
static int hold(struct vmm_fork_job *f, const struct vmm_fork_part *part)
{
	const struct vmm_tlb_frames *runs = f->op.gather.frames;
	int err = VMM_OK;
	size_t i = 0;

	vmm_space_unlock(f->parent);
	while (err == VMM_OK && i < part->runs) {
		err = vmm_fork_hold_run(
			f->parent->hooks->frames, runs[i].pa, runs[i].size);
		i += err == VMM_OK ? 1 : 0;
	}
	if (err != VMM_OK)
		put_runs(f, i);
	vmm_space_lock(f->parent);
	return err;
}

/* The gather of a table of the parent's: no hart has seen the store. */
static struct vmm_tlb_gather *gather_of(struct vmm_fork_job *f)
{
	return f->from == f->parent->live ? &f->op.gather : NULL;
}

/* Enter a part in the child's table; with @private, nobody may write to it. */
static int copy_part(
	struct vmm_fork_job *f, const struct vmm_fork_part *part, bool private)
{
	const struct vmm_pt_source source = {
		f->from, part->va, private ? VMM_PT_WRITE : 0};
	struct vmm_pt *from = f->from == f->parent->live ? f->parent->live
							 : &f->parent->store;
	int err;

	do {
		err = vmm_pt_copy(f->to, part->va, part->size, &source, NULL);
	} while (vmm_fork_more(f, &err));
	if (err != VMM_OK || !private || !part->is_writable)
		return err;
	/* A part ends with leaves, so none is cut, and this cannot fail. */
	err = vmm_pt_modify(
		from, part->va, part->size, 0, VMM_PT_WRITE, gather_of(f));
	VMM_ASSERT(err == VMM_OK);
	return VMM_OK;
}

/* Show the same frames in both. */
static int share_pages(struct vmm_fork_job *f, bool private)
{
	struct vmm_fork_part part;

	while (vmm_fork_list(f, &part)) {
		int err = hold(f, &part);

		if (err != VMM_OK)
			return err;
		err = copy_part(f, &part, private);
		if (err == VMM_OK)
			continue;
		vmm_space_unlock(f->parent);
		put_runs(f, part.runs);
		vmm_space_lock(f->parent);
		return err;
	}
	return VMM_OK;
}

/* Show the same physical range; leaves as large as they were, to 1 GiB. */
static int share_phys(struct vmm_fork_job *f)
{
	while (!f->done) {
		const struct vmm_pt_source source = {f->from, f->va, 0};
		const vmm_va_t end = f->va | (VMM_GIB(1) - 1);
		const vmm_va_t last = end < f->last ? end : f->last;
		int err;

		do {
			err = vmm_pt_copy(
				f->to, f->va, last - f->va + 1, &source, NULL);
		} while (vmm_fork_more(f, &err));
		if (err != VMM_OK)
			return err;
		vmm_fork_pass(f, last);
	}
	return VMM_OK;
}

/* The child's region. Its content comes after; @pa: CONTIGUOUS, where it is. */
static int copy_region(struct vmm_fork_job *f, vmm_pa_t pa)
{
	const struct vmm_vmem_region *region = f->region;
	const struct vmm_vmem_region *copy = NULL;
	struct vmm_object *object = vmm_space_object(region);
	struct vmm_vmem_request request = {.size = vmm_vmem_region_size(region),
		.where = vmm_vmem_region_base(region),
		.guard = {vmm_vmem_region_guard(region, false),
			vmm_vmem_region_guard(region, true)},
		.tags = *vmm_vmem_region_tags(region),
		.flags = VMM_VMEM_FIXED};
	struct vmm_vmem *arena = &f->child->arena;
	int err;

	if ((request.tags.flags & VMM_SPACE_IS_SEGMENT) != 0) {
		const struct vmm_segment *segment = request.tags.user;

		request.tags.flags &= ~VMM_SPACE_IS_SEGMENT;
		/* A name is never written to. */
		request.tags.user = object != NULL
					    ? (void *)object
					    : (void *)(uintptr_t)segment->name;
	}
	if (vmm_space_kind(region) == VMM_SPACE_CONTIGUOUS)
		request.tags.owner = pa;
	while ((err = vmm_vmem_xalloc(arena, &request, &copy)) == VMM_ENOMEM) {
		err = vmm_fork_need(f, vmm_vmem_spare(arena) + 1, 0, 0);
		/* A hook may say the same, and means it. */
		if (err != VMM_OK)
			return err;
	}
	if (err != VMM_OK)
		return err;
	vmm_vmem_set_use(arena, copy, vmm_vmem_region_use(region));
	if (object != NULL)
		vmm_object_get(object);
	return VMM_OK;
}

/* The tables of a region, in both; the child's store is made if need be. */
static int open_region(struct vmm_fork_job *f)
{
	f->va = vmm_vmem_region_base(f->region);
	f->last = vmm_range_last(f->va, vmm_vmem_region_size(f->region));
	f->done = vmm_space_kind(f->region) == VMM_SPACE_RESERVED;
	if (!vmm_space_is_stored(f->region)) {
		f->from = f->parent->live;
		f->to = f->child->live;
		return VMM_OK;
	}
	f->from = &f->parent->store;
	f->to = &f->child->store;
	f->done = f->done || !f->parent->has_store;
	if (f->done || f->child->has_store)
		return VMM_OK;
	return vmm_fork_need(f, 0, 0, 1);
}

static int fork_contiguous(struct vmm_fork_job *f)
{
	vmm_pa_t pa = 0;
	int err;

	vmm_space_unlock(f->parent);
	err = vmm_fork_get_contiguous(f, &pa);
	vmm_space_lock(f->parent);
	if (err != VMM_OK)
		return err;
	err = copy_region(f, pa);
	if (err == VMM_OK)
		err = vmm_fork_enter_contiguous(f, pa);
	if (err != VMM_OK) {
		vmm_space_unlock(f->parent);
		f->parent->hooks->frames->put(f->parent->hooks->frames->ctx, pa,
			vmm_pa_to_pfn(vmm_vmem_region_size(f->region)));
		vmm_space_lock(f->parent);
	}
	return err;
}

static int fork_region(struct vmm_fork_job *f)
{
	const enum vmm_space_kind kind = vmm_space_kind(f->region);
	const bool private =
		vmm_space_is_private(kind, vmm_space_flags(f->region));
	int err = open_region(f);

	if (err != VMM_OK)
		return err;
	if (kind == VMM_SPACE_CONTIGUOUS)
		return fork_contiguous(f);
	err = copy_region(f, 0);
	if (err != VMM_OK || f->done)
		return err;
	if (kind == VMM_SPACE_PHYS)
		return share_phys(f);
	return private && f->by_copy ? vmm_fork_copy_pages(f)
				     : share_pages(f, private);
}

static int fork_regions(struct vmm_fork_job *f)
{
	const struct vmm_vmem *arena = &f->parent->arena;
	int err = VMM_OK;

	f->region = vmm_vmem_ceiling(arena, 0);
	while (err == VMM_OK && f->region != NULL) {
		if ((vmm_space_flags(f->region) & VMM_SPACE_NO_FORK) == 0)
			err = fork_region(f);
		f->region = vmm_vmem_next(arena, f->region);
	}
	return err;
}

/* All addresses. A span stays while the lock is dropped. */
static int fork_spans(struct vmm_fork_job *f)
{
	const struct vmm_vmem_region *span =
		vmm_vmem_span_first(&f->parent->arena);
	int err = VMM_OK;

	while (err == VMM_OK && span != NULL) {
		vmm_space_unlock(f->parent);
		err = vmm_space_add(f->child, span->base, span->size,
			vmm_vmem_span_flags(span));
		vmm_space_lock(f->parent);
		span = vmm_vmem_span_next(span);
	}
	return err;
}

/* Close what there is of the child, and make it as it came. */
static void undo(struct vmm_space *child)
{
	struct vmm_pt *live = child->live;
	const struct vmm_space_hooks *hooks = child->hooks;
	const uint64_t harts = child->harts;
	const bool is_shared = child->is_shared;

	vmm_space_fini(child);
	vmm_space_init(child, live, hooks);
	child->harts = harts;
	child->is_shared = is_shared;
}

static bool is_same_format(
	const struct vmm_pt_format *a, const struct vmm_pt_format *b)
{
	return a == b || __builtin_memcmp(a, b, sizeof(*a)) == 0;
}

int vmm_space_fork(
	struct vmm_space *child, struct vmm_space *parent, enum vmm_fork how)
{
	struct vmm_fork_job f;
	int err;

	if (child == parent || child->live == parent->live ||
		child->arena.span_count != 0 || child->ops != NULL ||
		child->hooks->frames != parent->hooks->frames ||
		!is_same_format(child->live->format, parent->live->format))
		return VMM_EINVAL;
	f.child = child;
	f.parent = parent;
	f.by_copy = how == VMM_FORK_COPY;
	f.batch = 1;
	vmm_space_begin_all(parent, &f.op);
	vmm_space_more_frames(parent, &f.op);
	err = fork_spans(&f);
	if (err == VMM_OK)
		err = fork_regions(&f);
	vmm_space_settle(parent, &f.op);
	vmm_space_end(parent, &f.op);
	if (err != VMM_OK) {
		undo(child);
		return err;
	}
	vmm_space_lock(child);
	(void)vmm_space_shed(child);
	vmm_space_unlock(child);
	return VMM_OK;
}
