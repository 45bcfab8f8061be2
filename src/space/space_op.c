/* SPDX-License-Identifier: MIT */
/* Calls in progress: the lock, windows, pages on the way in, frames out. */
#include "space/space_internal.h"

void vmm_space_lock(struct vmm_space *space)
{
	const struct vmm_lock *lock = space->hooks->lock;

	if (lock != NULL)
		lock->acquire(lock->ctx);
}

void vmm_space_unlock(struct vmm_space *space)
{
	const struct vmm_lock *lock = space->hooks->lock;

	if (lock != NULL)
		lock->release(lock->ctx);
}

void vmm_space_wait(struct vmm_space *space)
{
	/* Without a lock nobody else can be there to wait for. */
	VMM_ASSERT(space->hooks->lock != NULL);
	vmm_space_unlock(space);
	if (space->hooks->wait != NULL)
		space->hooks->wait(space->hooks->ctx);
	vmm_space_lock(space);
}

/*
 * Does a call before @end in the list have some of [@first, @last]? Another one
 * than @mine.
 */
static bool is_taken(const struct vmm_space *space,
	const struct vmm_space_op *end, const struct vmm_space_op *mine,
	vmm_va_t first, vmm_va_t last)
{
	const struct vmm_space_op *op;

	for (op = space->ops; op != end; op = op->next) {
		if (op != mine && op->first <= last && first <= op->last)
			return true;
	}
	return false;
}

static void append(struct vmm_space *space, struct vmm_space_op *op,
	vmm_va_t first, vmm_va_t last)
{
	op->next = NULL;
	op->first = first;
	op->last = last;
	op->batch = 1;
	op->has_page = false;
	vmm_tlb_gather_init(&op->gather, op->frames, VMM_SPACE_FRAMES);
	*space->end = op;
	space->end = &op->next;
}

static void begin(struct vmm_space *space, struct vmm_space_op *op,
	vmm_va_t first, vmm_va_t last)
{
	vmm_space_lock(space);
	append(space, op, first, last);
	while (is_taken(space, op, NULL, first, last))
		vmm_space_wait(space);
}

void vmm_space_begin(struct vmm_space *space, struct vmm_space_op *op,
	vmm_va_t va, uint64_t size)
{
	VMM_ASSERT(vmm_range_ok(va, size));
	begin(space, op, va, vmm_range_last(va, size));
}

void vmm_space_begin_all(struct vmm_space *space, struct vmm_space_op *op)
{
	begin(space, op, 0, UINT64_MAX);
}

bool vmm_space_begin_now(struct vmm_space *space, struct vmm_space_op *op,
	vmm_va_t va, uint64_t size)
{
	return vmm_space_begin_also(space, op, NULL, va, size);
}

bool vmm_space_begin_also(struct vmm_space *space, struct vmm_space_op *op,
	const struct vmm_space_op *mine, vmm_va_t va, uint64_t size)
{
	VMM_ASSERT(vmm_range_ok(va, size));
	if (is_taken(space, NULL, mine, va, vmm_range_last(va, size)))
		return false;
	append(space, op, va, vmm_range_last(va, size));
	return true;
}

static void leave(struct vmm_space *space, struct vmm_space_op *op)
{
	struct vmm_space_op **link = &space->ops;

	while (*link != op) {
		VMM_ASSERT(*link != NULL);
		link = &(*link)->next;
	}
	*link = op->next;
	if (op->next == NULL)
		space->end = link;
}

/* Give back spare pages of a table above a number. */
static void give_back(struct vmm_space *space, struct vmm_pt *pt, uint64_t keep)
{
	const struct vmm_pages *pages = space->hooks->pages;

	if (pt->pages != NULL)
		return;
	while (pt->spare_count > keep) {
		vmm_pa_t page[16];
		unsigned count = 0;

		while (count < 16 && pt->spare_count > keep) {
			int err = vmm_pt_spare_take(pt, &page[count]);

			VMM_ASSERT(err == VMM_OK);
			(void)err;
			count++;
		}
		vmm_space_unlock(space);
		while (count-- > 0)
			pages->free(pages->ctx, page[count]);
		vmm_space_lock(space);
	}
}

uint64_t vmm_space_shed(struct vmm_space *space)
{
	uint64_t before = 0;

	if (space->live->pages == NULL)
		before = space->live->spare_count;
	give_back(space, space->live, 0);
	if (space->has_store) {
		before += space->store.spare_count;
		give_back(space, &space->store, 0);
	}
	return before;
}

