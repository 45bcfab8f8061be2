/* SPDX-License-Identifier: MIT */
/*
 * The frame allocator: which frames of physical memory are free.
 *
 * A zone (struct vmm_pmem) hands out the frames of one window of physical
 * memory. It never touches a frame: the memory may be unmapped, may belong to a
 * guest, may be slow. All it knows stands in a block of metadata that the
 * caller provides, less than 36 KiB for a GiB of window.
 *
 * Every frame starts out unavailable, and handing frames over is the only way
 * in. From then on they are *managed*: free, or in use by the caller. A frame
 * that was never handed over (a hole, a reservation, a boot module not yet
 * released) cannot be allocated and cannot be freed by mistake.
 *
 * How a kernel starts one:
 *
 *   struct vmm_pmem_config config = {.ranges_spare = 16};
 *
 *   vmm_pmem_meta_size(&map, &config, &size);
 *   vmm_memmap_find_free(&map, size, VMM_PAGE_SIZE, VMM_PAGE_SIZE,
 *           UINT64_MAX, &pa);             (page 0 would be a NULL pointer)
 *   vmm_memmap_reserve(&map, pa, size, VMM_MEM_PERMANENT);
 *   vmm_pmem_init(&zone, &map, &config, (void *)pa, size);
 *   ... paging goes on ...
 *   vmm_pmem_rebase(&zone, direct_map(pa));
 *   ... the boot loader's data was read ...
 *   vmm_pmem_release(&zone, VMM_MEM_LOADER, &frames);
 *
 * (these are in pmem_zone.h, with all that changes what a zone manages; here is
 * what hands its frames out) and feeds the page tables (struct vmm_pages in
 * port.h):
 *
 *   static int get_page(void *zone, vmm_pa_t *pa_out)
 *   {
 *           return vmm_pmem_alloc(zone, 0, pa_out);
 *   }
 *
 * Units. Addresses are physical and in bytes; a `count` is in frames of
 * VMM_PAGE_SIZE; an `order` stands for 2^order frames. A *block* is the 512
 * frames of an aligned 2 MiB (order 9). An *aligned run* of an order is 2^order
 * frames that begin at a multiple of their own size, counted from address 0,
 * wherever the window begins. Costs are in blocks, words of 64 bits, and
 * levels: the depth of the search trees, 1 up to a window of 128 MiB, 2 up to
 * 8 GiB, 3 up to 512 GiB, 4 up to 32 TiB, if it begins at a multiple of that
 * size; else perhaps one more.
 *
 * Errors are the same everywhere:
 *
 *   VMM_EINVAL  malformed: address misaligned, count 0, order too large
 *   VMM_ERANGE  well formed, but not all of it lies in the window
 *   VMM_ENOENT  in the window, but some frame of it is not managed
 *   VMM_EEXIST  to be freed, but some frame of it is free already
 *   VMM_EBUSY   to be taken by name, but some frame of it is in use
 *   VMM_ENOMEM  no such free frames, or a table of the metadata is full
 *
 * and are looked for in this order. An error means that nothing was changed.
 *
 * Context. No function takes a lock, calls a hook (but for the sink of the
 * dump), allocates or sleeps. The caller serialises all calls that share a
 * zone, the queries too; zones are independent of each other. A caller that
 * holds a suitable lock may call everything from an interrupt; only the costs
 * given as O(blocks) grow with the window.
 */
#ifndef VMM_PMEM_H
#define VMM_PMEM_H

#include <vmm/pmem_zone.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * vmm_pmem_alloc() - Allocate an aligned run of frames.
 * @pmem:   The zone.
 * @order:  2^order frames, 0 to VMM_PMEM_ORDER_MAX: 0 is a page, 9 is 2 MiB,
 *          18 is 1 GiB, 27 is 512 GiB.
 * @pa_out: Receives the first address, a multiple of the run's size.
 *
 * Small runs come out of the most broken block that has one, so that whole
 * blocks stay whole; whole blocks come from the other end of the zone. The
 * content of the frames is what it was.
 *
 * Ownership: The frames are the caller's until they are freed, in one piece or
 *            in any parts.
 * Cost:      Up to order 9: O(levels), inside two cache lines of a block.
 *            Above: O(blocks / 64 + 2^order / 512), one pass over the words
 *            of whole blocks, 8 words for a GiB of window, and then the
 *            infos of the blocks that are taken.
 * Return:    VMM_OK, or
 *            VMM_EINVAL  @order is above VMM_PMEM_ORDER_MAX
 *            VMM_ENOMEM  no aligned run of that order is free
 */
VMM_NODISCARD int vmm_pmem_alloc(
	struct vmm_pmem *pmem, unsigned order, vmm_pa_t *pa_out);

