/* SPDX-License-Identifier: MIT */
/*
 * RISC-V hardware that faults instead of setting accessed and dirty (Svade):
 * content with entries where they are preset, and served by a fault handler
 * where they are tracked.
 */
#include "rules.h"

#define PAGE VMM_GIB(1)

static const struct access load = {LOAD, true, false, false};
static const struct access store = {STORE, true, false, false};

TEST(target_access_svade_protection)
{
	guest_set_adue(false);
	rules_try_formats();
	guest_set_adue(true);
}

static uint64_t cause_of(const struct vmm_pt *pt, struct access access)
{
	return guest_access(pt, PAGE, access).cause;
}

static void add(struct vmm_pt *pt, unsigned flags)
{
	struct vmm_tlb_gather gather;

	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_modify(pt, PAGE, VMM_PAGE_SIZE, flags, 0, &gather),
		VMM_OK);
	guest_flush(pt, &gather);
}

/* A fault says which flag is missing, and the access works once it is set. */
static void track_by_faults(const struct vmm_pt_format *base)
{
	const unsigned user = guest_stage(base) ? 0 : VMM_PT_USER;
	struct vmm_pt_format format;
	struct vmm_tlb_gather gather;
	struct vmm_pt pt;

	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_format_init(&format, base, VMM_PT_TRACK), VMM_OK);
	guest_table_on(&pt, &format);
	CHECK_EQ(vmm_pt_map(&pt, PAGE, GUEST_FRAMES, VMM_PAGE_SIZE,
			 VMM_PT_READ | VMM_PT_WRITE | user, &gather),
		VMM_OK);
	guest_flush(&pt, &gather);
	CHECK_EQ(cause_of(&pt, load), CAUSE_LOAD);
	CHECK_EQ(cause_of(&pt, store), CAUSE_STORE);
	add(&pt, VMM_PT_ACCESSED);
	CHECK_EQ(cause_of(&pt, load), CAUSE_NONE);
	CHECK_EQ(cause_of(&pt, store), CAUSE_STORE);
	add(&pt, VMM_PT_DIRTY);
	CHECK_EQ(cause_of(&pt, store), CAUSE_NONE);
	CHECK_EQ(vmm_pt_unmap(&pt, PAGE, VMM_PAGE_SIZE, &gather), VMM_OK);
	guest_flush(&pt, &gather);
	guest_table_off(&pt);
}

TEST(target_access_svade_track)
{
	guest_set_adue(false);
	for (size_t i = 0; guest_format(i) != NULL; i++)
		track_by_faults(guest_format(i));
	guest_set_adue(true);
}
