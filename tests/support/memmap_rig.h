/* SPDX-License-Identifier: MIT */
/*
 * One memory map: calls that must work, each with the map's own check after it,
 * and what is in it, entry by entry or frame by frame.
 */
#ifndef MEMMAP_RIG_H
#define MEMMAP_RIG_H

#include <vmm/memmap.h>

#include "support/test.h"

#define PAGE VMM_PAGE_SIZE
#define TOP  (UINT64_MAX - 0xfff) /* the last frame's first byte */

static struct vmm_mem_range ranges[2048];
static struct vmm_memmap map;

static inline void open_map(size_t max)
{
	vmm_memmap_init(&map, ranges, max);
}

static inline void add(vmm_pa_t base, uint64_t size)
{
	CHECK_EQ(vmm_memmap_add(&map, base, size), VMM_OK);
	CHECK_EQ(vmm_memmap_check(&map), VMM_OK);
}

static inline void reserve(vmm_pa_t base, uint64_t size, enum vmm_mem_kind kind)
{
	CHECK_EQ(vmm_memmap_reserve(&map, base, size, kind), VMM_OK);
	CHECK_EQ(vmm_memmap_check(&map), VMM_OK);
}

static inline void entry(
	size_t i, vmm_pa_t base, uint64_t size, unsigned kind, unsigned ram)
{
	CHECK(i < map.count);
	CHECK_EQ(ranges[i].base, base);
	CHECK_EQ(ranges[i].size, size);
	CHECK_EQ(ranges[i].kind, kind);
	CHECK_EQ(ranges[i].ram, ram);
}

static struct vmm_mem_frames walk;

static inline void frames(vmm_pfn_t first, uint64_t count, unsigned kind)
{
	CHECK(vmm_memmap_frames_next(&map, &walk));
	CHECK_EQ(walk.first, first);
	CHECK_EQ(walk.count, count);
	CHECK_EQ(walk.kind, kind);
}

static inline void frames_end(void)
{
	struct vmm_mem_frames before = walk;

	CHECK(!vmm_memmap_frames_next(&map, &walk));
	CHECK_EQ(walk.first, before.first);
	CHECK_EQ(walk.count, before.count);
	walk = (struct vmm_mem_frames){0};
}

#endif /* MEMMAP_RIG_H */
