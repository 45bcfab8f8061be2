/* SPDX-License-Identifier: MIT */
/*
 * Faults with others about: the kernel's policy, objects, hooks that fail, and
 * another hart that has its turn whenever the lock is free.
 */
#include "support/space_rig.h"

#define PAGE  UINT64_C(4096)
#define BASE  UINT64_C(0x10000000)
#define READ  (VMM_PT_READ | VMM_PT_USER)
#define WRITE (VMM_PT_WRITE | VMM_PT_USER)

static struct space_rig rig;
static struct vmm_fault fault;

static enum vmm_fault_cause cause_of(vmm_va_t va, unsigned access)
{
	CHECK_EQ(vmm_space_fault(&rig.space, va, access, &fault), VMM_OK);
	space_rig_check(&rig, &rig.space);
	return fault.cause;
}

/* A policy that notes down what it is asked, and does as it is told. */
static struct {
	unsigned calls;
	int result;
	enum vmm_fault_cause cause;
	struct vmm_space_region region;
	bool has_region;
	void (*first)(void);
} policy;

static int decide(void *ctx, struct vmm_space *space, struct vmm_fault *f)
{
	CHECK(ctx == &rig && space == &rig.space && !rig.is_locked);
	policy.calls++;
	policy.cause = f->cause;
	policy.region = f->region;
	policy.has_region = f->has_region;
	if (policy.first != NULL)
		policy.first();
	return policy.result;
}

static void set_policy(int result, void (*first)(void))
{
	rig.hooks.policy = decide;
	policy.calls = 0;
	policy.result = result;
	policy.first = first;
}

/* It is asked once, about every cause but SPURIOUS, and its word counts. */
TEST(unit_space_policy_is_asked_once)
{
	vmm_va_t va;
	uint64_t digest;

	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	va = space_rig_map(&rig.space, VMM_SPACE_ZERO, BASE, 4 * PAGE);
	digest = space_rig_digest(&rig, &rig.space);
	set_policy(-77, NULL);
	CHECK_EQ(vmm_space_fault(&rig.space, va, WRITE, &fault), -77);
	CHECK_EQ(fault.cause, VMM_FAULT_ZERO);
	CHECK_EQ(vmm_space_fault(&rig.space, va, WRITE, NULL), -77);
	CHECK_EQ(policy.calls, 2);
	CHECK_EQ(policy.cause, VMM_FAULT_ZERO);
	CHECK_EQ(policy.region.base, BASE);
	CHECK_EQ(vmm_space_fault(&rig.space, 0, WRITE, &fault), -77);
	CHECK_EQ(policy.cause, VMM_FAULT_NOBODY);
	CHECK(!policy.has_region);
	set_policy(VMM_FAULT_DONE, NULL);
	CHECK_EQ(cause_of(va, WRITE), VMM_FAULT_ZERO);
	CHECK_EQ(vmm_space_fault(&rig.space, 0, WRITE, NULL), VMM_OK);
	CHECK_EQ(space_rig_digest(&rig, &rig.space), digest);
	set_policy(VMM_OK, NULL);
	CHECK_EQ(vmm_space_fault(&rig.space, 0, WRITE, &fault), VMM_ENOENT);
	CHECK_EQ(fault.cause, VMM_FAULT_NOBODY);
	CHECK_EQ(policy.calls, 1);
	CHECK_EQ(cause_of(va, WRITE), VMM_FAULT_ZERO);
	CHECK_EQ(cause_of(va + PAGE, READ), VMM_FAULT_ZERO_PAGE);
	CHECK_EQ(cause_of(va + PAGE, WRITE), VMM_FAULT_ZERO);
	CHECK_EQ(policy.calls, 4);
	CHECK_EQ(cause_of(va, READ), VMM_FAULT_SPURIOUS);
	CHECK_EQ(policy.calls, 4);
	/* COPY and LAST are told apart before it is asked. */
	space_rig_word(&rig, space_rig_phys(&rig.space, va))[0] = 5;
	CHECK_EQ(rig.frames.get(&rig, space_rig_phys(&rig.space, va), 1), 0);
	va = space_rig_phys(&rig.space, va);
	CHECK_EQ(vmm_pt_modify(&rig.pt, BASE, PAGE, 0, VMM_PT_WRITE, NULL),
		VMM_OK);
	CHECK_EQ(cause_of(BASE, WRITE), VMM_FAULT_COPY);
	CHECK_EQ(policy.cause, VMM_FAULT_COPY);
	rig.frames.put(&rig, va, 1);
	CHECK_EQ(vmm_pt_modify(&rig.pt, BASE, PAGE, 0, VMM_PT_WRITE, NULL),
		VMM_OK);
	CHECK_EQ(cause_of(BASE, WRITE), VMM_FAULT_LAST);
	CHECK_EQ(policy.cause, VMM_FAULT_LAST);
	CHECK_EQ(policy.calls, 6);
	space_rig_close(&rig);
}

