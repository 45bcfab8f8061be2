/* SPDX-License-Identifier: MIT */
/*
 * Threads in spaces, each a hart that runs in user mode in between: it looks an
 * address up as an MMU would and reads or writes there, and what it cannot do
 * is a fault. A flush waits until each hart is out of the access that it may be
 * in, as an interrupt would. So whatever was looked up before a flush is never
 * used after it, and only that: a frame that is freed too early, or a write that
 * gets into somebody else's page, is seen in what is read.
 *
 * Built with ThreadSanitizer where there is one. At the end of each test all
 * frames and pages are back.
 */
#include "support/space_harts.h"

#define STEPS 1500

/* All at the same few pages, which one of them drops again and again. */
static void same_pages(unsigned number)
{
	struct hart hart = start(number);

	for (unsigned i = 0; i < STEPS * test_factor; i++) {
		CHECK_EQ(read_or_write(&tasks[0], some_page(&hart, 4), &hart),
			VMM_OK);
		if (number == 0 && i % 4 == 0)
			CHECK_EQ(vmm_space_discard(&tasks[0].space,
					 some_page(&hart, 4), PAGE),
				VMM_OK);
	}
}

/* Each at pages of its own, in tables that they share. */
static void own_pages(unsigned number)
{
	struct hart hart = start(number);

	for (unsigned i = 0; i < 200; i++) {
		const vmm_va_t va = BASE + (i * THREADS + number) * PAGE;

		CHECK_EQ(read_or_write(&tasks[0], va, &hart), VMM_OK);
		CHECK_EQ(read_or_write(&tasks[0], va, &hart), VMM_OK);
	}
}

/* The two pages of a ring are one. */
static void ring(unsigned number)
{
	struct hart hart = start(number);

	for (unsigned i = 0; i < STEPS * test_factor; i++) {
		const vmm_va_t va = some_page(&hart, 8);
		uint64_t value = value_of(BASE + (va - BASE) % (4 * PAGE), i);

		CHECK_EQ(access_page(&hart, &tasks[0], va, i % 2 != 0, &value),
			VMM_OK);
		check_value(BASE + (va - BASE) % (4 * PAGE), value);
		if (number == 0 && i % 8 == 0)
			CHECK_EQ(vmm_space_discard(
					 &tasks[0].space, BASE, 8 * PAGE),
				VMM_OK);
	}
}

static struct task children[THREADS];

/* A child does not see what its parent writes after the fork. */
static void fork_once(unsigned number, unsigned i, struct hart *hart)
{
	struct task *child = &children[number];
	uint64_t before[8];

	task_open(child);
	CHECK_EQ(vmm_space_fork(&child->space, &tasks[0].space,
			 i % 4 == 3 ? VMM_FORK_COPY : VMM_FORK_COW),
		VMM_OK);
	for (unsigned j = 0; j < 8; j++) {
		CHECK_EQ(access_page(hart, child, BASE + j * PAGE, false,
				 &before[j]),
			VMM_OK);
		check_value(BASE + j * PAGE, before[j]);
	}
	test_yield();
	for (unsigned j = 0; j < 8; j++) {
		uint64_t value = value_of(BASE + j * PAGE, 5000 + number);
		uint64_t after;

		if (rng_below(&hart->rng, 2) == 0) {
			before[j] = value;
			CHECK_EQ(access_page(hart, child, BASE + j * PAGE, true,
					 &value),
				VMM_OK);
		}
		CHECK_EQ(access_page(
				 hart, child, BASE + j * PAGE, false, &after),
			VMM_OK);
		CHECK_EQ(after, before[j]);
	}
	task_close(child);
}

/* What the parent's threads write is never a child's number. */
static void fork_and_fault(unsigned number)
{
	struct hart hart = start(number);

	for (unsigned i = 0; i < STEPS / 5 * test_factor; i++) {
		uint64_t value;

		if (number % 2 == 0) {
			fork_once(number, i, &hart);
			continue;
		}
		for (unsigned j = 0; j < 20; j++) {
			const vmm_va_t va = some_page(&hart, 8);

			CHECK_EQ(read_or_write(&tasks[0], va, &hart), VMM_OK);
			CHECK_EQ(access_page(
					 &hart, &tasks[0], va, false, &value),
				VMM_OK);
			CHECK((value & 0xffff) < 5000);
		}
	}
}

/* Unmapped and mapped again under way: there, or nobody's. */
static void unmap_and_fault(unsigned number)
{
	struct hart hart = start(number);

	for (unsigned i = 0; i < STEPS * test_factor; i++) {
		const vmm_va_t va = some_page(&hart, 8);
		int err;

		if (number == 0) {
			CHECK_EQ(vmm_space_unmap(&tasks[0].space, va, PAGE),
				VMM_OK);
			CHECK_EQ(map(&tasks[0], VMM_SPACE_ZERO, va, PAGE, NULL),
				VMM_OK);
			continue;
		}
		err = read_or_write(&tasks[0], va, &hart);
		CHECK(err == VMM_OK || err == VMM_ENOENT);
	}
}

