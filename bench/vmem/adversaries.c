/* SPDX-License-Identifier: MIT */
/*
 * Scripts that are meant to find the worst case of an allocator, for any number
 * of regions n. They aim at: long searches (holes that are all a little too
 * small, or just not aligned), equal keys in trees, balance (keys that ascend
 * or descend), merging of both neighbours every time, and requests that cannot
 * be met.
 */
#include "vmem/workloads.h"

#include <stdlib.h>

#define MIX_PAGES    1024
#define ALIGN_SHIFTS 10	    /* 1 to 512 pages */
#define CALLS	     20000u /* in a measured part that may be of any length */
#define LARGE	     2000u  /* pages: beyond what any table of sizes covers */
#define RISING_MAX   10000u

static uint32_t below(struct bench_rng *rng, size_t limit)
{
	return (uint32_t)bench_below(rng, limit);
}

static uint32_t mixed(struct bench_rng *rng)
{
	return (uint32_t)bench_log_uniform(rng, MIX_PAGES);
}

static uint32_t *numbers(size_t count)
{
	uint32_t *all = malloc(count * sizeof(*all));

	BENCH_MUST(all != NULL);
	for (uint32_t i = 0; i < count; i++)
		all[i] = i;
	return all;
}

static void shuffle(uint32_t *all, size_t count, struct bench_rng *rng)
{
	for (size_t i = count; i > 1; i--) {
		size_t at = bench_below(rng, i);
		uint32_t other = all[at];

		all[at] = all[i - 1];
		all[i - 1] = other;
	}
}

static void mixed_op(struct vmem_script *script, struct bench_rng *rng,
	uint32_t slot, uint32_t pages, bool aligned)
{
	struct vmem_op op = {slot, pages, VMEM_ALLOC, 0};

	if (aligned) {
		op.kind = VMEM_ALIGNED;
		op.align_shift = (uint16_t)bench_below(rng, ALIGN_SHIFTS);
	}
	vmem_script_add(script, op);
}

/* The random calls that all others are compared with. About half of the
   regions are free ones. */
static void make_mixed(struct vmem_script *script, size_t regions, bool aligned)
{
	struct bench_rng rng = {bench_options.seed};
	size_t live = 2 * regions / 3;
	size_t warm = live <= 100000 ? 3 * live : live;
	uint32_t *pages = malloc(live * sizeof(*pages));

	BENCH_MUST(pages != NULL);
	for (uint32_t slot = 0; slot < live; slot++) {
		pages[slot] = mixed(&rng);
		mixed_op(script, &rng, slot, pages[slot], aligned);
	}
	for (size_t i = 0; i < warm + CALLS / 2; i++) {
		uint32_t slot = below(&rng, live);

		if (i == warm)
			vmem_script_measure(script);
		vmem_script_free(script, slot, pages[slot]);
		pages[slot] = mixed(&rng);
		mixed_op(script, &rng, slot, pages[slot], aligned);
	}
	free(pages);
}

static void make_random(struct vmem_script *script, size_t regions)
{
	make_mixed(script, regions, false);
}

static void make_random_aligned(struct vmem_script *script, size_t regions)
{
	make_mixed(script, regions, true);
}

/*
 * @regions slots: every second one becomes a hole, of @hole pages; the others
 * are of @wall pages and stay.
 */
static void make_comb(struct vmem_script *script, size_t regions, uint32_t hole,
	uint32_t wall, struct bench_rng *rng)
{
	size_t holes = regions / 2;
	uint32_t *order = numbers(holes);

	for (uint32_t i = 0; i < holes; i++) {
		vmem_script_alloc(script, 2 * i, hole);
		vmem_script_alloc(script, 2 * i + 1, wall);
	}
	shuffle(order, holes, rng);
	for (size_t i = 0; i < holes; i++)
		vmem_script_free(script, 2 * order[i], hole);
	free(order);
}

/* Holes one page too small for half of the requests; the others fit exactly.
   Slots 0 and 2 are holes, and free. */
