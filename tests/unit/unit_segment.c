/* SPDX-License-Identifier: MIT */
/*
 * Segments, by the document of a microkernel's manager of task memory: made and
 * grown; and what the document does not check, checked.
 */
#include "support/segment_rig.h"

static struct vmm_vmem ranges;

static struct vmm_segment other;
static struct vmm_vmem other_ranges;
static struct vmm_object object;

/* vm_new, vm_new_segment: text, data, heap and stack of a task, anywhere. */
TEST(unit_segment_new)
{
	static const enum vmm_space_kind kinds[] = {
		VMM_SPACE_ZERO, VMM_SPACE_RESERVED, VMM_SPACE_OBJECT};

	for (int f = 0; f < RIG_PLAIN_FORMATS; f++) {
		for (int k = 0; k < 3; k++) {
			struct vmm_space_request request = {
				.place = {.size = 4 * PAGE,
					.guard = {PAGE, PAGE}},
				.kind = kinds[k],
				.prot = SPACE_RWU,
				.name = "segment"};
			struct vmm_space_region told;

			space_rig_open_user(&rig, rig_formats[f], 0);
			space_rig_object(&rig, &object, 8 * PAGE);
			if (kinds[k] == VMM_SPACE_OBJECT) {
				request.object = &object;
				request.offset = 2 * PAGE;
			}
			CHECK_EQ(vmm_segment_new(&segment, &rig.space, &request,
					 0, NULL),
				VMM_OK);
			segment_good();
			CHECK_EQ(segment.size, 4 * PAGE);
			CHECK_EQ(segment.limit, 4 * PAGE);
			CHECK(segment.loaded);
			CHECK_EQ(vmm_space_find(&rig.space, segment.base, false,
					 &told),
				VMM_OK);
			CHECK(told.segment == &segment);
			CHECK(told.name == segment.name);
			CHECK_EQ(told.base, segment.base);
			CHECK_EQ(told.size, segment.size);
			CHECK_EQ(told.guard[0], PAGE);
			CHECK_EQ(told.offset, request.offset);
			vmm_segment_delete(&segment);
			CHECK(segment.space == NULL);
			CHECK_EQ(object.users, 1);
			vmm_object_put(&object);
			space_rig_close(&rig);
		}
	}
}

/* A new segment that overlaps another is refused; one that touches it is not. */
TEST(unit_segment_new_refuses_overlap)
{
	static const vmm_va_t bad[] = {SEGMENT_AT, SEGMENT_AT - PAGE,
		SEGMENT_AT + 3 * PAGE, SEGMENT_AT - 2 * PAGE};
	uint64_t before;

	segment_open(VMM_SPACE_ZERO, &ranges, 0);
	segment_put(&rig.space, SEGMENT_AT, 7);
	before = segment_state(&segment);
	for (int i = 0; i < 4; i++) {
		const struct vmm_space_request request =
			segment_request(VMM_SPACE_ZERO, bad[i], 4 * PAGE);

		CHECK_EQ(vmm_segment_new(&other, &rig.space, &request, 0, NULL),
			VMM_EEXIST);
		CHECK(other.space == NULL);
		CHECK_EQ(segment_state(&segment), before);
	}
	{
		const struct vmm_space_request request = segment_request(
			VMM_SPACE_ZERO, SEGMENT_AT - 4 * PAGE, 4 * PAGE);

		CHECK_EQ(vmm_segment_new(&other, &rig.space, &request, 0, NULL),
			VMM_OK);
	}
	/* Two segments never become one region. */
	segment_good();
	CHECK_EQ(vmm_segment_check(&other), VMM_OK);
	vmm_segment_delete(&other);
	CHECK_EQ(segment_get(&rig.space, SEGMENT_AT), 7);
	CHECK_EQ(segment_state(&segment), before);
	segment_close();
}

