/* SPDX-License-Identifier: MIT */
/* Faults: every cause, for every kind of region, and what is there after. */
#include "support/space_rig.h"

#include "space/space_internal.h"

#define PAGE  UINT64_C(4096)
#define BASE  UINT64_C(0x10000000)
#define READ  (VMM_PT_READ | VMM_PT_USER)
#define WRITE (VMM_PT_WRITE | VMM_PT_USER)
#define EXEC  (VMM_PT_EXEC | VMM_PT_USER)

static struct space_rig rig;
static struct vmm_fault fault;

/* A fault that the library deals with: its cause, and all is in order. */
static enum vmm_fault_cause cause_of(vmm_va_t va, unsigned access)
{
	CHECK_EQ(vmm_space_fault(&rig.space, va, access, &fault), VMM_OK);
	CHECK_EQ(fault.va, va);
	CHECK_EQ(fault.access, access);
	CHECK(fault.has_region);
	CHECK_EQ(vmm_space_fault(&rig.space, va, access, NULL), VMM_OK);
	space_rig_check(&rig, &rig.space);
	return fault.cause;
}

/* One that it refuses: nothing has changed. */
static enum vmm_fault_cause refused(int err, vmm_va_t va, unsigned access)
{
	const uint64_t digest = space_rig_digest(&rig, &rig.space);

	CHECK_EQ(vmm_space_fault(&rig.space, va, access, &fault), err);
	CHECK_EQ(vmm_space_fault(&rig.space, va, access, NULL), err);
	CHECK_EQ(fault.va, va);
	space_rig_check_same(&rig, &rig.space, digest);
	return fault.cause;
}

static vmm_pa_t pa_at(vmm_va_t va, unsigned *prot_out)
{
	vmm_pa_t pa = 0;

	CHECK_EQ(vmm_pt_translate(rig.space.live, va, &pa, prot_out), VMM_OK);
	return pa;
}

static bool is_zero(vmm_pa_t pa)
{
	for (unsigned i = 0; i < 512; i++) {
		if (space_rig_word(&rig, pa)[i] != 0)
			return false;
	}
	return true;
}

static struct vmm_space_request request_of(
	enum vmm_space_kind kind, uint64_t size, unsigned prot)
{
	return (struct vmm_space_request){.place = {.size = size,
						  .where = BASE,
						  .flags = VMM_VMEM_FIXED,
						  .guard = {2 * PAGE, PAGE}},
		.kind = kind,
		.prot = prot,
		.name = "this"};
}

static void map(const struct vmm_space_request *request)
{
	vmm_va_t va;

	CHECK_EQ(vmm_space_map(&rig.space, request, &va), VMM_OK);
	CHECK_EQ(va, BASE);
}

TEST(unit_space_fault_names)
{
	for (int i = 0; i < VMM_FAULT_CAUSES; i++) {
		const char *name = vmm_fault_name((enum vmm_fault_cause)i);

		CHECK(name[0] != '\0');
		for (int j = 0; j < i; j++)
			CHECK(vmm_fault_name((enum vmm_fault_cause)j) != name);
	}
	CHECK(vmm_fault_name(VMM_FAULT_CAUSES) ==
		vmm_fault_name((enum vmm_fault_cause) - 1));
}

