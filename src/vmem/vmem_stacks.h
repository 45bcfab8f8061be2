/* SPDX-License-Identifier: MIT */
/*
 * The stacks of a quantum cache: how deep each may be, see vmem_stacks.c, and
 * the marks of what is parked. A cache belongs to one CPU. Those that look at the
 * arena or free to it, from vmm_vmem_stacks_least() on, want the arena's lock.
 */
#ifndef VMM_VMEM_STACKS_H
#define VMM_VMEM_STACKS_H

#include <vmm/vmem_cache.h>

#include "vmem/vmem_spans.h"

/* Until a stack deepens. */
enum { VMM_VMEM_STACK_PROOFS = 2 };

/* Marks of regions that are parked by their handles. */

static inline bool vmm_vmem_is_parked(const struct vmm_vmem_region *region)
{
	return (__atomic_load_n(&region->flags, __ATOMIC_RELAXED) &
		       VMM_VMEM_IS_PARKED) != 0;
}

/* Regions that are parked have no other flag. */
static inline void vmm_vmem_set_parked(
	struct vmm_vmem_region *region, bool parked)
{
	__atomic_store_n(&region->flags, parked ? VMM_VMEM_IS_PARKED : 0,
		__ATOMIC_RELAXED);
}

static inline struct vmm_vmem_region *vmm_vmem_handle_of(uint64_t parked)
{
	return (struct vmm_vmem_region *)(uintptr_t)parked;
}

/* Stacks. */

/* Is the stack of size index @i full? */
static inline bool vmm_vmem_stack_is_full(
	const struct vmm_vmem_cache *cache, uint64_t i)
{
	return cache->stack[i].top >= cache->stack[i].limit;
}

/* A region of size index @i is asked for, and none is parked. */
static inline void vmm_vmem_stack_miss(struct vmm_vmem_cache *cache, uint64_t i)
{
	struct vmm_vmem_stack *stack = &cache->stack[i];
	unsigned proofs = stack->proofs + stack->lost;

	stack->proofs = (uint8_t)(proofs < VMM_VMEM_STACK_PROOFS
					  ? proofs
					  : VMM_VMEM_STACK_PROOFS);
	stack->lost = 0;
}

/* A region comes, and its stack is full. Is there more to do than to note it? */
static inline bool vmm_vmem_stack_may_change(
	const struct vmm_vmem_cache *cache, uint64_t i)
{
	return cache->stack[i].proofs >= VMM_VMEM_STACK_PROOFS ||
	       VMM_UNLIKELY(cache->allotted > cache->least);
}

/* Quanta that may be parked whatever is in use. */
static inline uint64_t vmm_vmem_stacks_least(const struct vmm_vmem_cache *cache)
{
	/* 1/64, rounded up; a size of 2^64 is given as 0. */
	uint64_t least =
		(vmm_shift_right(cache->arena->size - 1, cache->shift) >> 6) +
		1;

	return least < VMM_VMEM_CACHE_LEAST ? least : VMM_VMEM_CACHE_LEAST;
}

/* Quanta that may be parked: a share of what the arena has in use now. */
uint64_t vmm_vmem_stacks_limit(struct vmm_vmem_cache *cache);

/* Do the stacks hold more than they may? They do only if there is less in use
   than there was, or the arena has become smaller. */
static inline bool vmm_vmem_stacks_over(struct vmm_vmem_cache *cache)
{
	return VMM_UNLIKELY(cache->allotted > cache->least) &&
	       cache->allotted > vmm_vmem_stacks_limit(cache);
}

/* If vmm_vmem_stack_may_change(): make a place, or take some away. VMM_OK, or the
   first error of what had to be freed. */
int vmm_vmem_stack_change(struct vmm_vmem_cache *cache, uint64_t i);
/* Halve the next stack that has any depth; the same. */
int vmm_vmem_stacks_shrink(struct vmm_vmem_cache *cache);
/* Free all that is parked. The stacks keep their depths. The same. */
int vmm_vmem_stacks_empty(struct vmm_vmem_cache *cache);

#endif /* VMM_VMEM_STACKS_H */
