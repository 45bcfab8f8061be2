/* SPDX-License-Identifier: MIT */
/*
 * Every call of a hook for pages or frames that an operation on a space makes
 * fails in turn, once for that call and once for good. Each time: the hook's
 * own code comes back, nothing has changed, nothing is lost; after a failure
 * that passes, the same call succeeds. A hart with a TLB that forgets nothing
 * looks on.
 */
#include "support/space_rig.h"

#define RU   (VMM_PT_READ | VMM_PT_USER)
#define BASE VMM_MIB(4)

static struct space_rig rig;
static struct vmm_object object;

enum operation {
	ADD,
	MAP_ZERO,
	MAP_OBJECT,
	MAP_PHYS,
	MAP_CONTIGUOUS,
	MAP_STORED,
	MAP_EAGER,
	REPLACE_ZERO,
	REPLACE_PHYS,
	REPLACE_STORED,
	REPLACE_EMPTY,
	REPLACE_GUARD,
	REPLACE_GUARD_END,
	UNMAP_PART,
	UNMAP_STORED,
	PROTECT_PART,
	PROTECT_NOTHING,
	PROTECT_ALL,
	PROTECT_BACK,
	SHRINK,
	MOVE,
	MOVE_LARGE,
	MOVE_NEAR,
	MOVE_STORED,
	OPERATIONS
};

/*
 * From BASE on: 4 MiB of superpages, then a few pages of everything, a part of
 * it in the store. The arena has @spare nodes, if that is not ANY.
 */
#define ANY SIZE_MAX
static void prepare(size_t spare)
{
	struct vmm_space_request request = {
		.place = {.size = 0x4000,
			.where = BASE + VMM_MIB(4) + 0x4000,
			.flags = VMM_VMEM_FIXED},
		.kind = VMM_SPACE_OBJECT,
		.prot = SPACE_RWU,
		.flags = VMM_SPACE_SHARED,
		.object = &object};
	vmm_va_t va = BASE + VMM_MIB(4);

	space_rig_open(&rig, &vmm_pt_sv39, 0);
	space_rig_user(&rig);
	space_rig_object(&rig, &object, 0x8000);
	space_rig_map(&rig.space, VMM_SPACE_CONTIGUOUS, BASE, VMM_MIB(2));
	space_rig_map(
		&rig.space, VMM_SPACE_PHYS, BASE + VMM_MIB(2), VMM_MIB(2));
	space_rig_map(&rig.space, VMM_SPACE_ZERO, va, 0x4000);
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	va = BASE + VMM_MIB(4) + 0x8000;
	space_rig_map(&rig.space, VMM_SPACE_STACK, va, 0x4000);
	request = (struct vmm_space_request){.place = {.size = 0x4000,
						     .where = va + 0x8000,
						     .guard = {0x2000, 0x1000},
						     .flags = VMM_VMEM_FIXED},
		.kind = VMM_SPACE_ZERO,
		.prot = SPACE_RWU};
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	va = BASE + VMM_MIB(4);
	space_rig_touch(&rig.space, va, 0xc000);
	space_rig_touch(&rig.space, va + 0x10000, 0x4000);
	/* Across a superpage, both ends inside. */
	CHECK_EQ(vmm_space_protect(&rig.space, va + 0x2000, 0x8000, 0), VMM_OK);
	/* Two regions, with tables of their own each, all of it stored. */
	va = VMM_GIB(11) - 0x2000;
	space_rig_map(&rig.space, VMM_SPACE_STACK, va, 0x2000);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, VMM_GIB(11), 0x2000);
	space_rig_touch(&rig.space, va, 0x4000);
	CHECK_EQ(vmm_space_protect(&rig.space, va, 0x3000, 0), VMM_OK);
	CHECK_EQ(vmm_space_discard(&rig.space, va + 0x3000, 0x1000), VMM_OK);
	/* Tables that are not there, for a mapping to come. */
	space_rig_map(&rig.space, VMM_SPACE_RESERVED, VMM_MIB(32), VMM_MIB(8));
	va = VMM_GIB(4);
	while (spare != ANY && vmm_vmem_spare(&rig.space.arena) != spare) {
		space_rig_map(&rig.space, VMM_SPACE_RESERVED, va, 0x1000);
		va += 0x2000;
	}
	(void)vmm_space_trim(&rig.space);
	space_rig_see_all(&rig, &rig.pt, BASE, VMM_MIB(5));
}

static int map(enum vmm_space_kind kind, vmm_va_t where, uint64_t size,
	unsigned flags, unsigned prot)
{
	struct vmm_space_request request = {.place = {.size = size,
						    .where = where,
						    .flags = VMM_VMEM_FIXED},
		.kind = kind,
		.prot = prot,
		.flags = flags,
		.pa = VMM_GIB(3) + 0x5000};
	vmm_va_t va = 0x77;
	int err;

	if (kind == VMM_SPACE_OBJECT)
		request.object = &object;
	request.replace = where < VMM_MIB(64);
	err = vmm_space_map(&rig.space, &request, &va);
	CHECK_EQ(va, err == VMM_OK ? where : 0x77);
	return err;
}

