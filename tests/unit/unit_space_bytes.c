/* SPDX-License-Identifier: MIT */
/* Touching, reading and writing a space, across pages, regions and errors. */
#include "support/space_rig.h"

#define PAGE UINT64_C(4096)
#define BASE UINT64_C(0x10000000)

static struct space_rig rig;
static uint8_t buffer[8 * PAGE];

static void open(void)
{
	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
}

static vmm_va_t map(
	vmm_va_t va, uint64_t size, enum vmm_space_kind kind, unsigned prot)
{
	const struct vmm_space_request request = {
		.place = {.size = size, .where = va, .flags = VMM_VMEM_FIXED},
		.kind = kind,
		.pa = VMM_GIB(16),
		.prot = prot};
	vmm_va_t out;

	CHECK_EQ(vmm_space_map(&rig.space, &request, &out), VMM_OK);
	return out;
}

static uint8_t byte_of(uint64_t at)
{
	return (uint8_t)(at * 7 + at / 256 + 1);
}

static void fill(void)
{
	for (uint64_t i = 0; i < sizeof(buffer); i++)
		buffer[i] = byte_of(i);
}

/* All offsets and lengths around the borders of pages of two regions. */
TEST(unit_space_bytes_cross_pages)
{
	static const uint64_t ends[] = {1, 7, PAGE - 1, PAGE, PAGE + 1,
		3 * PAGE - 5, 3 * PAGE, 4 * PAGE};

	open();
	map(BASE, 2 * PAGE, VMM_SPACE_ZERO, SPACE_RWU);
	map(BASE + 2 * PAGE, 4 * PAGE, VMM_SPACE_STACK, SPACE_RWU);
	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		for (uint64_t from = 0; from < 2 * PAGE; from += 509) {
			const vmm_va_t va = BASE + from;

			fill();
			CHECK_EQ(vmm_space_write(
					 &rig.space, va, buffer, ends[i], true),
				VMM_OK);
			for (uint64_t j = 0; j < sizeof(buffer); j++)
				buffer[j] = 0;
			CHECK_EQ(vmm_space_read(
					 &rig.space, va, buffer, ends[i], true),
				VMM_OK);
			for (uint64_t j = 0; j < sizeof(buffer); j++)
				CHECK_EQ(buffer[j],
					j < ends[i] ? byte_of(j) : 0);
		}
	}
	/* The stack has grown as if the bytes had been stored. */
	space_rig_check(&rig, &rig.space);
	CHECK_EQ(vmm_space_read(&rig.space, BASE, NULL, 0, true), VMM_OK);
	CHECK_EQ(vmm_space_write(&rig.space, 0, NULL, 0, true), VMM_OK);
	space_rig_close(&rig);
}

/* What was never written reads as zeros, and costs no frame. */
TEST(unit_space_bytes_read_costs_nothing)
{
	open();
	map(BASE, 8 * PAGE, VMM_SPACE_ZERO, SPACE_RWU);
	fill();
	CHECK_EQ(vmm_space_read(&rig.space, BASE, buffer, 8 * PAGE, true),
		VMM_OK);
	for (uint64_t i = 0; i < sizeof(buffer); i++)
		CHECK_EQ(buffer[i], 0);
	CHECK_EQ(rig.frames_live, 0);
	space_rig_close(&rig);
}

/* The first fault's error, with what lies before it done. */
TEST(unit_space_bytes_stop_at_the_first_fault)
{
	open();
	map(BASE, 2 * PAGE, VMM_SPACE_ZERO, SPACE_RWU);
	map(BASE + 3 * PAGE, PAGE, VMM_SPACE_ZERO, VMM_PT_READ | VMM_PT_USER);
	map(BASE + 4 * PAGE, PAGE, VMM_SPACE_ZERO, SPACE_RW);
	fill();
	CHECK_EQ(
		vmm_space_write(&rig.space, BASE + 100, buffer, 4 * PAGE, true),
		VMM_ENOENT);
	for (uint64_t i = 0; i < sizeof(buffer); i++)
		buffer[i] = 0;
	CHECK_EQ(vmm_space_read(&rig.space, BASE + 100, buffer, 4 * PAGE, true),
		VMM_ENOENT);
	for (uint64_t i = 0; i < sizeof(buffer); i++)
		CHECK_EQ(buffer[i], i < 2 * PAGE - 100 ? byte_of(i) : 0);
	CHECK_EQ(vmm_space_write(&rig.space, BASE + 3 * PAGE, buffer, 1, true),
		VMM_EACCES);
	/* The kernel's page: for the kernel only. */
	CHECK_EQ(vmm_space_read(&rig.space, BASE + 4 * PAGE, buffer, 1, true),
		VMM_EACCES);
	CHECK_EQ(vmm_space_write(&rig.space, BASE + 4 * PAGE, buffer, 1, false),
		VMM_OK);
	CHECK_EQ(vmm_space_read(&rig.space, BASE, buffer, 1, false), VMM_OK);
	/* Past the last address there is nothing. */
	CHECK_EQ(vmm_space_add(&rig.space, -PAGE, PAGE, 0), VMM_OK);
	map(-PAGE, PAGE, VMM_SPACE_ZERO, SPACE_RWU);
	fill();
	CHECK_EQ(vmm_space_write(&rig.space, UINT64_MAX, buffer, 1, true),
		VMM_OK);
	CHECK_EQ(vmm_space_write(&rig.space, UINT64_MAX, buffer, 2, true),
		VMM_ENOENT);
	CHECK_EQ(vmm_space_touch(
			 &rig.space, UINT64_MAX, 2, VMM_PT_WRITE | VMM_PT_USER),
		VMM_ENOENT);
	CHECK_EQ(vmm_space_read(&rig.space, UINT64_MAX, buffer + 1, 1, true),
		VMM_OK);
	CHECK_EQ(buffer[1], buffer[0]);
	space_rig_check(&rig, &rig.space);
	space_rig_close(&rig);
}

