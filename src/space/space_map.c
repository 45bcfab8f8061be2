/* SPDX-License-Identifier: MIT */
/*
 * Making a region. What the request says is looked at, frames are got and the
 * object is joined before the space is touched; then the arena finds a place,
 * whose addresses become the call's window, what is there already goes, and
 * what is mapped at once is mapped.
 *
 * With replace, old pages are gone before the new ones can be mapped, so what
 * that takes is got before: nodes are kept back in the arena's reserve, and
 * spare pages in a list of the call's own, since other calls may take both
 * while this one flushes.
 */
#include "space/space_internal.h"

/* Nodes that an allocation from the arena takes at most. */
#define PLACE_NODES 3

/* A call in progress. */
struct making {
	struct vmm_space_op op;
	const struct vmm_space_request *request;
	struct vmm_segment *segment; /* that the region is a part of; or NULL */
	struct vmm_vmem_request place;
	vmm_pa_t pa;		      /* PHYS, CONTIGUOUS: of the first page */
	vmm_va_t va;		      /* the region's, once there is one */
	struct vmm_space_hoard hoard; /* pages that are kept for the mapping */
};

/* Pages of PHYS and CONTIGUOUS regions are mapped when the region is made. */
static bool is_mapped_at_once(const struct vmm_space_request *request)
{
	return request->kind == VMM_SPACE_PHYS ||
	       request->kind == VMM_SPACE_CONTIGUOUS;
}

static int check_object(
	const struct vmm_space *space, const struct vmm_space_request *request)
{
	const struct vmm_object *object = request->object;

	/* What comes from the object's frames goes back to the space's. */
	if (object->config->frames != space->hooks->frames ||
		!vmm_is_aligned(request->offset, VMM_PAGE_SIZE))
		return VMM_EINVAL;
	if (request->offset > object->size ||
		request->place.size > object->size - request->offset)
		return VMM_ERANGE;
	return VMM_OK;
}

static int check_phys(
	const struct vmm_space *space, const struct vmm_space_request *request)
{
	uint64_t size = request->place.size;

	if (!vmm_is_aligned(request->pa, VMM_PAGE_SIZE))
		return VMM_EINVAL;
	if (!vmm_range_ok(request->pa, size) ||
		vmm_range_last(request->pa, size) >>
				space->live->format->pa_bits !=
			0)
		return VMM_ERANGE;
	return VMM_OK;
}

/* What belongs to the kind alone. */
static int check_kind(
	const struct vmm_space *space, const struct vmm_space_request *request)
{
	uint64_t pages = request->place.size >> VMM_PAGE_SHIFT;
	bool is_object = request->kind == VMM_SPACE_OBJECT;

	if ((request->flags & VMM_SPACE_SHARED) != 0 && !is_object)
		return VMM_EINVAL;
	if (is_object != (request->object != NULL))
		return VMM_EINVAL;
	if (space->hooks->frames == NULL && request->kind != VMM_SPACE_PHYS &&
		request->kind != VMM_SPACE_RESERVED)
		return VMM_ENOTSUP;
	switch (request->kind) {
	case VMM_SPACE_RING:
		return pages % 2 == 0 ? VMM_OK : VMM_EINVAL;
	case VMM_SPACE_STACK:
		return pages <= UINT32_MAX ? VMM_OK : VMM_EINVAL;
	case VMM_SPACE_OBJECT:
		return check_object(space, request);
	case VMM_SPACE_PHYS:
		return check_phys(space, request);
	default:
		return VMM_OK;
	}
}

static int check_request(
	const struct vmm_space *space, const struct vmm_space_request *request)
{
	const struct vmm_vmem_request *place = &request->place;
	const struct vmm_vmem_tags *tags = &place->tags;

	if (place->embed != NULL || tags->user != NULL || tags->owner != 0 ||
		(tags->flags | tags->count) != 0)
		return VMM_EINVAL;
	if (place->size == 0 || !vmm_is_aligned(place->size, VMM_PAGE_SIZE) ||
		(place->flags & VMM_VMEM_USE_RESERVE) != 0)
		return VMM_EINVAL;
	/* Once something was replaced, nothing may fail. */
	if (request->replace && ((place->flags & VMM_VMEM_FIXED) == 0 ||
					(request->flags & VMM_SPACE_EAGER)))
		return VMM_EINVAL;
	if ((unsigned)request->kind >= VMM_SPACE_KINDS ||
		(request->flags & ~VMM_SPACE_FLAGS) != 0)
		return VMM_EINVAL;
	if (request->kind == VMM_SPACE_RESERVED &&
		(request->flags & VMM_SPACE_EAGER) != 0)
		return VMM_EINVAL;
	return check_kind(space, request);
}

