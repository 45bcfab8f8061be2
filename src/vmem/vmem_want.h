/* SPDX-License-Identifier: MIT */
/*
 * A request as the search for a place sees it: everything in multiples of the
 * quantum, defaults filled in, proven to be well formed.
 */
#ifndef VMM_VMEM_WANT_H
#define VMM_VMEM_WANT_H

#include "vmem/vmem_internal.h"

struct vmm_vmem_want {
	uint64_t size;	   /* bytes between the guards */
	uint64_t guard[2]; /* bytes below and above */
	uint64_t total;	   /* the sum */
	uint64_t align;	   /* at least the quantum */
	uint64_t phase;	   /* below align */
	uint64_t nocross;  /* 0: none */
	vmm_va_t min;	   /* the window; guards lie inside */
	vmm_va_t max;	   /* last address */
	/* A free region of this size holds a place, wherever it begins. */
	uint64_t certain;
};

/* Fill in @want. VMM_OK, VMM_EINVAL, or VMM_ENOSPC: larger than any region. */
int vmm_vmem_want_init(struct vmm_vmem_want *want, const struct vmm_vmem *arena,
	const struct vmm_vmem_request *request);

/*
 * The lowest (@dir AFTER) or highest (BEFORE) place in [first, last] and the
 * window: where the region that includes the guards begins.
 */
bool vmm_vmem_place(const struct vmm_vmem_want *want, vmm_va_t first,
	vmm_va_t last, unsigned dir, vmm_va_t *base_out);

/*
 * In the window, go from address @from in direction @dir to the first free
 * region with a place. Regions that are merely likely are tried up to
 * VMM_VMEM_PROBES times, then only certain ones.
 */
bool vmm_vmem_search(const struct vmm_vmem *arena,
	const struct vmm_vmem_want *want, vmm_va_t from, unsigned dir,
	struct vmm_vmem_cut *cut);

/* Choose the range for a request that is not fixed. */
bool vmm_vmem_choose(struct vmm_vmem *arena,
	const struct vmm_vmem_request *request,
	const struct vmm_vmem_want *want, struct vmm_vmem_cut *cut);

#endif /* VMM_VMEM_WANT_H */
