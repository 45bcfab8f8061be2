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
 * 3. How deep a stack may be is a matter of its own: vmem_stacks.c.
 *
 * 4. A region that was parked by handle is marked in its node, which belongs
 *    to whoever owns the region: so a second free of it is noticed, on any CPU.
 *    No call on other regions reads or writes the mark.
 */
#include "vmem/vmem_stacks.h"
#include "vmem/vmem_internal.h"

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

/* May the region be parked: is it as plain as a request for its size? One that
   is parked already is not. */
static bool is_plain(const struct vmm_vmem_region *region)
{
	return !vmm_vmem_is_parked(region) &&
	       (region->flags | region->use) == 0 &&
	       (region->as.used.guard[0] | region->as.used.guard[1]) == 0;
}

VMM_RARE int vmm_vmem_cache_drain(struct vmm_vmem_cache *cache)
{
	int err;

	lock(cache);
	err = vmm_vmem_stacks_empty(cache);
	unlock(cache);
	return err;
}

/* The arena is out of addresses or nodes: try again without the cache. */
static VMM_RARE int fetch_again(struct vmm_vmem_cache *cache, uint64_t size,
	const struct vmm_vmem_region **region_out, int err)
{
	if (err != VMM_ENOSPC && err != VMM_ENOMEM)
		return err;
	/* Bad frees are counted; this caller is not to blame. */
	(void)vmm_vmem_stacks_empty(cache);
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
	cache->least = vmm_vmem_stacks_least(cache);
	if (VMM_UNLIKELY(vmm_shift_right(last, cache->shift) >= cache->least) &&
		vmm_shift_right(last, cache->shift) >=
			vmm_vmem_stacks_limit(cache) &&
		size != 0 && last <= cache->arena->size - 1)
		(void)vmm_vmem_stacks_empty(cache);
	err = fetch_locked(cache, size, region_out);
	unlock(cache);
	return err;
}

int vmm_vmem_cache_alloc_slow(
	struct vmm_vmem_cache *cache, uint64_t size, vmm_va_t *base_out)
{
	uint64_t i = vmm_shift_right(size - 1, cache->shift);
	const struct vmm_vmem_region *region;
	int err;

	if (cache->flags & VMM_VMEM_CACHE_HANDLES) {
		err = vmm_vmem_cache_alloc_region(cache, size, &region);
	} else if (i < VMM_VMEM_CACHE_SIZES) {
		vmm_vmem_stack_miss(cache, i);
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
	uint64_t i = vmm_shift_right(size - 1, cache->shift);
	struct vmm_vmem_region *region;
	uint64_t parked;

	if (i >= VMM_VMEM_CACHE_SIZES)
		return fetch_large(cache, size, region_out);
	if (!vmm_vmem_cache_pop(cache, i, &parked)) {
		vmm_vmem_stack_miss(cache, i);
		return fetch(cache, size, region_out);
	}
	if (VMM_UNLIKELY((cache->flags & VMM_VMEM_CACHE_HANDLES) == 0))
		return look_up(cache, parked, size, region_out);
	region = vmm_vmem_handle_of(parked);
	vmm_vmem_set_parked(region, false);
	region->tagged = 0;
	*region_out = region;
	return VMM_OK;
}

/* Park a region; there is a place. */
static inline void park(struct vmm_vmem_cache *cache, uint64_t i,
	struct vmm_vmem_region *region)
{
	uint64_t parked = region->base;

	VMM_ASSERT(!vmm_vmem_stack_is_full(cache, i));
	if (VMM_LIKELY(cache->flags & VMM_VMEM_CACHE_HANDLES)) {
		vmm_vmem_set_parked(region, true);
		parked = (uintptr_t)region;
	}
	cache->place[cache->stack[i].top++] = parked;
}

/* Free a region that is never parked. */
static VMM_NOINLINE int free_large(
	struct vmm_vmem_cache *cache, struct vmm_vmem_region *region)
{
	int err = VMM_OK;

	if (vmm_vmem_is_parked(region))
		return VMM_ENOENT;
	lock(cache);
	(void)vmm_vmem_release(cache->arena, region);
	if (vmm_vmem_stacks_over(cache))
		err = vmm_vmem_stacks_shrink(cache);
	unlock(cache);
	return err;
}

/* Free a region whose stack is full, unless a place can be made. */
static VMM_NOINLINE int free_change(struct vmm_vmem_cache *cache, uint64_t i,
	struct vmm_vmem_region *region)
{
	int err;

	lock(cache);
	err = vmm_vmem_stack_change(cache, i);
	if (vmm_vmem_stack_is_full(cache, i))
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

	if (vmm_vmem_stack_may_change(cache, i))
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
	struct vmm_vmem_region *region = vmm_vmem_handle_of((uintptr_t)handle);
	uint64_t i;

	/* The handle's owner may look at it without the lock. */
	if (handle == NULL || handle->state != VMM_VMEM_USED ||
		handle->as.used.arena != cache->arena)
		return VMM_ENOENT;
	i = vmm_shift_right(region->size - 1, cache->shift);
	if (VMM_UNLIKELY(i >= VMM_VMEM_CACHE_SIZES || !is_plain(region)))
		return free_large(cache, region);
	if (!vmm_vmem_stack_is_full(cache, i)) {
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
	i = vmm_shift_right(size - 1, cache->shift);
	lock(cache);
	if (VMM_UNLIKELY(i >= VMM_VMEM_CACHE_SIZES))
		err = vmm_vmem_stacks_over(cache)
			      ? vmm_vmem_stacks_shrink(cache)
			      : VMM_OK;
	else if (vmm_vmem_stack_may_change(cache, i))
		err = vmm_vmem_stack_change(cache, i);
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
