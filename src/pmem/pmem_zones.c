/* SPDX-License-Identifier: MIT */
/*
 * Zones in an order of preference. There are few of them, a handful on most
 * machines, and they change when memory is plugged: so two sorted arrays, one by
 * address and one row for each node by distance, both made anew at each change,
 * and nothing to lock when they are read.
 */
#include <vmm/pmem_zones.h>

#include "pmem/pmem_internal.h"

/*
 * A hole is not worth metadata from so many frames on: 8 blocks cost 555 bytes
 * in a zone across the hole; a second zone and its cache cost about that.
 */
#define HOLE_FRAMES (8 * VMM_PMEM_BLOCK_FRAMES)

static const struct vmm_pmem *pmem_of(const struct vmm_pmem_zone *zone)
{
	return zone->cache->pmem;
}

/* Is there a cut in (after, upto]? In bytes; a cut is where a zone begins. */
static bool is_cut(const vmm_pa_t *cuts, uint32_t cuts_count, vmm_pa_t after,
	vmm_pa_t upto, vmm_pa_t *cut_out)
{
	for (uint32_t i = 0; i < cuts_count; i++) {
		if (cuts[i] > after && cuts[i] <= upto) {
			*cut_out = cuts[i];
			return true;
		}
	}
	return false;
}

/* Banks that are being made. */
struct banks {
	struct vmm_pmem_bank *at;
	uint32_t count;
	uint32_t max;
};

static bool banks_new(struct banks *b, vmm_pa_t min, vmm_pa_t last)
{
	if (b->count == b->max)
		return false;
	b->at[b->count++] = (struct vmm_pmem_bank){min, last};
	return true;
}

/* Add a stretch of RAM, which may be cut into pieces. */
static bool banks_add(struct banks *b, const vmm_pa_t *cuts,
	uint32_t cuts_count, vmm_pa_t min, vmm_pa_t last)
{
	struct vmm_pmem_bank *before =
		b->count > 0 ? &b->at[b->count - 1] : NULL;
	vmm_pa_t cut;

	if (before != NULL &&
		min - before->last <= vmm_pfn_to_pa(HOLE_FRAMES) &&
		!is_cut(cuts, cuts_count, before->last, min, &cut))
		before->last = last;
	else if (!banks_new(b, min, last))
		return false;
	/* The last bank is cut where it has to be; each time from a new one. */
	while (is_cut(cuts, cuts_count, b->at[b->count - 1].min, last, &cut)) {
		b->at[b->count - 1].last = cut - 1;
		if (!banks_new(b, cut, last))
			return false;
	}
	return true;
}

int vmm_pmem_banks(const struct vmm_memmap *map, const vmm_pa_t *cuts,
	uint32_t cuts_count, struct vmm_pmem_bank *banks_out, uint32_t max,
	uint32_t *count_out)
{
	struct banks banks = {.at = banks_out, .max = max};
	struct vmm_mem_frames walk = {0};

	while (vmm_memmap_frames_next(map, &walk)) {
		const vmm_pa_t min = vmm_pfn_to_pa(walk.first);
		const vmm_pa_t last =
			vmm_range_last(min, vmm_pfn_to_pa(walk.count));

		if (!banks_add(&banks, cuts, cuts_count, min, last))
			return VMM_ENOMEM;
	}
	if (banks.count == 0)
		return VMM_ENOENT;
	*count_out = banks.count;
	return VMM_OK;
}

void vmm_pmem_zones_init(struct vmm_pmem_zones *set,
	struct vmm_pmem_zone *zones, uint32_t max, uint32_t *order,
	uint32_t nodes, const struct vmm_pmem_distance *distance)
{
	VMM_ASSERT(zones != NULL && order != NULL);
	VMM_ASSERT(max >= 1);
	VMM_ASSERT(nodes >= 1);
	*set = (struct vmm_pmem_zones){.zones = zones,
		.order = order,
		.max = max,
		.nodes = nodes,
		.distance = distance};
}

static uint32_t distance(
	const struct vmm_pmem_zones *set, uint32_t from, uint32_t to)
{
	if (set->distance == NULL)
		return from == to ? 10 : 20;
	return set->distance->of(set->distance->ctx, from, to);
}

/* Is zone @a to be asked before zone @b? */
static bool before(
	const struct vmm_pmem_zones *set, uint32_t node, uint32_t a, uint32_t b)
{
	const uint32_t to_a = distance(set, node, set->zones[a].node);
	const uint32_t to_b = distance(set, node, set->zones[b].node);

	return to_a != to_b ? to_a < to_b : a > b;
}

static uint32_t *row_of(const struct vmm_pmem_zones *set, uint32_t node)
{
	return set->order + (size_t)node * set->max;
}

/* Insertion sort of one node's order. */
static void sort_row(const struct vmm_pmem_zones *set, uint32_t node)
{
	uint32_t *row = row_of(set, node);

	for (uint32_t i = 0; i < set->count; i++) {
		uint32_t at = i;

		for (; at > 0 && before(set, node, i, row[at - 1]); at--)
			row[at] = row[at - 1];
		row[at] = i;
	}
}

static void sort_rows(const struct vmm_pmem_zones *set)
{
	for (uint32_t node = 0; node < set->nodes; node++)
		sort_row(set, node);
}

