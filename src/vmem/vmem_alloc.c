/* SPDX-License-Identifier: MIT */
/*
 * Allocation: choose a cut, see that there are nodes for it, make it. The
 * first two steps only read; the third cannot fail.
 */
#include "vmem/vmem_internal.h"

/*
 * Where in a free region does an aligned range of @size bytes lie? Its start
 * and its end split once; a place in between splits twice.
 */
static bool place(const struct vmm_vmem_region *from, uint64_t size,
	uint64_t align, vmm_va_t *base_out)
{
	vmm_va_t low = vmm_align_up(from->base, align);
	uint64_t skip = low - from->base;
	vmm_va_t high;

	/* low may have wrapped to 0; then skip is beyond any region's end. */
	if (from->size < size || skip > from->size - size)
		return false;
	high = from->base + (from->size - size);
	*base_out = vmm_is_aligned(high, align) && skip != 0 ? high : low;
	return true;
}

/* Find a place anywhere; see vmm_vmem_xalloc() for what is promised. */
static bool cut_anywhere(const struct vmm_vmem *arena, uint64_t size,
	uint64_t align, struct vmm_vmem_cut *cut)
{
	struct vmm_vmem_region *from = vmm_vmem_best(arena, size);
	uint64_t slack = align - arena->quantum;

	cut->size = size;
	for (unsigned i = 0; from != NULL && i < VMM_VMEM_PROBES; i++) {
		cut->from = from;
		if (place(from, size, align, &cut->base))
			return true;
		from = vmm_vmem_next_larger(from);
	}
	if (from == NULL)
		return false;
	/*
	 * The sum is below 2^64: that many regions of at least @size exist, so
	 * @size is below 2^61, and an alignment is at most 2^63.
	 */
	VMM_ASSERT(slack <= UINT64_MAX - size);
	cut->from = vmm_vmem_best(arena, size + slack);
	return cut->from != NULL && place(cut->from, size, align, &cut->base);
}

/* Find the free region that holds (base, size) whole. */
static bool cut_at(const struct vmm_vmem *arena, vmm_va_t base, uint64_t size,
	struct vmm_vmem_cut *cut)
{
	struct vmm_vmem_region *from =
		vmm_vmem_tree_floor(&arena->free_by_base, base);

	if (from == NULL || base - from->base >= from->size ||
		size > from->size - (base - from->base))
		return false;
	*cut = (struct vmm_vmem_cut){from, base, size};
	return true;
}

/* Why is (base, size) not free? */
static int refusal(const struct vmm_vmem *arena, vmm_va_t base, uint64_t size)
{
	const struct vmm_vmem_region *span =
		vmm_vmem_tree_floor(&arena->spans, base);

	if (span == NULL || base - span->base >= span->size ||
		size > span->size - (base - span->base))
		return VMM_ERANGE;
	return VMM_EEXIST;
}

static size_t nodes_needed(const struct vmm_vmem_cut *cut)
{
	uint64_t before = cut->base - cut->from->base;
	uint64_t after = cut->from->size - before - cut->size;

	return (size_t)(before != 0) + (size_t)(after != 0);
}

/* Give a new node its range and its place in the chain. */
static struct vmm_vmem_region *born(struct vmm_vmem *arena,
	struct vmm_vmem_region *at, vmm_va_t base, uint64_t size)
{
	struct vmm_vmem_region *region = vmm_vmem_node_get(arena);

	region->base = base;
	region->size = size;
	vmm_vmem_chain_add(at, region);
	return region;
}

/*
 * Make the cut. The free region's node stays with what is left of it.
 *
 *   before == 0, after == 0   [    from    ]  -->  [    used    ]
 *   before == 0               [    from    ]  -->  [used][ from ]
 *   after == 0                [    from    ]  -->  [ from ][used]
 *   neither                   [    from    ]  -->  [from][used][rest]
 */
static struct vmm_vmem_region *carve(
	struct vmm_vmem *arena, const struct vmm_vmem_cut *cut)
{
	struct vmm_vmem_region *from = cut->from;
	struct vmm_vmem_region *used;
	uint64_t before = cut->base - from->base;
	uint64_t after = from->size - before - cut->size;
	/* Wraps to 0 if the cut ends at 2^64; then there is no rest. */
	vmm_va_t rest = cut->base + cut->size;

	VMM_ASSERT(from->state == VMM_VMEM_FREE);
	VMM_ASSERT(before < from->size && cut->size <= from->size - before);

