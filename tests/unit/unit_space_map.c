/* SPDX-License-Identifier: MIT */
/* Making regions, of every kind and at every place. */
#include "support/space_rig.h"

static struct space_rig rig;
static struct vmm_object object;

/* Every kind but objects can be made in every format, and goes without trace. */
TEST(unit_space_map_makes_every_kind)
{
	for (int m = 0; m < RIG_MACHINES; m++) {
		space_rig_open_alone(
			&rig, rig_machines[m].base, rig_machines[m].features);
		for (int kind = 0; kind < VMM_SPACE_KINDS; kind++) {
			struct vmm_space_request request = space_rig_request(
				&rig.space, (enum vmm_space_kind)kind, 0x4000);
			struct vmm_space_region region;
			vmm_va_t va;

			request.name = "name";
			if (kind == VMM_SPACE_OBJECT)
				continue;
			CHECK_EQ(vmm_space_map(&rig.space, &request, &va),
				VMM_OK);
			space_rig_check(&rig, &rig.space);
			region = space_rig_region(&rig.space, va);
			CHECK_EQ(region.base, va);
			CHECK_EQ(region.size, 0x4000);
			CHECK_EQ(region.kind, kind);
			CHECK_EQ(region.prot, request.prot);
			CHECK(region.name == request.name);
			CHECK_EQ(vmm_space_unmap(&rig.space, va, 0x4000),
				VMM_OK);
			space_rig_check(&rig, &rig.space);
			CHECK_EQ(rig.frames_live, 0);
		}
		space_rig_close(&rig);
	}
}

/* A region of an object is a user of it, and outlives who made it. */
TEST(unit_space_map_joins_an_object)
{
	struct vmm_space_request request;
	struct vmm_space_region region;
	vmm_va_t va[2];

	space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
	rig.is_alone = false;
	space_rig_object(&rig, &object, 0x8000);
	request = space_rig_request(&rig.space, VMM_SPACE_OBJECT, 0x3000);
	request.object = &object;
	request.offset = 0x5000;
	request.flags = VMM_SPACE_SHARED;
	for (int i = 0; i < 2; i++)
		CHECK_EQ(vmm_space_map(&rig.space, &request, &va[i]), VMM_OK);
	CHECK_EQ(object.users, 3);
	region = space_rig_region(&rig.space, va[0]);
	CHECK(region.object == &object);
	CHECK(region.name == rig.object_config.name);
	CHECK_EQ(region.offset, 0x5000);
	space_rig_touch(&rig.space, va[0], 0x3000);
	space_rig_check_bytes(&rig.space, va[1], 0x3000, va[0]);
	vmm_object_put(&object);
	CHECK_EQ(vmm_space_unmap(&rig.space, va[0], 0x3000), VMM_OK);
	space_rig_check_bytes(&rig.space, va[1], 0x3000, va[0]);
	CHECK_EQ(rig.ended, 0);
	space_rig_check(&rig, &rig.space);
	CHECK_EQ(vmm_space_unmap(&rig.space, va[1], 0x3000), VMM_OK);
	CHECK_EQ(rig.ended, 1);
	CHECK_EQ(rig.frames_live, 0);
	space_rig_close(&rig);
}

