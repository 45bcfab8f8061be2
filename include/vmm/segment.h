/* SPDX-License-Identifier: MIT */
/*
 * Segments: parts of a space that have a handle. A segment grows and shrinks at
 * its upper end within a limit (a heap and its brk), can be unloaded, contents
 * and all, and loaded again, and can have an allocator that hands out ranges of
 * it: to a slab allocator, to modules, to a driver that wants registers mapped.
 *
 * The name of a segment is not copied: it outlives it, and those of the regions
 * that vmm_space_fork() makes of it.
 *
 * What a microkernel's manager of task memory has, and what it is here, where
 * all sizes are bytes:
 *
 *   vm_new                          vmm_space_init(), vmm_space_add()
 *   vm_free                         vmm_space_fini()
 *   vm_new_segment                  vmm_segment_new(); overlap is refused
 *   vm_segment_grow                 vmm_segment_resize()
 *   vm_segment_clean                vmm_segment_delete(); pages and entries too
 *   vm_segment_alloc                vmm_segment_alloc()
 *   vm_segment_free                 vmm_segment_free()
 *   vm_get_kernel_heap_pages        vmm_segment_alloc() with touch
 *   vm_free_kernel_heap_pages       vmm_segment_free()
 *   vm_map_heap                     vmm_segment_alloc_phys()
 *   vm_unmap_heap                   vmm_segment_free()
 *   vm_map                          vmm_segment_map_phys()
 *   vm_unmap                        vmm_segment_unmap()
 *   vm_segment_load, _unload        vmm_segment_load(), vmm_segment_unload()
 *   vm_get_phys                     vmm_space_phys()
 *   vm_load_task, vm_unload_task    vmm_space_load(), vmm_space_unload()
 *
 * Where each task has a page table of its own, loading a task is turning that
 * on, and nothing here is needed. vmm_space_load() is for machines and kernels
 * with one table for all: there spaces have the same live table, and the
 * segments of one at a time are loaded.
 *
 * Context: as space.h. Calls with one segment's handle are serialised by the
 * caller. vmm_space_unmap() and the like refuse parts of segments;
 * vmm_space_protect(), _discard(), _fault() and so on treat them as any region.
 */
#ifndef VMM_SEGMENT_H
#define VMM_SEGMENT_H

#include <vmm/config.h>
#include <vmm/error.h>
#include <vmm/space.h>
#include <vmm/vmem.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A segment. Every field may be read. vmm_segment_check() tests:
 *   G1  its regions, and no others of the space, say that they are the
 *       segment's, and they tile [base, base + size)
 *   G2  they show what the segment does, or a physical range; they have its
 *       flags, and agree whether it is loaded
 *   G3  the size is not above the limit, and both are whole pages
 *   G4  the arena of its ranges is what its own check wants; its span is
 *       [base, base + limit), and what is past the size is in use, as beyond
 */
struct vmm_segment {
	struct vmm_space *space; /* NULL: deleted */
	vmm_va_t base;
	uint64_t size;	/* bytes */
	uint64_t limit; /* how large it may become, bytes */
	const char *name;
	struct vmm_object *object; /* NULL: none; the segment is a user */
	uint64_t offset;	   /* OBJECT: of the base, bytes */
	enum vmm_space_kind kind;  /* these, from the request, are what it */
	unsigned prot;		   /* grows by */
	unsigned flags;
	bool loaded;
	struct vmm_vmem *ranges; /* NULL: no allocator */
	const struct vmm_vmem_region
		*beyond; /* the arena's, from size to limit */
};

/**
 * vmm_segment_new() - Make a segment.
 * @segment: Storage of the caller's, until vmm_segment_delete(), or until its
 *           regions go with all others of the space (vmm_space_clear(),
 *           _purge(), _fini()); then @segment->space is NULL, and so it is if
 *           the call fails.
 * @space:   The space.
 * @request: Its region; kind ZERO, OBJECT or RESERVED. EAGER: what it has at
 *           first.
 * @limit:   How large it may become, bytes, a multiple of VMM_PAGE_SIZE; 0: as
 *           large as it is. The addresses up to there are not kept free.
 * @ranges:  Storage of the caller's for the arena of an allocator; or NULL.
 *
 * It is loaded. With an allocator it takes a page from the hook at once, and
 * more of them for many ranges.
 *
 * Cost:   As vmm_space_map().
 * Return: VMM_OK, or as vmm_space_map(); VMM_EINVAL also if the limit is
 *         smaller than the size or no multiple of a page, or the kind is
 *         another; VMM_ERANGE if base + limit leaves the addresses that the
 *         format has, or changes over to their other half
 */
