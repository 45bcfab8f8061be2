/* SPDX-License-Identifier: MIT */
/*
 * Allocation: choose a cut, see that there are nodes for it, make it. The
 * first two steps only read; the third cannot fail.
 */
#include "vmem/vmem_runs.h"
#include "vmem/vmem_store.h"
#include "vmem/vmem_want.h"

/* Find the free region that holds (base, size) whole. */
static int cut_at(const struct vmm_vmem *arena, vmm_va_t base, uint64_t size,
	struct vmm_vmem_cut *cut)
{
	struct vmm_vmem_region *from = vmm_vmem_at(arena, base);
	const struct vmm_vmem_region *span;

	if (from != NULL && from->state == VMM_VMEM_FREE &&
		vmm_vmem_covers(from, base, size)) {
		*cut = (struct vmm_vmem_cut){from, base, size};
		return VMM_OK;
	}
	span = vmm_vmem_span_floor(arena, base);
	if (span == NULL || !vmm_vmem_covers(span, base, size))
		return VMM_ERANGE;
	return VMM_EEXIST;
}

/*
 * Nodes for a cut. An exact one gives the region's own node to the used one.
 * An embedded node stands for one of these, but one is kept for it in turn.
 */
static size_t nodes_needed(const struct vmm_vmem_cut *cut)
{
	uint64_t before = cut->base - cut->from->base;
	uint64_t after = cut->from->size - before - cut->size;

	return (size_t)(before != 0) + (size_t)(after != 0) +
	       vmm_vmem_run_need(cut->from->link[BEFORE]);
}

/* Chain a node with a range behind another. */
static void born(struct vmm_vmem_region *at, struct vmm_vmem_region *region,
	vmm_va_t base, uint64_t size, uint8_t held)
{
	region->base = base;
	region->size = size;
	region->flags = held;
	region->tagged = 0;
	vmm_vmem_chain_add(at, region);
}

/* The node of the region that is to be used: @embed, or one of the arena's. */
static struct vmm_vmem_region *node_for(
	struct vmm_vmem *arena, struct vmm_vmem_region *embed)
{
	if (VMM_LIKELY(embed == NULL))
		return vmm_vmem_node_get(arena);
	return embed;
}

/*
 * Take the range out of the free region, whose node stays with what is left of
 * it; give the used region its place in the chain.
 *
 *   before == 0, after == 0   [    from    ]  -->  [    used    ]
 *   before == 0               [    from    ]  -->  [used][ from ]
 *   after == 0                [    from    ]  -->  [ from ][used]
 *   neither                   [    from    ]  -->  [from][used][rest]
 */
static struct vmm_vmem_region *carve(struct vmm_vmem *arena,
	const struct vmm_vmem_cut *cut, struct vmm_vmem_region *embed)
{
	struct vmm_vmem_region *from = cut->from;
	struct vmm_vmem_region *used;
	uint8_t held = from->flags;
	uint64_t before = cut->base - from->base;
	uint64_t after = from->size - before - cut->size;
	/* Wraps to 0 if the cut ends at 2^64; then there is no rest. */
	vmm_va_t rest = cut->base + cut->size;

	if (before == 0 && after == 0) {
		vmm_vmem_store_remove(arena, from);
		if (VMM_LIKELY(embed == NULL))
			return from;
		born(from, embed, cut->base, cut->size, held);
		vmm_vmem_chain_remove(from);
		vmm_vmem_node_put(arena, from);
		return embed;
	}
	used = node_for(arena, embed);
	if (before == 0) {
		born(from->link[BEFORE], used, cut->base, cut->size, held);
		vmm_vmem_store_resize(arena, from, rest, after);
		return used;
	}
	vmm_vmem_store_resize(arena, from, from->base, before);
	born(from, used, cut->base, cut->size, held);
	if (after != 0) {
		struct vmm_vmem_region *free = vmm_vmem_node_get(arena);

		born(used, free, rest, after, held);
		vmm_vmem_store_add(arena, free);
	}
	return used;
}

/* A node with its range and its place in the chain becomes a used region. */
static inline void become_used(
	struct vmm_vmem *arena, struct vmm_vmem_region *used, uint8_t flags)
{
	used->state = VMM_VMEM_USED;
	used->slot = 0;
	used->flags = flags;
	used->use = VMM_VMEM_RESERVED;
	used->tagged = 0;
	used->as.used.arena = arena;
	used->as.used.guard[0] = 0;
	used->as.used.guard[1] = 0;
	arena->used_count++;
	arena->used_size += used->size;
}

/* Make the cut. */
static struct vmm_vmem_region *take(struct vmm_vmem *arena,
	const struct vmm_vmem_cut *cut, struct vmm_vmem_region *embed)
{
	struct vmm_vmem_region *member = cut->from->link[BEFORE];
	struct vmm_vmem_region *used;
	uint8_t flags = cut->from->flags;

	VMM_ASSERT(cut->from->state == VMM_VMEM_FREE);
	VMM_ASSERT(vmm_vmem_covers(cut->from, cut->base, cut->size));

	used = carve(arena, cut, embed);
	if (embed != NULL) {
		flags |= VMM_VMEM_IS_EMBEDDED;
		arena->embedded_count++;
	}
	become_used(arena, used, flags);
	vmm_vmem_run_join(arena, member, used);
	return used;
}

