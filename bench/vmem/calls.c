/* SPDX-License-Identifier: MIT */
/*
 * Every call of the library that is O(log n): its instructions in an arena of n
 * regions in its steady state, with random arguments. Between the calls the
 * arena is churned, so that each meets another state: what happens to one call
 * in some hundred, such as a full node of a tree, happens here at all sizes.
 * Allocations and frees are in the adversaries, too (adversaries.c). What is
 * O(n) by its nature is not here: check, dump, walks, freeing all.
 */
#include "vmem/calls.h"

#include <vmm/vmem.h>
#include <vmm/vmem_nest.h>

#include <math.h>
#include <stdlib.h>

#define MIX_PAGES 1024
#define TIMES	  4000u
#define REQUESTS  64 /* pages, of a request at most */

/* An arena in its steady state. */
struct rig {
	struct vmm_vmem *arena;
	struct bench_rng rng;
	uint64_t *bases; /* by slot */
	uint32_t *pages;
	size_t slots;
	uint64_t top; /* one past the last region */
	struct vmm_vmem child;
	char child_nodes[VMM_VMEM_NODES_SIZE(16)];
};

static size_t any_slot(struct rig *rig)
{
	return bench_below(&rig->rng, rig->slots);
}

static uint64_t any_size(struct rig *rig)
{
	return bench_log_uniform(&rig->rng, REQUESTS) << PAGE_SHIFT;
}

static uint64_t any_address(struct rig *rig)
{
	uint64_t pages = (rig->top - VMEM_BASE) >> PAGE_SHIFT;

	return VMEM_BASE + (bench_random(&rig->rng) % pages << PAGE_SHIFT);
}

static const struct vmm_vmem_region *region_at(struct rig *rig, size_t slot)
{
	const struct vmm_vmem_region *region =
		vmm_vmem_find(rig->arena, rig->bases[slot]);

	BENCH_MUST(region != NULL);
	return region;
}

static uint64_t size_of(const struct rig *rig, size_t slot)
{
	return (uint64_t)rig->pages[slot] << PAGE_SHIFT;
}

/* What a call costs, by whatever it is called with here. */
#define COST(call)                              \
	({                                      \
		uint64_t start = bench_ticks(); \
		call;                           \
		bench_spent(start);             \
	})

/* A request; the region is freed again. @may_fail: it need not be met. */
static double request(
	struct rig *rig, const struct vmm_vmem_request *request, bool may_fail)
{
	const struct vmm_vmem_region *region;
	int err;
	double cost = COST(err = vmm_vmem_xalloc(rig->arena, request, &region));

	BENCH_MUST(err == VMM_OK || may_fail);
	if (err == VMM_OK)
		BENCH_MUST(vmm_vmem_free_region(rig->arena, region) == VMM_OK);
	return cost;
}

static double call_alloc(struct rig *rig)
{
	return request(
		rig, &(struct vmm_vmem_request){.size = any_size(rig)}, false);
}

static double call_aligned(struct rig *rig)
{
	return request(rig,
		&(struct vmm_vmem_request){.size = any_size(rig),
			.align = PAGE_SIZE << bench_below(&rig->rng, 10)},
		false);
}

static double call_phase(struct rig *rig)
{
	return request(rig,
		&(struct vmm_vmem_request){.size = any_size(rig),
			.align = 64 * PAGE_SIZE,
			.phase = bench_below(&rig->rng, 64) * PAGE_SIZE},
		false);
}

static double call_nocross(struct rig *rig)
{
	return request(rig,
		&(struct vmm_vmem_request){
			.size = any_size(rig), .nocross = REQUESTS * PAGE_SIZE},
		false);
}

static double call_guarded(struct rig *rig)
{
	return request(rig,
		&(struct vmm_vmem_request){
			.size = any_size(rig), .guard = {PAGE_SIZE, PAGE_SIZE}},
		false);
}

/* A window of a 16th of what is in use, anywhere. */
static double call_window(struct rig *rig)
{
	uint64_t min = any_address(rig);

	return request(rig,
		&(struct vmm_vmem_request){.size = any_size(rig),
			.min = min,
			.max = min + (rig->top - VMEM_BASE) / 16},
		true);
}

