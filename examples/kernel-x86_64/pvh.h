/* SPDX-License-Identifier: MIT */
/*
 * What a PVH boot loader tells: Xen's public header arch-x86/hvm/start_info.h
 * describes the two structs.
 */
#ifndef KERNEL_PVH_H
#define KERNEL_PVH_H

#include <stdint.h>

#define PVH_MAGIC 0x336ec578

struct pvh_start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t modules_count;
	uint64_t modules;
	uint64_t command_line;
	uint64_t rsdp;
	uint64_t memory_map;	   /* from version 1 on */
	uint32_t memory_map_count; /* likewise */
	uint32_t reserved;
};

struct pvh_memory {
	uint64_t base;
	uint64_t size;
	uint32_t type; /* as in E820 */
	uint32_t reserved;
};

_Static_assert(sizeof(struct pvh_start_info) == 56, "as Xen has it");
_Static_assert(sizeof(struct pvh_memory) == 24, "as Xen has it");

#endif /* KERNEL_PVH_H */