/* What a request for a segment can have wrong; nothing is there then. */
TEST(unit_segment_new_errors)
{
	static const struct {
		uint64_t size;
		uint64_t limit;
		enum vmm_space_kind kind;
		unsigned prot;
		int err;
	} bad[] = {
		{0, 0, VMM_SPACE_ZERO, SPACE_RWU, VMM_EINVAL},
		{0, PAGE, VMM_SPACE_ZERO, SPACE_RWU, VMM_EINVAL},
		{PAGE / 2, PAGE, VMM_SPACE_ZERO, SPACE_RWU, VMM_EINVAL},
		{PAGE, PAGE / 2, VMM_SPACE_ZERO, SPACE_RWU, VMM_EINVAL},
		{2 * PAGE, PAGE, VMM_SPACE_ZERO, SPACE_RWU, VMM_EINVAL},
		{PAGE, PAGE + 1, VMM_SPACE_ZERO, SPACE_RWU, VMM_EINVAL},
		{PAGE, 0, VMM_SPACE_STACK, SPACE_RWU, VMM_EINVAL},
		{PAGE, 0, VMM_SPACE_RING, SPACE_RWU, VMM_EINVAL},
		{PAGE, 0, VMM_SPACE_PHYS, SPACE_RWU, VMM_EINVAL},
		{PAGE, 0, VMM_SPACE_CONTIGUOUS, SPACE_RWU, VMM_EINVAL},
		{PAGE, 0, VMM_SPACE_OBJECT, SPACE_RWU, VMM_EINVAL},
		{PAGE, 0, VMM_SPACE_ZERO, 1u << 20, VMM_EINVAL},
		{PAGE, 0, VMM_SPACE_ZERO, SPACE_RWU | VMM_PT_NC, VMM_ENOTSUP},
		{PAGE, VMM_GIB(256), VMM_SPACE_ZERO, SPACE_RWU, VMM_ERANGE},
		{PAGE, -PAGE, VMM_SPACE_ZERO, SPACE_RWU, VMM_ERANGE},
	};

	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (int where = 0; where < 2; where++) {
			struct vmm_space_request request = segment_request(
				bad[i].kind, where == 0 ? SEGMENT_AT : 0,
				bad[i].size);

			if (where != 0)
				request.place.flags = 0;
			request.prot = bad[i].prot;
			segment.space = NULL;
			CHECK_EQ(vmm_segment_new(&segment, &rig.space, &request,
					 bad[i].limit, &ranges),
				bad[i].err);
			CHECK(segment.space == NULL);
			CHECK_EQ(rig.space.arena.used_count, 0);
			CHECK_EQ(rig.pages_live, (long)rig.space.node_pages);
		}
	}
	segment_close();
}

/* What is replaced has no way back: no new one that may fail takes its place. */
TEST(unit_segment_new_eager_replaces_nothing)
{
	struct vmm_space_request request =
		segment_request(VMM_SPACE_ZERO, SEGMENT_AT, 2 * PAGE);
	uint64_t before;

	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, SEGMENT_AT, PAGE);
	segment_put(&rig.space, SEGMENT_AT, 7);
	before = space_rig_digest(&rig, &rig.space);
	request.replace = true;
	request.flags = VMM_SPACE_EAGER;
	rig.fail_frames.in = 1;
	CHECK_EQ(vmm_segment_new(&segment, &rig.space, &request, 0, NULL),
		VMM_EINVAL);
	rig.fail_frames.in = -1;
	CHECK_EQ(space_rig_digest(&rig, &rig.space), before);
	CHECK_EQ(segment_get(&rig.space, SEGMENT_AT), 7);
	space_rig_close(&rig);
}

