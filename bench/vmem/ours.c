/* SPDX-License-Identifier: MIT */
/*
 * The library, in the variants that are compared. Before the stroke, what it
 * is given to be fast with:
 *
 *	ours     bins, a cache, and an index unless regions are freed by handle
 *	nocache  the same without the cache
 *	windows  as nocache, with bins that serve windows and policies, too
 *	bare     no bins, no index, no cache
 *
 * and after it, what it is given to free a region: the handle, the address and
 * the size, or the address alone.
 */
#include "vmem/peers.h"

#include <vmm/vmem.h>
#include <vmm/vmem_cache.h>

/* Bytes of index for each region in use, as vmem.h advises. */
#define INDEX_EACH 6

struct ours {
	struct vmm_vmem arena; /* first, see peers.h */
	struct vmm_vmem_bins bins;
	struct vmm_vmem_cache cache;
	size_t fixed; /* bytes of what is used of the above, and the index */
	_Alignas(64) char nodes[];
};

enum { BINS = 1, WINDOWS = 2, INDEX = 4, CACHE = 8 };

/* Besides the used regions, half as many free ones, and the span. Where that
   is too little, an allocation fails and the benchmark says so. */
static size_t nodes_size(size_t regions)
{
	size_t all = regions + regions / 2 + 2;
	size_t size = VMM_VMEM_NODES_SIZE(VMM_VMEM_NODES_FOR(all));

	return (size + 63) & ~(size_t)63;
}

/* A power of two of lines of 16 bytes that is enough. */
static size_t index_size(size_t regions)
{
	size_t size = 16;

	while (size < INDEX_EACH * regions)
		size *= 2;
	return size;
}

static size_t memory(size_t regions)
{
	return sizeof(struct ours) + nodes_size(regions) + index_size(regions);
}

