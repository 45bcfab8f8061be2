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
 * and feeds the page tables (struct vmm_pages in port.h):
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

#include <vmm/config.h>
#include <vmm/error.h>
#include <vmm/memmap.h>
#include <vmm/port.h>
#include <vmm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Orders up to a block: every one of them is allocated in bounded time. */
#define VMM_PMEM_BLOCK_ORDER  9
#define VMM_PMEM_BLOCK_FRAMES (UINT64_C(1) << VMM_PMEM_BLOCK_ORDER)

/* The largest order of a call: 2^27 frames are 512 GiB, the leaf of a level-3
 * entry in Sv48. */
#define VMM_PMEM_ORDER_MAX 27

/* The metadata begins at a multiple of this: a cache line. */
#define VMM_PMEM_META_ALIGN 64

/* Depth of the search trees for a window of 2^64 bytes: 64^8 > 2^43 blocks. */
#define VMM_PMEM_LEVELS_MAX 8

/*
 * What a zone is to cover. NULL, or all zeros, stands for all RAM of the map
 * and no spare entries.
 */
struct vmm_pmem_config {
	/*
	 * The window: only frames with all their bytes in [min, last]. Cut
	 * zones at 4 GiB for devices with short addresses, or where one node
	 * of a NUMA machine ends. A last of 0 means no limit.
	 *
	 * A zone narrows its window to the first and last frame of RAM in it,
	 * but pays metadata for the holes between them: use a zone for each
	 * bank where they are far apart.
	 */
	vmm_pa_t min;
	vmm_pa_t last;
	/*
	 * The zone copies the map's RAM ranges. Each call of
	 * vmm_pmem_reserve(), vmm_pmem_offline() or vmm_pmem_online() may split
	 * one and so need up to 2 entries more.
	 */
	uint32_t ranges_spare;
	/*
	 * Keep the window as it is asked for, for memory that is plugged in
	 * later: vmm_pmem_online(). Its last must then be given, and the map
	 * need not have any RAM there yet. What lies before the first and
	 * behind the last RAM is offline.
	 */
	bool keep_window;
};

/*
 * A zone. The fields are private: they are here so that the caller can provide
 * the storage. There is no pointer in it but the one to the metadata, nor is
 * there any in the metadata, so both may be moved (vmm_pmem_rebase()).
 *
 * Invariants, which vmm_pmem_check() tests:
 *   I1  the layout of the metadata follows from first, count and ranges_max
 *   I2  the ranges ascend, do not overlap, differ in kind where they touch,
 *       and begin and end with the window; managed is the sum of the free kind
 *   I3  a block's count and order are those of its free frames; every free
 *       frame is managed; a block is flagged as mixed if and only if not every
 *       frame of it is managed
 *   I4  a block is in the set of its order and in no other, and in none if it
 *       is held back; a bit of an upper level is set if and only if the word
 *       below it is not 0; nonempty has a bit for each set that is not empty
 *   I5  free and held are the sums over the blocks that are not held back and
 *       those that are; managed - free - held <= used_peak <= count
 */
struct vmm_pmem {
	void *meta;
	uint64_t meta_size; /* bytes in use */
	vmm_pfn_t first;    /* the window, in frames */
	uint64_t count;	    /* not 0 */
	uint64_t blocks;    /* blocks the window has a part in */
	uint64_t infos_at;  /* bytes from meta: a struct per block */
	uint64_t sets_at;   /* bytes from meta: ten sets of blocks */
	uint64_t set_words; /* words of one set */
	uint64_t ranges_at; /* bytes from meta: the table of ranges */
	uint32_t ranges_count;
	uint32_t ranges_max;
	uint32_t skew;	 /* a block's bit in a set is its index + skew */
	uint32_t levels; /* of a set */
	uint64_t level_at[VMM_PMEM_LEVELS_MAX]; /* words from the set's start */
	uint64_t managed;			/* frames handed over */
	uint64_t free;				/* ... of these, free */
	uint64_t held;	      /* ... or free in blocks that are held back */
	uint64_t blocks_held; /* blocks from which nothing is allocated */
	uint64_t used_peak;   /* most frames in use at a time */
	uint64_t nonempty;    /* bit n: the set of order n has a block */
};

