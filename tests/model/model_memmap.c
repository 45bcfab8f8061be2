/* SPDX-License-Identifier: MIT */
/*
 * The memory map against an array with two facts for each of 768 units. A unit
 * is a quarter of a frame, so that frames are shared in many ways. The units
 * are laid at the bottom, in the middle and at the very top of the addresses.
 */
#include <vmm/memmap.h>

#include "support/test.h"

#define UNITS	  768
#define UNIT	  (VMM_PAGE_SIZE / 4)
#define PER_FRAME 4

struct unit {
	uint8_t kind;
	uint8_t ram;
};

static struct unit model[UNITS];
static struct vmm_mem_range ranges[2 * UNITS];
static struct vmm_memmap map;
static vmm_pa_t origin;

/* Entry by entry, the table says what the units say, and no entry more. */
static void compare_table(void)
{
	size_t i = 0;

	for (size_t at = 0; at < UNITS;) {
		const struct unit u = model[at];
		size_t n = 1;

		while (at + n < UNITS && model[at + n].kind == u.kind &&
			model[at + n].ram == u.ram)
			n++;
		if (u.kind != 0 || u.ram != 0) {
			CHECK(i < map.count);
			CHECK_EQ(ranges[i].base, origin + at * UNIT);
			CHECK_EQ(ranges[i].size, n * UNIT);
			CHECK_EQ(ranges[i].kind, u.kind);
			CHECK_EQ(ranges[i].ram, u.ram);
			i++;
		}
		at += n;
	}
	CHECK_EQ(i, map.count);
}

/* The kind of frame @f of the model, or -1 if it is no RAM. */
static int frame_kind(size_t f)
{
	int kind = 0;

	for (size_t i = f * PER_FRAME; i < (f + 1) * PER_FRAME; i++) {
		if (model[i].ram == 0)
			return -1;
		kind = model[i].kind > kind ? model[i].kind : kind;
	}
	return kind;
}

static void compare_frames(void)
{
	struct vmm_mem_frames walk = {0};
	size_t f = 0;

	while (f < UNITS / PER_FRAME) {
		const int kind = frame_kind(f);
		size_t n = 1;

		while (f + n < UNITS / PER_FRAME && frame_kind(f + n) == kind)
			n++;
		if (kind >= 0) {
			CHECK(vmm_memmap_frames_next(&map, &walk));
			CHECK_EQ(walk.first, vmm_pa_to_pfn(origin) + f);
			CHECK_EQ(walk.count, n);
			CHECK_EQ(walk.kind, kind);
		}
		f += n;
	}
	CHECK(!vmm_memmap_frames_next(&map, &walk));
}

static bool model_free(size_t at, size_t n)
{
	for (size_t i = at; i < at + n; i++) {
		if (model[i].ram == 0 || model[i].kind != VMM_MEM_FREE)
			return false;
	}
	return true;
}

/* A random search: the model knows the lowest answer. */
static void compare_find(struct rng *rng)
{
	const size_t n = 1 + rng_below(rng, 24);
	const size_t step = (size_t)1 << rng_below(rng, 5);
	const size_t low = rng_below(rng, UNITS);
	const size_t high = rng_below(rng, UNITS);
	vmm_pa_t base = 0;
	size_t at = (low + step - 1) / step * step;
	int err = vmm_memmap_find_free(&map, n * UNIT, step * UNIT,
		origin + low * UNIT, origin + high * UNIT + (UNIT - 1), &base);

	while (at + n <= high + 1 && !model_free(at, n))
		at += step;
	if (at + n <= high + 1) {
		CHECK_EQ(err, VMM_OK);
		CHECK_EQ(base, origin + at * UNIT);
	} else {
		CHECK_EQ(err, VMM_ENOMEM);
	}
}

static void change(struct rng *rng)
{
	const size_t n = 1 + rng_below(rng, rng_below(rng, 8) == 0 ? 400 : 12);
	const size_t at = rng_below(rng, UNITS - n + 1);
	const unsigned kind = (unsigned)rng_below(rng, VMM_MEM_KIND_COUNT);
	int err = kind == 0 ? vmm_memmap_add(&map, origin + at * UNIT, n * UNIT)
			    : vmm_memmap_reserve(&map, origin + at * UNIT,
				      n * UNIT, (enum vmm_mem_kind)kind);

	CHECK_EQ(err, VMM_OK);
	for (size_t i = at; i < at + n; i++) {
		if (kind == 0)
			model[i].ram = 1;
		else if (kind > model[i].kind)
			model[i].kind = (uint8_t)kind;
	}
}

TEST(model_memmap_equals_units)
{
	static const vmm_pa_t origins[] = {
		0, UINT64_C(0x1234567890000), UINT64_MAX - UNITS * UNIT + 1};
	struct rng rng = {test_seed};

	for (unsigned round = 0; round < 300 * test_factor; round++) {
		origin = origins[round % 3];
		vmm_memmap_init(&map, ranges, 2 * UNITS);
		for (size_t i = 0; i < UNITS; i++)
			model[i] = (struct unit){0};
		for (unsigned step = 0; step < 120; step++) {
			change(&rng);
			CHECK_EQ(vmm_memmap_check(&map), VMM_OK);
			compare_table();
			compare_frames();
			compare_find(&rng);
		}
	}
}
