/* SPDX-License-Identifier: MIT */
/*
 * Segments and tasks that are taken out of a live table and put back: with
 * what they had, in one table for all, or with nothing changed.
 */
#include "support/segment_rig.h"

static struct vmm_vmem ranges;

#define IO    (SPACE_RW | VMM_PT_IO)
#define UART  UINT64_C(0x10000000)
#define WRITE (VMM_PT_WRITE | VMM_PT_USER)
#define READ  (VMM_PT_READ | VMM_PT_USER)

static struct vmm_space task;
static struct vmm_segment segment_of_task;

static bool is_live(vmm_va_t va)
{
	return vmm_pt_translate(&rig.pt, va, NULL, NULL) == VMM_OK;
}

/* vm_segment_unload, vm_segment_load: contents survive, a touch faults. */
TEST(unit_segment_load_keeps_contents)
{
	static const unsigned features[] = {
		0, VMM_PT_TRACK, SPACE_NO_ZERO_PAGE, VMM_PT_SVNAPOT};

	for (int f = 0; f < 4; f++) {
		uint64_t before;

		segment_open(VMM_SPACE_ZERO, &ranges, features[f]);
		for (uint64_t i = 0; i < 3; i++)
			segment_put(&rig.space, SEGMENT_AT + i * PAGE, 50 + i);
		before = segment_state(&segment);
		space_rig_see_all(&rig, &rig.pt, SEGMENT_AT, 4 * PAGE);
		CHECK_EQ(vmm_segment_unload(&segment), VMM_OK);
		segment_good();
		CHECK(!segment.loaded);
		for (uint64_t i = 0; i < 4; i++) {
			CHECK(!is_live(SEGMENT_AT + i * PAGE));
			CHECK_EQ(
				segment_fault(&rig.space, SEGMENT_AT + i * PAGE,
					READ, VMM_EACCES),
				VMM_FAULT_UNLOADED);
		}
		CHECK_EQ(rig.frames_live, 3);
		CHECK_EQ(vmm_segment_load(&segment), VMM_OK);
		segment_good();
		CHECK_EQ(segment_state(&segment), before);
		for (uint64_t i = 0; i < 3; i++)
			CHECK_EQ(segment_get(&rig.space, SEGMENT_AT + i * PAGE),
				50 + i);
		segment_close();
	}
}

/* An unloaded segment is what it was: nothing is done to it but loading. */
TEST(unit_segment_unloaded_refuses)
{
	uint64_t before;
	vmm_va_t va = 1;

	segment_open(VMM_SPACE_ZERO, &ranges, 0);
	CHECK_EQ(vmm_segment_load(&segment), VMM_EBUSY);
	CHECK_EQ(vmm_segment_alloc(&segment, PAGE, true, &va), VMM_OK);
	CHECK_EQ(vmm_segment_map_phys(
			 &segment, SEGMENT_AT + 3 * PAGE, UART, PAGE, IO),
		VMM_OK);
	CHECK_EQ(vmm_segment_unload(&segment), VMM_OK);
	before = segment_state(&segment);
	CHECK_EQ(vmm_segment_unload(&segment), VMM_EBUSY);
	CHECK_EQ(vmm_segment_resize(&segment, 5 * PAGE), VMM_EBUSY);
	CHECK_EQ(vmm_segment_resize(&segment, PAGE), VMM_EBUSY);
	CHECK_EQ(vmm_segment_alloc(&segment, PAGE, false, &va), VMM_EBUSY);
	CHECK_EQ(vmm_segment_alloc_phys(&segment, UART, PAGE, IO, &va),
		VMM_EBUSY);
	CHECK_EQ(vmm_segment_free(&segment, va), VMM_EBUSY);
	CHECK_EQ(vmm_segment_map_phys(&segment, SEGMENT_AT, UART, PAGE, IO),
		VMM_EBUSY);
	CHECK_EQ(vmm_segment_unmap(
			 &segment, SEGMENT_AT + 3 * PAGE, PAGE, SPACE_RWU),
		VMM_EBUSY);
	CHECK_EQ(vmm_space_protect(&rig.space, SEGMENT_AT, PAGE, 0), VMM_EBUSY);
	CHECK_EQ(segment_state(&segment), before);
	segment_good();
	/* Deleted while it is not loaded: what is stored goes. */
	segment_close();
}

