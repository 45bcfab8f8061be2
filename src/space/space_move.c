/* SPDX-License-Identifier: MIT */
/*
 * Another size, another place.
 *
 * In place, the arena's region grows or shrinks, and what was cut off loses its
 * pages. Its addresses are free in the arena while those go, but nobody gets
 * them: they are in the window.
 *
 * Else there are two regions for a while, and two windows, which may overlap:
 * the first has the room to grow as well. The second one is taken only if it is
 * free of others: a call that waits has nothing that others wait for.
 * Pages are copied to the new addresses; then the new region is what the old
 * one was, and that one goes.
 */
#include "space/space_internal.h"

/* A call in progress. */
struct moving {
	struct vmm_space_op op;
	struct vmm_space_op op_to; /* the new place's, if it moves */
	vmm_va_t va;
	uint64_t old; /* bytes */
	uint64_t size;
	uint64_t keep; /* the smaller of the two: pages that stay */
	unsigned flags;
	const struct vmm_vmem_request *to;
	struct vmm_vmem_request place;
	vmm_va_t new_va;
};

static bool is_fixed(const struct moving *m)
{
	return m->to != NULL && (m->to->flags & VMM_VMEM_FIXED) != 0;
}

static int check_args(const struct moving *m)
{
	const struct vmm_vmem_request *to = m->to;

	if (m->size == 0 || !vmm_is_aligned(m->va | m->size, VMM_PAGE_SIZE) ||
		(m->flags & ~VMM_SPACE_MAY_MOVE) != 0)
		return VMM_EINVAL;
	if (to == NULL)
		return VMM_OK;
	if (to->embed != NULL || to->tags.user != NULL || to->tags.owner != 0 ||
		(to->tags.flags | to->tags.count) != 0 ||
		(to->flags & VMM_VMEM_USE_RESERVE) != 0)
		return VMM_EINVAL;
	/* It would have to move, and may not. */
	if (is_fixed(m) && (m->flags & VMM_SPACE_MAY_MOVE) == 0)
		return VMM_EINVAL;
	return VMM_OK;
}

/* The region at the address that is asked for, and begins there; or NULL. */
static const struct vmm_vmem_region *region_of(
	const struct vmm_space *space, const struct moving *m)
{
	const struct vmm_vmem_region *region =
		vmm_vmem_find(&space->arena, m->va);

	/* On its way: then it is not there any more, or not yet. */
	if (region == NULL || vmm_space_has(region, VMM_SPACE_IS_GOING))
		return NULL;
	return region;
}

/*
 * The window: the region and where it might grow to, with the guard that moves
 * along, as far as there are addresses. What the region is, is known only under
 * the lock; so look, queue, and look again.
 */
static int begin(struct vmm_space *space, struct moving *m)
{
	const uint64_t room = UINT64_MAX - m->va;
	const struct vmm_vmem_region *region;
	uint64_t window = VMM_PAGE_SIZE;
	uint64_t wanted;

	for (;;) {
		vmm_space_begin(space, &m->op, m->va, window);
		region = region_of(space, m);
		if (region == NULL) {
			vmm_space_end(space, &m->op);
			return VMM_ENOENT;
		}
		m->old = vmm_vmem_region_size(region);
		wanted = m->old > m->size ? m->old : m->size;
		wanted += vmm_vmem_region_guard(region, true);
		if (wanted < m->size || wanted > room)
			wanted = room + 1;
		if (wanted <= window)
			break;
		vmm_space_end(space, &m->op);
		window = wanted;
	}
	m->keep = m->old < m->size ? m->old : m->size;
	return VMM_OK;
}

