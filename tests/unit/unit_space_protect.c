/* SPDX-License-Identifier: MIT */
/* Changing what may be done, nothing included; splitting and joining. */
#include "support/space_rig.h"

#define RU (VMM_PT_READ | VMM_PT_USER)

static struct space_rig rig;
static struct vmm_object object;

static int protect(vmm_va_t va, uint64_t size, unsigned prot)
{
	return vmm_space_protect(&rig.space, va, size, prot);
}

static void check_error(vmm_va_t va, uint64_t size, unsigned prot, int err)
{
	uint64_t before = space_rig_digest(&rig, &rig.space);

	CHECK_EQ(protect(va, size, prot), err);
	space_rig_check_same(&rig, &rig.space, before);
}

static unsigned prot_at(vmm_va_t va)
{
	unsigned prot = 0;

	return vmm_pt_translate(&rig.pt, va, NULL, &prot) == VMM_OK
		       ? prot & ~(VMM_PT_ACCESSED | VMM_PT_DIRTY)
		       : 0;
}

/*
 * Every kind: nothing may be touched, then all again, in whole and in part;
 * bytes stay, and so do the numbers of regions and of frames.
 */
TEST(unit_space_protect_nothing_and_back)
{
	for (int m = 0; m < RIG_MACHINES; m++) {
		const struct rig_machine *machine = &rig_machines[m];

		if (rig_is_guest(machine->base))
			continue;
		for (int kind = 0; kind < VMM_SPACE_KINDS; kind++) {
			const vmm_va_t va = 0x10000;
			size_t nodes;
			long frames;

			if (kind == VMM_SPACE_OBJECT ||
				kind == VMM_SPACE_RESERVED ||
				kind == VMM_SPACE_PHYS)
				continue;
			space_rig_open_alone(
				&rig, machine->base, machine->features);
			space_rig_map(&rig.space, (enum vmm_space_kind)kind, va,
				0x8000);
			space_rig_touch(&rig.space, va,
				kind == VMM_SPACE_RING ? 0x4000 : 0x8000);
			nodes = vmm_vmem_spare(&rig.space.arena);
			frames = rig.frames_live;
			space_rig_see_all(&rig, &rig.pt, va, 0x8000);
			CHECK_EQ(protect(va, 0x8000, 0), VMM_OK);
			space_rig_check(&rig, &rig.space);
			CHECK_EQ(prot_at(va), 0);
			CHECK_EQ(protect(va, 0x8000, 0), VMM_OK);
			CHECK_EQ(protect(va, 0x8000, SPACE_RWU), VMM_OK);
			space_rig_check(&rig, &rig.space);
			space_rig_see_all(&rig, &rig.pt, va, 0x8000);
			if (kind != VMM_SPACE_RING) {
				CHECK_EQ(protect(va + 0x2000, 0x3000, 0),
					VMM_OK);
				space_rig_check(&rig, &rig.space);
				CHECK_EQ(space_rig_regions(&rig.space), 3);
				CHECK_EQ(
					protect(va, 0x8000, SPACE_RWU), VMM_OK);
				space_rig_check(&rig, &rig.space);
			}
			CHECK_EQ(space_rig_regions(&rig.space), 1);
			CHECK_EQ(vmm_vmem_spare(&rig.space.arena), nodes);
			CHECK_EQ(rig.frames_live, frames);
			space_rig_check_bytes(&rig.space, va,
				kind == VMM_SPACE_RING ? 0x4000 : 0x8000, va);
			space_rig_close(&rig);
		}
	}
}

