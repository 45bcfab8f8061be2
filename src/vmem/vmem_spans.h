/* SPDX-License-Identifier: MIT */
/*
 * The spans of an arena, one after the other: what the library's other modules
 * may use of src/vmem beyond its public headers, and all that they may. A fork
 * gives the child the same spans, and not fewer ones where two touch, since no
 * region lies in both.
 */
#ifndef VMM_VMEM_SPANS_H
#define VMM_VMEM_SPANS_H

#include <vmm/rbtree.h>
#include <vmm/vmem.h>

/* Flags of a region. */
enum {
	VMM_VMEM_IS_HELD = 1u << 0,	/* in a span for fixed requests only */
	VMM_VMEM_IS_EMBEDDED = 1u << 1, /* the node is the caller's */
	VMM_VMEM_IS_PARKED = 1u << 2	/* in a cache, by its handle */
};

static inline struct vmm_vmem_region *vmm_vmem_of_span(
	const struct vmm_rb_node *node)
{
	return VMM_CONTAINER_OF(node, struct vmm_vmem_region, as.span.rb);
}

/*
 * The first span by address, and the next one; NULL: none. What they return is
 * no region, but has the base and the size of the span, and stays as long as
 * that is not removed.
 */
static inline const struct vmm_vmem_region *vmm_vmem_span_first(
	const struct vmm_vmem *arena)
{
	const struct vmm_rb_node *node = vmm_rb_first(&arena->spans);

	return node != NULL ? vmm_vmem_of_span(node) : NULL;
}

static inline const struct vmm_vmem_region *vmm_vmem_span_next(
	const struct vmm_vmem_region *span)
{
	const struct vmm_rb_node *node = vmm_rb_next(&span->as.span.rb);

	return node != NULL ? vmm_vmem_of_span(node) : NULL;
}

/* What vmm_vmem_add_flags() made it with. */
static inline unsigned vmm_vmem_span_flags(const struct vmm_vmem_region *span)
{
	return (span->flags & VMM_VMEM_IS_HELD) != 0 ? VMM_VMEM_FIXED_ONLY : 0;
}

#endif /* VMM_VMEM_SPANS_H */
