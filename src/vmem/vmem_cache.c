/* SPDX-License-Identifier: MIT */
/*
 * Quantum caches, where they meet the arena. The way that needs no arena is
 * inline in vmem_cache.h, for addresses.
 *
 * 1. Per size, a stack of parked regions: the one freed last is handed out
 *    first, while what describes it is warm.
 *
 * 2. What is not parked is allocated from the arena, and what has no place is
 *    freed to it, one for one: a region that is moved in advance, or to make
 *    room, is moved in vain as often as not.
 *
 * 3. A stack starts at depth 0. It has proof that it is not deep enough when it
 *    is asked for a region after one had to be freed for want of a place; it
 *    deepens after two proofs, and then after each. So a size that is only
 *    allocated for a while, or only freed, is not parked. If there is no room,
 *    now and then the next stack in turn is halved, so that sizes which went
 *    out of use do not keep their share. The limit on all that may be parked is
 *    kept without counting it: what the stacks could hold at their depths is
 *    never more.
 *
 * 4. A region that was parked by handle is marked in its node, which belongs
 *    to whoever owns the region: so a second free of it is noticed, on any CPU.
 *    No call on other regions reads or writes the mark.
 */
#include <vmm/vmem_cache.h>
#include "core/bits.h"
#include "vmem/vmem_internal.h"

/* Until a stack deepens. */
enum { PROOFS = 2 };

VMM_RARE void vmm_vmem_cache_init(struct vmm_vmem_cache *cache,
	struct vmm_vmem *arena, const struct vmm_lock *lock, unsigned flags)
{
	unsigned first = 0;

	VMM_ASSERT(arena->quantum != 0);
	VMM_ASSERT((flags & ~(unsigned)VMM_VMEM_CACHE_HANDLES) == 0);

	cache->arena = arena;
	cache->lock = lock;
	cache->flags = flags;
	cache->shift = arena->shift;
	cache->sizes =
		flags & VMM_VMEM_CACHE_HANDLES ? 0 : VMM_VMEM_CACHE_SIZES;
	cache->limit_shift = VMM_VMEM_CACHE_SHIFT;
	cache->victim = 0;
	cache->refused = 0;
	cache->allotted = 0;
	cache->least = 0;
	cache->bad_count = 0;
	for (unsigned i = 0; i < VMM_VMEM_CACHE_SIZES / 64; i++)
		cache->deep[i] = 0;
	for (unsigned i = 0; i < VMM_VMEM_CACHE_SIZES; i++) {
		cache->stack[i] = (struct vmm_vmem_stack){
			.top = (uint16_t)first,
			.first = (uint16_t)first,
			.limit = (uint16_t)first,
		};
		first += VMM_VMEM_CACHE_DEPTH(i + 1);
	}
	VMM_ASSERT(first == VMM_VMEM_CACHE_PLACES);
}

void vmm_vmem_cache_set_limit(struct vmm_vmem_cache *cache, unsigned shift)
{
	VMM_ASSERT(shift < 64);

	cache->limit_shift = shift;
}

/* How many regions are parked, and how many may be. */
static unsigned count_of(const struct vmm_vmem_stack *stack)
{
	return (unsigned)stack->top - stack->first;
}

static unsigned depth_of(const struct vmm_vmem_stack *stack)
{
	return (unsigned)stack->limit - stack->first;
}

VMM_RARE uint64_t vmm_vmem_cache_parked(const struct vmm_vmem_cache *cache)
{
	uint64_t quanta = 0;

	for (unsigned i = 0; i < VMM_VMEM_CACHE_SIZES; i++)
		quanta += (uint64_t)count_of(&cache->stack[i]) * (i + 1);
	return quanta << cache->shift;
}

static void lock(const struct vmm_vmem_cache *cache)
{
	if (VMM_UNLIKELY(cache->lock != NULL))
		cache->lock->acquire(cache->lock->ctx);
}

static void unlock(const struct vmm_vmem_cache *cache)
{
	if (VMM_UNLIKELY(cache->lock != NULL))
		cache->lock->release(cache->lock->ctx);
}

static bool is_parked(const struct vmm_vmem_region *region)
{
	return (__atomic_load_n(&region->flags, __ATOMIC_RELAXED) &
		       VMM_VMEM_IS_PARKED) != 0;
}

/* Regions that are parked have no other flag. */
static void set_parked(struct vmm_vmem_region *region, bool parked)
{
	__atomic_store_n(&region->flags, parked ? VMM_VMEM_IS_PARKED : 0,
		__ATOMIC_RELAXED);
}

