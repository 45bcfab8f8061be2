/* SPDX-License-Identifier: MIT */
/*
 * Frames on many CPUs: magazines in front of a zone.
 *
 * A zone (pmem.h) wants its callers one at a time. This header puts a lock of
 * the kernel's around it, and in front of it, for each CPU and for the orders
 * that are asked for most, a *magazine*: a small stack of runs that were taken
 * out of the zone. An allocation pops one, a free pushes one, and only an empty
 * or a full magazine goes to the zone, for half of its depth at a time.
 *
 *      CPU 0          CPU 1          CPU 2
 *     [ 0 | 1 | 9 ]  [ 0 | 1 | 9 ]  [ 0 | 1 | 9 ]      magazines by order
 *           \             |             /
 *            +--- lock, a batch at a time ---+
 *                         |
 *                        zone
 *
 * How a kernel starts it, once paging is on (there are pointers in it):
 *
 *   static const struct vmm_pmem_depth depths[] = {{0, 64}, {1, 16}, {9, 4}};
 *   struct vmm_pmem_cache_config config = {
 *           .cpus = 4, .depths = depths, .depths_count = 3, .lock = &my_lock};
 *
 *   vmm_pmem_cache_size(&zone, &config, &sizes);
 *   vmm_pmem_cache_init(&cache, &zone, &config, memory, marks);
 *   ...
 *   vmm_pmem_cache_alloc(vmm_pmem_cache_cpu(&cache, my_cpu()), 0, &pa);
 *   vmm_pmem_cache_free(vmm_pmem_cache_cpu(&cache, my_cpu()), pa, 0);
 *
 * The CPU is a hint. A magazine is guarded by a word that is taken with one
 * atomic exchange and never waited for: who finds it taken (an interrupt on the
 * same CPU, a thread that was moved, a drain) goes to the zone instead. So a
 * caller need not disable anything, may name any CPU, and an interrupt handler
 * may allocate if the lock of the zone lets it. A kernel that can promise that
 * nobody else uses a CPU's magazines during a call uses the calls that end in
 * _pinned and saves the exchange.
 *
 * Two policies. LIFO has one stack for both: the frame that was freed last is
 * allocated next, while it is in the CPU's cache. That is fastest, but frees
 * scattered over memory are handed out scattered. SPLIT has a stack for gets
 * and one for puts: what is freed goes home to the zone first, which hands out
 * the most broken blocks first, and so blocks of 2 MiB grow whole again.
 *
 * Wrong frees. Frames in a magazine look like frames in use to the zone. If the
 * caller gives memory for *marks*, a byte a frame, then every wrong free is
 * refused at the call, whoever parks the frame: a mark says whether a run was
 * handed out by the cache, with which order, or is parked; what it does not know
 * the zone decides. Without marks an address outside the window and a misaligned
 * one are refused at the call; a double free is noticed when it reaches the
 * zone, if the frame is free there, and then refused and counted; until then
 * the frame may be handed out twice. A byte, because a bit would need an atomic
 * operation on each call, which costs more than all the rest of it.
 *
 * Errors are those of pmem.h. VMM_ENOMEM is returned only after the magazines of
 * all CPUs were drained, but for those that are in use just then.
 *
 * Context. Calls on one cache may be made on all CPUs at once. The zone's lock is
 * taken in them, for a bounded time and never while another hook is called.
 * Whoever calls functions of pmem.h for the zone holds that lock. Runs that came
 * from the cache should go back through the cache: behind its back, marks would
 * become stale.
 */
#ifndef VMM_PMEM_CACHE_H
#define VMM_PMEM_CACHE_H

#include <vmm/pmem_magazine.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The metadata of a cache begins at a multiple of this: a cache line. */
#define VMM_PMEM_CACHE_ALIGN 64

/* How many runs of an order a CPU may park. */
struct vmm_pmem_depth {
	uint32_t order; /* to VMM_PMEM_ORDER_MAX; each at most once */
	uint32_t depth; /* 2 to 65535; SPLIT parks up to twice as many */
};

enum vmm_pmem_policy {
	VMM_PMEM_LIFO,
	VMM_PMEM_SPLIT,
};

struct vmm_pmem_cache_config {
	uint32_t cpus; /* 1 or more */
	/* NULL: a choice for kernels, see pmem_cache.c. */
	const struct vmm_pmem_depth *depths;
	uint32_t depths_count; /* to VMM_PMEM_DEPTHS_MAX */
	enum vmm_pmem_policy policy;
	/*
	 * The calls named _pinned are used: a CPU's magazines are only its own
	 * business, with interrupts and preemption off. So a call that finds
	 * the zone empty drains those of the CPU that it named, no others.
	 */
	bool pinned;
	/* Around each use of the zone; NULL if there is but one CPU. */
	const struct vmm_lock *lock;
};

