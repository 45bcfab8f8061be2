/* SPDX-License-Identifier: MIT */
/*
 * Calls that other harts are in the way of: they give spare pages back, take
 * addresses that a call is to give back, or change what a policy was asked
 * about. The other hart has its turn wherever the lock is dropped.
 */
#include "support/segment_rig.h"

#include "space/space_internal.h"

#define BUSY UINT64_C(0x4000) /* a page that the other hart uses */
#define AT   VMM_GIB(1)

static unsigned turns;

static void open_rig(void)
{
	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, BUSY, PAGE);
	space_rig_touch(&rig.space, BUSY, PAGE);
	turns = 0;
}

/* A call that gives back the spare pages that it finds when it ends. */
static void use_elsewhere(struct space_rig *at)
{
	CHECK(++turns < 10000);
	CHECK_EQ(vmm_space_fault(
			 &at->space, BUSY, VMM_PT_READ | VMM_PT_USER, NULL),
		VMM_OK);
}

/* A region with a page in each of many tables. */
static void map_wide(unsigned tables)
{
	space_rig_map(&rig.space, VMM_SPACE_ZERO, AT, tables * VMM_MIB(2));
	for (unsigned i = 0; i < tables; i++)
		space_rig_touch(&rig.space, AT + i * VMM_MIB(2), PAGE);
}

/*
 * A call that takes many tables at once ends, though another hart's calls give
 * back what is spare each time that it gets a page.
 */
TEST(unit_space_others_give_back)
{
	const struct vmm_vmem_request to = {
		.where = 2 * AT, .flags = VMM_VMEM_FIXED};
	const struct vmm_space_request phys = {
		.place = {.size = VMM_MIB(2) * 20,
			.where = AT,
			.flags = VMM_VMEM_FIXED},
		.kind = VMM_SPACE_PHYS,
		.prot = SPACE_RWU,
		.pa = PAGE,
		.replace = true};
	vmm_va_t va;

	open_rig();
	map_wide(40);
	rig.other = use_elsewhere;
	CHECK_EQ(vmm_space_move(&rig.space, AT, 40 * VMM_MIB(2),
			 VMM_SPACE_MAY_MOVE, &to, &va),
		VMM_OK);
	CHECK_EQ(vmm_space_protect(&rig.space, va, 40 * VMM_MIB(2), 0), VMM_OK);
	CHECK_EQ(vmm_space_protect(&rig.space, va, 40 * VMM_MIB(2), SPACE_RWU),
		VMM_OK);
	CHECK_EQ(vmm_segment_adopt(
			 &segment, &rig.space, va, 40 * VMM_MIB(2), 0, NULL),
		VMM_OK);
	CHECK_EQ(vmm_segment_unload(&segment), VMM_OK);
	CHECK_EQ(vmm_segment_load(&segment), VMM_OK);
	vmm_segment_delete(&segment);
	rig.other = NULL;
	map_wide(4);
	rig.other = use_elsewhere;
	CHECK_EQ(vmm_space_map(&rig.space, &phys, &va), VMM_OK);
	rig.other = NULL;
	space_rig_check(&rig, &rig.space);
	space_rig_close(&rig);
}

/* Where the other hart changes what the eager call has made, once. */
static vmm_va_t eager_at;

/* Take a part away, and put a ring across the end of it. */
static void put_ring(struct space_rig *at)
{
	struct vmm_space_region told;

	if (vmm_space_find(&at->space, eager_at, false, &told) != VMM_OK ||
		++turns != 1)
		return;
	at->fail_frames = (struct space_failing){.in = 0, .sticky = true};
	CHECK_EQ(vmm_space_unmap(&at->space, eager_at + 2 * PAGE, 2 * PAGE),
		VMM_OK);
	space_rig_map(
		&at->space, VMM_SPACE_RING, eager_at + 3 * PAGE, 2 * PAGE);
}

/* The same with a segment of somebody's in the midst. */
static void put_segment(struct space_rig *at)
{
	struct vmm_space_request request =
		segment_request(VMM_SPACE_ZERO, eager_at + 2 * PAGE, PAGE);
	struct vmm_space_region told;

	if (vmm_space_find(&at->space, eager_at, false, &told) != VMM_OK ||
		++turns != 1)
		return;
	at->fail_frames = (struct space_failing){.in = 0, .sticky = true};
	CHECK_EQ(
		vmm_space_unmap(&at->space, eager_at + PAGE, 2 * PAGE), VMM_OK);
	CHECK_EQ(vmm_segment_new(&segment, &at->space, &request, 0, NULL),
		VMM_OK);
	space_rig_map(&at->space, VMM_SPACE_ZERO, eager_at + PAGE, PAGE);
}