/* What is nobody's, and what may not be touched. */
TEST(unit_space_fault_refuses)
{
	static const unsigned wrong[] = {0, VMM_PT_USER, SPACE_RW,
		VMM_PT_READ | VMM_PT_GLOBAL, VMM_PT_IO | VMM_PT_READ};
	struct vmm_space_request request;
	const struct vmm_vmem_region *region;

	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	request =
		request_of(VMM_SPACE_ZERO, 4 * PAGE, VMM_PT_READ | VMM_PT_USER);
	map(&request);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK_EQ(vmm_space_fault(&rig.space, BASE, wrong[i], &fault),
			VMM_EINVAL);
	CHECK_EQ(refused(VMM_ENOENT, 0, READ), VMM_FAULT_NOBODY);
	CHECK(!fault.has_region);
	CHECK_EQ(refused(VMM_ENOENT, BASE - 2 * PAGE - 1, READ),
		VMM_FAULT_NOBODY);
	CHECK_EQ(refused(VMM_ENOENT, BASE + 5 * PAGE, WRITE), VMM_FAULT_NOBODY);
	CHECK_EQ(refused(VMM_ENOENT, UINT64_MAX, READ), VMM_FAULT_NOBODY);
	CHECK_EQ(
		refused(VMM_ENOENT, UINT64_C(1) << 50, EXEC), VMM_FAULT_NOBODY);
	CHECK_EQ(refused(VMM_EACCES, BASE - 1, READ), VMM_FAULT_GUARD);
	CHECK(fault.has_region);
	CHECK_EQ(fault.region.base, BASE);
	CHECK_EQ(fault.region.guard[0], 2 * PAGE);
	CHECK_EQ(refused(VMM_EACCES, BASE - 2 * PAGE, WRITE), VMM_FAULT_GUARD);
	CHECK_EQ(refused(VMM_EACCES, BASE + 4 * PAGE, READ), VMM_FAULT_GUARD);
	CHECK_EQ(refused(VMM_EACCES, BASE + 5, WRITE), VMM_FAULT_DENIED);
	CHECK_EQ(refused(VMM_EACCES, BASE + 4 * PAGE - 1, EXEC),
		VMM_FAULT_DENIED);
	/* The kernel may read what the user may. */
	CHECK_EQ(cause_of(BASE, VMM_PT_READ), VMM_FAULT_ZERO_PAGE);
	region = vmm_space_at(&rig.space, BASE);
	vmm_space_mark(&rig.space, region, VMM_SPACE_IS_UNLOADED, 0);
	CHECK_EQ(vmm_space_fault(&rig.space, BASE, READ, &fault), VMM_EACCES);
	CHECK_EQ(fault.cause, VMM_FAULT_UNLOADED);
	vmm_space_mark(&rig.space, region, 0, VMM_SPACE_IS_UNLOADED);
	vmm_space_purge(&rig.space);
	request = request_of(VMM_SPACE_RESERVED, PAGE, SPACE_RWU);
	map(&request);
	CHECK_EQ(refused(VMM_EACCES, BASE, READ), VMM_FAULT_RESERVED);
	vmm_space_purge(&rig.space);
	/* Nothing is allowed, and what the kernel keeps for itself. */
	request = request_of(VMM_SPACE_ZERO, PAGE, 0);
	map(&request);
	CHECK_EQ(refused(VMM_EACCES, BASE, VMM_PT_READ), VMM_FAULT_DENIED);
	vmm_space_purge(&rig.space);
	request = request_of(VMM_SPACE_ZERO, PAGE, SPACE_RW);
	map(&request);
	CHECK_EQ(refused(VMM_EACCES, BASE, READ), VMM_FAULT_DENIED);
	CHECK_EQ(cause_of(BASE, VMM_PT_WRITE), VMM_FAULT_ZERO);
	space_rig_close(&rig);
}

/* Reading finds zeros without a frame; writing has one, at either order. */
TEST(unit_space_fault_zero)
{
	for (int f = 0; f < RIG_PLAIN_FORMATS; f++) {
		const struct vmm_space_request request =
			request_of(VMM_SPACE_ZERO, 4 * PAGE, SPACE_RWU);
		long flushes;
		unsigned prot;
		vmm_pa_t pa;

		space_rig_open_user(&rig, rig_formats[f], 0);
		map(&request);
		flushes = rig.flushes;
		CHECK_EQ(vmm_space_fault(&rig.space, BASE + 7, READ, &fault),
			VMM_OK);
		CHECK_EQ(fault.cause, VMM_FAULT_ZERO_PAGE);
		CHECK_EQ(rig.flushes, flushes + 1);
		CHECK_EQ(pa_at(BASE, &prot), rig.frames.zero_page);
		CHECK_EQ(prot, VMM_PT_READ | VMM_PT_USER);
		CHECK_EQ(rig.frames_live, 0);
		/* A hart has read it, and another one writes. */
		CHECK(space_rig_see(&rig, &rig.pt, BASE, NULL));
		CHECK_EQ(cause_of(BASE, WRITE), VMM_FAULT_ZERO);
		pa = pa_at(BASE, &prot);
		CHECK(pa != rig.frames.zero_page && is_zero(pa));
		CHECK_EQ(prot, SPACE_RWU);
		CHECK_EQ(space_rig_holders(&rig, pa), 1);
		CHECK_EQ(rig.frames_live, 1);
		/* Written to at once: one flush, and one frame. */
		flushes = rig.flushes;
		CHECK_EQ(
			vmm_space_fault(&rig.space, BASE + PAGE, WRITE, &fault),
			VMM_OK);
		CHECK_EQ(fault.cause, VMM_FAULT_ZERO);
		CHECK_EQ(rig.flushes, flushes + 1);
		CHECK(is_zero(pa_at(BASE + PAGE, &prot)));
		CHECK_EQ(prot, SPACE_RWU);
		CHECK_EQ(rig.frames_live, 2);
		space_rig_close(&rig);
	}
}

