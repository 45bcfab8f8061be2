/* SPDX-License-Identifier: MIT */
/*
 * Spans. A marker, a node that is no region, stands in the chain before the
 * regions of its span, in a run as a member, and in a tree of spans by base.
 */
#include "vmem/vmem_runs.h"
#include "vmem/vmem_store.h"

VMM_NOINLINE struct vmm_vmem_region *vmm_vmem_span_floor(
	const struct vmm_vmem *arena, vmm_va_t addr)
{
	const struct vmm_rb_node *node = arena->spans.root;
	struct vmm_vmem_region *best = NULL;

	while (node != NULL) {
		struct vmm_vmem_region *marker = vmm_vmem_of_span(node);
		unsigned dir = marker->base <= addr;

		best = dir ? marker : best;
		node = node->child[dir];
	}
	return best;
}

static VMM_RARE void tree_insert(
	struct vmm_vmem *arena, struct vmm_vmem_region *marker)
{
	struct vmm_rb_node *parent = NULL;
	struct vmm_rb_node *node = arena->spans.root;
	unsigned dir = VMM_RB_LEFT;

	while (node != NULL) {
		parent = node;
		dir = vmm_vmem_of_span(node)->base < marker->base;
		node = node->child[dir];
	}
	vmm_rb_insert_at(&arena->spans, &marker->as.span.rb, parent, dir);
}

VMM_RARE int vmm_vmem_span_test(const struct vmm_vmem *arena, vmm_va_t base,
	uint64_t size, unsigned flags)
{
	const struct vmm_vmem_region *below;

	if (size == 0 || !vmm_is_aligned(base | size, arena->quantum) ||
		(flags & ~(unsigned)VMM_VMEM_FIXED_ONLY) != 0)
		return VMM_EINVAL;
	if (!vmm_range_ok(base, size))
		return VMM_ERANGE;
	/* Only the last span that starts below the range's end can overlap. */
	below = vmm_vmem_span_floor(arena, vmm_range_last(base, size));
	if (below != NULL && base <= vmm_vmem_last(below))
		return VMM_EEXIST;
	return VMM_OK;
}

/* Chain a new node with a range behind @at. */
static VMM_RARE VMM_NOINLINE struct vmm_vmem_region *node_new(
	struct vmm_vmem *arena, struct vmm_vmem_region *at, uint8_t held,
	vmm_va_t base, uint64_t size)
{
	struct vmm_vmem_region *node = vmm_vmem_node_get(arena);

	*node = (struct vmm_vmem_region){
		.flags = held, .base = base, .size = size};
	vmm_vmem_chain_add(at, node);
	return node;
}

static VMM_RARE VMM_NOINLINE void node_drop(
	struct vmm_vmem *arena, struct vmm_vmem_region *node)
{
	vmm_vmem_chain_remove(node);
	vmm_vmem_node_put(arena, node);
}

VMM_RARE struct vmm_vmem_region *vmm_vmem_span_new(
	struct vmm_vmem *arena, vmm_va_t base, uint64_t size, unsigned flags)
{
	struct vmm_vmem_region *last = vmm_vmem_member_floor(arena, base);
	struct vmm_vmem_region *at = &arena->head;
	struct vmm_vmem_region *marker;
	uint8_t held = flags & VMM_VMEM_FIXED_ONLY ? VMM_VMEM_IS_HELD : 0;

	/* The chain goes on behind the last region of the span below. */
	if (last != NULL) {
		at = last->link[AFTER];
		if (at->state != VMM_VMEM_FREE)
			at = last;
	}
	marker = node_new(arena, at, held, base, size);
	marker->state = VMM_VMEM_SPAN;
	vmm_vmem_store_add(arena, node_new(arena, marker, held, base, size));
	vmm_vmem_run_marker_join(arena, last, marker);
	tree_insert(arena, marker);
	arena->span_count++;
	arena->size += size;
	return marker;
}

VMM_RARE int vmm_vmem_add_flags(
	struct vmm_vmem *arena, vmm_va_t base, uint64_t size, unsigned flags)
{
	const struct vmm_vmem_region *last;
	int err;

	VMM_ASSERT(arena->quantum != 0);

	err = vmm_vmem_span_test(arena, base, size, flags);
	if (err)
		return err;
	/* A marker, a region and perhaps a run. */
	last = vmm_vmem_member_floor(arena, base);
	if (!vmm_vmem_node_has(
		    arena, 2 + vmm_vmem_run_marker_need(arena, last), 0))
		return VMM_ENOMEM;
	vmm_vmem_span_new(arena, base, size, flags);
	VMM_ASSERT_SLOW(vmm_vmem_check(arena) == VMM_OK);
	return VMM_OK;
}

VMM_RARE int vmm_vmem_add(struct vmm_vmem *arena, vmm_va_t base, uint64_t size)
{
	return vmm_vmem_add_flags(arena, base, size, 0);
}

VMM_RARE void vmm_vmem_span_delete(
	struct vmm_vmem *arena, struct vmm_vmem_region *marker)
{
	struct vmm_vmem_region *region = marker->link[AFTER];
	struct vmm_vmem_run *run;

	VMM_ASSERT(region->state == VMM_VMEM_FREE);
	VMM_ASSERT(region->size == marker->size);

	run = vmm_vmem_run_marker_leave(arena, marker);
	vmm_vmem_store_remove(arena, region);
	node_drop(arena, region);
	vmm_rb_erase(&arena->spans, &marker->as.span.rb);
	arena->span_count--;
	arena->size -= marker->size;
	node_drop(arena, marker);
	if (run->count < VMM_VMEM_RUN_FEW)
		vmm_vmem_run_thin(arena, run);
}

VMM_RARE int vmm_vmem_remove(struct vmm_vmem *arena, vmm_va_t base)
{
	struct vmm_vmem_region *marker;
	const struct vmm_vmem_region *region;

	VMM_ASSERT(arena->quantum != 0);

	marker = vmm_vmem_span_floor(arena, base);
	if (marker == NULL || marker->base != base)
		return VMM_ENOENT;
	region = marker->link[AFTER];
	if (region->state != VMM_VMEM_FREE || region->size != marker->size ||
		marker->as.span.source != NULL)
		return VMM_EBUSY;
	vmm_vmem_span_delete(arena, marker);
	VMM_ASSERT_SLOW(vmm_vmem_check(arena) == VMM_OK);
	return VMM_OK;
}