static int move(vmm_va_t va, uint64_t size, vmm_va_t where)
{
	const struct vmm_vmem_request to = {
		.where = where, .flags = VMM_VMEM_FIXED};
	vmm_va_t got = 0x77;
	int err = vmm_space_move(
		&rig.space, va, size, VMM_SPACE_MAY_MOVE, &to, &got);

	CHECK_EQ(got, err == VMM_OK ? to.where : 0x77);
	return err;
}

static int run_move(enum operation operation)
{
	const vmm_va_t pages = BASE + VMM_MIB(4);
	const vmm_va_t near_end = VMM_GIB(7) - 0x3000;
	vmm_va_t va;

	switch (operation) {
	case SHRINK:
		return vmm_space_move(
			&rig.space, BASE, VMM_MIB(1) + 0x1000, 0, NULL, &va);
	case MOVE:
		return move(pages + 0x10000, 0x7000, near_end);
	case MOVE_LARGE:
		return move(BASE, VMM_MIB(1) + 0x1000, near_end);
	case MOVE_NEAR:
		/* Tables are there; only cutting takes some. */
		return move(BASE, VMM_MIB(1) + 0x1000, pages + 0x20000);
	case MOVE_STORED:
		return move(pages + 0x2000, 0x5000, near_end);
	default:
		return -1;
	}
}

static int run(enum operation operation)
{
	struct vmm_space *space = &rig.space;
	const vmm_va_t pages = BASE + VMM_MIB(4);
	const vmm_va_t far = VMM_GIB(9) - 0x2000;

	switch (operation) {
	case ADD:
		return vmm_space_add(
			space, UINT64_MAX - VMM_GIB(1) + 1, VMM_GIB(1), 0);
	case MAP_ZERO:
		return map(VMM_SPACE_ZERO, far, 0x4000, 0, SPACE_RWU);
	case MAP_OBJECT:
		return map(VMM_SPACE_OBJECT, far, 0x4000, 0, SPACE_RWU);
	case MAP_PHYS:
		return map(VMM_SPACE_PHYS, far, VMM_MIB(4), 0, RU);
	case MAP_CONTIGUOUS:
		return map(VMM_SPACE_CONTIGUOUS, far, 0x5000, 0, RU);
	case MAP_STORED:
		return map(VMM_SPACE_CONTIGUOUS, far, 0x5000, 0, 0);
	case MAP_EAGER:
		return map(VMM_SPACE_ZERO, far, 0x4000, VMM_SPACE_EAGER,
			SPACE_RWU);
	case REPLACE_ZERO:
		return map(VMM_SPACE_ZERO, BASE + VMM_MIB(1) + 0x1000,
			VMM_MIB(3) + 0x6000, 0, SPACE_RWU);
	case REPLACE_PHYS:
		return map(VMM_SPACE_PHYS, BASE + VMM_MIB(1) + 0x1000,
			VMM_MIB(3) + 0x6000, 0, RU);
	case REPLACE_STORED:
		return map(VMM_SPACE_CONTIGUOUS, BASE + VMM_MIB(1) + 0x1000,
			0x3000, 0, 0);
	case REPLACE_EMPTY:
		return map(VMM_SPACE_PHYS, VMM_MIB(32) + 0x3000, VMM_MIB(7), 0,
			RU);
	case REPLACE_GUARD_END:
		return map(VMM_SPACE_ZERO, pages + 0xd000, 0x2000, 0, RU);
	case REPLACE_GUARD:
		return map(VMM_SPACE_ZERO, pages + 0xe000, 0x1000, 0, RU);
	case UNMAP_PART:
		return vmm_space_unmap(
			space, BASE + VMM_MIB(1) + 0x1000, VMM_MIB(2));
	case UNMAP_STORED:
		return vmm_space_unmap(space, pages + 0x3000, 0x6000);
	case PROTECT_PART:
		return vmm_space_protect(
			space, BASE + VMM_MIB(1) + 0x1000, VMM_MIB(2), RU);
	case PROTECT_NOTHING:
		return vmm_space_protect(space, BASE + VMM_MIB(1) + 0x1000,
			VMM_MIB(3) + 0x6000, 0);
	case PROTECT_ALL:
		return vmm_space_protect(space, pages + 0x1000, 0xa000, RU);
	case PROTECT_BACK:
		return vmm_space_protect(
			space, VMM_GIB(11) - 0x1000, 0x2000, VMM_PT_EXEC);
	default:
		return run_move(operation);
	}
}

