/* SPDX-License-Identifier: MIT */
/*
 * Magazines: the calls of a CPU's own, and what they look at.
 *
 * What magazines, marks and policies are for stands in pmem_cache.h, which
 * includes this header; and who may call what when. These calls are inline: with
 * an order that is a constant, an allocation or a free is a few dozen
 * instructions in the caller's code, and goes to the library only if the
 * magazine is empty, full, or somebody else's, or the mark is not as it should
 * be.
 */
#ifndef VMM_PMEM_MAGAZINE_H
#define VMM_PMEM_MAGAZINE_H

#include <vmm/pmem.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Orders that can have a magazine in one cache. */
#define VMM_PMEM_DEPTHS_MAX 12
#define VMM_PMEM_MAGS	    (VMM_PMEM_DEPTHS_MAX + 2)

struct vmm_pmem_cache;

/* Runs, as numbers of their first frames counted from the window's. Private. */
struct vmm_pmem_stack {
	uint32_t *top; /* above the last one */
	uint32_t *bottom;
	uint32_t *end; /* bottom == end: there is no such stack */
};

/* One order's runs on one CPU. Private. */
struct vmm_pmem_mag {
	struct vmm_pmem_stack stack[2]; /* for gets; for puts, if SPLIT */
	uint32_t order;
	uint32_t batch;
};

/* What a CPU has. Private. */
struct vmm_pmem_cpu {
	uint32_t taken;	 /* 1: somebody is at the magazines */
	uint32_t skew;	 /* the window's first frame, in its block */
	vmm_pa_t base;	 /* of the window */
	uint64_t frames; /* in it */
	uint8_t *marks;	 /* a byte a frame, then one a block; or NULL */
	struct vmm_pmem_cache *cache;
	uint32_t *puts_end; /* of mags[0].stack[0]; NULL: puts go elsewhere */
	/* By order: bytes from this struct to the stack for gets, for puts. */
	uint16_t get_at[VMM_PMEM_ORDER_MAX + 1];
	uint16_t put_at[VMM_PMEM_ORDER_MAX + 1];
	/*
	 * The first is that of single frames, if they have one; the last one has
	 * no room: it is that of all orders without a magazine. Not in the line
	 * of `taken`: an exchange waits for stores around it.
	 */
	struct vmm_pmem_mag mags[VMM_PMEM_MAGS];
	/* Told by vmm_pmem_cache_stat(). */
	uint64_t refills;
	uint64_t flushes;
	uint64_t busy;
	uint64_t refused;
};

/* What the inline calls fall back on. Private. */
VMM_NODISCARD int vmm_pmem_cache_alloc_slow(
	struct vmm_pmem_cpu *cpu, unsigned order, vmm_pa_t *pa_out);
VMM_NODISCARD int vmm_pmem_cache_free_slow(
	struct vmm_pmem_cpu *cpu, vmm_pa_t pa, unsigned order);

/* A mark is 0, or says who has the run of @order that begins there. */
#define VMM_PMEM_MARK_IS_PARKED	    ((uint8_t)0x20)
#define VMM_PMEM_MARK_USER(order)   ((uint8_t)((order) + 1))
#define VMM_PMEM_MARK_PARKED(order) ((uint8_t)((order) + 0x21))

/*
 * Where that mark stands: with the frames, or, from a block upwards, with the
 * blocks. So the marks of large runs lie close together.
 */
static inline uint64_t vmm_pmem_mark_at(
	const struct vmm_pmem_cpu *cpu, uint64_t at, unsigned order)
{
	if (order < VMM_PMEM_BLOCK_ORDER)
		return at;
	return cpu->frames + ((at + cpu->skew) >> VMM_PMEM_BLOCK_ORDER);
}

/*
 * Relaxed: the caller who passes a frame from one CPU to another orders the
 * mark along with the frame.
 */
static inline uint8_t vmm_pmem_mark(const uint8_t *mark)
{
	return __atomic_load_n(mark, __ATOMIC_RELAXED);
}