/* A fixed place, taken; a hint, free and not; top-down; at random. */
TEST(unit_space_map_takes_the_place_asked_for)
{
	struct vmm_space_request request;
	vmm_va_t va;
	vmm_va_t top;

	space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
	request = space_rig_request_at(
		&rig.space, VMM_SPACE_ZERO, 0x40000000, 0x3000);
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	CHECK_EQ(va, 0x40000000);
	/* Overlap by one page, at either end, and in the middle. */
	CHECK_EQ(space_rig_map_at(
			 &rig.space, VMM_SPACE_ZERO, 0x3fffe000, 0x3000),
		VMM_EEXIST);
	CHECK_EQ(space_rig_map_at(
			 &rig.space, VMM_SPACE_ZERO, 0x40002000, 0x3000),
		VMM_EEXIST);
	CHECK_EQ(space_rig_map_at(
			 &rig.space, VMM_SPACE_ZERO, 0x40001000, 0x1000),
		VMM_EEXIST);
	request.place.flags = VMM_VMEM_HINT;
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	CHECK(va != 0x40000000);
	request.place.where = 0x50000000;
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	CHECK_EQ(va, 0x50000000);
	request.place.flags = VMM_VMEM_LAST_FIT;
	CHECK_EQ(vmm_space_map(&rig.space, &request, &top), VMM_OK);
	CHECK_EQ(top, rig_low_end(&vmm_pt_sv39) - 0x3000);
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	CHECK_EQ(va, top - 0x3000);
	request.place.flags = VMM_VMEM_RANDOM;
	request.place.entropy = UINT64_C(0x123456789abcdef);
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	CHECK(va % 4096 == 0 && va < top);
	space_rig_check(&rig, &rig.space);
	space_rig_close(&rig);
}

/* Guards are the region's, and nobody gets them. */
TEST(unit_space_map_keeps_guards)
{
	struct vmm_space_request request;
	struct vmm_space_region region;
	vmm_va_t va;

	space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
	request = space_rig_request_at(
		&rig.space, VMM_SPACE_STACK, 0x100000, 0x4000);
	request.place.guard[0] = 0x2000;
	request.place.guard[1] = 0x1000;
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	region = space_rig_region(&rig.space, 0xff000);
	CHECK_EQ(region.base, 0x100000);
	CHECK_EQ(region.guard[0], 0x2000);
	CHECK_EQ(region.guard[1], 0x1000);
	CHECK_EQ(space_rig_map_at(&rig.space, VMM_SPACE_ZERO, 0xff000, 0x1000),
		VMM_EEXIST);
	CHECK_EQ(space_rig_map_at(&rig.space, VMM_SPACE_ZERO, 0x104000, 0x1000),
		VMM_EEXIST);
	CHECK_EQ(space_rig_map_at(&rig.space, VMM_SPACE_ZERO, 0xfd000, 0x1000),
		VMM_OK);
	CHECK_EQ(space_rig_map_at(&rig.space, VMM_SPACE_ZERO, 0x105000, 0x1000),
		VMM_OK);
	CHECK_EQ(vmm_space_unmap(&rig.space, 0x100000, 0x4000), VMM_OK);
	CHECK_EQ(space_rig_map_at(&rig.space, VMM_SPACE_ZERO, 0xfe000, 0x7000),
		VMM_OK);
	space_rig_check(&rig, &rig.space);
	space_rig_close(&rig);
}

/* The last page of the lower half, and addresses that end at 2^64. */
TEST(unit_space_map_reaches_the_ends)
{
	for (int f = 0; f < RIG_PLAIN_FORMATS; f++) {
		const vmm_va_t end = rig_low_end(rig_formats[f]);
		const vmm_va_t high = UINT64_MAX - 0xffff;

		space_rig_open_alone(&rig, rig_formats[f], 0);
		CHECK_EQ(vmm_space_add(&rig.space, high, 0x10000, 0), VMM_OK);
		CHECK_EQ(space_rig_map_at(&rig.space, VMM_SPACE_ZERO,
				 end - 0x1000, 0x1000),
			VMM_OK);
		CHECK_EQ(space_rig_map_at(&rig.space, VMM_SPACE_ZERO,
				 end - 0x1000, 0x2000),
			VMM_ERANGE);
		CHECK_EQ(space_rig_map_at(&rig.space, VMM_SPACE_ZERO,
				 high + 0xf000, 0x1000),
			VMM_OK);
		CHECK_EQ(space_rig_map_at(&rig.space, VMM_SPACE_ZERO,
				 high + 0xe000, 0x1000),
			VMM_OK);
		CHECK_EQ(space_rig_map_at(&rig.space, VMM_SPACE_CONTIGUOUS,
				 high, 0x3000),
			VMM_OK);
		space_rig_touch(&rig.space, end - 0x1000, 0x1000);
		space_rig_touch(&rig.space, high + 0xe000, 0x2000);
		space_rig_see_all(&rig, &rig.pt, high, 0x10000);
		space_rig_check(&rig, &rig.space);
		CHECK_EQ(vmm_space_protect(&rig.space, high + 0xe000, 0x2000,
				 VMM_PT_READ),
			VMM_OK);
		space_rig_check(&rig, &rig.space);
		CHECK_EQ(
			vmm_space_protect(&rig.space, high + 0xf000, 0x1000, 0),
			VMM_OK);
		space_rig_check(&rig, &rig.space);
		CHECK_EQ(vmm_space_unmap(&rig.space, high, 0x10000), VMM_OK);
		space_rig_check(&rig, &rig.space);
		CHECK_EQ(vmm_space_discard(&rig.space, end - 0x1000, 0x1000),
			VMM_OK);
		space_rig_check_bytes(&rig.space, end - 0x1000, 0x1000, 0);
		CHECK_EQ(vmm_space_unmap(&rig.space, end - 0x1000, 0x1000),
			VMM_OK);
		space_rig_check(&rig, &rig.space);
		space_rig_close(&rig);
	}
}