static double call_aligned_window(struct rig *rig)
{
	uint64_t min = any_address(rig);

	return request(rig,
		&(struct vmm_vmem_request){.size = any_size(rig),
			.align = PAGE_SIZE << bench_below(&rig->rng, 10),
			.min = min,
			.max = min + (rig->top - VMEM_BASE) / 16},
		true);
}

static double by_policy(struct rig *rig, unsigned flags)
{
	return request(rig,
		&(struct vmm_vmem_request){.size = any_size(rig),
			.flags = flags,
			.entropy = bench_random(&rig->rng)},
		false);
}

static double call_first_fit(struct rig *rig)
{
	return by_policy(rig, VMM_VMEM_FIRST_FIT);
}

static double call_last_fit(struct rig *rig)
{
	return by_policy(rig, VMM_VMEM_LAST_FIT);
}

static double call_next_fit(struct rig *rig)
{
	return by_policy(rig, VMM_VMEM_NEXT_FIT);
}

static double call_random(struct rig *rig)
{
	return by_policy(rig, VMM_VMEM_RANDOM);
}

static double at_address(struct rig *rig, unsigned flags)
{
	return request(rig,
		&(struct vmm_vmem_request){.size = any_size(rig),
			.where = any_address(rig),
			.flags = flags},
		true);
}

static double call_hint(struct rig *rig)
{
	return at_address(rig, VMM_VMEM_HINT);
}

static double call_fixed(struct rig *rig)
{
	return at_address(rig, VMM_VMEM_FIXED);
}

static double call_embedded(struct rig *rig)
{
	static struct vmm_vmem_region node;

	return request(rig,
		&(struct vmm_vmem_request){
			.size = any_size(rig), .embed = &node},
		false);
}

/* After freeing, by whatever @err is the result of: allocate anew. */
static void again(struct rig *rig, size_t slot, int err)
{
	BENCH_MUST(err == VMM_OK);
	BENCH_MUST(vmm_vmem_alloc(rig->arena, size_of(rig, slot),
			   &rig->bases[slot]) == VMM_OK);
}

static double call_free(struct rig *rig)
{
	size_t slot = any_slot(rig);
	int err;
	double cost = COST(err = vmm_vmem_free(rig->arena, rig->bases[slot]));

	again(rig, slot, err);
	return cost;
}

static double call_free_sized(struct rig *rig)
{
	size_t slot = any_slot(rig);
	int err;
	double cost = COST(err = vmm_vmem_free_sized(rig->arena,
				   rig->bases[slot], size_of(rig, slot)));

	again(rig, slot, err);
	return cost;
}

static double call_free_region(struct rig *rig)
{
	size_t slot = any_slot(rig);
	const struct vmm_vmem_region *region = region_at(rig, slot);
	int err;
	double cost = COST(err = vmm_vmem_free_region(rig->arena, region));

	again(rig, slot, err);
	return cost;
}

static double call_find(struct rig *rig)
{
	uint64_t base = rig->bases[any_slot(rig)];

	return COST(vmm_vmem_find(rig->arena, base));
}

static double call_find_containing(struct rig *rig)
{
	uint64_t address = any_address(rig);

	return COST(vmm_vmem_find_containing(rig->arena, address));
}

static double call_floor(struct rig *rig)
{
	uint64_t address = any_address(rig);

	return COST(vmm_vmem_floor(rig->arena, address));
}

static double call_ceiling(struct rig *rig)
{
	uint64_t address = any_address(rig);

	return COST(vmm_vmem_ceiling(rig->arena, address));
}

static double call_region_find(struct rig *rig)
{
	uint64_t address = any_address(rig);

	return COST(vmm_vmem_region_find(rig->arena, address));
}

static double call_next(struct rig *rig)
{
	const struct vmm_vmem_region *region = region_at(rig, any_slot(rig));

	return COST(vmm_vmem_next(rig->arena, region));
}

static double call_prev(struct rig *rig)
{
	const struct vmm_vmem_region *region = region_at(rig, any_slot(rig));

	return COST(vmm_vmem_prev(rig->arena, region));
}

/* A region of several pages. */
static const struct vmm_vmem_region *any_wide(struct rig *rig)
{
	size_t slot;

	do
		slot = any_slot(rig);
	while (rig->pages[slot] < 4);
	return region_at(rig, slot);
}