/* The region's tags. */
static struct vmm_vmem_tags make_tags(const struct making *m)
{
	const struct vmm_space_request *request = m->request;
	unsigned prot = request->prot;
	struct vmm_vmem_tags tags = {0};

	/* No format can have the one without the other. */
	if ((prot & VMM_PT_WRITE) != 0)
		prot |= VMM_PT_READ;
	tags.flags = prot | (uint32_t)request->kind << VMM_SPACE_KIND_SHIFT |
		     request->flags << VMM_SPACE_FLAGS_SHIFT |
		     VMM_SPACE_IS_GOING;
	/* The one that is not meant is a pointer that is never written to. */
	tags.user = (void *)(uintptr_t)request->name;
	if (request->object != NULL) {
		tags.user = request->object;
		tags.owner = request->offset;
	}
	if (is_mapped_at_once(request))
		tags.owner = m->pa;
	if (m->segment != NULL) {
		tags.user = m->segment;
		tags.flags |= VMM_SPACE_IS_SEGMENT;
	}
	return tags;
}

/* Contiguous frames: a power of two of them, as allocators have them, cut. */
static int get_contiguous(struct vmm_space *space, struct making *m)
{
	const struct vmm_frames *frames = space->hooks->frames;
	uint64_t pages = m->request->place.size >> VMM_PAGE_SHIFT;
	uint64_t count = 1;
	int err;

	while (count < pages)
		count *= 2;
	err = frames->alloc(frames->ctx, count, true, &m->pa);
	if (err == VMM_OK && count > pages)
		frames->put(frames->ctx, m->pa + (pages << VMM_PAGE_SHIFT),
			count - pages);
	return err;
}

/* What the region is to have: frames, or its object's presence. */
static int get_content(struct vmm_space *space, struct making *m)
{
	m->pa = m->request->pa;
	if (m->request->kind == VMM_SPACE_CONTIGUOUS)
		return get_contiguous(space, m);
	if (m->request->object != NULL)
		vmm_object_get(m->request->object);
	return VMM_OK;
}

static void put_content(struct vmm_space *space, const struct making *m)
{
	const struct vmm_frames *frames = space->hooks->frames;

	if (m->request->kind == VMM_SPACE_CONTIGUOUS)
		frames->put(frames->ctx, m->pa,
			m->request->place.size >> VMM_PAGE_SHIFT);
	if (m->request->object != NULL)
		vmm_object_put(m->request->object);
}

uint64_t vmm_space_tables_for(const struct vmm_pt_format *format, vmm_va_t va,
	vmm_pa_t pa, uint64_t size)
{
	vmm_va_t last = vmm_range_last(va, size);
	unsigned fit = format->leaf_level_max;
	uint64_t tables = 0;

	while (fit > 0 && !vmm_is_aligned(va - pa, vmm_pt_leaf_size(fit)))
		fit--;
	for (unsigned level = 0; level + 1 < format->levels; level++) {
		uint64_t span = vmm_pt_leaf_size(level + 1);
		uint64_t count = last / span - va / span + 1;

		tables += level < fit && count > 2 ? 2 : count;
	}
	return tables;
}

/* Where the region's entries will be: as vmm_space_table(). */
static struct vmm_pt *table_of(struct vmm_space *space, const struct making *m)
{
	return (m->request->prot & VMM_SPACE_ACCESS) != 0 ? space->live
							  : &space->store;
}

int vmm_space_hoard(
	struct vmm_space *space, struct vmm_space_hoard *hoard, uint64_t count)
{
	struct vmm_pt *pt = hoard->pt;
	bool is_live = pt == space->live;
	int err;

	err = vmm_space_need(
		space, 0, is_live ? count : 0, is_live ? 0 : count);
	for (; err == VMM_OK && hoard->count < count; hoard->count++) {
		vmm_pa_t pa = 0;

		err = vmm_pt_spare_take(pt, &pa);
		VMM_ASSERT(err == VMM_OK);
		*(uint64_t *)(uintptr_t)(pa + pt->offset) = hoard->first;
		hoard->first = pa;
	}
	return err;
}