static struct vmm_vmem_region *handle_of(uint64_t parked)
{
	return (struct vmm_vmem_region *)(uintptr_t)parked;
}

/* May the region be parked: is it as plain as a request for its size? One that
   is parked already is not. */
static bool is_plain(const struct vmm_vmem_region *region)
{
	return !is_parked(region) && (region->flags | region->use) == 0 &&
	       (region->as.used.guard[0] | region->as.used.guard[1]) == 0;
}

/* Holding the lock, from here on. */

/* Quanta that may be parked whatever is in use. */
static uint64_t least_of(const struct vmm_vmem_cache *cache)
{
	/* 1/64, rounded up; a size of 2^64 is given as 0. */
	uint64_t least = ((cache->arena->size - 1) >> cache->shift >> 6) + 1;

	return least < VMM_VMEM_CACHE_LEAST ? least : VMM_VMEM_CACHE_LEAST;
}

/* Quanta that may be parked: a share of what the arena has in use now. */
static uint64_t limit_of(struct vmm_vmem_cache *cache)
{
	uint64_t limit =
		cache->arena->used_size >> cache->shift >> cache->limit_shift;

	cache->least = least_of(cache);
	return limit < cache->least ? cache->least : limit;
}

/* Free one parked region of size index @i to the arena. */
static VMM_RARE int unpark(
	struct vmm_vmem_cache *cache, uint64_t i, uint64_t parked)
{
	int err;

