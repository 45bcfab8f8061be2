/* SPDX-License-Identifier: MIT */
/* Another size, another place: mremap. */
#include "support/space_rig.h"

static struct space_rig rig;
static struct vmm_object object;

static void check_error(vmm_va_t va, uint64_t size, unsigned flags,
	const struct vmm_vmem_request *to, int err)
{
	uint64_t before = space_rig_digest(&rig, &rig.space);
	vmm_va_t got = 0x77;

	CHECK_EQ(vmm_space_move(&rig.space, va, size, flags, to, &got), err);
	CHECK_EQ(got, 0x77);
	space_rig_check_same(&rig, &rig.space, before);
}

static vmm_va_t move(vmm_va_t va, uint64_t size, unsigned flags,
	const struct vmm_vmem_request *to)
{
	vmm_va_t got = 0;

	space_rig_see_all(&rig, &rig.pt, va, 0x10000);
	CHECK_EQ(vmm_space_move(&rig.space, va, size, flags, to, &got), VMM_OK);
	space_rig_check(&rig, &rig.space);
	return got;
}

/* Up and down at the upper end, with room; the guard moves along. */
TEST(unit_space_move_in_place)
{
	struct vmm_space_request request = {.place = {.size = 0x4000,
						    .where = 0x10000,
						    .guard = {0, 0x2000},
						    .flags = VMM_VMEM_FIXED},
		.kind = VMM_SPACE_ZERO,
		.prot = SPACE_RWU};
	vmm_va_t va;

	space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	space_rig_touch(&rig.space, va, 0x4000);
	CHECK_EQ(move(va, 0x4000, 0, NULL), va);
	CHECK_EQ(move(va, 0x9000, 0, NULL), va);
	CHECK_EQ(space_rig_region(&rig.space, va).size, 0x9000);
	CHECK_EQ(space_rig_region(&rig.space, va).guard[1], 0x2000);
	space_rig_check_bytes(&rig.space, va, 0x4000, va);
	space_rig_check_bytes(&rig.space, va + 0x4000, 0x5000, 0);
	CHECK_EQ(move(va, 0x2000, 0, NULL), va);
	CHECK_EQ(rig.frames_live, 2);
	CHECK_EQ(space_rig_region(&rig.space, va + 0x3000).size, 0x2000);
	space_rig_check_bytes(&rig.space, va, 0x2000, va);
	/* What comes back is not what went. */
	CHECK_EQ(move(va, 0x4000, 0, NULL), va);
	space_rig_check_bytes(&rig.space, va + 0x2000, 0x2000, 0);
	/* A neighbour right behind the guard. */
	space_rig_map(&rig.space, VMM_SPACE_RESERVED, va + 0x6000, 0x1000);
	CHECK_EQ(move(va, 0x3000, 0, NULL), va);
	CHECK_EQ(move(va, 0x4000, 0, NULL), va);
	check_error(va, 0x5000, 0, NULL, VMM_ENOSPC);
	space_rig_close(&rig);
}

