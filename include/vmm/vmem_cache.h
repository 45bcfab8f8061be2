/* SPDX-License-Identifier: MIT */
/*
 * Quantum caches: one per CPU in front of an arena (vmem.h), for small sizes.
 *
 * A freed region of up to VMM_VMEM_CACHE_SIZES quanta is parked in the cache of
 * the CPU that frees it, and the next request for exactly that size gets it,
 * without the arena and its lock, as soon as the size has come and gone a few
 * times there and if it is small beside what may be parked. For the arena a
 * parked region stays in use.
 * What does not fit is freed to the arena, and what is not there is taken from
 * it, one for one, under the lock.
 *
 * What a cache may park is bounded: per size by VMM_VMEM_CACHE_DEPTH, and in
 * all by a share of what the arena has in use (vmm_vmem_cache_set_limit()).
 * When the arena cannot serve a request, the cache it came through is emptied
 * and the request tried again; the caches of other CPUs are for the caller to
 * drain. A request for more than all that a cache may park empties it first, so
 * that no large hole is missed for what is parked in it.
 *
 *	static struct vmm_vmem_cache caches[CPUS];
 *
 *	vmm_vmem_cache_init(&caches[cpu], &arena, &arena_lock, 0);
 *	err = vmm_vmem_cache_alloc(&caches[cpu], VMM_PAGE_SIZE, &base);
 *	err = vmm_vmem_cache_free(&caches[cpu], base, VMM_PAGE_SIZE);
 *
 * A cache holds addresses, or, with VMM_VMEM_CACHE_HANDLES, handles; all caches
 * of an arena should hold the same, the one that its users have at hand. Calls
 * with the other are served too, but look the region up under the lock.
 *
 * Trust. A cache of addresses parks what it is given without a look at the
 * arena. Whether that is a region of that size turns out when it is freed to
 * the arena, and is reported then; until then it may be handed out again. So
 * give back only what came from a cache of the same arena, once, with its size.
 * A handle is checked at once: a region that is parked already is refused.
 *
 * Context: a cache has no lock. It is used by one CPU at a time, with preemption
 * off, and with interrupts off if interrupt handlers use it too. The arena's
 * lock is taken by no call that finds what it needs in the cache, and at most
 * twice by any other. All other calls on the arena are made under the same
 * lock; vmm_vmem_check() and the dumps, which look at parked regions too, when
 * no cache is in use. Parked regions show up in look-ups and dumps as used, with
 * tags of their last life.
 */
#ifndef VMM_VMEM_CACHE_H
#define VMM_VMEM_CACHE_H

#include <vmm/config.h>
#include <vmm/error.h>
#include <vmm/port.h>
#include <vmm/types.h>
#include <vmm/vmem.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Flags of a cache. */
enum {
	VMM_VMEM_CACHE_HANDLES = 1u << 0 /* parks handles, not addresses */
};

/* The largest size that is parked, in quanta. */
#define VMM_VMEM_CACHE_SIZES 256

/* How many regions of @quanta are parked at most. */
#define VMM_VMEM_CACHE_DEPTH(quanta) \
	((quanta) <= 4 ? 32u : (quanta) <= 16 ? 16u : 8u)

/* The sum of it over all sizes. */
#define VMM_VMEM_CACHE_PLACES (4 * 32 + 12 * 16 + 240 * 8)

/* The parked regions of one size: a stack in the cache's places. */
struct vmm_vmem_stack {
	uint16_t top;	/* the first place of no parked region */
	uint16_t first; /* place of the stack */
	uint16_t limit; /* the first place that may not be used now */
	uint8_t lost;	/* one had no place, since one was last asked for */
	uint8_t proofs; /* that it should be deeper */
};