static void comb_calls(struct vmem_script *script, uint32_t hole)
{
	vmem_script_measure(script);
	for (size_t i = 0; i < CALLS / 4; i++) {
		vmem_script_alloc(script, 0, hole + 1);
		vmem_script_alloc(script, 2, hole);
		vmem_script_free(script, 0, hole + 1);
		vmem_script_free(script, 2, hole);
	}
}

static void make_too_small(struct vmem_script *script, size_t regions)
{
	struct bench_rng rng = {bench_options.seed};

	make_comb(script, regions, 7, 1, &rng);
	comb_calls(script, 7);
}

static void make_too_small_large(struct vmem_script *script, size_t regions)
{
	struct bench_rng rng = {bench_options.seed};

	make_comb(script, regions, LARGE, 1, &rng);
	comb_calls(script, LARGE);
}

/* All holes are equal; they come and go at random places. */
static void equal_calls(struct vmem_script *script, size_t regions,
	uint32_t hole, struct bench_rng *rng)
{
	size_t holes = regions / 2;
	uint32_t *order = numbers(holes);

	/* Half of the holes are filled: the first that are in @order. */
	for (size_t i = 0; i < holes / 2; i++)
		vmem_script_alloc(script, 2 * order[i], hole);
	vmem_script_measure(script);
	for (size_t i = 0; i < CALLS / 2; i++) {
		uint32_t slot = 2 * below(rng, holes / 2);

		vmem_script_free(script, slot, hole);
		vmem_script_alloc(script, slot, hole);
	}
	free(order);
}

static void make_equal(struct vmem_script *script, size_t regions)
{
	struct bench_rng rng = {bench_options.seed};

	make_comb(script, regions, 4, 3, &rng);
	equal_calls(script, regions, 4, &rng);
}

static void make_equal_large(struct vmem_script *script, size_t regions)
{
	struct bench_rng rng = {bench_options.seed};

	make_comb(script, regions, LARGE, 3, &rng);
	equal_calls(script, regions, LARGE, &rng);
}

/*
 * Holes that are large enough for the request, and start a page after an
 * aligned address, so that each just misses. A period of holes and walls is a
 * multiple of the alignment, whatever the sizes of the holes.
 *
 *	| page | hole ......... | wall | hole ......... | wall | ...
 *	       ^ 1 modulo align        ^ 1 modulo align
 */
static void make_misaligned(struct vmem_script *script, size_t regions,
	uint16_t align_shift, uint32_t hole_least, uint32_t hole_most)
{
	uint32_t align = UINT32_C(1) << align_shift;
	uint32_t last = (uint32_t)(regions / 2 * 2);
	uint32_t range = hole_most - hole_least + 1;

	vmem_script_alloc(script, last, 1);
	for (uint32_t i = 0; i < last; i += 2) {
		uint32_t hole = hole_least + i / 2 % range;

		vmem_script_alloc(script, i, hole);
		vmem_script_alloc(script, i + 1, 2 * align - hole);
	}
	for (uint32_t i = 0; i < last; i += 2)
		vmem_script_free(script, i, hole_least + i / 2 % range);
	vmem_script_measure(script);
	for (size_t i = 0; i < CALLS / 2; i++) {
		vmem_script_add(script, (struct vmem_op){0, hole_least,
						VMEM_ALIGNED, align_shift});
		vmem_script_free(script, 0, hole_least);
	}
}

/* 64 pages at 512: a hole of 574 from 1 on ends before 512 + 64. */
static void make_misaligned_equal(struct vmem_script *script, size_t regions)
{
	make_misaligned(script, regions, 9, 574, 574);
}

static void make_misaligned_varied(struct vmem_script *script, size_t regions)
{
	make_misaligned(script, regions, 9, 64, 574);
}

static void make_misaligned_large(struct vmem_script *script, size_t regions)
{
	make_misaligned(script, regions, 11, LARGE, LARGE + 2046);
}

/* Fill with a random mix, then free in an order that @order gives. */
static void make_frees(
	struct vmem_script *script, size_t regions, const uint32_t *order)
{
	struct bench_rng rng = {bench_options.seed};
	uint32_t *pages = malloc(regions * sizeof(*pages));

