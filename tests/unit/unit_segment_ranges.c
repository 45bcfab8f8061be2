/* SPDX-License-Identifier: MIT */
/*
 * The allocator of a segment, and physical ranges in its parts: pages of a
 * kernel's heap, a driver's registers.
 */
#include "support/segment_rig.h"

static struct vmm_vmem ranges;

#define IO    (SPACE_RW | VMM_PT_IO)
#define UART  UINT64_C(0x10000000)
#define WRITE (VMM_PT_WRITE | VMM_PT_USER)

/* vm_segment_alloc: whole pages, lowest first, all of the segment, no more. */
TEST(unit_segment_alloc_in_pages)
{
	vmm_va_t va[4];
	uint64_t before;

	segment_open(VMM_SPACE_ZERO, &ranges, 0);
	CHECK_EQ(vmm_segment_alloc(&segment, 1, false, &va[0]), VMM_OK);
	CHECK_EQ(va[0], SEGMENT_AT);
	CHECK_EQ(vmm_segment_alloc(&segment, PAGE + 1, false, &va[1]), VMM_OK);
	CHECK_EQ(va[1], SEGMENT_AT + PAGE);
	segment_good();
	before = segment_state(&segment);
	va[2] = 1;
	CHECK_EQ(vmm_segment_alloc(&segment, 2 * PAGE, false, &va[2]),
		VMM_ENOSPC);
	CHECK_EQ(vmm_segment_alloc(&segment, UINT64_MAX, false, &va[2]),
		VMM_ENOSPC);
	CHECK_EQ(vmm_segment_alloc(&segment, 0, false, &va[2]), VMM_EINVAL);
	CHECK_EQ(va[2], 1);
	CHECK_EQ(segment_state(&segment), before);
	CHECK_EQ(vmm_segment_alloc(&segment, PAGE, false, &va[2]), VMM_OK);
	CHECK_EQ(va[2], SEGMENT_AT + 3 * PAGE);
	/* What is past the size is not handed out, but after it has grown. */
	CHECK_EQ(vmm_segment_alloc(&segment, PAGE, false, &va[3]), VMM_ENOSPC);
	CHECK_EQ(vmm_segment_resize(&segment, 5 * PAGE), VMM_OK);
	CHECK_EQ(vmm_segment_alloc(&segment, PAGE, false, &va[3]), VMM_OK);
	CHECK_EQ(va[3], SEGMENT_AT + 4 * PAGE);
	segment_good();
	/* Nothing was touched, so nothing was taken. */
	CHECK_EQ(rig.frames_live, 0);
	segment_close();
}

/*
 * vm_segment_free: two free ranges that touch become one, allocated ones do
 * not; and at last everything is as at the start.
 */
TEST(unit_segment_free_merges_free_neighbours)
{
	struct vmm_vmem_stat stat;
	uint64_t before;
	vmm_va_t va[4];

	segment_open(VMM_SPACE_ZERO, &ranges, 0);
	before = segment_state(&segment);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(vmm_segment_alloc(&segment, PAGE, true, &va[i]),
			VMM_OK);
	CHECK_EQ(rig.frames_live, 4);
	/* Four allocated neighbours stay four, and what is past the end. */
	vmm_vmem_stat(&ranges, &stat);
	CHECK_EQ(stat.used_count, 5);
	CHECK_EQ(vmm_segment_free(&segment, va[0] + PAGE / 2), VMM_ENOENT);
	CHECK_EQ(vmm_segment_free(&segment, va[0]), VMM_OK);
	CHECK_EQ(vmm_segment_free(&segment, va[0]), VMM_ENOENT);
	CHECK_EQ(vmm_segment_free(&segment, va[2]), VMM_OK);
	vmm_vmem_stat(&ranges, &stat);
	CHECK_EQ(stat.free_count, 2);
	CHECK_EQ(stat.largest_free, PAGE);
	CHECK_EQ(vmm_segment_free(&segment, va[1]), VMM_OK);
	vmm_vmem_stat(&ranges, &stat);
	CHECK_EQ(stat.free_count, 1);
	CHECK_EQ(stat.largest_free, 3 * PAGE);
	CHECK_EQ(rig.frames_live, 1);
	/* What is past the size is nobody's to free. */
	CHECK_EQ(vmm_segment_free(&segment, SEGMENT_AT + 4 * PAGE), VMM_ENOENT);
	segment_good();
	CHECK_EQ(vmm_segment_free(&segment, va[3]), VMM_OK);
	CHECK_EQ(segment_state(&segment), before);
	segment_close();
}

