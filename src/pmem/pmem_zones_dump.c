/* SPDX-License-Identifier: MIT */
/* What a set of zones tells people: its counts, a line, a text. */
#include <vmm/pmem_zones.h>

#include "core/text.h"
#include "pmem/pmem_mag.h"

/* While others go on, what is counted later may be more than what it is a part
 * of was. */
static uint64_t part_of(uint64_t count, uint64_t all)
{
	return count < all ? count : all;
}

void vmm_pmem_zones_stat(
	const struct vmm_pmem_zones *set, struct vmm_pmem_zones_stat *stat_out)
{
	struct vmm_pmem_zones_stat sum = {0};

	for (uint32_t i = 0; i < set->count; i++) {
		const struct vmm_pmem_cache *cache = set->zones[i].cache;
		struct vmm_pmem_cache_stat parked;
		struct vmm_pmem_runs runs;
		struct vmm_pmem_stat stat;

		vmm_pmem_runs_in_steps(cache->pmem, cache->lock, &runs);
		cache_lock(cache);
		vmm_pmem_stat(cache->pmem, &stat);
		cache_unlock(cache);
		vmm_pmem_cache_stat(cache, &parked);
		parked.parked = part_of(parked.parked, stat.used);
		sum.managed += stat.managed;
		sum.free += stat.free;
		sum.held += stat.held;
		sum.parked += parked.parked;
		sum.used += stat.used - parked.parked;
		sum.whole += part_of(
			runs.runs[BLOCK_ORDER] << BLOCK_ORDER, stat.free);
	}
	*stat_out = sum;
}

static void number(
	const struct vmm_sink *sink, uint64_t value, const char *what)
{
	vmm_text_dec(sink, value, 0);
	vmm_text_str(sink, what);
}

/* Free frames that are in no whole block, in percent, rounded up. */
static uint64_t broken_percent(const struct vmm_pmem_zones_stat *stat)
{
	const uint64_t broken = stat->free - stat->whole;

	if (stat->free == 0)
		return 0;
	return broken / stat->free * 100 +
	       (broken % stat->free * 100 + stat->free - 1) / stat->free;
}

void vmm_pmem_zones_line(
	const struct vmm_pmem_zones *set, const struct vmm_sink *sink)
{
	struct vmm_pmem_zones_stat stat;

	vmm_pmem_zones_stat(set, &stat);
	vmm_text_str(sink, "frames: ");
	number(sink, stat.managed, " managed, ");
	number(sink, stat.free, " free, ");
	number(sink, stat.parked, " parked, ");
	if (stat.held != 0)
		number(sink, stat.held, " held back, ");
	number(sink, stat.used, " used; ");
	number(sink, broken_percent(&stat),
		"% of the free not in blocks of 2M");
}

static void dump_orders(
	const struct vmm_pmem_zones *set, const struct vmm_sink *sink)
{
	for (uint32_t node = 0; node < set->nodes; node++) {
		const uint32_t *row = set->order + (size_t)node * set->max;

		number(sink, node, " asks zones");
		for (uint32_t i = 0; i < set->count; i++) {
			vmm_text_str(sink, " ");
			vmm_text_dec(sink, row[i], 0);
		}
		vmm_text_str(sink, "\n");
	}
}

void vmm_pmem_zones_dump(
	const struct vmm_pmem_zones *set, const struct vmm_sink *sink)
{
	dump_orders(set, sink);
	for (uint32_t i = 0; i < set->count; i++) {
		const struct vmm_pmem_zone *zone = &set->zones[i];
		struct vmm_pmem_cache_stat stat;

		vmm_text_str(sink, "zone ");
		number(sink, i, " on node ");
		number(sink, zone->node, "\n");
		vmm_pmem_dump_in_steps(
			zone->cache->pmem, zone->cache->lock, sink);
		vmm_pmem_cache_stat(zone->cache, &stat);
		vmm_text_str(sink, "magazines ");
		vmm_text_dec(sink, stat.parked, 14);
		vmm_text_str(sink, " frames parked; ");
		number(sink, stat.refills, " refills, ");
		number(sink, stat.flushes, " flushes, ");
		number(sink, stat.busy, " busy, ");
		number(sink, stat.refused, " refused\n");
	}
	vmm_pmem_zones_line(set, sink);
	vmm_text_str(sink, "\n");
}