/* Without a zero page, and where memory has a type of its own. */
TEST(unit_space_fault_zero_without_zero_page)
{
	struct vmm_space_request request =
		request_of(VMM_SPACE_ZERO, PAGE, SPACE_RWU);

	space_rig_open_user(&rig, &vmm_pt_sv48, SPACE_NO_ZERO_PAGE);
	map(&request);
	CHECK_EQ(cause_of(BASE, READ), VMM_FAULT_ZERO);
	CHECK_EQ(cause_of(BASE, WRITE), VMM_FAULT_SPURIOUS);
	space_rig_close(&rig);
	space_rig_open_user(&rig, &vmm_pt_sv39, VMM_PT_SVPBMT);
	request.prot |= VMM_PT_NC;
	map(&request);
	CHECK_EQ(cause_of(BASE, READ), VMM_FAULT_ZERO);
	space_rig_close(&rig);
}

/* The entry allows it: the page is flushed on this hart, and that is all. */
TEST(unit_space_fault_spurious)
{
	const struct vmm_space_request request =
		request_of(VMM_SPACE_ZERO, 4 * PAGE, SPACE_RWU);
	const struct vmm_tlb_gather *gather;
	uint64_t digest;

	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	map(&request);
	CHECK_EQ(cause_of(BASE + PAGE, WRITE), VMM_FAULT_ZERO);
	digest = space_rig_digest(&rig, &rig.space);
	CHECK_EQ(vmm_space_fault(&rig.space, BASE + PAGE + 8, READ, &fault),
		VMM_OK);
	CHECK_EQ(fault.cause, VMM_FAULT_SPURIOUS);
	gather = space_rig_flushed(&rig, 0);
	CHECK_EQ(gather->first, BASE + PAGE);
	CHECK_EQ(gather->last, BASE + 2 * PAGE - 1);
	CHECK_EQ(gather->flags, VMM_TLB_CHANGED);
	CHECK_EQ(space_rig_digest(&rig, &rig.space), digest);
	space_rig_close(&rig);
}

/* As a fork leaves it: the page is its own, but must not be written to. */
static void take_write(vmm_va_t va)
{
	struct vmm_tlb_gather gather;

	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_modify(
			 rig.space.live, va, PAGE, 0, VMM_PT_WRITE, &gather),
		VMM_OK);
}

/* Copied on write if somebody else has it; else written to as it is. */
TEST(unit_space_fault_copy_and_last)
{
	for (int f = 0; f < RIG_PLAIN_FORMATS; f++) {
		const struct vmm_space_request request =
			request_of(VMM_SPACE_ZERO, PAGE, SPACE_RWU);
		unsigned prot;
		vmm_pa_t old;
		vmm_pa_t new;

		space_rig_open_user(&rig, rig_formats[f], 0);
		map(&request);
		CHECK_EQ(cause_of(BASE, WRITE), VMM_FAULT_ZERO);
		old = pa_at(BASE, NULL);
		space_rig_word(&rig, old)[0] = 1234;
		take_write(BASE);
		CHECK(space_rig_see(&rig, &rig.pt, BASE, NULL));
		CHECK_EQ(cause_of(BASE, WRITE), VMM_FAULT_LAST);
		CHECK_EQ(pa_at(BASE, &prot), old);
		CHECK_EQ(prot, SPACE_RWU);
		/* Somebody holds it: theirs stays what it was. */
		CHECK_EQ(rig.frames.get(rig.frames.ctx, old, 1), 0);
		take_write(BASE);
		CHECK(space_rig_see(&rig, &rig.pt, BASE, NULL));
		CHECK_EQ(vmm_space_fault(&rig.space, BASE, WRITE, &fault),
			VMM_OK);
		CHECK_EQ(fault.cause, VMM_FAULT_COPY);
		new = pa_at(BASE, &prot);
		CHECK(new != old &&prot == SPACE_RWU);
		CHECK_EQ(space_rig_word(&rig, new)[0], 1234);
		CHECK_EQ(space_rig_holders(&rig, old), 1);
		CHECK_EQ(space_rig_holders(&rig, new), 1);
		/* What took the old one away reached all harts. */
		CHECK((space_rig_flushed(&rig, 1)->flags & VMM_TLB_RESTRICT) !=
			0);
		CHECK((space_rig_flushed(&rig, 0)->flags & VMM_TLB_RESTRICT) ==
			0);
		rig.frames.put(rig.frames.ctx, old, 1);
		space_rig_close(&rig);
	}
}