void vmm_space_hoard_give(struct vmm_space_hoard *hoard)
{
	struct vmm_pt *pt = hoard->pt;

	for (; hoard->count > 0; hoard->count--) {
		vmm_pa_t pa = hoard->first;

		hoard->first = *(uint64_t *)(uintptr_t)(pa + pt->offset);
		vmm_pt_donate(pt, pa);
	}
}

/* Keep pages for the mapping that is to come, and nodes for the region. */
static int prepare(
	struct vmm_space *space, struct making *m, vmm_va_t va, uint64_t size)
{
	uint64_t tables = 0;
	int err;

	if (is_mapped_at_once(m->request))
		tables = vmm_space_tables_for(space->live->format,
			m->place.where, m->pa, m->place.size);
	/* First those, since what cutting takes must be there at the end. */
	err = vmm_space_hoard(space, &m->hoard, tables);
	if (err == VMM_OK)
		err = vmm_space_take_need(space, va, size, PLACE_NODES);
	return err;
}

static int allocate(struct vmm_space *space, struct making *m,
	const struct vmm_vmem_region **region_out)
{
	int err;

	do {
		err = vmm_vmem_xalloc(&space->arena, &m->place, region_out);
	} while (vmm_space_more(space, &m->op, VMM_SPACE_FOR_ARENA, &err));
	return err;
}

/* Exchange what is at a fixed place. The lock is held if that went well. */
static int replace(struct vmm_space *space, struct making *m,
	const struct vmm_vmem_region **region_out)
{
	struct vmm_vmem *arena = &space->arena;
	uint64_t below = vmm_align_up(m->place.guard[0], VMM_PAGE_SIZE);
	uint64_t above = vmm_align_up(m->place.guard[1], VMM_PAGE_SIZE);
	/* The arena has looked at these: they are in one span. */
	vmm_va_t va = m->place.where - below;
	uint64_t size = below + m->place.size + above;
	int err;

	vmm_space_begin(space, &m->op, va, size);
	err = allocate(space, m, region_out);
	if (err != VMM_EEXIST)
		goto out;
	err = prepare(space, m, va, size);
	if (err)
		goto out;
	vmm_vmem_set_reserve(arena, arena->reserve + PLACE_NODES);
	vmm_space_take(space, &m->op, va, size);
	vmm_space_drop(space, &m->op, va, size);
	vmm_vmem_set_reserve(arena, arena->reserve - PLACE_NODES);
	err = vmm_vmem_xalloc(arena, &m->place, region_out);
	VMM_ASSERT(err == VMM_OK);
out:
	vmm_space_hoard_give(&m->hoard);
	if (err)
		vmm_space_end(space, &m->op);
	return err;
}

/* Have a place, and a window of it. The lock is held if that went well. */
static int place(struct vmm_space *space, struct making *m)
{
	const struct vmm_vmem_region *region = NULL;
	int err;

	vmm_space_lock(space);
	for (;;) {
		err = allocate(space, m, &region);
		if (err)
			break;
		if (vmm_space_begin_now(
			    space, &m->op, region->base, region->size))
			break;
		/* Another call is there, which will be gone soon. */
		err = vmm_vmem_free_region(&space->arena, region);
		VMM_ASSERT(err == VMM_OK);
		vmm_space_wait(space);
	}
	if (err) {
		vmm_space_unlock(space);
		if (err == VMM_EEXIST && m->request->replace)
			err = replace(space, m, &region);
	}
	if (err == VMM_OK)
		m->va = vmm_vmem_region_base(region);
	return err;
}

/* Map what is mapped at once. */
static int map_content(struct vmm_space *space, struct making *m)
{
	struct vmm_pt *pt = table_of(space, m);
	bool is_live = pt == space->live;
	unsigned prot = m->request->prot;
	int err = VMM_OK;

	if (!is_mapped_at_once(m->request))
		return VMM_OK;
	if (!is_live) {
		/* Some protection; the right one comes with the pages. */
		prot |= VMM_PT_READ;
		err = vmm_space_need(space, 0, 0, 1);
	}
	if (err)
		return err;
	if (space->live->format->tracked != 0)
		prot |= VMM_PT_ACCESSED |
			((prot & VMM_PT_WRITE) != 0 ? VMM_PT_DIRTY : 0);
	do {
		err = vmm_pt_map(pt, m->va, m->pa, m->place.size, prot,
			is_live ? &m->op.gather : NULL);
	} while (vmm_space_more(space, &m->op,
		is_live ? VMM_SPACE_FOR_LIVE : VMM_SPACE_FOR_STORE, &err));
	return err;
}