static int check_region(const struct vmm_space *space, const struct moving *m)
{
	const struct vmm_vmem_region *region = region_of(space, m);
	const struct vmm_object *object = vmm_space_object(region);
	enum vmm_space_kind kind = vmm_space_kind(region);
	bool grows = m->size > m->old;

	if (vmm_space_has(region, VMM_SPACE_IS_SEGMENT | VMM_SPACE_IS_UNLOADED))
		return VMM_EBUSY;
	if (kind == VMM_SPACE_RING && m->size != m->old)
		return VMM_ENOTSUP;
	if (grows && (kind == VMM_SPACE_STACK || vmm_space_has_leaves(region)))
		return VMM_ENOTSUP;
	if (object != NULL && grows &&
		m->size > object->size - vmm_vmem_region_tags(region)->owner)
		return VMM_ERANGE;
	return VMM_OK;
}

/* What a region's tags become when its upper end is cut off. */
static struct vmm_vmem_tags tags_for(
	const struct vmm_vmem_region *region, const struct moving *m)
{
	struct vmm_vmem_tags tags = *vmm_vmem_region_tags(region);
	uint64_t less = (m->old - m->keep) >> VMM_PAGE_SHIFT;

	/* What a stack has grown to is at its top. */
	if (vmm_space_kind(region) == VMM_SPACE_STACK)
		tags.count =
			tags.count > less ? tags.count - (uint32_t)less : 0;
	return tags;
}

/* Tables for leaves that the new end cuts, and nodes. */
static int need(struct vmm_space *space, struct moving *m, uint64_t nodes)
{
	const struct vmm_vmem_region *region = region_of(space, m);
	uint64_t tables = 0;

	if (m->keep < m->old && vmm_space_has_leaves(region))
		tables = space->live->format->levels - 1u;
	if (vmm_space_is_stored(region))
		return vmm_space_need(space, nodes, 0, tables);
	return vmm_space_need(space, nodes, tables, 0);
}

/* Shrink where it is; the guard above moves along. */
static int shrink(struct vmm_space *space, struct moving *m)
{
	const struct vmm_vmem_region *region;
	struct vmm_vmem_region was;
	struct vmm_vmem_tags tags;
	int err = need(space, m, 1);

	if (err)
		return err;
	region = region_of(space, m);
	tags = tags_for(region, m);
	vmm_vmem_region_set_tags(&space->arena, region, &tags);
	/* Where its pages are, after it may have become another node. */
	was = *region;
	err = vmm_vmem_resize(&space->arena, region, m->size);
	VMM_ASSERT(err == VMM_OK);
	/* At once, before other calls can take the tables for it. */
	vmm_space_cut_leaves(
		space, &m->op, &was, m->va + m->size, m->old - m->size);
	vmm_space_empty(space, &m->op, &was, m->va + m->size, m->old - m->size);
	return VMM_OK;
}

/* Grow where it is. VMM_ENOSPC: there is no room. */
static int grow(struct vmm_space *space, struct moving *m)
{
	const struct vmm_vmem_region *region = region_of(space, m);

	if (vmm_vmem_room(region) < m->size)
		return VMM_ENOSPC;
	return vmm_vmem_resize(&space->arena, region, m->size);
}

/* A new region with the old one's tags. It keeps its guards by default. */
static int allocate(struct vmm_space *space, struct moving *m)
{
	const struct vmm_vmem_region *region = region_of(space, m);
	int err;

	if (m->to != NULL) {
		m->place = *m->to;
	} else {
		m->place = (struct vmm_vmem_request){0};
		for (unsigned i = 0; i < 2; i++)
			m->place.guard[i] =
				vmm_vmem_region_guard(region, i != 0);
	}
	m->place.size = m->size;
	m->place.tags = tags_for(region, m);
	m->place.tags.flags |= VMM_SPACE_IS_GOING;
	do {
		err = vmm_vmem_xalloc(&space->arena, &m->place, &region);
	} while (vmm_space_more(space, &m->op, VMM_SPACE_FOR_ARENA, &err));
	if (err == VMM_OK)
		m->new_va = vmm_vmem_region_base(region);
	return err;
}