/* Both halves show the same, whichever is touched first and in which way. */
TEST(unit_space_fault_ring)
{
	for (unsigned order = 0; order < 4; order++) {
		const struct vmm_space_request request =
			request_of(VMM_SPACE_RING, 8 * PAGE, SPACE_RWU);
		const vmm_va_t one = BASE + PAGE + (order & 1) * 4 * PAGE;
		const vmm_va_t two = BASE + PAGE + (~order & 1) * 4 * PAGE;
		vmm_pa_t pa;
		vmm_pa_t new;

		space_rig_open_user(
			&rig, &vmm_pt_sv39, order < 2 ? 0 : SPACE_NO_ZERO_PAGE);
		map(&request);
		CHECK_EQ(cause_of(one, READ),
			order < 2 ? VMM_FAULT_ZERO_PAGE : VMM_FAULT_ZERO);
		CHECK_EQ(pa_at(one, NULL), pa_at(two, NULL));
		CHECK(space_rig_see(&rig, &rig.pt, one, NULL));
		CHECK(space_rig_see(&rig, &rig.pt, two, NULL));
		CHECK_EQ(cause_of(two, WRITE),
			order < 2 ? VMM_FAULT_ZERO : VMM_FAULT_SPURIOUS);
		CHECK_EQ(cause_of(one, WRITE), VMM_FAULT_SPURIOUS);
		pa = pa_at(one, NULL);
		CHECK_EQ(pa_at(two, NULL), pa);
		CHECK_EQ(space_rig_holders(&rig, pa), 2);
		CHECK_EQ(rig.frames_live, 1);
		space_rig_word(&rig, pa)[1] = 99;
		/* Two holders are its own two. */
		take_write(one);
		take_write(two);
		CHECK_EQ(cause_of(one, WRITE), VMM_FAULT_LAST);
		CHECK_EQ(cause_of(two, WRITE), VMM_FAULT_SPURIOUS);
		CHECK_EQ(rig.frames.get(rig.frames.ctx, pa, 1), 0);
		take_write(one);
		take_write(two);
		space_rig_see_all(&rig, &rig.pt, BASE, 8 * PAGE);
		CHECK_EQ(vmm_space_fault(&rig.space, two, WRITE, &fault),
			VMM_OK);
		CHECK_EQ(fault.cause, VMM_FAULT_COPY);
		new = pa_at(one, NULL);
		CHECK(new != pa &&pa_at(two, NULL) == new);
		CHECK_EQ(space_rig_word(&rig, new)[1], 99);
		CHECK_EQ(space_rig_holders(&rig, new), 2);
		CHECK_EQ(space_rig_holders(&rig, pa), 1);
		rig.frames.put(rig.frames.ctx, pa, 1);
		CHECK_EQ(vmm_space_check(&rig.space), VMM_OK);
		space_rig_close(&rig);
	}
}

/* Down from the top, page by page or in one step, to the guard. */
TEST(unit_space_fault_stack)
{
	const struct vmm_space_request request =
		request_of(VMM_SPACE_STACK, 16 * PAGE, SPACE_RWU);
	const vmm_va_t top = BASE + 16 * PAGE;

	space_rig_open_user(&rig, &vmm_pt_sv48, 0);
	map(&request);
	CHECK_EQ(cause_of(top - 8, WRITE), VMM_FAULT_STACK);
	CHECK_EQ(fault.region.depth, 0);
	/* Read first: it is deeper, too, and has a frame. */
	CHECK_EQ(cause_of(top - 2 * PAGE, READ), VMM_FAULT_STACK);
	CHECK_EQ(fault.region.depth, PAGE);
	CHECK_EQ(rig.frames_live, 2);
	CHECK_EQ(cause_of(top - 6 * PAGE + 1, WRITE), VMM_FAULT_STACK);
	/* In between it is memory like any other. */
	CHECK_EQ(cause_of(top - 4 * PAGE, READ), VMM_FAULT_ZERO_PAGE);
	CHECK_EQ(fault.region.depth, 6 * PAGE);
	CHECK_EQ(cause_of(top - 3 * PAGE, WRITE), VMM_FAULT_ZERO);
	CHECK_EQ(cause_of(BASE, WRITE), VMM_FAULT_STACK);
	CHECK_EQ(refused(VMM_EACCES, BASE - 1, WRITE), VMM_FAULT_GUARD);
	CHECK_EQ(fault.region.depth, 16 * PAGE);
	CHECK(fault.region.name == request.name);
	CHECK_EQ(refused(VMM_EACCES, top, WRITE), VMM_FAULT_GUARD);
	CHECK_EQ(rig.frames_live, 5);
	space_rig_close(&rig);
}