/* Over several regions, one of them stored: each part as its kind has it. */
TEST(unit_space_protect_spans_regions)
{
	vmm_va_t va;

	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	space_rig_map_object(&rig, &object, 0x14000, 0x2000, VMM_SPACE_SHARED);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, 0x10000, 0x4000);
	space_rig_map(&rig.space, VMM_SPACE_CONTIGUOUS, 0x16000, 0x4000);
	space_rig_touch(&rig.space, 0x10000, 0xa000);
	CHECK_EQ(protect(0x12000, 0x3000, 0), VMM_OK);
	space_rig_check(&rig, &rig.space);
	space_rig_see_all(&rig, &rig.pt, 0x10000, 0xa000);
	CHECK_EQ(protect(0x11000, 0x7000, RU), VMM_OK);
	space_rig_check(&rig, &rig.space);
	CHECK_EQ(prot_at(0x10000), SPACE_RWU);
	for (va = 0x11000; va < 0x18000; va += 0x1000)
		CHECK_EQ(prot_at(va), RU);
	CHECK_EQ(prot_at(0x18000), SPACE_RWU);
	CHECK_EQ(space_rig_regions(&rig.space), 5);
	CHECK_EQ(protect(0x10000, 0xa000, SPACE_RWU), VMM_OK);
	CHECK_EQ(space_rig_regions(&rig.space), 3);
	CHECK_EQ(object.users, 2);
	/* A private page asks before it is written to; the others do not. */
	CHECK_EQ(prot_at(0x11000), RU);
	CHECK_EQ(prot_at(0x14000), SPACE_RWU);
	CHECK_EQ(prot_at(0x15000), SPACE_RWU);
	CHECK_EQ(prot_at(0x17000), SPACE_RWU);
	space_rig_check_bytes(&rig.space, 0x10000, 0xa000, 0x10000);
	space_rig_touch(&rig.space, 0x10000, 0xa000);
	CHECK_EQ(prot_at(0x11000), SPACE_RWU);
	space_rig_check(&rig, &rig.space);
	vmm_object_put(&object);
	space_rig_close(&rig);
}

/* What was allowed when a page was stored is not what is when it comes back. */
static unsigned seen_prot;
static void look(struct space_rig *r)
{
	unsigned prot = 0;

	if (vmm_pt_translate(&r->pt, 0x10000, NULL, &prot) == VMM_OK)
		seen_prot |= prot;
}

TEST(unit_space_protect_never_shows_old_rights)
{
	space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
	space_rig_map(&rig.space, VMM_SPACE_CONTIGUOUS, 0x10000, 0x2000);
	space_rig_map(&rig.space, VMM_SPACE_CONTIGUOUS, 0x12000, 0x2000);
	/* Tables of its own for the third, so that pages are asked for late. */
	CHECK_EQ(protect(0x10000, 0x4000, 0), VMM_OK);
	(void)vmm_space_trim(&rig.space);
	seen_prot = 0;
	rig.other = look;
	CHECK_EQ(protect(0x10000, 0x4000, VMM_PT_READ | VMM_PT_EXEC), VMM_OK);
	rig.other = NULL;
	CHECK_EQ(seen_prot & VMM_PT_WRITE, 0);
	CHECK_EQ(prot_at(0x10000), VMM_PT_READ | VMM_PT_EXEC);
	CHECK_EQ(protect(0x10000, 0x4000, VMM_PT_EXEC), VMM_OK);
	CHECK_EQ(prot_at(0x10000), VMM_PT_EXEC);
	space_rig_check(&rig, &rig.space);
	space_rig_close(&rig);
}

/* A superpage is split where the protection changes, and not needlessly. */
TEST(unit_space_protect_cuts_superpages)
{
	const vmm_va_t va = VMM_MIB(4);
	vmm_pa_t pa;
	vmm_pa_t got;

	space_rig_open_alone(&rig, &vmm_pt_sv48, 0);
	space_rig_map(&rig.space, VMM_SPACE_CONTIGUOUS, va, VMM_MIB(2));
	pa = space_rig_phys(&rig.space, va);
	space_rig_see_all(&rig, &rig.pt, va, VMM_MIB(2));
	CHECK_EQ(protect(va, VMM_MIB(2), RU), VMM_OK);
	CHECK_EQ(rig.pt.table_count, 3);
	space_rig_check(&rig, &rig.space);
	CHECK_EQ(protect(va + 0x3000, 0x1000, SPACE_RWU), VMM_OK);
	CHECK_EQ(rig.pt.table_count, 4);
	space_rig_check(&rig, &rig.space);
	CHECK_EQ(protect(va + 0x8000, 0x4000, 0), VMM_OK);
	space_rig_check(&rig, &rig.space);
	CHECK_EQ(space_rig_regions(&rig.space), 5);
	CHECK_EQ(prot_at(va + 0x2000), RU);
	CHECK_EQ(prot_at(va + 0x3000), SPACE_RWU);
	CHECK_EQ(prot_at(va + 0x4000), RU);
	CHECK_EQ(protect(va, VMM_MIB(2), SPACE_RWU), VMM_OK);
	CHECK_EQ(space_rig_regions(&rig.space), 1);
	got = space_rig_phys(&rig.space, va + 0x9000);
	CHECK_EQ(got, pa + 0x9000);
	space_rig_check(&rig, &rig.space);
	space_rig_close(&rig);
}