/* Without frames: addresses for devices, and no more. */
TEST(unit_segment_without_frames)
{
	struct vmm_space_request request =
		segment_request(VMM_SPACE_RESERVED, SEGMENT_AT, 4 * PAGE);
	vmm_va_t va;

	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	rig.hooks.frames = NULL;
	CHECK_EQ(vmm_segment_new(
			 &segment, &rig.space, &request, 8 * PAGE, &ranges),
		VMM_OK);
	CHECK_EQ(vmm_segment_alloc_phys(&segment, 0x10000000, 2 * PAGE,
			 SPACE_RW | VMM_PT_IO, &va),
		VMM_OK);
	CHECK_EQ(vmm_segment_unload(&segment), VMM_OK);
	segment_good();
	CHECK_EQ(vmm_segment_load(&segment), VMM_OK);
	segment_good();
	CHECK_EQ(vmm_segment_free(&segment, va), VMM_OK);
	CHECK_EQ(vmm_segment_resize(&segment, 8 * PAGE), VMM_OK);
	CHECK_EQ(vmm_segment_alloc(&segment, 8 * PAGE, true, &va), VMM_OK);
	segment_close();
}

/* Growing is upwards, the old pages stay, the new ones are zeros. */
TEST(unit_segment_grow)
{
	segment_open(VMM_SPACE_ZERO, NULL, 0);
	segment_put(&rig.space, SEGMENT_AT + 4 * PAGE - 8, 7);
	CHECK_EQ(vmm_space_touch(&rig.space, SEGMENT_AT + 4 * PAGE, 1,
			 VMM_PT_WRITE | VMM_PT_USER),
		VMM_ENOENT);
	CHECK_EQ(vmm_segment_resize(&segment, 6 * PAGE), VMM_OK);
	segment_good();
	CHECK_EQ(segment.size, 6 * PAGE);
	CHECK_EQ(segment_get(&rig.space, SEGMENT_AT + 4 * PAGE - 8), 7);
	CHECK_EQ(segment_get(&rig.space, SEGMENT_AT + 6 * PAGE - 8), 0);
	/* One region, as nothing differs. */
	CHECK_EQ(rig.space.arena.used_count, 1);
	CHECK_EQ(vmm_segment_resize(&segment, 6 * PAGE), VMM_OK);
	CHECK_EQ(vmm_segment_resize(&segment, PAGE), VMM_OK);
	segment_good();
	CHECK_EQ(segment_fault(&rig.space, SEGMENT_AT + PAGE, VMM_PT_READ,
			 VMM_ENOENT),
		VMM_FAULT_NOBODY);
	/* What went is not what comes back. */
	CHECK_EQ(vmm_segment_resize(&segment, 8 * PAGE), VMM_OK);
	CHECK_EQ(segment_get(&rig.space, SEGMENT_AT + 4 * PAGE - 8), 0);
	segment_close();
}

/* Growing is checked against segments, and regions, that are in the way. */
TEST(unit_segment_grow_is_checked_against_neighbours)
{
	const struct vmm_space_request request =
		segment_request(VMM_SPACE_ZERO, SEGMENT_AT + 6 * PAGE, PAGE);
	uint64_t before;

	segment_open(VMM_SPACE_ZERO, &ranges, 0);
	CHECK_EQ(
		vmm_segment_new(&other, &rig.space, &request, 0, NULL), VMM_OK);
	before = segment_state(&segment);
	CHECK_EQ(vmm_segment_resize(&segment, 7 * PAGE), VMM_ENOSPC);
	CHECK_EQ(segment_state(&segment), before);
	CHECK_EQ(vmm_segment_resize(&segment, 6 * PAGE), VMM_OK);
	segment_good();
	CHECK_EQ(vmm_segment_resize(&segment, 7 * PAGE), VMM_ENOSPC);
	vmm_segment_delete(&other);
	CHECK_EQ(vmm_segment_resize(&segment, 7 * PAGE), VMM_OK);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, SEGMENT_AT + 7 * PAGE, PAGE);
	CHECK_EQ(vmm_segment_resize(&segment, 8 * PAGE), VMM_ENOSPC);
	segment_close();
}