static inline void vmm_pmem_mark_set(uint8_t *mark, uint8_t value)
{
	__atomic_store_n(mark, value, __ATOMIC_RELAXED);
}

/* Take the magazines, unless somebody has. Never waits. */
static inline bool vmm_pmem_cpu_try(struct vmm_pmem_cpu *cpu)
{
	return __atomic_exchange_n(&cpu->taken, 1, __ATOMIC_ACQUIRE) == 0;
}

static inline void vmm_pmem_cpu_leave(struct vmm_pmem_cpu *cpu)
{
	__atomic_store_n(&cpu->taken, 0, __ATOMIC_RELEASE);
}

static inline struct vmm_pmem_stack *vmm_pmem_cpu_stack(
	struct vmm_pmem_cpu *cpu, uint16_t at)
{
	return (struct vmm_pmem_stack *)(void *)((unsigned char *)cpu + at);
}

/* Whoever has the magazines changes a top; vmm_pmem_cache_stat() reads it. */
static inline void vmm_pmem_stack_set(
	struct vmm_pmem_stack *stack, uint32_t *top)
{
	__atomic_store_n(&stack->top, top, __ATOMIC_RELAXED);
}

/*
 * The stacks of an order. That of single frames is at a place that is known: its
 * top goes to memory and back with each call, and processors that make a short
 * cut there (memory renaming) do so for plain addresses only. With SPLIT, puts of
 * single frames go elsewhere: puts_end is NULL, as if there were no room.
 */
static VMM_ALWAYS_INLINE struct vmm_pmem_stack *vmm_pmem_cpu_gets(
	struct vmm_pmem_cpu *cpu, unsigned order)
{
	if (__builtin_constant_p(order) && order == 0)
		return &cpu->mags[0].stack[0];
	return vmm_pmem_cpu_stack(cpu, cpu->get_at[order]);
}

static VMM_ALWAYS_INLINE struct vmm_pmem_stack *vmm_pmem_cpu_puts(
	struct vmm_pmem_cpu *cpu, unsigned order, uint32_t **end_out)
{
	struct vmm_pmem_stack *stack;

	if (__builtin_constant_p(order) && order == 0) {
		*end_out = cpu->puts_end;
		return &cpu->mags[0].stack[0];
	}
	stack = vmm_pmem_cpu_stack(cpu, cpu->put_at[order]);
	*end_out = stack->end;
	return stack;
}

/*
 * Pop a run; false: the slow path has to see. The magazines are ours; @stack and
 * @marks never change, and so are read before the exchange, behind which every
 * load waits.
 */
static VMM_ALWAYS_INLINE bool vmm_pmem_cpu_pop(const struct vmm_pmem_cpu *cpu,
	struct vmm_pmem_stack *stack, uint8_t *marks, unsigned order,
	uint32_t *at_out)
{
	uint32_t *top = stack->top;
	uint32_t at;

	if (VMM_UNLIKELY(top == stack->bottom))
		return false;
	at = *--top;
	vmm_pmem_stack_set(stack, top);
	if (marks != NULL)
		vmm_pmem_mark_set(&marks[vmm_pmem_mark_at(cpu, at, order)],
			VMM_PMEM_MARK_USER(order));
	*at_out = at;
	return true;
}

/*
 * Push a run of the caller's whose mark is that at @mark_at, if there are marks;
 * false: the slow path has to see.
 */
static VMM_ALWAYS_INLINE bool vmm_pmem_cpu_push(struct vmm_pmem_stack *stack,
	const uint32_t *end, uint8_t *marks, uint64_t mark_at, unsigned order,
	uint64_t at)
{
	uint32_t *top = stack->top;

	if (VMM_UNLIKELY((uintptr_t)top >= (uintptr_t)end))
		return false;
	if (marks != NULL) {
		if (VMM_UNLIKELY(vmm_pmem_mark(&marks[mark_at]) !=
				 VMM_PMEM_MARK_USER(order)))
			return false;
		vmm_pmem_mark_set(&marks[mark_at], VMM_PMEM_MARK_PARKED(order));
	}
	*top = (uint32_t)at;
	vmm_pmem_stack_set(stack, top + 1);
	return true;
}