/* Free ranges on both sides of a former end are one, whatever came between. */
TEST(unit_segment_free_merges_across_former_ends)
{
	uint64_t before;
	vmm_va_t va;

	segment_open(VMM_SPACE_ZERO, &ranges, 0);
	before = segment_state(&segment);
	CHECK_EQ(vmm_segment_resize(&segment, 6 * PAGE), VMM_OK);
	CHECK_EQ(vmm_segment_alloc(&segment, 6 * PAGE, true, &va), VMM_OK);
	CHECK_EQ(va, SEGMENT_AT);
	/* Not while it is in use, wherever the cut would be. */
	CHECK_EQ(vmm_segment_resize(&segment, 4 * PAGE), VMM_EBUSY);
	CHECK_EQ(vmm_segment_resize(&segment, 5 * PAGE), VMM_EBUSY);
	CHECK_EQ(vmm_segment_resize(&segment, 8 * PAGE), VMM_OK);
	CHECK(segment.beyond == NULL);
	segment_good();
	CHECK_EQ(vmm_segment_resize(&segment, 5 * PAGE), VMM_EBUSY);
	CHECK_EQ(vmm_segment_resize(&segment, 7 * PAGE), VMM_OK);
	segment_good();
	CHECK_EQ(vmm_segment_resize(&segment, 8 * PAGE), VMM_OK);
	CHECK_EQ(vmm_segment_free(&segment, va), VMM_OK);
	CHECK_EQ(vmm_segment_alloc(&segment, 8 * PAGE, false, &va), VMM_OK);
	CHECK_EQ(va, SEGMENT_AT);
	CHECK_EQ(vmm_segment_free(&segment, va), VMM_OK);
	CHECK_EQ(vmm_segment_resize(&segment, 4 * PAGE), VMM_OK);
	CHECK_EQ(segment_state(&segment), before);
	segment_close();
}

/* vm_get_kernel_heap_pages, vm_free_kernel_heap_pages: the kernel's own. */
TEST(unit_segment_kernel_heap_pages)
{
	struct vmm_space_request request =
		segment_request(VMM_SPACE_ZERO, -VMM_GIB(64), VMM_GIB(32));
	uint64_t before;
	vmm_va_t va;
	vmm_pa_t pa;

	request.prot = SPACE_RW | VMM_PT_GLOBAL;
	space_rig_open(&rig, &vmm_pt_sv39, 0);
	CHECK_EQ(vmm_space_add(&rig.space, -VMM_GIB(64), VMM_GIB(64), 0),
		VMM_OK);
	CHECK_EQ(vmm_segment_new(&segment, &rig.space, &request, 0, &ranges),
		VMM_OK);
	segment_good();
	before = segment_state(&segment);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(vmm_segment_alloc(&segment, 3 * PAGE, true, &va),
			VMM_OK);
		/* All there, and the kernel's alone. */
		for (uint64_t at = 0; at < 3 * PAGE; at += PAGE)
			pa = space_rig_phys(&rig.space, va + at);
		CHECK_EQ(rig.frames_live, 3);
		CHECK_EQ(segment_fault(&rig.space, va, WRITE, VMM_EACCES),
			VMM_FAULT_DENIED);
		*(uint64_t *)(void *)space_rig_bytes(&rig, pa) = 99;
		space_rig_see_all(&rig, &rig.pt, va, 3 * PAGE);
		CHECK_EQ(vmm_segment_free(&segment, va), VMM_OK);
		segment_good();
		CHECK_EQ(rig.frames_live, 0);
		CHECK_EQ(segment_state(&segment), before);
	}
	segment_close();
}

