/* SPDX-License-Identifier: MIT */
/* What the sources of the per-CPU cache share. */
#ifndef VMM_PMEM_MAG_H
#define VMM_PMEM_MAG_H

#include <vmm/pmem_cache.h>

#include "pmem/pmem_internal.h"

static inline void cache_lock(const struct vmm_pmem_cache *cache)
{
	pmem_lock(cache->lock);
}

static inline void cache_unlock(const struct vmm_pmem_cache *cache)
{
	pmem_unlock(cache->lock);
}

/* The number of a frame in the window, as magazines and marks count. */
static inline uint32_t cache_at(
	const struct vmm_pmem_cache *cache, vmm_pfn_t pfn)
{
	return (uint32_t)(pfn - cache->pmem->first);
}

/*
 * pmem_cache_marks.c; all under the zone's lock, and without effect if there
 * are no marks.
 */

/* Runs of @order come out of the zone, parked; or go back into it. */
void vmm_pmem_marks_park(struct vmm_pmem_cache *cache, unsigned order,
	uint32_t count, const uint32_t *at);
void vmm_pmem_marks_clear(struct vmm_pmem_cache *cache, unsigned order,
	uint32_t count, const uint32_t *at);
/* Is one of the frames in a parked run? The frames lie in the window. */
bool vmm_pmem_marks_any_parked(
	const struct vmm_pmem_cache *cache, vmm_pfn_t pfn, uint64_t count);
/* The zone decides about these frames from now on. */
void vmm_pmem_marks_forget(
	struct vmm_pmem_cache *cache, vmm_pfn_t pfn, uint64_t count);

#endif /* VMM_PMEM_MAG_H */
