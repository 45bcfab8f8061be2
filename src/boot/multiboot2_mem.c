/* SPDX-License-Identifier: MIT */
/*
 * Firmware memory maps: what the tags of Multiboot2 say about memory.
 *
 * One walk over the tags yields the ranges of those that matter, and at its end
 * the information itself. Which type of tag counts as the memory map is settled
 * before, as there may be three. Tags are checked where they are used: a map
 * that does not count may be malformed.
 */
#include "boot/firmware_internal.h"

/* 3.6.6 Modules. */
#define MODULE_START 8
#define MODULE_END   12
#define MODULE_SIZE  16 /* without its text */

/* 3.6.3 Basic memory information. */
#define BASIC_LOWER	8
#define BASIC_UPPER	12
#define BASIC_SIZE	16
#define BASIC_LOWER_MAX 640 /* KiB */

/* 3.6.8 Memory map: entries as those of E820, and an unused word. */
#define MEMORY_ENTRY_SIZE 8
#define MEMORY_ENTRIES	  16
#define ENTRY_BASE	  0
#define ENTRY_LENGTH	  8
#define ENTRY_TYPE	  16
#define ENTRY_SIZE_MIN	  24

/* 3.6.12 Framebuffer info. */
#define FRAMEBUFFER_BASE   8
#define FRAMEBUFFER_PITCH  16
#define FRAMEBUFFER_HEIGHT 24
#define FRAMEBUFFER_SIZE   31 /* without the description of colours */

/* 3.6.19 EFI memory map. */
#define UEFI_DESC_SIZE	  8
#define UEFI_DESC_VERSION 12
#define UEFI_DESCRIPTORS  16

/* What is to be entered. */
struct view {
	const struct vmm_multiboot2 *mb;
	vmm_pa_t info_pa;
	uint32_t map_type; /* of the tags that say what is RAM; END: none */
};

static int module_range(struct vmm_firmware_range *range)
{
	const unsigned char *data = range->tag.data;
	uint32_t start;
	uint32_t end;

	if (range->tag.size < MODULE_SIZE)
		return VMM_EINVAL;
	if (range->index++ != 0)
		return VMM_ENOENT;
	start = vmm_firmware_le32(data + MODULE_START);
	end = vmm_firmware_le32(data + MODULE_END);
	if (end < start)
		return VMM_EINVAL;
	range->base = start;
	range->size = end - start;
	range->fate = (struct vmm_firmware_fate){VMM_MEM_LOADER, 0};
	return VMM_OK;
}

static int framebuffer_range(struct vmm_firmware_range *range)
{
	const unsigned char *data = range->tag.data;

	if (range->tag.size < FRAMEBUFFER_SIZE)
		return VMM_EINVAL;
	if (range->index++ != 0)
		return VMM_ENOENT;
	range->base = vmm_firmware_le64(data + FRAMEBUFFER_BASE);
	/* Below 2^64: both factors have 32 bits. */
	range->size = (uint64_t)vmm_firmware_le32(data + FRAMEBUFFER_PITCH) *
		      vmm_firmware_le32(data + FRAMEBUFFER_HEIGHT);
	range->fate = (struct vmm_firmware_fate){VMM_MEM_MMIO, 0};
	return VMM_OK;
}

/*
 * Two ranges of RAM: from 0, and from 1 MiB. Lower memory ends at 640 KiB, but
 * some loaders count on to 1 MiB, where the video memory is.
 */
static int basic_range(struct vmm_firmware_range *range)
{
	const unsigned char *data = range->tag.data;
	uint32_t lower;

	if (range->tag.size < BASIC_SIZE)
		return VMM_EINVAL;
	lower = vmm_firmware_le32(data + BASIC_LOWER);
	if (lower > BASIC_LOWER_MAX)
		lower = BASIC_LOWER_MAX;
	if (range->index > 1)
		return VMM_ENOENT;
	range->base = range->index == 0 ? 0 : VMM_MIB(1);
	range->size = VMM_KIB(range->index == 0
				      ? lower
				      : vmm_firmware_le32(data + BASIC_UPPER));
	range->index++;
	range->fate = (struct vmm_firmware_fate){VMM_MEM_FREE, 1};
	return VMM_OK;
}

/* The next entry of a memory map; the index counts its bytes. */
static int memory_range(struct vmm_firmware_range *range)
{
	const unsigned char *entry;
	uint32_t entry_size;
	uint32_t left;

	if (range->tag.size < MEMORY_ENTRIES)
		return VMM_EINVAL;
	entry_size = vmm_firmware_le32(range->tag.data + MEMORY_ENTRY_SIZE);
	if (entry_size < ENTRY_SIZE_MIN || (entry_size & 7) != 0)
		return VMM_EINVAL;
	left = range->tag.size - MEMORY_ENTRIES - (uint32_t)range->index;
	if (left == 0)
		return VMM_ENOENT;
	if (left < entry_size)
		return VMM_EINVAL;
	entry = range->tag.data + MEMORY_ENTRIES + range->index;
	range->index += entry_size;
	range->base = vmm_firmware_le64(entry + ENTRY_BASE);
	range->size = vmm_firmware_le64(entry + ENTRY_LENGTH);
	range->fate = vmm_e820_fate(vmm_firmware_le32(entry + ENTRY_TYPE));
	return VMM_OK;
}

