/* SPDX-License-Identifier: MIT */
/*
 * What the sources of vmem share. Functions here keep one structure each;
 * vmem_alloc.c and vmem_free.c combine them into operations.
 */
#ifndef VMM_VMEM_INTERNAL_H
#define VMM_VMEM_INTERNAL_H

#include <vmm/vmem.h>

enum { BEFORE = VMM_RB_LEFT, AFTER = VMM_RB_RIGHT };

/* A range cut out of a free region: what an allocation is going to take. */
struct vmm_vmem_cut {
	struct vmm_vmem_region *from;
	vmm_va_t base;
	uint64_t size;
};

static inline struct vmm_vmem_region *vmm_vmem_of_base(
	const struct vmm_rb_node *node)
{
	return VMM_CONTAINER_OF(node, struct vmm_vmem_region, by_base.rb);
}

static inline struct vmm_vmem_region *vmm_vmem_of_size(
	const struct vmm_rb_node *node)
{
	return VMM_CONTAINER_OF(node, struct vmm_vmem_region, as.by_size.rb);
}

static inline vmm_va_t vmm_vmem_last(const struct vmm_vmem_region *region)
{
	return vmm_range_last(region->base, region->size);
}

/* Both structures consist of words, pointers and 64-bit numbers. */
#define VMM_VMEM_ALIGN _Alignof(struct vmm_vmem_region)
_Static_assert(VMM_VMEM_ALIGN % _Alignof(struct vmm_vmem_chunk) == 0 &&
		       sizeof(struct vmm_vmem_chunk) % VMM_VMEM_ALIGN == 0,
	"nodes follow the header directly");

/* Bytes of donated memory before its header, so that this is aligned. */
static inline size_t vmm_vmem_chunk_skip(const void *memory)
{
	return (size_t)(-(uintptr_t)memory % VMM_VMEM_ALIGN);
}

/* How many nodes @size donated bytes hold; 0 if they are too few for one. */
static inline size_t vmm_vmem_chunk_count(const void *memory, size_t size)
{
	size_t head =
		vmm_vmem_chunk_skip(memory) + sizeof(struct vmm_vmem_chunk);

	return size < head ? 0 : (size - head) / sizeof(struct vmm_vmem_region);
}

/* vmem_nodes.c: the spare nodes */

/* Can a request with @flags take @count nodes? */
bool vmm_vmem_node_has(
	const struct vmm_vmem *arena, size_t count, unsigned flags);
struct vmm_vmem_region *vmm_vmem_node_get(struct vmm_vmem *arena);
void vmm_vmem_node_put(struct vmm_vmem *arena, struct vmm_vmem_region *node);

/* vmem_trees.c: the chain and the trees */

/* Chain @region behind @at. */
void vmm_vmem_chain_add(
	struct vmm_vmem_region *at, struct vmm_vmem_region *region);
void vmm_vmem_chain_remove(struct vmm_vmem_region *region);

/*
 * The region of a tree by address with the largest base not above @addr, and
 * the one with the smallest base not below it; NULL if there is none.
 */
struct vmm_vmem_region *vmm_vmem_tree_floor(
	const struct vmm_rb_tree *tree, vmm_va_t addr);
struct vmm_vmem_region *vmm_vmem_tree_ceiling(
	const struct vmm_rb_tree *tree, vmm_va_t addr);

/* The smallest free region of at least @size bytes, the lowest of equals. */
struct vmm_vmem_region *vmm_vmem_best(
	const struct vmm_vmem *arena, uint64_t size);
/* The free region after @region by (size, base), or NULL. */
struct vmm_vmem_region *vmm_vmem_next_larger(
	const struct vmm_vmem_region *region);

/*
 * Make a chained node with base and size a used or a free region, and undo
 * that. The node's place in the chain stays.
 */
void vmm_vmem_used_insert(
	struct vmm_vmem *arena, struct vmm_vmem_region *region);
void vmm_vmem_used_erase(
	struct vmm_vmem *arena, struct vmm_vmem_region *region);
void vmm_vmem_free_insert(
	struct vmm_vmem *arena, struct vmm_vmem_region *region);
void vmm_vmem_free_erase(
	struct vmm_vmem *arena, struct vmm_vmem_region *region);

/*
 * Move an end of a free region. Its order by address must not change by that;
 * its order by size may.
 */
void vmm_vmem_free_rekey(struct vmm_vmem *arena, struct vmm_vmem_region *region,
	vmm_va_t base, uint64_t size);

/* The same for markers; they stand in the span tree. */
void vmm_vmem_span_insert(
	struct vmm_vmem *arena, struct vmm_vmem_region *marker);
void vmm_vmem_span_erase(
	struct vmm_vmem *arena, struct vmm_vmem_region *marker);

#endif /* VMM_VMEM_INTERNAL_H */