/* Where D is added to an entry that allows writing, that is all there is. */
TEST(unit_space_policy_is_not_asked_for_marks)
{
	vmm_va_t va;

	space_rig_open_user(
		&rig, &vmm_pt_sv39, VMM_PT_TRACK | SPACE_NO_ZERO_PAGE);
	va = space_rig_map(&rig.space, VMM_SPACE_ZERO, BASE, 4 * PAGE);
	CHECK_EQ(cause_of(va, READ), VMM_FAULT_ZERO);
	set_policy(-77, NULL);
	CHECK_EQ(cause_of(va, WRITE), VMM_FAULT_SPURIOUS);
	CHECK_EQ(policy.calls, 0);
	space_rig_close(&rig);
}

static void map_it(void)
{
	space_rig_map(&rig.space, VMM_SPACE_ZERO, BASE, 4 * PAGE);
}

static void unmap_it(void)
{
	CHECK_EQ(vmm_space_unmap(&rig.space, BASE, 4 * PAGE), VMM_OK);
}

/* As a pager that brings the page itself; asked for that, it would ask again. */
static void touch_it(void)
{
	rig.hooks.policy = NULL;
	CHECK_EQ(vmm_space_touch(&rig.space, BASE, 1, WRITE), VMM_OK);
	rig.hooks.policy = decide;
}

/* It may change the space; then the access is repeated, and finds that. */
TEST(unit_space_policy_changes_the_space)
{
	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	set_policy(VMM_OK, map_it);
	CHECK_EQ(cause_of(BASE + PAGE, WRITE), VMM_FAULT_SPURIOUS);
	CHECK_EQ(policy.cause, VMM_FAULT_NOBODY);
	CHECK_EQ(rig.frames_live, 0);
	set_policy(VMM_OK, touch_it);
	CHECK_EQ(cause_of(BASE, READ), VMM_FAULT_SPURIOUS);
	CHECK_EQ(policy.cause, VMM_FAULT_ZERO_PAGE);
	CHECK_EQ(rig.frames_live, 1);
	set_policy(VMM_OK, unmap_it);
	CHECK_EQ(cause_of(BASE + PAGE, WRITE), VMM_FAULT_SPURIOUS);
	CHECK_EQ(rig.frames_live, 0);
	set_policy(VMM_OK, NULL);
	CHECK_EQ(vmm_space_fault(&rig.space, BASE + PAGE, WRITE, &fault),
		VMM_ENOENT);
	space_rig_close(&rig);
}

static struct vmm_object object;

static void map_object(vmm_va_t va, unsigned flags)
{
	const struct vmm_space_request request = {
		.place = {.size = 4 * PAGE,
			.where = va,
			.flags = VMM_VMEM_FIXED},
		.kind = VMM_SPACE_OBJECT,
		.prot = SPACE_RWU,
		.flags = flags,
		.object = &object,
		.offset = 2 * PAGE};
	vmm_va_t out;

	CHECK_EQ(vmm_space_map(&rig.space, &request, &out), VMM_OK);
}