/* What may be done changes; what is in the pages does not. */
static void protect_and_fault(unsigned number)
{
	static const unsigned prots[] = {
		0, VMM_PT_READ | VMM_PT_USER, RWU, RWU};
	struct hart hart = start(number);

	for (unsigned i = 0; i < STEPS * test_factor; i++) {
		const vmm_va_t va = some_page(&hart, 8);
		int err;

		if (number == 0) {
			CHECK_EQ(vmm_space_protect(&tasks[0].space, va,
					 (1 + rng_below(&hart.rng, 8)) * PAGE,
					 prots[rng_below(&hart.rng, 4)]),
				VMM_OK);
			continue;
		}
		err = read_or_write(&tasks[0], va, &hart);
		CHECK(err == VMM_OK || err == VMM_EACCES);
	}
}

/* Everybody maps, unmaps and replaces at addresses that overlap. */
static void map_and_unmap(unsigned number)
{
	struct hart hart = start(number);

	for (unsigned i = 0; i < STEPS * test_factor; i++) {
		const uint64_t size = (1 + rng_below(&hart.rng, 4)) * PAGE;
		const struct vmm_space_request request = {
			.place = {.size = size,
				.where = some_page(&hart, 8),
				.flags = VMM_VMEM_FIXED},
			.kind = VMM_SPACE_ZERO,
			.prot = RWU,
			.replace = rng_below(&hart.rng, 2) != 0};
		vmm_va_t va;
		int err;

		if (rng_below(&hart.rng, 2) == 0) {
			err = vmm_space_map(&tasks[0].space, &request, &va);
			CHECK(err == VMM_OK || err == VMM_EEXIST);
		} else {
			CHECK_EQ(vmm_space_unmap(&tasks[0].space,
					 some_page(&hart, 8), size),
				VMM_OK);
		}
		err = read_or_write(&tasks[0], some_page(&hart, 8), &hart);
		CHECK(err == VMM_OK || err == VMM_ENOENT);
	}
}

static struct vmm_object object;
static uint32_t ended;

static void end(void *ctx, struct vmm_object *which)
{
	(void)ctx;
	(void)which;
	__atomic_fetch_add(&ended, 1, __ATOMIC_RELAXED);
}

static const struct vmm_object_config object_config = {.name = "object",
	.pages = &pages,
	.frames = &frames,
	.lock = &lock,
	.end = end};

/* Two spaces show an object, shared and private; regions come and go. */
static void touch_object(unsigned number)
{
	const vmm_va_t own = BASE + VMM_MIB(16) * (1 + number);
	struct task *task = &tasks[number % 2];
	struct hart hart = start(number);

	for (unsigned i = 0; i < STEPS / 5 * test_factor; i++) {
		CHECK_EQ(map(task, VMM_SPACE_OBJECT, own, 8 * PAGE, &object),
			VMM_OK);
		for (unsigned j = 0; j < 4; j++) {
			const vmm_va_t va = some_page(&hart, 8);
			const vmm_va_t copy = va - BASE + own;
			uint64_t value;

			CHECK_EQ(read_or_write(task, va, &hart), VMM_OK);
			CHECK_EQ(access_page(&hart, task, copy, false, &value),
				VMM_OK);
			/* Written to once, it is its own. */
			if (value >> 16 != copy)
				check_value(va, value);
			value = value_of(copy, i);
			CHECK_EQ(access_page(&hart, task, copy, true, &value),
				VMM_OK);
			value = 0;
			CHECK_EQ(access_page(&hart, task, copy, false, &value),
				VMM_OK);
			CHECK_EQ(value, value_of(copy, i));
		}
		CHECK_EQ(vmm_space_unmap(&task->space, own, 8 * PAGE), VMM_OK);
	}
}

static void run(
	void (*with)(unsigned number), enum vmm_space_kind kind, uint64_t size)
{
	for (unsigned threads = 2; threads <= THREADS; threads += 2) {
		open();
		CHECK_EQ(map(&tasks[0], kind, BASE, size, NULL), VMM_OK);
		test_threads(threads, with);
		close();
	}
}

TEST(race_space_same_pages)
{
	run(same_pages, VMM_SPACE_ZERO, 4 * PAGE);
}

TEST(race_space_own_pages)
{
	run(own_pages, VMM_SPACE_ZERO, VMM_MIB(8));
}

TEST(race_space_stack)
{
	run(same_pages, VMM_SPACE_STACK, 4 * PAGE);
}

TEST(race_space_ring)
{
	run(ring, VMM_SPACE_RING, 8 * PAGE);
}

TEST(race_space_fork)
{
	run(fork_and_fault, VMM_SPACE_ZERO, 8 * PAGE);
}

TEST(race_space_unmap)
{
	run(unmap_and_fault, VMM_SPACE_ZERO, 8 * PAGE);
}

TEST(race_space_protect)
{
	run(protect_and_fault, VMM_SPACE_ZERO, 16 * PAGE);
}

TEST(race_space_map)
{
	run(map_and_unmap, VMM_SPACE_ZERO, 8 * PAGE);
}

TEST(race_space_object)
{
	for (unsigned threads = 2; threads <= THREADS; threads += 2) {
		struct vmm_object_config config = object_config;

		open();
		ended = 0;
		config.offset = (uint64_t)(uintptr_t)ram - RAM;
		CHECK_EQ(vmm_object_init(&object, &config, 8 * PAGE), VMM_OK);
		for (unsigned i = 0; i < 2; i++)
			CHECK_EQ(map(&tasks[i], VMM_SPACE_OBJECT, BASE,
					 8 * PAGE, &object),
				VMM_OK);
		vmm_object_put(&object);
		test_threads(threads, touch_object);
		CHECK_EQ(ended, 0);
		close();
		CHECK_EQ(ended, 1);
	}
}
