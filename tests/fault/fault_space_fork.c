/* SPDX-License-Identifier: MIT */
/*
 * Every call of a hook that a fork makes fails, once or from then on. Each
 * time: the hook's own code comes back, the child is what it was before, every
 * holder, frame and page is where it was, the parent's bytes are its own, and
 * it can write to them again.
 */
#include "support/space_rig.h"

#include "space/space_internal.h"

#define PAGE  UINT64_C(4096)
#define BASE  UINT64_C(0x10000000)
#define WRITE (VMM_PT_WRITE | VMM_PT_USER)

static struct space_rig rig;
static struct vmm_space child;
static struct vmm_pt table;
static struct vmm_object object;
static struct vmm_object_config config;

enum { ZERO, STACK, RING, SHARED, PRIVATE, PHYS, CONTIGUOUS, STORED };

static vmm_va_t at(unsigned which)
{
	return BASE + which * VMM_GIB(1);
}

static void put(vmm_va_t va, uint64_t value)
{
	CHECK_EQ(vmm_space_write(&rig.space, va, &value, sizeof(value), true),
		VMM_OK);
}

static void map(
	unsigned which, enum vmm_space_kind kind, uint64_t size, unsigned flags)
{
	struct vmm_space_request request = {.place = {.size = size,
						    .where = at(which),
						    .flags = VMM_VMEM_FIXED},
		.kind = kind,
		.prot = which == STORED ? 0 : SPACE_RWU,
		.flags = flags};
	vmm_va_t va;

	if (kind == VMM_SPACE_OBJECT)
		request.object = &object;
	if (kind == VMM_SPACE_PHYS)
		request.pa = VMM_GIB(16) + PAGE;
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
}

static void make_all(void)
{
	map(ZERO, VMM_SPACE_ZERO, VMM_MIB(100), 0);
	/* Several chunks, several tables, and holes. */
	put(at(ZERO), 1);
	put(at(ZERO) + PAGE, 2);
	put(at(ZERO) + VMM_MIB(7), 3);
	put(at(ZERO) + VMM_MIB(70), 4);
	CHECK_EQ(vmm_space_touch(
			 &rig.space, at(ZERO) + 3 * PAGE, 1, VMM_PT_READ),
		VMM_OK);
	map(STACK, VMM_SPACE_STACK, 16 * PAGE, 0);
	put(at(STACK) + 15 * PAGE, 5);
	map(RING, VMM_SPACE_RING, 8 * PAGE, 0);
	put(at(RING), 6);
	put(at(RING) + 2 * PAGE, 7);
	map(SHARED, VMM_SPACE_OBJECT, 4 * PAGE, VMM_SPACE_SHARED);
	put(at(SHARED), 8);
	map(PRIVATE, VMM_SPACE_OBJECT, 4 * PAGE, 0);
	put(at(PRIVATE) + PAGE, 9);
	CHECK_EQ(vmm_space_touch(&rig.space, at(PRIVATE), 1, VMM_PT_READ),
		VMM_OK);
	map(PHYS, VMM_SPACE_PHYS, 16 * PAGE, 0);
	map(CONTIGUOUS, VMM_SPACE_CONTIGUOUS, 5 * PAGE, 0);
	put(at(CONTIGUOUS) + 2 * PAGE, 10);
	map(STORED, VMM_SPACE_CONTIGUOUS, 2 * PAGE, 0);
}

/* All bytes of what is mapped and plain memory. */
static uint64_t bytes_of(struct vmm_space *space)
{
	struct vmm_pt_cursor cursor = vmm_pt_cursor_all();
	uint64_t digest = TEST_DIGEST_INIT;
	struct vmm_pt_run run;

	while (vmm_pt_next(space->live, &cursor, &run)) {
		if (run.va >= at(PHYS) && run.va < at(CONTIGUOUS))
			continue;
		for (uint64_t i = 0; i < run.size; i += PAGE) {
			const vmm_va_t va = run.va + i;

			digest = test_digest(digest, &va, sizeof(va));
			digest = test_digest(digest,
				space_rig_bytes(&rig, run.pa + i), PAGE);
		}
	}
	return digest;
}