static int uefi_range(struct vmm_firmware_range *range)
{
	const unsigned char *data = range->tag.data;
	struct vmm_uefi_map uefi;
	int err;

	if (range->tag.size < UEFI_DESCRIPTORS)
		return VMM_EINVAL;
	uefi.descriptors = data + UEFI_DESCRIPTORS;
	uefi.size = range->tag.size - UEFI_DESCRIPTORS;
	uefi.desc_size = vmm_firmware_le32(data + UEFI_DESC_SIZE);
	uefi.desc_version = vmm_firmware_le32(data + UEFI_DESC_VERSION);
	err = vmm_uefi_range_next(&uefi, &range->uefi);
	if (err)
		return err;
	range->base = range->uefi.base;
	range->size = range->uefi.size;
	range->fate = vmm_uefi_fate(&range->uefi);
	return VMM_OK;
}

/* The next range of the tag at hand, perhaps of size 0. */
static int tag_range(const struct view *view, struct vmm_firmware_range *range)
{
	const uint32_t type = range->tag.type;

	if (type == VMM_MULTIBOOT2_MODULE)
		return module_range(range);
	if (type == VMM_MULTIBOOT2_FRAMEBUFFER)
		return framebuffer_range(range);
	if (type != view->map_type)
		return VMM_ENOENT;
	if (type == VMM_MULTIBOOT2_UEFI)
		return uefi_range(range);
	if (type == VMM_MULTIBOOT2_MEMORY)
		return memory_range(range);
	VMM_ASSERT(type == VMM_MULTIBOOT2_BASIC);
	return basic_range(range);
}

static int next(const void *source, struct vmm_firmware_range *range)
{
	const struct view *view = source;
	int err = VMM_ENOENT;

	while (!range->last) {
		if (range->tag.data != NULL)
			err = tag_range(view, range);
		if (err == VMM_OK && range->size == 0)
			continue;
		if (err == VMM_OK && !vmm_range_ok(range->base, range->size))
			return VMM_EINVAL;
		if (err != VMM_ENOENT)
			return err;
		range->index = 0;
		range->uefi.next = 0;
		if (vmm_multiboot2_tag_next(view->mb, &range->tag))
			continue;
		range->last = true;
		range->base = view->info_pa;
		range->size = view->mb->size;
		range->fate = (struct vmm_firmware_fate){VMM_MEM_LOADER, 0};
		return VMM_OK;
	}
	return VMM_ENOENT;
}

int vmm_multiboot2_reserve(const struct vmm_multiboot2 *mb, vmm_pa_t info_pa,
	struct vmm_memmap *map)
{
	const struct view view = {mb, info_pa, VMM_MULTIBOOT2_END};

	if (!vmm_range_ok(info_pa, mb->size))
		return VMM_EINVAL;
	return vmm_firmware_enter(next, &view, map);
}

/* VMM_OK if the view has any RAM, VMM_ENOENT if not, or what is wrong. */
static int has_ram(const struct view *view)
{
	struct vmm_firmware_range range = {0};
	int err;

	do
		err = next(view, &range);
	while (err == VMM_OK && range.fate.ram == 0);
	return err;
}

int vmm_multiboot2_memmap(const struct vmm_multiboot2 *mb, vmm_pa_t info_pa,
	struct vmm_memmap *map)
{
	struct vmm_multiboot2_tag tag = {0};
	struct view view = {mb, info_pa, VMM_MULTIBOOT2_END};
	int err;

	if (!vmm_range_ok(info_pa, mb->size))
		return VMM_EINVAL;
	while (vmm_multiboot2_tag_next(mb, &tag)) {
		const uint32_t type = tag.type;

		if (type == VMM_MULTIBOOT2_UEFI_ACTIVE)
			return VMM_EBUSY;
		/* Of the three, the larger number says more. */
		if ((type == VMM_MULTIBOOT2_UEFI ||
			    type == VMM_MULTIBOOT2_MEMORY ||
			    type == VMM_MULTIBOOT2_BASIC) &&
			type > view.map_type)
			view.map_type = type;
	}
	if (view.map_type == VMM_MULTIBOOT2_END)
		return VMM_ENOENT;
	err = has_ram(&view);
	if (err != VMM_OK)
		return err;
	return vmm_firmware_enter(next, &view, map);
}