/* One contiguous run, zeroed, its physical address told, cut to its size. */
TEST(unit_space_map_contiguous_is_contiguous)
{
	struct vmm_space_region region;
	vmm_pa_t pa;

	space_rig_open_alone(&rig, &vmm_pt_sv48, 0);
	/* 2 MiB and a page: a leaf of each size. */
	CHECK_EQ(space_rig_map_at(&rig.space, VMM_SPACE_CONTIGUOUS, VMM_MIB(4),
			 VMM_MIB(2) + 0x1000),
		VMM_OK);
	CHECK_EQ(rig.frames_live, 513);
	pa = space_rig_phys(&rig.space, VMM_MIB(4) + 0x1234);
	region = space_rig_region(&rig.space, VMM_MIB(4));
	CHECK_EQ(pa, region.pa + 0x1234);
	CHECK_EQ(space_rig_holders(&rig, region.pa + VMM_MIB(2)), 1);
	CHECK_EQ(*space_rig_bytes(&rig, region.pa + VMM_MIB(2)), 0);
	space_rig_check(&rig, &rig.space);
	CHECK_EQ(vmm_space_unmap(&rig.space, VMM_MIB(4), VMM_MIB(2) + 0x1000),
		VMM_OK);
	CHECK_EQ(rig.frames_live, 0);
	space_rig_close(&rig);
}

/* A device: mapped at once, its frames nobody's. */
TEST(unit_space_map_phys_is_not_counted)
{
	struct vmm_space_request request;
	vmm_va_t va;
	vmm_pa_t pa;

	space_rig_open_alone(&rig, &vmm_pt_sv39, VMM_PT_SVPBMT);
	request = space_rig_request(&rig.space, VMM_SPACE_PHYS, VMM_MIB(6));
	request.prot |= VMM_PT_IO;
	request.pa = VMM_MIB(0x200);
	request.place.align = VMM_MIB(2);
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	pa = space_rig_phys(&rig.space, va + 0x345678);
	CHECK_EQ(pa, VMM_MIB(0x200) + 0x345678);
	space_rig_check(&rig, &rig.space);
	/* The type stays, whatever is allowed. */
	CHECK_EQ(vmm_space_protect(&rig.space, va, VMM_MIB(6), 0), VMM_OK);
	space_rig_check(&rig, &rig.space);
	CHECK_EQ(vmm_space_phys(&rig.space, va, &pa), VMM_ENOENT);
	CHECK_EQ(vmm_space_protect(&rig.space, va, VMM_MIB(6), VMM_PT_READ),
		VMM_OK);
	{
		unsigned prot;

		CHECK_EQ(vmm_pt_translate(&rig.pt, va, &pa, &prot), VMM_OK);
		CHECK_EQ(prot, VMM_PT_READ | VMM_PT_IO);
		CHECK_EQ(pa, VMM_MIB(0x200));
	}
	space_rig_check(&rig, &rig.space);
	space_rig_close(&rig);
}

