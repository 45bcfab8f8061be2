/* SPDX-License-Identifier: MIT */
/*
 * What the sources of vmem share. Functions here keep one structure each;
 * vmem_alloc.c, vmem_free.c and vmem_shape.c combine them into operations.
 */
#ifndef VMM_VMEM_INTERNAL_H
#define VMM_VMEM_INTERNAL_H

#include "vmem/vmem_spans.h"

enum { BEFORE = VMM_RB_LEFT, AFTER = VMM_RB_RIGHT };

/*
 * A range cut out of a free region: what an allocation is going to take. The
 * guards are part of it.
 */
struct vmm_vmem_cut {
	struct vmm_vmem_region *from;
	vmm_va_t base;
	uint64_t size;
};

static inline struct vmm_vmem_region *vmm_vmem_of_base(
	const struct vmm_rb_node *node)
{
	return VMM_CONTAINER_OF(
		node, struct vmm_vmem_region, as.tree.by_base.rb);
}

static inline struct vmm_vmem_region *vmm_vmem_of_size(
	const struct vmm_rb_node *node)
{
	return VMM_CONTAINER_OF(
		node, struct vmm_vmem_region, as.tree.by_size.rb);
}

static inline struct vmm_vmem_run *vmm_vmem_of_run(
	const struct vmm_rb_node *node)
{
	return VMM_CONTAINER_OF(node, struct vmm_vmem_run, rb);
}

static inline vmm_va_t vmm_vmem_last(const struct vmm_vmem_region *region)
{
	return vmm_range_last(region->base, region->size);
}

/* Does [addr, addr + size) lie inside a region or a marker's span? */
static inline bool vmm_vmem_covers(
	const struct vmm_vmem_region *region, vmm_va_t addr, uint64_t size)
{
	uint64_t skip = addr - region->base;

	return skip < region->size && size <= region->size - skip;
}

/* Used regions and markers are members of runs; free regions never touch. */
static inline struct vmm_vmem_region *vmm_vmem_member_before(
	const struct vmm_vmem_region *region)
{
	struct vmm_vmem_region *before = region->link[BEFORE];

	return before->state == VMM_VMEM_FREE ? before->link[BEFORE] : before;
}

static inline struct vmm_vmem_region *vmm_vmem_member_after(
	const struct vmm_vmem_region *region)
{
	struct vmm_vmem_region *after = region->link[AFTER];

	return after->state == VMM_VMEM_FREE ? after->link[AFTER] : after;
}

static inline struct vmm_vmem_region *vmm_vmem_member_step(
	const struct vmm_vmem_region *member, unsigned dir)
{
	return dir == AFTER ? vmm_vmem_member_after(member)
			    : vmm_vmem_member_before(member);
}

/* Nodes: a region or a run, whichever is larger. */
union vmm_vmem_slot {
	struct vmm_vmem_region region;
	struct vmm_vmem_run run;
};

/* All consist of words, pointers and 64-bit numbers. */
#define VMM_VMEM_ALIGN 16
_Static_assert(VMM_VMEM_ALIGN % _Alignof(union vmm_vmem_slot) == 0 &&
		       sizeof(union vmm_vmem_slot) % VMM_VMEM_ALIGN == 0,
	"all nodes of a chunk are aligned alike");
_Static_assert(VMM_VMEM_ALIGN % _Alignof(struct vmm_vmem_chunk) == 0 &&
		       sizeof(struct vmm_vmem_chunk) % VMM_VMEM_ALIGN == 0,
	"nodes follow the header directly");
_Static_assert(sizeof(union vmm_vmem_slot) == sizeof(struct vmm_vmem_region),
	"a run fits in a region's node");

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
static inline bool vmm_vmem_node_has(
	const struct vmm_vmem *arena, size_t count, unsigned flags)
{
	size_t keep = arena->embedded_count;

	if ((flags & VMM_VMEM_USE_RESERVE) == 0)
		keep += arena->reserve;
	/* What needs no node is served even below the reserve. */
	return count == 0 || (arena->spare_count >= count &&
				     arena->spare_count - count >= keep);
}

static inline void vmm_vmem_node_put(
	struct vmm_vmem *arena, struct vmm_vmem_region *node)
{
	node->state = VMM_VMEM_SPARE;
	node->link[AFTER] = arena->spare;
	arena->spare = node;
	arena->spare_count++;
}

static inline struct vmm_vmem_region *vmm_vmem_node_get(struct vmm_vmem *arena)
{
	struct vmm_vmem_region *node = arena->spare;

	VMM_ASSERT(node != NULL && node->state == VMM_VMEM_SPARE);

	arena->spare = node->link[AFTER];
	arena->spare_count--;
	return node;
}

/* The chain. */