/* A cache; 20 KiB. The caller's to place, the library's to read and write. */
struct vmm_vmem_cache {
	struct vmm_vmem *arena;
	const struct vmm_lock *lock;
	unsigned flags;
	unsigned shift; /* the arena's quantum */
	uint64_t sizes; /* that are served inline: all, or 0 with handles */
	unsigned limit_shift; /* see vmm_vmem_cache_set_limit() */
	uint16_t victim;      /* the stack that must give way next */
	uint16_t refused;     /* times that a stack had no room to deepen */
	uint64_t allotted;    /* quanta that the stacks may hold in all */
	uint64_t least;	      /* that they might, at the last look at the arena,
				 whatever is in use */
	uint64_t bad_count;   /* parked regions that the arena did not know */
	uint64_t deep[VMM_VMEM_CACHE_SIZES / 64]; /* stacks of depth not 0 */
	struct vmm_vmem_stack stack[VMM_VMEM_CACHE_SIZES];
	/* First addresses or handles. */
	uint64_t place[VMM_VMEM_CACHE_PLACES];
};

/**
 * vmm_vmem_cache_init() - Make an empty cache in front of an arena.
 * @cache: Storage of the caller's.
 * @arena: The arena, which must outlive the cache.
 * @lock:  The arena's lock; NULL: no other CPU uses the arena.
 * @flags: 0 or VMM_VMEM_CACHE_HANDLES.
 *
 * Cost: O(VMM_VMEM_CACHE_SIZES).
 */
void vmm_vmem_cache_init(struct vmm_vmem_cache *cache, struct vmm_vmem *arena,
	const struct vmm_lock *lock, unsigned flags);

/**
 * vmm_vmem_cache_set_limit() - Bound what may be parked.
 * @cache: The cache.
 * @shift: What may be parked is what the arena has in use >> @shift. The
 *         default is VMM_VMEM_CACHE_SHIFT, 1/16. Below 64. If that is less,
 *         it is VMM_VMEM_CACHE_LEAST quanta or 1/64 of the arena, whichever is
 *         less. All caches of an arena together park that much times their
 *         number.
 *
 * A cache that holds more, since the limit has changed or less is in use, gives
 * that up little by little, with the calls that go to the arena. That the arena
 * has lost a span is noticed when a large region is asked for or a stack is to
 * deepen.
 */
void vmm_vmem_cache_set_limit(struct vmm_vmem_cache *cache, unsigned shift);
#define VMM_VMEM_CACHE_SHIFT 4
#define VMM_VMEM_CACHE_LEAST 4096

/**
 * vmm_vmem_cache_drain() - Free all parked regions to the arena.
 * @cache: The cache.
 *
 * Before the arena is closed, and when its addresses run out.
 *
 * Cost:   O(parked * log n), under the arena's lock.
 * Return: VMM_OK, or the first error of vmm_vmem_free_sized(): an address that
 *         was parked is none of a used region of its size. It is dropped, and
 *         counted in bad_count.
 */
VMM_NODISCARD int vmm_vmem_cache_drain(struct vmm_vmem_cache *cache);

/**
 * vmm_vmem_cache_parked() - Add up what is parked now.
 * @cache: The cache.
 *
 * Cost:   O(VMM_VMEM_CACHE_SIZES).
 * Return: Bytes.
 */
uint64_t vmm_vmem_cache_parked(const struct vmm_vmem_cache *cache);

/* What the inline functions leave to the arena. */
int vmm_vmem_cache_alloc_slow(
	struct vmm_vmem_cache *cache, uint64_t size, vmm_va_t *base_out);
int vmm_vmem_cache_free_slow(
	struct vmm_vmem_cache *cache, vmm_va_t base, uint64_t size);

/* Take what was parked last from the stack of size index @i, if any is. */
static inline bool vmm_vmem_cache_pop(
	struct vmm_vmem_cache *cache, uint64_t i, uint64_t *parked_out)
{
	struct vmm_vmem_stack *stack = &cache->stack[i];

	if (stack->top == stack->first)
		return false;
	*parked_out = cache->place[--stack->top];
	return true;
}

/* Park a region, if there is a place for its size. */
static inline bool vmm_vmem_cache_push(
	struct vmm_vmem_cache *cache, uint64_t i, uint64_t parked)
{
	struct vmm_vmem_stack *stack = &cache->stack[i];