/* vm_map_heap, vm_unmap_heap: a device's registers in the heap. */
static void map_heap(unsigned features)
{
	uint64_t before;
	vmm_va_t heap;
	vmm_va_t va;
	vmm_pa_t pa;
	unsigned prot;

	segment_open(VMM_SPACE_ZERO, &ranges, VMM_PT_SVPBMT | features);
	CHECK_EQ(vmm_segment_alloc(&segment, PAGE, true, &heap), VMM_OK);
	before = segment_state(&segment);
	CHECK_EQ(vmm_segment_alloc_phys(&segment, UART, 2 * PAGE, IO, &va),
		VMM_OK);
	segment_good();
	pa = space_rig_phys(&rig.space, va + PAGE + 5);
	CHECK_EQ(pa, UART + PAGE + 5);
	CHECK_EQ(vmm_pt_translate(&rig.pt, va, &pa, &prot), VMM_OK);
	/* Marked beforehand, where faults would have to do it. */
	CHECK_EQ(prot,
		IO | (features != 0 ? VMM_PT_ACCESSED | VMM_PT_DIRTY : 0));
	/* Nobody counts the device's pages. */
	CHECK_EQ(rig.frames_live, 1);
	space_rig_see_all(&rig, &rig.pt, SEGMENT_AT, 4 * PAGE);
	CHECK_EQ(vmm_segment_free(&segment, va), VMM_OK);
	CHECK_EQ(segment_state(&segment), before);
	segment_good();
	/* The addresses are memory again. */
	CHECK_EQ(vmm_segment_alloc(&segment, 2 * PAGE, true, &va), VMM_OK);
	CHECK_EQ(segment_get(&rig.space, va), 0);
	segment_close();
}

TEST(unit_segment_map_heap)
{
	map_heap(0);
	map_heap(VMM_PT_TRACK);
}

/* vm_map, vm_unmap, vm_get_phys: anywhere in a segment without an allocator. */
TEST(unit_segment_map_and_unmap_a_physical_range)
{
	uint64_t before;
	vmm_pa_t pa = 1;

	segment_open(VMM_SPACE_ZERO, NULL, 0);
	CHECK_EQ(vmm_space_phys(&rig.space, SEGMENT_AT, &pa), VMM_ENOENT);
	CHECK_EQ(pa, 1);
	segment_put(&rig.space, SEGMENT_AT, 1);
	segment_put(&rig.space, SEGMENT_AT + 3 * PAGE, 3);
	before = segment_state(&segment);
	segment_put(&rig.space, SEGMENT_AT + PAGE, 2);
	space_rig_see_all(&rig, &rig.pt, SEGMENT_AT, 4 * PAGE);
	CHECK_EQ(vmm_segment_map_phys(
			 &segment, SEGMENT_AT + PAGE, UART, 2 * PAGE, IO),
		VMM_OK);
	segment_good();
	CHECK_EQ(rig.space.arena.used_count, 3);
	pa = space_rig_phys(&rig.space, SEGMENT_AT + 2 * PAGE + 7);
	CHECK_EQ(pa, UART + PAGE + 7);
	CHECK_EQ(segment_get(&rig.space, SEGMENT_AT), 1);
	CHECK_EQ(segment_get(&rig.space, SEGMENT_AT + 3 * PAGE), 3);
	/* What was there was dropped. */
	CHECK_EQ(rig.frames_live, 2);
	space_rig_see_all(&rig, &rig.pt, SEGMENT_AT, 4 * PAGE);
	CHECK_EQ(vmm_segment_unmap(
			 &segment, SEGMENT_AT + PAGE, 2 * PAGE, SPACE_RWU),
		VMM_OK);
	segment_good();
	CHECK_EQ(segment_state(&segment), before);
	CHECK_EQ(segment_get(&rig.space, SEGMENT_AT + PAGE), 0);
	segment_close();
}

/* With another protection than the rest, the part stays one of its own. */
TEST(unit_segment_unmap_with_another_protection)
{
	segment_open(VMM_SPACE_ZERO, NULL, 0);
	CHECK_EQ(vmm_segment_map_phys(
			 &segment, SEGMENT_AT + PAGE, UART, PAGE, IO),
		VMM_OK);
	CHECK_EQ(vmm_segment_unmap(&segment, SEGMENT_AT + PAGE, PAGE,
			 VMM_PT_READ | VMM_PT_USER),
		VMM_OK);
	segment_good();
	CHECK_EQ(rig.space.arena.used_count, 3);
	CHECK_EQ(segment_get(&rig.space, SEGMENT_AT + PAGE), 0);
	CHECK_EQ(
		segment_fault(&rig.space, SEGMENT_AT + PAGE, WRITE, VMM_EACCES),
		VMM_FAULT_DENIED);
	CHECK_EQ(vmm_segment_map_phys(
			 &segment, SEGMENT_AT + PAGE, UART, PAGE, IO),
		VMM_OK);
	CHECK_EQ(vmm_segment_unmap(&segment, SEGMENT_AT + PAGE, PAGE, 0),
		VMM_OK);
	segment_good();
	segment_close();
}

/*
 * A range of 4 MiB and more, with superpages where they fit, cut in the midst:
 * what is left shows the same as before.
 */
