/* SPDX-License-Identifier: MIT */
/* Fork: what the child has, who holds it, and that all of it comes back. */
#include "support/space_rig.h"

#define PAGE   UINT64_C(4096)
#define BASE   UINT64_C(0x10000000)
#define READ   (VMM_PT_READ | VMM_PT_USER)
#define WRITE  (VMM_PT_WRITE | VMM_PT_USER)
#define SPACES 24

static struct space_rig rig;
static struct vmm_space spaces[SPACES];
static struct vmm_pt tables[SPACES];

static void put(struct vmm_space *space, vmm_va_t va, uint64_t value)
{
	CHECK_EQ(vmm_space_write(space, va, &value, sizeof(value), true),
		VMM_OK);
}

static uint64_t get(struct vmm_space *space, vmm_va_t va)
{
	uint64_t value = 0;

	CHECK_EQ(
		vmm_space_read(space, va, &value, sizeof(value), true), VMM_OK);
	return value;
}

static enum vmm_fault_cause cause_of(
	struct vmm_space *space, vmm_va_t va, unsigned access)
{
	struct vmm_fault fault;

	CHECK_EQ(vmm_space_fault(space, va, access, &fault), VMM_OK);
	return fault.cause;
}

static void fork_to(
	unsigned number, struct vmm_space *parent, enum vmm_fork how)
{
	space_rig_add(&rig, &spaces[number], &tables[number]);
	CHECK_EQ(vmm_space_fork(&spaces[number], parent, how), VMM_OK);
	space_rig_check(&rig, parent);
	space_rig_check(&rig, &spaces[number]);
	CHECK_EQ(tables[number].spare_count, 0);
}

static void drop(unsigned number)
{
	space_rig_drop(&rig, &spaces[number], &tables[number]);
}

/* Both see a page until one writes; the last one has it to itself. */
TEST(unit_space_fork_cow)
{
	for (unsigned order = 0; order < 2; order++) {
		struct vmm_space *first = order == 0 ? &rig.space : &spaces[0];
		struct vmm_space *second = order == 0 ? &spaces[0] : &rig.space;
		vmm_pa_t pa;

		space_rig_open_user(&rig, &vmm_pt_sv39, 0);
		CHECK_EQ(space_rig_map(
				 &rig.space, VMM_SPACE_ZERO, BASE, 8 * PAGE),
			BASE);
		put(&rig.space, BASE, 1);
		put(&rig.space, BASE + PAGE, 2);
		CHECK_EQ(get(&rig.space, BASE + 3 * PAGE), 0);
		/* The parent's hart has used it, and may write no more. */
		space_rig_see_all(&rig, &rig.pt, BASE, 8 * PAGE);
		fork_to(0, &rig.space, VMM_FORK_COW);
		pa = space_rig_phys(&rig.space, BASE);
		CHECK_EQ(space_rig_phys(&spaces[0], BASE), pa);
		CHECK_EQ(space_rig_holders(&rig, pa), 2);
		CHECK_EQ(rig.frames_live, 2);
		CHECK_EQ(space_rig_phys(&spaces[0], BASE + 3 * PAGE),
			rig.frames.zero_page);
		space_rig_see_all(&rig, first->live, BASE, 8 * PAGE);
		space_rig_see_all(&rig, second->live, BASE, 8 * PAGE);
		CHECK_EQ(cause_of(first, BASE, WRITE), VMM_FAULT_COPY);
		put(first, BASE, 10);
		CHECK_EQ(get(second, BASE), 1);
		CHECK_EQ(space_rig_phys(second, BASE), pa);
		CHECK_EQ(cause_of(second, BASE, WRITE), VMM_FAULT_LAST);
		put(second, BASE, 20);
		CHECK_EQ(get(first, BASE), 10);
		CHECK_EQ(get(second, BASE + PAGE), 2);
		CHECK_EQ(get(first, BASE + PAGE), 2);
		CHECK_EQ(rig.frames_live, 3);
		space_rig_check(&rig, first);
		space_rig_check(&rig, second);
		drop(0);
		CHECK_EQ(rig.frames_live, 2);
		space_rig_close(&rig);
	}
}

static struct vmm_object object;

