/* SPDX-License-Identifier: MIT */
/*
 * Upkeep of page tables, never done behind the caller's back: fewer tables,
 * larger leaves, and what was used since the last look.
 *
 * Context: as in pt.h.
 */
#ifndef VMM_PT_UPKEEP_H
#define VMM_PT_UPKEEP_H

#include <vmm/pt.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * vmm_pt_prune() - Unlink the empty tables of a range.
 * @pt:     The table.
 * @va:     First virtual address; a multiple of VMM_PAGE_SIZE.
 * @size:   Bytes; a non-zero multiple of VMM_PAGE_SIZE.
 * @gather: Receives the tables; never NULL. A fence for all address spaces is
 *          asked for, since an empty table cannot say what it once held.
 *
 * After it, no table under the range is empty, those aside that root entries
 * have lent: the number of tables is again a function of the mappings alone.
 *
 * Cost:   O(512 * tables under the range).
 * Return: VMM_OK, or VMM_EINVAL, VMM_ERANGE or VMM_EBUSY as for
 *         vmm_pt_unmap().
 */
VMM_NODISCARD int vmm_pt_prune(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather);

/**
 * vmm_pt_merge() - Replace tables by larger leaves that say the same.
 * @pt:     The table.
 * @va:     First virtual address; a multiple of VMM_PAGE_SIZE.
 * @size:   Bytes; a non-zero multiple of VMM_PAGE_SIZE.
 * @gather: Receives what became stale and the tables; never NULL.
 *
 * A table whose span lies in the range, whose entries are all leaves of one
 * protection, contiguous and from an aligned address on, becomes one leaf, if
 * the format has leaves of that size; then the same for the table above it.
 * What a root entry has lent stays. Every address translates as before, without a
 * moment in between. With A and D tracked, the new leaf has A, and D if it can
 * be written to.
 *
 * Cost:   O(512 * tables under the range).
 * Return: VMM_OK, or VMM_EINVAL, VMM_ERANGE or VMM_EBUSY as for
 *         vmm_pt_unmap().
 */
VMM_NODISCARD int vmm_pt_merge(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather);

/**
 * vmm_pt_harvest() - The next pages of a walk that were used; forget it.
 * @pt:      The table, in a format with VMM_PT_TRACK.
 * @cursor:  Position; moves behind the run. Start with vmm_pt_cursor_range().
 * @flags:   VMM_PT_ACCESSED, VMM_PT_DIRTY or both: what to look for and clear.
 * @run_out: Receives the next run that had one of them, and in prot what it
 *           had. Whole leaves, even if they stick out of the walk's range: a
 *           superpage, or the 16 entries of 64 KiB, have one answer.
 * @gather:  Receives what became stale. Until the flush a hart may write
 *           without setting D again: write a page back only after it.
 *
 * The flags are cleared atomically, so that none set by hardware is lost; one
 * that is set during the call is in this run or in the next walk's. What
 * belongs to another table is skipped.
 *
 * Cost:   O(entries of the tables passed).
 * Return: true, or false when nothing more was used in the range.
 */
bool vmm_pt_harvest(struct vmm_pt *pt, struct vmm_pt_cursor *cursor,
	unsigned flags, struct vmm_pt_run *run_out,
	struct vmm_tlb_gather *gather);

#ifdef __cplusplus
}
#endif

#endif /* VMM_PT_UPKEEP_H */
