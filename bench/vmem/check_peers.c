/* SPDX-License-Identifier: MIT */
/*
 * Do the contenders do what they are measured for? A peer that loses regions or
 * hands out too much would be a fast one. Each allocator is held against a map
 * of pages under random calls: no page is handed out twice, look-ups find what
 * is there, regions are counted right (so neighbours have been merged), best
 * fit is best fit, and in the end the whole span can be had in one piece. Each
 * tree is held against a table of keys.
 */
#include "vmem/workloads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAP_PAGES ((size_t)1 << 17)
#define SLOTS	  300u
#define CALLS	  30000u
#define KEYS	  4096u
#define NODES	  500u

/* Who has a page: a slot and 1, or 0; and one past the last that anybody ever
   had. */
static uint16_t map[MAP_PAGES];
static size_t map_end;

struct region {
	uint64_t token;
	uint64_t base;
	size_t pages; /* 0: the slot is empty */
};

static struct region regions[SLOTS];
static const struct vmem_peer *peer;
static void *arena;

static size_t page_of(uint64_t address)
{
	return (size_t)((address - VMEM_BASE) >> PAGE_SHIFT);
}

static void paint(const struct region *region, uint16_t from, uint16_t to)
{
	size_t page = page_of(region->base);

	BENCH_MUST(region->base % PAGE_SIZE == 0);
	BENCH_MUST(region->base >= VMEM_BASE);
	BENCH_MUST(page + region->pages < MAP_PAGES);
	for (size_t i = page; i < page + region->pages; i++) {
		BENCH_MUST(map[i] == from);
		map[i] = to;
	}
	if (page + region->pages > map_end)
		map_end = page + region->pages;
}

/* The free pages around a page; the last hole has no end. */
static size_t hole_at(size_t page)
{
	size_t first = page;

	while (first > 0 && map[first - 1] == 0)
		first--;
	while (page < map_end && map[page] == 0)
		page++;
	return page >= map_end ? SIZE_MAX : page - first;
}

/* The smallest hole that has room, and the number of all holes. */
static size_t best_hole(size_t pages, size_t *count_out)
{
	size_t best = SIZE_MAX;
	size_t count = 0;

	for (size_t i = 0; i <= map_end; i++) {
		size_t hole;

		if (map[i] != 0 || (i > 0 && map[i - 1] == 0))
			continue;
		hole = hole_at(i);
		count++;
		if (hole >= pages && hole < best)
			best = hole;
	}
	*count_out = count;
	return best;
}

static void check_count(void)
{
	struct vmem_footprint is;
	size_t holes;
	size_t used = 0;

	if (peer->parks)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		used += regions[i].pages != 0;
	best_hole(1, &holes);
	peer->footprint(arena, &is);
	BENCH_MUST(is.regions == used + holes);
}

static void allocate(struct bench_rng *rng, struct region *region)
{
	uint16_t mark = (uint16_t)(region - regions + 1);
	size_t count;
	size_t pages = bench_log_uniform(rng, bench_below(rng, 2) ? 8 : 600);
	size_t best = best_hole(pages, &count);

	region->pages = pages;
	region->token = peer->alloc(arena, pages << PAGE_SHIFT);
	BENCH_MUST(region->token != 0);
	region->base = peer->base(arena, region->token);
	if (peer->best_fit)
		BENCH_MUST(hole_at(page_of(region->base)) == best);
	paint(region, 0, mark);
}

static void allocate_aligned(struct bench_rng *rng, struct region *region)
{
	uint16_t mark = (uint16_t)(region - regions + 1);
	uint64_t align = PAGE_SIZE << bench_below(rng, 8);

	region->pages = bench_log_uniform(rng, 64);
	region->token = peer->alloc_aligned(
		arena, (uint64_t)region->pages << PAGE_SHIFT, align);
	BENCH_MUST(region->token != 0);
	region->base = peer->base(arena, region->token);
	BENCH_MUST(region->base % align == 0);
	paint(region, 0, mark);
}

/* Somewhere below the end of all holes but the last: refused if, and only if,
   a page of it is in use. */
static void allocate_fixed(struct bench_rng *rng, struct region *region)
{
	uint16_t mark = (uint16_t)(region - regions + 1);
	size_t page = bench_below(rng, 20000);
	size_t pages = bench_log_uniform(rng, 30);
	uint64_t base = VMEM_BASE + ((uint64_t)page << PAGE_SHIFT);
	bool free_there = true;

	for (size_t i = page; i < page + pages; i++)
		free_there &= map[i] == 0;
	region->token =
		peer->alloc_fixed(arena, base, (uint64_t)pages << PAGE_SHIFT);
	BENCH_MUST((region->token != 0) == free_there);
	if (!free_there)
		return;
	region->pages = pages;
	region->base = peer->base(arena, region->token);
	BENCH_MUST(region->base == base);
	paint(region, 0, mark);
}