static void map(
	vmm_va_t where, enum vmm_space_kind kind, uint64_t size, unsigned flags)
{
	struct vmm_space_request request = {.place = {.size = size,
						    .where = where,
						    .flags = VMM_VMEM_FIXED,
						    .guard = {PAGE, 0}},
		.kind = kind,
		.prot = SPACE_RWU,
		.flags = flags,
		.name = "name"};
	vmm_va_t va;

	if (kind == VMM_SPACE_OBJECT) {
		request.object = &object;
		request.offset = PAGE;
	}
	if (kind == VMM_SPACE_PHYS)
		request.pa = VMM_GIB(16);
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
}

enum { ZERO, STACK, RING, SHARED, PRIVATE, PHYS, CONTIGUOUS, GONE, NOTHING };

static vmm_va_t at(unsigned which)
{
	return BASE + which * VMM_MIB(16);
}

/* A region of each kind, each page with its address in it where that works. */
static void make_all(void)
{
	map(at(ZERO), VMM_SPACE_ZERO, VMM_MIB(8), 0);
	put(&rig.space, at(ZERO) + PAGE, 100);
	put(&rig.space, at(ZERO) + VMM_MIB(4), 101);
	map(at(STACK), VMM_SPACE_STACK, 16 * PAGE, VMM_SPACE_KEEP);
	put(&rig.space, at(STACK) + 13 * PAGE, 110);
	map(at(RING), VMM_SPACE_RING, 8 * PAGE, 0);
	put(&rig.space, at(RING), 120);
	put(&rig.space, at(RING) + 7 * PAGE, 121);
	CHECK_EQ(get(&rig.space, at(RING) + 5 * PAGE), 0);
	map(at(SHARED), VMM_SPACE_OBJECT, 4 * PAGE, VMM_SPACE_SHARED);
	put(&rig.space, at(SHARED), 130);
	map(at(PRIVATE), VMM_SPACE_OBJECT, 4 * PAGE, 0);
	CHECK_EQ(get(&rig.space, at(PRIVATE)), 130);
	put(&rig.space, at(PRIVATE) + PAGE, 140);
	map(at(PHYS), VMM_SPACE_PHYS, VMM_MIB(4), 0);
	map(at(CONTIGUOUS), VMM_SPACE_CONTIGUOUS, 5 * PAGE, 0);
	put(&rig.space, at(CONTIGUOUS) + 4 * PAGE, 160);
	map(at(GONE), VMM_SPACE_ZERO, PAGE, VMM_SPACE_NO_FORK);
	put(&rig.space, at(GONE), 170);
	map(at(NOTHING), VMM_SPACE_RESERVED, PAGE, 0);
}

/* The same regions, but for the one that is not given. */
static void compare_regions(struct vmm_space *a, struct vmm_space *b)
{
	struct vmm_space_region in_a;
	struct vmm_space_region in_b;
	vmm_va_t va = 0;

	while (vmm_space_find(a, va, true, &in_a) == VMM_OK) {
		va = in_a.base + in_a.size + in_a.guard[1];
		if ((in_a.flags & VMM_SPACE_NO_FORK) != 0) {
			CHECK_EQ(vmm_space_find(b, in_a.base, false, &in_b),
				VMM_ENOENT);
			continue;
		}
		CHECK_EQ(vmm_space_find(b, in_a.base, false, &in_b), VMM_OK);
		CHECK_EQ(in_a.base, in_b.base);
		CHECK_EQ(in_a.size, in_b.size);
		CHECK_EQ(in_a.guard[0], in_b.guard[0]);
		CHECK_EQ(in_a.guard[1], in_b.guard[1]);
		CHECK_EQ(in_a.kind, in_b.kind);
		CHECK_EQ(in_a.prot, in_b.prot);
		CHECK_EQ(in_a.flags, in_b.flags);
		CHECK(in_a.name == in_b.name && in_a.object == in_b.object);
		CHECK_EQ(in_a.offset, in_b.offset);
		CHECK_EQ(in_a.depth, in_b.depth);
		CHECK_EQ(in_a.pa == in_b.pa, in_a.kind != VMM_SPACE_CONTIGUOUS);
	}
}