/*
 * Did a table take the place of a leaf, or small leaves that of a large one? All
 * translates as before, but a hart that still holds the large one would keep it
 * when a page of it is fenced by its address later. So that has to reach all
 * harts now, as if it took something away.
 */
static void note_split(
	const struct vmm_space *space, struct vmm_tlb_gather *gather)
{
	const bool is_large = gather->last - gather->first >= VMM_PAGE_SIZE;

	if ((gather->flags & VMM_TLB_VALID) == 0)
		return;
	if ((gather->flags & VMM_TLB_NON_LEAF) != 0 ||
		(space->live->format->napot != 0 && is_large))
		gather->flags |= VMM_TLB_RESTRICT;
}

void vmm_space_end(struct vmm_space *space, struct vmm_space_op *op)
{
	const struct vmm_space_hooks *hooks = space->hooks;
	struct vmm_tlb_plan plan;

	/* What takes something away has been settled. */
	VMM_ASSERT((op->gather.flags & VMM_TLB_RESTRICT) == 0);
	note_split(space, &op->gather);
	if ((op->gather.flags & VMM_TLB_RESTRICT) != 0)
		vmm_space_settle(space, op);
	VMM_ASSERT(op->gather.frames_count == 0);
	VMM_ASSERT(op->gather.dead_count == 0);
	give_back(space, space->live, VMM_SPACE_SPARE);
	if (space->has_store)
		give_back(space, &space->store, VMM_SPACE_SPARE);
	plan = vmm_tlb_plan_make(&op->gather);
	leave(space, op);
	vmm_space_unlock(space);
	if (op->has_page)
		hooks->pages->free(hooks->pages->ctx, op->page);
	if (plan.needed && hooks->flush != NULL)
		hooks->flush(hooks->ctx, space, &op->gather);
}

void vmm_space_put(struct vmm_space *space, vmm_pa_t pa, uint64_t size)
{
	const struct vmm_frames *frames = space->hooks->frames;
	uint64_t before = size;

	if (frames->has_zero_page && vmm_range_has(pa, size, frames->zero_page))
		before = frames->zero_page - pa;
	if (before != 0)
		frames->put(frames->ctx, pa, vmm_pa_to_pfn(before));
	if (before == size)
		return;
	before += VMM_PAGE_SIZE;
	if (before != size)
		frames->put(
			frames->ctx, pa + before, vmm_pa_to_pfn(size - before));
}

static void put_all(struct vmm_space *space, struct vmm_tlb_gather *gather)
{
	for (size_t i = 0; i < gather->frames_count; i++)
		vmm_space_put(
			space, gather->frames[i].pa, gather->frames[i].size);
}

void vmm_space_settle(struct vmm_space *space, struct vmm_space_op *op)
{
	const struct vmm_space_hooks *hooks = space->hooks;
	struct vmm_tlb_gather *gather = &op->gather;

	if (!vmm_tlb_plan_make(gather).needed && gather->frames_count == 0)
		return;
	note_split(space, gather);
	vmm_space_unlock(space);
	if (hooks->flush != NULL)
		hooks->flush(hooks->ctx, space, gather);
	put_all(space, gather);
	vmm_space_lock(space);
	vmm_pt_reap(space->live, gather);
}

/* One page, the lock dropped meanwhile. */
static int get_page(struct vmm_space *space, vmm_pa_t *pa_out)
{
	const struct vmm_pages *pages = space->hooks->pages;
	int err;

	vmm_space_unlock(space);
	err = pages->alloc(pages->ctx, pa_out);
	vmm_space_lock(space);
	return err;
}

static int make_store(struct vmm_space *space)
{
	const struct vmm_pages *pages = space->hooks->pages;
	const struct vmm_pt *live = space->live;
	vmm_pa_t root;
	int err;

	/* A guest's root is more than a page. */
	if (live->format->root_bits > VMM_PT_INDEX_BITS)
		return VMM_ENOTSUP;
	err = get_page(space, &root);
	if (err)
		return err;
	if (space->has_store) {
		/* Somebody was faster. */
		vmm_space_unlock(space);
		pages->free(pages->ctx, root);
		vmm_space_lock(space);
		return VMM_OK;
	}
	vmm_pt_init(&space->store, live->format, NULL, live->offset, root);
	space->has_store = true;
	return VMM_OK;
}

/*
 * Have spare pages in a table. They are kept until there are enough, and given
 * at once: what is spare while the lock is dropped, other calls use or give
 * back, each time anew perhaps.
 */
