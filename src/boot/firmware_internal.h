/* SPDX-License-Identifier: MIT */
/*
 * Firmware memory maps: what the readers share. Private to the library.
 *
 * A reader is a cursor that yields ranges, each with its kind and whether it is
 * RAM. vmm_firmware_enter() goes over it twice: the first pass finds every
 * error and counts, the second cannot fail. This is what keeps a refused map
 * from leaving half of its claims behind.
 *
 * vmm_firmware_enter() is compiled into each reader, so that a reader links
 * without the others and no function pointer is left to be relocated.
 */
#ifndef VMM_BOOT_FIRMWARE_INTERNAL_H
#define VMM_BOOT_FIRMWARE_INTERNAL_H

#include <vmm/firmware.h>

/* What a type of memory becomes; tables of the readers hold these. */
struct vmm_firmware_fate {
	unsigned char kind; /* enum vmm_mem_kind */
	unsigned char ram;
};

/* A range, and where the cursor of a reader is. Zeroed at first. */
struct vmm_firmware_range {
	vmm_pa_t base;
	uint64_t size; /* not 0 */
	struct vmm_firmware_fate fate;

	uint64_t index;		       /* of the next entry, or its offset */
	struct vmm_uefi_range uefi;    /* UEFI, also inside of Multiboot2 */
	struct vmm_multiboot2_tag tag; /* Multiboot2 */
	bool last;		       /* Multiboot2: after all tags */
};

typedef int vmm_firmware_next_fn(
	const void *source, struct vmm_firmware_range *range);

/* Little-endian numbers, by bytes: they may stand at any address. */
static inline uint32_t vmm_firmware_le32(const unsigned char *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
	       (uint32_t)at[3] << 24;
}

static inline uint64_t vmm_firmware_le64(const unsigned char *at)
{
	return vmm_firmware_le32(at) | (uint64_t)vmm_firmware_le32(at + 4)
					       << 32;
}

/* What a range of a UEFI map becomes. */
struct vmm_firmware_fate vmm_uefi_fate(const struct vmm_uefi_range *range);

/* What the types 1 to 5 of E820 become, and all others as reserved. */
static inline struct vmm_firmware_fate vmm_e820_fate(uint32_t type)
{
	static const struct vmm_firmware_fate fates[] = {
		{VMM_MEM_NOMAP, 0},	/* no type */
		{VMM_MEM_FREE, 1},	/* AddressRangeMemory */
		{VMM_MEM_NOMAP, 0},	/* AddressRangeReserved */
		{VMM_MEM_ACPI, 1},	/* AddressRangeACPI */
		{VMM_MEM_PERMANENT, 1}, /* AddressRangeNVS */
	};

	return fates[type < sizeof(fates) / sizeof(fates[0]) ? type : 0];
}

static inline void vmm_firmware_put(
	struct vmm_memmap *map, const struct vmm_firmware_range *range)
{
	int err = VMM_OK;

	if (range->fate.ram != 0)
		err = vmm_memmap_add(map, range->base, range->size);
	VMM_ASSERT(err == VMM_OK);
	if (range->fate.kind != VMM_MEM_FREE)
		err = vmm_memmap_reserve(map, range->base, range->size,
			(enum vmm_mem_kind)range->fate.kind);
	VMM_ASSERT(err == VMM_OK);
	(void)err;
}

/*
 * Enter all that @next yields from @source. VMM_OK, the error of @next,
 * VMM_ENOENT if it yields nothing, or VMM_ENOMEM.
 */
static VMM_ALWAYS_INLINE int vmm_firmware_enter(
	vmm_firmware_next_fn *next, const void *source, struct vmm_memmap *map)
{
	struct vmm_firmware_range range = {0};
	size_t count = 0;
	int err;

	VMM_ASSERT(map != NULL);
	for (;;) {
		err = next(source, &range);
		if (err)
			break;
		VMM_ASSERT(vmm_range_ok(range.base, range.size));
		count++;
	}
	if (err != VMM_ENOENT || count == 0)
		return err;
	if (count > vmm_memmap_room(map))
		return VMM_ENOMEM;
	/* Counted: should the input change after all, it still ends in time. */
	range = (struct vmm_firmware_range){0};
	for (; count > 0 && next(source, &range) == VMM_OK; count--)
		vmm_firmware_put(map, &range);
	return VMM_OK;
}

#endif /* VMM_BOOT_FIRMWARE_INTERNAL_H */
