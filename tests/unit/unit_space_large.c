/* SPDX-License-Identifier: MIT */
/*
 * A region of terabytes costs what is touched of it, whatever is done to it: were
 * one loop to look at every page, these tests would not end.
 */
#include "support/space_rig.h"

static struct space_rig rig;

/* Half a billion pages and more; of a stack, as many as its depth can count. */
#define SIZE VMM_TIB(8)

static void touch(struct vmm_space *space, vmm_va_t va)
{
	CHECK_EQ(vmm_space_fault(space, va, VMM_PT_WRITE | VMM_PT_USER, NULL),
		VMM_OK);
}

/* The first and the last page, and one in between. */
static void touch_some(struct vmm_space *space, vmm_va_t va)
{
	touch(space, va);
	touch(space, va + SIZE / 2 + VMM_PAGE_SIZE);
	touch(space, va + SIZE - VMM_PAGE_SIZE);
	CHECK_EQ(vmm_space_check(space), VMM_OK);
}

static vmm_va_t map(enum vmm_space_kind kind)
{
	const struct vmm_space_request request = {
		.place = {.size = SIZE}, .kind = kind, .prot = SPACE_RWU};
	vmm_va_t va;

	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	CHECK_EQ(vmm_space_check(&rig.space), VMM_OK);
	return va;
}

static void fork(vmm_va_t va, enum vmm_fork how)
{
	struct vmm_space child;
	struct vmm_pt table;

	space_rig_add(&rig, &child, &table);
	CHECK_EQ(vmm_space_fork(&child, &rig.space, how), VMM_OK);
	CHECK_EQ(vmm_space_check(&child), VMM_OK);
	CHECK_EQ(vmm_space_check(&rig.space), VMM_OK);
	touch(&child, va);
	touch(&rig.space, va);
	space_rig_drop(&rig, &child, &table);
}

/* Every call that has a range, on a region of each kind that is not mapped at
 * once. */
TEST(unit_space_large_costs_what_is_touched)
{
	static const enum vmm_space_kind kinds[] = {
		VMM_SPACE_ZERO, VMM_SPACE_STACK, VMM_SPACE_RING};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct vmm_space_stat stat;
		vmm_va_t va;

		space_rig_open_user(&rig, &vmm_pt_sv57, 0);
		va = map(kinds[i]);
		touch_some(&rig.space, va);
		vmm_space_stat(&rig.space, &stat);
		CHECK(stat.resident <= 6 * VMM_PAGE_SIZE);
		fork(va, VMM_FORK_COW);
		fork(va, VMM_FORK_COPY);
		CHECK_EQ(vmm_space_discard(&rig.space, va, SIZE), VMM_OK);
		touch_some(&rig.space, va);
		if (kinds[i] != VMM_SPACE_RING) {
			CHECK_EQ(vmm_space_protect(&rig.space, va, SIZE, 0),
				VMM_OK);
			CHECK_EQ(vmm_space_protect(
					 &rig.space, va, SIZE, SPACE_RWU),
				VMM_OK);
		}
		CHECK_EQ(vmm_space_check(&rig.space), VMM_OK);
		CHECK_EQ(vmm_space_unmap(&rig.space, va, SIZE), VMM_OK);
		CHECK_EQ(rig.frames_live, 0);
		space_rig_close(&rig);
	}
}