TEST(unit_segment_map_phys_with_superpages)
{
	static const vmm_pa_t from[] = {
		VMM_GIB(4), VMM_GIB(4) + VMM_MIB(1), VMM_GIB(4) + 0x3000};

	for (int f = 0; f < RIG_PLAIN_FORMATS; f++) {
		struct vmm_space_request request = segment_request(
			VMM_SPACE_RESERVED, VMM_GIB(1), VMM_MIB(16));
		const vmm_va_t va = VMM_GIB(1) + VMM_MIB(2) + 0x3000;
		const uint64_t size = VMM_MIB(9);
		vmm_pa_t pa;

		space_rig_open_user(&rig, rig_formats[f], 0);
		CHECK_EQ(vmm_segment_new(
				 &segment, &rig.space, &request, 0, NULL),
			VMM_OK);
		for (int i = 0; i < 3; i++) {
			CHECK_EQ(vmm_segment_map_phys(
					 &segment, va, from[i], size, IO),
				VMM_OK);
			segment_good();
			CHECK_EQ(vmm_segment_unmap(&segment, va + VMM_MIB(4),
					 0x5000, SPACE_RWU),
				VMM_OK);
			segment_good();
			CHECK_EQ(vmm_space_phys(
					 &rig.space, va + VMM_MIB(4), &pa),
				VMM_ENOENT);
			for (uint64_t at = 0; at < size; at += VMM_MIB(1)) {
				if (at == VMM_MIB(4))
					continue;
				pa = space_rig_phys(&rig.space, va + at);
				CHECK_EQ(pa, from[i] + at);
			}
			CHECK_EQ(vmm_segment_unmap(
					 &segment, va, VMM_MIB(4), SPACE_RWU),
				VMM_OK);
			CHECK_EQ(vmm_segment_unmap(&segment,
					 va + VMM_MIB(4) + 0x5000,
					 size - VMM_MIB(4) - 0x5000, SPACE_RWU),
				VMM_OK);
			segment_good();
			CHECK_EQ(rig.space.arena.used_count, 1);
		}
		segment_close();
	}
}

/* Every way in which a call with a physical range is wrong, with no trace. */
TEST(unit_segment_map_phys_errors)
{
	static const struct {
		vmm_va_t at;
		vmm_pa_t pa;
		uint64_t size;
		unsigned prot;
		int err;
	} bad[] = {
		{1, UART, PAGE, IO, VMM_EINVAL},
		{0, UART + 8, PAGE, IO, VMM_EINVAL},
		{0, UART, 0, IO, VMM_EINVAL},
		{0, UART, PAGE / 2, IO, VMM_EINVAL},
		{0, UART, PAGE, 0, VMM_EINVAL},
		{0, UART, PAGE, VMM_PT_USER, VMM_EINVAL},
		{0, UART, PAGE, IO | 1u << 20, VMM_EINVAL},
		{4 * PAGE, UART, PAGE, IO, VMM_ERANGE},
		{3 * PAGE, UART, 2 * PAGE, IO, VMM_ERANGE},
		{0, UART, UINT64_MAX - PAGE + 1, IO, VMM_ERANGE},
		{0, -PAGE, 2 * PAGE, IO, VMM_ERANGE},
		{0, UINT64_C(1) << 56, PAGE, IO, VMM_ERANGE},
		{0, UART, PAGE, SPACE_RW | VMM_PT_NC, VMM_ENOTSUP},
		{2 * PAGE, UART, PAGE, IO, VMM_EEXIST},
		{PAGE, UART, 3 * PAGE, IO, VMM_EEXIST},
	};
	uint64_t before;
	vmm_va_t va = 1;

	segment_open(VMM_SPACE_ZERO, NULL, 0);
	segment_put(&rig.space, SEGMENT_AT, 1);
	CHECK_EQ(vmm_segment_map_phys(
			 &segment, SEGMENT_AT + 2 * PAGE, UART, PAGE, IO),
		VMM_OK);
	before = segment_state(&segment);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_EQ(vmm_segment_map_phys(&segment, SEGMENT_AT + bad[i].at,
				 bad[i].pa, bad[i].size, bad[i].prot),
			bad[i].err);
		CHECK_EQ(segment_state(&segment), before);
	}
	CHECK_EQ(vmm_segment_unmap(&segment, SEGMENT_AT, PAGE, SPACE_RWU),
		VMM_ENOENT);
	CHECK_EQ(vmm_segment_unmap(
			 &segment, SEGMENT_AT + 2 * PAGE, 2 * PAGE, SPACE_RWU),
		VMM_ENOENT);
	CHECK_EQ(vmm_segment_unmap(
			 &segment, SEGMENT_AT + 8 * PAGE, PAGE, SPACE_RWU),
		VMM_ENOENT);
	CHECK_EQ(vmm_segment_unmap(
			 &segment, SEGMENT_AT + 2 * PAGE, PAGE, 1u << 20),
		VMM_EINVAL);
	CHECK_EQ(vmm_segment_alloc(&segment, PAGE, false, &va), VMM_ENOTSUP);
	CHECK_EQ(vmm_segment_alloc_phys(&segment, UART, PAGE, IO, &va),
		VMM_ENOTSUP);
	CHECK_EQ(vmm_segment_free(&segment, SEGMENT_AT), VMM_ENOTSUP);
	CHECK_EQ(va, 1);
	CHECK_EQ(segment_state(&segment), before);
	segment_close();
}