VMM_NODISCARD int vmm_segment_new(struct vmm_segment *segment,
	struct vmm_space *space, const struct vmm_space_request *request,
	uint64_t limit, struct vmm_vmem *ranges);

/**
 * vmm_segment_adopt() - Make a segment of a region: after a fork, for instance.
 * @segment, @space, @limit, @ranges: As for vmm_segment_new().
 * @va:      The first address of a region that is no segment's, of a kind that
 *           segments may have, or of a physical range that was mapped in one.
 * @size:    Bytes: of that region, and of others that follow without a gap,
 *           with the same name (not only its text) and flags, of the same
 *           object, page by page.
 *
 * What it grows by is like the first region that is no physical range. Its
 * ranges are all free, and VMM_SPACE_EAGER is forgotten.
 *
 * Cost:   O(regions in the range * log regions).
 * Return: VMM_OK, or as vmm_segment_new(), or
 *         VMM_ERANGE  also if it begins before its object, or ends behind that,
 *                     with physical ranges there
 *         VMM_ENOENT  such regions do not tile the range
 *         VMM_EBUSY   one is a part of a segment
 */
VMM_NODISCARD int vmm_segment_adopt(struct vmm_segment *segment,
	struct vmm_space *space, vmm_va_t va, uint64_t size, uint64_t limit,
	struct vmm_vmem *ranges);

/**
 * vmm_segment_delete() - Unmap a segment and give everything back.
 * @segment: Loaded or not. Its storage is the caller's again. Ranges in use go
 *           with it, and its object has a user less.
 *
 * Cost: O(regions * log regions + pages).
 */
void vmm_segment_delete(struct vmm_segment *segment);

/**
 * vmm_segment_resize() - Grow or shrink at the upper end.
 * @segment: Loaded.
 * @size:    Its new size; a non-zero multiple of VMM_PAGE_SIZE.
 *
 * A brk: round the program's break up to pages for @size, and keep the break.
 *
 * Cost:   O(log regions); and the regions and pages that go.
 * Return: VMM_OK, or
 *         VMM_EINVAL  misaligned or empty
 *         VMM_ERANGE  past the limit, or the object's end
 *         VMM_ENOSPC  a neighbour is in the way
 *         VMM_EBUSY   not loaded; or a range in use would be cut off
 *         or an error of the page hook
 */
VMM_NODISCARD int vmm_segment_resize(
	struct vmm_segment *segment, uint64_t size);

/**
 * vmm_segment_unload() - Take a segment's pages out of the live table.
 * vmm_segment_load() - Put them back.
 * @segment: The segment.
 *
 * Contents survive. A touch of what is not loaded faults
 * (VMM_FAULT_UNLOADED). Two segments at one address, of spaces that have one
 * live table, can be loaded in turns.
 *
 * Cost:   O(regions + pages).
 * Return: VMM_OK, or
 *         VMM_EEXIST   load: the live table has something there, be it where
 *                      the segment has no page
 *         VMM_EBUSY    it is in that state already
 *         VMM_ENOTSUP  the format's root is more than a page: a guest's stage
 *         or an error of the page hook
 */
VMM_NODISCARD int vmm_segment_unload(struct vmm_segment *segment);
VMM_NODISCARD int vmm_segment_load(struct vmm_segment *segment);

/**
 * vmm_space_unload(), vmm_space_load() - The same for all regions of a space.
 * @space: The space; regions that belong to no segment are moved too, and
 *         segments that are in that state already stay in it.
 *
 * For a whole task, with one flush. What is mapped later is loaded.
 *
 * Cost:   O(regions + pages).
 * Return: VMM_OK, or as for a segment: all of it is done, or none; VMM_EBUSY if
 *         there are regions, and all are in that state
 */
VMM_NODISCARD int vmm_space_unload(struct vmm_space *space);
VMM_NODISCARD int vmm_space_load(struct vmm_space *space);

/* Ranges of a segment with an allocator. */