/* The limit, the end of the addresses that the space has, and of all. */
TEST(unit_segment_grow_ends_at_limits)
{
	const vmm_va_t end = rig_low_end(&vmm_pt_sv39);
	struct vmm_space_request request =
		segment_request(VMM_SPACE_ZERO, VMM_GIB(1), PAGE);
	uint64_t before;

	space_rig_open(&rig, &vmm_pt_sv39, 0);
	CHECK_EQ(vmm_space_add(&rig.space, VMM_GIB(1), 4 * PAGE, 0), VMM_OK);
	CHECK_EQ(vmm_segment_new(
			 &segment, &rig.space, &request, 8 * PAGE, &ranges),
		VMM_OK);
	before = segment_state(&segment);
	CHECK_EQ(vmm_segment_resize(&segment, 9 * PAGE), VMM_ERANGE);
	CHECK_EQ(vmm_segment_resize(&segment, UINT64_MAX - PAGE + 1),
		VMM_ERANGE);
	CHECK_EQ(vmm_segment_resize(&segment, 5 * PAGE), VMM_ENOSPC);
	CHECK_EQ(segment_state(&segment), before);
	CHECK_EQ(vmm_segment_resize(&segment, 4 * PAGE), VMM_OK);
	segment_good();
	/* A limit that no address could keep. */
	CHECK_EQ(
		vmm_space_add(&rig.space, end - 4 * PAGE, 4 * PAGE, 0), VMM_OK);
	request.place.where = end - PAGE;
	CHECK_EQ(vmm_segment_new(&other, &rig.space, &request, 2 * PAGE, NULL),
		VMM_ERANGE);
	request.place = (struct vmm_vmem_request){.size = 4 * PAGE};
	CHECK_EQ(vmm_segment_new(&other, &rig.space, &request, VMM_GIB(300),
			 &other_ranges),
		VMM_ERANGE);
	CHECK_EQ(rig.space.arena.used_count, 1);
	CHECK_EQ(
		vmm_segment_new(&other, &rig.space, &request, 0, NULL), VMM_OK);
	CHECK_EQ(other.base, end - 4 * PAGE);
	CHECK_EQ(vmm_segment_check(&other), VMM_OK);
	vmm_segment_delete(&other);
	segment_close();
}

/* The last page of all addresses, in the kernel's half, is an end like any. */
TEST(unit_segment_ends_at_the_last_address)
{
	struct vmm_space_request request =
		segment_request(VMM_SPACE_ZERO, -(4 * PAGE), 2 * PAGE);

	space_rig_open(&rig, &vmm_pt_sv39, 0);
	CHECK_EQ(vmm_space_add(&rig.space, -(8 * PAGE), 8 * PAGE, 0), VMM_OK);
	CHECK_EQ(vmm_segment_new(
			 &segment, &rig.space, &request, 5 * PAGE, &ranges),
		VMM_ERANGE);
	CHECK_EQ(vmm_segment_new(
			 &segment, &rig.space, &request, 4 * PAGE, &ranges),
		VMM_OK);
	CHECK_EQ(vmm_segment_resize(&segment, 4 * PAGE), VMM_OK);
	segment_good();
	segment_put(&rig.space, -UINT64_C(8), 5);
	CHECK_EQ(vmm_segment_map_phys(&segment, -PAGE, 0x10000000, PAGE,
			 SPACE_RW | VMM_PT_IO),
		VMM_OK);
	segment_good();
	CHECK_EQ(vmm_segment_unload(&segment), VMM_OK);
	segment_good();
	CHECK_EQ(vmm_segment_load(&segment), VMM_OK);
	segment_good();
	CHECK_EQ(vmm_segment_unmap(&segment, -PAGE, PAGE, SPACE_RWU), VMM_OK);
	segment_good();
	CHECK_EQ(segment_get(&rig.space, -UINT64_C(8)), 0);
	CHECK_EQ(vmm_segment_resize(&segment, PAGE), VMM_OK);
	segment_close();
}