/*
 * The number of the frame at @pa, counted from the window's. False if it lies
 * outside, or is no multiple of a page; or of 2^order of them, if its mark would
 * not tell: below a block, the mark of a run stands at its first frame and nowhere
 * else, and says its order.
 */
static VMM_ALWAYS_INLINE bool vmm_pmem_cpu_named(const struct vmm_pmem_cpu *cpu,
	vmm_pa_t pa, unsigned order, uint64_t *at_out)
{
	const uint64_t offset = pa - cpu->base;
	/* Rotated: what is no multiple of a page gets bits at the top. */
	const uint64_t at =
		offset >> VMM_PAGE_SHIFT | offset << (64 - VMM_PAGE_SHIFT);

	if (VMM_UNLIKELY(at >= cpu->frames))
		return false;
	*at_out = at;
	if (__builtin_constant_p(order) && order == 0)
		return true;
	if (VMM_LIKELY(cpu->marks != NULL && order < VMM_PMEM_BLOCK_ORDER))
		return true;
	return vmm_is_aligned(pa, VMM_PAGE_SIZE << order);
}

/**
 * vmm_pmem_cache_alloc() - Allocate an aligned run of frames.
 * @cpu:    Magazines, best those of this CPU.
 * @order:  2^order frames, 0 to VMM_PMEM_ORDER_MAX; with or without a magazine.
 * @pa_out: Receives the first address.
 *
 * Ownership: The frames are the caller's until they are freed, in one piece or
 *            in any parts, on any CPU.
 * Context:   See above; may be called from interrupts.
 * Cost:      O(1) with a run in the magazine. Without, a batch of
 *            vmm_pmem_alloc() under the lock. If the zone is empty, a drain of
 *            all CPUs.
 * Return:    As for vmm_pmem_alloc().
 */
VMM_NODISCARD static VMM_ALWAYS_INLINE int vmm_pmem_cache_alloc(
	struct vmm_pmem_cpu *cpu, unsigned order, vmm_pa_t *pa_out)
{
	struct vmm_pmem_stack *stack;
	vmm_pa_t base;
	uint8_t *marks;
	uint32_t at;
	bool popped;

	if (VMM_UNLIKELY(order > VMM_PMEM_ORDER_MAX))
		return VMM_EINVAL;
	stack = vmm_pmem_cpu_gets(cpu, order);
	marks = cpu->marks;
	base = cpu->base;
	if (VMM_UNLIKELY(!vmm_pmem_cpu_try(cpu)))
		return vmm_pmem_cache_alloc_slow(cpu, order, pa_out);
	popped = vmm_pmem_cpu_pop(cpu, stack, marks, order, &at);
	vmm_pmem_cpu_leave(cpu);
	if (VMM_UNLIKELY(!popped))
		return vmm_pmem_cache_alloc_slow(cpu, order, pa_out);
	*pa_out = base + vmm_pfn_to_pa(at);
	return VMM_OK;
}

/**
 * vmm_pmem_cache_free() - Free an aligned run of frames.
 * @cpu:   Magazines, best those of this CPU; need not be those of the alloc.
 * @pa:    The first address, a multiple of the run's size.
 * @order: 2^order frames. Need not be the order of the allocation: a part may
 *         be freed, and several allocations at once.
 *
 * Context: See above; may be called from interrupts.
 * Cost:    O(1) with room in the magazine. Without, a batch of vmm_pmem_free()
 *          under the lock.
 * Return:  As for vmm_pmem_free(); with marks, nothing wrong is obeyed.
 */
VMM_NODISCARD static VMM_ALWAYS_INLINE int vmm_pmem_cache_free(
	struct vmm_pmem_cpu *cpu, vmm_pa_t pa, unsigned order)
{
	struct vmm_pmem_stack *stack;
	uint32_t *end;
	uint8_t *marks;
	uint64_t mark_at;
	uint64_t at;
	bool pushed;

