/* SPDX-License-Identifier: MIT */
/* Hold back, take offline, bring online: the model test's calls for hot plug. */
#ifndef PMEM_HOTPLUG_H
#define PMEM_HOTPLUG_H

#include "support/pmem_shape.h"

/* A place that may lie a little outside of the window. */
static inline vmm_pa_t random_place(void)
{
	const vmm_pfn_t pfn = first - 2 + rng_below(&rng, frames + 4);

	return vmm_pfn_to_pa(pfn) + (rng_below(&rng, 32) == 0 ? 8 : 0);
}

/* The blocks around a place, as a range that can be held back. */
static inline vmm_pfn_t random_blocks(uint64_t *count_out)
{
	const vmm_pfn_t at = first + rng_below(&rng, frames);
	vmm_pfn_t low = vmm_align_down(at, 512);
	vmm_pfn_t end = vmm_align_up(at + 1 + rng_below(&rng, 1000), 512);

	low = low > first ? low : first;
	end = end < first + frames ? end : first + frames;
	*count_out = end - low;
	return low;
}

static inline void do_hold(void)
{
	uint64_t count;
	const vmm_pfn_t pfn = random_blocks(&count);
	const bool hold = rng_below(&rng, 4) == 0;

	CHECK_EQ(hold ? vmm_pmem_hold(&zone, vmm_pfn_to_pa(pfn), count)
		      : vmm_pmem_unhold(&zone, vmm_pfn_to_pa(pfn), count),
		VMM_OK);
	shadow_hold(pfn, count, hold);
	if (count > 2)
		CHECK_EQ(vmm_pmem_hold(&zone, vmm_pfn_to_pa(pfn + 1), 1),
			VMM_EINVAL);
}

/* Is every frame free, held back or not? */
static inline bool all_home(vmm_pfn_t pfn, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		const uint8_t what = shadow[pfn - first + i];

		if (what != FREE && what != HELD)
			return false;
	}
	return true;
}

static inline void do_offline(void)
{
	const vmm_pa_t pa = random_place();
	const vmm_pfn_t pfn = vmm_pa_to_pfn(pa);
	const uint64_t count =
		rng_below(&rng, rng_below(&rng, 3) == 0 ? 600 : 20);
	int want = expected(pa, count, FREE);
	int err = vmm_pmem_offline(&zone, pa, count);

	if (want == VMM_EBUSY && all_home(pfn, count))
		want = VMM_OK;
	if (want == VMM_OK && err == VMM_ENOMEM) {
		CHECK(zone.ranges_count + 2 > zone.ranges_max);
		return;
	}
	CHECK_EQ(err, want);
	if (err == VMM_OK) {
		shadow_hold(pfn, count, false);
		shadow_set(pfn, count, OFFLINE);
	}
}

static inline void do_online(void)
{
	vmm_pa_t pa = random_place();
	uint64_t count = rng_below(&rng, 20);
	vmm_pfn_t pfn = vmm_pa_to_pfn(pa);
	int want = expected(pa, count, FREE);
	int err;

	/* Mostly what is really offline. */
	for (uint64_t i = 0; i < frames && rng_below(&rng, 4) != 0; i++) {
		if (shadow[i] > OFFLINE)
			continue;
		pfn = first + i;
		for (count = 1;
			i + count < frames && shadow[i + count] <= OFFLINE;)
			count++;
		pa = vmm_pfn_to_pa(pfn);
		want = VMM_OK;
		break;
	}
	err = vmm_pmem_online(&zone, pa, count);
	if (want != VMM_EINVAL && want != VMM_ERANGE) {
		want = VMM_OK;
		for (uint64_t i = 0; i < count; i++) {
			if (shadow[pfn - first + i] > OFFLINE)
				want = VMM_EEXIST;
		}
	}
	if (want == VMM_OK && err == VMM_ENOMEM) {
		CHECK(zone.ranges_count + 2 > zone.ranges_max);
		return;
	}
	CHECK_EQ(err, want);
	if (err == VMM_OK)
		shadow_free(pfn, count);
}

#endif /* PMEM_HOTPLUG_H */