/**
 * vmm_pmem_alloc_run() - Allocate contiguous frames.
 * @pmem:        The zone.
 * @count:       Frames, any number but 0.
 * @align_order: The first address is a multiple of 2^align_order frames; 0 for
 *               any frame. May exceed the size: (4, 2) is the 16 KiB root of a
 *               guest's table, (1, 4) a single frame at a multiple of 64 KiB.
 * @pa_out:      Receives the first address.
 *
 * Only @count frames are taken. The search is complete: a run that crosses
 * blocks is found too, and an error means that there is none.
 *
 * Ownership: As for vmm_pmem_alloc(). Free with vmm_pmem_free_range().
 * Cost:      As vmm_pmem_alloc() if an aligned run of the next power of two is
 *            free. Else one pass over the window: O(blocks), plus the words and
 *            the free runs of the blocks in part use. Taking the frames is
 *            O(count / 512).
 * Return:    VMM_OK, or
 *            VMM_EINVAL  @count is 0, @align_order is too large
 *            VMM_ENOMEM  no such run is free
 */
VMM_NODISCARD int vmm_pmem_alloc_run(struct vmm_pmem *pmem, uint64_t count,
	unsigned align_order, vmm_pa_t *pa_out);

/**
 * vmm_pmem_alloc_up_to() - Allocate contiguous frames, as many as there are.
 * @pmem:      The zone.
 * @count:     Frames wanted, not 0.
 * @pa_out:    Receives the first address.
 * @count_out: Receives the frames taken, 1 to @count.
 *
 * Takes @count contiguous frames if it can, else the longest run that is free.
 * Called until the sum is reached, it collects a scattered buffer of few parts.
 *
 * Ownership: As for vmm_pmem_alloc(). Free with vmm_pmem_free_range().
 * Cost:      As for vmm_pmem_alloc_run().
 * Return:    VMM_OK, or
 *            VMM_EINVAL  @count is 0
 *            VMM_ENOMEM  not a single frame is free
 */
VMM_NODISCARD int vmm_pmem_alloc_up_to(struct vmm_pmem *pmem, uint64_t count,
	vmm_pa_t *pa_out, uint64_t *count_out);

/*
 * Where frames have to lie, for vmm_pmem_xalloc(). Zeros mean no demand, but
 * for the count: {.count = 4, .last = VMM_GIB(4) - 1} is four frames that a
 * device with 32 address bits can reach.
 */
struct vmm_pmem_request {
	uint64_t count;	      /* contiguous frames; not 0 */
	uint64_t count_least; /* so few would do as well; 0: no fewer */
	unsigned align_order; /* begin at a multiple of 2^align_order frames */
	vmm_pa_t min;	      /* the first byte is at or above this one */
	vmm_pa_t last;	      /* the last byte is at or below; 0: no limit */
	uint64_t nocross; /* bytes, a power of two of at least a page: no two
			     of the frames lie on different sides of a multiple
			     of this; 0: no such border */
};

/**
 * vmm_pmem_xalloc() - Allocate contiguous frames at a place with demands.
 * @pmem:      The zone.
 * @request:   The demands.
 * @pa_out:    Receives the first address.
 * @count_out: Receives the frames taken, from count_least to count; may be
 *             NULL, which makes sense if no fewer would do.
 *
 * The search is complete: an error means that there is no such run. If fewer
 * frames will do and not all are to be had, the longest run within the demands
 * is taken.
 *
 * Ownership: As for vmm_pmem_alloc(). Free with vmm_pmem_free_range().
 * Cost:      As for vmm_pmem_alloc_run(); the pass is over the part of the
 *            window between min and last.
 * Return:    VMM_OK, or
 *            VMM_EINVAL  count is 0 or below count_least, align_order is too
 *                        large, min is above last; nocross is not a power of
 *                        two, or smaller than a page or the least size
 *            VMM_ENOMEM  no such run is free
 */
VMM_NODISCARD int vmm_pmem_xalloc(struct vmm_pmem *pmem,
	const struct vmm_pmem_request *request, vmm_pa_t *pa_out,
	uint64_t *count_out);

/**
 * vmm_pmem_free() - Free an aligned run of frames.
 * @pmem:  The zone.
 * @pa:    The first address, a multiple of the run's size.
 * @order: 2^order frames. Need not be the order of the allocation: a part may
 *         be freed, and several allocations at once.
 *
 * Wrong frees are reported and not obeyed, even when only one frame of the run
 * is wrong.
 *
 * Cost:   Up to order 9: O(levels), and O(log ranges) in a block that is not
 *         managed entirely. Above: O(2^order / 512).
 * Return: VMM_OK, or
 *         VMM_EINVAL  @pa is misaligned for @order, @order is too large
 *         VMM_ERANGE  a frame lies outside the window
 *         VMM_ENOENT  a frame is not managed: a hole, reserved, never released
 *         VMM_EEXIST  a frame is free already
 */
VMM_NODISCARD int vmm_pmem_free(
	struct vmm_pmem *pmem, vmm_pa_t pa, unsigned order);