/* Mapped at once without any access: in the store, and out of it later. */
TEST(unit_space_map_at_once_into_the_store)
{
	struct vmm_space_request request;
	vmm_va_t va;
	vmm_pa_t pa;

	space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
	request = space_rig_request(&rig.space, VMM_SPACE_CONTIGUOUS, 0x5000);
	request.prot = 0;
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	CHECK_EQ(rig.frames_live, 5);
	CHECK_EQ(vmm_space_phys(&rig.space, va, &pa), VMM_ENOENT);
	space_rig_check(&rig, &rig.space);
	CHECK_EQ(vmm_space_protect(&rig.space, va, 0x5000, SPACE_RWU), VMM_OK);
	space_rig_check(&rig, &rig.space);
	space_rig_touch(&rig.space, va, 0x5000);
	space_rig_close(&rig);
}

/* Every page is there when the call returns, or nothing is. */
TEST(unit_space_map_eager_touches_all)
{
	struct vmm_space_request request;
	struct vmm_space_stat stat;
	vmm_va_t va;

	space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
	request = space_rig_request(&rig.space, VMM_SPACE_ZERO, 0x5000);
	request.flags = VMM_SPACE_EAGER;
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	vmm_space_stat(&rig.space, &stat);
	CHECK_EQ(stat.resident, 0x5000);
	CHECK_EQ(rig.frames_live, 5);
	rig.fail_frames.in = 3;
	va = 1;
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), SPACE_ERR);
	CHECK_EQ(va, 1);
	CHECK_EQ(rig.frames_live, 5);
	vmm_space_stat(&rig.space, &stat);
	CHECK_EQ(stat.regions, 1);
	space_rig_check(&rig, &rig.space);
	space_rig_close(&rig);
}

static void check_error(const struct vmm_space_request *request, int err)
{
	uint64_t before = space_rig_digest(&rig, &rig.space);
	vmm_va_t va = 0x77;

	CHECK_EQ(vmm_space_map(&rig.space, request, &va), err);
	CHECK_EQ(va, 0x77);
	space_rig_check_same(&rig, &rig.space, before);
}

