/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU magazines: theory of operation
 *
 * 1. A magazine is one or two stacks of runs, as numbers of frames. LIFO has one
 *    stack; SPLIT has one for gets and one for puts, and no run goes from the
 *    second to the first but by way of the zone:
 *
 *      LIFO    alloc  <--  [ . . . . | # # # ]  <--  free
 *
 *      SPLIT   alloc  <--  [ # # # # ]     [ # # ]  <--  free
 *                              ^              |
 *                              +---- zone <---+
 *
 *    A batch is half of the depth, so that gets and puts in turn around an end do
 *    not go to the zone each time, but no more than the lock may be held for; a
 *    batch that goes home is the oldest. With SPLIT, gets come out of the most broken blocks, and what is freed
 *    is there when the zone looks for the next batch. That is why SPLIT keeps
 *    blocks of 2 MiB whole, and LIFO does not.
 *
 * 2. The word `taken` guards all magazines of a CPU. It is taken by exchange and
 *    never waited for, so it can not deadlock, whoever is interrupted where.
 *    Order: the magazines first, then the zone's lock, which is held for one
 *    batch. Nobody who holds the lock takes magazines.
 *
 * 3. Running out. An allocation that finds the zone empty drains the magazines of
 *    all CPUs, and asks again; so no frame is out of reach, but for those that
 *    another CPU has in the middle of a call.
 *
 * 4. Wrong frees: pmem_cache_marks.c. The fast path reads one mark; if that does
 *    not say "yours, of this order", the slow path asks the marks around, and
 *    then the zone, under the lock.
 */
#include "pmem/pmem_mag.h"

/* 512 KiB of single frames; small tables and stacks; four blocks: a CPU parks
 * 9.5 MiB at most, twice that if SPLIT. */
static const struct vmm_pmem_depth default_depths[] = {
	{0, 128}, {1, 32}, {2, 16}, {3, 16}, {BLOCK_ORDER, 4}};

#define DEPTH_MAX 65535

/* No call holds the lock for more runs than that: to get, a word of a line; to
 * put, fewer, because each may come from another block. */
#define GET_MAX 64
#define PUT_MAX 32

struct depths {
	const struct vmm_pmem_depth *at;
	uint32_t count;
};

static struct depths depths_of(const struct vmm_pmem_cache_config *config)
{
	struct depths d = {config->depths, config->depths_count};

	if (d.at == NULL) {
		d.at = default_depths;
		d.count = sizeof(default_depths) / sizeof(default_depths[0]);
	}
	return d;
}

static bool depths_ok(struct depths d)
{
	uint32_t seen = 0;

	if (d.count == 0 || d.count > VMM_PMEM_DEPTHS_MAX)
		return false;
	for (uint32_t i = 0; i < d.count; i++) {
		if (d.at[i].order > VMM_PMEM_ORDER_MAX || d.at[i].depth < 2 ||
			d.at[i].depth > DEPTH_MAX)
			return false;
		if ((seen >> d.at[i].order & 1) != 0)
			return false;
		seen |= UINT32_C(1) << d.at[i].order;
	}
	return true;
}

static uint32_t stacks_of(const struct vmm_pmem_cache_config *config)
{
	return config->policy == VMM_PMEM_SPLIT ? 2 : 1;
}

/* Bytes of one CPU. */
static uint64_t stride_of(const struct vmm_pmem_cache_config *config)
{
	const struct depths d = depths_of(config);
	uint64_t slots = 0;

	for (uint32_t i = 0; i < d.count; i++)
		slots += d.at[i].depth;
	return vmm_align_up(
		sizeof(struct vmm_pmem_cpu) +
			slots * stacks_of(config) * sizeof(uint32_t),
		VMM_PMEM_CACHE_ALIGN);
}

static uint64_t known_size(const struct vmm_pmem *pmem)
{
	return vmm_align_up(pmem->blocks * sizeof(uint16_t), sizeof(uint64_t));
}

int vmm_pmem_cache_size(const struct vmm_pmem *pmem,
	const struct vmm_pmem_cache_config *config,
	struct vmm_pmem_cache_sizes *sizes_out)
{
	if (config->cpus == 0 || !depths_ok(depths_of(config)) ||
		(config->policy != VMM_PMEM_LIFO &&
			config->policy != VMM_PMEM_SPLIT))
		return VMM_EINVAL;
	if (pmem->count > UINT32_MAX)
		return VMM_ENOTSUP;
	sizes_out->memory = stride_of(config) * config->cpus;
	sizes_out->marks = known_size(pmem) + pmem->count + pmem->blocks;
	return VMM_OK;
}

static uint16_t cpu_offset(
	const struct vmm_pmem_cpu *cpu, const struct vmm_pmem_stack *stack)
{
	return (uint16_t)((const unsigned char *)stack -
			  (const unsigned char *)cpu);
}

static void init_stack(
	struct vmm_pmem_stack *stack, uint32_t **slots, uint32_t depth)
{
	stack->bottom = *slots;
	stack->top = stack->bottom;
	stack->end = stack->bottom + depth;
	*slots = stack->end;
}

/* One CPU, with its slots behind it. */
static void init_cpu(struct vmm_pmem_cache *cache, struct vmm_pmem_cpu *cpu,
	const struct vmm_pmem_cache_config *config)
{
	const struct depths d = depths_of(config);
	const uint32_t stacks = stacks_of(config);
	uint32_t *slots = (uint32_t *)(void *)(cpu + 1);

	*cpu = (struct vmm_pmem_cpu){
		.skew = (uint32_t)(cache->pmem->first % BLOCK_FRAMES),
		.base = vmm_pfn_to_pa(cache->pmem->first),
		.frames = cache->pmem->count,
		.marks = cache->marks,
		.cache = cache,
	};
	for (unsigned i = 0; i <= VMM_PMEM_ORDER_MAX; i++) {
		cpu->get_at[i] =
			cpu_offset(cpu, &cpu->mags[VMM_PMEM_MAGS - 1].stack[0]);
		cpu->put_at[i] = cpu->get_at[i];
	}
	for (uint32_t i = 0; i < d.count; i++) {
		const uint32_t depth = d.at[i].depth;
		struct vmm_pmem_mag *mag =
			&cpu->mags[d.at[i].order == 0 ? 0 : i + 1];

		mag->order = d.at[i].order;
		mag->batch = depth / 2 < GET_MAX ? depth / 2 : GET_MAX;
		init_stack(&mag->stack[0], &slots, depth);
		init_stack(&mag->stack[1], &slots, stacks == 1 ? 0 : depth);
		cpu->get_at[mag->order] = cpu_offset(cpu, &mag->stack[0]);
		cpu->put_at[mag->order] =
			cpu_offset(cpu, &mag->stack[stacks - 1]);
	}
	if (stacks == 1)
		cpu->puts_end = cpu->mags[0].stack[0].end;
}

int vmm_pmem_cache_init(struct vmm_pmem_cache *cache, struct vmm_pmem *pmem,
	const struct vmm_pmem_cache_config *config, void *memory, void *marks)
{
	struct vmm_pmem_cache_sizes sizes;
	int err = vmm_pmem_cache_size(pmem, config, &sizes);

	if (err != VMM_OK)
		return err;
	if (memory == NULL ||
		!vmm_is_aligned((uintptr_t)memory, VMM_PMEM_CACHE_ALIGN) ||
		!vmm_is_aligned((uintptr_t)marks, sizeof(uint64_t)))
		return VMM_EINVAL;
	*cache = (struct vmm_pmem_cache){
		.pmem = pmem,
		.lock = config->lock,
		.memory = memory,
		.stride = stride_of(config),
		.cpus = config->cpus,
		.pinned = config->pinned,
	};
	if (marks != NULL) {
		for (uint64_t i = 0; i < sizes.marks; i++)
			((unsigned char *)marks)[i] = 0;
		cache->known = marks;
		cache->marks = (uint8_t *)marks + known_size(pmem);
	}
	for (uint32_t i = 0; i < cache->cpus; i++)
		init_cpu(cache, vmm_pmem_cache_cpu(cache, i), config);
	return VMM_OK;
}

/* For a reader on another CPU; only one at a time counts. */
static void count_up(uint64_t *count, uint64_t by)
{
	__atomic_store_n(count, *count + by, __ATOMIC_RELAXED);
}

/* A batch from the zone into a stack that is empty. */
static bool refill(struct vmm_pmem_cpu *cpu, struct vmm_pmem_mag *mag)
{
	struct vmm_pmem_cache *cache = cpu->cache;
	struct vmm_pmem_stack *stack = &mag->stack[0];
	uint32_t *end = stack->bottom + mag->batch;
	uint32_t count;

	VMM_ASSERT(stack->top == stack->bottom);
	cache_lock(cache);
	count = vmm_pmem_take_many(cache->pmem, mag->order, mag->batch, end);
	vmm_pmem_marks_park(cache, mag->order, count, end - count);
	cache_unlock(cache);
	/* Fewer than a batch stand at the end of the room for one. */
	for (uint32_t i = 0; i < count && count < mag->batch; i++)
		stack->bottom[i] = end[i - (int64_t)count];
	vmm_pmem_stack_set(stack, stack->bottom + count);
	count_up(&cpu->refills, count > 0 ? 1 : 0);
	return count > 0;
}

/* The oldest @count runs of a stack go back to the zone. */
static void flush(struct vmm_pmem_cpu *cpu, struct vmm_pmem_mag *mag,
	struct vmm_pmem_stack *stack, uint32_t count)
{
	struct vmm_pmem_cache *cache = cpu->cache;
	uint32_t refused;
	uint32_t *rest;

	if (count == 0)
		return;
	rest = stack->bottom + count;
	VMM_ASSERT(rest <= stack->top);
	cache_lock(cache);
	vmm_pmem_marks_clear(cache, mag->order, count, stack->bottom);
	refused = vmm_pmem_put_many(
		cache->pmem, mag->order, count, stack->bottom);
	cache_unlock(cache);
	__builtin_memmove(stack->bottom, rest,
		(size_t)(stack->top - rest) * sizeof(*rest));
	vmm_pmem_stack_set(stack, stack->top - count);
	count_up(&cpu->flushes, 1);
	count_up(&cpu->refused, refused);
}

static uint32_t height(const struct vmm_pmem_stack *stack)
{
	return (uint32_t)(stack->top - stack->bottom);
}

/* The magazine that a stack is a part of. */
static struct vmm_pmem_mag *mag_of(struct vmm_pmem_cpu *cpu, unsigned order)
{
	struct vmm_pmem_stack *stack =
		vmm_pmem_cpu_stack(cpu, cpu->get_at[order]);

	return VMM_CONTAINER_OF(stack, struct vmm_pmem_mag, stack[0]);
}

int vmm_pmem_cache_drain(struct vmm_pmem_cpu *cpu)
{
	if (!vmm_pmem_cpu_try(cpu))
		return VMM_EBUSY;
	for (unsigned i = 0; i < VMM_PMEM_MAGS; i++) {
		struct vmm_pmem_mag *mag = &cpu->mags[i];

		flush(cpu, mag, &mag->stack[0], height(&mag->stack[0]));
		flush(cpu, mag, &mag->stack[1], height(&mag->stack[1]));
	}
	vmm_pmem_cpu_leave(cpu);
	return VMM_OK;
}

int vmm_pmem_cache_drain_all(struct vmm_pmem_cache *cache)
{
	int err = VMM_OK;

	for (uint32_t i = 0; i < cache->cpus; i++) {
		if (vmm_pmem_cache_drain(vmm_pmem_cache_cpu(cache, i)) !=
			VMM_OK)
			err = VMM_EBUSY;
	}
	return err;
}

/* Before a request fails: what can be brought home comes home. */
static void gather_all(struct vmm_pmem_cache *cache)
{
	/* Nothing guards those of other CPUs if they are pinned. */
	if (!cache->pinned || cache->cpus == 1)
		(void)!vmm_pmem_cache_drain_all(cache);
}

static int alloc_from_zone(
	struct vmm_pmem_cache *cache, unsigned order, vmm_pa_t *pa_out)
{
	int err;

	cache_lock(cache);
	err = vmm_pmem_alloc(cache->pmem, order, pa_out);
	cache_unlock(cache);
	return err;
}

/* Pop a run, if there is one or a batch can be had. The magazines are ours. */
static bool pop(struct vmm_pmem_cpu *cpu, unsigned order, vmm_pa_t *pa_out)
{
	struct vmm_pmem_mag *mag = mag_of(cpu, order);
	struct vmm_pmem_stack *stack = &mag->stack[0];
	uint32_t at;

	if (stack->end == stack->bottom)
		return false;
	if (stack->top == stack->bottom && !refill(cpu, mag))
		return false;
	if (!vmm_pmem_cpu_pop(cpu, stack, cpu->marks, order, &at))
		return false;
	*pa_out = cpu->base + vmm_pfn_to_pa(at);
	return true;
}

/* The magazine is empty, or somebody is at it, or there is none. */
int vmm_pmem_cache_alloc_slow(
	struct vmm_pmem_cpu *cpu, unsigned order, vmm_pa_t *pa_out)
{
	int err;

	if (order > VMM_PMEM_ORDER_MAX)
		return VMM_EINVAL;
	if (vmm_pmem_cpu_try(cpu)) {
		const bool popped = pop(cpu, order, pa_out);

		vmm_pmem_cpu_leave(cpu);
		if (popped)
			return VMM_OK;
	} else {
		__atomic_fetch_add(&cpu->busy, 1, __ATOMIC_RELAXED);
	}
	err = alloc_from_zone(cpu->cache, order, pa_out);
	if (err != VMM_ENOMEM)
		return err;
	(void)!vmm_pmem_cache_drain(cpu);
	gather_all(cpu->cache);
	return alloc_from_zone(cpu->cache, order, pa_out);
}

int vmm_pmem_cache_free_range(
	struct vmm_pmem_cache *cache, vmm_pa_t pa, uint64_t count)
{
	const vmm_pfn_t pfn = vmm_pa_to_pfn(pa);
	int err;

	cache_lock(cache);
	if (vmm_is_aligned(pa, VMM_PAGE_SIZE) && count != 0 &&
		pmem_has(cache->pmem, pfn, count) &&
		vmm_pmem_marks_any_parked(cache, pfn, count))
		err = VMM_EEXIST;
	else
		err = vmm_pmem_free_range(cache->pmem, pa, count);
	if (err == VMM_OK)
		vmm_pmem_marks_forget(cache, pfn, count);
	cache_unlock(cache);
	return err;
}

/* Push a run that may be pushed, after making room. The magazines are ours. */
static bool push(struct vmm_pmem_cpu *cpu, unsigned order, uint64_t at)
{
	struct vmm_pmem_stack *stack =
		vmm_pmem_cpu_stack(cpu, cpu->put_at[order]);
	struct vmm_pmem_mag *mag = mag_of(cpu, order);

	if (stack->end == stack->bottom)
		return false;
	if (stack->top == stack->end)
		flush(cpu, mag, stack,
			mag->batch < PUT_MAX ? mag->batch : PUT_MAX);
	return vmm_pmem_cpu_push(stack, stack->end, cpu->marks,
		vmm_pmem_mark_at(cpu, at, order), order, at);
}

/* Straight to the zone: an aligned run that lies in the window. */
static int free_to_zone(
	struct vmm_pmem_cache *cache, vmm_pa_t pa, unsigned order)
{
	const vmm_pfn_t pfn = vmm_pa_to_pfn(pa);
	const uint64_t count = UINT64_C(1) << order;
	int err;

	cache_lock(cache);
	if (pmem_has(cache->pmem, pfn, count) &&
		vmm_pmem_marks_any_parked(cache, pfn, count))
		err = VMM_EEXIST;
	else
		err = vmm_pmem_free(cache->pmem, pa, order);
	if (err == VMM_OK)
		vmm_pmem_marks_forget(cache, pfn, count);
	cache_unlock(cache);
	return err;
}

/*
 * The mark does not say that the cache gave this run to the caller; or the
 * magazine is full, or somebody is at it, or there is none.
 */
int vmm_pmem_cache_free_slow(
	struct vmm_pmem_cpu *cpu, vmm_pa_t pa, unsigned order)
{
	const uint64_t at = (pa - cpu->base) >> VMM_PAGE_SHIFT;

	if (!vmm_is_aligned(pa, VMM_PAGE_SIZE << order))
		return VMM_EINVAL;
	if (at >= cpu->frames)
		return VMM_ERANGE;
	if (vmm_pmem_cpu_try(cpu)) {
		const bool pushed = push(cpu, order, at);

		vmm_pmem_cpu_leave(cpu);
		if (pushed)
			return VMM_OK;
	} else {
		__atomic_fetch_add(&cpu->busy, 1, __ATOMIC_RELAXED);
	}
	return free_to_zone(cpu->cache, pa, order);
}

static int xalloc_from_zone(struct vmm_pmem_cache *cache,
	const struct vmm_pmem_request *request, vmm_pa_t *pa_out,
	uint64_t *count_out)
{
	int err;

	cache_lock(cache);
	err = vmm_pmem_xalloc(cache->pmem, request, pa_out, count_out);
	cache_unlock(cache);
	return err;
}

int vmm_pmem_cache_xalloc(struct vmm_pmem_cache *cache,
	const struct vmm_pmem_request *request, vmm_pa_t *pa_out,
	uint64_t *count_out)
{
	int err = xalloc_from_zone(cache, request, pa_out, count_out);

	if (err != VMM_ENOMEM)
		return err;
	gather_all(cache);
	return xalloc_from_zone(cache, request, pa_out, count_out);
}

static int claim_from_zone(
	struct vmm_pmem_cache *cache, vmm_pa_t pa, uint64_t count)
{
	int err;

	cache_lock(cache);
	err = vmm_pmem_claim(cache->pmem, pa, count);
	cache_unlock(cache);
	return err;
}

int vmm_pmem_cache_claim(
	struct vmm_pmem_cache *cache, vmm_pa_t pa, uint64_t count)
{
	int err = claim_from_zone(cache, pa, count);

	if (err != VMM_EBUSY)
		return err;
	gather_all(cache);
	return claim_from_zone(cache, pa, count);
}

int vmm_pmem_cache_hold(
	struct vmm_pmem_cache *cache, vmm_pa_t pa, uint64_t count)
{
	int err;

	cache_lock(cache);
	err = vmm_pmem_hold(cache->pmem, pa, count);
	if (err == VMM_OK)
		vmm_pmem_marks_forget(cache, vmm_pa_to_pfn(pa), count);
	cache_unlock(cache);
	if (err == VMM_OK)
		gather_all(cache);
	return err;
}
