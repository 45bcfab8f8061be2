/* SPDX-License-Identifier: MIT */
/*
 * The memory map: what firmware says about physical memory, made into
 * one sorted table without overlaps.
 *
 * Firmware lists RAM and reservations in any order, unaligned, overlapping,
 * twice. Two independent facts are kept for every byte: is it RAM, and how
 * strongly is it reserved. Adding RAM never undoes a reservation and the
 * strongest reservation wins, so the result does not depend on the order of
 * the calls. Neighbours merge only when both facts agree: a range that is to
 * be released later stays apart from one that is not.
 *
 * The table is an array of the caller's. It needs no heap, and a map is
 * complete in bytes; pages come in only at the end, with
 * vmm_memmap_frames_next().
 */
#ifndef VMM_MEMMAP_H
#define VMM_MEMMAP_H

#include <vmm/config.h>
#include <vmm/error.h>
#include <vmm/port.h>
#include <vmm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * How a range of physical memory may be used, from weak to strong: where two
 * reservations overlap, the larger number wins.
 */
enum vmm_mem_kind {
	VMM_MEM_FREE,	   /* nobody's: for the frame allocator */
	VMM_MEM_LOADER,	   /* boot loader, devicetree, initrd, boot tables:
			      to be released once the kernel is done with it */
	VMM_MEM_ACPI,	   /* ACPI tables: released after they were read */
	VMM_MEM_NVRAM,	   /* persistent memory: never handed out by itself */
	VMM_MEM_PERMANENT, /* kernel image, metadata: never free */
	VMM_MEM_NOMAP,	   /* memory that must not even be mapped: firmware's,
			      devicetree `no-map`; a direct map leaves it out */
	VMM_MEM_MMIO,	   /* device registers */
	VMM_MEM_KIND_COUNT
};

/* One entry of the table. */
struct vmm_mem_range {
	vmm_pa_t base; /* bytes, any alignment */
	uint64_t size; /* bytes, not 0; base + size may be 2^64 */
	uint32_t kind; /* enum vmm_mem_kind */
	uint32_t ram;  /* 1: memory is there; 0: only a reservation */
};

/*
 * A memory map over the caller's array. Invariants, which vmm_memmap_check()
 * tests:
 *   I1  count <= max; every entry is a range with a known kind and ram <= 1;
 *       an entry with ram == 0 has a kind other than VMM_MEM_FREE
 *   I2  entries ascend and do not overlap
 *   I3  touching neighbours differ in kind or in ram. One exception: when all
 *       2^64 bytes agree, the last byte is an entry of its own, because a size
 *       cannot say 2^64
 */
struct vmm_memmap {
	struct vmm_mem_range *ranges;
	size_t count;
	size_t max;
};

/**
 * vmm_memmap_init() - Make an empty map.
 * @map:    Storage of the caller's.
 * @ranges: Array of @max entries; belongs to the map while it is used.
 *          n calls to add or reserve never need more than 2 n + 1 entries;
 *          of calls for the same range, only one counts.
 * @max:    Number of entries; at least 1. A table that is full, or nearly so,
 *          may refuse a range although the result would fit: rewriting needs
 *          room for what is merged in the end.
 *
 * Context: No function of this header takes a lock or calls a hook, but for
 *          the sink of the dump. The caller serialises changes to a map.
 * Cost:    O(1).
 */
void vmm_memmap_init(
	struct vmm_memmap *map, struct vmm_mem_range *ranges, size_t max);

/**
 * vmm_memmap_moved() - Say that the same entries are now at another address.
 * @map:    The map.
 * @ranges: Where the array is seen from now on: a map that was filled before
 *          paging holds a physical address.
 *
 * Cost: O(1).
 */
static inline void vmm_memmap_moved(
	struct vmm_memmap *map, struct vmm_mem_range *ranges)
{
	map->ranges = ranges;
}

/**
 * vmm_memmap_add() - Say that RAM is at a range.
 * @map:  The map.
 * @base: First byte. Any alignment.
 * @size: Bytes. Any alignment; 0 is an error, as is a range past 2^64.
 *
 * Reservations inside the range stay.
 *
 * Cost:   O(entries): the table is rewritten once.
 * Return: VMM_OK, or
 *         VMM_EINVAL  the range is empty or wraps
 *         VMM_ENOMEM  the array is full; the map is unchanged
 */
VMM_NODISCARD int vmm_memmap_add(
	struct vmm_memmap *map, vmm_pa_t base, uint64_t size);

/**
 * vmm_memmap_reserve() - Say that a range is reserved.
 * @map:  The map.
 * @base: First byte. Any alignment, RAM or not.
 * @size: Bytes. Any alignment; 0 is an error, as is a range past 2^64.
 * @kind: Any kind but VMM_MEM_FREE.
 *
 * Where the range is reserved already, the stronger kind stays. What is no RAM
 * does not become RAM.
 *
 * Cost:   O(entries): the table is rewritten once.
 * Return: VMM_OK, or
 *         VMM_EINVAL  the range is empty or wraps, or @kind is not one of
 *                     the reservations
 *         VMM_ENOMEM  the array is full; the map is unchanged
 */
