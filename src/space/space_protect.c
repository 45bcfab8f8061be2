/* SPDX-License-Identifier: MIT */
/*
 * Changing protections.
 *
 * A private page without WRITE is to be copied, or may be somebody else's; so
 * its entry gets WRITE from a fault only, which asks. All other permissions
 * that a region has, its entries have.
 *
 * Pages of a region that allows nothing are in the store: no format can say
 * "mapped, and nobody may touch it". Those that come or go are copied to the
 * other table first. In the store permissions mean nothing, so they are set
 * there before the pages come back: a hart never sees the old ones.
 */
#include "space/space_internal.h"

#define RIGHTS (VMM_SPACE_ACCESS | VMM_PT_USER | VMM_PT_GLOBAL)

/* A call in progress. */
struct change {
	struct vmm_space_op op;
	vmm_va_t va;
	vmm_va_t last;
	unsigned prot;	/* the new one; WRITE implies READ */
	bool is_stored; /* with it, pages are in the store */
};

/* A region's part in the range. */
struct part {
	vmm_va_t va;
	uint64_t size;
	bool moves; /* to the other table */
	unsigned set;
};

static uint64_t size_of(const struct change *change)
{
	return change->last - change->va + 1;
}

/*
 * The part of the region at @va, up to @last. For a loop: true until there is
 * no more.
 */
static bool next_part(const struct vmm_space *space,
	const struct change *change, vmm_va_t last, struct part *part)
{
	const struct vmm_vmem_region *region;
	vmm_va_t end;

	if (part->size == 0)
		part->va = change->va;
	else if (vmm_range_last(part->va, part->size) >= last)
		return false;
	else
		part->va += part->size;
	region = vmm_space_at(space, part->va);
	end = vmm_space_last(region);
	part->size = (end < last ? end : last) - part->va + 1;
	part->moves = vmm_space_is_stored(region) != change->is_stored;
	part->set = change->prot & RIGHTS;
	if (vmm_space_is_private(
		    vmm_space_kind(region), vmm_space_flags(region)))
		part->set &= ~VMM_PT_WRITE;
	return true;
}

/* Regions everywhere in the range, of those that can be changed? */
static int check_regions(
	const struct vmm_space *space, const struct change *change)
{
	vmm_va_t va = change->va;

	for (;;) {
		const struct vmm_vmem_region *region =
			vmm_space_from(space, va);
		vmm_va_t base;

		if (region == NULL || vmm_vmem_region_base(region) > va)
			return VMM_ENOENT;
		base = vmm_vmem_region_base(region);
		if (vmm_space_has(region, VMM_SPACE_IS_UNLOADED))
			return VMM_EBUSY;
		if (vmm_space_kind(region) == VMM_SPACE_RING &&
			(base < change->va ||
				vmm_space_last(region) > change->last))
			return VMM_EBUSY;
		if (vmm_space_last(region) >= change->last)
			return VMM_OK;
		va = vmm_space_last(region) + 1;
	}
}

/* Permissions of stored pages, as they are to be when they are live. */
static int set_stored(
	struct vmm_space *space, struct change *change, const struct part *part)
{
	int err;

	if (!space->has_store)
		return VMM_OK;
	do {
		err = vmm_pt_modify(&space->store, part->va, part->size,
			part->set, RIGHTS & ~change->prot, NULL);
	} while (vmm_space_more(space, &change->op, VMM_SPACE_FOR_STORE, &err));
	return err;
}

/* Remove the copies that were made in the range up to @last. */
static void undo(struct vmm_space *space, struct change *change, vmm_va_t last)
{
	struct part part = {.size = 0};

	while (next_part(space, change, last, &part)) {
		if (part.moves && (!change->is_stored || space->has_store))
			vmm_space_evict(space, &change->op,
				change->is_stored ? &space->store : space->live,
				part.va, part.size, false);
	}
}

/* Copy what is to move, and have what cutting takes: all, or none. */
static int prepare(struct vmm_space *space, struct change *change)
{
	struct part part = {.size = 0};
	int err = VMM_OK;

	while (err == VMM_OK && next_part(space, change, change->last, &part)) {
		if (!part.moves)
			continue;
		if (change->is_stored) {
			err = vmm_space_copy_out(
				space, &change->op, part.va, part.size);
			continue;
		}
		err = set_stored(space, change, &part);
		if (err == VMM_OK)
			err = vmm_space_copy_in(
				space, &change->op, part.va, part.size);
	}
	if (err) {
		if (part.va != change->va)
			undo(space, change, part.va - 1);
		return err;
	}
	err = vmm_space_cut_need(space, change->va, size_of(change), 0);
	if (err)
		undo(space, change, change->last);
	return err;
}

static void set_prot(
	struct vmm_space *space, const struct change *change, vmm_va_t va)
{
	const struct vmm_vmem_region *region = vmm_space_at(space, va);

	/* The memory type stays. */
	vmm_space_mark(
		space, region, change->prot, VMM_PT_ALL & ~VMM_PT_TYPE_MASK);
}

/* Cannot fail; the lock is not dropped. */
static void commit(struct vmm_space *space, struct change *change)
{
	struct part part = {.size = 0};

	vmm_space_cut(space, &change->op, change->va, size_of(change));
	while (next_part(space, change, change->last, &part)) {
		int err;

		set_prot(space, change, part.va);
		if (part.moves) {
			vmm_space_forget(space, &change->op,
				change->is_stored ? space->live : &space->store,
				part.va, part.size);
		} else if (!change->is_stored) {
			err = vmm_pt_modify(space->live, part.va, part.size,
				part.set, RIGHTS & ~change->prot,
				&change->op.gather);
			VMM_ASSERT(err == VMM_OK);
			(void)err;
		}
	}
}

/* Make one region of those that have become alike, and their neighbours. */
static void join(struct vmm_space *space, const struct change *change)
{
	vmm_va_t va = change->va;

	for (;;) {
		vmm_va_t end;

		vmm_space_join(space, &change->op, va);
		end = vmm_space_last(vmm_space_at(space, va));
		if (end >= change->last)
			break;
		va = end + 1;
	}
	if (change->last != UINT64_MAX)
		vmm_space_join(space, &change->op, change->last + 1);
}

int vmm_space_protect(
	struct vmm_space *space, vmm_va_t va, uint64_t size, unsigned prot)
{
	struct change change = {.va = va};
	int err;

	if (size == 0 || !vmm_is_aligned(va | size, VMM_PAGE_SIZE) ||
		(prot & ~RIGHTS) != 0)
		return VMM_EINVAL;
	/* Nothing is a region at addresses that there are not. */
	if (!vmm_range_ok(va, size))
		return VMM_ENOENT;
	err = vmm_space_prot_check(space->live->format, prot);
	if (err)
		return err;
	change.last = vmm_range_last(va, size);
	change.prot = prot | ((prot & VMM_PT_WRITE) != 0 ? VMM_PT_READ : 0);
	change.is_stored = (prot & VMM_SPACE_ACCESS) == 0;
	vmm_space_begin(space, &change.op, va, size);
	err = check_regions(space, &change);
	if (err == VMM_OK)
		err = prepare(space, &change);
	if (err == VMM_OK) {
		commit(space, &change);
		if ((change.op.gather.flags & VMM_TLB_RESTRICT) != 0)
			vmm_space_settle(space, &change.op);
		join(space, &change);
	}
	VMM_ASSERT_SLOW(vmm_space_is_sound(space, &change.op));
	vmm_space_end(space, &change.op);
	return err;
}