/* How many regions there is memory for. */
static size_t regions_of(size_t memory_size)
{
	size_t low = 1;
	size_t high = memory_size;

	while (low + 1 < high) {
		size_t middle = low + (high - low) / 2;

		if (memory(middle) <= memory_size)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static void open_with(void *at, size_t memory_size, unsigned what)
{
	struct ours *ours = at;
	size_t regions = regions_of(memory_size);
	size_t nodes = nodes_size(regions);
	size_t index = index_size(regions);
	int err;

	vmm_vmem_init(&ours->arena, PAGE_SIZE);
	ours->fixed = sizeof(ours->arena);
	if ((what & BINS) != 0) {
		vmm_vmem_set_bins(
			&ours->arena, &ours->bins, (what & WINDOWS) != 0);
		ours->fixed += sizeof(ours->bins);
	}
	if ((what & INDEX) != 0) {
		vmm_vmem_set_index(&ours->arena, ours->nodes + nodes, index);
		ours->fixed += index;
	}
	if ((what & CACHE) != 0) {
		vmm_vmem_cache_init(&ours->cache, &ours->arena, NULL,
			(what & INDEX) != 0 ? 0 : VMM_VMEM_CACHE_HANDLES);
		ours->fixed += sizeof(ours->cache);
	}
	err = vmm_vmem_donate(&ours->arena, ours->nodes, nodes);
	VMM_ASSERT(err == VMM_OK);
	err = vmm_vmem_add(&ours->arena, VMEM_BASE, VMEM_SPAN);
	VMM_ASSERT(err == VMM_OK);
	(void)err;
}

static void open_handle(void *at, size_t memory_size)
{
	open_with(at, memory_size, BINS | CACHE);
}

static void open_address(void *at, size_t memory_size)
{
	open_with(at, memory_size, BINS | INDEX | CACHE);
}

static void open_nocache_handle(void *at, size_t memory_size)
{
	open_with(at, memory_size, BINS);
}

static void open_nocache_address(void *at, size_t memory_size)
{
	open_with(at, memory_size, BINS | INDEX);
}

static void open_windows(void *at, size_t memory_size)
{
	open_with(at, memory_size, BINS | WINDOWS);
}

static void open_windows_address(void *at, size_t memory_size)
{
	open_with(at, memory_size, BINS | WINDOWS | INDEX);
}

static void open_bare(void *at, size_t memory_size)
{
	open_with(at, memory_size, 0);
}

static const struct vmm_vmem_region *region_of(uint64_t token)
{
	return (const struct vmm_vmem_region *)(uintptr_t)token;
}

static uint64_t token_of(const struct vmm_vmem_region *region)
{
	return (uint64_t)(uintptr_t)region;
}

/* Through the cache. */

static uint64_t cache_alloc_handle(void *at, uint64_t size)
{
	struct ours *ours = at;
	const struct vmm_vmem_region *region;

	if (vmm_vmem_cache_alloc_region(&ours->cache, size, &region) != VMM_OK)
		return 0;
	return token_of(region);
}

static int cache_free_handle(void *at, uint64_t token, uint64_t size)
{
	struct ours *ours = at;

	(void)size;
	return vmm_vmem_cache_free_region(&ours->cache, region_of(token));
}

static uint64_t cache_alloc(void *at, uint64_t size)
{
	struct ours *ours = at;
	vmm_va_t base;

	if (vmm_vmem_cache_alloc(&ours->cache, size, &base) != VMM_OK)
		return 0;
	return base;
}

static int cache_free_sized(void *at, uint64_t token, uint64_t size)
{
	struct ours *ours = at;

	return vmm_vmem_cache_free(&ours->cache, token, size);
}

static int cache_free_address(void *at, uint64_t token, uint64_t size)
{
	struct ours *ours = at;

	(void)size;
	return vmm_vmem_cache_free_base(&ours->cache, token);
}

/* Of the arena itself. */

static uint64_t alloc_handle(void *at, uint64_t size)
{
	struct ours *ours = at;
	const struct vmm_vmem_region *region;

	if (vmm_vmem_alloc_region(&ours->arena, size, &region) != VMM_OK)
		return 0;
	return token_of(region);
}

static int free_handle(void *at, uint64_t token, uint64_t size)
{
	struct ours *ours = at;

	(void)size;
	return vmm_vmem_free_region(&ours->arena, region_of(token));
}

static uint64_t base_of_handle(void *at, uint64_t token)
{
	(void)at;
	return vmm_vmem_region_base(region_of(token));
}

static uint64_t alloc_request(
	void *at, const struct vmm_vmem_request *request, bool handle)
{
	struct ours *ours = at;
	const struct vmm_vmem_region *region;

	if (vmm_vmem_xalloc(&ours->arena, request, &region) != VMM_OK)
		return 0;
	return handle ? token_of(region) : vmm_vmem_region_base(region);
}

static uint64_t alloc_handle_aligned(void *at, uint64_t size, uint64_t align)
{
	const struct vmm_vmem_request request = {.size = size, .align = align};

	return alloc_request(at, &request, true);
}

static uint64_t alloc_handle_fixed(void *at, uint64_t base, uint64_t size)
{
	const struct vmm_vmem_request request = {
		.size = size, .where = base, .flags = VMM_VMEM_FIXED};

	return alloc_request(at, &request, true);
}

static uint64_t alloc(void *at, uint64_t size)
{
	struct ours *ours = at;
	vmm_va_t base;

	if (vmm_vmem_alloc(&ours->arena, size, &base) != VMM_OK)
		return 0;
	return base;
}

static int free_sized(void *at, uint64_t token, uint64_t size)
{
	struct ours *ours = at;

	return vmm_vmem_free_sized(&ours->arena, token, size);
}

static int free_address(void *at, uint64_t token, uint64_t size)
{
	struct ours *ours = at;

	(void)size;
	return vmm_vmem_free(&ours->arena, token);
}

static uint64_t base_of_address(void *at, uint64_t token)
{
	(void)at;
	return token;
}

static uint64_t alloc_aligned(void *at, uint64_t size, uint64_t align)
{
	const struct vmm_vmem_request request = {.size = size, .align = align};

	return alloc_request(at, &request, false);
}

static uint64_t alloc_fixed(void *at, uint64_t base, uint64_t size)
{
	struct ours *ours = at;

	if (vmm_vmem_alloc_at(&ours->arena, base, size) != VMM_OK)
		return 0;
	return base;
}

static uint64_t find(void *at, uint64_t base)
{
	struct ours *ours = at;
	const struct vmm_vmem_region *region =
		vmm_vmem_find(&ours->arena, base);

	return region == NULL ? 0 : vmm_vmem_region_base(region);
}

static uint64_t find_inside(void *at, uint64_t address)
{
	struct ours *ours = at;
	const struct vmm_vmem_region *region =
		vmm_vmem_find_containing(&ours->arena, address);

	return region == NULL ? 0 : vmm_vmem_region_base(region);
}

static void footprint(void *at, struct vmem_footprint *footprint_out)
{
	struct ours *ours = at;
	struct vmm_vmem_stat stat;

	vmm_vmem_stat(&ours->arena, &stat);
	*footprint_out = (struct vmem_footprint){
		.regions = stat.used_count + stat.free_count,
		.used = stat.used_count,
		.nodes = (stat.node_count - stat.spare_count) *
			 sizeof(struct vmm_vmem_region),
		.fixed = ours->fixed,
	};
}

static uint64_t top(void *at)
{
	struct ours *ours = at;
	const struct vmm_vmem_region *last =
		vmm_vmem_floor(&ours->arena, UINT64_MAX);

	return last == NULL ? VMEM_BASE
			    : vmm_vmem_region_base(last) +
				      vmm_vmem_region_size(last);
}

/* What all variants share, by what they free by. */
#define COMMON .memory = memory, .footprint = footprint

#define CACHED_BY_HANDLE                                                \
	COMMON, .parks = true, .top = top, .alloc = cache_alloc_handle, \
		.free = cache_free_handle, .base = base_of_handle

#define CACHED_BY_ADDRESS                                        \
	COMMON, .parks = true, .top = top, .alloc = cache_alloc, \
		.base = base_of_address

#define BY_HANDLE                                                              \
	COMMON, .best_fit = true, .alloc = alloc_handle, .free = free_handle,  \
		.base = base_of_handle, .alloc_aligned = alloc_handle_aligned, \
		.alloc_fixed = alloc_handle_fixed, .find = find,               \
		.find_inside = find_inside

#define BY_ADDRESS                                                          \
	COMMON, .best_fit = true, .alloc = alloc, .base = base_of_address,  \
		.alloc_aligned = alloc_aligned, .alloc_fixed = alloc_fixed, \
		.find = find, .find_inside = find_inside

const struct vmem_peer vmem_ours_handle = {
	.name = "ours/handle",
	.open = open_handle,
	CACHED_BY_HANDLE,
};

const struct vmem_peer vmem_ours_sized = {
	.name = "ours/sized",
	.open = open_address,
	.free = cache_free_sized,
	CACHED_BY_ADDRESS,
};

const struct vmem_peer vmem_ours_address = {
	.name = "ours/address",
	.open = open_address,
	.free = cache_free_address,
	CACHED_BY_ADDRESS,
};

const struct vmem_peer vmem_nocache_handle = {
	.name = "nocache/handle",
	.open = open_nocache_handle,
	BY_HANDLE,
};

const struct vmem_peer vmem_nocache_sized = {
	.name = "nocache/sized",
	.open = open_nocache_address,
	.free = free_sized,
	BY_ADDRESS,
};

const struct vmem_peer vmem_nocache_address = {
	.name = "nocache/address",
	.open = open_nocache_address,
	.free = free_address,
	BY_ADDRESS,
};

const struct vmem_peer vmem_windows_handle = {
	.name = "windows/handle",
	.open = open_windows,
	BY_HANDLE,
};

const struct vmem_peer vmem_windows_address = {
	.name = "windows/address",
	.open = open_windows_address,
	.free = free_address,
	BY_ADDRESS,
};

const struct vmem_peer vmem_bare_handle = {
	.name = "bare/handle",
	.open = open_bare,
	BY_HANDLE,
};

const struct vmem_peer vmem_bare_address = {
	.name = "bare/address",
	.open = open_bare,
	.free = free_address,
	BY_ADDRESS,
};