/* Two regions that share it, and a private one, at the right offsets. */
TEST(unit_space_policy_objects)
{
	const vmm_va_t two = BASE + VMM_MIB(4);
	const vmm_va_t own = BASE + VMM_MIB(8);
	vmm_pa_t pa;
	vmm_pa_t first;

	space_rig_open_user(&rig, &vmm_pt_sv48, 0);
	space_rig_object(&rig, &object, 8 * PAGE);
	map_object(BASE, VMM_SPACE_SHARED);
	map_object(two, VMM_SPACE_SHARED);
	map_object(own, 0);
	CHECK_EQ(cause_of(BASE + PAGE, WRITE), VMM_FAULT_OBJECT);
	first = space_rig_phys(&rig.space, BASE + PAGE);
	space_rig_word(&rig, first)[0] = 11;
	CHECK_EQ(vmm_object_page(&object, 3 * PAGE, &pa), VMM_OK);
	CHECK_EQ(pa, first);
	CHECK_EQ(space_rig_holders(&rig, pa), 3);
	rig.frames.put(&rig, pa, 1);
	CHECK_EQ(cause_of(two + PAGE, READ), VMM_FAULT_OBJECT);
	CHECK_EQ(space_rig_phys(&rig.space, two + PAGE), first);
	CHECK_EQ(cause_of(two + PAGE, WRITE), VMM_FAULT_SPURIOUS);
	/* Read, then written to. */
	CHECK_EQ(cause_of(own + PAGE, READ), VMM_FAULT_OBJECT);
	CHECK_EQ(space_rig_phys(&rig.space, own + PAGE), first);
	CHECK_EQ(space_rig_holders(&rig, first), 4);
	CHECK(space_rig_see(&rig, &rig.pt, own + PAGE, NULL));
	CHECK_EQ(cause_of(own + PAGE, WRITE), VMM_FAULT_COPY);
	CHECK(space_rig_phys(&rig.space, own + PAGE) != first);
	CHECK_EQ(
		space_rig_word(&rig, space_rig_phys(&rig.space, own + PAGE))[0],
		11);
	CHECK_EQ(space_rig_holders(&rig, first), 3);
	/* Written to at once, where the object has no page yet. */
	CHECK_EQ(cause_of(own, WRITE), VMM_FAULT_COPY);
	CHECK_EQ(vmm_object_resident(&object), 2 * PAGE);
	CHECK_EQ(cause_of(BASE, READ), VMM_FAULT_OBJECT);
	CHECK(space_rig_phys(&rig.space, own) !=
		space_rig_phys(&rig.space, BASE));
	CHECK_EQ(space_rig_holders(&rig, space_rig_phys(&rig.space, own)), 1);
	CHECK_EQ(space_rig_holders(&rig, space_rig_phys(&rig.space, BASE)), 2);
	vmm_object_put(&object);
	CHECK_EQ(cause_of(two, READ), VMM_FAULT_OBJECT);
	space_rig_close(&rig);
}

/* One hook fails at each of its calls in a fault: nothing has changed. */
static void fail_fault(struct space_failing *failing, vmm_va_t va,
	unsigned access, enum vmm_fault_cause want)
{
	int err = SPACE_ERR;
	long n = -1;

	while (err != VMM_OK) {
		const uint64_t digest = space_rig_digest(&rig, &rig.space);
		const long frames = rig.frames_live;

		failing->in = ++n;
		err = vmm_space_fault(&rig.space, va, access, &fault);
		failing->in = -1;
		space_rig_check(&rig, &rig.space);
		CHECK_EQ(fault.cause, want);
		if (err == VMM_OK)
			break;
		CHECK_EQ(err, SPACE_ERR);
		CHECK_EQ(space_rig_digest(&rig, &rig.space), digest);
		CHECK_EQ(rig.frames_live, frames);
	}
	CHECK(n > 0);
}

/* Pages for tables first, then frames, with the tables there. */
static void fail_both(vmm_va_t va, unsigned access, enum vmm_fault_cause want)
{
	CHECK(vmm_space_trim(&rig.space) < 100);
	fail_fault(&rig.fail_pages, va, access, want);
	CHECK_EQ(vmm_space_discard(&rig.space, va, PAGE), VMM_OK);
	fail_fault(&rig.fail_frames, va, access, want);
}

TEST(unit_space_policy_hooks_fail)
{
	vmm_pa_t pa;

	space_rig_open_user(&rig, &vmm_pt_sv57, SPACE_NO_ZERO_PAGE);
	space_rig_object(&rig, &object, 8 * PAGE);
	/* What an object has got it keeps, so it has the page from the start. */
	CHECK_EQ(vmm_object_page(&object, 2 * PAGE, &pa), VMM_OK);
	rig.frames.put(&rig, pa, 1);
	map_object(BASE + VMM_GIB(1), VMM_SPACE_SHARED);
	map_object(BASE + VMM_GIB(2), 0);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, BASE, 4 * PAGE);
	space_rig_map(&rig.space, VMM_SPACE_STACK, BASE + VMM_GIB(3), 4 * PAGE);
	space_rig_map(
		&rig.space, VMM_SPACE_RING, BASE + VMM_GIB(4), VMM_GIB(2));
	fail_both(BASE, WRITE, VMM_FAULT_ZERO);
	fail_both(BASE + VMM_GIB(1), READ, VMM_FAULT_OBJECT);
	fail_both(BASE + VMM_GIB(2), WRITE, VMM_FAULT_COPY);
	fail_fault(&rig.fail_pages, BASE + VMM_GIB(3), WRITE, VMM_FAULT_STACK);
	/* Two halves in tables of their own. */
	fail_fault(&rig.fail_pages, BASE + VMM_GIB(4), WRITE, VMM_FAULT_ZERO);
	fail_fault(&rig.fail_frames, BASE + VMM_GIB(4) + PAGE, READ,
		VMM_FAULT_ZERO);
	/* A copy of what both show, with nothing spare at the start. */
	pa = space_rig_phys(&rig.space, BASE + VMM_GIB(4));
	CHECK_EQ(rig.frames.get(&rig, pa, 1), 0);
	for (unsigned i = 0; i < 2; i++)
		CHECK_EQ(vmm_pt_modify(&rig.pt, BASE + VMM_GIB(4 + i), PAGE, 0,
				 VMM_PT_WRITE, NULL),
			VMM_OK);
	CHECK(vmm_space_trim(&rig.space) < 100);
	fail_fault(&rig.fail_pages, BASE + VMM_GIB(5), WRITE, VMM_FAULT_COPY);
	rig.frames.put(&rig, pa, 1);
	vmm_object_put(&object);
	space_rig_close(&rig);
}

