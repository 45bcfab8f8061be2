/* SPDX-License-Identifier: MIT */
/* Break what a cache knows; the check must notice. */
#include "support/pmem_cache_rig.h"

static struct vmm_pmem_cache good;
static struct vmm_pmem good_zone;
static unsigned char good_memory[sizeof(cache_memory)];
static uint8_t good_marks[sizeof(cache_marks)];
static unsigned char good_meta[sizeof(meta)];
static struct vmm_pmem_cache_sizes sizes;

static void copy(void *to, const void *from, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((unsigned char *)to)[i] = ((const unsigned char *)from)[i];
}

/* Frames, small runs and blocks are parked, and some are handed out. */
static void rig(void)
{
	static const struct vmm_pmem_depth depths[] = {{0, 8}, {3, 4}, {9, 2}};
	const struct vmm_pmem_cache_config config = {.cpus = 2,
		.depths = depths,
		.depths_count = 3,
		.policy = VMM_PMEM_SPLIT};

	zone_of(BASE, VMM_MIB(16));
	cache_open(config, true);
	(void)get(0, 0);
	(void)get(1, 3);
	(void)get(0, 9);
	CHECK_EQ(put(0, get(0, 0), 0), VMM_OK);
	CHECK_EQ(put(0, get(0, 9), 9), VMM_OK);
	CHECK_EQ(vmm_pmem_cache_check(&cache), VMM_OK);
	good = cache;
	good_zone = zone;
	CHECK_EQ(vmm_pmem_cache_size(&zone, &config, &sizes), VMM_OK);
	copy(good_memory, cache_memory, sizes.memory);
	copy(good_marks, cache_marks, sizes.marks);
	copy(good_meta, meta, zone.meta_size);
}

static void expect_corrupt(void)
{
	CHECK_EQ(vmm_pmem_cache_check(&cache), VMM_ECORRUPT);
	cache = good;
	zone = good_zone;
	copy(cache_memory, good_memory, sizes.memory);
	copy(cache_marks, good_marks, sizes.marks);
	copy(meta, good_meta, zone.meta_size);
	CHECK_EQ(vmm_pmem_cache_check(&cache), VMM_OK);
}

#define BREAKS(statement)         \
	do {                      \
		statement;        \
		expect_corrupt(); \
	} while (0)

/* I1 */
TEST(corrupt_pmem_cache_stacks)
{
	struct vmm_pmem_mag *mag;

	rig();
	mag = &cpu_of(0)->mags[0];
	BREAKS(mag->stack[0].top++);
	BREAKS(mag->stack[0].top--);
	BREAKS(mag->stack[1].top = mag->stack[1].bottom - 1);
	BREAKS(mag->stack[1].top = mag->stack[1].end + 1);
	for (unsigned bit = 0; bit < 32; bit++)
		BREAKS(mag->stack[0].bottom[0] ^= UINT32_C(1) << bit);
	BREAKS(mag->stack[0].bottom[0] = mag->stack[0].bottom[1]);
	BREAKS(mag->stack[0].bottom[0] = mag->stack[1].bottom[0]);
	BREAKS(mag->order = 1);
	BREAKS(mag->order = 99);
	mag = &cpu_of(1)->mags[2];
	BREAKS(mag->stack[0].bottom[0] += 1);
	BREAKS(cpu_of(1)->taken = 1);
	BREAKS(cpu_of(0)->mags[VMM_PMEM_MAGS - 1].stack[0].end =
			mag->stack[0].end);
	BREAKS(mag->stack[0].bottom = mag->stack[0].top =
			cpu_of(0)->mags[0].stack[0].bottom);
	BREAKS(mag->stack[1].end += 10000);
	BREAKS(cpu_of(0)->marks++);
	BREAKS(cpu_of(0)->cache = NULL);
	/* A parked frame that is free in the zone. */
	mag = &cpu_of(0)->mags[0];
	BREAKS(CHECK_EQ(
		vmm_pmem_free(&zone,
			BASE + vmm_pfn_to_pa(mag->stack[0].bottom[0]), 0),
		VMM_OK));
	/* The zone itself. */
	BREAKS(zone.free++);
}

