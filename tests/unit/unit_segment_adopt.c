/* SPDX-License-Identifier: MIT */
/* Segments made of regions that are there: after a fork, or one by one. */
#include "support/segment_rig.h"

static struct vmm_vmem ranges;

#define READ  (VMM_PT_READ | VMM_PT_USER)
#define WRITE (VMM_PT_WRITE | VMM_PT_USER)

static struct vmm_space child;
static struct vmm_pt table;
static struct vmm_segment other;
static struct vmm_vmem other_ranges;
static struct vmm_object object;

/* The parts of a segment, forked, are a segment again, copied on write. */
TEST(unit_segment_adopt_after_fork)
{
	vmm_va_t va;

	segment_open(VMM_SPACE_ZERO, &ranges, 0);
	CHECK_EQ(vmm_segment_alloc(&segment, PAGE, true, &va), VMM_OK);
	segment_put(&rig.space, SEGMENT_AT, 1);
	CHECK_EQ(vmm_space_protect(&rig.space, SEGMENT_AT + PAGE, PAGE, READ),
		VMM_OK);
	CHECK_EQ(vmm_segment_map_phys(&segment, SEGMENT_AT + 2 * PAGE,
			 0x10000000, PAGE, SPACE_RW | VMM_PT_IO),
		VMM_OK);
	space_rig_add(&rig, &child, &table);
	CHECK_EQ(vmm_space_fork(&child, &rig.space, VMM_FORK_COW), VMM_OK);
	segment_good();
	space_rig_check(&rig, &child);
	CHECK_EQ(vmm_segment_adopt(&other, &child, SEGMENT_AT, 4 * PAGE,
			 8 * PAGE, &other_ranges),
		VMM_OK);
	CHECK_EQ(vmm_segment_check(&other), VMM_OK);
	space_rig_check(&rig, &child);
	CHECK(other.name == segment.name);
	CHECK_EQ(other.kind, VMM_SPACE_ZERO);
	CHECK_EQ(other.prot, SPACE_RWU);
	CHECK(other.loaded);
	/* Two tasks from here on. */
	segment_put(&child, SEGMENT_AT, 2);
	CHECK_EQ(segment_get(&rig.space, SEGMENT_AT), 1);
	CHECK_EQ(vmm_segment_resize(&other, 6 * PAGE), VMM_OK);
	CHECK_EQ(vmm_segment_unmap(
			 &other, SEGMENT_AT + 2 * PAGE, PAGE, SPACE_RWU),
		VMM_OK);
	/* What the parent's allocator has given out, the child's has not. */
	CHECK_EQ(vmm_segment_alloc(&other, 6 * PAGE, false, &va), VMM_OK);
	CHECK_EQ(va, SEGMENT_AT);
	CHECK_EQ(vmm_segment_check(&other), VMM_OK);
	CHECK_EQ(vmm_space_unmap(&child, SEGMENT_AT, PAGE), VMM_EBUSY);
	vmm_segment_delete(&other);
	space_rig_drop(&rig, &child, &table);
	CHECK_EQ(segment_get(&rig.space, SEGMENT_AT), 1);
	segment_close();
}

static vmm_va_t map(vmm_va_t where, uint64_t size, const char *name,
	enum vmm_space_kind kind)
{
	struct vmm_space_request request = segment_request(kind, where, size);
	vmm_va_t va;

	request.name = name;
	request.pa = 0x10000000;
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	return va;
}