/*
 * A leaf that is split, and allows more in part: nothing was taken away, but
 * harts that hold the large leaf have to hear of it, before the window is left.
 */
static void check_window(struct space_rig *r)
{
	CHECK(r->space.ops != NULL);
}

TEST(unit_space_protect_tells_all_of_splits)
{
	static const unsigned features[] = {0, VMM_PT_SVNAPOT};
	const vmm_va_t va = VMM_MIB(4);

	for (int f = 0; f < 2; f++) {
		const struct vmm_tlb_gather *gather;

		space_rig_open_alone(&rig, &vmm_pt_sv39, features[f]);
		space_rig_map(&rig.space, VMM_SPACE_CONTIGUOUS, va,
			f == 0 ? VMM_MIB(2) : VMM_KIB(64));
		CHECK_EQ(protect(va, f == 0 ? VMM_MIB(2) : VMM_KIB(64), RU),
			VMM_OK);
		rig.other = check_window;
		CHECK_EQ(protect(va + 0x3000, 0x1000, SPACE_RWU), VMM_OK);
		rig.other = NULL;
		gather = space_rig_flushed(&rig, 0);
		CHECK((gather->flags & VMM_TLB_RESTRICT) != 0);
		space_rig_check(&rig, &rig.space);
		/* Without a split, this hart is enough. */
		CHECK_EQ(protect(va + 0x3000, 0x1000, RU), VMM_OK);
		CHECK_EQ(protect(va + 0x3000, 0x1000, SPACE_RWU), VMM_OK);
		gather = space_rig_flushed(&rig, 0);
		CHECK_EQ(gather->flags & VMM_TLB_RESTRICT, 0);
		space_rig_close(&rig);
	}
}

/* A lot of dirty pages stay dirty where the hardware tells. */
TEST(unit_space_protect_keeps_dirty)
{
	unsigned prot = 0;

	space_rig_open_alone(&rig, &vmm_pt_sv39, VMM_PT_TRACK);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, 0x10000, 0x1000);
	space_rig_touch(&rig.space, 0x10000, 0x1000);
	CHECK_EQ(vmm_pt_modify(&rig.pt, 0x10000, 0x1000, 0,
			 VMM_PT_ACCESSED | VMM_PT_DIRTY, NULL),
		VMM_OK);
	/* The hart may set it at any time while the entry is there. */
	CHECK_EQ(protect(0x10000, 0x1000, 0), VMM_OK);
	CHECK_EQ(protect(0x10000, 0x1000, SPACE_RWU), VMM_OK);
	CHECK_EQ(vmm_pt_translate(&rig.pt, 0x10000, NULL, &prot), VMM_OK);
	CHECK((prot & VMM_PT_DIRTY) != 0);
	space_rig_close(&rig);
}