/* I2 and I3: every bit of every mark of the first block, and of blocks. */
TEST(corrupt_pmem_cache_marks)
{
	rig();
	for (unsigned at = 0; at < 520; at++) {
		const uint8_t mark = cache.marks[at];

		BREAKS(cache.marks[at] = mark == 0 ? 2 : 0);
		BREAKS(cache.marks[at] = mark ^ VMM_PMEM_MARK_IS_PARKED);
		BREAKS(cache.marks[at] = 0xff);
	}
	for (unsigned b = 0; b < zone.blocks; b++) {
		BREAKS(cache.known[b]++);
		BREAKS(cache.marks[zone.count + b] = 1);
		BREAKS(cache.marks[zone.count + b] ^=
			VMM_PMEM_MARK_PARKED(9) ^ VMM_PMEM_MARK_USER(3));
	}
}

/*
 * Runs that stand in two slots, in place of others, so that their number, their
 * sum and the sum of their squares remain: 0 + 4 + 5 = 1 + 2 + 6, and
 * 0 + 16 + 25 = 1 + 4 + 36.
 */
TEST(corrupt_pmem_cache_a_run_twice)
{
	static const struct vmm_pmem_depth depths[] = {{0, 16}};
	struct vmm_pmem_cache_config config = {
		.cpus = 2, .depths = depths, .depths_count = 1};

	for (unsigned marks = 0; marks < 2; marks++) {
		uint32_t *slots;

		zone_of(BASE, VMM_MIB(2));
		cache_open(config, marks != 0);
		CHECK_EQ(put(1, get(0, 0), 0), VMM_OK);
		CHECK_EQ(vmm_pmem_cache_check(&cache), VMM_OK);
		/* 1 to 7 on CPU 0, and 0 on CPU 1. */
		slots = cpu_of(0)->mags[0].stack[0].bottom;
		for (unsigned i = 0; i < 7; i++) {
			static const uint32_t twice[] = {7, 0, 5, 4, 3, 4, 5};

			CHECK_EQ(slots[i], 7 - i);
			slots[i] = twice[i];
		}
		CHECK_EQ(vmm_pmem_cache_check(&cache), VMM_ECORRUPT);
		for (unsigned i = 0; i < 7; i++)
			slots[i] = 7 - i;
		CHECK_EQ(vmm_pmem_cache_check(&cache), VMM_OK);
		cache_close();
	}
}

/* Move the mark of a parked frame. */
static void move_mark(uint32_t from, uint32_t to)
{
	cache.marks[from] = 0;
	cache.known[from / 512]--;
	CHECK_EQ(cache.marks[to], 0);
	cache.marks[to] = VMM_PMEM_MARK_PARKED(0);
	cache.known[to / 512]++;
}

/* A frame that is parked, and lies in a larger run that is parked. */
TEST(corrupt_pmem_cache_runs_that_overlap)
{
	static const struct vmm_pmem_depth depths[] = {{0, 8}, {3, 4}, {9, 2}};
	static const unsigned orders[] = {3, 9};
	struct vmm_pmem_cache_config config = {
		.cpus = 2, .depths = depths, .depths_count = 3};

	for (unsigned i = 0; i < 4; i++) {
		const unsigned order = orders[i / 2];
		const bool marks = i % 2 != 0;
		uint32_t *slot;
		uint32_t run;

		zone_of(BASE, VMM_MIB(16));
		cache_open(config, marks);
		CHECK_EQ(put(0, get(0, order), order), VMM_OK);
		CHECK_EQ(put(1, get(1, 0), 0), VMM_OK);
		CHECK_EQ(vmm_pmem_cache_check(&cache), VMM_OK);
		run = cpu_of(0)->mags[2 + i / 2].stack[0].bottom[0];
		slot = cpu_of(1)->mags[0].stack[0].bottom;
		/* A small run's first frame has its mark already. */
		for (uint32_t k = order / 9 ^ 1; k < 1U << order; k++) {
			const uint32_t was = *slot;

			*slot = run + k;
			if (marks)
				move_mark(was, run + k);
			CHECK_EQ(vmm_pmem_cache_check(&cache), VMM_ECORRUPT);
			*slot = was;
			if (marks)
				move_mark(run + k, was);
			CHECK_EQ(vmm_pmem_cache_check(&cache), VMM_OK);
		}
	}
}