/* Every kind goes elsewhere, stored or not, with bytes, depth and frames. */
static void carry(const struct rig_machine *machine, enum vmm_space_kind kind,
	uint64_t size, bool stored)
{
	const vmm_va_t va = 0x10000;
	const vmm_va_t to_va = VMM_GIB(1) - 0x3000;
	const struct vmm_vmem_request to = {
		.where = to_va, .flags = VMM_VMEM_FIXED};
	uint64_t touch = kind == VMM_SPACE_RING ? 0x4000 : 0x8000;
	uint64_t from = kind == VMM_SPACE_STACK ? 0x2000 : 0;
	long frames;

	space_rig_open_alone(&rig, machine->base, machine->features);
	space_rig_map(&rig.space, kind, va, 0x8000);
	space_rig_touch(&rig.space, va + from, touch - from);
	frames = rig.frames_live;
	if (stored)
		CHECK_EQ(vmm_space_protect(&rig.space, va, 0x8000, 0), VMM_OK);
	CHECK_EQ(move(va, size, VMM_SPACE_MAY_MOVE, &to), to_va);
	CHECK_EQ(vmm_space_unmap(&rig.space, va, 0x8000), VMM_OK);
	CHECK_EQ(space_rig_region(&rig.space, to_va).size, size);
	CHECK_EQ(space_rig_region(&rig.space, to_va).kind, kind);
	if (stored)
		CHECK_EQ(vmm_space_protect(&rig.space, to_va, size,
				 space_rig_rw(&rig.space)),
			VMM_OK);
	space_rig_check(&rig, &rig.space);
	if (size >= 0x8000)
		CHECK_EQ(rig.frames_live, frames);
	if (touch > size)
		touch = size;
	if (kind == VMM_SPACE_STACK)
		CHECK_EQ(space_rig_region(&rig.space, to_va).depth,
			touch - from);
	for (uint64_t at = from; at < touch; at += 4096)
		space_rig_check_bytes(&rig.space, to_va + at, 4096, va + at);
	if (size > 0x8000)
		space_rig_check_bytes(
			&rig.space, to_va + 0x8000, size - 0x8000, 0);
	space_rig_close(&rig);
}

TEST(unit_space_move_carries_every_kind)
{
	static const enum vmm_space_kind kinds[] = {VMM_SPACE_ZERO,
		VMM_SPACE_STACK, VMM_SPACE_RING, VMM_SPACE_CONTIGUOUS};

	for (int m = 0; m < RIG_MACHINES; m++) {
		const struct rig_machine *machine = &rig_machines[m];

		for (int k = 0; k < 4; k++) {
			for (int stored = 0; stored < 2; stored++) {
				if (stored && rig_is_guest(machine->base))
					continue;
				carry(machine, kinds[k], 0x8000, stored != 0);
				if (kinds[k] == VMM_SPACE_RING)
					continue;
				carry(machine, kinds[k], 0x5000, stored != 0);
				if (kinds[k] == VMM_SPACE_ZERO)
					carry(machine, kinds[k], 0xa000,
						stored != 0);
			}
		}
	}
}

/* No room above: it moves if it may, guards and all. */
TEST(unit_space_move_finds_room)
{
	struct vmm_space_request request = {.place = {.size = 0x4000,
						    .where = 0x10000,
						    .guard = {0x1000, 0},
						    .flags = VMM_VMEM_FIXED},
		.kind = VMM_SPACE_ZERO,
		.prot = SPACE_RWU,
		.name = "heap"};
	const struct vmm_vmem_request high = {.flags = VMM_VMEM_LAST_FIT};
	vmm_va_t va;

	space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, 0x14000, 0x1000);
	space_rig_touch(&rig.space, va, 0x4000);
	check_error(va, 0x6000, 0, NULL, VMM_ENOSPC);
	va = move(va, 0x6000, VMM_SPACE_MAY_MOVE, NULL);
	CHECK(va != 0x10000);
	CHECK_EQ(space_rig_region(&rig.space, va).guard[0], 0x1000);
	CHECK(space_rig_region(&rig.space, va).name == request.name);
	space_rig_check_bytes(&rig.space, va, 0x4000, 0x10000);
	/* Up there, it can grow no more. */
	va = move(va, 0x4000, VMM_SPACE_MAY_MOVE, NULL);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, va + 0x4000, 0x1000);
	va = move(va, 0x5000, VMM_SPACE_MAY_MOVE, &high);
	CHECK_EQ(va, rig_low_end(&vmm_pt_sv39) - 0x5000);
	CHECK_EQ(space_rig_region(&rig.space, va).guard[0], 0);
	check_error(va, 0x6000, 0, NULL, VMM_ENOSPC);
	check_error(va, VMM_GIB(600), VMM_SPACE_MAY_MOVE, NULL, VMM_ENOSPC);
	check_error(
		va, UINT64_MAX - 0xfff, VMM_SPACE_MAY_MOVE, NULL, VMM_ENOSPC);
	space_rig_check_bytes(&rig.space, va, 0x4000, 0x10000);
	space_rig_close(&rig);
}