/* Each documented error of malformed requests, with nothing changed. */
TEST(unit_space_map_refuses_what_is_malformed)
{
	const struct vmm_space_request good = {.place = {.size = 0x2000},
		.kind = VMM_SPACE_ZERO,
		.prot = SPACE_RWU};
	struct vmm_frames strange;
	struct vmm_space_request bad;

	space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
	rig.is_alone = false;
	strange = rig.frames;
	space_rig_object(&rig, &object, 0x4000);
#define BAD(change, err)                \
	do {                            \
		bad = good;             \
		change;                 \
		check_error(&bad, err); \
	} while (0)
	BAD(bad.place.size = 0, VMM_EINVAL);
	BAD(bad.place.size = 0x2001, VMM_EINVAL);
	BAD(bad.place.align = 0x3000, VMM_EINVAL);
	BAD(bad.place.tags.count = 1, VMM_EINVAL);
	BAD(bad.place.tags.owner = 1, VMM_EINVAL);
	BAD(bad.place.tags.flags = 1, VMM_EINVAL);
	BAD(bad.place.tags.user = &rig, VMM_EINVAL);
	BAD(bad.place.flags = VMM_VMEM_USE_RESERVE, VMM_EINVAL);
	BAD(bad.kind = VMM_SPACE_KINDS, VMM_EINVAL);
	BAD(bad.flags = 1u << 20, VMM_EINVAL);
	BAD(bad.flags = VMM_SPACE_SHARED, VMM_EINVAL);
	BAD(bad.replace = true, VMM_EINVAL);
	BAD((bad.replace = true, bad.flags = VMM_SPACE_EAGER,
		    bad.place.flags = VMM_VMEM_FIXED,
		    bad.place.where = 0x10000),
		VMM_EINVAL);
	BAD((bad.kind = VMM_SPACE_RESERVED, bad.flags = VMM_SPACE_EAGER),
		VMM_EINVAL);
	BAD((bad.kind = VMM_SPACE_RING, bad.place.size = 0x3000), VMM_EINVAL);
	BAD((bad.kind = VMM_SPACE_PHYS, bad.pa = 0x123), VMM_EINVAL);
	BAD((bad.kind = VMM_SPACE_PHYS, bad.pa = UINT64_C(1) << 56),
		VMM_ERANGE);
	BAD((bad.kind = VMM_SPACE_PHYS, bad.pa = UINT64_MAX - 0xfff),
		VMM_ERANGE);
	BAD(bad.kind = VMM_SPACE_OBJECT, VMM_EINVAL);
	BAD(bad.object = &object, VMM_EINVAL);
	BAD((bad.kind = VMM_SPACE_OBJECT, bad.object = &object,
		    bad.offset = 0x3000),
		VMM_ERANGE);
	BAD((bad.kind = VMM_SPACE_OBJECT, bad.object = &object,
		    bad.offset = UINT64_MAX - 0xfff),
		VMM_ERANGE);
	BAD((bad.kind = VMM_SPACE_OBJECT, bad.object = &object,
		    bad.offset = 0x10),
		VMM_EINVAL);
	BAD(bad.prot = VMM_PT_USER, VMM_EINVAL);
	BAD(bad.prot = VMM_PT_READ | VMM_PT_DIRTY, VMM_EINVAL);
	BAD(bad.prot = VMM_PT_READ | VMM_PT_TYPE_MASK, VMM_EINVAL);
	BAD(bad.prot = VMM_PT_READ | VMM_PT_NC, VMM_ENOTSUP);
	BAD(bad.place.size = rig_low_end(&vmm_pt_sv39), VMM_ENOSPC);
	BAD((bad.place.flags = VMM_VMEM_FIXED,
		    bad.place.where = rig_low_end(&vmm_pt_sv39)),
		VMM_ERANGE);
	BAD((bad.place.flags = VMM_VMEM_FIXED, bad.replace = true,
		    bad.place.where = rig_low_end(&vmm_pt_sv39) - 0x1000),
		VMM_ERANGE);
	/* An object whose frames somebody else counts. */
	rig.object_config.frames = &strange;
	BAD((bad.kind = VMM_SPACE_OBJECT, bad.object = &object), VMM_EINVAL);
	rig.object_config.frames = &rig.frames;
#undef BAD
	CHECK_EQ(object.users, 1);
	vmm_object_put(&object);
	space_rig_close(&rig);
}

/* Without frames, only what takes none; a guest's user; an x86 without READ. */
TEST(unit_space_map_refuses_what_cannot_be)
{
	struct vmm_space_request request;

	space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
	rig.hooks.frames = NULL;
	request = space_rig_request(&rig.space, VMM_SPACE_ZERO, 0x1000);
	check_error(&request, VMM_ENOTSUP);
	request.kind = VMM_SPACE_CONTIGUOUS;
	check_error(&request, VMM_ENOTSUP);
	CHECK_EQ(space_rig_map_at(
			 &rig.space, VMM_SPACE_RESERVED, 0x10000, 0x1000),
		VMM_OK);
	CHECK_EQ(space_rig_map_at(&rig.space, VMM_SPACE_PHYS, 0x20000, 0x1000),
		VMM_OK);
	space_rig_close(&rig);
	space_rig_open_alone(&rig, &vmm_pt_sv39x4, 0);
	request = space_rig_request(&rig.space, VMM_SPACE_ZERO, 0x1000);
	request.prot = SPACE_RWU;
	check_error(&request, VMM_ENOTSUP);
	request.kind = VMM_SPACE_PHYS;
	request.prot = 0;
	check_error(&request, VMM_ENOTSUP);
	space_rig_close(&rig);
	space_rig_open_alone(&rig, &vmm_pt_x86_64, 0);
	request = space_rig_request(&rig.space, VMM_SPACE_ZERO, 0x1000);
	request.prot = VMM_PT_EXEC | VMM_PT_USER;
	check_error(&request, VMM_ENOTSUP);
	space_rig_close(&rig);
}
