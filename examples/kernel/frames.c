/* SPDX-License-Identifier: MIT */
/*
 * The zone's metadata lies in RAM that nobody else claims. The magazines' own
 * memory is the first that the zone hands out: by then it is reachable through
 * the direct map, and it never moves.
 */
#include "frames.h"

#include "console.h"
#include "harts.h"
#include "kernel.h"
#include "lock.h"

static struct vmm_pmem_cache cache;
static uint32_t taken;

static void check(int err, const char *what)
{
	expect(err == VMM_OK, "%s: %s", what, vmm_err_name(err));
}

static void init_zone(void)
{
	struct vmm_sink sink = console();
	uint64_t size;
	vmm_pa_t meta;

	check(vmm_pmem_meta_size(&kernel.map, NULL, &size), "metadata size");
	check(vmm_memmap_find_free(
		      &kernel.map, size, VMM_PAGE_SIZE, 0, UINT64_MAX, &meta),
		"room for metadata");
	check(vmm_memmap_reserve(&kernel.map, meta, size, VMM_MEM_PERMANENT),
		"reserve metadata");
	print("memory map\n");
	vmm_memmap_dump(&kernel.map, &sink);
	check(vmm_pmem_init(&kernel.pmem, &kernel.map, NULL,
		      vmm_dmap_va(&kernel.dmap, meta, size), size),
		"frame allocator");
}

/* Frames out of the zone, for the magazines. */
static void *memory(uint64_t size)
{
	const uint64_t count = vmm_align_up(size, VMM_PAGE_SIZE);
	vmm_pa_t pa;

	check(vmm_pmem_alloc_run(&kernel.pmem, vmm_pa_to_pfn(count), 0, &pa),
		"memory of the magazines");
	return vmm_dmap_va(&kernel.dmap, pa, size);
}

static void init_magazines(void)
{
	/* The kernel asks for pages and now and then for a superpage. */
	static const struct vmm_pmem_depth depths[] = {{0, 64}, {9, 2}};
	static const struct vmm_lock lock = {
		lock_acquire, lock_release, &taken};
	const struct vmm_pmem_cache_config config = {.cpus = HARTS_MAX,
		.depths = depths,
		.depths_count = 2,
		.policy = VMM_PMEM_SPLIT,
		.lock = &lock};
	struct vmm_pmem_cache_sizes sizes;

	check(vmm_pmem_cache_size(&kernel.pmem, &config, &sizes),
		"size of the magazines");
	check(vmm_pmem_cache_init(&cache, &kernel.pmem, &config,
		      memory(sizes.memory), memory(sizes.marks)),
		"magazines");
}

void frames_init(void)
{
	init_zone();
	init_magazines();
}

struct vmm_pmem_cache *frames_cache(void)
{
	return &cache;
}

static struct vmm_pmem_cpu *own(void)
{
	return vmm_pmem_cache_cpu(&cache, (uint32_t)harts_self());
}

int frame_alloc(unsigned order, vmm_pa_t *pa_out)
{
	return vmm_pmem_cache_alloc(own(), order, pa_out);
}

int frame_free(vmm_pa_t pa, unsigned order)
{
	return vmm_pmem_cache_free(own(), pa, order);
}

int frames_free(vmm_pa_t pa, uint64_t count)
{
	return vmm_pmem_cache_free_range(&cache, pa, count);
}

void frames_drain(void)
{
	check(vmm_pmem_cache_drain_all(&cache), "drain");
}

int frames_check(void)
{
	return vmm_pmem_cache_check(&cache);
}
