/* SPDX-License-Identifier: MIT */
/*
 * Firmware memory maps: UEFI 2.10, 7.2.3 EFI_BOOT_SERVICES.GetMemoryMap().
 *
 * The map is an array of descriptors whose size firmware tells, so that later
 * versions can append fields:
 *
 *	0       4       8            16            24           32       40
 *	+-------+-------+------------+-------------+------------+---------+---
 *	| type  |  pad  | physical   | virtual     | number of  | attri-  | new
 *	|       |       | start      | start       | pages      | butes   | ...
 *	+-------+-------+------------+-------------+------------+---------+---
 *
 * A map is refused as a whole if one descriptor cannot be true. To skip such a
 * descriptor would be guessing which of its fields is wrong; the common cause
 * is a size of 40 where firmware said 48, and then all of them are.
 */
#include "boot/firmware_internal.h"

#define DESC_TYPE	0
#define DESC_BASE	8
#define DESC_PAGES	24
#define DESC_ATTRIBUTES 32
#define DESC_SIZE_MIN	40

/* UEFI pages have 4 KiB on all machines: 7.2.1 AllocatePages(). */
#define PAGE_SHIFT 12

/* Types that others may define as theirs: 7.2.1, EFI_MEMORY_TYPE. */
#define TYPE_OTHERS 0x70000000

/* By the table of memory types after ExitBootServices() in 7.2.3. */
struct vmm_firmware_fate vmm_uefi_fate(const struct vmm_uefi_range *range)
{
	static const struct vmm_firmware_fate fates[VMM_UEFI_TYPE_COUNT] = {
		[VMM_UEFI_RESERVED] = {VMM_MEM_NOMAP, 0},
		[VMM_UEFI_LOADER_CODE] = {VMM_MEM_LOADER, 1},
		[VMM_UEFI_LOADER_DATA] = {VMM_MEM_LOADER, 1},
		[VMM_UEFI_BOOT_CODE] = {VMM_MEM_LOADER, 1},
		[VMM_UEFI_BOOT_DATA] = {VMM_MEM_LOADER, 1},
		[VMM_UEFI_RUNTIME_CODE] = {VMM_MEM_PERMANENT, 1},
		[VMM_UEFI_RUNTIME_DATA] = {VMM_MEM_PERMANENT, 1},
		[VMM_UEFI_CONVENTIONAL] = {VMM_MEM_FREE, 1},
		[VMM_UEFI_UNUSABLE] = {VMM_MEM_NOMAP, 0},
		[VMM_UEFI_ACPI_RECLAIM] = {VMM_MEM_ACPI, 1},
		[VMM_UEFI_ACPI_NVS] = {VMM_MEM_PERMANENT, 1},
		[VMM_UEFI_MMIO] = {VMM_MEM_MMIO, 0},
		[VMM_UEFI_MMIO_PORTS] = {VMM_MEM_MMIO, 0},
		[VMM_UEFI_PAL_CODE] = {VMM_MEM_PERMANENT, 1},
		[VMM_UEFI_PERSISTENT] = {VMM_MEM_NVRAM, 1},
		/* A guest that touches unaccepted memory is stopped. */
		[VMM_UEFI_UNACCEPTED] = {VMM_MEM_NOMAP, 0},
	};
	struct vmm_firmware_fate fate = {VMM_MEM_NOMAP, 0};

	if (range->type < VMM_UEFI_TYPE_COUNT)
		fate = fates[range->type];
	else if (range->type >= TYPE_OTHERS)
		/* Allocated by its owner out of conventional memory. */
		fate = (struct vmm_firmware_fate){VMM_MEM_PERMANENT, 1};

	if ((range->attributes & VMM_UEFI_SP) != 0 &&
		fate.kind <= VMM_MEM_LOADER)
		fate.kind = VMM_MEM_PERMANENT;
	if ((range->attributes & VMM_UEFI_NV) != 0 && fate.kind < VMM_MEM_NVRAM)
		fate.kind = VMM_MEM_NVRAM;
	if ((range->attributes & VMM_UEFI_RUNTIME) != 0 &&
		fate.kind < VMM_MEM_PERMANENT)
		fate.kind = VMM_MEM_PERMANENT;
	if ((range->attributes & VMM_UEFI_WB) == 0) {
		fate.ram = 0;
		if (fate.kind == VMM_MEM_FREE)
			fate.kind = VMM_MEM_NOMAP;
	}
	return fate;
}

static int check_format(const struct vmm_uefi_map *uefi)
{
	if (uefi->desc_version != 1)
		return VMM_ENOTSUP;
	if (uefi->desc_size < DESC_SIZE_MIN || (uefi->desc_size & 7) != 0)
		return VMM_EINVAL;
	return VMM_OK;
}

int vmm_uefi_range_next(
	const struct vmm_uefi_map *uefi, struct vmm_uefi_range *range)
{
	size_t at = range->next;
	int err = check_format(uefi);

	VMM_ASSERT(uefi->descriptors != NULL || uefi->size == 0);
	VMM_ASSERT(at <= uefi->size);

	if (err)
		return err;
	while (at < uefi->size) {
		const unsigned char *desc =
			(const unsigned char *)uefi->descriptors + at;
		struct vmm_uefi_range found;
		uint64_t pages;

		if (uefi->size - at < uefi->desc_size)
			return VMM_EINVAL;
		at += uefi->desc_size;
		pages = vmm_firmware_le64(desc + DESC_PAGES);
		if (pages == 0)
			continue;
		if (pages > UINT64_MAX >> PAGE_SHIFT)
			return VMM_EINVAL;
		found.base = vmm_firmware_le64(desc + DESC_BASE);
		found.size = pages << PAGE_SHIFT;
		if (!vmm_range_ok(found.base, found.size))
			return VMM_EINVAL;
		found.type = vmm_firmware_le32(desc + DESC_TYPE);
		found.attributes = vmm_firmware_le64(desc + DESC_ATTRIBUTES);
		found.next = at;
		*range = found;
		return VMM_OK;
	}
	return VMM_ENOENT;
}

static int next(const void *source, struct vmm_firmware_range *range)
{
	int err = vmm_uefi_range_next(source, &range->uefi);

	if (err)
		return err;
	range->base = range->uefi.base;
	range->size = range->uefi.size;
	range->fate = vmm_uefi_fate(&range->uefi);
	return VMM_OK;
}

int vmm_uefi_memmap(const struct vmm_uefi_map *uefi, struct vmm_memmap *map)
{
	VMM_ASSERT(uefi != NULL);
	return vmm_firmware_enter(next, uefi, map);
}