static void check_bytes(struct vmm_space *space)
{
	CHECK_EQ(get(space, at(ZERO) + PAGE), 100);
	CHECK_EQ(get(space, at(ZERO) + VMM_MIB(4)), 101);
	CHECK_EQ(get(space, at(STACK) + 13 * PAGE), 110);
	CHECK_EQ(get(space, at(RING)), 120);
	CHECK_EQ(get(space, at(RING) + 4 * PAGE), 120);
	CHECK_EQ(get(space, at(RING) + 3 * PAGE), 121);
	CHECK_EQ(get(space, at(RING) + PAGE), 0);
	CHECK_EQ(get(space, at(SHARED)), 130);
	CHECK_EQ(get(space, at(PRIVATE)), 130);
	CHECK_EQ(get(space, at(PRIVATE) + PAGE), 140);
	CHECK_EQ(get(space, at(CONTIGUOUS) + 4 * PAGE), 160);
	CHECK_EQ(space_rig_phys(space, at(PHYS) + PAGE), VMM_GIB(16) + PAGE);
}

static void run_all(
	const struct vmm_pt_format *format, unsigned features, bool by_copy)
{
	struct vmm_space *child = &spaces[0];

	space_rig_open_user(&rig, format, features);
	space_rig_object(&rig, &object, 16 * PAGE);
	make_all();
	space_rig_see_all(&rig, &rig.pt, BASE, VMM_MIB(160));
	fork_to(0, &rig.space, by_copy ? VMM_FORK_COPY : VMM_FORK_COW);
	compare_regions(&rig.space, child);
	check_bytes(child);
	check_bytes(&rig.space);
	CHECK_EQ(object.users, 5);
	/* Private is private, shared is shared. */
	CHECK_EQ(cause_of(child, at(ZERO) + PAGE, WRITE),
		by_copy ? VMM_FAULT_SPURIOUS : VMM_FAULT_COPY);
	put(child, at(ZERO) + PAGE, 1);
	put(child, at(STACK) + 13 * PAGE, 1);
	put(child, at(RING) + 4 * PAGE, 1);
	CHECK_EQ(get(child, at(RING)), 1);
	put(child, at(PRIVATE) + PAGE, 1);
	put(child, at(CONTIGUOUS) + 4 * PAGE, 1);
	check_bytes(&rig.space);
	put(child, at(SHARED), 131);
	CHECK_EQ(get(&rig.space, at(SHARED)), 131);
	CHECK_EQ(get(child, at(PRIVATE)), 131);
	put(&rig.space, at(RING) + 3 * PAGE, 2);
	CHECK_EQ(get(child, at(RING) + 7 * PAGE), 121);
	space_rig_check(&rig, child);
	space_rig_check(&rig, &rig.space);
	/* The parent goes first; the object outlives whoever made it. */
	vmm_space_purge(&rig.space);
	vmm_object_put(&object);
	CHECK_EQ(rig.ended, 0);
	CHECK_EQ(get(child, at(RING)), 1);
	CHECK_EQ(get(child, at(RING) + 7 * PAGE), 121);
	CHECK_EQ(get(child, at(PRIVATE) + PAGE), 1);
	CHECK_EQ(get(child, at(SHARED)), 131);
	drop(0);
	CHECK_EQ(rig.ended, 1);
	CHECK(rig.last_ended == &object);
	space_rig_close(&rig);
}

TEST(unit_space_fork_gives_every_kind)
{
	for (unsigned how = 0; how < 2; how++) {
		for (int f = 0; f < RIG_PLAIN_FORMATS; f++)
			run_all(rig_formats[f], 0, how != 0);
		run_all(&vmm_pt_sv39, VMM_PT_TRACK, how != 0);
		run_all(&vmm_pt_sv48, VMM_PT_SVNAPOT, how != 0);
		run_all(&vmm_pt_sv39, SPACE_NO_ZERO_PAGE, how != 0);
	}
}