/* Parts of all sorts move: a device, one that nothing may touch, holes. */
TEST(unit_segment_load_moves_all_parts)
{
	const struct vmm_space_request request =
		segment_request(VMM_SPACE_ZERO, VMM_GIB(1), VMM_MIB(16));
	uint64_t before;

	space_rig_open_user(&rig, &vmm_pt_sv48, 0);
	CHECK_EQ(vmm_segment_new(&segment, &rig.space, &request, 0, NULL),
		VMM_OK);
	CHECK_EQ(vmm_segment_map_phys(&segment, VMM_GIB(1) + VMM_MIB(4),
			 VMM_GIB(4), VMM_MIB(4), IO),
		VMM_OK);
	segment_put(&rig.space, VMM_GIB(1) + VMM_MIB(1), 1);
	segment_put(&rig.space, VMM_GIB(1) + VMM_MIB(9), 9);
	segment_put(&rig.space, VMM_GIB(1) + VMM_MIB(16) - 8, 16);
	CHECK_EQ(vmm_space_protect(
			 &rig.space, VMM_GIB(1) + VMM_MIB(8), VMM_MIB(2), 0),
		VMM_OK);
	segment_good();
	before = segment_state(&segment);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(vmm_segment_unload(&segment), VMM_OK);
		segment_good();
		CHECK(!is_live(VMM_GIB(1) + VMM_MIB(4)));
		CHECK_EQ(vmm_segment_load(&segment), VMM_OK);
		segment_good();
		CHECK_EQ(segment_state(&segment), before);
	}
	CHECK_EQ(segment_fault(
			 &rig.space, VMM_GIB(1) + VMM_MIB(9), READ, VMM_EACCES),
		VMM_FAULT_DENIED);
	CHECK_EQ(vmm_space_protect(&rig.space, VMM_GIB(1) + VMM_MIB(8),
			 VMM_MIB(2), SPACE_RWU),
		VMM_OK);
	CHECK_EQ(segment_get(&rig.space, VMM_GIB(1) + VMM_MIB(9)), 9);
	CHECK_EQ(segment_get(&rig.space, VMM_GIB(1) + VMM_MIB(16) - 8), 16);
	segment_close();
}

/* A second task with a segment at the same address, in the same table. */
static void open_task(void)
{
	const struct vmm_space_request request =
		segment_request(VMM_SPACE_ZERO, SEGMENT_AT, 4 * PAGE);

	segment_open(VMM_SPACE_ZERO, &ranges, 0);
	rig.space.is_shared = true;
	vmm_space_init(&task, &rig.pt, &rig.hooks);
	task.is_shared = true;
	CHECK_EQ(vmm_space_add(&task, PAGE, VMM_GIB(1), 0), VMM_OK);
	CHECK_EQ(vmm_segment_new(
			 &segment_of_task, &task, &request, 8 * PAGE, NULL),
		VMM_OK);
}

static void close_task(void)
{
	CHECK_EQ(vmm_space_check(&task), VMM_OK);
	if (segment_of_task.space != NULL)
		vmm_segment_delete(&segment_of_task);
	vmm_space_fini(&task);
	segment_close();
}

/*
 * Two segments at one address, swapped back and forth in one live table: each
 * reads its own bytes, also through a TLB that never forgets by itself.
 */
TEST(unit_segment_swap_two_at_the_same_address)
{
	open_task();
	segment_put(&rig.space, SEGMENT_AT, 1);
	segment_put(&rig.space, SEGMENT_AT + PAGE, 11);
	space_rig_see_all(&rig, &rig.pt, SEGMENT_AT, 4 * PAGE);
	CHECK_EQ(vmm_segment_unload(&segment), VMM_OK);
	space_rig_check_tlb(&rig);
	segment_put(&task, SEGMENT_AT, 2);
	segment_put(&task, SEGMENT_AT + 2 * PAGE, 22);
	for (int i = 0; i < 4; i++) {
		space_rig_see_all(&rig, &rig.pt, SEGMENT_AT, 4 * PAGE);
		CHECK_EQ(vmm_segment_unload(&segment_of_task), VMM_OK);
		CHECK_EQ(vmm_segment_load(&segment), VMM_OK);
		segment_good();
		CHECK_EQ(vmm_space_check(&task), VMM_OK);
		CHECK_EQ(segment_get(&rig.space, SEGMENT_AT), 1);
		CHECK_EQ(segment_get(&rig.space, SEGMENT_AT + PAGE), 11);
		CHECK_EQ(segment_get(&rig.space, SEGMENT_AT + 2 * PAGE), 0);
		CHECK_EQ(segment_fault(&task, SEGMENT_AT, READ, VMM_EACCES),
			VMM_FAULT_UNLOADED);
		space_rig_see_all(&rig, &rig.pt, SEGMENT_AT, 4 * PAGE);
		CHECK_EQ(vmm_segment_unload(&segment), VMM_OK);
		CHECK_EQ(vmm_segment_load(&segment_of_task), VMM_OK);
		segment_good();
		CHECK_EQ(vmm_space_check(&task), VMM_OK);
		CHECK_EQ(segment_get(&task, SEGMENT_AT), 2);
		CHECK_EQ(segment_get(&task, SEGMENT_AT + 2 * PAGE), 22);
		CHECK_EQ(segment_get(&task, SEGMENT_AT + PAGE), 0);
		CHECK_EQ(
			segment_fault(&rig.space, SEGMENT_AT, READ, VMM_EACCES),
			VMM_FAULT_UNLOADED);
	}
	close_task();
}

