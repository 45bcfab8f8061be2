/* SPDX-License-Identifier: MIT */
/*
 * Firmware memory maps: what UEFI, Multiboot2, Limine and E820 say about
 * physical memory, entered into a vmm_memmap. (Devicetrees have <vmm/fdt.h>.)
 *
 * Four boot protocols tell a kernel the same thing in four formats. Each has a
 * reader here that treats every byte as a claim, checks all of it, and only
 * then changes the map:
 *
 *	struct vmm_uefi_map uefi = {buffer, size, desc_size, desc_version};
 *
 *	err = vmm_uefi_memmap(&uefi, &map);
 *
 *	err = vmm_limine_memmap(entries, response->entry_count, &map);
 *
 *	err = vmm_multiboot2_size(info, VMM_MIB(1), &size);
 *	if (!err)
 *		err = vmm_multiboot2_init(&mb, info, size);
 *	if (!err)
 *		err = vmm_multiboot2_memmap(&mb, info_pa, &map);
 *
 * What the types become. The letter R says that the range is RAM too: it will
 * be handed out when its kind is released, and a direct map covers it.
 *
 *   kind         UEFI                    E820     Multiboot2     Limine
 *   ---------    --------------------    -----    -----------    ------------
 *   FREE      R  conventional            1        1              usable
 *   LOADER    R  loader, boot services   -        -              bootloader
 *                                                                reclaimable
 *   LOADER       -                       -        modules, the   -
 *                                                 information
 *   ACPI      R  ACPI reclaim            3        3              reclaimable
 *   NVRAM     R  persistent              7, 12    -              -
 *   PERMANENT R  runtime services, NVS,  4        4              NVS, kernel
 *                PAL, OEM's and OS's                             and modules,
 *                own types                                       mapped
 *   NOMAP        reserved, unusable,     all      all others     reserved,
 *                unaccepted, unknown     others                  bad, unknown
 *   MMIO         MMIO, MMIO ports        -        framebuffer    framebuffer
 *
 * Memory that a protocol calls reserved may be anything: a device, system
 * management RAM, memory that faults when it is read. It is not RAM here and
 * VMM_MEM_NOMAP, so that no direct map covers it even where another entry
 * claims RAM. A kernel that needs some of it (old firmware leaves ACPI tables
 * there) maps it itself.
 *
 * Boot services memory is LOADER and not FREE. UEFI gives it to the kernel once
 * boot services have ended, but the stack and the page tables that a kernel is
 * started on may lie there, and some firmware goes on using it until
 * SetVirtualAddressMap() has been called. Release it when that is over.
 *
 * Where entries overlap, vmm_memmap's rule holds: RAM is what any of them calls
 * RAM, and the strongest kind wins. Order is without meaning. Entries of no
 * length are passed over; bounds need no alignment.
 *
 * The kernel's own image is nowhere marked, but by Limine: reserve it, too.
 *
 * Common to all readers: they take no lock, call no hook, keep nothing, read
 * bytes at any alignment, and are all or nothing: an error leaves the map as
 * it was. To be sure of that, they ask beforehand for the worst case's room, as
 * vmm_memmap_room() has it: for n entries, 2 n + 1 of an empty map. Most of it
 * is free again in the end, since neighbours merge. All readers go over the
 * input twice: it must not change meanwhile.
 *
 * Cost of each: O(input + entries of the input * entries of the map).
 */
#ifndef VMM_FIRMWARE_H
#define VMM_FIRMWARE_H

#include <vmm/config.h>
#include <vmm/error.h>
#include <vmm/memmap.h>
#include <vmm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * UEFI: the map that GetMemoryMap() returns (UEFI 2.10, 7.2.3)
 */

/*
 * Where the map is. Use the sizes that GetMemoryMap() returned and no others:
 * the size of a descriptor is larger than its fields on nearly all firmware (48
 * bytes instead of 40), and that of the map is smaller than the buffer.
 */
struct vmm_uefi_map {
	const void *descriptors;
	size_t size;	       /* bytes: MemoryMapSize */
	size_t desc_size;      /* bytes: DescriptorSize; 40 or more, a multiple
				  of 8 */
	uint32_t desc_version; /* DescriptorVersion; 1 */
};