/* Each documented error, with nothing changed. */
TEST(unit_space_protect_refuses)
{
	struct vmm_space_request request = {.place = {.size = 0x2000,
						    .where = 0x20000,
						    .guard = {0x1000, 0},
						    .flags = VMM_VMEM_FIXED},
		.kind = VMM_SPACE_ZERO,
		.prot = SPACE_RWU};
	vmm_va_t va;

	space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, 0x10000, 0x4000);
	space_rig_map(&rig.space, VMM_SPACE_RING, 0x14000, 0x4000);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, 0x1c000, 0x3000);
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	space_rig_touch(&rig.space, 0x10000, 0x6000);
	check_error(0x10000, 0, RU, VMM_EINVAL);
	check_error(0x10001, 0x1000, RU, VMM_EINVAL);
	check_error(0x10000, 0x1001, RU, VMM_EINVAL);
	check_error(0x10000, 0x1000, RU | VMM_PT_IO, VMM_EINVAL);
	check_error(0x10000, 0x1000, RU | VMM_PT_DIRTY, VMM_EINVAL);
	check_error(0x10000, 0x1000, VMM_PT_USER, VMM_EINVAL);
	check_error(0x10000, 0x1000, RU | 1u << 12, VMM_EINVAL);
	check_error(0xf000, 0x2000, RU, VMM_ENOENT);
	check_error(0x1b000, 0x1000, RU, VMM_ENOENT);
	check_error(0x1c000, 0x4000, 0, VMM_ENOENT);
	check_error(0x1f000, 0x1000, RU, VMM_ENOENT);
	check_error(UINT64_MAX - 0xfff, 0x2000, RU, VMM_ENOENT);
	check_error(0x10000, 0x5000, 0, VMM_EBUSY);
	check_error(0x15000, 0x1000, RU, VMM_EBUSY);
	check_error(0x17000, 0x1000, RU, VMM_EBUSY);
	CHECK_EQ(protect(0x10000, 0x8000, RU), VMM_OK);
	space_rig_check(&rig, &rig.space);
	space_rig_close(&rig);
	space_rig_open_alone(&rig, &vmm_pt_x86_64, 0);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, 0x10000, 0x4000);
	check_error(0x10000, 0x1000, VMM_PT_EXEC, VMM_ENOTSUP);
	space_rig_close(&rig);
	space_rig_open_alone(&rig, &vmm_pt_sv39x4, 0);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, 0x10000, 0x4000);
	check_error(0x10000, 0x1000, RU, VMM_ENOTSUP);
	space_rig_touch(&rig.space, 0x10000, 0x1000);
	check_error(0x10000, 0x1000, 0, VMM_ENOTSUP);
	CHECK_EQ(protect(0x10000, 0x1000, VMM_PT_READ), VMM_OK);
	space_rig_close(&rig);
}

/* A neighbour that another call is at is not joined with. */
static void protect_neighbour(struct space_rig *r)
{
	CHECK_EQ(vmm_space_protect(&r->space, 0x14000, 0x4000, RU), VMM_OK);
	CHECK_EQ(space_rig_regions(&rig.space), 2);
}

TEST(unit_space_protect_leaves_watched_neighbours)
{
	space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, 0x10000, 0x4000);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, 0x14000, 0x4000);
	space_rig_touch(&rig.space, 0x10000, 0x8000);
	space_rig_see_all(&rig, &rig.pt, 0x10000, 0x8000);
	/* During the flush, the lower one is RU already, and in its window. */
	rig.other = protect_neighbour;
	CHECK_EQ(protect(0x10000, 0x4000, RU), VMM_OK);
	rig.other = NULL;
	space_rig_check(&rig, &rig.space);
	CHECK_EQ(space_rig_regions(&rig.space), 1);
	space_rig_close(&rig);
}

/* Two stacks that are as large as one can be do not become one. */
TEST(unit_space_protect_joins_no_stack_too_large)
{
	const uint64_t size = (uint64_t)UINT32_MAX << VMM_PAGE_SHIFT;
	const vmm_va_t va = 0x10000;

	space_rig_open_alone(&rig, &vmm_pt_sv48, 0);
	space_rig_map(&rig.space, VMM_SPACE_STACK, va, size);
	space_rig_map(&rig.space, VMM_SPACE_STACK, va + size, size);
	CHECK_EQ(
		vmm_space_protect(&rig.space, va, 2 * size, SPACE_RWU), VMM_OK);
	space_rig_touch(&rig.space, va, 0x1000);
	space_rig_check(&rig, &rig.space);
	space_rig_close(&rig);
}
