/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the frame allocator share: a map, a zone over it, and the
 * proof that a refused call left no trace. Each program has its own copy.
 */
#ifndef PMEM_RIG_H
#define PMEM_RIG_H

#include <vmm/pmem.h>

#include "support/test.h"

#define PAGE  VMM_PAGE_SIZE
#define BASE  UINT64_C(0x80000000)
#define BLOCK VMM_MIB(2)

static struct vmm_mem_range ranges[64];
static struct vmm_memmap map;
static struct vmm_pmem zone;
static _Alignas(64) unsigned char meta[3 * 1024 * 1024];

static inline void map_open(void)
{
	vmm_memmap_init(&map, ranges, 64);
}

static inline void map_add(vmm_pa_t base, uint64_t size)
{
	CHECK_EQ(vmm_memmap_add(&map, base, size), VMM_OK);
}

static inline void map_reserve(
	vmm_pa_t base, uint64_t size, enum vmm_mem_kind kind)
{
	CHECK_EQ(vmm_memmap_reserve(&map, base, size, kind), VMM_OK);
}

/* A zone over the map, in metadata that is anything but zero. */
static inline void zone_open(const struct vmm_pmem_config *config)
{
	uint64_t size;

	CHECK_EQ(vmm_pmem_meta_size(&map, config, &size), VMM_OK);
	CHECK(size <= sizeof(meta));
	for (uint64_t i = 0; i < size; i++)
		meta[i] = 0xa5;
	CHECK_EQ(vmm_pmem_init(&zone, &map, config, meta, size), VMM_OK);
	CHECK_EQ(vmm_pmem_check(&zone), VMM_OK);
}

/* A zone over one range of RAM. */
static inline void zone_of(vmm_pa_t base, uint64_t size)
{
	map_open();
	map_add(base, size);
	zone_open(NULL);
}

static inline uint64_t digest(void)
{
	uint64_t d = test_digest(TEST_DIGEST_INIT, &zone, sizeof(zone));

	return test_digest(d, zone.meta, zone.meta_size);
}

static inline struct vmm_pmem_stat stat(void)
{
	struct vmm_pmem_stat s;

	vmm_pmem_stat(&zone, &s);
	return s;
}

static inline vmm_pa_t alloc(unsigned order)
{
	vmm_pa_t pa = 1;

	CHECK_EQ(vmm_pmem_alloc(&zone, order, &pa), VMM_OK);
	CHECK_EQ(pa & ((PAGE << order) - 1), 0);
	return pa;
}

/* The call fails as it should and leaves no trace. */
#define REFUSED(call, err)                        \
	do {                                      \
		const uint64_t before = digest(); \
		CHECK_EQ(call, err);              \
		CHECK_EQ(digest(), before);       \
	} while (0)

static inline bool same_runs(const struct vmm_pmem_runs *a)
{
	struct vmm_pmem_runs b;

	vmm_pmem_runs(&zone, &b);
	for (unsigned i = 0; i <= VMM_PMEM_BLOCK_ORDER; i++) {
		if (a->runs[i] != b.runs[i])
			return false;
	}
	return true;
}

#endif /* PMEM_RIG_H */
