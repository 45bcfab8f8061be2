/* SPDX-License-Identifier: MIT */
/*
 * Firmware memory maps: the Limine Boot Protocol, "Memory Map Feature".
 *
 * The protocol hands over an array of pointers, already in the kernel's
 * address space, and no size in bytes. The one lie that can be caught is the
 * count: more entries than the map has room for are refused before any is
 * looked at, so a wild count reads nothing. Entries are read by bytes, since
 * the structs that a boot loader has written are not objects of our type.
 */
#include "boot/firmware_internal.h"

#define ENTRY_BASE   0
#define ENTRY_LENGTH 8
#define ENTRY_TYPE   16

struct response {
	const struct vmm_limine_entry *const *entries;
	uint64_t count;
};

static struct vmm_firmware_fate fate_of(uint64_t type)
{
	static const struct vmm_firmware_fate fates[] = {
		{VMM_MEM_FREE, 1},	/* usable */
		{VMM_MEM_NOMAP, 0},	/* reserved */
		{VMM_MEM_ACPI, 1},	/* ACPI reclaimable */
		{VMM_MEM_PERMANENT, 1}, /* ACPI NVS */
		{VMM_MEM_NOMAP, 0},	/* bad memory */
		{VMM_MEM_LOADER, 1},	/* bootloader reclaimable */
		{VMM_MEM_PERMANENT, 1}, /* executable and modules */
		{VMM_MEM_MMIO, 0},	/* framebuffer */
		{VMM_MEM_PERMANENT, 1}, /* ACPI tables; reserved, mapped */
	};
	const uint64_t reserved = 1;

	return fates[type < sizeof(fates) / sizeof(fates[0]) ? type : reserved];
}

static int next(const void *source, struct vmm_firmware_range *range)
{
	const struct response *response = source;

	while (range->index < response->count) {
		const unsigned char *entry =
			(const unsigned char *)response->entries[range->index];

		if (entry == NULL)
			return VMM_EINVAL;
		range->index++;
		range->base = vmm_firmware_le64(entry + ENTRY_BASE);
		range->size = vmm_firmware_le64(entry + ENTRY_LENGTH);
		if (range->size == 0)
			continue;
		if (!vmm_range_ok(range->base, range->size))
			return VMM_EINVAL;
		range->fate = fate_of(vmm_firmware_le64(entry + ENTRY_TYPE));
		return VMM_OK;
	}
	return VMM_ENOENT;
}

int vmm_limine_memmap(const struct vmm_limine_entry *const *entries,
	uint64_t count, struct vmm_memmap *map)
{
	const struct response response = {entries, count};

	VMM_ASSERT(map != NULL);

	if (count == 0)
		return VMM_ENOENT;
	if (entries == NULL || (uintptr_t)entries % sizeof(void *) != 0)
		return VMM_EINVAL;
	if (count > vmm_memmap_room(map))
		return VMM_ENOMEM;
	return vmm_firmware_enter(next, &response, map);
}

_Static_assert(sizeof(struct vmm_limine_entry) == 24, "as the protocol has it");