/* Superpages to an address where they fit, where they do not, and in part. */
TEST(unit_space_move_carries_superpages)
{
	struct vmm_vmem_request to = {.flags = VMM_VMEM_FIXED};
	vmm_va_t va = VMM_MIB(4);
	vmm_pa_t pa;
	vmm_pa_t got;

	space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
	space_rig_map(&rig.space, VMM_SPACE_CONTIGUOUS, va, VMM_MIB(4));
	pa = space_rig_phys(&rig.space, va);
	to.where = VMM_MIB(64);
	va = move(va, VMM_MIB(4), VMM_SPACE_MAY_MOVE, &to);
	CHECK_EQ(rig.pt.table_count, 2);
	to.where = VMM_MIB(96) + 0x5000;
	va = move(va, VMM_MIB(3) + 0x1000, VMM_SPACE_MAY_MOVE, &to);
	CHECK_EQ(rig.frames_live, 768 + 1);
	got = space_rig_phys(&rig.space, va + 0x2345);
	CHECK_EQ(got, pa + 0x2345);
	to.where = VMM_MIB(128);
	va = move(va, VMM_MIB(3), VMM_SPACE_MAY_MOVE, &to);
	got = space_rig_phys(&rig.space, va + VMM_MIB(3) - 1);
	CHECK_EQ(got, pa + VMM_MIB(3) - 1);
	CHECK_EQ(move(va, VMM_MIB(2) + 0x3000, 0, NULL), va);
	CHECK_EQ(move(va, VMM_MIB(1) + 0x3000, 0, NULL), va);
	CHECK_EQ(rig.frames_live, 256 + 3);
	space_rig_close(&rig);
}

/* Other harts take the spare tables wherever the lock is dropped. */
static void take_tables(struct space_rig *r)
{
	if (r->pt.spare_count >= 2)
		space_rig_take_tables(r);
}

TEST(unit_space_move_cuts_while_others_take)
{
	const struct vmm_vmem_request to = {
		.where = VMM_MIB(16), .flags = VMM_VMEM_FIXED};

	for (int moves = 0; moves < 2; moves++) {
		vmm_va_t va = VMM_MIB(4);

		space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
		space_rig_map(&rig.space, VMM_SPACE_CONTIGUOUS, va, VMM_MIB(2));
		rig.other = take_tables;
		va = move(va, VMM_MIB(1) + 0x1000, VMM_SPACE_MAY_MOVE,
			moves != 0 ? &to : NULL);
		rig.other = NULL;
		CHECK_EQ(rig.frames_live, 257);
		space_rig_check(&rig, &rig.space);
		space_rig_close(&rig);
	}
}

/* The new place may be where the region might have grown to. */
TEST(unit_space_move_into_its_own_window)
{
	struct vmm_vmem_request to = {
		.where = 0x15000, .flags = VMM_VMEM_FIXED};
	struct vmm_space_request all = {
		.place = {.size = 0x20000}, .prot = SPACE_RWU};
	vmm_va_t va;

	space_rig_open(&rig, &vmm_pt_sv39, 0);
	CHECK_EQ(vmm_space_add(&rig.space, 0x10000, 0x20000, 0), VMM_OK);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, 0x10000, 0x1000);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, 0x11000, 0x1000);
	space_rig_touch(&rig.space, 0x10000, 0x1000);
	va = move(0x10000, 0x8000, VMM_SPACE_MAY_MOVE, &to);
	CHECK_EQ(va, 0x15000);
	space_rig_check_bytes(&rig.space, va, 0x1000, 0x10000);
	va = move(va, 0x1000, 0, NULL);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, va + 0x1000, 0x1000);
	va = move(va, 0x7000, VMM_SPACE_MAY_MOVE, NULL);
	space_rig_check_bytes(&rig.space, va, 0x1000, 0x10000);
	CHECK_EQ(rig.waits, 0);
	vmm_space_purge(&rig.space);
	/* And all of it is free again. */
	CHECK_EQ(vmm_space_map(&rig.space, &all, &va), VMM_OK);
	space_rig_close(&rig);
}

