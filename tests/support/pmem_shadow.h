/* SPDX-License-Identifier: MIT */
/*
 * A shadow map of a frame allocator: a byte for each frame, and loops over them
 * that anyone can see to be right.
 */
#ifndef PMEM_SHADOW_H
#define PMEM_SHADOW_H

#include <vmm/pmem.h>

#include "support/test.h"

#define PAGE	   VMM_PAGE_SIZE
#define FRAMES_MAX 110000

/* What a frame of the shadow is. Kinds that are not managed come first. */
enum shadow {
	HOLE,
	PERMANENT,
	LOADER,
	ACPI,
	NVRAM,
	FREE,
	USED,
};

static uint8_t shadow[FRAMES_MAX];
static uint32_t lengths[FRAMES_MAX + 1]; /* of the free run that starts here */
static vmm_pfn_t first;
static uint64_t frames;

static inline uint64_t count_of(enum shadow what)
{
	uint64_t count = 0;

	for (uint64_t i = 0; i < frames; i++)
		count += shadow[i] == what ? 1 : 0;
	return count;
}

static inline void find_lengths(void)
{
	lengths[frames] = 0;
	for (uint64_t i = frames; i-- > 0;)
		lengths[i] = shadow[i] == FREE ? lengths[i + 1] + 1 : 0;
}

/* Is there a free run of @count at a multiple of 2^@order? */
static inline bool shadow_has(uint64_t count, unsigned order)
{
	const uint64_t step = UINT64_C(1) << order;
	uint64_t i = vmm_align_up(first, step) - first;

	find_lengths();
	for (; i < frames; i += step) {
		if (lengths[i] >= count)
			return true;
	}
	return false;
}

static inline uint64_t shadow_longest(void)
{
	uint64_t longest = 0;

	find_lengths();
	for (uint64_t i = 0; i < frames; i++)
		longest = lengths[i] > longest ? lengths[i] : longest;
	return longest;
}

static inline void shadow_set(vmm_pfn_t pfn, uint64_t count, enum shadow what)
{
	for (uint64_t i = 0; i < count; i++)
		shadow[pfn - first + i] = (uint8_t)what;
}

static inline bool shadow_all(vmm_pfn_t pfn, uint64_t count, enum shadow what)
{
	for (uint64_t i = 0; i < count; i++) {
		if (shadow[pfn - first + i] != what)
			return false;
	}
	return true;
}

/* The error of a call that names frames and wants them all to be @what. */
static inline int expected(vmm_pa_t pa, uint64_t count, enum shadow what)
{
	const vmm_pfn_t pfn = vmm_pa_to_pfn(pa);

	if (pa % PAGE != 0 || count == 0)
		return VMM_EINVAL;
	if (pfn < first || pfn - first >= frames ||
		count > frames - (pfn - first))
		return VMM_ERANGE;
	for (uint64_t i = 0; i < count; i++) {
		if (shadow[pfn - first + i] < FREE)
			return VMM_ENOENT;
	}
	if (shadow_all(pfn, count, what))
		return VMM_OK;
	return what == USED ? VMM_EEXIST : VMM_EBUSY;
}

/* From the left, the largest aligned run each time: the maximal ones. */
static inline void shadow_compare_runs(const struct vmm_pmem *zone)
{
	struct vmm_pmem_runs runs;
	uint64_t count[VMM_PMEM_BLOCK_ORDER + 1] = {0};

	find_lengths();
	for (uint64_t i = 0; i < frames;) {
		unsigned order = VMM_PMEM_BLOCK_ORDER;

		if (lengths[i] == 0) {
			i++;
			continue;
		}
		while (lengths[i] < UINT64_C(1) << order ||
			(first + i) % (UINT64_C(1) << order) != 0)
			order--;
		count[order]++;
		i += UINT64_C(1) << order;
	}
	vmm_pmem_runs(zone, &runs);
	for (unsigned order = 0; order <= VMM_PMEM_BLOCK_ORDER; order++)
		CHECK_EQ(runs.runs[order], count[order]);
}

static inline void shadow_compare_bits(const struct vmm_pmem *zone)
{
	for (uint64_t i = 0; i < frames; i++) {
		vmm_pa_t pa = vmm_pfn_to_pa(first + i) + i % PAGE;

		CHECK_EQ(vmm_pmem_is_free(zone, pa), shadow[i] == FREE);
	}
}

#endif /* PMEM_SHADOW_H */
