/* SPDX-License-Identifier: MIT */
/*
 * The stacks of a quantum cache: how deep they may be.
 *
 * 1. A stack starts at depth 0. It has proof that it is not deep enough when it
 *    is asked for a region after one had to be freed for want of a place; it
 *    deepens after two proofs, and then after each. So a size that is only
 *    allocated for a while, or only freed, is not parked.
 *
 * 2. If there is no room, now and then the next stack in turn is halved, so
 *    that sizes which went out of use do not keep their share.
 *
 * 3. The limit on all that may be parked is kept without counting it: what the
 *    stacks could hold at their depths is never more.
 */
#include "vmem/vmem_stacks.h"
#include "core/bits.h"

/* How many regions are parked, and how many may be. */
static unsigned count_of(const struct vmm_vmem_stack *stack)
{
	return (unsigned)stack->top - stack->first;
}

static unsigned depth_of(const struct vmm_vmem_stack *stack)
{
	return (unsigned)stack->limit - stack->first;
}

void vmm_vmem_cache_set_limit(struct vmm_vmem_cache *cache, unsigned shift)
{
	VMM_ASSERT(shift < 64);

	cache->limit_shift = shift;
}

VMM_RARE uint64_t vmm_vmem_cache_parked(const struct vmm_vmem_cache *cache)
{
	uint64_t quanta = 0;

	for (unsigned i = 0; i < VMM_VMEM_CACHE_SIZES; i++)
		quanta += (uint64_t)count_of(&cache->stack[i]) * (i + 1);
	return quanta << cache->shift;
}

uint64_t vmm_vmem_stacks_limit(struct vmm_vmem_cache *cache)
{
	uint64_t limit =
		cache->arena->used_size >> cache->shift >> cache->limit_shift;

	cache->least = vmm_vmem_stacks_least(cache);
	return limit < cache->least ? cache->least : limit;
}

/* Free one parked region of size index @i to the arena. */
static VMM_RARE int unpark(
	struct vmm_vmem_cache *cache, uint64_t i, uint64_t parked)
{
	int err;

	if (cache->flags & VMM_VMEM_CACHE_HANDLES) {
		vmm_vmem_set_parked(vmm_vmem_handle_of(parked), false);
		err = vmm_vmem_free_region(
			cache->arena, vmm_vmem_handle_of(parked));
	} else {
		err = vmm_vmem_free_sized(
			cache->arena, parked, (i + 1) << cache->shift);
	}
	cache->bad_count += err != VMM_OK;
	return err;
}

/* Free the @count oldest regions of a stack. */
static VMM_RARE int flush(
	struct vmm_vmem_cache *cache, uint64_t i, unsigned count)
{
	struct vmm_vmem_stack *stack = &cache->stack[i];
	uint64_t *place = &cache->place[stack->first];
	int err = VMM_OK;

	VMM_ASSERT(count <= count_of(stack));

	for (unsigned k = 0; k < count; k++) {
		int one = unpark(cache, i, place[k]);

		err = err != VMM_OK ? err : one;
	}
	for (unsigned k = count; k < count_of(stack); k++)
		place[k - count] = place[k];
	stack->top = (uint16_t)(stack->top - count);
	return err;
}

static VMM_RARE void set_depth(
	struct vmm_vmem_cache *cache, uint64_t i, unsigned depth)
{
	struct vmm_vmem_stack *stack = &cache->stack[i];

	cache->allotted += ((uint64_t)depth - depth_of(stack)) * (i + 1);
	if (depth < depth_of(stack))
		stack->proofs = 0;
	stack->limit = (uint16_t)(stack->first + depth);
	if (depth != 0)
		cache->deep[i / 64] |= UINT64_C(1) << i % 64;
	else
		cache->deep[i / 64] &= ~(UINT64_C(1) << i % 64);
}

/* The first stack from @i on, in a ring, that has any depth; or none: @i. */
static VMM_RARE unsigned next_deep(
	const struct vmm_vmem_cache *cache, unsigned i)
{
	const unsigned words = VMM_VMEM_CACHE_SIZES / 64;
	uint64_t bits = cache->deep[i / 64] & UINT64_MAX << i % 64;

	for (unsigned k = 1; bits == 0 && k <= words; k++) {
		unsigned word = (i / 64 + k) % words;

		bits = cache->deep[word];
		if (bits != 0)
			return word * 64 + vmm_ctz(bits);
	}
	return bits != 0 ? i / 64 * 64 + vmm_ctz(bits) : i;
}

/* Give up as much of a stack as is deeper than @depth. */
static VMM_RARE int shrink(
	struct vmm_vmem_cache *cache, unsigned i, unsigned depth)
{
	int err = VMM_OK;

	if (count_of(&cache->stack[i]) > depth)
		err = flush(cache, i, count_of(&cache->stack[i]) - depth);
	set_depth(cache, i, depth);
	return err;
}

VMM_RARE int vmm_vmem_stacks_shrink(struct vmm_vmem_cache *cache)
{
	unsigned i = next_deep(cache, cache->victim);

	cache->victim = (uint16_t)((i + 1) % VMM_VMEM_CACHE_SIZES);
	return shrink(cache, i, depth_of(&cache->stack[i]) / 2);
}

VMM_RARE int vmm_vmem_stacks_empty(struct vmm_vmem_cache *cache)
{
	int err = VMM_OK;

	for (unsigned word = 0; word < VMM_VMEM_CACHE_SIZES / 64; word++) {
		uint64_t bits = cache->deep[word];

		for (; bits != 0; bits &= bits - 1) {
			unsigned i = word * 64 + vmm_ctz(bits);
			int one = flush(cache, i, count_of(&cache->stack[i]));

			err = err != VMM_OK ? err : one;
		}
	}
	return err;
}

/*
 * There is proof that a stack that is full should be deeper. Deepen it if there
 * is room: a step takes a quarter of what is left at most, so that large sizes
 * do not take it all. Where even an empty cache has no room for such a step, it
 * is one region.
 */
static VMM_NOINLINE int deepen(struct vmm_vmem_cache *cache, uint64_t i)
{
	struct vmm_vmem_stack *stack = &cache->stack[i];
	unsigned most = VMM_VMEM_CACHE_DEPTH(i + 1);
	unsigned step = most / 4;
	uint64_t limit = vmm_vmem_stacks_limit(cache);
	uint64_t room = limit > cache->allotted ? limit - cache->allotted : 0;

	if (depth_of(stack) == most)
		return VMM_OK;
	stack->proofs = VMM_VMEM_STACK_PROOFS - 1;
	if (UINT64_C(4) * step * (i + 1) > limit)
		step = 1;
	if (step > most - depth_of(stack))
		step = most - depth_of(stack);
	if (UINT64_C(4) * step * (i + 1) > limit)
		return VMM_OK;
	if (UINT64_C(4) * step * (i + 1) <= room)
		set_depth(cache, i, depth_of(stack) + step);
	else if (++cache->refused % 16 == 0)
		return vmm_vmem_stacks_shrink(cache);
	return VMM_OK;
}

int vmm_vmem_stack_change(struct vmm_vmem_cache *cache, uint64_t i)
{
	if (vmm_vmem_stacks_over(cache))
		return vmm_vmem_stacks_shrink(cache);
	cache->stack[i].lost = 1;
	return cache->stack[i].proofs < VMM_VMEM_STACK_PROOFS
		       ? VMM_OK
		       : deepen(cache, i);
}