/* A heap of 32 GiB costs what it touches: frames, and tables on their paths. */
TEST(unit_space_fault_large_heap)
{
	const vmm_va_t base = VMM_GIB(64);
	struct vmm_space_stat stat;
	const unsigned count = 20;

	space_rig_open_user(&rig, &vmm_pt_sv48, 0);
	CHECK_EQ(space_rig_map(&rig.space, VMM_SPACE_ZERO, base, VMM_GIB(32)),
		base);
	vmm_space_stat(&rig.space, &stat);
	CHECK_EQ(stat.size, VMM_GIB(32));
	CHECK_EQ(stat.tables, 0);
	CHECK_EQ(rig.pages_live, stat.node_pages);
	/* A page in every other GiB, and its neighbour. */
	for (unsigned i = 0; i < count; i++) {
		const vmm_va_t va = base + i * VMM_GIB(3) / 2;

		CHECK_EQ(cause_of(va, WRITE), VMM_FAULT_ZERO);
		CHECK_EQ(cause_of(va + PAGE, WRITE), VMM_FAULT_ZERO);
	}
	vmm_space_stat(&rig.space, &stat);
	CHECK_EQ(rig.frames_live, 2 * count);
	CHECK_EQ(stat.resident, 2 * count * PAGE);
	/* One of level 0 and one of level 1 each, and one above all. */
	CHECK_EQ(stat.tables, 2 * count + 1 + rig.pt.spare_count);
	CHECK_EQ(rig.pages_live, stat.tables + stat.node_pages);
	space_rig_close(&rig);
}

/*
 * Where A and D are tracked, an entry has what the access says; a later write
 * finds WRITE and lacks D, which is added.
 */
TEST(unit_space_fault_tracked)
{
	static const struct vmm_pt_format *const formats[] = {
		&vmm_pt_sv39, &vmm_pt_x86_64};
	const struct vmm_space_request request =
		request_of(VMM_SPACE_ZERO, 4 * PAGE, SPACE_RWU);

	for (unsigned i = 0; i < 2; i++) {
		unsigned prot;

		space_rig_open_user(
			&rig, formats[i], VMM_PT_TRACK | SPACE_NO_ZERO_PAGE);
		map(&request);
		CHECK_EQ(cause_of(BASE, READ), VMM_FAULT_ZERO);
		pa_at(BASE, &prot);
		CHECK_EQ(prot, SPACE_RWU | VMM_PT_ACCESSED);
		CHECK_EQ(cause_of(BASE, WRITE), VMM_FAULT_SPURIOUS);
		pa_at(BASE, &prot);
		CHECK_EQ(prot, SPACE_RWU | VMM_PT_ACCESSED | VMM_PT_DIRTY);
		CHECK_EQ(cause_of(BASE + PAGE, WRITE), VMM_FAULT_ZERO);
		pa_at(BASE + PAGE, &prot);
		CHECK_EQ(prot, SPACE_RWU | VMM_PT_ACCESSED | VMM_PT_DIRTY);
		take_write(BASE);
		CHECK_EQ(cause_of(BASE, WRITE), VMM_FAULT_LAST);
		space_rig_close(&rig);
		space_rig_open_user(&rig, formats[i], VMM_PT_TRACK);
		map(&request);
		CHECK_EQ(cause_of(BASE, READ), VMM_FAULT_ZERO_PAGE);
		CHECK_EQ(cause_of(BASE, WRITE), VMM_FAULT_ZERO);
		pa_at(BASE, &prot);
		CHECK_EQ(prot, SPACE_RWU | VMM_PT_ACCESSED | VMM_PT_DIRTY);
		space_rig_close(&rig);
	}
}