/* Types of memory: UEFI 2.10, 7.2.1, EFI_MEMORY_TYPE. */
enum vmm_uefi_type {
	VMM_UEFI_RESERVED,
	VMM_UEFI_LOADER_CODE,
	VMM_UEFI_LOADER_DATA,
	VMM_UEFI_BOOT_CODE,
	VMM_UEFI_BOOT_DATA,
	VMM_UEFI_RUNTIME_CODE,
	VMM_UEFI_RUNTIME_DATA,
	VMM_UEFI_CONVENTIONAL,
	VMM_UEFI_UNUSABLE,
	VMM_UEFI_ACPI_RECLAIM,
	VMM_UEFI_ACPI_NVS,
	VMM_UEFI_MMIO,
	VMM_UEFI_MMIO_PORTS,
	VMM_UEFI_PAL_CODE,
	VMM_UEFI_PERSISTENT,
	VMM_UEFI_UNACCEPTED,
	VMM_UEFI_TYPE_COUNT
	/* From 0x70000000 on: an OEM's; from 0x80000000 on: an OS loader's. */
};

/* Attributes that have a say in what a range becomes. */
#define VMM_UEFI_WB	 (UINT64_C(1) << 3)  /* can be cached, write-back */
#define VMM_UEFI_NV	 (UINT64_C(1) << 15) /* keeps its content */
#define VMM_UEFI_SP	 (UINT64_C(1) << 18) /* for a specific purpose */
#define VMM_UEFI_RUNTIME (UINT64_C(1) << 63) /* runtime services need it */

/* A range of the map, and the cursor over all of them: zero it at first. */
struct vmm_uefi_range {
	vmm_pa_t base;	     /* bytes; firmware aligns it to 4 KiB */
	uint64_t size;	     /* bytes, not 0; base + size may be 2^64 */
	uint64_t attributes; /* as found, unknown ones too */
	uint32_t type;	     /* enum vmm_uefi_type, or any number */
	size_t next;	     /* private */
};

/**
 * vmm_uefi_range_next() - Step through the ranges of a UEFI map.
 * @uefi:  The map.
 * @range: The cursor; as it was after an error.
 *
 * For what a vmm_memmap does not keep: where the runtime services are, which
 * memory is for a specific purpose. Descriptors of no pages are passed over.
 *
 * Return: VMM_OK with a range, or
 *         VMM_ENOENT   that was all
 *         VMM_EINVAL   a descriptor size that is none, a descriptor cut off, a
 *                      range past 2^64
 *         VMM_ENOTSUP  another version of the descriptor
 */
VMM_NODISCARD int vmm_uefi_range_next(
	const struct vmm_uefi_map *uefi, struct vmm_uefi_range *range);

/**
 * vmm_uefi_memmap() - Enter a UEFI map.
 * @uefi: The map, as it was when ExitBootServices() succeeded.
 * @map:  Receives it; may hold entries already.
 *
 * Beside its type, a range's attributes count, always towards caution:
 *
 *   no write-back caching  it is no RAM, and NOMAP where it would be FREE
 *   NV                     at least VMM_MEM_NVRAM
 *   RUNTIME                at least VMM_MEM_PERMANENT
 *   SP                     free and loader's memory becomes VMM_MEM_PERMANENT:
 *                          it is meant for one driver or application, as
 *                          memory near an accelerator is. The one that knows
 *                          finds it with vmm_uefi_range_next()
 *
 * The buffer that holds the map is the loader's memory (or the kernel's), as
 * types go, so it needs no reservation of its own.
 *
 * Return: VMM_OK, or
 *         VMM_EINVAL   as in vmm_uefi_range_next()
 *         VMM_ENOTSUP  as in vmm_uefi_range_next()
 *         VMM_ENOENT   the map lists nothing
 *         VMM_ENOMEM   @map's array is too small
 */
VMM_NODISCARD int vmm_uefi_memmap(
	const struct vmm_uefi_map *uefi, struct vmm_memmap *map);

/*
 * E820: the map of PC firmware (ACPI 6.5, 15.1)
 */

/*
 * Where the entries are: base, length (8 bytes each), type (4 bytes) and in
 * entries of 24 bytes the extended attributes (4 bytes), packed.
 */
