/* SPDX-License-Identifier: MIT */
/*
 * A shadow map of a frame allocator: a byte for each frame, and loops over them
 * that anyone can see to be right.
 */
#ifndef PMEM_SHADOW_H
#define PMEM_SHADOW_H

#include <vmm/pmem_cache.h>

#include "support/test.h"

#define PAGE	   VMM_PAGE_SIZE
#define FRAMES_MAX 110000

/* What a frame of the shadow is. Kinds that are not managed come first. */
enum shadow {
	HOLE,
	OFFLINE,
	PERMANENT,
	LOADER,
	ACPI,
	NVRAM,
	FREE,
	HELD, /* free, in a block that is held back */
	USED,
};

static uint8_t shadow[FRAMES_MAX];
static uint32_t lengths[FRAMES_MAX + 1]; /* of the free run that starts here */
static vmm_pfn_t first;
static uint64_t frames;
static bool held[FRAMES_MAX / 512 + 2]; /* blocks, from that of first on */

static inline uint64_t shadow_digest(void)
{
	const uint64_t d = test_digest(TEST_DIGEST_INIT, held, sizeof(held));

	return test_digest(d, shadow, frames);
}

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

/* The most frames from frame @i on that are free and within the demands. */
static inline uint64_t shadow_at(
	const struct vmm_pmem_request *request, uint64_t i)
{
	const vmm_pa_t last = request->last != 0 ? request->last : UINT64_MAX;
	const vmm_pa_t start = vmm_pfn_to_pa(first + i);
	uint64_t n = 0;

	if (start < request->min ||
		start % (VMM_PAGE_SIZE << request->align_order) != 0)
		return 0;
	while (n < lengths[i] && n < request->count) {
		const vmm_pa_t end = start + n * PAGE + (PAGE - 1);

		if (end > last)
			break;
		if (request->nocross != 0 &&
			start / request->nocross != end / request->nocross)
			break;
		n++;
	}
	return n;
}

/* The most frames that the request could get; it wants no more than count. */
static inline uint64_t shadow_most(const struct vmm_pmem_request *request)
{
	uint64_t most = 0;

	find_lengths();
	for (uint64_t i = 0; i < frames && most < request->count; i++) {
		const uint64_t n =
			lengths[i] > most ? shadow_at(request, i) : 0;

		most = n > most ? n : most;
	}
	return most;
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

static inline bool *shadow_held(vmm_pfn_t pfn)
{
	return &held[pfn / 512 - first / 512];
}

/* Free, or held if the block is. */
static inline void shadow_free(vmm_pfn_t pfn, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		shadow[pfn - first + i] = *shadow_held(pfn + i) ? HELD : FREE;
}

/* Hold back the blocks of a range, or do so no longer. */
static inline void shadow_hold(vmm_pfn_t pfn, uint64_t count, bool hold)
{
	for (uint64_t i = 0; i < count; i++)
		*shadow_held(pfn + i) = hold;
	for (uint64_t i = 0; i < frames; i++) {
		if (shadow[i] == FREE || shadow[i] == HELD)
			shadow_free(first + i, 1);
	}
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

/* The walk over what is in use meets each used frame, once, in order. */
static inline void shadow_compare_used(const struct vmm_pmem *zone)
{
	struct vmm_pmem_used used = {0};
	uint64_t i = 0;

	while (vmm_pmem_next_used(zone, &used)) {
		const uint64_t at = vmm_pa_to_pfn(used.pa) - first;

		for (; i < at; i++)
			CHECK(shadow[i] != USED);
		CHECK(used.count > 0);
		CHECK(shadow_all(first + at, used.count, USED));
		i += used.count;
		CHECK(i <= frames);
		if (i < frames)
			CHECK(shadow[i] != USED);
	}
	for (; i < frames; i++)
		CHECK(shadow[i] != USED);
}

static inline void shadow_compare_bits(const struct vmm_pmem *zone)
{
	for (uint64_t i = 0; i < frames; i++) {
		vmm_pa_t pa = vmm_pfn_to_pa(first + i) + i % PAGE;

		CHECK_EQ(vmm_pmem_is_free(zone, pa), shadow[i] == FREE);
	}
}

#endif /* PMEM_SHADOW_H */