static int stock(struct vmm_space *space, struct vmm_pt *pt, uint64_t count)
{
	struct vmm_space_hoard hoard = {.pt = pt};
	int err = VMM_OK;

	while (pt->spare_count + hoard.count < count) {
		vmm_pa_t pa;

		err = get_page(space, &pa);
		if (err)
			break;
		*(uint64_t *)(uintptr_t)(pa + pt->offset) = hoard.first;
		hoard.first = pa;
		hoard.count++;
	}
	vmm_space_hoard_give(&hoard);
	return err;
}

/* One page of nodes. */
static int more_nodes(struct vmm_space *space)
{
	vmm_pa_t pa;
	int err = get_page(space, &pa);

	if (err)
		return err;
	err = vmm_vmem_donate(&space->arena,
		(void *)(uintptr_t)(pa + space->live->offset), VMM_PAGE_SIZE);
	VMM_ASSERT(err == VMM_OK);
	space->node_pages++;
	return VMM_OK;
}

bool vmm_space_more(struct vmm_space *space, struct vmm_space_op *op,
	enum vmm_space_use use, int *err)
{
	struct vmm_pt *pt =
		use == VMM_SPACE_FOR_LIVE ? space->live : &space->store;
	uint64_t count;

	if (*err != VMM_ENOMEM)
		return false;
	if (use == VMM_SPACE_FOR_ARENA) {
		*err = more_nodes(space);
	} else if (use == VMM_SPACE_FOR_STORE && !space->has_store) {
		*err = make_store(space);
	} else if (pt->pages == NULL) {
		/* Twice as many each time: few tries, and few pages too many.
		   So many were not enough. */
		count = pt->spare_count + 1;
		if (count < op->batch)
			count = op->batch;
		*err = stock(space, pt, count);
		op->batch = count < 512 ? 2 * count + 1 : count + 512;
	}
	/* Else a source of its own has said so. */
	return *err == VMM_OK;
}

int vmm_space_need(
	struct vmm_space *space, uint64_t nodes, uint64_t live, uint64_t store)
{
	int err = VMM_OK;

	while (err == VMM_OK) {
		if (vmm_vmem_spare(&space->arena) <
			nodes + space->arena.reserve)
			err = more_nodes(space);
		else if (store > 0 && !space->has_store)
			err = make_store(space);
		else if (store > 0 && space->store.spare_count < store)
			err = stock(space, &space->store, store);
		else if (live > space->live->spare_count)
			err = space->live->pages != NULL
				      ? vmm_pt_reserve(space->live, live)
				      : stock(space, space->live, live);
		else
			break;
	}
	return err;
}

void vmm_space_more_frames(struct vmm_space *space, struct vmm_space_op *op)
{
	VMM_ASSERT(op->gather.frames_count == 0);
	if (op->has_page || get_page(space, &op->page) != VMM_OK)
		return;
	op->has_page = true;
	op->gather.frames =
		(struct vmm_tlb_frames *)(uintptr_t)(op->page +
						     space->live->offset);
	op->gather.frames_max = VMM_PAGE_SIZE / sizeof(struct vmm_tlb_frames);
}

void vmm_space_evict(struct vmm_space *space, struct vmm_space_op *op,
	struct vmm_pt *pt, vmm_va_t va, uint64_t size, bool put)
{
	struct vmm_tlb_frames *const frames = op->gather.frames;
	const size_t frames_max = op->gather.frames_max;
	struct vmm_tlb_gather stored; /* no hart has seen the store */
	struct vmm_tlb_gather *gather = &op->gather;
	uint64_t left = size;
	uint64_t part = size;

	VMM_ASSERT(op->gather.frames_count == 0);
	if (pt != space->live) {
		vmm_tlb_gather_init(&stored, NULL, 0);
		gather = &stored;
	}
	gather->frames = put ? frames : NULL;
	gather->frames_max = put ? frames_max : 0;
	while (left > 0) {
		int err;

		/* No more than fits; try for more after a part that did. */
		part = part < left / 2 ? 2 * part : left;
		err = vmm_pt_unmap_any(pt, va, part, gather);
		while (err == VMM_ENOSPC && part > VMM_PAGE_SIZE) {
			part = vmm_align_up(part / 2, VMM_PAGE_SIZE);
			err = vmm_pt_unmap_any(pt, va, part, gather);
		}
		VMM_ASSERT(err == VMM_OK);
		(void)err;
		if (pt == space->live) {
			vmm_space_settle(space, op);
		} else {
			vmm_space_unlock(space);
			put_all(space, gather);
			vmm_space_lock(space);
			vmm_pt_reap(pt, gather);
		}
		va += part;
		left -= part;
	}
	op->gather.frames = frames;
	op->gather.frames_max = frames_max;
}
