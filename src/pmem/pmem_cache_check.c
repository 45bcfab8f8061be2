/* SPDX-License-Identifier: MIT */
/* What a cache tells people, and its self-check. */
#include "pmem/pmem_mag.h"

static uint64_t runs_of(const struct vmm_pmem_mag *mag)
{
	return (uint64_t)(mag->stack[0].top - mag->stack[0].bottom) +
	       (uint64_t)(mag->stack[1].top - mag->stack[1].bottom);
}

void vmm_pmem_cache_stat(const struct vmm_pmem_cache *cache,
	struct vmm_pmem_cache_stat *stat_out)
{
	struct vmm_pmem_cache_stat sum = {0};

	for (uint32_t i = 0; i < cache->cpus; i++) {
		const struct vmm_pmem_cpu *cpu = vmm_pmem_cache_cpu(cache, i);

		for (unsigned k = 0; k < VMM_PMEM_MAGS; k++) {
			const struct vmm_pmem_mag *mag = &cpu->mags[k];
			sum.parked += runs_of(mag) << mag->order;
		}
		sum.refills += cpu->refills;
		sum.flushes += cpu->flushes;
		sum.busy += __atomic_load_n(&cpu->busy, __ATOMIC_RELAXED);
		sum.refused += cpu->refused;
	}
	*stat_out = sum;
}

/*
 * Runs, or marks that say "parked": how many, and what tells apart two sets of
 * as many that differ in one member, or have one twice.
 */
struct tally {
	uint64_t count;
	uint64_t sum;
	uint64_t squares;
};

static void tally_add(struct tally *t, uint64_t mark_at)
{
	t->count++;
	t->sum += mark_at;
	t->squares += mark_at * mark_at;
}

/* I1, and half of I2: every parked run has its mark. */
static bool stack_ok(const struct vmm_pmem_cpu *cpu,
	const struct vmm_pmem_mag *mag, const struct vmm_pmem_stack *stack,
	struct tally *t)
{
	const struct vmm_pmem *pmem = cpu->cache->pmem;

	if (stack->top < stack->bottom || stack->top > stack->end)
		return false;
	for (const uint32_t *at = stack->bottom; at < stack->top; at++) {
		const vmm_pfn_t pfn = pmem->first + *at;
		const uint64_t frames = UINT64_C(1) << mag->order;
		const uint64_t mark_at = vmm_pmem_mark_at(cpu, *at, mag->order);

		if (!pmem_has(pmem, pfn, frames) ||
			!vmm_is_aligned(pfn, frames) ||
			!vmm_pmem_all_used(pmem, pfn, frames))
			return false;
		if (cpu->marks != NULL &&
			vmm_pmem_mark(&cpu->marks[mark_at]) !=
				VMM_PMEM_MARK_PARKED(mag->order))
			return false;
		tally_add(t, mark_at);
	}
	return true;
}

static bool cpu_ok(const struct vmm_pmem_cache *cache,
	const struct vmm_pmem_cpu *cpu, struct tally *t)
{
	const struct vmm_pmem_stack *none;

	if (cpu->taken != 0 || cpu->marks != cache->marks ||
		cpu->cache != cache || cpu->frames != cache->pmem->count)
		return false;
	for (unsigned k = 0; k < VMM_PMEM_MAGS; k++) {
		const struct vmm_pmem_mag *mag = &cpu->mags[k];

		if (mag->order > VMM_PMEM_ORDER_MAX ||
			!stack_ok(cpu, mag, &mag->stack[0], t) ||
			!stack_ok(cpu, mag, &mag->stack[1], t))
			return false;
	}
	none = &cpu->mags[VMM_PMEM_MAGS - 1].stack[0];
	return none->end == none->bottom;
}

/* May @mark stand with the frames, or else with the blocks? */
static bool mark_ok(uint8_t mark, bool with_blocks)
{
	const unsigned user = mark & ~(unsigned)VMM_PMEM_MARK_IS_PARKED;

	if (mark == 0)
		return true;
	if (with_blocks)
		return user >= VMM_PMEM_MARK_USER(BLOCK_ORDER) &&
		       user <= VMM_PMEM_MARK_USER(VMM_PMEM_ORDER_MAX);
	return user >= VMM_PMEM_MARK_USER(0) &&
	       user < VMM_PMEM_MARK_USER(BLOCK_ORDER);
}

/* I3, and the marks that say "parked", in one pass. */
static bool marks_ok(const struct vmm_pmem_cache *cache, struct tally *t)
{
	const struct vmm_pmem *pmem = cache->pmem;
	unsigned known = 0;

	for (uint64_t at = 0; at < pmem->count + pmem->blocks; at++) {
		const uint8_t mark = vmm_pmem_mark(&cache->marks[at]);
		const vmm_pfn_t pfn = pmem->first + at;

		if (!mark_ok(mark, at >= pmem->count))
			return false;
		if ((mark & VMM_PMEM_MARK_IS_PARKED) != 0)
			tally_add(t, at);
		if (at >= pmem->count)
			continue;
		known += mark != 0 ? 1 : 0;
		if ((pfn + 1) % BLOCK_FRAMES != 0 && at + 1 != pmem->count)
			continue;
		if (cache->known[pmem_block_of(pmem, pfn)] != known)
			return false;
		known = 0;
	}
	return true;
}

int vmm_pmem_cache_check(const struct vmm_pmem_cache *cache)
{
	struct tally runs = {0};
	struct tally parked = {0};

	if (vmm_pmem_check(cache->pmem) != VMM_OK)
		return VMM_ECORRUPT;
	for (uint32_t i = 0; i < cache->cpus; i++) {
		if (!cpu_ok(cache, vmm_pmem_cache_cpu(cache, i), &runs))
			return VMM_ECORRUPT;
	}
	if (cache->marks == NULL)
		return VMM_OK;
	/* The other half of I2: no mark without its run, no run twice. */
	if (!marks_ok(cache, &parked) || parked.count != runs.count ||
		parked.sum != runs.sum || parked.squares != runs.squares)
		return VMM_ECORRUPT;
	return VMM_OK;
}