/**
 * vmm_pmem_meta_size() - Ask how much metadata a zone needs.
 * @map:      The firmware's map; not changed.
 * @config:   What the zone is to cover; NULL for all of the map.
 * @size_out: Receives the bytes.
 *
 * The answer still holds after the place for the metadata itself was reserved
 * in the map. About 34.7 KiB for each GiB between the first and the last RAM
 * in the window, 24 bytes for each range, 24 for each spare entry.
 *
 * Cost:   O(entries of the map * log).
 * Return: VMM_OK, or
 *         VMM_EINVAL  the window ends before it begins
 *         VMM_ENOENT  no whole frame of RAM lies in the window
 */
VMM_NODISCARD int vmm_pmem_meta_size(const struct vmm_memmap *map,
	const struct vmm_pmem_config *config, uint64_t *size_out);

/**
 * vmm_pmem_init() - Make a zone from a memory map.
 * @pmem:      Storage of the caller's.
 * @map:       The firmware's map; read now, not kept.
 * @config:    As given to vmm_pmem_meta_size(); read now, not kept.
 * @meta:      The metadata: memory that is mapped, whose content does not
 *             matter, at a multiple of VMM_PMEM_META_ALIGN. The frames it lies
 *             in, if they are in the window, must be reserved in @map.
 * @meta_size: Bytes at @meta. More than asked for means more spare entries.
 *
 * All frames of kind VMM_MEM_FREE are free afterwards. RAM of other kinds waits
 * for vmm_pmem_release(). Most of the metadata is not even written: the bits of
 * a block are, when its first frame is taken.
 *
 * Ownership: @meta belongs to the zone until the caller forgets the zone; there
 *            is nothing to be torn down.
 * Cost:      O(entries * log + blocks): for each block 4 bytes are written, and
 *            a bit in a set.
 * Return:    VMM_OK, or
 *            VMM_EINVAL  the window ends before it begins; @meta is NULL or
 *                        misaligned
 *            VMM_ENOENT  no whole frame of RAM lies in the window
 *            VMM_ENOMEM  @meta_size is too small
 */
VMM_NODISCARD int vmm_pmem_init(struct vmm_pmem *pmem,
	const struct vmm_memmap *map, const struct vmm_pmem_config *config,
	void *meta, uint64_t meta_size);

/**
 * vmm_pmem_rebase() - Tell a zone that its metadata is at another address.
 * @pmem: The zone.
 * @meta: The same bytes: another mapping of them, or a copy. The same
 *        alignment as for vmm_pmem_init().
 *
 * For the moment at which paging goes on, or the identity map goes away. The
 * struct itself may be copied freely, as long as one copy is used.
 *
 * Cost: O(1).
 */
void vmm_pmem_rebase(struct vmm_pmem *pmem, void *meta);

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

/**
 * vmm_pmem_reserve() - Take free frames off the zone for good.
 * @pmem:  The zone.
 * @pa:    The first address, a multiple of VMM_PAGE_SIZE.
 * @count: Frames, not 0.
 *
 * They become VMM_MEM_PERMANENT: neither free nor in use, gone from the sum of
 * managed frames, and freeing them is an error from now on. For frames that
 * turned out to be bad, or that firmware wants after all.
 *
 * Cost:   O(ranges + count / 512).
 * Return: VMM_OK, or
 *         VMM_EINVAL  @pa is misaligned, @count is 0
 *         VMM_ERANGE  a frame lies outside the window
 *         VMM_ENOENT  a frame is not managed
 *         VMM_EBUSY   a frame is in use: free it, then reserve it
 *         VMM_ENOMEM  the table of ranges is full; see @ranges_spare
 */
VMM_NODISCARD int vmm_pmem_reserve(
	struct vmm_pmem *pmem, vmm_pa_t pa, uint64_t count);

