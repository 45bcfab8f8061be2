/* SPDX-License-Identifier: MIT */
/*
 * Zones: how one begins, and which frames it has to manage.
 *
 * What a zone is, its units, errors and context stand in pmem.h, which includes
 * this header and adds what a kernel does all day: allocate, free, ask. Here is
 * what it does once, or when memory comes and goes.
 *
 *   not managed  --- init, release, online --->  managed: free, or in use
 *                <--- reserve, offline --------
 *
 * To take memory away from under its users, hold it back first: from then on
 * what is freed stays free, and in the end all of it is.
 */
#ifndef VMM_PMEM_ZONE_H
#define VMM_PMEM_ZONE_H

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

#ifdef __cplusplus
}
#endif

#endif /* VMM_PMEM_ZONE_H */