/* All pages from the hook: the space's, and those of the object's table. */
static void check_pages(void)
{
	struct vmm_space_stat stat;

	vmm_space_stat(&rig.space, &stat);
	CHECK_EQ(stat.tables + stat.node_pages + object.table.table_count +
			 object.table.spare_count,
		rig.pages_live);
}

/* One call number fails; returns whether it was reached. */
static bool fail_at(enum operation operation, struct space_failing *failing,
	long n, bool sticky, size_t spare)
{
	uint64_t digest;
	bool reached;
	int err;

	prepare(spare);
	digest = space_rig_digest(&rig, &rig.space);
	failing->in = n;
	failing->sticky = sticky;
	err = run(operation);
	reached = failing->in < 0 || (sticky && failing->in == 0);
	failing->in = -1;
	failing->sticky = false;
	space_rig_check(&rig, &rig.space);
	check_pages();
	if (err != VMM_OK) {
		CHECK(reached);
		CHECK_EQ(err, SPACE_ERR);
		CHECK_EQ(space_rig_digest(&rig, &rig.space), digest);
		CHECK_EQ(run(operation), VMM_OK);
		space_rig_check(&rig, &rig.space);
	}
	vmm_object_put(&object);
	space_rig_close(&rig);
	CHECK_EQ(rig.ended, 1);
	return reached;
}

static void fail_everywhere(enum operation operation, bool frames)
{
	for (int full = 0; full < 2; full++) {
		for (int sticky = 0; sticky < 2; sticky++) {
			long n = 0;

			while (fail_at(operation,
				frames ? &rig.fail_frames : &rig.fail_pages, n,
				sticky != 0, full != 0 ? 0 : ANY))
				n++;
			CHECK(n < 1000);
			/* What is left out here would show nothing. */
			if (full && !frames)
				CHECK(n > 0);
		}
	}
}

TEST(fault_space_pages)
{
	for (int i = 0; i < OPERATIONS; i++)
		fail_everywhere((enum operation)i, false);
}

TEST(fault_space_frames)
{
	for (int i = 0; i < OPERATIONS; i++)
		fail_everywhere((enum operation)i, true);
}

/* However many nodes there are: what is needed is counted right. */
TEST(fault_space_nodes)
{
	for (int i = 0; i < OPERATIONS; i++) {
		for (size_t spare = 0; spare < 12; spare++) {
			prepare(spare);
			CHECK_EQ(run((enum operation)i), VMM_OK);
			space_rig_check(&rig, &rig.space);
			check_pages();
			vmm_object_put(&object);
			space_rig_close(&rig);
		}
	}
}

/*
 * At every so many places where the lock is dropped, other harts take all spare
 * tables and nearly all nodes: whatever a call has reckoned with is gone.
 */
static unsigned places;
static unsigned phase;

static void take_all(struct space_rig *r)
{
	static vmm_va_t next;
	const struct vmm_vmem *arena = &r->space.arena;

	if (++places % 5 != phase)
		return;
	while (r->pages_live < 800 && r->pt.spare_count > 0) {
		next = (next + VMM_MIB(2)) % VMM_GIB(32);
		(void)!map(VMM_SPACE_PHYS, VMM_GIB(64) + next, 0x1000, 0, RU);
	}
	while (r->pages_live < 800 &&
		arena->spare_count >= arena->reserve + 3) {
		next = (next + VMM_MIB(2)) % VMM_GIB(32);
		(void)!map(
			VMM_SPACE_RESERVED, VMM_GIB(128) + next, 0x1000, 0, RU);
	}
}

TEST(fault_space_others_take_all)
{
	for (int i = 0; i < OPERATIONS; i++) {
		for (phase = 0; phase < 5; phase++) {
			prepare(phase % 2 != 0 ? 0 : ANY);
			rig.other = take_all;
			CHECK_EQ(run((enum operation)i), VMM_OK);
			rig.other = NULL;
			space_rig_check(&rig, &rig.space);
			check_pages();
			vmm_object_put(&object);
			space_rig_close(&rig);
		}
	}
}

/* These cannot fail, whatever the hooks say. */
TEST(fault_space_calls_that_never_fail)
{
	prepare(0);
	rig.fail_pages.in = 0;
	rig.fail_pages.sticky = true;
	rig.fail_frames.in = 0;
	rig.fail_frames.sticky = true;
	CHECK_EQ(vmm_space_discard(&rig.space, BASE, VMM_MIB(5)), VMM_OK);
	space_rig_check(&rig, &rig.space);
	CHECK_EQ(vmm_space_unmap(&rig.space, BASE, VMM_MIB(3) * 2), VMM_OK);
	space_rig_check(&rig, &rig.space);
	vmm_space_clear(&rig.space);
	vmm_space_purge(&rig.space);
	(void)vmm_space_trim(&rig.space);
	vmm_object_put(&object);
	space_rig_close(&rig);
}
