/* SPDX-License-Identifier: MIT */
/*
 * Single frames through the library's hook for pages (struct vmm_pages), as page
 * tables ask for them: by a call through a pointer, with an address and an error
 * code, for both contenders alike.
 */
#ifndef BENCH_PMEM_HOOK_H
#define BENCH_PMEM_HOOK_H

#include "vmm.h"

/* hook.c: what a kernel writes to connect the two. */
int hook_pinned_alloc(void *cpu, vmm_pa_t *pa_out);
void hook_pinned_free(void *cpu, vmm_pa_t pa);
int hook_stack_alloc(void *stack, vmm_pa_t *pa_out);
void hook_stack_free(void *stack, vmm_pa_t pa);

ALWAYS uint32_t hook_get(const struct vmm_pages *pages)
{
	vmm_pa_t pa;

	if (pages->alloc(pages->ctx, &pa) != VMM_OK)
		return NONE;
	return (uint32_t)vmm_pa_to_pfn(pa);
}

ALWAYS void hook_put(const struct vmm_pages *pages, uint32_t frame)
{
	pages->free(pages->ctx, vmm_pfn_to_pa(frame));
}

#endif /* BENCH_PMEM_HOOK_H */
