/* SPDX-License-Identifier: MIT */
/*
 * Accessed and dirty, where the kernel looks at them (VMM_PT_TRACK): set by
 * hardware and collected by vmm_pt_harvest().
 */
#include "rules.h"

#include <vmm/pt_upkeep.h>

#define PAGES  (FRAMES_SIZE / VMM_PAGE_SIZE)
#define WINDOW VMM_GIB(1)
#define ROUNDS 40

#define RW   (VMM_PT_READ | VMM_PT_WRITE)
#define BOTH (VMM_PT_ACCESSED | VMM_PT_DIRTY)

static const struct access load = {LOAD, true, false, false};
static const struct access store = {STORE, true, false, false};

/* User pages, which a guest stage has without saying so. */
static unsigned user_rw(const struct vmm_pt_format *format)
{
	return RW | (guest_stage(format) ? 0 : VMM_PT_USER);
}

static void open_table(struct vmm_pt *pt, struct vmm_pt_format *format,
	const struct vmm_pt_format *base, unsigned features)
{
	CHECK_EQ(vmm_pt_format_init(format, base, features | VMM_PT_TRACK),
		VMM_OK);
	guest_table_on(pt, format);
}

static void map_window(struct vmm_pt *pt, uint64_t size)
{
	struct vmm_tlb_gather gather;

	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_map(pt, WINDOW, GUEST_FRAMES, size, user_rw(pt->format),
			 &gather),
		VMM_OK);
	guest_flush(pt, &gather);
}

static void close_table(struct vmm_pt *pt, uint64_t size)
{
	struct vmm_tlb_gather gather;

	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_unmap(pt, WINDOW, size, &gather), VMM_OK);
	guest_flush(pt, &gather);
	guest_table_off(pt);
}

/* Collect a walk's answer, a flag set for each page. */
static void harvest(struct vmm_pt *pt, uint64_t size, uint8_t *got)
{
	struct vmm_pt_cursor cursor =
		vmm_pt_cursor_range(WINDOW, vmm_range_last(WINDOW, size));
	struct vmm_tlb_gather gather;
	struct vmm_pt_run run;

	for (size_t i = 0; i < PAGES; i++)
		got[i] = 0;
	vmm_tlb_gather_init(&gather, NULL, 0);
	while (vmm_pt_harvest(pt, &cursor, BOTH, &run, &gather)) {
		CHECK((run.prot & BOTH) != 0);
		for (uint64_t at = 0; at < run.size; at += VMM_PAGE_SIZE)
			got[(run.va + at - WINDOW) / VMM_PAGE_SIZE] =
				(uint8_t)(run.prot & BOTH);
	}
	guest_flush(pt, &gather);
}

/* Use pages at random; what is harvested is what was used, and only once. */
static void use_and_harvest(
	struct vmm_pt *pt, struct rng *rng, uint64_t size, uint64_t leaf)
{
	static uint8_t want[PAGES];
	static uint8_t got[PAGES];
	const size_t per_leaf = leaf / VMM_PAGE_SIZE;
	const size_t pages = size / VMM_PAGE_SIZE;
	uint64_t uses = rng_below(rng, pages);

	for (size_t i = 0; i < PAGES; i++)
		want[i] = 0;
	while (uses-- > 0) {
		const size_t page = rng_below(rng, pages);
		const bool write = rng_below(rng, 3) == 0;
		const size_t first = page - page % per_leaf;

		rules_try(pt, WINDOW + page * VMM_PAGE_SIZE,
			GUEST_FRAMES + page * VMM_PAGE_SIZE,
			user_rw(pt->format), write ? store : load);
		for (size_t i = first; i < first + per_leaf; i++)
			want[i] |= write ? BOTH : VMM_PT_ACCESSED;
	}
	harvest(pt, size, got);
	for (size_t i = 0; i < PAGES; i++)
		CHECK_EQ(got[i], want[i]);
	harvest(pt, size, got);
	for (size_t i = 0; i < PAGES; i++)
		CHECK_EQ(got[i], 0);
}

static void track(const struct vmm_pt_format *base, unsigned features,
	uint64_t size, uint64_t leaf)
{
	struct rng rng = {test_seed};
	struct vmm_pt_format format;
	struct vmm_pt pt;

	open_table(&pt, &format, base, features);
	map_window(&pt, size);
	for (uint64_t i = 0; i < ROUNDS * test_factor; i++) {
		use_and_harvest(&pt, &rng, size, leaf);
		CHECK_EQ(vmm_pt_check(&pt), VMM_OK);
	}
	close_table(&pt, size);
}

TEST(target_access_track_by_hardware)
{
	const uint64_t napot = UINT64_C(1) << VMM_PT_NAPOT_SHIFT;

	for (size_t i = 0; guest_format(i) != NULL; i++) {
		const struct vmm_pt_format *format = guest_format(i);

		track(format, 0, VMM_MIB(1), VMM_PAGE_SIZE);
		track(format, 0, FRAMES_SIZE, VMM_MIB(2));
		if ((GUEST_FEATURES & VMM_PT_SVNAPOT) != 0)
			track(format, VMM_PT_SVNAPOT, VMM_MIB(1), napot);
	}
}
