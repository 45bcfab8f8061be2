/* SPDX-License-Identifier: MIT */
/*
 * The gather: what became stale, and what must wait until it is flushed.
 *
 * The library executes no fence. Every change of a page table writes down in a
 * gather of the caller's which addresses may still be cached in a translation
 * look-aside buffer (TLB), how strong a fence they need, which page tables
 * were unlinked and which frames lost their mapping. The order is always
 *
 *     change the table(s)     vmm_pt_unmap(..., &gather), as often as wanted
 *     flush on every hart     vmm_riscv_flush(&gather, asid), remote fences
 *     reuse                   free the frames, then vmm_pt_reap(pt, &gather)
 *
 * and a frame or a table that is freed before the flush is a security hole: a
 * hart with the old translation reads and writes its next owner's memory.
 *
 * Which fence which change needs. "fault" means that a kernel may also do
 * without: an access that should work may fault, and works when it is repeated
 * after the fence (a spurious fault).
 *
 *   change            flags        RISC-V, satp       hgatp           x86-64
 *   ------            -----        ------------       -----           ------
 *   absent to leaf    CHANGED      va, asid; fault;   gpa, vmid;      none [5]
 *                                  none: Svvptc [1]   fault
 *   absent to table   NON_LEAF     all, asid [2];     all, vmid;      none
 *                                  fault              fault
 *   leaf: allows more CHANGED      va, asid; fault    gpa, vmid;      invlpg;
 *                     VALID                           fault           fault [6]
 *   leaf: allows less RESTRICT     va, asid           gpa, vmid       invlpg
 *   or another type,  VALID
 *   leaf to absent
 *   ... and global,   GLOBAL       va, all [3]        - (no G)        invlpg,
 *   or lent to others                                                 all PCIDs [7]
 *   A cleared         VALID        va, asid, or A     gpa, vmid       invlpg, or
 *                                  comes late                         A comes late
 *   D cleared         RESTRICT     va, asid           gpa, vmid       invlpg
 *                     VALID
 *   table unlinked    NON_LEAF     all, asid [2]      all, vmid       mov cr3 [8]
 *                     RESTRICT
 *   leaf to table,    NON_LEAF     all, asid          all, vmid       mov cr3 [9]
 *   table to leaf     VALID
 *   leaf split or     CHANGED      va, asid, each     gpa, vmid       -
 *   made of 16        VALID        of the 16          each
 *   tag set, removed  -            none               none            none
 *   root replaced     -            none: the fence    none            none: mov cr3
 *                                  belongs to the                     flushes
 *                                  ASID [4]
 *   ASID, VMID or     -            satp, then all,    hgatp, then     mov cr3 with
 *   PCID used again                asid [4]           all, vmid       bit 63 clear
 *
 * sfence.vma for satp: "va" and "asid" are rs1 and rs2, "all" is x0. hgatp:
 * hfence.gvma, whose address is shifted right by 2; a guest's own tables are
 * fenced by the guest, or by hfence.vvma for it. All harts on which the table
 * was in use need the fence, and x86-64 an interrupt to each processor.
 *
 * RISC-V Privileged 1.13, 12.2.1 "Supervisor Memory-Management Fence
 * Instruction": [1] invalid entries may be cached; Svvptc makes new valid ones
 * visible in bounded time. [2] A fence with rs1 != x0 orders accesses to leaf
 * entries only. [3] One with rs2 != x0 does not reach global entries. [4] What
 * to do when an ASID changes hands. 15.3.2: hfence.
 * Intel SDM 3A: [5] 4.10.2.3, entries that are not present are not cached.
 * [6] 4.10.4.3, a page fault also invalidates. [7] INVLPG reaches global entries
 * but the current PCID's only of the others, 4.10.4.1. [8] Paging-structure
 * caches, 4.10.3. [9] On some processors a change of the page's size under
 * running code is an erratum (iTLB multihit): there unmap, flush and map anew.
 *
 * QEMU forgives a missing fence after a map; boards do not.
 */
#ifndef VMM_TLB_H
#define VMM_TLB_H

#include <vmm/config.h>
#include <vmm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What happened since the gather was last empty.
 *
 *   CHANGED   a leaf entry was written: first and last are set
 *   RESTRICT  a translation, a permission or a table was taken away; without
 *             it a late fence costs a spurious fault and nothing more
 *   NON_LEAF  a table was linked, unlinked or replaced a leaf: a fence by
 *             address does not cover it
 *   GLOBAL    a global leaf, or something that may have held one, or that other
 *             tables share: a fence by ASID misses it
 *   VALID     an entry that was valid has changed; without it, absent ones became
 *             valid and nothing else happened
 */
