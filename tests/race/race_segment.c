/* SPDX-License-Identifier: MIT */
/*
 * Segments under threads: one has the handle and grows, shrinks, unloads, loads
 * and maps; the others use the addresses meanwhile, and find their own page, or
 * a fault that says why not. And two tasks in one live table, swapped while
 * others read and write both.
 */
#include "support/space_harts.h"

#include <vmm/segment.h>

#define STEPS 600

static struct vmm_segment segments[2];
static struct vmm_vmem ranges;
static vmm_pa_t device;

static void check_err(int err)
{
	CHECK(err == VMM_OK || err == VMM_ENOENT || err == VMM_EACCES);
}

static void make(unsigned i, struct vmm_space *space, uint64_t pages_max)
{
	const struct vmm_space_request request = {
		.place = {.size = 8 * PAGE,
			.where = BASE,
			.flags = VMM_VMEM_FIXED},
		.kind = VMM_SPACE_ZERO,
		.prot = RWU};

	CHECK_EQ(vmm_segment_new(&segments[i], space, &request,
			 pages_max * PAGE, i == 0 ? &ranges : NULL),
		VMM_OK);
}

/* One step of whoever has the handle. The first page is nobody else's. */
static void own(struct hart *hart, unsigned i)
{
	struct vmm_segment *segment = &segments[0];
	uint64_t value = value_of(BASE, i % 1000);
	uint64_t back = 0;
	vmm_va_t va;

	CHECK_EQ(access_page(hart, &tasks[0], BASE, true, &value), VMM_OK);
	switch (rng_below(&hart->rng, 4)) {
	case 0:
		CHECK_EQ(vmm_segment_unload(segment), VMM_OK);
		CHECK_EQ(vmm_segment_load(segment), VMM_OK);
		break;
	case 1:
		CHECK_EQ(vmm_segment_resize(segment,
				 (4 + rng_below(&hart->rng, 12)) * PAGE),
			VMM_OK);
		break;
	case 2:
		/* Always there, so that what is written to it names it. */
		CHECK_EQ(vmm_segment_map_phys(
				 segment, BASE + 2 * PAGE, device, PAGE, RWU),
			VMM_OK);
		CHECK_EQ(vmm_segment_unmap(segment, BASE + 2 * PAGE, PAGE, RWU),
			VMM_OK);
		break;
	default:
		if (vmm_segment_alloc(segment, 2 * PAGE, true, &va) == VMM_OK)
			CHECK_EQ(vmm_segment_free(segment, va), VMM_OK);
		CHECK_EQ(access_page(hart, &tasks[0], BASE, true, &value),
			VMM_OK);
		break;
	}
	CHECK_EQ(access_page(hart, &tasks[0], BASE, false, &back), VMM_OK);
	CHECK_EQ(back, value);
}

static void own_and_use(unsigned number)
{
	struct hart hart = start(number);

	for (unsigned i = 0; i < STEPS * test_factor; i++) {
		if (number == 0)
			own(&hart, i);
		else
			check_err(read_or_write(&tasks[0],
				BASE + (1 + rng_below(&hart.rng, 15)) * PAGE,
				&hart));
	}
}

TEST(race_segment_handle)
{
	for (unsigned threads = 2; threads <= THREADS; threads += 2) {
		open();
		make(0, &tasks[0].space, 16);
		CHECK_EQ(page_alloc(NULL, &device), 0);
		fill(device, 0);
		test_threads(threads, own_and_use);
		CHECK_EQ(vmm_segment_check(&segments[0]), VMM_OK);
		vmm_segment_delete(&segments[0]);
		page_free(NULL, device);
		close();
	}
}

/* The whole task goes and comes; others map beside it. */
static void swap_task(unsigned number)
{
	const vmm_va_t beside = BASE + VMM_MIB(4) + number * PAGE;
	struct hart hart = start(number);

	for (unsigned i = 0; i < STEPS * test_factor; i++) {
		if (number == 0) {
			CHECK_EQ(vmm_space_unload(&tasks[0].space), VMM_OK);
			test_yield();
			CHECK_EQ(vmm_space_load(&tasks[0].space), VMM_OK);
			continue;
		}
		check_err(read_or_write(&tasks[0], some_page(&hart, 8), &hart));
		if (i % 4 != 0)
			continue;
		CHECK_EQ(map(&tasks[0], VMM_SPACE_ZERO, beside, PAGE, NULL),
			VMM_OK);
		check_err(read_or_write(&tasks[0], beside, &hart));
		CHECK_EQ(
			vmm_space_unmap(&tasks[0].space, beside, PAGE), VMM_OK);
	}
}

TEST(race_segment_task)
{
	for (unsigned threads = 2; threads <= THREADS; threads += 2) {
		open();
		make(0, &tasks[0].space, 16);
		test_threads(threads, swap_task);
		CHECK_EQ(vmm_segment_check(&segments[0]), VMM_OK);
		vmm_segment_delete(&segments[0]);
		close();
	}
}

static struct vmm_space guest; /* in the first task's table */

/* A task's bytes are its own, or it is not loaded. */
static void use_both(struct hart *hart)
{
	const unsigned who = (unsigned)rng_below(&hart->rng, 2);
	struct vmm_space *space = who == 0 ? &tasks[0].space : &guest;
	const vmm_va_t va = some_page(hart, 8);
	uint64_t value = value_of(va, 1000 * who + 7);
	int err;

	if (rng_below(&hart->rng, 2) == 0) {
		err = vmm_space_write(space, va, &value, sizeof(value), true);
	} else {
		err = vmm_space_read(space, va, &value, sizeof(value), true);
		if (err == VMM_OK && value != 0)
			CHECK_EQ(value, value_of(va, 1000 * who + 7));
	}
	CHECK(err == VMM_OK || err == VMM_EACCES);
}

static void swap_segments(unsigned number)
{
	struct hart hart = start(number);

	for (unsigned i = 0; i < STEPS * test_factor; i++) {
		const unsigned in = i % 2;

		if (number != 0) {
			use_both(&hart);
			continue;
		}
		CHECK_EQ(vmm_segment_unload(&segments[in]), VMM_OK);
		CHECK_EQ(vmm_segment_load(&segments[1 - in]), VMM_OK);
		test_yield();
	}
}

TEST(race_segment_swap)
{
	for (unsigned threads = 2; threads <= THREADS; threads += 2) {
		open();
		vmm_space_init(&guest, &tasks[0].pt, &hooks);
		guest.is_shared = true;
		tasks[0].space.is_shared = true;
		CHECK_EQ(vmm_space_add(&guest, PAGE, VMM_GIB(1), 0), VMM_OK);
		make(0, &tasks[0].space, 8);
		make(1, &guest, 8);
		CHECK_EQ(vmm_segment_unload(&segments[1]), VMM_OK);
		test_threads(threads, swap_segments);
		CHECK_EQ(vmm_space_check(&guest), VMM_OK);
		vmm_segment_delete(&segments[0]);
		vmm_segment_delete(&segments[1]);
		vmm_space_fini(&guest);
		close();
	}
}