/* Who holds what. */
static uint64_t holders(void)
{
	return test_digest(TEST_DIGEST_INIT, rig.holders, sizeof(rig.holders));
}

static void open(const struct vmm_pt_format *format, unsigned features)
{
	space_rig_open(&rig, format, features);
	space_rig_user(&rig);
	config = (struct vmm_object_config){.name = "object",
		.pages = &rig.pages,
		.frames = &rig.frames,
		.offset = rig.offset};
	CHECK_EQ(vmm_object_init(&object, &config, 16 * PAGE), VMM_OK);
	make_all();
	space_rig_see_all(&rig, &rig.pt, BASE, VMM_GIB(8));
	space_rig_add(&rig, &child, &table);
}

static void close(void)
{
	space_rig_drop(&rig, &child, &table);
	vmm_space_purge(&rig.space);
	vmm_object_put(&object);
	space_rig_close(&rig);
}

/* What a fork has made can be closed like any space. */
static void renew_child(void)
{
	space_rig_drop(&rig, &child, &table);
	space_rig_add(&rig, &child, &table);
}

/* One call that fails. False: there are not so many. */
static bool fail_one(
	struct space_failing *failing, long n, bool sticky, enum vmm_fork how)
{
	const uint64_t bytes = bytes_of(&rig.space);
	const uint64_t before = holders();
	const long pages = rig.pages_live;
	const long frames = rig.frames_live;
	int err;

	failing->in = n;
	failing->sticky = sticky;
	failing->calls = 0;
	err = vmm_space_fork(&child, &rig.space, how);
	failing->in = -1;
	CHECK_EQ(bytes_of(&rig.space), bytes);
	space_rig_check(&rig, &rig.space);
	space_rig_check(&rig, &child);
	if (err == VMM_OK) {
		/* Where fewer pages than wanted did as well. */
		CHECK_EQ(bytes_of(&child), bytes);
		renew_child();
		CHECK_EQ(holders(), before);
		return failing->calls > n;
	}
	CHECK_EQ(err, SPACE_ERR);
	CHECK_EQ(holders(), before);
	CHECK_EQ(rig.pages_live, pages);
	CHECK_EQ(rig.frames_live, frames);
	CHECK_EQ(child.arena.span_count, 0);
	CHECK_EQ(child.node_pages, 0);
	CHECK(!child.has_store);
	CHECK_EQ(table.table_count, 1);
	CHECK_EQ(table.spare_count, 0);
	CHECK_EQ(object.users, 3);
	/* Nobody else has the page: no copy, whatever became of its WRITE. */
	put(at(ZERO), 1);
	put(at(RING), 6);
	CHECK_EQ(rig.frames_live, frames);
	CHECK_EQ(bytes_of(&rig.space), bytes);
	return true;
}

static void fail_everywhere(const struct vmm_pt_format *format,
	unsigned features, enum vmm_fork how)
{
	for (unsigned which = 0; which < 4; which++) {
		const bool sticky = (which & 1) != 0;
		struct space_failing *failing;
		long n = 0;

		open(format, features);
		failing = (which & 2) != 0 ? &rig.fail_frames : &rig.fail_pages;
		while (fail_one(failing, n, sticky, how))
			n++;
		CHECK(n > 4);
		/* Once more, on what the failures left. */
		CHECK_EQ(vmm_space_fork(&child, &rig.space, how), VMM_OK);
		CHECK_EQ(bytes_of(&child), bytes_of(&rig.space));
		close();
	}
}

TEST(fault_space_fork_cow)
{
	fail_everywhere(&vmm_pt_sv39, 0, VMM_FORK_COW);
	fail_everywhere(&vmm_pt_sv48, VMM_PT_TRACK, VMM_FORK_COW);
	fail_everywhere(&vmm_pt_sv57, VMM_PT_SVNAPOT, VMM_FORK_COW);
}

TEST(fault_space_fork_copy)
{
	fail_everywhere(&vmm_pt_sv39, 0, VMM_FORK_COPY);
	fail_everywhere(&vmm_pt_x86_64, VMM_PT_TRACK, VMM_FORK_COPY);
}