/* The region is complete, or is not to be. The lock is dropped. */
static void finish(struct vmm_space *space, struct making *m, int err)
{
	const struct vmm_vmem_region *region =
		vmm_vmem_find(&space->arena, m->va);

	if (err == VMM_OK) {
		vmm_space_mark(space, region, 0, VMM_SPACE_IS_GOING);
	} else {
		int freed = vmm_vmem_free_region(&space->arena, region);

		VMM_ASSERT(freed == VMM_OK);
		(void)freed;
	}
	VMM_ASSERT_SLOW(vmm_space_is_sound(space, &m->op));
	vmm_space_end(space, &m->op);
}

/* Is a region what was made, or a part of it that others have left? */
static bool is_left(
	const struct making *m, const struct vmm_vmem_region *region)
{
	const struct vmm_vmem_tags *made = &m->place.tags;
	const struct vmm_vmem_tags *tags = vmm_vmem_region_tags(region);
	const uint32_t kept = ~(uint32_t)(VMM_PT_ALL | VMM_SPACE_IS_GOING);
	const uint64_t at = vmm_vmem_region_base(region) - m->va;

	return at < m->place.size &&
	       vmm_vmem_region_size(region) <= m->place.size - at &&
	       tags->user == made->user &&
	       ((tags->flags ^ made->flags) & kept) == 0 &&
	       tags->owner ==
		       made->owner + (m->request->object != NULL ? at : 0);
}

/*
 * Take a region back. Others may have unmapped some of it meanwhile, and put
 * something there: that stays. Nothing is cut, so nothing fails.
 */
static void take_back(struct vmm_space *space, const struct making *m)
{
	const vmm_va_t last = vmm_range_last(m->va, m->place.size);
	const struct vmm_vmem_region *region;
	struct vmm_space_op op;
	vmm_va_t va = m->va;

	vmm_space_begin(space, &op, va, m->place.size);
	while ((region = vmm_space_from(space, va)) != NULL &&
		vmm_vmem_region_base(region) <= last) {
		const vmm_va_t end = vmm_space_last(region);

		if (is_left(m, region)) {
			vmm_space_mark(space, region, VMM_SPACE_IS_GOING, 0);
			vmm_space_drop(space, &op, vmm_vmem_region_base(region),
				vmm_vmem_region_size(region));
		}
		if (end >= last)
			break;
		va = end + 1;
	}
	VMM_ASSERT_SLOW(vmm_space_is_sound(space, &op));
	vmm_space_end(space, &op);
}

/* Touch all of a new region, or take it back. */
static int touch(struct vmm_space *space, const struct making *m)
{
	unsigned prot = m->request->prot;
	unsigned access = prot & VMM_SPACE_ACCESS;
	int err;

	if (access == 0 || is_mapped_at_once(m->request))
		return VMM_OK;
	if ((access & VMM_PT_WRITE) != 0)
		access = VMM_PT_WRITE;
	else if ((access & VMM_PT_READ) != 0)
		access = VMM_PT_READ;
	err = vmm_space_touch(
		space, m->va, m->place.size, access | (prot & VMM_PT_USER));
	if (err)
		take_back(space, m);
	return err;
}

int vmm_space_map_for(struct vmm_space *space,
	const struct vmm_space_request *request, struct vmm_segment *segment,
	vmm_va_t *va_out)
{
	struct making m;
	int err;

	err = vmm_space_prot_check(space->live->format, request->prot);
	if (err == VMM_OK)
		err = check_request(space, request);
	if (err)
		return err;
	m.request = request;
	m.segment = segment;
	m.hoard = (struct vmm_space_hoard){.pt = table_of(space, &m)};
	err = get_content(space, &m);
	if (err)
		return err;
	m.place = request->place;
	m.place.tags = make_tags(&m);
	err = place(space, &m);
	if (err == VMM_OK) {
		err = map_content(space, &m);
		finish(space, &m, err);
	}
	if (err) {
		put_content(space, &m);
		return err;
	}
	if ((request->flags & VMM_SPACE_EAGER) != 0)
		err = touch(space, &m);
	if (err == VMM_OK)
		*va_out = m.va;
	return err;
}

int vmm_space_map(struct vmm_space *space,
	const struct vmm_space_request *request, vmm_va_t *va_out)
{
	return vmm_space_map_for(space, request, NULL, va_out);
}