	if (VMM_UNLIKELY(order > VMM_PMEM_ORDER_MAX))
		return VMM_EINVAL;
	if (VMM_UNLIKELY(!vmm_pmem_cpu_named(cpu, pa, order, &at)))
		return vmm_pmem_cache_free_slow(cpu, pa, order);
	stack = vmm_pmem_cpu_puts(cpu, order, &end);
	if (VMM_UNLIKELY(end == NULL)) {
		stack = vmm_pmem_cpu_stack(cpu, cpu->put_at[order]);
		end = stack->end;
	}
	marks = cpu->marks;
	mark_at = vmm_pmem_mark_at(cpu, at, order);
	/* The mark comes while the exchange takes its time. */
	__builtin_prefetch(
		(const void *)((uintptr_t)marks + (uintptr_t)mark_at));
	if (VMM_UNLIKELY(!vmm_pmem_cpu_try(cpu)))
		return vmm_pmem_cache_free_slow(cpu, pa, order);
	pushed = vmm_pmem_cpu_push(stack, end, marks, mark_at, order, at);
	vmm_pmem_cpu_leave(cpu);
	if (VMM_LIKELY(pushed))
		return VMM_OK;
	return vmm_pmem_cache_free_slow(cpu, pa, order);
}

/**
 * vmm_pmem_cache_alloc_pinned() - vmm_pmem_cache_alloc() for a caller alone.
 * @cpu:    Magazines of this CPU, in a cache with `pinned`.
 * @order:  As for vmm_pmem_cache_alloc().
 * @pa_out: As for vmm_pmem_cache_alloc().
 *
 * Context: Nobody else uses the CPU's magazines during the call.
 * Cost:    As vmm_pmem_cache_alloc(), without the exchange.
 * Return:  As for vmm_pmem_alloc().
 */
VMM_NODISCARD static VMM_ALWAYS_INLINE int vmm_pmem_cache_alloc_pinned(
	struct vmm_pmem_cpu *cpu, unsigned order, vmm_pa_t *pa_out)
{
	uint32_t at;

	if (VMM_UNLIKELY(order > VMM_PMEM_ORDER_MAX))
		return VMM_EINVAL;
	if (VMM_UNLIKELY(!vmm_pmem_cpu_pop(cpu, vmm_pmem_cpu_gets(cpu, order),
		    cpu->marks, order, &at)))
		return vmm_pmem_cache_alloc_slow(cpu, order, pa_out);
	*pa_out = cpu->base + vmm_pfn_to_pa(at);
	return VMM_OK;
}

/**
 * vmm_pmem_cache_free_pinned() - vmm_pmem_cache_free() for a caller alone.
 * @cpu:   Magazines of this CPU, in a cache with `pinned`.
 * @pa:    As for vmm_pmem_cache_free().
 * @order: As for vmm_pmem_cache_free().
 *
 * Context: Nobody else uses the CPU's magazines during the call.
 * Cost:    As vmm_pmem_cache_free(), without the exchange.
 * Return:  As for vmm_pmem_cache_free().
 */
VMM_NODISCARD static VMM_ALWAYS_INLINE int vmm_pmem_cache_free_pinned(
	struct vmm_pmem_cpu *cpu, vmm_pa_t pa, unsigned order)
{
	struct vmm_pmem_stack *stack;
	uint32_t *end;
	uint64_t at;

	if (VMM_UNLIKELY(order > VMM_PMEM_ORDER_MAX))
		return VMM_EINVAL;
	if (VMM_UNLIKELY(!vmm_pmem_cpu_named(cpu, pa, order, &at)))
		return vmm_pmem_cache_free_slow(cpu, pa, order);
	stack = vmm_pmem_cpu_puts(cpu, order, &end);
	if (VMM_LIKELY(vmm_pmem_cpu_push(stack, end, cpu->marks,
		    vmm_pmem_mark_at(cpu, at, order), order, at)))
		return VMM_OK;
	return vmm_pmem_cache_free_slow(cpu, pa, order);
}

#ifdef __cplusplus
}
#endif

#endif /* VMM_PMEM_MAGAZINE_H */
