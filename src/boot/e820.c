/* SPDX-License-Identifier: MIT */
/*
 * Firmware memory maps: E820, ACPI 6.5, 15.1 "INT 15H, E820H".
 *
 *	0            8            16        20           24
 *	+------------+------------+---------+------------+
 *	| base       | length     | type    | attributes |
 *	+------------+------------+---------+------------+
 *
 * The attributes came with ACPI 3.0. Bit 0, then "enabled" and in later
 * editions "reserved, must be 1", is what tells an entry that firmware has
 * written from one that it has not.
 */
#include "boot/firmware_internal.h"

#define ENTRY_BASE	 0
#define ENTRY_LENGTH	 8
#define ENTRY_TYPE	 16
#define ENTRY_ATTRIBUTES 20
#define ENTRY_SIZE	 20
#define ENTRY_SIZE_LONG	 24

/* Table 15.5: extended attributes. */
#define ATTRIBUTE_ENABLED   1
#define ATTRIBUTE_NV	    2
#define ATTRIBUTE_ERROR_LOG 8

/* Table 15.1: AddressRangePersistentMemory, and what OEMs used before. */
#define TYPE_PERSISTENT	    7
#define TYPE_PERSISTENT_OEM 12

static struct vmm_firmware_fate fate_of(uint32_t type, uint32_t attributes)
{
	struct vmm_firmware_fate fate = vmm_e820_fate(type);

	if (type == TYPE_PERSISTENT || type == TYPE_PERSISTENT_OEM)
		fate = (struct vmm_firmware_fate){VMM_MEM_NVRAM, 1};
	if ((attributes & ATTRIBUTE_NV) != 0 && fate.kind < VMM_MEM_NVRAM)
		fate.kind = VMM_MEM_NVRAM;
	if ((attributes & ATTRIBUTE_ERROR_LOG) != 0 &&
		fate.kind < VMM_MEM_PERMANENT)
		fate.kind = VMM_MEM_PERMANENT;
	return fate;
}

static int next(const void *source, struct vmm_firmware_range *range)
{
	const struct vmm_e820_map *e820 = source;

	while (range->index < e820->count) {
		const unsigned char *entry =
			(const unsigned char *)e820->entries +
			(size_t)range->index * e820->entry_size;
		uint32_t attributes = ATTRIBUTE_ENABLED;

		range->index++;
		if (e820->entry_size == ENTRY_SIZE_LONG)
			attributes =
				vmm_firmware_le32(entry + ENTRY_ATTRIBUTES);
		range->base = vmm_firmware_le64(entry + ENTRY_BASE);
		range->size = vmm_firmware_le64(entry + ENTRY_LENGTH);
		if (range->size == 0 || (attributes & ATTRIBUTE_ENABLED) == 0)
			continue;
		if (!vmm_range_ok(range->base, range->size))
			return VMM_EINVAL;
		range->fate = fate_of(
			vmm_firmware_le32(entry + ENTRY_TYPE), attributes);
		return VMM_OK;
	}
	return VMM_ENOENT;
}

int vmm_e820_memmap(const struct vmm_e820_map *e820, struct vmm_memmap *map)
{
	size_t max;

	VMM_ASSERT(e820->entries != NULL || e820->size == 0);

	if (e820->entry_size == ENTRY_SIZE)
		max = e820->size / ENTRY_SIZE;
	else if (e820->entry_size == ENTRY_SIZE_LONG)
		max = e820->size / ENTRY_SIZE_LONG;
	else
		return VMM_EINVAL;
	if (e820->count > max)
		return VMM_ERANGE;
	return vmm_firmware_enter(next, e820, map);
}
