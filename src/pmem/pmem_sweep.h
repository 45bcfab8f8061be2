/* SPDX-License-Identifier: MIT */
/* A search for a free stretch in address order; pmem_sweep.c explains it. */
#ifndef VMM_PMEM_SWEEP_H
#define VMM_PMEM_SWEEP_H

#include "pmem/pmem_internal.h"

/* What is wanted, the stretch being followed, the best that was seen. */
struct sweep {
	uint64_t want;	  /* stop at a stretch of so many frames */
	uint64_t least;	  /* a shorter one is of no use */
	uint64_t align;	  /* frames, a power of two */
	uint64_t nocross; /* frames, a power of two; 0: no such bound */
	vmm_pfn_t low;	  /* only frames in [low, end) */
	vmm_pfn_t end;
	vmm_pfn_t first; /* of the stretch; count 0: none */
	uint64_t count;
	vmm_pfn_t best;
	uint64_t best_count;
};

/* On return best_count is at least want, or the longest there is. */
void vmm_pmem_sweep(const struct vmm_pmem *pmem, struct sweep *s);

#endif /* VMM_PMEM_SWEEP_H */