/* The first zone that ends above frame @pfn, or the count. */
static uint32_t zone_at(const struct vmm_pmem_zones *set, vmm_pfn_t pfn)
{
	uint32_t low = 0;
	uint32_t high = set->count;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		const struct vmm_pmem *pmem = pmem_of(&set->zones[middle]);

		if (pmem->first + pmem->count <= pfn)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int vmm_pmem_zones_add(
	struct vmm_pmem_zones *set, const struct vmm_pmem_zone *zone)
{
	const struct vmm_pmem *pmem = pmem_of(zone);
	const uint32_t at = zone_at(set, pmem->first);

	if (zone->node >= set->nodes)
		return VMM_EINVAL;
	if (at < set->count &&
		pmem_of(&set->zones[at])->first < pmem->first + pmem->count)
		return VMM_EEXIST;
	if (set->count == set->max)
		return VMM_ENOMEM;
	for (uint32_t i = set->count; i > at; i--)
		set->zones[i] = set->zones[i - 1];
	set->zones[at] = *zone;
	set->count++;
	sort_rows(set);
	return VMM_OK;
}

int vmm_pmem_zones_remove(
	struct vmm_pmem_zones *set, struct vmm_pmem_cache *cache)
{
	uint32_t at = 0;

	while (at < set->count && set->zones[at].cache != cache)
		at++;
	if (at == set->count)
		return VMM_ENOENT;
	if (vmm_pmem_cache_drain_all(cache) != VMM_OK ||
		cache->pmem->managed != cache->pmem->free + cache->pmem->held)
		return VMM_EBUSY;
	set->count--;
	for (uint32_t i = at; i < set->count; i++)
		set->zones[i] = set->zones[i + 1];
	sort_rows(set);
	return VMM_OK;
}

struct vmm_pmem_zone *vmm_pmem_zones_find(
	const struct vmm_pmem_zones *set, vmm_pa_t pa)
{
	const vmm_pfn_t pfn = vmm_pa_to_pfn(pa);
	const uint32_t at = zone_at(set, pfn);

	if (at == set->count || pmem_of(&set->zones[at])->first > pfn)
		return NULL;
	return &set->zones[at];
}

int vmm_pmem_zones_alloc(const struct vmm_pmem_zones *set, uint32_t cpu,
	uint32_t node, unsigned order, vmm_pa_t *pa_out)
{
	const uint32_t *row;

	if (node >= set->nodes || order > VMM_PMEM_ORDER_MAX)
		return VMM_EINVAL;
	row = row_of(set, node);
	for (uint32_t i = 0; i < set->count; i++) {
		struct vmm_pmem_cache *cache = set->zones[row[i]].cache;
		int err = vmm_pmem_cache_alloc(
			vmm_pmem_cache_cpu(cache, cpu), order, pa_out);

		if (err != VMM_ENOMEM)
			return err;
	}
	return VMM_ENOMEM;
}

int vmm_pmem_zones_xalloc(const struct vmm_pmem_zones *set, uint32_t node,
	const struct vmm_pmem_request *request, vmm_pa_t *pa_out,
	uint64_t *count_out)
{
	const uint32_t *row;

	if (node >= set->nodes)
		return VMM_EINVAL;
	row = row_of(set, node);
	for (uint32_t i = 0; i < set->count; i++) {
		int err = vmm_pmem_cache_xalloc(
			set->zones[row[i]].cache, request, pa_out, count_out);

		if (err != VMM_ENOMEM)
			return err;
	}
	return VMM_ENOMEM;
}

int vmm_pmem_zones_free(const struct vmm_pmem_zones *set, uint32_t cpu,
	vmm_pa_t pa, unsigned order)
{
	const struct vmm_pmem_zone *zone = vmm_pmem_zones_find(set, pa);

	if (order > VMM_PMEM_ORDER_MAX ||
		!vmm_is_aligned(pa, VMM_PAGE_SIZE << order))
		return VMM_EINVAL;
	if (zone == NULL)
		return VMM_ERANGE;
	return vmm_pmem_cache_free(
		vmm_pmem_cache_cpu(zone->cache, cpu), pa, order);
}

int vmm_pmem_zones_free_range(
	const struct vmm_pmem_zones *set, vmm_pa_t pa, uint64_t count)
{
	const struct vmm_pmem_zone *zone = vmm_pmem_zones_find(set, pa);

	if (!vmm_is_aligned(pa, VMM_PAGE_SIZE) || count == 0)
		return VMM_EINVAL;
	if (zone == NULL)
		return VMM_ERANGE;
	return vmm_pmem_cache_free_range(zone->cache, pa, count);
}

/* I2: the order that sort_row() would make is the one that is there. */
static bool row_ok(const struct vmm_pmem_zones *set, uint32_t node)
{
	const uint32_t *row = row_of(set, node);

	for (uint32_t i = 0; i < set->count; i++) {
		if (row[i] >= set->count)
			return false;
		/* In order, each before the next: so none stands there twice. */
		if (i > 0 && !before(set, node, row[i - 1], row[i]))
			return false;
	}
	return true;
}

int vmm_pmem_zones_check(const struct vmm_pmem_zones *set)
{
	vmm_pfn_t end = 0;

	if (set->count > set->max)
		return VMM_ECORRUPT;
	for (uint32_t i = 0; i < set->count; i++) {
		const struct vmm_pmem *pmem = pmem_of(&set->zones[i]);

		if (set->zones[i].node >= set->nodes || pmem->first < end ||
			vmm_pmem_cache_check(set->zones[i].cache) != VMM_OK)
			return VMM_ECORRUPT;
		end = pmem->first + pmem->count;
	}
	for (uint32_t node = 0; node < set->nodes; node++) {
		if (!row_ok(set, node))
			return VMM_ECORRUPT;
	}
	return VMM_OK;
}