#define VMM_TLB_CHANGED	 1u
#define VMM_TLB_RESTRICT 2u
#define VMM_TLB_NON_LEAF 4u
#define VMM_TLB_GLOBAL	 8u
#define VMM_TLB_VALID	 16u

/* A run of frames that lost their mapping. */
struct vmm_tlb_frames {
	vmm_pa_t pa;
	uint64_t size; /* bytes */
	bool dirty;    /* with VMM_PT_TRACK: some of it was written to */
};

/*
 * Invariants: first <= last and shift is a leaf size's if CHANGED is set;
 * frames_count <= frames_max.
 */
struct vmm_tlb_gather {
	vmm_va_t first;	     /* first byte of the lowest changed leaf */
	vmm_va_t last;	     /* last byte of the highest changed leaf */
	uint32_t flags;	     /* VMM_TLB_... */
	uint32_t shift;	     /* log2 of the smallest changed leaf's size */
	vmm_pa_t dead;	     /* list of unlinked tables, if dead_count != 0 */
	uint64_t dead_count; /* tables that wait for vmm_pt_reap() */
	struct vmm_tlb_frames *frames; /* the caller's array, or NULL */
	size_t frames_max;	       /* its length */
	size_t frames_count;	       /* runs in it that wait for the flush */
};

/**
 * vmm_tlb_gather_init() - Make an empty gather.
 * @gather:     Storage of the caller's, often on the stack.
 * @frames:     Array in which unmap reports the frames that lost their
 *              mapping, merged into runs; NULL if the caller knows them.
 * @frames_max: Its length; 0 with NULL. An unmap whose runs do not fit is
 *              refused with nothing changed.
 */
static inline void vmm_tlb_gather_init(struct vmm_tlb_gather *gather,
	struct vmm_tlb_frames *frames, size_t frames_max)
{
	gather->first = 0;
	gather->last = 0;
	gather->flags = 0;
	gather->shift = 0;
	gather->dead = 0;
	gather->dead_count = 0;
	gather->frames = frames;
	gather->frames_max = frames_max;
	gather->frames_count = 0;
}

/*
 * More single-address fences than this cost more than flushing everything
 * (the figure Linux uses for RISC-V since 6.8, tlbflush.c).
 */
#define VMM_TLB_FENCES_MAX 64

/* A gather, turned into the fences it needs. */
struct vmm_tlb_plan {
	bool needed;	    /* false: nothing to do */
	bool fresh;	    /* absent entries became valid, and that is all */
	bool all_addresses; /* one fence for every address; else by address */
	bool all_spaces;    /* for every ASID, global entries included */
	unsigned shift;	    /* by address: distance of the fences, log2 */
	vmm_va_t first;	    /* by address: the first one's address */
	uint64_t count;	    /* by address: how many; <= VMM_TLB_FENCES_MAX */
};

/**
 * vmm_tlb_plan_make() - Say which fences a gather needs, on any architecture.
 * @gather: The gather; not changed.
 *
 * On RISC-V, all_addresses means rs1 = x0 and all_spaces means rs2 = x0. A
 * fence with an address orders leaf entries only, so a changed non-leaf entry
 * needs all addresses; a fence with an ASID does not reach global entries
 * (RISC-V Privileged 1.13, 12.2.1).
 */
static inline struct vmm_tlb_plan vmm_tlb_plan_make(
	const struct vmm_tlb_gather *gather)
{
	struct vmm_tlb_plan plan = {
		false, false, false, false, gather->shift, gather->first, 0};

	if ((gather->flags & (VMM_TLB_CHANGED | VMM_TLB_NON_LEAF)) == 0)
		return plan;
	plan.needed = true;
	plan.fresh = (gather->flags & (VMM_TLB_VALID | VMM_TLB_RESTRICT)) == 0;
	plan.all_spaces = (gather->flags & VMM_TLB_GLOBAL) != 0;
	plan.count = ((gather->last - gather->first) >> gather->shift) + 1;
	if ((gather->flags & VMM_TLB_NON_LEAF) != 0 ||
		plan.count > VMM_TLB_FENCES_MAX)
		plan.all_addresses = true;
	return plan;
}

#ifdef __cplusplus
}
#endif

#endif /* VMM_TLB_H */
