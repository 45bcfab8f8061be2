/* SPDX-License-Identifier: MIT */
/*
 * Fork: pages that the child gets copies of. Frames are got and filled without
 * the lock, a few at a time, and then entered; the window keeps the parent's
 * pages where they are. A ring's upper half goes with its lower one.
 */
#include "space/space_fork.h"

/* Pages per hold of the lock. */
#define COPIES 16

/* A page of the parent's, and what the child will have for it. */
struct page {
	vmm_va_t va;
	vmm_pa_t pa;
	unsigned prot;
};

/*
 * The child's own copy of a page, without the lock. The zero page and the
 * object's page, where it was not written to, stay what they are.
 */
static int make_copy(const struct vmm_fork_job *f, struct page *page)
{
	const struct vmm_frames *frames = f->parent->hooks->frames;
	const struct vmm_vmem_region *region = f->region;
	const struct vmm_vmem_tags *tags = vmm_vmem_region_tags(region);
	struct vmm_object *object = vmm_space_object(region);
	vmm_pa_t from = page->pa;
	vmm_pa_t of_object;
	int err;

	page->prot &= ~VMM_PT_WRITE;
	if (frames->has_zero_page && from == frames->zero_page)
		return VMM_OK;
	if (object != NULL &&
		vmm_object_find(object,
			tags->owner + (page->va - vmm_vmem_region_base(region)),
			&of_object) &&
		of_object == from)
		return frames->get(frames->ctx, from, 1);
	err = frames->alloc(frames->ctx, 1, false, &page->pa);
	if (err != VMM_OK)
		return err;
	frames->copy(frames->ctx, page->pa, from);
	page->prot |= vmm_space_prot(region) & VMM_PT_WRITE;
	return VMM_OK;
}

/* One of the two entries of a ring's page, or the one of any other. */
static int enter_page(
	struct vmm_fork_job *f, vmm_va_t va, const struct page *page)
{
	int err;

	do {
		err = vmm_pt_map(
			f->to, va, page->pa, VMM_PAGE_SIZE, page->prot, NULL);
	} while (vmm_fork_more(f, &err));
	return err;
}

/*
 * A page of a ring shows in the upper half, too. The holder for that comes
 * first; with a zero page there is none.
 */
static int enter_twin(struct vmm_fork_job *f, const struct page *page)
{
	const vmm_va_t twin = page->va + vmm_vmem_region_size(f->region) / 2;
	const struct vmm_frames *frames = f->parent->hooks->frames;
	int err;

	vmm_space_unlock(f->parent);
	err = vmm_fork_hold_run(frames, page->pa, VMM_PAGE_SIZE);
	vmm_space_lock(f->parent);
	if (err != VMM_OK)
		return err;
	err = enter_page(f, twin, page);
	if (err != VMM_OK) {
		vmm_space_unlock(f->parent);
		vmm_space_put(f->parent, page->pa, VMM_PAGE_SIZE);
		vmm_space_lock(f->parent);
	}
	return err;
}

/* List pages of the parent's. How many? */
static unsigned list_pages(struct vmm_fork_job *f, struct page *pages)
{
	struct vmm_pt_cursor cursor;
	unsigned count = 0;
	struct vmm_pt_run run;

	while (count < COPIES &&
		vmm_fork_find_run(f, COPIES * VMM_PAGE_SIZE, &cursor, &run)) {
		uint64_t at = 0;

		for (; at < run.size && count < COPIES; at += VMM_PAGE_SIZE) {
			pages[count].va = run.va + at;
			pages[count].pa = run.pa + at;
			pages[count].prot = run.prot;
			count++;
		}
		vmm_fork_pass(f, vmm_range_last(run.va, at));
	}
	return count;
}

/* Copy a few pages, and enter them. Those not entered are put again. */
static int copy_few(struct vmm_fork_job *f, struct page *pages, unsigned count)
{
	unsigned made = 0;
	unsigned entered = 0;
	int err = VMM_OK;

	vmm_space_unlock(f->parent);
	while (err == VMM_OK && made < count) {
		err = make_copy(f, &pages[made]);
		made += err == VMM_OK ? 1 : 0;
	}
	vmm_space_lock(f->parent);
	while (err == VMM_OK && entered < count) {
		err = enter_page(f, pages[entered].va, &pages[entered]);
		if (err != VMM_OK)
			break;
		entered++;
		if (vmm_space_kind(f->region) == VMM_SPACE_RING)
			err = enter_twin(f, &pages[entered - 1]);
	}
	if (err == VMM_OK)
		return VMM_OK;
	vmm_space_unlock(f->parent);
	while (made > entered)
		vmm_space_put(f->parent, pages[--made].pa, VMM_PAGE_SIZE);
	vmm_space_lock(f->parent);
	return err;
}

int vmm_fork_copy_pages(struct vmm_fork_job *f)
{
	struct page pages[COPIES];
	unsigned count;
	int err = VMM_OK;

	/* The upper half of a ring goes with the lower. */
	if (vmm_space_kind(f->region) == VMM_SPACE_RING)
		f->last = f->va + vmm_vmem_region_size(f->region) / 2 - 1;
	while (err == VMM_OK && (count = list_pages(f, pages)) > 0)
		err = copy_few(f, pages, count);
	return err;
}

/* Contiguous frames with the bytes of the parent's, without the lock. */
int vmm_fork_get_contiguous(const struct vmm_fork_job *f, vmm_pa_t *pa_out)
{
	const struct vmm_frames *frames = f->parent->hooks->frames;
	const vmm_pa_t from = vmm_vmem_region_tags(f->region)->owner;
	const uint64_t size = vmm_vmem_region_size(f->region);
	const uint64_t pages = vmm_pa_to_pfn(size);
	uint64_t count = 1;
	int err;

	/* As allocators have them: a power of two, and the rest goes back. */
	while (count < pages)
		count *= 2;
	err = frames->alloc(frames->ctx, count, false, pa_out);
	if (err != VMM_OK)
		return err;
	if (count > pages)
		frames->put(frames->ctx, *pa_out + size, count - pages);
	for (uint64_t at = 0; at < size; at += VMM_PAGE_SIZE)
		frames->copy(frames->ctx, *pa_out + at, from + at);
	return VMM_OK;
}

int vmm_fork_enter_contiguous(struct vmm_fork_job *f, vmm_pa_t pa)
{
	unsigned prot = vmm_space_prot(f->region);
	int err;

	/* In the store, some protection; the right one comes with the next. */
	if ((prot & VMM_SPACE_ACCESS) == 0)
		prot |= VMM_PT_READ;
	if (f->to->format->tracked != 0)
		prot |= VMM_PT_ACCESSED |
			((prot & VMM_PT_WRITE) != 0 ? VMM_PT_DIRTY : 0);
	do {
		err = vmm_pt_map(f->to, f->va, pa,
			vmm_vmem_region_size(f->region), prot, NULL);
	} while (vmm_fork_more(f, &err));
	return err;
}