/* A guard above moves with the end, and stays whole in between. */
TEST(unit_segment_guards_move)
{
	struct vmm_space_request request =
		segment_request(VMM_SPACE_ZERO, SEGMENT_AT, 4 * PAGE);
	const vmm_va_t end = SEGMENT_AT + 8 * PAGE;

	request.place.guard[0] = PAGE;
	request.place.guard[1] = 2 * PAGE;
	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	CHECK_EQ(vmm_segment_new(
			 &segment, &rig.space, &request, 16 * PAGE, NULL),
		VMM_OK);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, end + 2 * PAGE, PAGE);
	CHECK_EQ(vmm_segment_resize(&segment, 9 * PAGE), VMM_ENOSPC);
	CHECK_EQ(vmm_segment_resize(&segment, 8 * PAGE), VMM_OK);
	segment_good();
	CHECK_EQ(segment_fault(&rig.space, end, VMM_PT_READ, VMM_EACCES),
		VMM_FAULT_GUARD);
	/* In parts, the last one of which has the guard. */
	CHECK_EQ(vmm_space_protect(&rig.space, SEGMENT_AT + 2 * PAGE, 2 * PAGE,
			 VMM_PT_READ | VMM_PT_USER),
		VMM_OK);
	CHECK_EQ(vmm_segment_map_phys(&segment, SEGMENT_AT + 6 * PAGE,
			 0x10000000, 2 * PAGE, SPACE_RW | VMM_PT_IO),
		VMM_OK);
	segment_good();
	CHECK_EQ(vmm_segment_resize(&segment, 3 * PAGE), VMM_OK);
	segment_good();
	CHECK_EQ(segment_fault(&rig.space, SEGMENT_AT + 5 * PAGE - 1,
			 VMM_PT_READ, VMM_EACCES),
		VMM_FAULT_GUARD);
	CHECK_EQ(segment_fault(&rig.space, SEGMENT_AT + 5 * PAGE, VMM_PT_READ,
			 VMM_ENOENT),
		VMM_FAULT_NOBODY);
	/* It grows by what the segment is, not by what its last part is. */
	CHECK_EQ(vmm_segment_resize(&segment, 4 * PAGE), VMM_OK);
	segment_good();
	segment_put(&rig.space, SEGMENT_AT + 3 * PAGE, 3);
	CHECK_EQ(segment_fault(&rig.space, SEGMENT_AT + 2 * PAGE,
			 VMM_PT_WRITE | VMM_PT_USER, VMM_EACCES),
		VMM_FAULT_DENIED);
	segment_close();
}

/* An object's segment grows within the object, each page from its place. */
TEST(unit_segment_of_an_object)
{
	struct vmm_space_request request =
		segment_request(VMM_SPACE_OBJECT, SEGMENT_AT, 2 * PAGE);
	uint64_t before;

	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	space_rig_object(&rig, &object, 4 * PAGE);
	request.object = &object;
	request.offset = PAGE;
	request.flags = VMM_SPACE_SHARED;
	CHECK_EQ(vmm_segment_new(
			 &segment, &rig.space, &request, 8 * PAGE, &ranges),
		VMM_OK);
	vmm_object_put(&object);
	segment_good();
	before = segment_state(&segment);
	CHECK_EQ(vmm_segment_resize(&segment, 4 * PAGE), VMM_ERANGE);
	CHECK_EQ(segment_state(&segment), before);
	CHECK_EQ(vmm_segment_resize(&segment, 3 * PAGE), VMM_OK);
	segment_good();
	for (uint64_t i = 0; i < 3; i++)
		segment_put(&rig.space, SEGMENT_AT + i * PAGE, 100 + i);
	/* All of it a device for a while: the object is still there. */
	CHECK_EQ(vmm_segment_map_phys(&segment, SEGMENT_AT, 0x10000000,
			 3 * PAGE, SPACE_RW | VMM_PT_IO),
		VMM_OK);
	segment_good();
	CHECK_EQ(object.users, 1);
	CHECK_EQ(
		vmm_segment_unmap(&segment, SEGMENT_AT + PAGE, PAGE, SPACE_RWU),
		VMM_OK);
	segment_good();
	CHECK_EQ(segment_get(&rig.space, SEGMENT_AT + PAGE), 101);
	CHECK_EQ(vmm_segment_unmap(&segment, SEGMENT_AT, PAGE, SPACE_RWU),
		VMM_OK);
	CHECK_EQ(vmm_segment_unmap(
			 &segment, SEGMENT_AT + 2 * PAGE, PAGE, SPACE_RWU),
		VMM_OK);
	segment_good();
	CHECK_EQ(object.users, 2);
	for (uint64_t i = 0; i < 3; i++)
		CHECK_EQ(segment_get(&rig.space, SEGMENT_AT + i * PAGE),
			100 + i);
	/* Parts that go are users no more; the segment stays one. */
	CHECK_EQ(vmm_space_protect(&rig.space, SEGMENT_AT + 2 * PAGE, PAGE,
			 VMM_PT_READ | VMM_PT_USER),
		VMM_OK);
	CHECK_EQ(object.users, 3);
	CHECK_EQ(vmm_segment_resize(&segment, PAGE), VMM_OK);
	segment_good();
	CHECK_EQ(object.users, 2);
	CHECK_EQ(vmm_segment_resize(&segment, 3 * PAGE), VMM_OK);
	CHECK_EQ(object.users, 2);
	CHECK_EQ(segment_get(&rig.space, SEGMENT_AT + 2 * PAGE), 102);
	segment_close();
	CHECK_EQ(object.users, 0);
}

