/* SPDX-License-Identifier: MIT */
/*
 * What a cache tells people, and its self-check. With marks it is exact in one
 * pass over them: each run sees its mark, which gets a bit; so a run that stands
 * in two slots finds the bit set, a mark without a run has none, and runs that
 * overlap begin before the end of another. The bits go at the end.
 */
#include "pmem/pmem_mag.h"

static uint64_t load(const uint64_t *count)
{
	return __atomic_load_n(count, __ATOMIC_RELAXED);
}

static uint64_t height(const struct vmm_pmem_stack *stack)
{
	return (uint64_t)(__atomic_load_n(&stack->top, __ATOMIC_RELAXED) -
			  stack->bottom);
}

void vmm_pmem_cache_stat(const struct vmm_pmem_cache *cache,
	struct vmm_pmem_cache_stat *stat_out)
{
	struct vmm_pmem_cache_stat sum = {0};

	for (uint32_t i = 0; i < cache->cpus; i++) {
		const struct vmm_pmem_cpu *cpu = vmm_pmem_cache_cpu(cache, i);

		for (unsigned k = 0; k < VMM_PMEM_MAGS; k++) {
			const struct vmm_pmem_mag *mag = &cpu->mags[k];

			sum.parked += (height(&mag->stack[0]) +
					      height(&mag->stack[1]))
				      << mag->order;
		}
		sum.refills += load(&cpu->refills);
		sum.flushes += load(&cpu->flushes);
		sum.busy += load(&cpu->busy);
		sum.refused += load(&cpu->refused);
	}
	*stat_out = sum;
}

/* One parked run after the other. To begin, zero it. */
struct walk {
	uint32_t cpu; /* of the next one */
	uint32_t stack;
	uint32_t slot;
	uint64_t at; /* the run: its first frame, counted from the window's */
	unsigned order;
};

static bool next_parked(const struct vmm_pmem_cache *cache, struct walk *w)
{
	for (; w->cpu < cache->cpus; w->cpu++, w->stack = 0) {
		const struct vmm_pmem_cpu *cpu =
			vmm_pmem_cache_cpu(cache, w->cpu);

		for (; w->stack < 2 * VMM_PMEM_MAGS; w->stack++, w->slot = 0) {
			const struct vmm_pmem_mag *mag =
				&cpu->mags[w->stack / 2];
			const struct vmm_pmem_stack *stack =
				&mag->stack[w->stack % 2];

			if (w->slot >= stack->top - stack->bottom)
				continue;
			w->at = stack->bottom[w->slot++];
			w->order = mag->order;
			return true;
		}
	}
	return false;
}

/* I1, for one run; and half of I2: it has its mark. */
static bool run_ok(const struct vmm_pmem_cpu *cpu, uint64_t at, unsigned order)
{
	const struct vmm_pmem *pmem = cpu->cache->pmem;
	const vmm_pfn_t pfn = pmem->first + at;
	const uint64_t frames = UINT64_C(1) << order;

	if (!pmem_has(pmem, pfn, frames) || !vmm_is_aligned(pfn, frames) ||
		!vmm_pmem_all_used(pmem, pfn, frames))
		return false;
	return cpu->marks == NULL ||
	       vmm_pmem_mark(&cpu->marks[vmm_pmem_mark_at(cpu, at, order)]) ==
		       VMM_PMEM_MARK_PARKED(order);
}

/* I1: the stack lies in its CPU's memory, its runs are as they should be. */
static bool stack_ok(const struct vmm_pmem_cpu *cpu,
	const struct vmm_pmem_stack *stack, unsigned order)
{
	const uintptr_t low = (uintptr_t)(cpu + 1);
	const uintptr_t high = (uintptr_t)cpu + cpu->cache->stride;

	if (stack->top < stack->bottom || stack->top > stack->end ||
		(uintptr_t)stack->bottom > (uintptr_t)stack->end)
		return false;
	if (stack->bottom != stack->end &&
		((uintptr_t)stack->bottom < low ||
			(uintptr_t)stack->end > high))
		return false;
	for (const uint32_t *at = stack->bottom; at < stack->top; at++) {
		if (!run_ok(cpu, *at, order))
			return false;
	}
	return true;
}

static bool cpu_ok(
	const struct vmm_pmem_cache *cache, const struct vmm_pmem_cpu *cpu)
{
	const struct vmm_pmem_stack *none;

	if (cpu->taken != 0 || cpu->marks != cache->marks ||
		cpu->cache != cache || cpu->frames != cache->pmem->count)
		return false;
	for (unsigned k = 0; k < VMM_PMEM_MAGS; k++) {
		const struct vmm_pmem_mag *mag = &cpu->mags[k];

		if (mag->order > VMM_PMEM_ORDER_MAX ||
			!stack_ok(cpu, &mag->stack[0], mag->order) ||
			!stack_ok(cpu, &mag->stack[1], mag->order))
			return false;
	}
	none = &cpu->mags[VMM_PMEM_MAGS - 1].stack[0];
	return none->end == none->bottom;
}