/* What is no child, or does not fit. */
TEST(unit_space_fork_refuses)
{
	static struct vmm_pt_format format;
	static struct vmm_space_hooks hooks;
	static struct vmm_frames frames;

	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	space_rig_add(&rig, &spaces[0], &tables[0]);
	CHECK_EQ(vmm_space_fork(&rig.space, &rig.space, VMM_FORK_COW),
		VMM_EINVAL);
	CHECK_EQ(vmm_space_fork(&rig.space, &spaces[0], VMM_FORK_COW),
		VMM_EINVAL);
	tables[0].format = &vmm_pt_sv48;
	CHECK_EQ(vmm_space_fork(&spaces[0], &rig.space, VMM_FORK_COW),
		VMM_EINVAL);
	/* A copy of the format is the same one. */
	format = rig.format;
	tables[0].format = &format;
	hooks = rig.hooks;
	frames = rig.frames;
	hooks.frames = &frames;
	spaces[0].hooks = &hooks;
	CHECK_EQ(vmm_space_fork(&spaces[0], &rig.space, VMM_FORK_COW),
		VMM_EINVAL);
	spaces[0].hooks = &rig.hooks;
	CHECK_EQ(vmm_space_fork(&spaces[0], &rig.space, VMM_FORK_COW), VMM_OK);
	tables[0].format = &rig.format;
	drop(0);
	space_rig_close(&rig);
}

/* Spans are the same, special ones too, with what was allocated in them. */
TEST(unit_space_fork_spans)
{
	struct vmm_vmem_stat stat;
	vmm_va_t va;
	const struct vmm_space_request any = {.place = {.size = PAGE},
		.kind = VMM_SPACE_ZERO,
		.prot = SPACE_RWU};

	space_rig_open(&rig, &vmm_pt_sv39, 0);
	CHECK_EQ(vmm_space_add(&rig.space, 0, PAGE, VMM_VMEM_FIXED_ONLY),
		VMM_OK);
	CHECK_EQ(vmm_space_add(&rig.space, PAGE, PAGE, 0), VMM_OK);
	CHECK_EQ(vmm_space_add(&rig.space, 2 * PAGE, PAGE, VMM_VMEM_FIXED_ONLY),
		VMM_OK);
	CHECK_EQ(vmm_space_add(&rig.space, -PAGE, PAGE, 0), VMM_OK);
	fork_to(0, &rig.space, VMM_FORK_COW);
	vmm_vmem_stat(&spaces[0].arena, &stat);
	CHECK_EQ(stat.span_count, 4);
	CHECK_EQ(stat.size, 4 * PAGE);
	CHECK_EQ(vmm_space_map(&spaces[0], &any, &va), VMM_OK);
	CHECK_EQ(va, PAGE);
	CHECK_EQ(vmm_space_map(&spaces[0], &any, &va), VMM_OK);
	CHECK_EQ(va, -PAGE);
	CHECK_EQ(vmm_space_map(&spaces[0], &any, &va), VMM_ENOSPC);
	drop(0);
	space_rig_close(&rig);
}

/*
 * A chain of forks, each space with a page of its own and those that it has
 * from all before it; they go from the ends or from the middle.
 */
TEST(unit_space_fork_chain)
{
	for (unsigned order = 0; order < 3; order++) {
		space_rig_open_user(&rig, &vmm_pt_sv48, 0);
		CHECK_EQ(space_rig_map(&rig.space, VMM_SPACE_ZERO, BASE,
				 (SPACES + 1) * PAGE),
			BASE);
		put(&rig.space, BASE + SPACES * PAGE, 7);
		for (unsigned i = 0; i < SPACES; i++) {
			fork_to(i, i == 0 ? &rig.space : &spaces[i - 1],
				i % 5 == 4 ? VMM_FORK_COPY : VMM_FORK_COW);
			put(&spaces[i], BASE + i * PAGE, 1000 + i);
		}
		for (unsigned i = 0; i < SPACES; i++) {
			for (unsigned page = 0; page < SPACES; page++)
				CHECK_EQ(get(&spaces[i], BASE + page * PAGE),
					page <= i ? 1000 + page : 0);
			CHECK_EQ(get(&spaces[i], BASE + SPACES * PAGE), 7);
		}
		for (unsigned i = 0; i < SPACES; i++) {
			unsigned which = order == 0 ? i : SPACES - 1 - i;

			if (order == 2)
				which = (i * 7 + 3) % SPACES;
			drop(which);
		}
		CHECK_EQ(rig.frames_live, 1);
		space_rig_close(&rig);
	}
}