	if (before == 0 && after == 0) {
		vmm_vmem_free_erase(arena, from);
		used = from;
	} else if (before == 0) {
		used = born(arena, from->link[BEFORE], cut->base, cut->size);
		vmm_vmem_free_rekey(arena, from, rest, after);
	} else {
		used = born(arena, from, cut->base, cut->size);
		vmm_vmem_free_rekey(arena, from, from->base, before);
	}
	vmm_vmem_used_insert(arena, used);
	if (before != 0 && after != 0)
		vmm_vmem_free_insert(arena, born(arena, used, rest, after));

	VMM_ASSERT(vmm_is_aligned(used->base | used->size, arena->quantum));
	VMM_ASSERT_SLOW(vmm_vmem_check(arena) == VMM_OK);
	return used;
}

/* Is the request well formed? */
static int validate(
	const struct vmm_vmem *arena, const struct vmm_vmem_request *request)
{
	const unsigned known =
		VMM_VMEM_FIXED | VMM_VMEM_HINT | VMM_VMEM_USE_RESERVE;
	const unsigned both = VMM_VMEM_FIXED | VMM_VMEM_HINT;

	if (request->size == 0)
		return VMM_EINVAL;
	if (request->align != 0 && !vmm_is_pow2(request->align))
		return VMM_EINVAL;
	if ((request->flags & ~known) != 0 || (request->flags & both) == both)
		return VMM_EINVAL;
	if ((request->flags & VMM_VMEM_FIXED) == 0)
		return VMM_OK;
	if (!vmm_is_aligned(request->where, arena->quantum))
		return VMM_EINVAL;
	if (request->align != 0 &&
		!vmm_is_aligned(request->where, request->align))
		return VMM_EINVAL;
	return VMM_OK;
}

/* Can the place of the hint be had, with the nodes that it takes? */
static bool cut_hint(const struct vmm_vmem *arena,
	const struct vmm_vmem_request *request, uint64_t size, uint64_t align,
	struct vmm_vmem_cut *cut)
{
	return vmm_is_aligned(request->where, align) &&
	       cut_at(arena, request->where, size, cut) &&
	       vmm_vmem_node_has(arena, nodes_needed(cut), request->flags);
}

/* Choose the range for a well-formed request. */
static int choose(const struct vmm_vmem *arena,
	const struct vmm_vmem_request *request, struct vmm_vmem_cut *cut)
{
	uint64_t size = vmm_align_up(request->size, arena->quantum);
	uint64_t align = request->align;
	vmm_va_t where = request->where;

	if (align < arena->quantum)
		align = arena->quantum;
	/* Rounding up has reached 2^64: more than any span holds. */
	if (size == 0)
		return request->flags & VMM_VMEM_FIXED ? VMM_ERANGE
						       : VMM_ENOSPC;
	if (request->flags & VMM_VMEM_FIXED) {
		if (!cut_at(arena, where, size, cut))
			return refusal(arena, where, size);
		return VMM_OK;
	}
	if ((request->flags & VMM_VMEM_HINT) &&
		cut_hint(arena, request, size, align, cut))
		return VMM_OK;
	return cut_anywhere(arena, size, align, cut) ? VMM_OK : VMM_ENOSPC;
}

int vmm_vmem_xalloc(struct vmm_vmem *arena,
	const struct vmm_vmem_request *request,
	const struct vmm_vmem_region **region_out)
{
	struct vmm_vmem_cut cut;
	struct vmm_vmem_region *region;
	int err;

	VMM_ASSERT(arena->quantum != 0);
	VMM_ASSERT(region_out != NULL);

	err = validate(arena, request);
	if (err)
		return err;
	err = choose(arena, request, &cut);
	if (err)
		return err;
	if (!vmm_vmem_node_has(arena, nodes_needed(&cut), request->flags))
		return VMM_ENOMEM;

	region = carve(arena, &cut);
	region->as.used.tags = request->tags;
	*region_out = region;
	return VMM_OK;
}

int vmm_vmem_alloc(struct vmm_vmem *arena, uint64_t size, vmm_va_t *base_out)
{
	const struct vmm_vmem_request request = {.size = size};
	const struct vmm_vmem_region *region;
	int err;

	VMM_ASSERT(base_out != NULL);

	err = vmm_vmem_xalloc(arena, &request, &region);
	if (err)
		return err;
	*base_out = region->base;
	return VMM_OK;
}

int vmm_vmem_alloc_at(struct vmm_vmem *arena, vmm_va_t base, uint64_t size)
{
	const struct vmm_vmem_request request = {
		.size = size, .where = base, .flags = VMM_VMEM_FIXED};
	const struct vmm_vmem_region *region;

	return vmm_vmem_xalloc(arena, &request, &region);
}