struct vmm_e820_map {
	const void *entries;
	size_t size;	   /* bytes that can be read */
	size_t count;	   /* entries; they must lie in those bytes */
	size_t entry_size; /* 20 or 24 */
};

/**
 * vmm_e820_memmap() - Enter an E820 map.
 * @e820: The map.
 * @map:  Receives it; may hold entries already.
 *
 * In entries of 24 bytes, one whose attribute bit 0 is clear is passed over, as
 * ACPI 3.0 demands. Old firmware does not write the attributes at all, hence
 * a loader sets them to 1 before it asks for an entry. RAM with bit 1 (not
 * volatile) is VMM_MEM_NVRAM, and with bit 3 (error log) VMM_MEM_PERMANENT.
 *
 * E820 does not mention what every PC has: the interrupt vectors and firmware's
 * data in the first page, or the video memory from 640 KiB on. The latter is in
 * a hole between entries; the first page is listed as RAM.
 *
 * Return: VMM_OK, or
 *         VMM_EINVAL  entries of another size, or a range past 2^64
 *         VMM_ERANGE  more entries than bytes: truncated, or a wrong count
 *         VMM_ENOENT  the map lists nothing
 *         VMM_ENOMEM  @map's array is too small
 */
VMM_NODISCARD int vmm_e820_memmap(
	const struct vmm_e820_map *e820, struct vmm_memmap *map);

/*
 * Limine: the response to a memory map request (Limine Boot Protocol, "Memory
 * Map Feature")
 */

/* An entry, laid out as the protocol has it. */
struct vmm_limine_entry {
	uint64_t base;
	uint64_t length; /* bytes */
	uint64_t type;
};

/**
 * vmm_limine_memmap() - Enter a Limine map.
 * @entries: The response's array of pointers; cast it. @count pointers and what
 *           they point to must be readable: the protocol gives no size, so here
 *           the kernel trusts its boot loader.
 * @count:   The response's entry count. It is held against the room in @map
 *           before the first pointer is read.
 * @map:     Receives it; may hold entries already.
 *
 * The responses themselves, and the stack and page tables that Limine starts a
 * kernel on, are bootloader reclaimable: VMM_MEM_LOADER. Release that kind only
 * when all of them are out of use. Kernel and modules share a type and so
 * become VMM_MEM_PERMANENT.
 *
 * Type 8 holds what firmware keeps in reserved memory and kernels must read:
 * ACPI tables (base revision 4) and more (5). It is mapped by Limine, and
 * stays in the direct map: VMM_MEM_PERMANENT, and RAM.
 *
 * Return: VMM_OK, or
 *         VMM_EINVAL  a NULL pointer, or a range past 2^64
 *         VMM_ENOENT  the map lists nothing
 *         VMM_ENOMEM  @map's array is too small
 */
VMM_NODISCARD int vmm_limine_memmap(
	const struct vmm_limine_entry *const *entries, uint64_t count,
	struct vmm_memmap *map);

/*
 * Multiboot2: the boot information (Multiboot2 Specification 2.0, 3.6)
 */

/* Types of tags that have to do with memory. */
#define VMM_MULTIBOOT2_END	   0
#define VMM_MULTIBOOT2_MODULE	   3
#define VMM_MULTIBOOT2_BASIC	   4 /* two sizes, in KiB */
#define VMM_MULTIBOOT2_MEMORY	   6 /* a map in the manner of E820 */
#define VMM_MULTIBOOT2_FRAMEBUFFER 8
#define VMM_MULTIBOOT2_UEFI	   17 /* a UEFI map */
#define VMM_MULTIBOOT2_UEFI_ACTIVE 18 /* boot services were not ended */

/* Checked boot information. Filled by vmm_multiboot2_init(). */
struct vmm_multiboot2 {
	const unsigned char *info;
	uint32_t size; /* bytes, as the information says */
};

/* A tag, and the cursor over all of them: zero it at first. */
struct vmm_multiboot2_tag {
	const unsigned char *data; /* the tag, from its type on */
	uint32_t type;
	uint32_t size; /* bytes from data, without padding; at least 8 */
	uint32_t next; /* private */
};

