/* SPDX-License-Identifier: MIT */
/* Unmapping, in parts and over everything; discarding; clear and purge. */
#include "support/space_rig.h"

static struct space_rig rig;
static struct vmm_object object;

static void check_error(vmm_va_t va, uint64_t size, int err)
{
	uint64_t before = space_rig_digest(&rig, &rig.space);

	CHECK_EQ(vmm_space_unmap(&rig.space, va, size), err);
	space_rig_check_same(&rig, &rig.space, before);
}

/* Is there nothing at all in a range? */
static bool is_free(vmm_va_t va, uint64_t size)
{
	struct vmm_space_request request = {
		.place = {.size = size, .where = va, .flags = VMM_VMEM_FIXED},
		.kind = VMM_SPACE_RESERVED};
	vmm_va_t got;

	if (vmm_space_map(&rig.space, &request, &got) != VMM_OK)
		return false;
	CHECK_EQ(vmm_space_unmap(&rig.space, va, size), VMM_OK);
	return true;
}

/* A part in the middle: two regions stay, with their bytes. */
TEST(unit_space_unmap_cuts_a_region)
{
	for (int f = 0; f < RIG_FORMATS; f++) {
		space_rig_open_alone(&rig, rig_formats[f], 0);
		space_rig_map(&rig.space, VMM_SPACE_ZERO, 0x10000, 0x8000);
		space_rig_touch(&rig.space, 0x10000, 0x8000);
		space_rig_see_all(&rig, &rig.pt, 0x10000, 0x8000);
		CHECK_EQ(vmm_space_unmap(&rig.space, 0x13000, 0x2000), VMM_OK);
		space_rig_check(&rig, &rig.space);
		CHECK_EQ(rig.frames_live, 6);
		CHECK_EQ(space_rig_regions(&rig.space), 2);
		CHECK(is_free(0x13000, 0x2000));
		space_rig_check_bytes(&rig.space, 0x10000, 0x3000, 0x10000);
		space_rig_check_bytes(&rig.space, 0x15000, 0x3000, 0x15000);
		/* Nothing there is nothing to do. */
		CHECK_EQ(vmm_space_unmap(&rig.space, 0x13000, 0x2000), VMM_OK);
		space_rig_close(&rig);
	}
}

/* Over several regions of all kinds, holes and guards, cutting both ends. */
TEST(unit_space_unmap_spans_regions_and_holes)
{
	struct vmm_space_request request;
	vmm_va_t va;

	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	space_rig_map_object(&rig, &object, 0x30000, 0x8000, 0);
	space_rig_map(&rig.space, VMM_SPACE_CONTIGUOUS, 0x10000, 0x4000);
	space_rig_map(&rig.space, VMM_SPACE_RING, 0x18000, 0x2000);
	request = (struct vmm_space_request){.place = {.size = 0x3000,
						     .where = 0x1c000,
						     .guard = {0x1000, 0x2000},
						     .flags = VMM_VMEM_FIXED},
		.kind = VMM_SPACE_STACK,
		.prot = SPACE_RWU};
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	space_rig_touch(&rig.space, 0x10000, 0x4000);
	space_rig_touch(&rig.space, 0x18000, 0x1000);
	space_rig_touch(&rig.space, 0x1e000, 0x1000);
	space_rig_touch(&rig.space, 0x30000, 0x8000);
	space_rig_see_all(&rig, &rig.pt, 0x10000, 0x28000);
	CHECK_EQ(vmm_space_unmap(&rig.space, 0x12000, 0x22000), VMM_OK);
	space_rig_check(&rig, &rig.space);
	CHECK(is_free(0x12000, 0x22000));
	CHECK_EQ(space_rig_regions(&rig.space), 2);
	CHECK_EQ(object.users, 2);
	space_rig_check_bytes(&rig.space, 0x10000, 0x2000, 0x10000);
	space_rig_check_bytes(&rig.space, 0x34000, 0x4000, 0x34000);
	/* The rest of the object is where it was. */
	CHECK_EQ(vmm_space_unmap(&rig.space, 0x35000, 0x1000), VMM_OK);
	CHECK_EQ(object.users, 3);
	CHECK_EQ(vmm_space_discard(&rig.space, 0x36000, 0x1000), VMM_OK);
	CHECK_EQ(space_rig_region(&rig.space, 0x37000).offset, 0x6000);
	vmm_object_put(&object);
	vmm_space_purge(&rig.space);
	CHECK_EQ(rig.ended, 1);
	CHECK_EQ(rig.frames_live, 0);
	space_rig_close(&rig);
}

