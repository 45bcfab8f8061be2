/* SPDX-License-Identifier: MIT */
/*
 * Segments: theory of operation
 *
 * 1. Parts. A segment is a stretch of regions of its space, its parts, whose
 *    tags lead to it. There is one at first, which shows what the segment was
 *    made for (a plain part); a physical range that is mapped in the midst is
 *    a part of its own, and so is what got another protection. Plain parts are
 *    made anew from the segment's fields by vmm_segment_tags(), when it grows
 *    or a physical range goes.
 *
 * 2. Loading. All pages of all parts move between the live table and the store.
 *    Every copy is made before the first entry goes, and copies can be taken
 *    back without failing; so it is all or nothing. Parts that nothing may touch
 *    have their pages in the store anyway.
 *
 * 3. Ranges. The allocator is an arena with one span, from the base to the
 *    limit. What lies past the size is a used region of it, called beyond, whose
 *    lower end moves when the segment grows. So free ranges on both sides of a
 *    former end are one. Its nodes are in pages from the space's source.
 *
 * 4. Order. A call prepares in the space, then changes the space, then the
 *    arena of ranges, for which there are nodes by then. The handle is the
 *    caller's to serialise, so the arena of ranges needs no lock.
 */
#ifndef VMM_SEGMENT_INTERNAL_H
#define VMM_SEGMENT_INTERNAL_H

#include "space/space_internal.h"

/* Nodes that one change of an arena takes at most, and so a fixed place. */
#define VMM_SEGMENT_NODES 3

/* Tags of a plain part at @va with a protection. */
struct vmm_vmem_tags vmm_segment_tags(
	const struct vmm_segment *segment, vmm_va_t va, unsigned prot);

/* Is a region a part of the segment that shows a physical range? */
static inline bool vmm_segment_is_phys(const struct vmm_vmem_region *region)
{
	return vmm_space_kind(region) == VMM_SPACE_PHYS;
}

/* How to touch all of a segment; without a right if nothing may touch it. */
static inline unsigned vmm_segment_access(const struct vmm_segment *segment)
{
	unsigned prot = segment->prot;

	if (segment->kind == VMM_SPACE_RESERVED)
		return 0;
	if ((prot & VMM_PT_WRITE) != 0)
		return VMM_PT_WRITE | (prot & VMM_PT_USER);
	if ((prot & VMM_PT_READ) != 0)
		return VMM_PT_READ | (prot & VMM_PT_USER);
	return prot & (VMM_PT_EXEC | VMM_PT_USER);
}

static inline vmm_va_t vmm_segment_last(const struct vmm_segment *segment)
{
	return vmm_range_last(segment->base, segment->size);
}

/* Are @va and @size whole pages of the segment? VMM_EINVAL or VMM_ERANGE. */
VMM_NODISCARD int vmm_segment_has(
	const struct vmm_segment *segment, vmm_va_t va, uint64_t size);

/* That many users less of the segment's object, without the lock. */
void vmm_segment_put_object(struct vmm_segment *segment, uint64_t count);

/* segment_phys.c */

/* Drop the pages of a part of the segment, in the window. */
void vmm_segment_empty(struct vmm_segment *segment, struct vmm_space_op *op,
	vmm_va_t va, uint64_t size);
/*
 * Drop the pages of a part of the segment, and have it show what the segment
 * does. Cannot fail if that is what it shows, all of it.
 */
VMM_NODISCARD int vmm_segment_reset(
	struct vmm_segment *segment, vmm_va_t va, uint64_t size, unsigned prot);

/* segment_ranges.c */

/* Make the arena, without a span, but with nodes for all that _set_end() does. */
VMM_NODISCARD int vmm_segment_ranges_init(
	struct vmm_space *space, struct vmm_vmem *ranges);
/* Give all pages back; of an arena with or without ranges in use. */
void vmm_segment_ranges_fini(struct vmm_space *space, struct vmm_vmem *ranges);
/* Have nodes for one change. */
VMM_NODISCARD int vmm_segment_ranges_need(struct vmm_segment *segment);
/* VMM_EBUSY: a range in use is past that size. */
VMM_NODISCARD int vmm_segment_ranges_room(
	const struct vmm_segment *segment, uint64_t size);
/* The size has changed; there are nodes, and room. */
void vmm_segment_ranges_set_end(struct vmm_segment *segment);

#endif /* VMM_SEGMENT_INTERNAL_H */
