/* SPDX-License-Identifier: MIT */
/*
 * Requests to an arena (vmem.h) that say more than a size: where, how aligned,
 * with guards, and by which rule to choose.
 *
 *	// A stack of 64 KiB with a guard page below.
 *	struct vmm_vmem_request request = {
 *		.size = VMM_KIB(64), .guard = {VMM_PAGE_SIZE, 0},
 *		.tags = {.owner = task}};
 *	const struct vmm_vmem_region *stack;
 *
 *	err = vmm_vmem_xalloc(&arena, &request, &stack);
 *	top = vmm_vmem_region_base(stack) + VMM_KIB(64);
 */
#ifndef VMM_VMEM_REQUEST_H
#define VMM_VMEM_REQUEST_H

#include <vmm/config.h>
#include <vmm/error.h>
#include <vmm/types.h>
#include <vmm/vmem_types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * How hard a request with an alignment, a boundary or a window looks for a
 * tight place before it goes to one that fits for certain: a look at a bin
 * counts 1, a step in a tree 4, and it goes on until this number is used up.
 */
#define VMM_VMEM_PROBES 72

/* Request flags, see struct vmm_vmem_request. */
enum {
	VMM_VMEM_FIXED = 1u << 0,	/* exactly at .where, or fail */
	VMM_VMEM_HINT = 1u << 1,	/* at .where if that can be had */
	VMM_VMEM_USE_RESERVE = 1u << 2, /* may take the reserved nodes */
	/* How to choose a place, at most one; none of them: best fit. */
	VMM_VMEM_FIRST_FIT = 1u << 3, /* the lowest place */
	VMM_VMEM_LAST_FIT = 1u << 4,  /* the highest place: top-down */
	VMM_VMEM_NEXT_FIT = 1u << 5,  /* the lowest behind the last such one */
	VMM_VMEM_RANDOM = 1u << 6,    /* by .entropy */
	VMM_VMEM_POLICIES = 15u << 3,
	VMM_VMEM_FLAGS = (1u << 7) - 1
};

/*
 * A request in full. Set what you need and leave the rest zero, with a
 * designated initialiser, so that fields added later keep their default.
 *
 * Sizes are bytes. "The place" is the first address between the guards.
 */
struct vmm_vmem_request {
	uint64_t size;	/* not 0; rounded up to the quantum */
	uint64_t align; /* a power of two; less than the quantum: the quantum */
	uint64_t phase; /* the place modulo align; a multiple of the quantum,
			   below align */
	/* A power of two: no multiple of it lies inside. 0: no matter. */
	uint64_t nocross;
	/*
	 * Addresses below and above that belong to the region but are not to
	 * be used: map nothing there, and a stray access faults. Rounded up to
	 * the quantum; the region is larger by them.
	 */
	uint64_t guard[2];
	vmm_va_t min;	  /* the window: first address, guards included, */
	vmm_va_t max;	  /* and last address; 0: UINT64_MAX */
	vmm_va_t where;	  /* for VMM_VMEM_FIXED and VMM_VMEM_HINT */
	uint64_t entropy; /* for VMM_VMEM_RANDOM: any 64 random bits */
	unsigned flags;	  /* VMM_VMEM_... */
	struct vmm_vmem_tags tags; /* stored in the region */
	/*
	 * The node to be used for the region, for one that is part of a larger
	 * structure of yours (VMM_CONTAINER_OF leads to that); NULL: one of the
	 * arena's. It is yours again once the region is freed. One spare node
	 * of the arena is set aside for it meanwhile, so that freeing needs
	 * none.
	 */
	struct vmm_vmem_region *embed;
};

/**
 * vmm_vmem_xalloc() - Allocate a region under constraints.
 * @arena:      The arena.
 * @request:    What is wanted; not kept.
 * @region_out: Receives the region, whose address is its handle.
 *
 * VMM_VMEM_FIXED: the place is @request->where, or the call fails. This is the
 * only way into spans that were added as VMM_VMEM_FIXED_ONLY.
 *
 * VMM_VMEM_HINT: the place is @request->where if that is free, in the window,
 * as aligned as asked for, and there are nodes for the cut; else any.
 *
 * Best fit, without a policy: of the free regions that are large enough for
 * the size and the guards, the smallest are tried in ascending order, as many
 * as VMM_VMEM_PROBES allows, with bins one of each size; then the smallest that
 * holds a place wherever it begins, by being larger by the alignment. The first
 * that has a place is taken. Inside, the place is the first one; in a region too
 * small to hold one for certain, the one that ends with the region if the first
 * is not at its start. If there is a window and all these failed, the search
 * goes on as with VMM_VMEM_FIRST_FIT.
 *
 * VMM_VMEM_FIRST_FIT, VMM_VMEM_LAST_FIT: the lowest, or the highest, place.
 * VMM_VMEM_NEXT_FIT: the lowest behind the end of the region that was last
 * allocated so; if there is none, the lowest.
 * VMM_VMEM_RANDOM: a start is drawn, with the same probability for every
 * aligned address of the window (as far as there are spans, from the first
 * to the last one) behind which the size fits before its end. The place is the
 * first one from there on, or, if there is none, the lowest. In an empty
 * arena of one span all places are equally likely; else a place behind a
 * stretch in use has the chances of the stretch, too.
 *
 * A window or alignment that excludes places: without an alignment above the
 * quantum and without a boundary, a search by address is exact: it fails only
 * if there is no place. With one, it tries the VMM_VMEM_PROBES / 4 nearest free
 * regions that are large enough for size and guards, and then the nearest that
 * holds a place wherever it begins. So a place in a tighter region may be
 * passed over, but only behind that many which had none.
 *
 * Ownership: as vmm_vmem_alloc().
 * Cost:      O(log n) for each of at most VMM_VMEM_PROBES / 4 + 2 steps, and
 *            O(1) for each look at a bin.
 * Return:    VMM_OK, or
 *            VMM_EINVAL   the size is 0; the alignment or the boundary is no
 *                         power of two; the phase is not below the alignment;
 *                         no place can keep from crossing; the window is empty;
 *                         flags are unknown or contradict each other; a
 *                         fixed place is misaligned or crosses the boundary
 *            VMM_ENOTSUP  a window or a policy, and the arena has bins
 *                         without "by address"
 *            VMM_ERANGE   fixed: not inside the window and one span
 *            VMM_EEXIST   fixed: part of the range is in use
 *            VMM_ENOSPC   not fixed: nothing fits, as said above; or a guard
 *                         is larger than 2^32 - 1 quanta
 *            VMM_ENOMEM   too few spare nodes (above the reserve, unless
 *                         VMM_VMEM_USE_RESERVE is given); 0 to 3 are needed
 */
VMM_NODISCARD int vmm_vmem_xalloc(struct vmm_vmem *arena,
	const struct vmm_vmem_request *request,
	const struct vmm_vmem_region **region_out);

#ifdef __cplusplus
}
#endif

#endif /* VMM_VMEM_REQUEST_H */