/* Superpages are split where a part of a region goes, and there only. */
static void cut_superpages(enum vmm_space_kind kind, unsigned prot)
{
	const vmm_va_t va = VMM_MIB(4);
	struct vmm_space_request request = {.place = {.size = VMM_MIB(4),
						    .where = va,
						    .flags = VMM_VMEM_FIXED},
		.kind = kind,
		.prot = SPACE_RWU,
		.pa = VMM_GIB(4)};
	struct vmm_space_region region;
	struct vmm_space_stat stat;
	vmm_va_t got;
	vmm_pa_t pa;

	space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
	CHECK_EQ(vmm_space_map(&rig.space, &request, &got), VMM_OK);
	pa = space_rig_phys(&rig.space, va);
	CHECK_EQ(vmm_space_protect(&rig.space, va, VMM_MIB(4), prot), VMM_OK);
	space_rig_see_all(&rig, &rig.pt, va, VMM_MIB(4));
	CHECK_EQ(vmm_space_unmap(&rig.space, va + 0x5000, VMM_MIB(2)), VMM_OK);
	space_rig_check(&rig, &rig.space);
	CHECK_EQ(space_rig_regions(&rig.space), 2);
	region = space_rig_region(&rig.space, va + VMM_MIB(3));
	CHECK_EQ(region.base, va + VMM_MIB(2) + 0x5000);
	CHECK_EQ(region.pa, pa + VMM_MIB(2) + 0x5000);
	CHECK_EQ(vmm_space_protect(&rig.space, va, 0x5000, SPACE_RWU), VMM_OK);
	CHECK_EQ(vmm_space_protect(
			 &rig.space, region.base, region.size, SPACE_RWU),
		VMM_OK);
	got = space_rig_phys(&rig.space, va + 0x4abc);
	CHECK_EQ(got, pa + 0x4abc);
	got = space_rig_phys(&rig.space, region.base);
	CHECK_EQ(got, region.pa);
	space_rig_check(&rig, &rig.space);
	vmm_space_stat(&rig.space, &stat);
	CHECK_EQ(stat.resident, VMM_MIB(2));
	if (kind == VMM_SPACE_CONTIGUOUS)
		CHECK_EQ(rig.frames_live, 512);
	vmm_space_purge(&rig.space);
	CHECK_EQ(rig.frames_live, 0);
	space_rig_close(&rig);
}

TEST(unit_space_unmap_cuts_superpages)
{
	cut_superpages(VMM_SPACE_PHYS, SPACE_RWU);
	cut_superpages(VMM_SPACE_CONTIGUOUS, SPACE_RWU);
}

/* The same while the pages are in the store. */
TEST(unit_space_unmap_cuts_stored_superpages)
{
	cut_superpages(VMM_SPACE_PHYS, 0);
	cut_superpages(VMM_SPACE_CONTIGUOUS, 0);
}

/* Two ends in two superpages; other harts take the spare tables in between. */
static void take_tables(struct space_rig *r)
{
	if (r->is_flush)
		space_rig_take_tables(r);
}

TEST(unit_space_unmap_cuts_while_others_take)
{
	space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
	space_rig_map(&rig.space, VMM_SPACE_CONTIGUOUS, VMM_MIB(4), VMM_MIB(2));
	space_rig_map(&rig.space, VMM_SPACE_ZERO, VMM_MIB(6), 0x1000);
	space_rig_map(&rig.space, VMM_SPACE_CONTIGUOUS, VMM_MIB(8), VMM_MIB(2));
	space_rig_touch(&rig.space, VMM_MIB(6), 0x1000);
	space_rig_see_all(&rig, &rig.pt, VMM_MIB(4), VMM_MIB(6));
	rig.other = take_tables;
	CHECK_EQ(vmm_space_unmap(&rig.space, VMM_MIB(5) + 0x1000, VMM_MIB(4)),
		VMM_OK);
	rig.other = NULL;
	space_rig_check(&rig, &rig.space);
	CHECK(is_free(VMM_MIB(5) + 0x1000, VMM_MIB(4)));
	space_rig_close(&rig);
}

/* Parts of a stack know how far they have grown, and join again. */
TEST(unit_space_unmap_cuts_a_stack)
{
	struct vmm_space_region region;

	space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
	space_rig_map(&rig.space, VMM_SPACE_STACK, 0x10000, 0x8000);
	space_rig_touch(&rig.space, 0x13000, 0x5000);
	CHECK_EQ(vmm_space_protect(&rig.space, 0x14000, 0x2000,
			 VMM_PT_READ | VMM_PT_USER),
		VMM_OK);
	space_rig_check(&rig, &rig.space);
	region = space_rig_region(&rig.space, 0x10000);
	CHECK_EQ(region.depth, 0x1000);
	region = space_rig_region(&rig.space, 0x15000);
	CHECK_EQ(region.depth, 0x2000);
	CHECK_EQ(vmm_space_protect(&rig.space, 0x14000, 0x2000, SPACE_RWU),
		VMM_OK);
	CHECK_EQ(space_rig_regions(&rig.space), 1);
	region = space_rig_region(&rig.space, 0x10000);
	CHECK_EQ(region.depth, 0x5000);
	CHECK_EQ(vmm_space_unmap(&rig.space, 0x16000, 0x2000), VMM_OK);
	region = space_rig_region(&rig.space, 0x10000);
	CHECK_EQ(region.depth, 0x3000);
	space_rig_check(&rig, &rig.space);
	space_rig_close(&rig);
}