static double call_shrink(struct rig *rig)
{
	const struct vmm_vmem_region *region = any_wide(rig);
	uint64_t size = vmm_vmem_region_size(region);
	int err;
	double cost = COST(
		err = vmm_vmem_resize(rig->arena, region, size - PAGE_SIZE));

	BENCH_MUST(err == VMM_OK);
	BENCH_MUST(vmm_vmem_resize(rig->arena, region, size) == VMM_OK);
	return cost;
}

static double call_grow(struct rig *rig)
{
	const struct vmm_vmem_region *region = any_wide(rig);
	uint64_t size = vmm_vmem_region_size(region);
	int err;
	double cost;

	BENCH_MUST(vmm_vmem_resize(rig->arena, region, size - PAGE_SIZE) ==
		   VMM_OK);
	cost = COST(err = vmm_vmem_resize(rig->arena, region, size));
	BENCH_MUST(err == VMM_OK);
	return cost;
}

static double call_shrink_below(struct rig *rig)
{
	const struct vmm_vmem_region *region = any_wide(rig);
	uint64_t size = vmm_vmem_region_size(region);
	int err;
	double cost = COST(err = vmm_vmem_resize_below(
				   rig->arena, region, size - PAGE_SIZE));

	BENCH_MUST(err == VMM_OK);
	BENCH_MUST(vmm_vmem_resize_below(rig->arena, region, size) == VMM_OK);
	return cost;
}

static double call_grow_below(struct rig *rig)
{
	const struct vmm_vmem_region *region = any_wide(rig);
	uint64_t size = vmm_vmem_region_size(region);
	int err;
	double cost;

	BENCH_MUST(vmm_vmem_resize_below(
			   rig->arena, region, size - PAGE_SIZE) == VMM_OK);
	cost = COST(err = vmm_vmem_resize_below(rig->arena, region, size));
	BENCH_MUST(err == VMM_OK);
	return cost;
}

static double split_and_join(struct rig *rig, bool joining)
{
	const struct vmm_vmem_region *region = any_wide(rig);
	const struct vmm_vmem_region *upper;
	uint64_t at = vmm_vmem_region_base(region) + 2 * PAGE_SIZE;
	int err[2];
	double split =
		COST(err[0] = vmm_vmem_split(rig->arena, region, at, &upper));
	double join = COST(err[1] = vmm_vmem_join(rig->arena, region));

	BENCH_MUST(err[0] == VMM_OK && err[1] == VMM_OK);
	return joining ? join : split;
}

static double call_split(struct rig *rig)
{
	return split_and_join(rig, false);
}

static double call_join(struct rig *rig)
{
	return split_and_join(rig, true);
}

/* Out of the midst: the region is in two parts then. */
static double call_free_part(struct rig *rig)
{
	const struct vmm_vmem_region *region = any_wide(rig);
	uint64_t at = vmm_vmem_region_base(region) + PAGE_SIZE;
	int err;
	double cost = COST(err = vmm_vmem_free_part(rig->arena, at, PAGE_SIZE));

	BENCH_MUST(err == VMM_OK);
	BENCH_MUST(
		vmm_vmem_resize(rig->arena, region, 2 * PAGE_SIZE) == VMM_OK);
	BENCH_MUST(vmm_vmem_join(rig->arena, region) == VMM_OK);
	return cost;
}

static double call_add(struct rig *rig)
{
	int err;
	double cost = COST(err = vmm_vmem_add(rig->arena,
				   VMEM_BASE + 2 * VMEM_SPAN, PAGE_SIZE));

	BENCH_MUST(err == VMM_OK);
	BENCH_MUST(vmm_vmem_remove(rig->arena, VMEM_BASE + 2 * VMEM_SPAN) ==
		   VMM_OK);
	return cost;
}

static double call_remove(struct rig *rig)
{
	int err;
	double cost;

	BENCH_MUST(vmm_vmem_add(rig->arena, VMEM_BASE + 2 * VMEM_SPAN,
			   PAGE_SIZE) == VMM_OK);
	cost = COST(
		err = vmm_vmem_remove(rig->arena, VMEM_BASE + 2 * VMEM_SPAN));
	BENCH_MUST(err == VMM_OK);
	return cost;
}