/*
 * The front of a free region, as a used one with a node of its own.
 *
 *   member [      from      ]  -->  member [used][from]
 *
 * What is left of @from is the caller's to put in order.
 */
static inline struct vmm_vmem_region *cut_front(struct vmm_vmem *arena,
	struct vmm_vmem_region *member, struct vmm_vmem_region *from,
	uint64_t size)
{
	struct vmm_vmem_region *used = vmm_vmem_node_get(arena);

	used->base = from->base;
	used->size = size;
	used->link[BEFORE] = member;
	used->link[AFTER] = from;
	member->link[AFTER] = used;
	from->link[BEFORE] = used;
	return used;
}

/* The front of @from, whatever it takes. */
static VMM_NOINLINE int alloc_front(struct vmm_vmem *arena,
	struct vmm_vmem_region *from, uint64_t size,
	const struct vmm_vmem_region **region_out)
{
	const struct vmm_vmem_cut cut = {from, from->base, size};
	struct vmm_vmem_region *used;

	if (!vmm_vmem_node_has(arena, nodes_needed(&cut), 0))
		return VMM_ENOMEM;
	used = take(arena, &cut, NULL);
	*region_out = used;
	(void)vmm_vmem_index_set(arena, used);
	VMM_ASSERT_SLOW(vmm_vmem_check(arena) == VMM_OK);
	return VMM_OK;
}

/* From the trees, whatever it takes. @size may have been rounded up to 2^64. */
static VMM_NOINLINE int alloc_large(struct vmm_vmem *arena, uint64_t size,
	const struct vmm_vmem_region **region_out)
{
	struct vmm_vmem_region *from = vmm_vmem_trees_best(arena, size);

	if (from == NULL)
		return VMM_ENOSPC;
	return alloc_front(arena, from, size, region_out);
}

/*
 * The way of most requests is here, without a call that returns: the best fit is
 * in a bin, or is the least of the trees and stays that; there are nodes; the run
 * has room. All others go to alloc_large() or alloc_front() before anything has
 * changed.
 */
int vmm_vmem_alloc_region(struct vmm_vmem *arena, uint64_t size,
	const struct vmm_vmem_region **region_out)
{
	uint64_t quanta = vmm_shift_right(size - 1, arena->shift) + 1;
	uint64_t bytes = vmm_shift_left(quanta, arena->shift);
	uint64_t bin = 0;
	struct vmm_vmem_region *from = arena->least;
	struct vmm_vmem_region *used;
	struct vmm_vmem_region *member;
	struct vmm_vmem_run *run;
	int err;

	VMM_ASSERT(arena->quantum != 0);

	if (VMM_UNLIKELY(size == 0))
		return VMM_EINVAL;
	if (VMM_LIKELY(quanta <= arena->bin_count))
		bin = vmm_vmem_bin_from(arena->bins, quanta);
	if (bin != 0)
		from = arena->bins->head[bin - 1];
	else if (from == NULL || bytes - 1 >= from->size ||
		 vmm_shift_right(from->size - bytes, arena->shift) <=
			 arena->bin_count)
		return alloc_large(arena, bytes, region_out);
	VMM_ASSERT(from->state == VMM_VMEM_FREE);
	member = from->link[BEFORE];
	run = member->as.used.run;
	if (VMM_UNLIKELY(arena->by_address || !vmm_vmem_run_has_room(run) ||
			 !vmm_vmem_node_has(arena, 1, 0)))
		return alloc_front(arena, from, bytes, region_out);

	if (bin != 0)
		vmm_vmem_bin_remove(arena->bins, from, bin);
	if (bin == quanta) {
		used = from;
		arena->free_count--;
	} else {
		used = cut_front(arena, member, from, bytes);
		if (bin != 0) {
			from->base += bytes;
			from->size -= bytes;
			vmm_vmem_bin_add(arena->bins, from, bin - quanta);
		} else {
			vmm_vmem_least_set(arena, from, from->base + bytes,
				from->size - bytes);
		}
	}
	become_used(arena, used, 0);
	vmm_vmem_run_enter(run, used);
	*region_out = used;
	err = vmm_vmem_index_set(arena, used);
	VMM_ASSERT_SLOW(vmm_vmem_check(arena) == VMM_OK);
	return err;
}

int vmm_vmem_alloc(struct vmm_vmem *arena, uint64_t size, vmm_va_t *base_out)
{
	const struct vmm_vmem_region *region;
	int err = vmm_vmem_alloc_region(arena, size, &region);

	if (err == VMM_OK)
		*base_out = region->base;
	return err;
}