/* Half of a ring, misaligned, empty, past the end. */
TEST(unit_space_unmap_refuses)
{
	space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, 0x10000, 0x2000);
	space_rig_map(&rig.space, VMM_SPACE_RING, 0x12000, 0x4000);
	space_rig_touch(&rig.space, 0x10000, 0x3000);
	check_error(0x10000, 0, VMM_EINVAL);
	check_error(0x10001, 0x1000, VMM_EINVAL);
	check_error(0x10000, 0x1001, VMM_EINVAL);
	check_error(UINT64_MAX - 0xfff, 0x2000, VMM_ERANGE);
	check_error(0x10000, 0x3000, VMM_EBUSY);
	check_error(0x10000, 0x5000, VMM_EBUSY);
	check_error(0x15000, 0x1000, VMM_EBUSY);
	check_error(0x13000, 0x1000, VMM_EBUSY);
	CHECK_EQ(vmm_space_unmap(&rig.space, 0x11000, 0x5000), VMM_OK);
	space_rig_check(&rig, &rig.space);
	CHECK_EQ(rig.frames_live, 1);
	/* All addresses that there are. */
	CHECK_EQ(vmm_space_unmap(&rig.space, 0, UINT64_MAX - 0xfff), VMM_OK);
	CHECK_EQ(rig.frames_live, 0);
	space_rig_close(&rig);
}

/* A guard goes with the part next to it, or by itself. */
TEST(unit_space_unmap_takes_guards)
{
	struct vmm_space_request request = {.place = {.size = 0x4000,
						    .where = 0x14000,
						    .guard = {0x4000, 0x2000},
						    .flags = VMM_VMEM_FIXED},
		.kind = VMM_SPACE_ZERO,
		.prot = SPACE_RWU};
	struct vmm_space_region region;
	vmm_va_t va;

	space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	space_rig_touch(&rig.space, 0x14000, 0x4000);
	CHECK_EQ(vmm_space_unmap(&rig.space, 0x14000, 0x1000), VMM_OK);
	CHECK(is_free(0x10000, 0x5000));
	region = space_rig_region(&rig.space, 0x18000);
	CHECK_EQ(region.guard[1], 0x2000);
	CHECK_EQ(vmm_space_unmap(&rig.space, 0x19000, 0x3000), VMM_OK);
	CHECK(is_free(0x18000, 0x2000));
	space_rig_check_bytes(&rig.space, 0x15000, 0x3000, 0x15000);
	space_rig_check(&rig, &rig.space);
	space_rig_close(&rig);
}

/* Unmapping whole regions takes neither nodes nor pages: it cannot fail. */
TEST(unit_space_unmap_needs_nothing)
{
	space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
	for (vmm_va_t va = 0x10000; va < 0x110000; va += 0x4000)
		space_rig_map(&rig.space, VMM_SPACE_ZERO, va, 0x4000);
	space_rig_touch(&rig.space, 0x10000, 0x100000);
	rig.fail_pages.in = 0;
	rig.fail_pages.sticky = true;
	CHECK_EQ(vmm_space_unmap(&rig.space, 0x14000, 0x4000), VMM_OK);
	CHECK_EQ(vmm_space_unmap(&rig.space, 0x10000, 0x100000), VMM_OK);
	CHECK_EQ(rig.frames_live, 0);
	space_rig_check(&rig, &rig.space);
	rig.fail_pages.in = -1;
	space_rig_close(&rig);
}