/* A tree of forks until memory runs out, over and over; and all comes back. */
TEST(unit_space_fork_until_memory_runs_out)
{
	long pages;
	long frames;

	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	map(BASE, VMM_SPACE_ZERO, 64 * PAGE, 0);
	for (unsigned i = 0; i < 64; i++)
		put(&rig.space, BASE + i * PAGE, i);
	pages = rig.pages_live;
	frames = rig.frames_live;
	for (unsigned round = 0; round < 3; round++) {
		unsigned count = 0;
		int err = VMM_OK;

		while (count < SPACES && err == VMM_OK) {
			struct vmm_space *parent =
				count == 0 ? &rig.space
					   : &spaces[(count - 1) / 2];

			space_rig_add(&rig, &spaces[count], &tables[count]);
			err = vmm_space_fork(
				&spaces[count], parent, VMM_FORK_COW);
			/* Every page is written to: copies of all of them. */
			for (unsigned i = 0; err == VMM_OK && i < 64; i++)
				err = vmm_space_fault(&spaces[count],
					BASE + i * PAGE, WRITE, NULL);
			space_rig_check(&rig, &spaces[count]);
			count++;
		}
		CHECK_EQ(err, round == 0 ? VMM_OK : SPACE_ERR);
		for (unsigned i = 0; i < 64; i++)
			CHECK_EQ(get(&rig.space, BASE + i * PAGE), i);
		while (count-- > 0)
			drop(count);
		if (round > 0)
			continue;
		CHECK_EQ(rig.frames_live, frames);
		CHECK_EQ(rig.pages_live, pages);
		/* There was room for all of them; now there is not. */
		map(BASE + VMM_MIB(16), VMM_SPACE_CONTIGUOUS, 1024 * PAGE,
			VMM_SPACE_NO_FORK);
	}
	CHECK_EQ(rig.frames_live, frames + 1024);
	space_rig_close(&rig);
}

/*
 * Pages that nobody may touch are in the store, and go to the child's: both
 * have them when they may touch them again, and neither sees the other's.
 */
TEST(unit_space_fork_stored)
{
	for (unsigned how = 0; how < 2; how++) {
		struct vmm_space_stat stat;

		space_rig_open_user(&rig, &vmm_pt_sv39, 0);
		map(BASE, VMM_SPACE_ZERO, 8 * PAGE, 0);
		map(BASE + VMM_MIB(4), VMM_SPACE_CONTIGUOUS, 4 * PAGE, 0);
		put(&rig.space, BASE + PAGE, 1);
		put(&rig.space, BASE + VMM_MIB(4) + PAGE, 2);
		CHECK_EQ(vmm_space_protect(&rig.space, BASE, 8 * PAGE, 0),
			VMM_OK);
		CHECK_EQ(vmm_space_protect(
				 &rig.space, BASE + VMM_MIB(4), 4 * PAGE, 0),
			VMM_OK);
		fork_to(0, &rig.space, how == 0 ? VMM_FORK_COW : VMM_FORK_COPY);
		vmm_space_stat(&spaces[0], &stat);
		CHECK_EQ(stat.resident, 0);
		CHECK_EQ(stat.stored, 5 * PAGE);
		CHECK_EQ(vmm_space_fault(&spaces[0], BASE + PAGE, READ, NULL),
			VMM_EACCES);
		for (unsigned i = 0; i < 2; i++) {
			struct vmm_space *space =
				i == 0 ? &spaces[0] : &rig.space;

			CHECK_EQ(vmm_space_protect(
					 space, BASE, 8 * PAGE, SPACE_RWU),
				VMM_OK);
			CHECK_EQ(vmm_space_protect(space, BASE + VMM_MIB(4),
					 4 * PAGE, SPACE_RWU),
				VMM_OK);
			CHECK_EQ(get(space, BASE + PAGE), 1);
			CHECK_EQ(get(space, BASE + VMM_MIB(4) + PAGE), 2);
			put(space, BASE + PAGE, 10 + i);
			put(space, BASE + VMM_MIB(4) + PAGE, 20 + i);
			space_rig_check(&rig, space);
		}
		CHECK_EQ(get(&spaces[0], BASE + PAGE), 10);
		CHECK_EQ(get(&spaces[0], BASE + VMM_MIB(4) + PAGE), 20);
		drop(0);
		CHECK_EQ(get(&rig.space, BASE + PAGE), 11);
		space_rig_close(&rig);
	}
}