/**
 * vmm_segment_alloc() - Allocate a range.
 * @segment: Loaded, with an allocator.
 * @size:    Bytes; rounded up to pages.
 * @touch:   Have all frames in place when the call returns.
 * @va_out:  Receives the range's first address.
 *
 * Best fit. A segment that is too small is not grown: vmm_segment_resize(),
 * and try again.
 *
 * Cost:   O(log ranges); with @touch as vmm_space_touch().
 * Return: VMM_OK, or
 *         VMM_EINVAL   @size is 0
 *         VMM_ENOTSUP  no allocator
 *         VMM_ENOSPC   nothing fits
 *         VMM_EBUSY    not loaded
 *         or an error of the hooks; the range is free again then
 */
VMM_NODISCARD int vmm_segment_alloc(struct vmm_segment *segment, uint64_t size,
	bool touch, vmm_va_t *va_out);

/**
 * vmm_segment_alloc_phys() - Allocate a range that shows a physical range.
 * @segment: Loaded, with an allocator.
 * @pa:      First physical address, a multiple of VMM_PAGE_SIZE.
 * @size:    Bytes, a non-zero multiple of VMM_PAGE_SIZE.
 * @prot:    VMM_PT_READ and so on, and a memory type: VMM_PT_IO.
 * @va_out:  Receives the range's first address.
 *
 * The frames stay the caller's.
 *
 * Cost, Return: as vmm_segment_alloc() and vmm_segment_map_phys()
 */
VMM_NODISCARD int vmm_segment_alloc_phys(struct vmm_segment *segment,
	vmm_pa_t pa, uint64_t size, unsigned prot, vmm_va_t *va_out);

/**
 * vmm_segment_free() - Free a range, of either kind.
 * @segment: Loaded, with an allocator.
 * @va:      The range's first address.
 *
 * Its frames are put, or unmapped if they are not the space's, and it has the
 * segment's protection again. Free ranges that touch become one. Cannot fail for
 * a range that shows no physical range and was not protected.
 *
 * Cost:   O(log ranges + regions and pages of the range).
 * Return: VMM_OK, or
 *         VMM_ENOENT   no range begins there
 *         VMM_ENOTSUP  no allocator
 *         VMM_EBUSY    not loaded
 *         or an error of the page hook
 */
VMM_NODISCARD int vmm_segment_free(struct vmm_segment *segment, vmm_va_t va);

/**
 * vmm_segment_map_phys() - Show a physical range in a part of a segment.
 * @segment: Loaded.
 * @va, @size: A range of whole pages in it, without pages of a physical range.
 * @pa, @prot: As for vmm_segment_alloc_phys().
 *
 * What was there is dropped. The physical range stays the caller's.
 *
 * Cost:   O(log regions + pages).
 * Return: VMM_OK, or
 *         VMM_EINVAL   misaligned or empty
 *         VMM_ERANGE   not in the segment; no physical range
 *         VMM_EEXIST   a physical range is there
 *         VMM_EBUSY    not loaded
 *         VMM_ENOTSUP  the format cannot express it
 *         or an error of the page hook
 */
VMM_NODISCARD int vmm_segment_map_phys(struct vmm_segment *segment, vmm_va_t va,
	vmm_pa_t pa, uint64_t size, unsigned prot);

/**
 * vmm_segment_unmap() - Undo that.
 * @segment: Loaded.
 * @va, @size: What shows a physical range, all of it.
 * @prot:    What the part has from now on, as the rest of the segment.
 *
 * Cost:   O(log regions + pages).
 * Return: VMM_OK, or
 *         VMM_EINVAL   @prot, or VMM_ENOTSUP, as for vmm_space_map()
 *         VMM_ENOENT   some of that range shows no physical range
 *         VMM_EBUSY    not loaded
 *         or an error of the page hook
 */
VMM_NODISCARD int vmm_segment_unmap(
	struct vmm_segment *segment, vmm_va_t va, uint64_t size, unsigned prot);

/**
 * vmm_segment_check() - Test the invariants.
 * @segment: The segment; no call is in progress on its space.
 *
 * Cost:   O(regions + ranges).
 * Return: VMM_OK or VMM_ECORRUPT
 */
VMM_NODISCARD int vmm_segment_check(struct vmm_segment *segment);

#ifdef __cplusplus
}
#endif

#endif /* VMM_SEGMENT_H */