	if (cache->flags & VMM_VMEM_CACHE_HANDLES) {
		set_parked(handle_of(parked), false);
		err = vmm_vmem_free_region(cache->arena, handle_of(parked));
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

/* Halve the next stack that has any depth. */
static VMM_RARE int shrink_victim(struct vmm_vmem_cache *cache)
{
	unsigned i = next_deep(cache, cache->victim);

	cache->victim = (uint16_t)((i + 1) % VMM_VMEM_CACHE_SIZES);
	return shrink(cache, i, depth_of(&cache->stack[i]) / 2);
}

/* Free all that is parked. The stacks keep their depths. */
static VMM_RARE int flush_all(struct vmm_vmem_cache *cache)
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

/* Do the stacks hold more than they may? They do only if there is less in use
   than there was, or the arena has become smaller. */
static bool is_over(struct vmm_vmem_cache *cache)
{
	return VMM_UNLIKELY(cache->allotted > cache->least) &&
	       cache->allotted > limit_of(cache);
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
	uint64_t limit = limit_of(cache);
	uint64_t room = limit > cache->allotted ? limit - cache->allotted : 0;

	if (depth_of(stack) == most)
		return VMM_OK;
	stack->proofs = PROOFS - 1;
	if (UINT64_C(4) * step * (i + 1) > limit)
		step = 1;
	if (step > most - depth_of(stack))
		step = most - depth_of(stack);
	if (UINT64_C(4) * step * (i + 1) > limit)
		return VMM_OK;
	if (UINT64_C(4) * step * (i + 1) <= room)
		set_depth(cache, i, depth_of(stack) + step);
	else if (++cache->refused % 16 == 0)
		return shrink_victim(cache);
	return VMM_OK;
}

/* A region comes, and its stack is full. Is there more to do than to note it? */
static bool may_change(const struct vmm_vmem_cache *cache, uint64_t i)
{
	return cache->stack[i].proofs >= PROOFS ||
	       VMM_UNLIKELY(cache->allotted > cache->least);
}

/* Then do it: make a place, or take some away. */
static int change(struct vmm_vmem_cache *cache, uint64_t i)
{
	if (is_over(cache))
		return shrink_victim(cache);
	cache->stack[i].lost = 1;
	return cache->stack[i].proofs < PROOFS ? VMM_OK : deepen(cache, i);
}

/* Not holding the lock, from here on. */

VMM_RARE int vmm_vmem_cache_drain(struct vmm_vmem_cache *cache)
{
	int err;

	lock(cache);
	err = flush_all(cache);
	unlock(cache);
	return err;
}

/* A region of size index @i is asked for, and none is parked. */
static void miss(struct vmm_vmem_cache *cache, uint64_t i)
{
	struct vmm_vmem_stack *stack = &cache->stack[i];
	unsigned proofs = stack->proofs + stack->lost;

	stack->proofs = (uint8_t)(proofs < PROOFS ? proofs : PROOFS);
	stack->lost = 0;
}

/* The arena is out of addresses or nodes: try again without the cache. */
static VMM_RARE int fetch_again(struct vmm_vmem_cache *cache, uint64_t size,
	const struct vmm_vmem_region **region_out, int err)
{
	if (err != VMM_ENOSPC && err != VMM_ENOMEM)
		return err;
	/* Bad frees are counted; this caller is not to blame. */
	(void)flush_all(cache);
	return vmm_vmem_alloc_region(cache->arena, size, region_out);
}

/* Allocate from the arena, holding the lock. */
static VMM_ALWAYS_INLINE int fetch_locked(struct vmm_vmem_cache *cache,
	uint64_t size, const struct vmm_vmem_region **region_out)
{
	int err = vmm_vmem_alloc_region(cache->arena, size, region_out);

	if (VMM_UNLIKELY(err != VMM_OK))
		err = fetch_again(cache, size, region_out, err);
	return err;
}

/* Allocate from the arena what is not in the cache. */
static VMM_ALWAYS_INLINE int fetch_here(struct vmm_vmem_cache *cache,
	uint64_t size, const struct vmm_vmem_region **region_out)
{
	int err;

	lock(cache);
	err = fetch_locked(cache, size, region_out);
	unlock(cache);
	return err;
}

static VMM_NOINLINE int fetch(struct vmm_vmem_cache *cache, uint64_t size,
	const struct vmm_vmem_region **region_out)
{
	return fetch_here(cache, size, region_out);
}

/*
 * Allocate what is never parked. If it is more than may be parked in all, the
 * cache is emptied first: no great hole is to be missed for what is parked in it.
 */
static VMM_NOINLINE int fetch_large(struct vmm_vmem_cache *cache, uint64_t size,
	const struct vmm_vmem_region **region_out)
{
	/* Sizes from 1 to 2^64, as those of arenas, less 1. */
	uint64_t last = size - 1;
	int err;

	lock(cache);
	/* A look at the arena's size now and then, as it may change. */
	cache->least = least_of(cache);
	if (VMM_UNLIKELY(last >> cache->shift >= cache->least) &&
		last >> cache->shift >= limit_of(cache) && size != 0 &&
		last <= cache->arena->size - 1)
		(void)flush_all(cache);
	err = fetch_locked(cache, size, region_out);
	unlock(cache);
	return err;
}

int vmm_vmem_cache_alloc_slow(
	struct vmm_vmem_cache *cache, uint64_t size, vmm_va_t *base_out)
{
	uint64_t i = (size - 1) >> cache->shift;
	const struct vmm_vmem_region *region;
	int err;

	if (cache->flags & VMM_VMEM_CACHE_HANDLES) {
		err = vmm_vmem_cache_alloc_region(cache, size, &region);
	} else if (i < VMM_VMEM_CACHE_SIZES) {
		miss(cache, i);
		err = fetch_here(cache, size, &region);
	} else {
		err = fetch_large(cache, size, &region);
	}
	if (err == VMM_OK)
		*base_out = region->base;
	return err;
}

/* The region behind a parked address; another one if it was a bad one. */
static VMM_NOINLINE int look_up(struct vmm_vmem_cache *cache, vmm_va_t base,
	uint64_t size, const struct vmm_vmem_region **region_out)
{
	struct vmm_vmem_region *region;

	lock(cache);
	region = vmm_vmem_open(cache->arena, vmm_vmem_find(cache->arena, base));
	unlock(cache);
	if (region == NULL)
		return fetch(cache, size, region_out);
	region->tagged = 0;
	*region_out = region;
	return VMM_OK;
}

int vmm_vmem_cache_alloc_region(struct vmm_vmem_cache *cache, uint64_t size,
	const struct vmm_vmem_region **region_out)
{
	uint64_t i = (size - 1) >> cache->shift;
	struct vmm_vmem_region *region;
	uint64_t parked;

	if (i >= VMM_VMEM_CACHE_SIZES)
		return fetch_large(cache, size, region_out);
	if (!vmm_vmem_cache_pop(cache, i, &parked)) {
		miss(cache, i);
		return fetch(cache, size, region_out);
	}
	if (VMM_UNLIKELY((cache->flags & VMM_VMEM_CACHE_HANDLES) == 0))
		return look_up(cache, parked, size, region_out);
	region = handle_of(parked);
	set_parked(region, false);
	region->tagged = 0;
	*region_out = region;
	return VMM_OK;
}

/* Is the stack of size index @i full? */
static bool is_full(const struct vmm_vmem_cache *cache, uint64_t i)
{
	return cache->stack[i].top >= cache->stack[i].limit;
}

/* Park a region; there is a place. */
static inline void park(struct vmm_vmem_cache *cache, uint64_t i,
	struct vmm_vmem_region *region)
{
	uint64_t parked = region->base;

	VMM_ASSERT(!is_full(cache, i));
	if (VMM_LIKELY(cache->flags & VMM_VMEM_CACHE_HANDLES)) {
		set_parked(region, true);
		parked = (uintptr_t)region;
	}
	cache->place[cache->stack[i].top++] = parked;
}

/* Free a region that is never parked. */
static VMM_NOINLINE int free_large(
	struct vmm_vmem_cache *cache, struct vmm_vmem_region *region)
{
	int err = VMM_OK;

	if (is_parked(region))
		return VMM_ENOENT;
	lock(cache);
	(void)vmm_vmem_release(cache->arena, region);
	if (is_over(cache))
		err = shrink_victim(cache);
	unlock(cache);
	return err;
}

/* Free a region whose stack is full, unless a place can be made. */
static VMM_NOINLINE int free_change(struct vmm_vmem_cache *cache, uint64_t i,
	struct vmm_vmem_region *region)
{
	int err;

	lock(cache);
	err = change(cache, i);
	if (is_full(cache, i))
		(void)vmm_vmem_release(cache->arena, region);
	else
		park(cache, i, region);
	unlock(cache);
	return err;
}

/* Free a region whose stack is full. */
static VMM_NOINLINE int free_full(struct vmm_vmem_cache *cache, uint64_t i,
	struct vmm_vmem_region *region)
{
	int err;

	if (may_change(cache, i))
		return free_change(cache, i, region);
	cache->stack[i].lost = 1;
	lock(cache);
	err = vmm_vmem_release(cache->arena, region);
	unlock(cache);
	return err;
}

int vmm_vmem_cache_free_region(
	struct vmm_vmem_cache *cache, const struct vmm_vmem_region *handle)
{
	struct vmm_vmem_region *region = handle_of((uintptr_t)handle);
	uint64_t i;

	/* The handle's owner may look at it without the lock. */
	if (handle == NULL || handle->state != VMM_VMEM_USED ||
		handle->as.used.arena != cache->arena)
		return VMM_ENOENT;
	i = (region->size - 1) >> cache->shift;
	if (VMM_UNLIKELY(i >= VMM_VMEM_CACHE_SIZES || !is_plain(region)))
		return free_large(cache, region);
	if (!is_full(cache, i)) {
		park(cache, i, region);
		return VMM_OK;
	}
	return free_full(cache, i, region);
}

int vmm_vmem_cache_free_base(struct vmm_vmem_cache *cache, vmm_va_t base)
{
	const struct vmm_vmem_region *region;

	lock(cache);
	region = vmm_vmem_find(cache->arena, base);
	unlock(cache);
	return vmm_vmem_cache_free_region(cache, region);
}

int vmm_vmem_cache_free_slow(
	struct vmm_vmem_cache *cache, vmm_va_t base, uint64_t size)
{
	const struct vmm_vmem_region *region;
	uint64_t i;
	int err = VMM_OK;

	if (size == 0)
		return VMM_EINVAL;
	if (cache->flags & VMM_VMEM_CACHE_HANDLES) {
		lock(cache);
		region = vmm_vmem_find(cache->arena, base);
		unlock(cache);
		if (region != NULL &&
			vmm_vmem_region_size(region) !=
				vmm_align_up(size, cache->arena->quantum))
			return VMM_EINVAL;
		return vmm_vmem_cache_free_region(cache, region);
	}
	i = (size - 1) >> cache->shift;
	lock(cache);
	if (VMM_UNLIKELY(i >= VMM_VMEM_CACHE_SIZES))
		err = is_over(cache) ? shrink_victim(cache) : VMM_OK;
	else if (may_change(cache, i))
		err = change(cache, i);
	else
		cache->stack[i].lost = 1;
	if (i >= VMM_VMEM_CACHE_SIZES || !vmm_vmem_cache_push(cache, i, base)) {
		int one = vmm_vmem_free_sized(cache->arena, base, size);

		cache->bad_count += one != VMM_OK;
		err = err != VMM_OK ? err : one;
	}
	unlock(cache);
	return err;
}