/**
 * vmm_multiboot2_size() - How large does boot information say it is?
 * @info:     Where it should be; 8 bytes are read.
 * @max:      The most that the caller would accept, e.g. what is mapped.
 * @size_out: Receives the size in bytes, at most @max.
 *
 * The information has no magic number; that it exists is told by the one in
 * the register eax on entry.
 *
 * Return: VMM_OK, or
 *         VMM_EINVAL  smaller than any boot information
 *         VMM_ERANGE  larger than @max
 */
VMM_NODISCARD int vmm_multiboot2_size(
	const void *info, size_t max, size_t *size_out);

/**
 * vmm_multiboot2_init() - Check boot information from end to end.
 * @mb:   Storage of the caller's; written only on success.
 * @info: The first byte, at any alignment.
 * @size: Bytes that can be read there. The information may be smaller.
 *
 * Checked is that all tags lie inside, one behind the other, and that there is
 * an end. What is in a tag is checked by the function that uses it.
 *
 * Ownership: @info stays the caller's and is used as long as @mb is.
 * Cost:      O(tags).
 * Return:    VMM_OK, or
 *            VMM_EINVAL  malformed
 *            VMM_ERANGE  larger than @size: truncated, or not all mapped
 */
VMM_NODISCARD int vmm_multiboot2_init(
	struct vmm_multiboot2 *mb, const void *info, size_t size);

/**
 * vmm_multiboot2_moved() - Say that the same bytes are now at another address.
 * @mb:   Checked boot information.
 * @info: Where it is seen from now on, e.g. in the direct map.
 */
static inline void vmm_multiboot2_moved(
	struct vmm_multiboot2 *mb, const void *info)
{
	mb->info = (const unsigned char *)info;
}

/**
 * vmm_multiboot2_tag_next() - Step through the tags.
 * @mb:  Checked boot information.
 * @tag: The cursor. Zeroed, it steps to the first tag.
 *
 * Return: true with the next tag, false at the end (the cursor stays). The end
 *         tag is not yielded.
 */
bool vmm_multiboot2_tag_next(
	const struct vmm_multiboot2 *mb, struct vmm_multiboot2_tag *tag);

/**
 * vmm_multiboot2_memmap() - Enter all that boot information says about memory.
 * @mb:      Checked boot information.
 * @info_pa: Its physical address; it becomes a reservation.
 * @map:     Receives it; may hold entries already.
 *
 * One kind of tag says what is RAM: the UEFI map (17) if there is one, since
 * boot loaders make the other from it and much is lost on the way; else the
 * memory map (6); else the two sizes (4), which show no more than the RAM below
 * the first hole. Tags of the same type add up.
 *
 * Modules and the information become VMM_MEM_LOADER, and the framebuffer
 * VMM_MEM_MMIO.
 *
 * While boot services are active (tag 18), maps in the tags go out of date with
 * each allocation, so none is used: such a kernel ends boot services, enters
 * the map it got on the way with vmm_uefi_memmap(), and then calls
 * vmm_multiboot2_reserve().
 *
 * Return: VMM_OK, or
 *         VMM_EBUSY    UEFI boot services are active
 *         VMM_ENOENT   no tag says what is RAM, or the one that counts
 *                      names none
 *         VMM_EINVAL   a malformed tag or range, or the information would not
 *                      fit at @info_pa
 *         VMM_ENOTSUP  a UEFI map of an unknown version
 *         VMM_ENOMEM   @map's array is too small
 */
VMM_NODISCARD int vmm_multiboot2_memmap(const struct vmm_multiboot2 *mb,
	vmm_pa_t info_pa, struct vmm_memmap *map);

/**
 * vmm_multiboot2_reserve() - Enter only what is reserved, not what is RAM.
 * @mb:      Checked boot information.
 * @info_pa: Its physical address.
 * @map:     Receives the modules, the framebuffer and the information.
 *
 * For kernels that have their map from elsewhere.
 *
 * Return: VMM_OK, VMM_EINVAL or VMM_ENOMEM, as in vmm_multiboot2_memmap().
 */
VMM_NODISCARD int vmm_multiboot2_reserve(const struct vmm_multiboot2 *mb,
	vmm_pa_t info_pa, struct vmm_memmap *map);

#ifdef __cplusplus
}
#endif

#endif /* VMM_FIRMWARE_H */