/**
 * vmm_pmem_free_range() - Free contiguous frames.
 * @pmem:  The zone.
 * @pa:    The first address, a multiple of VMM_PAGE_SIZE.
 * @count: Frames, not 0; a whole allocation, a part of one, or several.
 *
 * Cost:   O(log ranges + count / 512).
 * Return: As for vmm_pmem_free().
 */
VMM_NODISCARD int vmm_pmem_free_range(
	struct vmm_pmem *pmem, vmm_pa_t pa, uint64_t count);

/**
 * vmm_pmem_claim() - Take frames by name.
 * @pmem:  The zone.
 * @pa:    The first address, a multiple of VMM_PAGE_SIZE.
 * @count: Frames, not 0.
 *
 * All or nothing: what the boot code used without asking, a frame buffer, a
 * page that a device insists on.
 *
 * Ownership: As for vmm_pmem_alloc(): the frames may be freed later.
 * Cost:      O(log ranges + count / 512).
 * Return:    VMM_OK, or
 *            VMM_EINVAL  @pa is misaligned, @count is 0
 *            VMM_ERANGE  a frame lies outside the window
 *            VMM_ENOENT  a frame is not managed
 *            VMM_EBUSY   a frame is in use
 */
VMM_NODISCARD int vmm_pmem_claim(
	struct vmm_pmem *pmem, vmm_pa_t pa, uint64_t count);

/* A stretch of frames in use, for vmm_pmem_next_used(). */
struct vmm_pmem_used {
	vmm_pa_t pa;
	uint64_t count;
};

/**
 * vmm_pmem_next_used() - Step through the frames that are in use.
 * @pmem: The zone.
 * @used: The step's state and result. To begin, zero it, or set pa to the page
 *        to begin with and count to 0.
 *
 * What is in use is what the zone's users owe it: walk it to find leaks, or to
 * empty a range. Results are maximal stretches within one managed range.
 * Changing the zone during a walk is allowed.
 *
 * Cost:   O(ranges + blocks passed).
 * Return: true with the next stretch; false at the end, and then @used is as it
 *         was.
 */
bool vmm_pmem_next_used(
	const struct vmm_pmem *pmem, struct vmm_pmem_used *used);

/**
 * vmm_pmem_is_free() - Is the frame that holds an address free?
 * @pmem: The zone.
 * @pa:   Any address.
 *
 * Cost:   O(1).
 * Return: false also for what is outside the window or not managed.
 */
bool vmm_pmem_is_free(const struct vmm_pmem *pmem, vmm_pa_t pa);

/* Counts of a zone, in frames. */
struct vmm_pmem_stat {
	vmm_pa_t base;	    /* of the window, in bytes */
	uint64_t count;	    /* of the window, holes included */
	uint64_t managed;   /* handed over: free + held + used */
	uint64_t free;	    /* to be had */
	uint64_t held;	    /* free, but held back: vmm_pmem_hold() */
	uint64_t used;	    /* allocated or claimed */
	uint64_t used_peak; /* the most at a time since init */
};

/**
 * vmm_pmem_stat() - Read the counts.
 * @pmem:     The zone.
 * @stat_out: Receives them.
 *
 * Cost: O(1).
 */
void vmm_pmem_stat(const struct vmm_pmem *pmem, struct vmm_pmem_stat *stat_out);

/* Free runs of a zone: runs[n] aligned runs of order n. */
struct vmm_pmem_runs {
	uint64_t runs[VMM_PMEM_BLOCK_ORDER + 1];
};

/**
 * vmm_pmem_runs() - Count the free runs by order.
 * @pmem:     The zone.
 * @runs_out: Receives them.
 *
 * Each free frame counts in the largest aligned run it is a part of, blocks
 * being the largest: runs[9] is the number of whole free blocks, and the sum
 * of runs[n] << n is the number of free frames.
 *
 * Cost: O(blocks), and the words of each that is neither full nor empty.
 */
void vmm_pmem_runs(const struct vmm_pmem *pmem, struct vmm_pmem_runs *runs_out);

/**
 * vmm_pmem_check() - Test all invariants.
 * @pmem: The zone; its @meta must be readable for the size once given.
 *
 * Reads the fields before it trusts them: a damaged zone is reported, not
 * followed.
 *
 * Cost:   O(blocks + ranges). With VMM_ASSERT_LEVEL 2 every call that changes
 *         the zone ends with it.
 * Return: VMM_OK or VMM_ECORRUPT.
 */
VMM_NODISCARD int vmm_pmem_check(const struct vmm_pmem *pmem);

/**
 * vmm_pmem_dump() - Print a zone for people.
 * @pmem: The zone.
 * @sink: Receives the text: the counts, the ranges, the free runs by order.
 *
 * Cost: As vmm_pmem_runs().
 */
void vmm_pmem_dump(const struct vmm_pmem *pmem, const struct vmm_sink *sink);

#ifdef __cplusplus
}
#endif

#endif /* VMM_PMEM_H */