/* Without marks: no two runs have a frame in common. */
static bool runs_disjoint(const struct vmm_pmem_cache *cache)
{
	struct walk a = {0};

	while (next_parked(cache, &a)) {
		const uint64_t end = a.at + (UINT64_C(1) << a.order);
		struct walk b = a;

		while (next_parked(cache, &b)) {
			if (b.at < end &&
				a.at < b.at + (UINT64_C(1) << b.order))
				return false;
		}
	}
	return true;
}

/* A bit for marks, during the check: the run stands in a magazine. */
#define MARK_SEEN 0x40U

static uint8_t *mark_of(
	const struct vmm_pmem_cache *cache, const struct walk *w)
{
	const struct vmm_pmem_cpu *cpu = vmm_pmem_cache_cpu(cache, 0);

	return &cache->marks[vmm_pmem_mark_at(cpu, w->at, w->order)];
}

/* Mark all runs as seen. False: one of them stands there twice. */
static bool see_runs(const struct vmm_pmem_cache *cache)
{
	struct walk w = {0};
	bool ok = true;

	while (next_parked(cache, &w)) {
		uint8_t *mark = mark_of(cache, &w);
		const unsigned was = vmm_pmem_mark(mark);

		ok = ok && (was & MARK_SEEN) == 0;
		vmm_pmem_mark_set(mark, (uint8_t)(was | MARK_SEEN));
	}
	return ok;
}

static void unsee_runs(const struct vmm_pmem_cache *cache)
{
	struct walk w = {0};

	while (next_parked(cache, &w)) {
		uint8_t *mark = mark_of(cache, &w);

		vmm_pmem_mark_set(
			mark, (uint8_t)(vmm_pmem_mark(mark) & ~MARK_SEEN));
	}
}

/* What is carried along the marks. */
struct tally {
	uint64_t end;	/* of the parked runs so far, as numbers of frames */
	unsigned known; /* marks of this block that are not 0 */
};

/*
 * May @mark stand with the frames, or else with the blocks? If it says "parked",
 * then of a run that was seen, and that begins, at @at, where no other run is.
 */
static bool mark_ok(
	uint8_t mark, bool with_blocks, uint64_t at, struct tally *t)
{
	const unsigned parked = VMM_PMEM_MARK_IS_PARKED | MARK_SEEN;
	const unsigned user = mark & ~parked;

	if (mark == 0)
		return true;
	if (user < VMM_PMEM_MARK_USER(with_blocks ? BLOCK_ORDER : 0) ||
		user > VMM_PMEM_MARK_USER(with_blocks ? VMM_PMEM_ORDER_MAX
						      : BLOCK_ORDER - 1))
		return false;
	if ((mark & parked) == 0)
		return true;
	if ((mark & parked) != parked || at < t->end)
		return false;
	t->end = at + (UINT64_C(1) << (user - VMM_PMEM_MARK_USER(0)));
	return true;
}

/* The other half of I2, and I3, in one pass: a block's mark, then its frames'. */
static bool marks_ok(const struct vmm_pmem_cache *cache)
{
	const struct vmm_pmem *pmem = cache->pmem;
	const uint8_t *marks = cache->marks;
	struct tally t = {0};

	for (uint64_t at = 0; at < pmem->count; at++) {
		const vmm_pfn_t pfn = pmem->first + at;
		const uint64_t b = pmem_block_of(pmem, pfn);
		const uint8_t mark = vmm_pmem_mark(&marks[at]);

		if ((pfn % BLOCK_FRAMES == 0 || at == 0) &&
			!mark_ok(vmm_pmem_mark(&marks[pmem->count + b]), true,
				at, &t))
			return false;
		if (!mark_ok(mark, false, at, &t))
			return false;
		t.known += mark != 0 ? 1 : 0;
		if ((pfn + 1) % BLOCK_FRAMES != 0 && at + 1 != pmem->count)
			continue;
		if (cache->known[b] != t.known)
			return false;
		t.known = 0;
	}
	return true;
}

int vmm_pmem_cache_check(const struct vmm_pmem_cache *cache)
{
	bool ok;

	if (vmm_pmem_check(cache->pmem) != VMM_OK)
		return VMM_ECORRUPT;
	for (uint32_t i = 0; i < cache->cpus; i++) {
		if (!cpu_ok(cache, vmm_pmem_cache_cpu(cache, i)))
			return VMM_ECORRUPT;
	}
	if (cache->marks == NULL)
		return runs_disjoint(cache) ? VMM_OK : VMM_ECORRUPT;
	ok = see_runs(cache);
	ok = ok && marks_ok(cache);
	unsee_runs(cache);
	return ok ? VMM_OK : VMM_ECORRUPT;
}
