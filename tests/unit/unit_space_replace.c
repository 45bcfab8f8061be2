/* SPDX-License-Identifier: MIT */
/* Making a region where something is already: mmap(MAP_FIXED). */
#include "support/space_rig.h"

static struct space_rig rig;

/*
 * Replace: over holes, several regions, parts of some, guards; by every kind,
 * as mmap(MAP_FIXED) has it. What stays keeps its bytes.
 */
TEST(unit_space_replace_what_is_there)
{
	for (int kind = 0; kind < VMM_SPACE_KINDS; kind++) {
		struct vmm_space_request request;
		struct vmm_space_region region;
		vmm_va_t va;

		if (kind == VMM_SPACE_OBJECT)
			continue;
		space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
		space_rig_map(&rig.space, VMM_SPACE_ZERO, 0x10000, 0x8000);
		space_rig_map(&rig.space, VMM_SPACE_RING, 0x1a000, 0x2000);
		space_rig_map(
			&rig.space, VMM_SPACE_CONTIGUOUS, 0x1d000, 0x8000);
		space_rig_touch(&rig.space, 0x10000, 0x8000);
		space_rig_touch(&rig.space, 0x1b000, 0x1000);
		space_rig_touch(&rig.space, 0x1d000, 0x8000);
		space_rig_see_all(&rig, &rig.pt, 0x10000, 0x18000);
		request = space_rig_request_at(
			&rig.space, (enum vmm_space_kind)kind, 0x14000, 0xc000);
		CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_EEXIST);
		request.replace = true;
		CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
		CHECK_EQ(va, 0x14000);
		space_rig_check(&rig, &rig.space);
		region = space_rig_region(&rig.space, 0x14000);
		CHECK_EQ(region.base, 0x14000);
		CHECK_EQ(region.size, 0xc000);
		CHECK_EQ(region.kind, kind);
		space_rig_check_bytes(&rig.space, 0x10000, 0x4000, 0x10000);
		space_rig_check_bytes(&rig.space, 0x20000, 0x5000, 0x20000);
		if (kind == VMM_SPACE_ZERO)
			space_rig_check_bytes(&rig.space, 0x14000, 0xc000, 0);
		vmm_space_purge(&rig.space);
		CHECK_EQ(rig.frames_live, 0);
		space_rig_close(&rig);
	}
}

/* A guard that is in the way goes, and its region stays as it is. */
TEST(unit_space_replace_guards)
{
	struct vmm_space_request request;
	struct vmm_space_region region;
	vmm_va_t va;

	space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
	request = space_rig_request_at(
		&rig.space, VMM_SPACE_STACK, 0x100000, 0x4000);
	request.place.guard[0] = 0x3000;
	request.place.guard[1] = 0x2000;
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	space_rig_touch(&rig.space, 0x102000, 0x2000);
	request = space_rig_request_at(
		&rig.space, VMM_SPACE_ZERO, 0xfe000, 0x1000);
	request.place.guard[1] = 0x1000;
	request.replace = true;
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	space_rig_check(&rig, &rig.space);
	region = space_rig_region(&rig.space, 0x100000);
	CHECK_EQ(region.base, 0x100000);
	CHECK_EQ(region.guard[0], 0);
	CHECK_EQ(region.guard[1], 0x2000);
	CHECK_EQ(region.depth, 0x2000);
	space_rig_check_bytes(&rig.space, 0x102000, 0x2000, 0x102000);
	/* One inside of the other guard alone. */
	request.place.where = 0x105000;
	request.place.guard[1] = 0;
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	region = space_rig_region(&rig.space, 0x100000);
	CHECK_EQ(region.guard[1], 0);
	CHECK_EQ(space_rig_map_at(&rig.space, VMM_SPACE_ZERO, 0x104000, 0x1000),
		VMM_OK);
	space_rig_check(&rig, &rig.space);
	space_rig_close(&rig);
}

/*
 * While the old pages are flushed, other harts take every spare page and node
 * they can get; the new region still comes about.
 */
static void take_everything(struct space_rig *r)
{
	static vmm_va_t next;
	struct vmm_space_request request = {
		.place = {.size = 0x1000, .flags = VMM_VMEM_FIXED},
		.kind = VMM_SPACE_PHYS,
		.prot = VMM_PT_READ,
		.pa = VMM_MIB(64)};

	for (unsigned i = 0; i < 8; i++) {
		vmm_va_t va;

		next += VMM_MIB(2);
		request.place.where = VMM_GIB(64) + next;
		if (r->pages_live < 150)
			CHECK_EQ(vmm_space_map(&r->space, &request, &va),
				VMM_OK);
	}
}

TEST(unit_space_replace_while_others_take)
{
	static const enum vmm_space_kind kinds[] = {
		VMM_SPACE_PHYS, VMM_SPACE_CONTIGUOUS, VMM_SPACE_ZERO};

	for (int k = 0; k < 3; k++) {
		struct vmm_space_request request;
		vmm_va_t va;

		space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
		for (vmm_va_t at = 0x10000; at < 0x60000; at += 0x4000)
			space_rig_map(&rig.space, VMM_SPACE_ZERO, at, 0x2000);
		space_rig_touch(&rig.space, 0x20000, 0x2000);
		space_rig_touch(&rig.space, 0x58000, 0x2000);
		space_rig_see_all(&rig, &rig.pt, 0x10000, 0x50000);
		request = space_rig_request_at(
			&rig.space, kinds[k], 0x11000, VMM_MIB(2));
		request.pa = VMM_MIB(32) + 0x3000;
		request.replace = true;
		rig.other = take_everything;
		CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
		rig.other = NULL;
		space_rig_check(&rig, &rig.space);
		space_rig_close(&rig);
	}
}
