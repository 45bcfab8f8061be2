/* SPDX-License-Identifier: MIT */
/* What the two halves of the checker share. */
#ifndef VMM_VMEM_CHECK_H
#define VMM_VMEM_CHECK_H

#include "vmem/vmem_internal.h"

/* Can this be the address of a region? Only then may it be looked at. */
static inline bool vmm_vmem_is_region(const struct vmm_vmem_region *region)
{
	return region != NULL &&
	       (uintptr_t)region % _Alignof(struct vmm_vmem_region) == 0;
}

/* vmem_check_trees.c; the trees are proven to be trees. */

/* I5, I6: the summaries of the trees by base, the order of that by size. */
bool vmm_vmem_check_trees(const struct vmm_vmem *arena);
/* I4: the bins hold @count regions, and their bitmap is right. */
bool vmm_vmem_check_bins(const struct vmm_vmem *arena, size_t count);
/* vmem_index.c: I9, the chain being sound. */
bool vmm_vmem_index_ok(const struct vmm_vmem *arena);

#endif /* VMM_VMEM_CHECK_H */