/* The same with an allocator: the range that was taken is free again. */
TEST(unit_segment_alloc_phys_errors)
{
	uint64_t before;
	vmm_va_t va = 1;

	segment_open(VMM_SPACE_ZERO, &ranges, 0);
	before = segment_state(&segment);
	CHECK_EQ(vmm_segment_alloc_phys(&segment, UART, 5 * PAGE, IO, &va),
		VMM_ENOSPC);
	CHECK_EQ(vmm_segment_alloc_phys(&segment, UART, PAGE / 2, IO, &va),
		VMM_EINVAL);
	CHECK_EQ(
		vmm_segment_alloc_phys(&segment, UART, 0, IO, &va), VMM_EINVAL);
	CHECK_EQ(vmm_segment_alloc_phys(&segment, UART + 1, PAGE, IO, &va),
		VMM_EINVAL);
	CHECK_EQ(vmm_segment_alloc_phys(&segment, -PAGE, 2 * PAGE, IO, &va),
		VMM_ERANGE);
	CHECK_EQ(va, 1);
	CHECK_EQ(segment_state(&segment), before);
	segment_close();
}

/* A range comes with the segment's protection, whatever its last owner did. */
TEST(unit_segment_free_restores_the_protection)
{
	uint64_t before;
	vmm_va_t va;

	segment_open(VMM_SPACE_ZERO, &ranges, 0);
	before = segment_state(&segment);
	CHECK_EQ(vmm_segment_alloc(&segment, 3 * PAGE, true, &va), VMM_OK);
	CHECK_EQ(vmm_space_protect(&rig.space, va, PAGE, 0), VMM_OK);
	CHECK_EQ(vmm_space_protect(&rig.space, va + PAGE, PAGE,
			 VMM_PT_READ | VMM_PT_EXEC | VMM_PT_USER),
		VMM_OK);
	CHECK_EQ(vmm_segment_map_phys(&segment, va + 2 * PAGE, UART, PAGE, IO),
		VMM_OK);
	segment_good();
	CHECK_EQ(vmm_segment_free(&segment, va), VMM_OK);
	segment_good();
	CHECK_EQ(segment_state(&segment), before);
	CHECK_EQ(rig.frames_live, 0);
	segment_close();
}

/* Many ranges of all sizes: nodes come when they are needed, and all go. */
TEST(unit_segment_alloc_many)
{
	static vmm_va_t va[300];
	struct rng rng = {test_seed};
	const struct vmm_space_request request =
		segment_request(VMM_SPACE_ZERO, VMM_GIB(1), VMM_GIB(4));
	uint64_t before;
	long pages;

	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	CHECK_EQ(vmm_segment_new(
			 &segment, &rig.space, &request, VMM_GIB(8), &ranges),
		VMM_OK);
	before = segment_state(&segment);
	pages = rig.pages_live;
	for (int i = 0; i < 300; i++) {
		CHECK_EQ(
			vmm_segment_alloc(&segment,
				1 + rng_below(&rng, VMM_MIB(1)), false, &va[i]),
			VMM_OK);
		if (i % 16 == 0)
			segment_put(&rig.space, va[i], (uint64_t)i);
	}
	segment_good();
	CHECK(rig.pages_live > pages);
	for (int i = 0; i < 300; i++) {
		if (i % 16 == 0)
			CHECK_EQ(segment_get(&rig.space, va[i]), i);
		CHECK_EQ(vmm_segment_free(&segment, va[i]), VMM_OK);
	}
	segment_good();
	CHECK_EQ(segment_state(&segment), before);
	segment_close();
}