/* A device's registers are not memory at the offset. */
TEST(unit_space_bytes_refuse_devices)
{
	open();
	map(BASE, PAGE, VMM_SPACE_PHYS, SPACE_RWU);
	space_rig_close(&rig);
	space_rig_open_user(&rig, &vmm_pt_sv39, VMM_PT_SVPBMT);
	map(BASE, PAGE, VMM_SPACE_PHYS, SPACE_RWU | VMM_PT_IO);
	CHECK_EQ(
		vmm_space_read(&rig.space, BASE, buffer, 4, true), VMM_ENOTSUP);
	CHECK_EQ(vmm_space_write(&rig.space, BASE, buffer, 4, true),
		VMM_ENOTSUP);
	CHECK_EQ(vmm_space_touch(&rig.space, BASE, 4, VMM_PT_READ), VMM_OK);
	space_rig_close(&rig);
}

/* Pages, from the one of the first byte to the one of the last. */
TEST(unit_space_bytes_touch)
{
	const unsigned access = VMM_PT_WRITE | VMM_PT_USER;
	long flushes;

	open();
	map(BASE, 16 * PAGE, VMM_SPACE_ZERO, SPACE_RWU);
	CHECK_EQ(vmm_space_touch(&rig.space, BASE, 0, access), VMM_EINVAL);
	CHECK_EQ(vmm_space_touch(&rig.space, BASE, 1, VMM_PT_USER), VMM_EINVAL);
	CHECK_EQ(vmm_space_touch(
			 &rig.space, BASE + 2 * PAGE - 1, PAGE + 2, access),
		VMM_OK);
	CHECK_EQ(rig.frames_live, 3);
	/* What is there needs nothing, not even a flush. */
	flushes = rig.flushes;
	CHECK_EQ(vmm_space_touch(&rig.space, BASE + PAGE, 3 * PAGE, access),
		VMM_OK);
	CHECK_EQ(rig.flushes, flushes);
	CHECK_EQ(
		vmm_space_touch(&rig.space, BASE + 15 * PAGE, 2 * PAGE, access),
		VMM_ENOENT);
	CHECK_EQ(rig.frames_live, 4);
	space_rig_check(&rig, &rig.space);
	space_rig_close(&rig);
}

/* A policy that says it has dealt with it, and has not. */
static unsigned asked;

static int idle(void *ctx, struct vmm_space *space, struct vmm_fault *fault)
{
	(void)ctx;
	(void)space;
	CHECK(!rig.is_locked);
	CHECK_EQ(fault->cause, VMM_FAULT_ZERO_PAGE);
	asked++;
	return VMM_FAULT_DONE;
}

/* One that has: the access goes on. */
static int helpful(void *ctx, struct vmm_space *space, struct vmm_fault *fault)
{
	(void)ctx;
	asked++;
	rig.hooks.policy = NULL;
	CHECK_EQ(vmm_space_touch(space, fault->va, 1, fault->access), VMM_OK);
	rig.hooks.policy = helpful;
	return VMM_FAULT_DONE;
}

TEST(unit_space_bytes_policy)
{
	open();
	map(BASE, 16 * PAGE, VMM_SPACE_ZERO, SPACE_RWU);
	rig.hooks.policy = idle;
	CHECK_EQ(vmm_space_read(&rig.space, BASE, buffer, 4, true), VMM_EBUSY);
	CHECK(asked > 1);
	/* A touch is one fault for each page. */
	asked = 0;
	CHECK_EQ(vmm_space_touch(&rig.space, BASE, 2 * PAGE, VMM_PT_READ),
		VMM_OK);
	CHECK_EQ(asked, 2);
	rig.hooks.policy = helpful;
	asked = 0;
	CHECK_EQ(vmm_space_write(&rig.space, BASE, buffer, 2 * PAGE, true),
		VMM_OK);
	CHECK_EQ(asked, 2);
	space_rig_close(&rig);
}

/*
 * While bytes are copied, no other call gets at the page: the other hart, which
 * has its turn whenever the lock is free, unmaps what lies beside it.
 */
static void other(struct space_rig *at)
{
	(void)at;
	CHECK_EQ(vmm_space_unmap(&rig.space, BASE + 4 * PAGE, PAGE), VMM_OK);
	CHECK_EQ(vmm_space_fault(&rig.space, BASE + 8 * PAGE,
			 VMM_PT_WRITE | VMM_PT_USER, NULL),
		VMM_OK);
}

TEST(unit_space_bytes_beside_another_hart)
{
	open();
	map(BASE, 16 * PAGE, VMM_SPACE_ZERO, SPACE_RWU);
	fill();
	rig.other = other;
	CHECK_EQ(vmm_space_write(&rig.space, BASE + 5, buffer, 3 * PAGE, true),
		VMM_OK);
	CHECK_EQ(vmm_space_read(&rig.space, BASE + 5 + PAGE, buffer, 1, true),
		VMM_OK);
	CHECK_EQ(buffer[0], byte_of(PAGE));
	space_rig_check(&rig, &rig.space);
	space_rig_close(&rig);
}