/* Loading refuses where the table shows another's, holes of its own included. */
TEST(unit_segment_load_refuses_what_is_there)
{
	uint64_t before;

	for (uint64_t at = 0; at < 4; at++) {
		open_task();
		segment_put(&rig.space, SEGMENT_AT + PAGE, 1);
		CHECK_EQ(vmm_segment_unload(&segment), VMM_OK);
		segment_put(&task, SEGMENT_AT + at * PAGE, 2);
		before = segment_state(&segment);
		CHECK_EQ(vmm_segment_load(&segment), VMM_EEXIST);
		CHECK_EQ(vmm_space_load(&rig.space), VMM_EEXIST);
		CHECK_EQ(segment_state(&segment), before);
		segment_good();
		CHECK_EQ(segment_get(&task, SEGMENT_AT + at * PAGE), 2);
		CHECK_EQ(vmm_segment_unload(&segment_of_task), VMM_OK);
		CHECK_EQ(vmm_segment_load(&segment), VMM_OK);
		CHECK_EQ(segment_get(&rig.space, SEGMENT_AT + PAGE), 1);
		close_task();
	}
}

/* Another hart, which has its turn when the lock is dropped for pages. */
static void touch_task(struct space_rig *r)
{
	r->other = NULL;
	CHECK_EQ(vmm_space_touch(&task, SEGMENT_AT + PAGE, 1, WRITE), VMM_OK);
}

/* It shows something there meanwhile: still all or nothing. */
TEST(unit_segment_load_looks_again)
{
	open_task();
	segment_put(&rig.space, SEGMENT_AT, 1);
	CHECK_EQ(vmm_segment_unload(&segment), VMM_OK);
	vmm_space_trim(&rig.space);
	rig.other = touch_task;
	CHECK_EQ(vmm_segment_load(&segment), VMM_EEXIST);
	CHECK(rig.other == NULL);
	segment_good();
	CHECK(!segment.loaded);
	CHECK(!is_live(SEGMENT_AT));
	CHECK(is_live(SEGMENT_AT + PAGE));
	CHECK_EQ(segment_get(&task, SEGMENT_AT), 0);
	CHECK_EQ(vmm_segment_unload(&segment_of_task), VMM_OK);
	CHECK_EQ(vmm_segment_load(&segment), VMM_OK);
	CHECK_EQ(segment_get(&rig.space, SEGMENT_AT), 1);
	close_task();
}

/* Another hart unloads the whole task. */
static void unload_all(struct space_rig *r)
{
	r->other = NULL;
	CHECK_EQ(vmm_space_unload(&rig.space), VMM_OK);
}

/* While a call with the handle gets a page: it finds out in its window. */
TEST(unit_segment_unloaded_meanwhile)
{
	const struct vmm_space_request request =
		segment_request(VMM_SPACE_ZERO, SEGMENT_AT, 64 * PAGE);

	for (uint64_t i = 0; i < 2; i++) {
		vmm_va_t va;

		space_rig_open_user(&rig, &vmm_pt_sv39, 0);
		CHECK_EQ(vmm_segment_new(&segment, &rig.space, &request,
				 128 * PAGE, &ranges),
			VMM_OK);
		segment_put(&rig.space, SEGMENT_AT, 1);
		/* Until the next change needs a page for nodes. */
		while (vmm_vmem_spare(&ranges) >= 3)
			CHECK_EQ(vmm_segment_alloc(&segment, PAGE, false, &va),
				VMM_OK);
		rig.other = unload_all;
		CHECK_EQ(vmm_segment_resize(&segment, (63 + 2 * i) * PAGE),
			VMM_EBUSY);
		CHECK(rig.other == NULL);
		CHECK_EQ(segment.size, 64 * PAGE);
		segment_good();
		CHECK_EQ(vmm_segment_load(&segment), VMM_OK);
		CHECK_EQ(segment_get(&rig.space, SEGMENT_AT), 1);
		segment_close();
	}
}

/*
 * vm_load_task, vm_unload_task: whole tasks in one table, with segments and
 * regions that belong to none.
 */