/*
 * Copy on write, seen by another hart: as long as it may have the old frame in
 * its TLB, nobody can write to the new one.
 */
static vmm_va_t watched;

static void watch(struct space_rig *at)
{
	unsigned prot = 0;

	for (unsigned i = 0; i < SPACE_SEEN; i++) {
		vmm_pa_t pa = 0;

		if (at->seen[i].pt != &at->pt || at->seen[i].va != watched)
			continue;
		/* There all the time, and read-only. */
		CHECK_EQ(
			vmm_pt_translate(&at->pt, watched, &pa, &prot), VMM_OK);
		CHECK(pa == at->seen[i].pa || (prot & VMM_PT_WRITE) == 0);
		CHECK_EQ(space_rig_word(&rig, pa)[9], 1);
	}
	/* It goes on reading: whatever is in the table gets into the TLB. */
	CHECK(space_rig_see(at, &at->pt, watched, NULL));
}

TEST(unit_space_policy_nobody_reads_what_was_copied)
{
	const vmm_va_t va = BASE;
	vmm_pa_t old;

	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, va, 4 * PAGE);
	CHECK_EQ(cause_of(va, WRITE), VMM_FAULT_ZERO);
	old = space_rig_phys(&rig.space, va);
	space_rig_word(&rig, old)[9] = 1;
	CHECK_EQ(rig.frames.get(&rig, old, 1), 0);
	CHECK_EQ(vmm_pt_modify(&rig.pt, va, PAGE, 0, VMM_PT_WRITE, NULL),
		VMM_OK);
	watched = va;
	rig.other = watch;
	CHECK(space_rig_see(&rig, &rig.pt, va, NULL));
	CHECK_EQ(cause_of(va, WRITE), VMM_FAULT_COPY);
	rig.other = NULL;
	CHECK(space_rig_phys(&rig.space, va) != old);
	space_rig_check_tlb(&rig);
	rig.frames.put(&rig, old, 1);
	space_rig_close(&rig);
}

/* Another hart cuts the region on both sides while a fault is under way. */
static unsigned cuts;

static void cut(struct space_rig *at)
{
	(void)at;
	if (cuts++ > 0)
		return;
	CHECK_EQ(vmm_space_unmap(&rig.space, BASE + PAGE, PAGE), VMM_OK);
	CHECK_EQ(vmm_space_unmap(&rig.space, BASE + 5 * PAGE, PAGE), VMM_OK);
}

TEST(unit_space_policy_region_is_cut_meanwhile)
{
	static const enum vmm_space_kind kinds[] = {
		VMM_SPACE_ZERO, VMM_SPACE_STACK};

	for (unsigned i = 0; i < 2; i++) {
		struct vmm_space_region region;

		space_rig_open_user(&rig, &vmm_pt_sv39, 0);
		space_rig_map(&rig.space, kinds[i], BASE, 8 * PAGE);
		cuts = 0;
		rig.other = cut;
		CHECK_EQ(cause_of(BASE + 2 * PAGE, WRITE),
			i == 0 ? VMM_FAULT_ZERO : VMM_FAULT_STACK);
		rig.other = NULL;
		region = space_rig_region(&rig.space, BASE + 2 * PAGE);
		CHECK_EQ(region.base, BASE + 2 * PAGE);
		CHECK_EQ(region.size, 3 * PAGE);
		CHECK_EQ(region.depth, i == 0 ? 0 : 3 * PAGE);
		space_rig_close(&rig);
	}
}
