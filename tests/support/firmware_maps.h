/* SPDX-License-Identifier: MIT */
/*
 * Firmware memory maps written by hand after those of real machines, and the
 * encoders that make bytes of them.
 */
#ifndef FIRMWARE_MAPS_H
#define FIRMWARE_MAPS_H

#include <vmm/firmware.h>

/* An entry of any of the formats, before it is encoded. */
struct fw_entry {
	uint64_t base;
	uint64_t size; /* bytes */
	uint32_t type; /* in the numbers of the format */
	uint64_t attributes;
};

#define FW_ENTRIES(table) (sizeof(table) / sizeof((table)[0]))

/* A PC with 16 GiB and a BIOS. */
extern const struct fw_entry fw_pc[];
extern const size_t fw_pc_count;

/* QEMU's q35 with OVMF and 4 GiB, after ExitBootServices(). */
extern const struct fw_entry fw_q35[];
extern const size_t fw_q35_count;

/* The same kind of machine with 2 GiB, as Limine tells it. */
extern const struct fw_entry fw_limine[];
extern const size_t fw_limine_count;

void fw_put32(unsigned char *to, uint32_t value);
void fw_put64(unsigned char *to, uint64_t value);

/*
 * Encode @count entries at @to, @size bytes each, and return the bytes. What a
 * format does not define is filled with 0xa5, so that no reader relies on it.
 */
size_t fw_put_uefi(unsigned char *to, const struct fw_entry *entries,
	size_t count, size_t size);
size_t fw_put_e820(unsigned char *to, const struct fw_entry *entries,
	size_t count, size_t size);
/* The entries of a Multiboot2 memory map. */
size_t fw_put_memory(unsigned char *to, const struct fw_entry *entries,
	size_t count, size_t size);

/* Encode entries, at most FW_ENTER_MAX, and give them to a reader. */
#define FW_ENTER_MAX 1500
int fw_enter_uefi(struct vmm_memmap *map, const struct fw_entry *entries,
	size_t count, size_t size);
int fw_enter_e820(struct vmm_memmap *map, const struct fw_entry *entries,
	size_t count, size_t size);
int fw_enter_limine(
	struct vmm_memmap *map, const struct fw_entry *entries, size_t count);

/* Check that a map is sound, and is this one. */
void fw_expect(const struct vmm_memmap *map,
	const struct vmm_mem_range *expected, size_t count);

/* Multiboot2 boot information that is being written. */
#define FW_INFO_MAX 8192
struct fw_info {
	unsigned char data[FW_INFO_MAX];
	size_t used;
	size_t tag; /* offset of the tag that was begun last */
};

void fw_start(struct fw_info *info);
/* Begin a tag; room for @size bytes behind its header is returned, zeroed. */
unsigned char *fw_tag(struct fw_info *info, uint32_t type, size_t size);
/* Write the last tag and the total size; return the latter. */
size_t fw_finish(struct fw_info *info);

void fw_tag_text(struct fw_info *info, uint32_t type, const char *text);
void fw_tag_module(
	struct fw_info *info, uint32_t start, uint32_t end, const char *text);
void fw_tag_basic(struct fw_info *info, uint32_t lower, uint32_t upper);
void fw_tag_memory(struct fw_info *info, const struct fw_entry *entries,
	size_t count, size_t entry_size);
void fw_tag_framebuffer(
	struct fw_info *info, uint64_t base, uint32_t pitch, uint32_t height);
void fw_tag_uefi(struct fw_info *info, const struct fw_entry *entries,
	size_t count, size_t desc_size);

/*
 * What GRUB hands over on fw_pc: two modules, a framebuffer, tags that have
 * nothing to do with memory, and with @uefi the map of fw_q35 too.
 */
size_t fw_grub(struct fw_info *info, bool uefi);

#endif /* FIRMWARE_MAPS_H */