/**
 * vmm_pmem_release() - Hand over all frames of one kind.
 * @pmem:       The zone.
 * @kind:       VMM_MEM_LOADER, VMM_MEM_ACPI or VMM_MEM_NVRAM.
 * @frames_out: Receives the number of frames, which may be 0.
 *
 * They are managed and free afterwards. A frame shared by two kinds belongs to
 * the stronger one and waits for that.
 *
 * Cost:   O(ranges + blocks).
 * Return: VMM_OK, or
 *         VMM_EINVAL  frames of that kind are not for release
 */
VMM_NODISCARD int vmm_pmem_release(
	struct vmm_pmem *pmem, enum vmm_mem_kind kind, uint64_t *frames_out);

/**
 * vmm_pmem_hold() - Allocate nothing more from some blocks.
 * @pmem:  The zone.
 * @pa:    The first address: of a block, or of the window.
 * @count: Frames, not 0, up to the end of a block or of the window.
 *
 * The first step to take memory away: its free frames are not to be had from
 * now on, and those in use are held back once they are freed. Walk those with
 * vmm_pmem_next_used(), move their content elsewhere, free them, and take the
 * range offline; or change your mind with vmm_pmem_unhold(). Holes in the
 * range do not matter. A block that is held back already stays so.
 *
 * Claims and reservations of frames in a block that is held back are refused
 * with VMM_EBUSY. Per-CPU caches (pmem_cache.h) have a call of their own.
 *
 * Cost:   O(blocks of the range * levels).
 * Return: VMM_OK, or
 *         VMM_EINVAL  @count is 0, or an end is not that of a block or window
 *         VMM_ERANGE  a frame lies outside the window
 */
VMM_NODISCARD int vmm_pmem_hold(
	struct vmm_pmem *pmem, vmm_pa_t pa, uint64_t count);

/**
 * vmm_pmem_unhold() - Allocate from blocks again.
 * @pmem:  The zone.
 * @pa:    As for vmm_pmem_hold().
 * @count: As for vmm_pmem_hold(). A block that is not held back stays so.
 *
 * Cost:   As for vmm_pmem_hold().
 * Return: As for vmm_pmem_hold().
 */
VMM_NODISCARD int vmm_pmem_unhold(
	struct vmm_pmem *pmem, vmm_pa_t pa, uint64_t count);

/**
 * vmm_pmem_offline() - Take free frames away, until they come online again.
 * @pmem:  The zone.
 * @pa:    The first address, a multiple of VMM_PAGE_SIZE.
 * @count: Frames, not 0.
 *
 * All of them must be free; held back or not. Afterwards they are not managed,
 * like a hole. Blocks that were held back and have a part of the range are
 * held back no longer.
 *
 * Cost:   O(ranges + count / 512).
 * Return: VMM_OK, or
 *         VMM_EINVAL  @pa is misaligned, @count is 0
 *         VMM_ERANGE  a frame lies outside the window
 *         VMM_ENOENT  a frame is not managed
 *         VMM_EBUSY   a frame is in use
 *         VMM_ENOMEM  the table of ranges is full; see @ranges_spare
 */
VMM_NODISCARD int vmm_pmem_offline(
	struct vmm_pmem *pmem, vmm_pa_t pa, uint64_t count);

/**
 * vmm_pmem_online() - Hand over frames that are offline or new.
 * @pmem:  The zone.
 * @pa:    The first address, a multiple of VMM_PAGE_SIZE.
 * @count: Frames, not 0.
 *
 * For memory that was plugged into a hole of the window, and for what went
 * offline. They are managed and free afterwards. Memory outside the window
 * becomes a zone of its own.
 *
 * Cost:   O(ranges + blocks).
 * Return: VMM_OK, or
 *         VMM_EINVAL  @pa is misaligned, @count is 0
 *         VMM_ERANGE  a frame lies outside the window
 *         VMM_EEXIST  a frame is managed, or of a kind that waits for
 *                     vmm_pmem_release(), or permanent
 *         VMM_ENOMEM  the table of ranges is full; see @ranges_spare
 */
VMM_NODISCARD int vmm_pmem_online(
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