/* Bytes that vmm_pmem_cache_init() wants. */
struct vmm_pmem_cache_sizes {
	uint64_t memory; /* magazines of all CPUs */
	uint64_t marks;	 /* a byte a frame, three a block */
};

/*
 * A cache. Private. Invariants, which vmm_pmem_cache_check() tests:
 *   I1  a parked run is aligned, in the window and not free in the zone; no two
 *       of them have a frame in common; no stack is longer than its depth, or
 *       outside of its CPU's memory
 *   I2  a mark says "parked, order n" if and only if the run is in a magazine
 *       of order n, once
 *   I3  known[b] is the number of marks of frames of block b that are not 0
 */
struct vmm_pmem_cache {
	struct vmm_pmem *pmem;
	const struct vmm_lock *lock;
	unsigned char *memory;
	uint64_t stride; /* bytes from one struct vmm_pmem_cpu to the next */
	uint32_t cpus;
	bool pinned;
	uint16_t *known; /* for each block; NULL without marks */
	uint8_t *marks;	 /* a byte a frame, then one a block */
};

/**
 * vmm_pmem_cache_size() - Ask how much memory a cache needs.
 * @pmem:      The zone, at most 2^32 frames.
 * @config:    What the cache is to be.
 * @sizes_out: Receives the bytes.
 *
 * Cost:   O(depths).
 * Return: VMM_OK, or
 *         VMM_EINVAL   the configuration is malformed
 *         VMM_ENOTSUP  the window is larger than 16 TiB
 */
VMM_NODISCARD int vmm_pmem_cache_size(const struct vmm_pmem *pmem,
	const struct vmm_pmem_cache_config *config,
	struct vmm_pmem_cache_sizes *sizes_out);

/**
 * vmm_pmem_cache_init() - Make a cache in front of a zone.
 * @cache:  Storage of the caller's, that does not move.
 * @pmem:   The zone, already in use or not. Must not move either.
 * @config: As given to vmm_pmem_cache_size(); read now, not kept, but for the
 *          lock.
 * @memory: As many bytes as asked for, at a multiple of VMM_PMEM_CACHE_ALIGN.
 * @marks:  As many bytes as asked for, at a multiple of 8; NULL for none.
 *
 * The magazines are empty.
 *
 * Ownership: the memory is the cache's until vmm_pmem_cache_drain_all() has
 *            said that all is home, and the caller forgets the cache.
 * Context:   Alone.
 * Cost:      O(cpus * depths), and O(frames) bytes are cleared for marks.
 * Return:    VMM_OK, or as vmm_pmem_cache_size(), or
 *            VMM_EINVAL  @memory is NULL, or a pointer is misaligned
 */
VMM_NODISCARD int vmm_pmem_cache_init(struct vmm_pmem_cache *cache,
	struct vmm_pmem *pmem, const struct vmm_pmem_cache_config *config,
	void *memory, void *marks);

/**
 * vmm_pmem_cache_cpu() - The magazines of one CPU.
 * @cache: The cache.
 * @cpu:   Any number; wraps at the number of CPUs.
 *
 * Does not change: a kernel may keep it in its per-CPU data.
 *
 * Cost: O(1).
 */
static inline struct vmm_pmem_cpu *vmm_pmem_cache_cpu(
	const struct vmm_pmem_cache *cache, uint32_t cpu)
{
	if (VMM_UNLIKELY(cpu >= cache->cpus)) {
		VMM_ASSERT(cache->cpus > 0);
		cpu %= cache->cpus;
	}
	return (struct vmm_pmem_cpu *)(void *)(cache->memory +
					       cpu * cache->stride);
}

/**
 * vmm_pmem_cache_xalloc() - Allocate frames at a place with demands.
 * @cache:     The cache.
 * @request:   The demands; any number of frames.
 * @pa_out:    Receives the first address.
 * @count_out: Receives the frames taken; may be NULL.
 *
 * From the zone, under the lock; drains the magazines if there is no such run.
 * Free with vmm_pmem_cache_free_range().
 *
 * Cost, return: As for vmm_pmem_xalloc().
 */
VMM_NODISCARD int vmm_pmem_cache_xalloc(struct vmm_pmem_cache *cache,
	const struct vmm_pmem_request *request, vmm_pa_t *pa_out,
	uint64_t *count_out);

