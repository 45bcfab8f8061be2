/* SPDX-License-Identifier: MIT */
/*
 * How segments end: cleaned, left behind with their space, or kept by an exec.
 * Whatever way, what was taken for them is back, exactly.
 */
#include "support/segment_rig.h"

static struct vmm_vmem ranges;

static struct vmm_segment other;
static struct vmm_vmem other_ranges;

/*
 * vm_segment_clean: pages and entries go too, and what is left is exactly what
 * was there; other segments do not notice.
 */
TEST(unit_segment_clean_returns_what_was_taken)
{
	const struct vmm_space_request request =
		segment_request(VMM_SPACE_ZERO, VMM_GIB(2), 8 * PAGE);
	uint64_t before;
	long pages;

	segment_open(VMM_SPACE_ZERO, &ranges, 0);
	segment_put(&rig.space, SEGMENT_AT, 7);
	vmm_space_trim(&rig.space);
	before = segment_state(&segment);
	pages = rig.pages_live;
	for (int i = 0; i < 3; i++) {
		vmm_va_t va;

		CHECK_EQ(vmm_segment_new(&other, &rig.space, &request,
				 VMM_GIB(1), &other_ranges),
			VMM_OK);
		CHECK_EQ(
			vmm_segment_alloc(&other, 3 * PAGE, true, &va), VMM_OK);
		CHECK_EQ(vmm_segment_alloc_phys(&other, 0x10000000, PAGE,
				 SPACE_RW | VMM_PT_IO, &va),
			VMM_OK);
		space_rig_see_all(&rig, &rig.pt, VMM_GIB(2), 8 * PAGE);
		CHECK_EQ(rig.frames_live, 4);
		CHECK_EQ(vmm_segment_check(&other), VMM_OK);
		if (i == 1)
			CHECK_EQ(vmm_segment_unload(&other), VMM_OK);
		vmm_segment_delete(&other);
		vmm_space_trim(&rig.space);
		CHECK_EQ(segment_state(&segment), before);
		/* But for the root of the store, once there is one. */
		CHECK_EQ(rig.pages_live, pages + (i > 0));
		segment_good();
	}
	segment_close();
}

/* vm_free: the segments that were left behind go with everything they have. */
TEST(unit_segment_free_with_everything_left_behind)
{
	for (int how = 0; how < 3; how++) {
		const struct vmm_space_request request =
			segment_request(VMM_SPACE_ZERO, VMM_GIB(2), 8 * PAGE);
		vmm_va_t va;

		segment_open(VMM_SPACE_ZERO, &ranges, 0);
		CHECK_EQ(vmm_segment_new(&other, &rig.space, &request, 0, NULL),
			VMM_OK);
		CHECK_EQ(vmm_segment_alloc(&segment, PAGE, true, &va), VMM_OK);
		CHECK_EQ(vmm_segment_map_phys(&other, VMM_GIB(2) + PAGE,
				 0x10000000, PAGE, SPACE_RW),
			VMM_OK);
		if (how == 1)
			vmm_space_purge(&rig.space);
		if (how == 2)
			vmm_space_clear(&rig.space);
		if (how != 0) {
			CHECK(segment.space == NULL);
			CHECK(other.space == NULL);
			space_rig_check(&rig, &rig.space);
		}
		space_rig_close(&rig);
	}
}

/* exec: a segment with KEEP stays as it is, in all of its parts. */
TEST(unit_segment_clear_keeps)
{
	struct vmm_space_request request =
		segment_request(VMM_SPACE_ZERO, SEGMENT_AT, 4 * PAGE);
	uint64_t before;

	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	request.flags = VMM_SPACE_KEEP;
	CHECK_EQ(vmm_segment_new(&segment, &rig.space, &request, 0, &ranges),
		VMM_OK);
	CHECK_EQ(vmm_segment_map_phys(
			 &segment, SEGMENT_AT, 0x10000000, PAGE, SPACE_RW),
		VMM_OK);
	segment_put(&rig.space, SEGMENT_AT + PAGE, 7);
	before = segment_state(&segment);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, SEGMENT_AT + 4 * PAGE, PAGE);
	vmm_space_clear(&rig.space);
	CHECK_EQ(segment_state(&segment), before);
	segment_close();
}