/* Regions of one name without a gap, or nothing, and nothing is changed. */
TEST(unit_segment_adopt_errors)
{
	static const char name[] = "heap";
	static const char other_name[] = "heap";
	static const struct {
		uint64_t at; /* pages */
		uint64_t size;
		uint64_t limit;
		int err;
	} bad[] = {
		{0, 0, 0, VMM_EINVAL}, {0, 2, 1, VMM_EINVAL},
		{1, 1, 0, VMM_ENOENT},	/* in the midst of a region */
		{0, 1, 0, VMM_ENOENT},	/* ends in its midst */
		{0, 3, 0, VMM_ENOENT},	/* ends behind it */
		{0, 5, 0, VMM_ENOENT},	/* a gap */
		{4, 4, 0, VMM_ENOENT},	/* two names */
		{8, 2, 0, VMM_EINVAL},	/* a stack */
		{10, 2, 0, VMM_EINVAL}, /* a physical range and nothing else */
		{12, 1, 0, VMM_EBUSY},	/* a segment's */
		{0, 2, UINT64_C(1) << 40, VMM_ERANGE},
		{20, 4, 0, VMM_ENOENT}, /* two sorts of flags */
	};
	const struct vmm_space_request request =
		segment_request(VMM_SPACE_ZERO, SEGMENT_AT + 12 * PAGE, PAGE);
	uint64_t before;

	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	map(SEGMENT_AT, 2 * PAGE, name, VMM_SPACE_ZERO);
	map(SEGMENT_AT + 4 * PAGE, 2 * PAGE, name, VMM_SPACE_ZERO);
	map(SEGMENT_AT + 6 * PAGE, 2 * PAGE, other_name + 1, VMM_SPACE_ZERO);
	map(SEGMENT_AT + 8 * PAGE, 2 * PAGE, name, VMM_SPACE_STACK);
	map(SEGMENT_AT + 10 * PAGE, 2 * PAGE, name, VMM_SPACE_PHYS);
	CHECK_EQ(vmm_segment_new(&segment, &rig.space, &request, 0, NULL),
		VMM_OK);
	map(SEGMENT_AT + 20 * PAGE, 2 * PAGE, name, VMM_SPACE_ZERO);
	{
		struct vmm_space_request keep = segment_request(
			VMM_SPACE_ZERO, SEGMENT_AT + 22 * PAGE, 2 * PAGE);
		vmm_va_t va;

		keep.name = name;
		keep.flags = VMM_SPACE_KEEP;
		CHECK_EQ(vmm_space_map(&rig.space, &keep, &va), VMM_OK);
	}
	before = segment_state(&segment);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		other.size = 77;
		CHECK_EQ(vmm_segment_adopt(&other, &rig.space,
				 SEGMENT_AT + bad[i].at * PAGE,
				 bad[i].size * PAGE, bad[i].limit * PAGE,
				 &other_ranges),
			bad[i].err);
		CHECK_EQ(other.size, 77);
		CHECK_EQ(segment_state(&segment), before);
	}
	rig.fail_pages.in = 0;
	CHECK_EQ(vmm_segment_adopt(&other, &rig.space, SEGMENT_AT, 2 * PAGE, 0,
			 &other_ranges),
		SPACE_ERR);
	CHECK_EQ(segment_state(&segment), before);
	CHECK_EQ(vmm_segment_adopt(&other, &rig.space, SEGMENT_AT, 2 * PAGE, 0,
			 &other_ranges),
		VMM_OK);
	CHECK_EQ(vmm_segment_check(&other), VMM_OK);
	vmm_segment_delete(&other);
	segment_close();
}

/* Views of an object that follow one another, each from its place. */
TEST(unit_segment_adopt_an_object)
{
	struct vmm_space_request request =
		segment_request(VMM_SPACE_OBJECT, SEGMENT_AT, 2 * PAGE);
	vmm_va_t va;

	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	space_rig_object(&rig, &object, 8 * PAGE);
	request.object = &object;
	request.offset = PAGE;
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	request.place.where = SEGMENT_AT + 2 * PAGE;
	request.offset = 3 * PAGE;
	request.prot = READ;
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	request.place.where = SEGMENT_AT + 4 * PAGE;
	request.offset = 0;
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	CHECK_EQ(vmm_segment_adopt(
			 &segment, &rig.space, SEGMENT_AT, 6 * PAGE, 0, NULL),
		VMM_ENOENT);
	CHECK_EQ(vmm_segment_adopt(
			 &segment, &rig.space, SEGMENT_AT, 4 * PAGE, 0, NULL),
		VMM_OK);
	segment_good();
	CHECK_EQ(segment.offset, PAGE);
	CHECK(segment.object == &object);
	/* The creator, three regions, the segment. */
	CHECK_EQ(object.users, 5);
	segment_put(&rig.space, SEGMENT_AT, 1);
	vmm_segment_delete(&segment);
	CHECK_EQ(object.users, 2);
	vmm_object_put(&object);
	space_rig_close(&rig);
}

/* What was unloaded as a region is an unloaded segment. */
TEST(unit_segment_adopt_unloaded)
{
	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, SEGMENT_AT, 2 * PAGE);
	segment_put(&rig.space, SEGMENT_AT, 5);
	CHECK_EQ(vmm_space_unload(&rig.space), VMM_OK);
	CHECK_EQ(vmm_segment_adopt(
			 &segment, &rig.space, SEGMENT_AT, 2 * PAGE, 0, NULL),
		VMM_OK);
	CHECK(!segment.loaded);
	segment_good();
	CHECK_EQ(vmm_segment_load(&segment), VMM_OK);
	CHECK_EQ(segment_get(&rig.space, SEGMENT_AT), 5);
	segment_close();
}

/* Nor does a segment begin before its object, or end behind it. */
TEST(unit_segment_adopt_more_than_the_object)
{
	struct vmm_space_request request =
		segment_request(VMM_SPACE_OBJECT, SEGMENT_AT, 2 * PAGE);
	vmm_va_t va;

	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	space_rig_object(&rig, &object, 2 * PAGE);
	request.object = &object;
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	map(SEGMENT_AT - PAGE, PAGE, object.config->name, VMM_SPACE_PHYS);
	map(SEGMENT_AT + 2 * PAGE, PAGE, object.config->name, VMM_SPACE_PHYS);
	CHECK_EQ(vmm_segment_adopt(&segment, &rig.space, SEGMENT_AT - PAGE,
			 3 * PAGE, 0, NULL),
		VMM_ERANGE);
	CHECK_EQ(vmm_segment_adopt(
			 &segment, &rig.space, SEGMENT_AT, 3 * PAGE, 0, NULL),
		VMM_ERANGE);
	CHECK_EQ(object.users, 2);
	vmm_object_put(&object);
	space_rig_close(&rig);
}