static void free_region(struct region *region)
{
	uint16_t mark = (uint16_t)(region - regions + 1);

	paint(region, mark, 0);
	BENCH_MUST(peer->free(arena, region->token,
			   (uint64_t)region->pages << PAGE_SHIFT) == 0);
	region->pages = 0;
}

static void look_up(struct bench_rng *rng)
{
	size_t page = bench_below(rng, 30000);
	uint64_t address = VMEM_BASE + ((uint64_t)page << PAGE_SHIFT);
	uint64_t base = map[page] == 0 ? 0 : regions[map[page] - 1].base;

	BENCH_MUST(peer->find_inside(arena, address) == base);
	BENCH_MUST(peer->find(arena, address) == (base == address ? base : 0));
}

static void random_call(struct bench_rng *rng)
{
	struct region *region = &regions[bench_below(rng, SLOTS)];
	uint64_t kind = bench_below(rng, 8);

	if (region->pages != 0)
		free_region(region);
	else if (kind == 0 && peer->alloc_aligned != NULL)
		allocate_aligned(rng, region);
	else if (kind == 1 && peer->alloc_fixed != NULL)
		allocate_fixed(rng, region);
	else
		allocate(rng, region);
	if (peer->find != NULL)
		look_up(rng);
}

static void check_allocator(const struct vmem_peer *of)
{
	struct bench_rng rng = {bench_options.seed};
	size_t size = of->memory(SLOTS);
	uint64_t all;

	peer = of;
	printf("%s: ", peer->name);
	fflush(stdout);
	memset(map, 0, sizeof(map));
	map_end = 0;
	arena = bench_memory(size);
	peer->open(arena, size);
	for (size_t i = 0; i < CALLS; i++) {
		random_call(&rng);
		if (i % 16 == 0)
			check_count();
	}
	for (size_t i = 0; i < SLOTS; i++)
		if (regions[i].pages != 0)
			free_region(&regions[i]);
	all = peer->alloc(arena, VMEM_SPAN);
	BENCH_MUST(all != 0 && peer->base(arena, all) == VMEM_BASE);
	BENCH_MUST(peer->alloc(arena, PAGE_SIZE) == 0);
	BENCH_MUST(peer->free(arena, all, VMEM_SPAN) == 0);
	check_count();
	bench_memory_free(arena, size);
	printf("ok, %u calls\n", CALLS);
}

static void check_tree(const struct tree_peer *tree)
{
	static bool has[KEYS];
	static uint64_t key_of[NODES];
	struct bench_rng rng = {bench_options.seed};
	size_t size = tree->memory(NODES);
	void *at = bench_memory(size);
	uint32_t filled = 0;

	printf("%s: ", tree->name);
	fflush(stdout);
	tree->open(at, NODES);
	memset(has, 0, sizeof(has));
	for (size_t i = 0; i < CALLS; i++) {
		uint32_t node = (uint32_t)bench_below(&rng, NODES);
		uint64_t key = bench_below(&rng, KEYS);

		BENCH_MUST(tree->find(at, key) == has[key]);
		if (has[key])
			continue;
		if (filled == NODES) {
			tree->erase(at, node);
			has[key_of[node]] = false;
		} else {
			node = filled++;
		}
		tree->insert(at, node, key);
		key_of[node] = key;
		has[key] = true;
	}
	bench_memory_free(at, size);
	printf("ok, %u calls\n", CALLS);
}

int main(int argc, char **argv)
{
	static vmem_peers allocators = {&vmem_tlsf, &vmem_tlsf_full,
		&vmem_plain, &vmem_ours_handle, &vmem_ours_sized,
		&vmem_ours_address, &vmem_nocache_handle, &vmem_nocache_sized,
		&vmem_nocache_address, &vmem_windows_handle,
		&vmem_windows_address, &vmem_bare_handle, &vmem_bare_address};
	static const struct tree_peer *const trees[] = {
		&tree_ours, &tree_bsd, &tree_boost, &tree_std};

	bench_open(argc, argv, "vmem");
	for (size_t i = 0; allocators[i] != NULL; i++)
		check_allocator(allocators[i]);
	for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++)
		check_tree(trees[i]);
	return 0;
}