/* Chain @region behind @at. */
static inline void vmm_vmem_chain_add(
	struct vmm_vmem_region *at, struct vmm_vmem_region *region)
{
	struct vmm_vmem_region *after = at->link[AFTER];

	VMM_ASSERT(after->link[BEFORE] == at);

	region->link[BEFORE] = at;
	region->link[AFTER] = after;
	at->link[AFTER] = region;
	after->link[BEFORE] = region;
}

static inline void vmm_vmem_chain_remove(struct vmm_vmem_region *region)
{
	struct vmm_vmem_region *before = region->link[BEFORE];
	struct vmm_vmem_region *after = region->link[AFTER];

	VMM_ASSERT(before->link[AFTER] == region);

	before->link[AFTER] = after;
	after->link[BEFORE] = before;
}

/* vmem_span.c: the spans */

/* The marker of the last span that starts at or below @addr, or NULL. */
struct vmm_vmem_region *vmm_vmem_span_floor(
	const struct vmm_vmem *arena, vmm_va_t addr);
/* May a span be added, nodes aside? VMM_OK, or as vmm_vmem_add_flags(). */
int vmm_vmem_span_test(const struct vmm_vmem *arena, vmm_va_t base,
	uint64_t size, unsigned flags);
/* Add one that may. Its marker. */
struct vmm_vmem_region *vmm_vmem_span_new(
	struct vmm_vmem *arena, vmm_va_t base, uint64_t size, unsigned flags);
/* Take out a span whose only region is free. */
void vmm_vmem_span_delete(
	struct vmm_vmem *arena, struct vmm_vmem_region *marker);

/* vmem_free.c */

/* The region behind a handle, or NULL if it is not a used one of @arena. */
static inline struct vmm_vmem_region *vmm_vmem_open(
	const struct vmm_vmem *arena, const struct vmm_vmem_region *handle)
{
	struct vmm_vmem_region *region;

	/*
	 * A spare or free node fails the first test; memory that is no node
	 * fails it most likely. A parked one has been freed to a cache. The
	 * neighbours must confirm the rest.
	 */
	if (handle == NULL || handle->state != VMM_VMEM_USED ||
		(handle->flags & VMM_VMEM_IS_PARKED) != 0 ||
		handle->as.used.arena != arena)
		return NULL;
	region = handle->link[BEFORE]->link[AFTER];
	VMM_ASSERT(region == handle);
	return region;
}
/* An embedded node of a region that goes away: its owner's again. */
void vmm_vmem_retire_embedded(
	struct vmm_vmem *arena, struct vmm_vmem_region *region);

/* The node of a region that goes away. */
static inline void vmm_vmem_retire(
	struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	if (VMM_UNLIKELY(region->flags & VMM_VMEM_IS_EMBEDDED))
		vmm_vmem_retire_embedded(arena, region);
	else
		vmm_vmem_node_put(arena, region);
}

/* Free a used region. VMM_OK. */
int vmm_vmem_release(struct vmm_vmem *arena, struct vmm_vmem_region *region);

/* vmem_alloc.c */

/* Bytes of free addresses in which a request finds a place, whichever they
   are. VMM_OK or as vmm_vmem_xalloc(). */
int vmm_vmem_request_room(const struct vmm_vmem *arena,
	const struct vmm_vmem_request *request, uint64_t *size_out);

/* vmem_find.c */

/* The used region whose place is @base by the used tree, or NULL. */
struct vmm_vmem_region *vmm_vmem_find_in_runs(
	const struct vmm_vmem *arena, vmm_va_t base);

/* vmem_index.c: the index of places, if there is one */

/* The used region whose place is @base, or NULL. */
struct vmm_vmem_region *vmm_vmem_index_find(
	const struct vmm_vmem *arena, vmm_va_t base);
/* VMM_OK. */
int vmm_vmem_index_add(struct vmm_vmem *arena, struct vmm_vmem_region *region);

/* The used region whose place is @base, with or without an index, or NULL. */
static inline struct vmm_vmem_region *vmm_vmem_find_place(
	const struct vmm_vmem *arena, vmm_va_t base)
{
	return arena->index != NULL ? vmm_vmem_index_find(arena, base)
				    : vmm_vmem_find_in_runs(arena, base);
}

static inline int vmm_vmem_index_set(
	struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	return arena->index != NULL ? vmm_vmem_index_add(arena, region)
				    : VMM_OK;
}

/* Before its place changes or it is freed. */
static inline void vmm_vmem_index_clear(
	struct vmm_vmem *arena, const struct vmm_vmem_region *region)
{
	struct vmm_vmem_region *next = region->as.used.next;

	if (arena->index == NULL)
		return;
	VMM_ASSERT(*region->as.used.link == region);
	*region->as.used.link = next;
	next->as.used.link = region->as.used.link;
}

#endif /* VMM_VMEM_INTERNAL_H */