static void fail_eager(void (*other)(struct space_rig *at))
{
	const struct vmm_space_request request = {
		.place = {.size = 4 * PAGE,
			.where = eager_at,
			.flags = VMM_VMEM_FIXED},
		.kind = VMM_SPACE_ZERO,
		.prot = SPACE_RWU,
		.flags = VMM_SPACE_EAGER};
	vmm_va_t va = 0x77;

	rig.other = other;
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), SPACE_ERR);
	rig.other = NULL;
	rig.fail_frames.in = -1;
	CHECK_EQ(va, 0x77);
	CHECK_EQ(turns, 1);
	space_rig_check(&rig, &rig.space);
}

/*
 * A map that fails after others took a part of its region away takes back what
 * is left of that, and nothing that others have put there since.
 */
TEST(unit_space_others_put_something_there)
{
	struct vmm_space_region told;

	open_rig();
	eager_at = VMM_MIB(2);
	fail_eager(put_ring);
	CHECK_EQ(vmm_space_find(&rig.space, eager_at, true, &told), VMM_OK);
	CHECK_EQ(told.base, eager_at + 3 * PAGE);
	CHECK_EQ(told.kind, VMM_SPACE_RING);
	space_rig_close(&rig);

	open_rig();
	fail_eager(put_segment);
	CHECK_EQ(vmm_segment_check(&segment), VMM_OK);
	CHECK_EQ(vmm_space_find(&rig.space, eager_at, true, &told), VMM_OK);
	CHECK_EQ(told.base, eager_at + PAGE);
	CHECK_EQ(told.size, PAGE);
	CHECK_EQ(vmm_space_find(&rig.space, eager_at + 3 * PAGE, true, &told),
		VMM_ENOENT);
	vmm_segment_delete(&segment);
	space_rig_close(&rig);
}

static vmm_va_t asked_at;

/* The policy is asked about one region, and then another one is there. */
static int swap(void *ctx, struct vmm_space *space, struct vmm_fault *fault)
{
	struct vmm_space_request request =
		segment_request(VMM_SPACE_ZERO, asked_at, PAGE);
	vmm_va_t va;

	(void)ctx;
	turns++;
	if (fault->region.name != NULL)
		return -42;
	request.replace = true;
	CHECK_EQ(vmm_space_map(space, &request, &va), VMM_OK);
	return VMM_OK;
}

/* What the policy allowed for one region is not done to another one. */
TEST(unit_space_others_swap_regions)
{
	struct vmm_fault fault;

	open_rig();
	asked_at = space_rig_map(&rig.space, VMM_SPACE_ZERO, AT, PAGE);
	rig.hooks.policy = swap;
	CHECK_EQ(vmm_space_fault(
			 &rig.space, AT, VMM_PT_WRITE | VMM_PT_USER, &fault),
		VMM_OK);
	CHECK_EQ(fault.cause, VMM_FAULT_SPURIOUS);
	CHECK_EQ(vmm_space_fault(
			 &rig.space, AT, VMM_PT_WRITE | VMM_PT_USER, &fault),
		-42);
	CHECK_EQ(turns, 2);
	rig.hooks.policy = NULL;
	space_rig_close(&rig);
}

static vmm_va_t ring;

/* Whoever is at a ring's page has its twin as well. */
static void check_window(struct space_rig *at)
{
	const struct vmm_space_op *op = at->space.ops;

	if (op == NULL || op->last < ring)
		return;
	turns++;
	CHECK(op->first <= ring);
	CHECK(op->last >= ring + 8 * PAGE - 1);
}

/* A discard that ends in a ring keeps others off both halves of it. */
TEST(unit_space_others_wait_for_a_ring)
{
	open_rig();
	ring = space_rig_map(&rig.space, VMM_SPACE_RING, AT, 8 * PAGE);
	space_rig_touch(&rig.space, ring, 4 * PAGE);
	space_rig_see_all(&rig, &rig.pt, ring, 8 * PAGE);
	rig.other = check_window;
	CHECK_EQ(vmm_space_discard(&rig.space, ring + PAGE, PAGE), VMM_OK);
	CHECK(turns != 0);
	turns = 0;
	CHECK_EQ(vmm_space_discard(&rig.space, AT - PAGE, 3 * PAGE), VMM_OK);
	CHECK(turns != 0);
	rig.other = NULL;
	space_rig_check(&rig, &rig.space);
	space_rig_close(&rig);
}

