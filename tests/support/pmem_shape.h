/* SPDX-License-Identifier: MIT */
/*
 * Zones of many shapes for the model test: a window, what lies in it, how it is
 * cut out of a larger map; and the shadow that says the same.
 */
#ifndef PMEM_SHAPE_H
#define PMEM_SHAPE_H

#include "support/pmem_shadow.h"

#define META_MAX (64 * 1024)

static struct vmm_pmem zone;
static _Alignas(64) unsigned char metas[2][META_MAX];
static unsigned meta_at;
static struct vmm_mem_range ranges[256];
static struct rng rng;

/* A window and what happens in it. */
struct shape {
	vmm_pfn_t first;
	uint64_t frames;
	unsigned steps;
	unsigned order_max; /* of requests */
	unsigned holes;	    /* pieces that are no RAM or reserved */
	unsigned around;    /* frames of RAM below and above the window, which
			       is then cut out by min and last; every end of
			       the map is unaligned */
};

/* Bytes by which an end misses a multiple of the page. */
static inline uint64_t ragged(const struct shape *shape)
{
	return shape->around != 0 ? rng_below(&rng, PAGE) : 0;
}

/*
 * RAM from frame @pfn on. An end that is ragged lies outside of the frames,
 * inside the next one, which is not whole then.
 */
static inline void shape_ram(const struct shape *shape, struct vmm_memmap *map,
	vmm_pfn_t pfn, uint64_t count)
{
	const uint64_t low = ragged(shape);

	CHECK_EQ(vmm_memmap_add(map, vmm_pfn_to_pa(pfn) - low,
			 low + count * PAGE + ragged(shape)),
		VMM_OK);
}

/*
 * Reserve @count frames from @pfn on. Ragged ends lie inside the first and the
 * last frame, and at least one byte of each is reserved.
 */
static inline void shape_reserve(const struct shape *shape,
	struct vmm_memmap *map, vmm_pfn_t pfn, uint64_t count,
	enum vmm_mem_kind kind)
{
	const uint64_t skip = ragged(shape);
	uint64_t cut = ragged(shape);

	if (count == 1 && skip + cut >= PAGE)
		cut = 0;
	CHECK_EQ(vmm_memmap_reserve(map, vmm_pfn_to_pa(pfn) + skip,
			 count * PAGE - skip - cut, kind),
		VMM_OK);
}

/* Random pieces that are reserved; the shadow says the same. */
static inline void make_holes(const struct shape *shape, struct vmm_memmap *map)
{
	for (unsigned i = 0; i < shape->holes; i++) {
		static const enum vmm_mem_kind kinds[] = {VMM_MEM_FREE,
			VMM_MEM_PERMANENT, VMM_MEM_LOADER, VMM_MEM_ACPI,
			VMM_MEM_NVRAM};
		const unsigned what = (unsigned)rng_below(&rng, 5);
		const uint64_t n = 1 + rng_below(&rng, shape->frames / 8 + 1);
		const uint64_t at = rng_below(&rng, shape->frames - n + 1);

		if (what != 0 && shadow_all(first + at, n, FREE)) {
			shadow_set(first + at, n,
				(enum shadow)(PERMANENT + what - 1));
			shape_reserve(shape, map, first + at, n, kinds[what]);
		}
	}
}

static inline void open_zone(const struct shape *shape)
{
	struct vmm_pmem_config config = {.ranges_spare = 4};
	const uint64_t around = shape->around;
	struct vmm_memmap map;
	uint64_t size;

	first = shape->first;
	frames = shape->frames;
	vmm_memmap_init(&map, ranges, 256);
	shadow_set(first, frames, FREE);
	for (uint64_t i = 0; i < frames; i++)
		*shadow_held(first + i) = false;
	if (shape->holes > 0 && frames > 100) {
		/* A real gap, a quarter in. */
		const uint64_t low = frames / 4;

		shadow_set(first + low, 33, HOLE);
		shape_ram(shape, &map, first - around, around + low);
		shape_ram(shape, &map, first + low + 33,
			frames - low - 33 + around);
	} else {
		shape_ram(
			shape, &map, first - around, around + frames + around);
	}
	make_holes(shape, &map);
	if (around != 0) {
		/* A whole frame more would be in the window. */
		config.min = vmm_pfn_to_pa(first) - rng_below(&rng, PAGE);
		config.last = vmm_pfn_to_pa(first + frames) - 1 +
			      rng_below(&rng, PAGE);
	}
	CHECK_EQ(vmm_pmem_meta_size(&map, &config, &size), VMM_OK);
	CHECK(size <= META_MAX);
	meta_at = 0;
	CHECK_EQ(vmm_pmem_init(&zone, &map, &config, metas[0], size), VMM_OK);
	/* The zone's window is narrowed to RAM; the rig makes no holes there. */
	CHECK_EQ(zone.first, first);
	CHECK_EQ(zone.count, frames);
}

#endif /* PMEM_SHAPE_H */