/* Flags that exist, and at most one way to choose a place. */
static bool flags_ok(unsigned flags)
{
	unsigned ways = flags & (VMM_VMEM_POLICIES | VMM_VMEM_FIXED);
	unsigned hint = flags & (VMM_VMEM_HINT | VMM_VMEM_FIXED);

	return (flags & ~(unsigned)VMM_VMEM_FLAGS) == 0 &&
	       (ways & (ways - 1)) == 0 && (hint & (hint - 1)) == 0;
}

/* The range at @request->where with its guards. */
static int fixed_cut(const struct vmm_vmem *arena,
	const struct vmm_vmem_request *request,
	const struct vmm_vmem_want *want, struct vmm_vmem_cut *cut)
{
	vmm_va_t where = request->where;

	if (!vmm_is_aligned(where - want->phase, want->align))
		return VMM_EINVAL;
	if (want->nocross != 0 &&
		(where ^ (where + (want->size - 1))) >= want->nocross)
		return VMM_EINVAL;
	if (where < want->guard[0])
		return VMM_ERANGE;
	where -= want->guard[0];
	if (where < want->min || !vmm_range_ok(where, want->total) ||
		vmm_range_last(where, want->total) > want->max)
		return VMM_ERANGE;
	return cut_at(arena, where, want->total, cut);
}

/* A place is asked for by its address, in another way than by naming it. */
static bool wants_address(const struct vmm_vmem_request *request)
{
	return (request->flags & VMM_VMEM_POLICIES) != 0 || request->min != 0 ||
	       (request->max != 0 && request->max != UINT64_MAX);
}

/* Choose the range, and see that there are nodes. */
static int choose(struct vmm_vmem *arena,
	const struct vmm_vmem_request *request, struct vmm_vmem_want *want,
	struct vmm_vmem_cut *cut)
{
	const unsigned flags = request->flags;
	int err = vmm_vmem_want_init(want, arena, request);

	if (err)
		return err == VMM_ENOSPC && (flags & VMM_VMEM_FIXED)
			       ? VMM_ERANGE
			       : err;
	if (flags & (VMM_VMEM_FIXED | VMM_VMEM_HINT)) {
		err = fixed_cut(arena, request, want, cut);
		if (err && (flags & VMM_VMEM_FIXED))
			return err;
		/* A held place is for those only who insist. */
		if (!err && (flags & VMM_VMEM_HINT) &&
			((cut->from->flags & VMM_VMEM_IS_HELD) ||
				!vmm_vmem_node_has(
					arena, nodes_needed(cut), flags)))
			err = VMM_ENOSPC;
		if (!err)
			goto found;
	}
	if (wants_address(request) && !vmm_vmem_has_by_base(arena))
		return VMM_ENOTSUP;
	if (!vmm_vmem_choose(arena, request, want, cut))
		return VMM_ENOSPC;
found:
	/* More than are ever needed are enough for certain. */
	if (VMM_UNLIKELY(!vmm_vmem_node_has(arena, 3, flags)) &&
		!vmm_vmem_node_has(arena, nodes_needed(cut), flags))
		return VMM_ENOMEM;
	return VMM_OK;
}

int vmm_vmem_xalloc(struct vmm_vmem *arena,
	const struct vmm_vmem_request *request,
	const struct vmm_vmem_region **region_out)
{
	struct vmm_vmem_want want;
	struct vmm_vmem_cut cut;
	struct vmm_vmem_region *region;
	int err;

	VMM_ASSERT(arena->quantum != 0);
	VMM_ASSERT(region_out != NULL);

	if (request->flags != 0 && !flags_ok(request->flags))
		return VMM_EINVAL;
	err = choose(arena, request, &want, &cut);
	if (err)
		return err;

	region = take(arena, &cut, request->embed);
	region->as.used.tags = request->tags;
	region->tagged = 1;
	for (unsigned i = 0; i < 2; i++)
		region->as.used.guard[i] =
			(uint32_t)vmm_shift_right(want.guard[i], arena->shift);
	(void)vmm_vmem_index_set(arena, region);
	if (request->flags & VMM_VMEM_NEXT_FIT)
		arena->cursor = region->base + region->size;
	*region_out = region;
	VMM_ASSERT_SLOW(vmm_vmem_check(arena) == VMM_OK);
	return VMM_OK;
}

int vmm_vmem_request_room(const struct vmm_vmem *arena,
	const struct vmm_vmem_request *request, uint64_t *size_out)
{
	struct vmm_vmem_want want;
	int err = vmm_vmem_want_init(&want, arena, request);

	if (!err)
		*size_out = want.certain;
	return err;
}

int vmm_vmem_alloc_at(struct vmm_vmem *arena, vmm_va_t base, uint64_t size)
{
	const struct vmm_vmem_request request = {
		.size = size, .where = base, .flags = VMM_VMEM_FIXED};
	const struct vmm_vmem_region *region;

	return vmm_vmem_xalloc(arena, &request, &region);
}