/* What is discarded is zero, or the object's; regions and PHYS stay. */
TEST(unit_space_discard_drops_pages)
{
	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	space_rig_map_object(&rig, &object, 0x20000, 0x2000, 0);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, 0x10000, 0x4000);
	space_rig_map(&rig.space, VMM_SPACE_CONTIGUOUS, 0x14000, 0x2000);
	space_rig_map(&rig.space, VMM_SPACE_STACK, 0x16000, 0x2000);
	space_rig_touch(&rig.space, 0x10000, 0x8000);
	space_rig_touch(&rig.space, 0x20000, 0x2000);
	space_rig_see_all(&rig, &rig.pt, 0x10000, 0x12000);
	CHECK_EQ(vmm_space_protect(&rig.space, 0x12000, 0x1000, 0), VMM_OK);
	CHECK_EQ(vmm_space_discard(&rig.space, 0x11000, 0x10000), VMM_OK);
	space_rig_check(&rig, &rig.space);
	space_rig_check_bytes(&rig.space, 0x10000, 0x1000, 0x10000);
	space_rig_check_bytes(&rig.space, 0x11000, 0x1000, 0);
	CHECK_EQ(vmm_space_protect(&rig.space, 0x12000, 0x1000, SPACE_RWU),
		VMM_OK);
	space_rig_check_bytes(&rig.space, 0x12000, 0x2000, 0);
	space_rig_check_bytes(&rig.space, 0x14000, 0x2000, 0x14000);
	space_rig_check_bytes(&rig.space, 0x16000, 0x2000, 0);
	space_rig_check_bytes(&rig.space, 0x20000, 0x1000, 0);
	space_rig_check_bytes(&rig.space, 0x21000, 0x1000, 0x21000);
	(void)space_rig_phys(&rig.space, 0x15000);
	CHECK_EQ(vmm_space_discard(&rig.space, 0x11000, 0), VMM_EINVAL);
	CHECK_EQ(vmm_space_discard(&rig.space, 0x11001, 0x1000), VMM_EINVAL);
	CHECK_EQ(vmm_space_discard(&rig.space, UINT64_MAX - 0xfff, 0x2000),
		VMM_ERANGE);
	space_rig_check(&rig, &rig.space);
	vmm_object_put(&object);
	space_rig_close(&rig);
}

/* Every part of a ring, seen from either half: both halves lose it. */
TEST(unit_space_discard_keeps_rings_rings)
{
	for (uint64_t from = 0; from < 8; from++) {
		for (uint64_t pages = 1; pages <= 8 - from; pages++) {
			space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
			space_rig_map(
				&rig.space, VMM_SPACE_RING, 0x10000, 0x8000);
			space_rig_touch(&rig.space, 0x10000, 0x4000);
			space_rig_see_all(&rig, &rig.pt, 0x10000, 0x8000);
			CHECK_EQ(vmm_space_discard(&rig.space,
					 0x10000 + from * 4096, pages * 4096),
				VMM_OK);
			space_rig_check(&rig, &rig.space);
			CHECK_EQ(rig.frames_live, pages < 4 ? 4 - pages : 0);
			for (uint64_t i = 0; i < 4; i++) {
				bool gone = (i - from) % 4 < pages;

				space_rig_check_bytes(&rig.space,
					0x10000 + i * 4096, 0x1000,
					gone ? 0 : 0x10000 + i * 4096);
				space_rig_check_bytes(&rig.space,
					0x14000 + i * 4096, 0x1000,
					gone ? 0 : 0x10000 + i * 4096);
			}
			space_rig_close(&rig);
		}
	}
}

/* A clear leaves what is to be kept; a purge leaves nothing. */
TEST(unit_space_clear_keeps_and_purge_does_not)
{
	for (int f = 0; f < RIG_FORMATS; f++) {
		struct vmm_space_request request = {
			.place = {.size = 0x3000,
				.where = 0x20000,
				.flags = VMM_VMEM_FIXED},
			.kind = VMM_SPACE_ZERO,
			.flags = VMM_SPACE_KEEP};
		vmm_va_t va;
		long pages;

		space_rig_open_alone(&rig, rig_formats[f], 0);
		pages = rig.pages_live;
		request.prot = space_rig_rw(&rig.space);
		CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
		for (int kind = 0; kind < VMM_SPACE_KINDS; kind++) {
			if (kind != VMM_SPACE_OBJECT)
				space_rig_map(&rig.space,
					(enum vmm_space_kind)kind, 0, 0x6000);
		}
		space_rig_touch(&rig.space, 0x20000, 0x3000);
		space_rig_see_all(&rig, &rig.pt, 0, 0x100000);
		vmm_space_clear(&rig.space);
		space_rig_check(&rig, &rig.space);
		CHECK_EQ(space_rig_regions(&rig.space), 1);
		CHECK_EQ(rig.frames_live, 3);
		space_rig_check_bytes(&rig.space, 0x20000, 0x3000, 0x20000);
		vmm_space_purge(&rig.space);
		space_rig_check(&rig, &rig.space);
		CHECK_EQ(space_rig_regions(&rig.space), 0);
		CHECK_EQ(rig.frames_live, 0);
		(void)vmm_space_trim(&rig.space);
		CHECK_EQ(rig.pages_live, pages);
		space_rig_close(&rig);
	}
}