static double import_and_return(struct rig *rig, bool returning)
{
	const struct vmm_vmem_request request = {.size = any_size(rig)};
	vmm_va_t base;
	int err[2];
	double import, back;

	import = COST(err[0] = vmm_vmem_import(
			      &rig->child, rig->arena, &request, &base));
	BENCH_MUST(err[0] == VMM_OK);
	back = COST(err[1] = vmm_vmem_give_back(&rig->child, base));
	BENCH_MUST(err[1] == VMM_OK);
	return returning ? back : import;
}

static double call_import(struct rig *rig)
{
	return import_and_return(rig, false);
}

static double call_give_back(struct rig *rig)
{
	return import_and_return(rig, true);
}

static double call_stat(struct rig *rig)
{
	struct vmm_vmem_stat stat;

	return COST(vmm_vmem_stat(rig->arena, &stat));
}

static void stir(struct rig *rig)
{
	size_t slot = any_slot(rig);

	BENCH_MUST(vmm_vmem_free(rig->arena, rig->bases[slot]) == VMM_OK);
	rig->pages[slot] = (uint32_t)bench_log_uniform(&rig->rng, MIX_PAGES);
	BENCH_MUST(vmm_vmem_alloc(rig->arena, size_of(rig, slot),
			   &rig->bases[slot]) == VMM_OK);
}

static const struct {
	const char *name;
	double (*call)(struct rig *rig);
} calls[] = {
	{"alloc", call_alloc},
	{"aligned", call_aligned},
	{"phase", call_phase},
	{"nocross", call_nocross},
	{"guarded", call_guarded},
	{"window", call_window},
	{"aligned-window", call_aligned_window},
	{"first-fit", call_first_fit},
	{"last-fit", call_last_fit},
	{"next-fit", call_next_fit},
	{"random-place", call_random},
	{"hint", call_hint},
	{"fixed", call_fixed},
	{"embedded", call_embedded},
	{"free", call_free},
	{"free-sized", call_free_sized},
	{"free-region", call_free_region},
	{"free-part", call_free_part},
	{"find", call_find},
	{"find-containing", call_find_containing},
	{"floor", call_floor},
	{"ceiling", call_ceiling},
	{"region-find", call_region_find},
	{"next", call_next},
	{"prev", call_prev},
	{"shrink", call_shrink},
	{"grow", call_grow},
	{"shrink-below", call_shrink_below},
	{"grow-below", call_grow_below},
	{"split", call_split},
	{"join", call_join},
	{"add-span", call_add},
	{"remove-span", call_remove},
	{"import", call_import},
	{"give-back", call_give_back},
	{"stat", call_stat},
};
const size_t vmem_call_count = sizeof(calls) / sizeof(calls[0]);

const char *vmem_call_name(size_t call)
{
	return calls[call].name;
}

void vmem_calls_cost(
	const struct vmem_peer *peer, size_t regions, struct vmem_cost *costs)
{
	size_t live = 2 * regions / 3;
	struct vmem_script script = {0};
	struct vmem_state state;
	struct rig rig = {.rng = {bench_options.seed}, .slots = live};
	uint32_t *pages = vmem_script_mix(&script, live, MIX_PAGES);

	vmem_script_play(&script, peer, &state);
	vmem_script_fini(&script);
	rig.arena = state.memory;
	rig.bases = state.tokens;
	rig.pages = pages;
	for (size_t slot = 0; slot < live; slot++)
		rig.top = rig.bases[slot] > rig.top ? rig.bases[slot] : rig.top;
	vmm_vmem_init(&rig.child, PAGE_SIZE);
	BENCH_MUST(vmm_vmem_donate(&rig.child, rig.child_nodes,
			   sizeof(rig.child_nodes)) == VMM_OK);
	for (size_t i = 0; i < vmem_call_count; i++) {
		costs[i] = (struct vmem_cost){0};
		for (size_t k = 0; k < TIMES; k++) {
			double cost = calls[i].call(&rig);

			costs[i].mean += cost / TIMES;
			costs[i].worst = fmax(costs[i].worst, cost);
			stir(&rig);
		}
	}
	vmem_state_fini(&state);
	free(pages);
}
