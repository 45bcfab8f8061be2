/* SPDX-License-Identifier: MIT */
/*
 * Nested arenas: a span of one arena is a used region of another, its parent.
 * A segment of a task has its ranges in an arena of its own; a subsystem takes
 * addresses from the kernel's arena in large pieces and hands out small ones.
 *
 * The region in the parent carries the child's address in its user tag, unless
 * the request has tags of its own. An imported span is given back, whole,
 * when none of it is in use.
 *
 * Context: a call with two arenas changes both; the caller serialises both. No
 * arena knows its children: close them first.
 */
#ifndef VMM_VMEM_NEST_H
#define VMM_VMEM_NEST_H

#include <vmm/vmem.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * vmm_vmem_import() - Add a span that is a region of another arena.
 * @arena:    The arena that gets it. Its quantum is at most the parent's.
 * @parent:   Where it comes from.
 * @request:  What to allocate there. Guards stay outside of the span.
 * @base_out: Receives the span's first address.
 *
 * Cost:   O(log n) in both.
 * Return: VMM_OK, or
 *         VMM_ENOMEM  @arena has no three spare nodes
 *         as vmm_vmem_xalloc() on @parent
 *         VMM_EEXIST  @arena has a span there already, not from @parent
 */
VMM_NODISCARD int vmm_vmem_import(struct vmm_vmem *arena,
	struct vmm_vmem *parent, const struct vmm_vmem_request *request,
	vmm_va_t *base_out);

/**
 * vmm_vmem_give_back() - Remove an imported span that is entirely free.
 * @arena: The arena.
 * @base:  The span's first address.
 *
 * Frees its region in the parent.
 *
 * Cost:   O(log n) in both.
 * Return: VMM_OK, or
 *         VMM_ENOENT  no imported span starts at @base
 *         VMM_EBUSY   part of it is in use
 */
VMM_NODISCARD int vmm_vmem_give_back(struct vmm_vmem *arena, vmm_va_t base);

/**
 * vmm_vmem_alloc_import() - Allocate, and import a span if that is needed.
 * @arena:       The arena.
 * @parent:      Where to import from.
 * @import_size: Bytes to import at least, so that imports are few; 0: only
 *               what the request needs.
 * @request:     As for vmm_vmem_xalloc(). Its window holds for the import too.
 * @region_out:  Receives the region.
 *
 * Cost:   O(log n) in both.
 * Return: VMM_OK, or as vmm_vmem_xalloc() and vmm_vmem_import(); nothing is
 *         imported then.
 */
VMM_NODISCARD int vmm_vmem_alloc_import(struct vmm_vmem *arena,
	struct vmm_vmem *parent, uint64_t import_size,
	const struct vmm_vmem_request *request,
	const struct vmm_vmem_region **region_out);

/**
 * vmm_vmem_free_release() - Free a region, and give its span back if it can be.
 * @arena:  The arena.
 * @region: The handle.
 *
 * Cost:   O(log n) in both.
 * Return: VMM_OK, or VMM_ENOENT: no handle of a used region of this arena
 */
VMM_NODISCARD int vmm_vmem_free_release(
	struct vmm_vmem *arena, const struct vmm_vmem_region *region);

#ifdef __cplusplus
}
#endif

#endif /* VMM_VMEM_NEST_H */
