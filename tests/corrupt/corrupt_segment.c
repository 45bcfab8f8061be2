/* SPDX-License-Identifier: MIT */
/* The check is tested by breaking what it guards, field by field. */
#include "support/segment_rig.h"

#include "space/space_internal.h"

static struct vmm_vmem ranges;

static struct vmm_object object;
static struct vmm_object_config config = {.name = "image"};

static void bad(void)
{
	CHECK_EQ(vmm_segment_check(&segment), VMM_ECORRUPT);
}

#define BREAK(field, value)                         \
	do {                                        \
		struct vmm_segment whole = segment; \
                                                    \
		segment.field = value;              \
		bad();                              \
		segment = whole;                    \
		segment_good();                     \
	} while (0)

/* The fields of the segment. */
TEST(corrupt_segment_fields)
{
	segment_open(VMM_SPACE_ZERO, &ranges, 0);
	BREAK(space, NULL);
	BREAK(base, SEGMENT_AT + PAGE);
	BREAK(base, SEGMENT_AT - PAGE);
	BREAK(base, SEGMENT_AT + 1);
	BREAK(size, 0);
	BREAK(size, 3 * PAGE);
	BREAK(size, 5 * PAGE);
	BREAK(size, 4 * PAGE + 1);
	BREAK(limit, 3 * PAGE);
	BREAK(limit, 4 * PAGE);
	BREAK(limit, 9 * PAGE);
	BREAK(limit, 8 * PAGE + 8);
	BREAK(limit, UINT64_MAX - PAGE + 1);
	BREAK(object, &object);
	BREAK(offset, PAGE);
	BREAK(kind, VMM_SPACE_RESERVED);
	BREAK(kind, VMM_SPACE_OBJECT);
	BREAK(kind, VMM_SPACE_PHYS);
	BREAK(prot, 1u << 20);
	BREAK(flags, VMM_SPACE_KEEP);
	BREAK(flags, VMM_SPACE_EAGER);
	BREAK(loaded, false);
	BREAK(ranges, NULL);
	BREAK(beyond, NULL);
	BREAK(beyond, vmm_vmem_region_first(&ranges));
	segment_close();
}

/* The fields that an object's segment has besides. */
TEST(corrupt_segment_object)
{
	struct vmm_space_request request =
		segment_request(VMM_SPACE_OBJECT, SEGMENT_AT, 4 * PAGE);

	space_rig_open(&rig, &vmm_pt_sv39, 0);
	space_rig_user(&rig);
	config.pages = &rig.pages;
	config.frames = &rig.frames;
	config.offset = rig.offset;
	CHECK_EQ(vmm_object_init(&object, &config, 8 * PAGE), VMM_OK);
	request.object = &object;
	request.offset = PAGE;
	CHECK_EQ(vmm_segment_new(&segment, &rig.space, &request, 0, NULL),
		VMM_OK);
	segment_good();
	BREAK(object, NULL);
	BREAK(name, "another");
	BREAK(offset, 2 * PAGE);
	BREAK(offset, 0);
	BREAK(offset, PAGE + 1);
	BREAK(kind, VMM_SPACE_ZERO);
	BREAK(beyond, vmm_vmem_region_first(&rig.space.arena));
	vmm_object_put(&object);
	segment_close();
}

/* The tags of its parts, of one and of three. */
TEST(corrupt_segment_parts)
{
	for (int parts = 1; parts <= 3; parts += 2) {
		segment_open(VMM_SPACE_ZERO, &ranges, 0);
		if (parts == 3)
			CHECK_EQ(vmm_segment_map_phys(&segment,
					 SEGMENT_AT + PAGE, 0x10000000, PAGE,
					 SPACE_RW),
				VMM_OK);
		for (int i = 0; i < parts; i++) {
			const struct vmm_vmem_region *part = vmm_space_at(
				&rig.space, SEGMENT_AT + (uint64_t)i * PAGE);
			const struct vmm_vmem_tags old =
				*vmm_vmem_region_tags(part);
			static const uint32_t flips[] = {VMM_SPACE_IS_SEGMENT,
				VMM_SPACE_IS_UNLOADED, VMM_SPACE_IS_GOING,
				VMM_SPACE_KEEP << VMM_SPACE_FLAGS_SHIFT,
				2u << VMM_SPACE_KIND_SHIFT};
			struct vmm_vmem_tags tags;

			for (int f = 0; f < 5; f++) {
				tags = old;
				tags.flags ^= flips[f];
				vmm_vmem_region_set_tags(
					&rig.space.arena, part, &tags);
				bad();
			}
			tags = old;
			tags.user = &config;
			vmm_vmem_region_set_tags(&rig.space.arena, part, &tags);
			bad();
			vmm_vmem_region_set_tags(&rig.space.arena, part, &old);
			segment_good();
		}
		segment_close();
	}
}

/* A neighbour that says it is a part. */
TEST(corrupt_segment_strays)
{
	for (int i = 0; i < 2; i++) {
		const struct vmm_vmem_region *near;
		struct vmm_vmem_tags tags;
		struct vmm_vmem_tags old;
		vmm_va_t va;

		segment_open(VMM_SPACE_ZERO, NULL, 0);
		va = space_rig_map(&rig.space, VMM_SPACE_ZERO,
			i == 0 ? SEGMENT_AT - PAGE : SEGMENT_AT + 4 * PAGE,
			PAGE);
		near = vmm_space_at(&rig.space, va);
		old = *vmm_vmem_region_tags(near);
		tags = *vmm_vmem_region_tags(
			vmm_space_at(&rig.space, SEGMENT_AT));
		vmm_vmem_region_set_tags(&rig.space.arena, near, &tags);
		bad();
		vmm_vmem_region_set_tags(&rig.space.arena, near, &old);
		segment_close();
	}
}

/* The arena of the ranges: its own fields, and what it should be an arena of. */
TEST(corrupt_segment_ranges)
{
	vmm_va_t va;

	segment_open(VMM_SPACE_ZERO, &ranges, 0);
	CHECK_EQ(vmm_segment_alloc(&segment, PAGE, false, &va), VMM_OK);
	ranges.used_count++;
	bad();
	ranges.used_count--;
	segment_good();
	CHECK_EQ(vmm_vmem_resize_below(&ranges, segment.beyond, 3 * PAGE),
		VMM_OK);
	bad();
	CHECK_EQ(vmm_vmem_resize_below(&ranges, segment.beyond, 5 * PAGE),
		VMM_OK);
	bad();
	CHECK_EQ(vmm_vmem_resize_below(&ranges, segment.beyond, 4 * PAGE),
		VMM_OK);
	segment_good();
	CHECK_EQ(vmm_vmem_add(&ranges, VMM_GIB(1), PAGE), VMM_OK);
	bad();
	CHECK_EQ(vmm_vmem_remove(&ranges, VMM_GIB(1)), VMM_OK);
	segment_close();
}