	if (stack->top >= stack->limit)
		return false;
	cache->place[stack->top++] = parked;
	return true;
}

/**
 * vmm_vmem_cache_alloc() - Allocate a region, from the cache if it has one.
 * @cache:    The cache.
 * @size:     Bytes, not 0; rounded up to the quantum.
 * @base_out: Receives the region's first address.
 *
 * Cost:   O(1) from the cache; else as vmm_vmem_alloc(), and a drain before it
 *         fails, or if @size is more than the cache may park.
 * Return: VMM_OK, or as vmm_vmem_alloc()
 */
VMM_NODISCARD static inline int vmm_vmem_cache_alloc(
	struct vmm_vmem_cache *cache, uint64_t size, vmm_va_t *base_out)
{
	/* Size 0 gives an index that is too large. */
	uint64_t i = vmm_shift_right(size - 1, cache->shift);

	if (VMM_LIKELY(
		    i < cache->sizes && vmm_vmem_cache_pop(cache, i, base_out)))
		return VMM_OK;
	return vmm_vmem_cache_alloc_slow(cache, size, base_out);
}

/**
 * vmm_vmem_cache_free() - Free a region that came from a cache.
 * @cache: A cache of the same arena, not necessarily the same cache.
 * @base:  Its first address.
 * @size:  Its size, as it was asked for.
 *
 * Cost:   O(1) if it can be parked; else as up to VMM_VMEM_CACHE_DEPTH + 1
 *         calls of vmm_vmem_free().
 * Return: VMM_OK, or
 *         VMM_EINVAL  @size is 0; or as the next one, and of another size
 *         VMM_ENOENT  this region, or one that was parked before, is not used
 *                     in the arena. The others were freed; it is dropped, and
 *                     counted in bad_count.
 */
VMM_NODISCARD static inline int vmm_vmem_cache_free(
	struct vmm_vmem_cache *cache, vmm_va_t base, uint64_t size)
{
	uint64_t i = vmm_shift_right(size - 1, cache->shift);

	if (VMM_LIKELY(i < cache->sizes && vmm_vmem_cache_push(cache, i, base)))
		return VMM_OK;
	return vmm_vmem_cache_free_slow(cache, base, size);
}

/**
 * vmm_vmem_cache_free_base() - Free a region by its address alone.
 * @cache: A cache of the same arena.
 * @base:  The place of any used region of it.
 *
 * Looks the region up under the lock and then frees it by its handle.
 *
 * Cost:   As vmm_vmem_find() and vmm_vmem_cache_free_region().
 * Return: As vmm_vmem_cache_free_region()
 */
VMM_NODISCARD int vmm_vmem_cache_free_base(
	struct vmm_vmem_cache *cache, vmm_va_t base);

/**
 * vmm_vmem_cache_alloc_region() - Allocate a region and get its handle.
 * @cache:      The cache.
 * @size:       Bytes, not 0; rounded up to the quantum.
 * @region_out: Receives the handle.
 *
 * Cost:   As vmm_vmem_cache_alloc().
 * Return: VMM_OK, or as vmm_vmem_alloc()
 */
VMM_NODISCARD int vmm_vmem_cache_alloc_region(struct vmm_vmem_cache *cache,
	uint64_t size, const struct vmm_vmem_region **region_out);

/**
 * vmm_vmem_cache_free_region() - Free a region by its handle.
 * @cache:  A cache of the same arena.
 * @region: Any used region of it. One that is guarded, embedded, or not
 *          VMM_VMEM_RESERVED goes to the arena at once.
 *
 * Cost:   As vmm_vmem_cache_free().
 * Return: VMM_OK, or as vmm_vmem_free_region(); VMM_ENOENT also for a region
 *         that is parked already
 */
VMM_NODISCARD int vmm_vmem_cache_free_region(
	struct vmm_vmem_cache *cache, const struct vmm_vmem_region *region);

#ifdef __cplusplus
}
#endif

#endif /* VMM_VMEM_CACHE_H */