/*
 * The page of zeros may be in the midst of a run of frames: what is before and
 * after it is held by a fork, and put again, and it is not.
 */
TEST(unit_space_others_have_frames_around_the_zero_page)
{
	struct vmm_space child;
	struct vmm_pt table;
	vmm_pa_t pa = 0;

	open_rig();
	space_rig_map(&rig.space, VMM_SPACE_ZERO, AT, 4 * PAGE);
	space_rig_touch(&rig.space, AT + 3 * PAGE, PAGE);
	/* The rig has three pages of zeros besides: make those two frames. */
	rig.use[0] = 0;
	rig.use[1] = 2;
	rig.use[2] = 0;
	rig.frames.zero_page = SPACE_RAM + PAGE;
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(vmm_space_fault(&rig.space, AT + i * PAGE,
				 (i == 1 ? VMM_PT_READ : VMM_PT_WRITE) |
					 VMM_PT_USER,
				 NULL),
			VMM_OK);
		CHECK(space_rig_see(&rig, &rig.pt, AT + i * PAGE, &pa));
		CHECK_EQ(pa, SPACE_RAM + i * PAGE);
	}
	space_rig_add(&rig, &child, &table);
	for (int in = 0; in < 6; in++) {
		rig.fail_frames.in = in;
		if (vmm_space_fork(&child, &rig.space, VMM_FORK_COW) == VMM_OK)
			vmm_space_purge(&child);
		vmm_space_fini(&child);
		vmm_space_init(&child, &table, &rig.hooks);
		for (unsigned i = 0; i < 3; i += 2)
			CHECK_EQ(space_rig_holders(&rig, SPACE_RAM + i * PAGE),
				1);
	}
	rig.fail_frames.in = -1;
	space_rig_drop(&rig, &child, &table);
	space_rig_touch(&rig.space, AT, PAGE);
	space_rig_touch(&rig.space, AT + 2 * PAGE, PAGE);
	CHECK_EQ(vmm_space_unmap(&rig.space, AT, 4 * PAGE), VMM_OK);
	CHECK_EQ(rig.frames_live, 1);
	space_rig_close(&rig);
}

/* Others take what tables are spare, while something is flushed. */
static void take_tables(struct space_rig *at)
{
	if (at->is_flush)
		space_rig_take_tables(at);
}

/* What a physical range takes in a segment is had before anything goes. */
TEST(unit_space_others_take_a_segments_tables)
{
	const struct vmm_space_request request =
		segment_request(VMM_SPACE_ZERO, AT, VMM_MIB(8));

	open_rig();
	CHECK_EQ(vmm_segment_new(&segment, &rig.space, &request, 0, NULL),
		VMM_OK);
	space_rig_touch(&rig.space, AT, PAGE);
	space_rig_see_all(&rig, &rig.pt, AT, PAGE);
	rig.other = take_tables;
	CHECK_EQ(
		vmm_segment_map_phys(&segment, AT, PAGE, VMM_MIB(6), SPACE_RWU),
		VMM_OK);
	rig.other = NULL;
	space_rig_see(&rig, &rig.pt, AT, NULL);
	segment_good();
	vmm_segment_delete(&segment);
	space_rig_close(&rig);
}

/* What goes is not there any more: neither at its address nor as the next. */
static void look_for(struct space_rig *at)
{
	struct vmm_space_region told;

	if (!at->is_flush)
		return;
	turns++;
	CHECK_EQ(vmm_space_find(&at->space, AT, false, &told), VMM_ENOENT);
	CHECK_EQ(vmm_space_find(&at->space, AT, true, &told), VMM_OK);
	CHECK_EQ(told.base, 2 * AT);
	CHECK_EQ(vmm_space_phys(&at->space, AT, &told.pa), VMM_ENOENT);
	CHECK_EQ(space_rig_regions(&at->space), 2);
}

TEST(unit_space_others_see_no_region_that_goes)
{
	open_rig();
	space_rig_map(&rig.space, VMM_SPACE_ZERO, AT, PAGE);
	space_rig_touch(&rig.space, AT, PAGE);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, 2 * AT, PAGE);
	rig.other = look_for;
	CHECK_EQ(vmm_space_unmap(&rig.space, AT, PAGE), VMM_OK);
	rig.other = NULL;
	CHECK_EQ(turns, 1);
	space_rig_check(&rig, &rig.space);
	space_rig_close(&rig);
}
