/* SPDX-License-Identifier: MIT */
/* The library and the floor behind the hook for pages. */
#include "hook.h"

int hook_pinned_alloc(void *cpu, vmm_pa_t *pa_out)
{
	return vmm_pmem_cache_alloc_pinned(cpu, 0, pa_out);
}

void hook_pinned_free(void *cpu, vmm_pa_t pa)
{
	BENCH_MUST(vmm_pmem_cache_free_pinned(cpu, pa, 0) == VMM_OK);
}

int hook_stack_alloc(void *stack, vmm_pa_t *pa_out)
{
	const uint32_t frame = stack_get(stack, 0, 0);

	if (frame == NONE)
		return VMM_ENOMEM;
	*pa_out = vmm_pfn_to_pa(frame);
	return VMM_OK;
}

void hook_stack_free(void *stack, vmm_pa_t pa)
{
	stack_put(stack, 0, (uint32_t)vmm_pa_to_pfn(pa), 0);
}