VMM_NODISCARD int vmm_memmap_reserve(struct vmm_memmap *map, vmm_pa_t base,
	uint64_t size, enum vmm_mem_kind kind);

/**
 * vmm_memmap_room() - How many more ranges are sure to fit?
 * @map: The map.
 *
 * For whoever must not stop half-way: so many ranges can be added, reserved or
 * both, whatever they are, and none of the calls returns VMM_ENOMEM. One range
 * may need two entries, and in a map that is not empty each gap may be filled:
 * with c entries and g gaps between them, it is (max - c - g - 1) / 2. As most
 * ranges merge, more than that are likely to fit.
 *
 * Cost:   O(entries).
 * Return: The number of ranges; 0 does not mean that the map is full.
 */
size_t vmm_memmap_room(const struct vmm_memmap *map);

/**
 * vmm_memmap_find_free() - Find room in free RAM, away from everything.
 * @map:      The map; not changed. Reserve what was found to keep it.
 * @size:     Bytes; not 0.
 * @align:    A power of two.
 * @min:      The range starts at or above this address.
 * @last:     The range's last byte is at or below this address.
 * @base_out: Receives the lowest such address.
 *
 * This is how a kernel places the frame allocator's own metadata, or its
 * first page tables, before there is an allocator.
 *
 * Cost:   O(entries).
 * Return: VMM_OK, or
 *         VMM_EINVAL  @size is 0 or @align is no power of two
 *         VMM_ENOMEM  no free RAM of that size lies there
 */
VMM_NODISCARD int vmm_memmap_find_free(const struct vmm_memmap *map,
	uint64_t size, uint64_t align, vmm_pa_t min, vmm_pa_t last,
	vmm_pa_t *base_out);

/*
 * Whole frames of one kind, as vmm_memmap_frames_next() yields them.
 */
struct vmm_mem_frames {
	vmm_pfn_t first;
	uint64_t count; /* 0 before the first call */
	enum vmm_mem_kind kind;
};

/**
 * vmm_memmap_frames_next() - Step through the RAM in whole frames.
 * @map:    The map.
 * @frames: The step's state and result; zero it before the first call.
 *
 * A frame counts as RAM only if all its bytes are RAM, and has the strongest
 * class of any of its bytes. So a frame shared by free memory and a boot
 * module is released with the module: neither too early nor never. Results
 * ascend, and adjacent results differ in kind. There are never more results
 * than entries.
 *
 * Changing the map during a walk is allowed: the walk goes on behind the frames
 * it has yielded, over the map as it is then.
 *
 * Cost:   O(log entries) to find the place again, and the entries passed.
 * Return: true with the next run of frames; false at the end, and then
 *         @frames is as it was.
 */
bool vmm_memmap_frames_next(
	const struct vmm_memmap *map, struct vmm_mem_frames *frames);

/**
 * vmm_memmap_ram() - Bytes of RAM in the map, of one kind.
 * @map:  The map.
 * @kind: The kind; VMM_MEM_FREE for what a frame allocator can start with.
 *
 * Counts bytes: with unaligned entries, whole frames make up less.
 *
 * Cost:   O(entries).
 * Return: The sum; UINT64_MAX should it be 2^64.
 */
uint64_t vmm_memmap_ram(const struct vmm_memmap *map, enum vmm_mem_kind kind);

/**
 * vmm_mem_kind_name() - The name of a kind for people.
 * @kind: Any number.
 *
 * Cost:   O(1).
 * Return: A static string: "free", "loader", ... or "unknown".
 */
const char *vmm_mem_kind_name(unsigned kind);

/**
 * vmm_memmap_check() - Test the invariants.
 * @map: The map; its @ranges must be readable for @count entries.
 *
 * Cost:   O(entries).
 * Return: VMM_OK or VMM_ECORRUPT.
 */
VMM_NODISCARD int vmm_memmap_check(const struct vmm_memmap *map);

/**
 * vmm_memmap_dump() - Print the map, an entry a line, and sums.
 * @map:  The map.
 * @sink: Receives the text: first and last byte, size, kind, RAM or not.
 *
 *   [0x0000000080000000-0x000000008003ffff]       256K  permanent ram
 *   [0x0000000080040000-0x000000009fffffff]    524032K  free      ram
 *   sum                                        524032K  free      ram
 *   sum                                           256K  permanent ram
 *   sum                                           512M  all       ram
 *
 * The sums count RAM, by kind and in all; a kind without RAM has no line. So
 * two dumps, before and after a release, show at a glance where it went.
 *
 * Cost: O(entries).
 */
void vmm_memmap_dump(const struct vmm_memmap *map, const struct vmm_sink *sink);

#ifdef __cplusplus
}
#endif

#endif /* VMM_MEMMAP_H */