	BENCH_MUST(pages != NULL);
	for (uint32_t slot = 0; slot < regions; slot++) {
		pages[slot] = mixed(&rng);
		vmem_script_alloc(script, slot, pages[slot]);
	}
	vmem_script_measure(script);
	for (size_t i = 0; i < regions; i++)
		vmem_script_free(script, order[i], pages[order[i]]);
	free(pages);
}

static void make_ascending(struct vmem_script *script, size_t regions)
{
	uint32_t *order = numbers(regions);

	make_frees(script, regions, order);
	free(order);
}

static void make_descending(struct vmem_script *script, size_t regions)
{
	uint32_t *order = numbers(regions);

	for (uint32_t i = 0; i < regions; i++)
		order[i] = (uint32_t)regions - 1 - i;
	make_frees(script, regions, order);
	free(order);
}

/* First every second region, then the others: each of these merges with both
   of its neighbours. */
static void make_both_sides(struct vmem_script *script, size_t regions)
{
	struct bench_rng rng = {bench_options.seed};
	uint32_t *order = numbers(regions);
	size_t half = (regions + 1) / 2;

	for (uint32_t i = 0; i < regions; i++)
		order[i] = i < half ? 2 * i : 2 * (i - (uint32_t)half) + 1;
	shuffle(order, half, &rng);
	shuffle(order + half, regions - half, &rng);
	make_frees(script, regions, order);
	free(order);
}

/* Frees of rising size, between walls: keys that ascend. Then all are taken
   again, the largest first. */
static void make_rising(struct vmem_script *script, size_t regions)
{
	uint32_t holes = (uint32_t)(regions / 2);

	for (uint32_t i = 0; i < holes; i++) {
		uint32_t hole =
			1 + (uint32_t)((uint64_t)i * RISING_MAX / holes);

		vmem_script_alloc(script, 2 * i, hole);
		vmem_script_alloc(script, 2 * i + 1, 1);
	}
	vmem_script_measure(script);
	for (uint32_t i = 0; i < holes; i++)
		vmem_script_free(script, 2 * i,
			1 + (uint32_t)((uint64_t)i * RISING_MAX / holes));
	for (uint32_t i = holes; i-- > 0;)
		vmem_script_alloc(script, 2 * i,
			1 + (uint32_t)((uint64_t)i * RISING_MAX / holes));
}

/* A span without room for the request: it has to be refused. The rest of the
   span is taken by powers of two, each as often as it fits. */
static void make_exhausted(struct vmem_script *script, size_t regions)
{
	struct bench_rng rng = {bench_options.seed};
	uint32_t slot = (uint32_t)regions;
	uint32_t largest = UINT32_C(1) << 31;

	make_comb(script, regions, 7, 1, &rng);
	for (uint32_t pages = largest; pages >= 8; pages /= 2)
		for (unsigned times = 0; times < 5; times++)
			vmem_script_add(script,
				(struct vmem_op){slot++, pages, VMEM_TRY, 0});
	vmem_script_measure(script);
	for (size_t i = 0; i < CALLS / 2; i++)
		vmem_script_add(script, (struct vmem_op){slot, 8, VMEM_TRY, 0});
}

/* Those that others are compared with come first. */
const struct vmem_adversary vmem_adversaries[] = {
	{"random", "random", make_random},
	{"aligned", "aligned", make_random_aligned},
	{"too-small", "random", make_too_small},
	{"too-small-large", "random", make_too_small_large},
	{"equal", "random", make_equal},
	{"equal-large", "random", make_equal_large},
	{"misaligned", "aligned", make_misaligned_equal},
	{"misaligned-var", "aligned", make_misaligned_varied},
	{"misaligned-large", "aligned", make_misaligned_large},
	{"ascending", "random", make_ascending},
	{"descending", "random", make_descending},
	{"both-sides", "random", make_both_sides},
	{"rising", "random", make_rising},
	{"exhausted", "random", make_exhausted},
};
const size_t vmem_adversary_count =
	sizeof(vmem_adversaries) / sizeof(vmem_adversaries[0]);