TEST(unit_segment_load_task)
{
	const vmm_va_t stack = SEGMENT_AT + 16 * PAGE;
	const vmm_va_t page = SEGMENT_AT + 32 * PAGE;
	uint64_t before;

	open_task();
	space_rig_map(&rig.space, VMM_SPACE_STACK, stack, 4 * PAGE);
	space_rig_map(&rig.space, VMM_SPACE_CONTIGUOUS, page, 3 * PAGE);
	segment_put(&rig.space, SEGMENT_AT, 1);
	segment_put(&rig.space, stack + 3 * PAGE, 3);
	segment_put(&rig.space, page + 2 * PAGE, 5);
	before = segment_state(&segment);
	space_rig_see_all(&rig, &rig.pt, SEGMENT_AT, 64 * PAGE);
	CHECK_EQ(vmm_space_unload(&rig.space), VMM_OK);
	space_rig_check_tlb(&rig);
	CHECK(!segment.loaded);
	segment_good();
	CHECK_EQ(vmm_space_unload(&rig.space), VMM_EBUSY);
	CHECK_EQ(segment_fault(&rig.space, stack, READ, VMM_EACCES),
		VMM_FAULT_UNLOADED);
	/* The table is empty: the other task has it all. */
	space_rig_map(&task, VMM_SPACE_ZERO, stack, 64 * PAGE);
	for (uint64_t i = 0; i < 64; i++)
		segment_put(&task, stack + i * PAGE, 1000 + i);
	CHECK_EQ(vmm_space_check(&task), VMM_OK);
	CHECK_EQ(vmm_space_load(&rig.space), VMM_EEXIST);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(vmm_space_unload(&task), VMM_OK);
		CHECK_EQ(vmm_space_load(&rig.space), VMM_OK);
		CHECK_EQ(vmm_space_load(&rig.space), VMM_EBUSY);
		segment_good();
		CHECK_EQ(segment_get(&rig.space, SEGMENT_AT), 1);
		CHECK_EQ(segment_get(&rig.space, stack + 3 * PAGE), 3);
		CHECK_EQ(segment_get(&rig.space, page + 2 * PAGE), 5);
		CHECK_EQ(vmm_space_unload(&rig.space), VMM_OK);
		CHECK_EQ(vmm_space_load(&task), VMM_OK);
		CHECK_EQ(vmm_space_check(&task), VMM_OK);
		for (uint64_t p = 0; p < 64; p++)
			CHECK_EQ(
				segment_get(&task, stack + p * PAGE), 1000 + p);
	}
	CHECK_EQ(vmm_space_unmap(&task, stack, 64 * PAGE), VMM_OK);
	CHECK_EQ(vmm_space_load(&rig.space), VMM_OK);
	CHECK_EQ(segment_state(&segment), before);
	close_task();
}

/* Without regions there is nothing to do, and nothing is wrong with it. */
TEST(unit_segment_load_empty)
{
	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	CHECK_EQ(vmm_space_unload(&rig.space), VMM_OK);
	CHECK_EQ(vmm_space_load(&rig.space), VMM_OK);
	CHECK_EQ(rig.pages_live, (long)rig.space.node_pages);
	/* Regions without pages need no store. */
	space_rig_map(&rig.space, VMM_SPACE_ZERO, VMM_GIB(1), VMM_GIB(32));
	CHECK_EQ(vmm_space_unload(&rig.space), VMM_OK);
	CHECK(!rig.space.has_store);
	space_rig_check(&rig, &rig.space);
	CHECK_EQ(vmm_space_load(&rig.space), VMM_OK);
	space_rig_check(&rig, &rig.space);
	space_rig_close(&rig);
}

/*
 * Where hardware marks entries, it may do so in the old one after it was copied:
 * what could have been written to comes back as written to.
 */
TEST(unit_segment_load_counts_as_written)
{
	unsigned prot = 0;

	segment_open(VMM_SPACE_ZERO, NULL, VMM_PT_TRACK | SPACE_NO_ZERO_PAGE);
	CHECK_EQ(vmm_space_fault(&rig.space, SEGMENT_AT, READ, NULL), VMM_OK);
	CHECK_EQ(vmm_pt_translate(&rig.pt, SEGMENT_AT, NULL, &prot), VMM_OK);
	CHECK((prot & VMM_PT_WRITE) != 0 && (prot & VMM_PT_DIRTY) == 0);
	CHECK_EQ(vmm_segment_unload(&segment), VMM_OK);
	CHECK_EQ(vmm_segment_load(&segment), VMM_OK);
	CHECK_EQ(vmm_pt_translate(&rig.pt, SEGMENT_AT, NULL, &prot), VMM_OK);
	CHECK((prot & VMM_PT_DIRTY) != 0);
	segment_close();
}