static void free_at(struct vmm_space *space, vmm_va_t va)
{
	int err = vmm_vmem_free(&space->arena, va);

	VMM_ASSERT(err == VMM_OK);
	(void)err;
}

/* The pages are at both places: let the new region be the one. */
static void commit(struct vmm_space *space, struct moving *m)
{
	const struct vmm_vmem_region *region = region_of(space, m);
	struct vmm_vmem_region was = *region;
	struct vmm_pt *pt = vmm_space_table(space, region);

	/* Its object has as many users as before: the new region is the one. */
	vmm_space_mark(space, region, VMM_SPACE_IS_GOING, 0);
	region = vmm_vmem_find(&space->arena, m->new_va);
	vmm_space_mark(space, region, 0, VMM_SPACE_IS_GOING);
	vmm_space_forget(space, &m->op, pt, m->va, m->keep);
	vmm_space_settle(space, &m->op);
	if (m->keep < m->old)
		vmm_space_empty(
			space, &m->op, &was, m->va + m->keep, m->old - m->keep);
	free_at(space, m->va);
}

/* Copy the pages and let the old region go. Both windows are had. */
static int carry(struct vmm_space *space, struct moving *m)
{
	const struct vmm_vmem_region *region = region_of(space, m);
	struct vmm_pt *pt = vmm_space_table(space, region);
	const struct vmm_space_trip trip = {pt, m->new_va, pt, m->va, m->keep};
	int err = vmm_space_copy(space, &m->op, &trip);

	if (err)
		return err;
	err = need(space, m, 0);
	if (err == VMM_OK)
		commit(space, m);
	else if (pt == space->live || space->has_store)
		vmm_space_evict(space, &m->op, pt, m->new_va, m->keep, false);
	return err;
}

/*
 * Move. The lock is held; the call has ended when this is over. *@again:
 * another call is at the new place; nothing was changed, and nothing is held.
 */
static int move(struct vmm_space *space, struct moving *m, bool *again)
{
	const struct vmm_vmem_region *region;
	int err = allocate(space, m);

	if (err == VMM_OK) {
		region = vmm_vmem_find(&space->arena, m->new_va);
		*again = !vmm_space_begin_also(
			space, &m->op_to, &m->op, region->base, region->size);
		if (!*again)
			err = carry(space, m);
		if (err || *again)
			free_at(space, m->new_va);
		if (!*again) {
			vmm_space_end(space, &m->op_to);
			vmm_space_lock(space);
		}
	}
	VMM_ASSERT_SLOW(vmm_space_is_sound(space, &m->op));
	vmm_space_end(space, &m->op);
	return err;
}

/* One try. *@again: another call was in the way. */
static int try(struct vmm_space *space, struct moving *m, bool *again)
{
	int err = begin(space, m);

	*again = false;
	if (err)
		return err;
	m->new_va = m->va;
	err = check_region(space, m);
	if (err == VMM_OK && is_fixed(m))
		return move(space, m, again);
	if (err == VMM_OK && m->size < m->old) {
		err = shrink(space, m);
	} else if (err == VMM_OK && m->size > m->old) {
		err = grow(space, m);
		if (err == VMM_ENOSPC && (m->flags & VMM_SPACE_MAY_MOVE) != 0)
			return move(space, m, again);
	}
	VMM_ASSERT_SLOW(vmm_space_is_sound(space, &m->op));
	vmm_space_end(space, &m->op);
	return err;
}

int vmm_space_move(struct vmm_space *space, vmm_va_t va, uint64_t size,
	unsigned flags, const struct vmm_vmem_request *to, vmm_va_t *va_out)
{
	struct moving m = {.va = va, .size = size, .flags = flags, .to = to};
	int err = check_args(&m);
	bool again;

	if (err)
		return err;
	while ((err = try(space, &m, &again), again)) {
		vmm_space_lock(space);
		vmm_space_wait(space);
		vmm_space_unlock(space);
	}
	if (err == VMM_OK)
		*va_out = m.new_va;
	return err;
}