/* Parts of segments are not unmapped from outside; they are anything else. */
TEST(unit_segment_is_not_unmapped_from_outside)
{
	struct vmm_space_request request =
		segment_request(VMM_SPACE_ZERO, SEGMENT_AT + 3 * PAGE, PAGE);
	uint64_t before;
	vmm_va_t va;

	segment_open(VMM_SPACE_ZERO, &ranges, 0);
	segment_put(&rig.space, SEGMENT_AT, 7);
	before = segment_state(&segment);
	CHECK_EQ(vmm_space_unmap(&rig.space, SEGMENT_AT, PAGE), VMM_EBUSY);
	CHECK_EQ(vmm_space_unmap(&rig.space, 0, VMM_GIB(1)), VMM_EBUSY);
	request.replace = true;
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_EBUSY);
	CHECK_EQ(vmm_space_move(&rig.space, SEGMENT_AT, 5 * PAGE,
			 VMM_SPACE_MAY_MOVE, NULL, &va),
		VMM_EBUSY);
	CHECK_EQ(segment_state(&segment), before);
	CHECK_EQ(vmm_space_protect(&rig.space, SEGMENT_AT + PAGE, PAGE, 0),
		VMM_OK);
	segment_good();
	CHECK_EQ(vmm_space_protect(
			 &rig.space, SEGMENT_AT + PAGE, PAGE, SPACE_RWU),
		VMM_OK);
	segment_good();
	CHECK_EQ(rig.space.arena.used_count, 1);
	CHECK_EQ(segment_state(&segment), before);
	CHECK_EQ(vmm_space_discard(&rig.space, SEGMENT_AT, 4 * PAGE), VMM_OK);
	CHECK_EQ(segment_get(&rig.space, SEGMENT_AT), 0);
	segment_close();
}

/* EAGER: all pages are there at once; if they can't be had, nothing is. */
TEST(unit_segment_eager)
{
	struct vmm_space_request request =
		segment_request(VMM_SPACE_ZERO, SEGMENT_AT, 4 * PAGE);

	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	request.flags = VMM_SPACE_EAGER;
	CHECK_EQ(vmm_segment_new(
			 &segment, &rig.space, &request, 8 * PAGE, &ranges),
		VMM_OK);
	CHECK_EQ(rig.frames_live, 4);
	segment_good();
	CHECK_EQ(vmm_segment_resize(&segment, 5 * PAGE), VMM_OK);
	CHECK_EQ(rig.space.arena.used_count, 1);
	vmm_segment_delete(&segment);
	CHECK_EQ(rig.frames_live, 0);
	rig.fail_frames.in = 3;
	CHECK_EQ(vmm_segment_new(
			 &segment, &rig.space, &request, 8 * PAGE, &ranges),
		SPACE_ERR);
	CHECK_EQ(rig.frames_live, 0);
	CHECK_EQ(rig.space.arena.used_count, 0);
	segment_close();
}