/**
 * vmm_pmem_cache_free_range() - Free contiguous frames.
 * @cache: The cache.
 * @pa:    The first address, a multiple of VMM_PAGE_SIZE.
 * @count: Frames, not 0; from any calls of the cache, or of the zone.
 *
 * Straight to the zone. Good for what vmm_pt_unmap() gathered: one call for
 * many frames that were allocated singly.
 *
 * Cost:   As for vmm_pmem_free_range(), and O(count) bytes of marks in blocks
 *         of which the cache has handed out frames.
 * Return: As for vmm_pmem_free_range(); VMM_EEXIST for parked frames, too, if
 *         there are marks.
 */
VMM_NODISCARD int vmm_pmem_cache_free_range(
	struct vmm_pmem_cache *cache, vmm_pa_t pa, uint64_t count);

/**
 * vmm_pmem_cache_claim() - Take frames by name.
 * @cache: The cache.
 * @pa:    The first address, a multiple of VMM_PAGE_SIZE.
 * @count: Frames, not 0.
 *
 * Drains the magazines if the frames are not free.
 *
 * Cost, return: As for vmm_pmem_claim().
 */
VMM_NODISCARD int vmm_pmem_cache_claim(
	struct vmm_pmem_cache *cache, vmm_pa_t pa, uint64_t count);

/**
 * vmm_pmem_cache_hold() - Allocate nothing more from some blocks.
 * @cache: The cache.
 * @pa:    As for vmm_pmem_hold().
 * @count: As for vmm_pmem_hold().
 *
 * vmm_pmem_hold(), and the magazines are drained, so that parked frames of the
 * range come home; with marks, frees of its frames bypass the magazines from
 * now on. While other CPUs go on, a frame may slip back into a magazine, so
 * call it again until vmm_pmem_next_used() finds none.
 *
 * Cost:   As for vmm_pmem_hold(), and a drain.
 * Return: As for vmm_pmem_hold().
 */
VMM_NODISCARD int vmm_pmem_cache_hold(
	struct vmm_pmem_cache *cache, vmm_pa_t pa, uint64_t count);

/**
 * vmm_pmem_cache_drain() - Give all that a CPU has parked back to the zone.
 * @cpu: Magazines, of any CPU. With `pinned`, only this CPU's.
 *
 * For a CPU that goes offline, and for memory that is short.
 *
 * Cost:   O(parked runs).
 * Return: VMM_OK, or VMM_EBUSY if somebody is at the magazines just now.
 */
VMM_NODISCARD int vmm_pmem_cache_drain(struct vmm_pmem_cpu *cpu);

/**
 * vmm_pmem_cache_drain_all() - Drain the magazines of all CPUs.
 * @cache: The cache. With `pinned`, the others must be at rest.
 *
 * Cost:   O(parked runs of all CPUs).
 * Return: VMM_OK, or VMM_EBUSY if somebody was at some of the magazines.
 */
VMM_NODISCARD int vmm_pmem_cache_drain_all(struct vmm_pmem_cache *cache);

/* What the magazines hold and did. */
struct vmm_pmem_cache_stat {
	uint64_t parked;  /* frames in magazines: used for the zone, but to
			     be had */
	uint64_t refills; /* batches from the zone */
	uint64_t flushes; /* batches to the zone */
	uint64_t busy;	  /* calls that found the magazines taken */
	uint64_t refused; /* wrong frees that only the zone noticed */
};

/**
 * vmm_pmem_cache_stat() - Read the counts, summed over all CPUs.
 * @cache:    The cache.
 * @stat_out: Receives them; a moment's view, if others go on.
 *
 * A leak oracle: with all CPUs at rest, the zone's used - parked is what the
 * kernel has in hand.
 *
 * Cost: O(cpus).
 */
void vmm_pmem_cache_stat(const struct vmm_pmem_cache *cache,
	struct vmm_pmem_cache_stat *stat_out);

/**
 * vmm_pmem_cache_check() - Test all invariants, those of the zone included.
 * @cache: The cache; all CPUs are at rest.
 *
 * With marks, each one of a parked run has a bit more during the check.
 *
 * Cost:   O(frames + parked runs) with marks, else O(blocks + parked runs^2).
 * Return: VMM_OK or VMM_ECORRUPT.
 */
VMM_NODISCARD int vmm_pmem_cache_check(const struct vmm_pmem_cache *cache);

#ifdef __cplusplus
}
#endif

#endif /* VMM_PMEM_CACHE_H */
