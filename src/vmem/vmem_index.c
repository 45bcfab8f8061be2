/* SPDX-License-Identifier: MIT */
/*
 * The index of places: a hash table of the used regions, in which the region at
 * an exact address is found without a descent. Regions of the same hash are in a
 * list through their nodes, the youngest first. As in the bins, a list ends in a
 * node that is in none, so that adding and removing need no branch; it is the
 * arena's head.
 *
 *      bucket     used         used        head
 *      +------+  +--------+   +--------+   +------+
 *      | ---> |->| next ->|-->| next ->|-->|      |
 *      +------+  +--------+   +--------+   +------+
 *          ^------- link  ^------ link
 *
 * The table never grows, can be of any size, and no call waits for it: a look-up
 * gives a list up after a few regions and goes through the used tree, which
 * knows all of them.
 */
#include "vmem/vmem_check.h"

/* Regions of a list that are looked at. */
enum { PROBES = 8 };

/* A bucket is the pointer to the first of its list. */
#define BUCKET_SIZE sizeof(void *)

VMM_RARE void vmm_vmem_set_index(
	struct vmm_vmem *arena, void *memory, size_t size)
{
	size_t skip = (size_t)(-(uintptr_t)memory % BUCKET_SIZE);
	size_t count = size < skip ? 0 : (size - skip) / BUCKET_SIZE;

	VMM_ASSERT(arena->quantum != 0);
	VMM_ASSERT(arena->used_count == 0);

	arena->index = NULL;
	if (memory == NULL || count < 2)
		return;
	arena->index = (void *)((char *)memory + skip);
	/* As many buckets as the largest power of two that there is room for. */
	for (arena->index_shift = 64; count > 1; count /= 2)
		arena->index_shift--;
	count = (size_t)1 << (64 - arena->index_shift);
	for (size_t i = 0; i < count; i++)
		arena->index[i] = &arena->head;
}

/* vmm_vmem_region_base() of a region that is known to be used. */
static vmm_va_t place_of(
	const struct vmm_vmem *arena, const struct vmm_vmem_region *region)
{
	return region->base +
	       vmm_shift_left(region->as.used.guard[0], arena->shift);
}

/* Multiplicative hashing; the factor is 2^64 over the golden ratio. */
static struct vmm_vmem_region **bucket_of(
	const struct vmm_vmem *arena, vmm_va_t place)
{
	uint64_t hash = vmm_shift_right(place, arena->shift) *
			UINT64_C(0x9e3779b97f4a7c15);

	return &arena->index[vmm_shift_right(hash, arena->index_shift)];
}

struct vmm_vmem_region *vmm_vmem_index_find(
	const struct vmm_vmem *arena, vmm_va_t base)
{
	struct vmm_vmem_region *region = *bucket_of(arena, base);

	for (unsigned i = 0; i < PROBES; i++) {
		if (region == &arena->head)
			return NULL;
		VMM_ASSERT(region->state == VMM_VMEM_USED);
		if (VMM_LIKELY(place_of(arena, region) == base))
			return region;
		region = region->as.used.next;
	}
	return vmm_vmem_find_in_runs(arena, base);
}

int vmm_vmem_index_add(struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	struct vmm_vmem_region **bucket =
		bucket_of(arena, place_of(arena, region));
	struct vmm_vmem_region *next = *bucket;

	region->as.used.next = next;
	region->as.used.link = bucket;
	next->as.used.link = &region->as.used.next;
	*bucket = region;
	return VMM_OK;
}

/*
 * Each region's link leads back to where it was reached from, so none is met
 * twice; each belongs to its bucket, and to the chain, as its neighbour confirms;
 * so it is enough to count them.
 */
VMM_RARE bool vmm_vmem_index_ok(const struct vmm_vmem *arena)
{
	size_t left = arena->used_count;
	size_t count;

	if (arena->index == NULL)
		return true;
	/* No more buckets than addresses of this machine. */
	if (arena->index_shift < 16 || arena->index_shift > 63)
		return false;
	count = (size_t)1 << (64 - arena->index_shift);
	for (size_t i = 0; i < count; i++) {
		struct vmm_vmem_region **link = &arena->index[i];

		while (*link != &arena->head) {
			struct vmm_vmem_region *region = *link;

			if (!vmm_vmem_is_region(region) || left-- == 0 ||
				region->state != VMM_VMEM_USED ||
				region->as.used.arena != arena ||
				!vmm_vmem_is_region(region->link[BEFORE]) ||
				region->link[BEFORE]->link[AFTER] != region ||
				region->as.used.link != link ||
				bucket_of(arena, place_of(arena, region)) !=
					&arena->index[i])
				return false;
			link = &region->as.used.next;
		}
	}
	return left == 0;
}