/* An object's region grows to its end, and not further. */
TEST(unit_space_move_stays_in_its_object)
{
	struct vmm_space_request request = {.place = {.size = 0x2000},
		.kind = VMM_SPACE_OBJECT,
		.prot = SPACE_RWU,
		.flags = VMM_SPACE_SHARED,
		.object = &object,
		.offset = 0x1000};
	vmm_va_t va;

	space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
	rig.is_alone = false;
	space_rig_object(&rig, &object, 0x6000);
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	check_error(va, 0x6000, VMM_SPACE_MAY_MOVE, NULL, VMM_ERANGE);
	space_rig_touch(&rig.space, va, 0x2000);
	va = move(va, 0x5000, VMM_SPACE_MAY_MOVE, NULL);
	CHECK_EQ(object.users, 2);
	space_rig_touch(&rig.space, va, 0x5000);
	CHECK_EQ(vmm_object_resident(&object), 0x5000);
	space_rig_map(&rig.space, VMM_SPACE_RESERVED, va + 0x5000, 0x1000);
	va = move(va, 0x1000, VMM_SPACE_MAY_MOVE, NULL);
	CHECK_EQ(object.users, 2);
	CHECK_EQ(vmm_object_resident(&object), 0x5000);
	vmm_object_put(&object);
	vmm_space_purge(&rig.space);
	CHECK_EQ(rig.ended, 1);
	space_rig_close(&rig);
}

/* Each documented error, with nothing changed. */
TEST(unit_space_move_refuses)
{
	struct vmm_vmem_request to = {.where = VMM_MIB(1)};

	space_rig_open_alone(&rig, &vmm_pt_sv39, 0);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, 0x10000, 0x4000);
	space_rig_map(&rig.space, VMM_SPACE_RING, 0x20000, 0x4000);
	space_rig_map(&rig.space, VMM_SPACE_STACK, 0x30000, 0x4000);
	space_rig_map(&rig.space, VMM_SPACE_PHYS, 0x40000, 0x4000);
	space_rig_map(&rig.space, VMM_SPACE_CONTIGUOUS, 0x50000, 0x4000);
	space_rig_touch(&rig.space, 0x10000, 0x4000);
	check_error(0x10000, 0, 0, NULL, VMM_EINVAL);
	check_error(0x10001, 0x1000, 0, NULL, VMM_EINVAL);
	check_error(0x10000, 0x1001, 0, NULL, VMM_EINVAL);
	check_error(0x10000, 0x1000, 2, NULL, VMM_EINVAL);
	check_error(0x11000, 0x1000, 0, NULL, VMM_ENOENT);
	check_error(0x60000, 0x1000, 0, NULL, VMM_ENOENT);
	check_error(UINT64_MAX - 0xfff, 0x2000, 0, NULL, VMM_ENOENT);
	check_error(0x20000, 0x2000, 0, NULL, VMM_ENOTSUP);
	check_error(0x20000, 0x6000, 1, NULL, VMM_ENOTSUP);
	check_error(0x30000, 0x6000, 1, NULL, VMM_ENOTSUP);
	check_error(0x40000, 0x6000, 1, NULL, VMM_ENOTSUP);
	check_error(0x50000, 0x6000, 1, NULL, VMM_ENOTSUP);
	to.flags = VMM_VMEM_FIXED;
	check_error(0x10000, 0x1000, 0, &to, VMM_EINVAL);
	to.where = 0x13000;
	check_error(0x10000, 0x4000, 1, &to, VMM_EEXIST);
	to.where = 0x1f000;
	check_error(0x10000, 0x4000, 1, &to, VMM_EEXIST);
	to.where = rig_low_end(&vmm_pt_sv39);
	check_error(0x10000, 0x4000, 1, &to, VMM_ERANGE);
	to.where = 0x1234;
	check_error(0x10000, 0x4000, 1, &to, VMM_EINVAL);
	to.where = VMM_MIB(1);
	to.tags.count = 1;
	check_error(0x10000, 0x4000, 1, &to, VMM_EINVAL);
	space_rig_close(&rig);
}
