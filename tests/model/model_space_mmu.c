/* SPDX-License-Identifier: MIT */
/*
 * Spaces on the adversarial machine (model/): the world of space_world.h, with
 * three harts that run the spaces. All accesses go through the machine; a page
 * fault goes to vmm_space_fault(); the flush hook executes what the gather asks
 * for, on the harts that vmm_space_harts() names, and on this one only if the
 * plan is fresh. No report may come: nothing stale is used or could be, and no
 * frame and no table goes back while a hart may still reach it. Other harts are
 * at work inside every hook.
 *
 * And nothing of it is in vain: with a part left out, the machine reports.
 */
#include "support/mmu_rig.h"
#include "support/space_world.h"

#include <vmm/pt_format.h>

#define HARTS  CALLS_MAX
/* Sanitizers and self-checks make it slow: there the rare things stay out. */
#define STEPS  (VMM_ASSERT_LEVEL < 2 ? 80u : 40u)
#define AUDITS 8u
#define IDLE   WORLD_SPACES

_Static_assert(MMU_PAGES == WORLD_PAGES, "the machine's memory is the pool");
_Static_assert(MMU_RAM == WORLD_RAM, "at one address");

/* What the kernel does wrong. */
enum defect {
	NONE,
	NO_FLUSH,
	NO_REMOTE,  /* only the hart that makes the call */
	LATE,	    /* after the call: frames were put before */
	ONE_PAGE,   /* the first page of a range */
	NO_TABLES,  /* no word of changed tables */
	NO_ENTER,   /* a hart comes back to a space and does not fence */
	LEFT_EARLY, /* a hart that runs a space is not one of its harts */
	DEFECTS
};

static struct mmu_rig rig;
static const struct mmu_kind *kind;
static enum defect defect;
static unsigned running[HARTS];
static unsigned base; /* the hart of the outermost call */

static struct {
	bool waits;
	unsigned space;
	struct vmm_tlb_gather gather;
} late[64];
static unsigned late_count;

static uint64_t id_of(unsigned s)
{
	return s + 1;
}

/* The hart that makes the innermost call. */
static unsigned this_hart(void)
{
	return (base + (world.calls > 0 ? world.calls - 1 : 0)) % HARTS;
}

static void clean(void)
{
	if (defect == NONE)
		CHECK_EQ(vmm_mmu_count_all(rig.mmu), 0);
	else if (vmm_mmu_count_all(rig.mmu) > 0)
		world.spoiled = true;
}

/* Turn a table on; x86-64 can fence with that. */
static void set_root(unsigned hart, unsigned s, bool fence)
{
	const uint64_t keep = fence ? 0 : UINT64_C(1) << 63;
	const vmm_pa_t root = s == IDLE ? 0 : world.space[s].live.root;

	if (kind->arch == VMM_MMU_X86_64)
		vmm_mmu_cr3(
			rig.mmu, hart, s == IDLE ? 0 : root | id_of(s) | keep);
	else
		vmm_mmu_satp(rig.mmu, hart,
			s == IDLE ? 0
				  : mmu_satp(world.format->satp_mode,
					    (unsigned)id_of(s), root));
}

static void fence_all(unsigned hart, unsigned s)
{
	struct vmm_tlb_gather all;

	vmm_tlb_gather_init(&all, NULL, 0);
	all.flags = VMM_TLB_NON_LEAF;
	kind->flush(rig.mmu, hart, &all, id_of(s));
}

static void switch_to(unsigned hart, unsigned s)
{
	const unsigned before = running[hart];
	bool fence = false;

	if (before == s)
		return;
	if (s != IDLE)
		fence = vmm_space_enter(&world.space[s].space, hart) &&
			defect != NO_ENTER;
	if (fence)
		fence_all(hart, s);
	set_root(hart, s, fence);
	running[hart] = s;
	if (before != IDLE)
		vmm_space_leave(&world.space[before].space, hart);
	if (s != IDLE && defect == LEFT_EARLY)
		vmm_space_leave(&world.space[s].space, hart);
}

static unsigned space_of(const struct vmm_space *space)
{
	unsigned s = 0;

	while (&world.space[s].space != space)
		s++;
	CHECK(s < WORLD_SPACES);
	return s;
}

static void execute(unsigned s, const struct vmm_tlb_gather *gather)
{
	const uint64_t harts = vmm_space_harts(&world.space[s].space);
	const struct vmm_tlb_plan plan = vmm_tlb_plan_make(gather);

	for (unsigned h = 0; h < HARTS; h++) {
		if ((harts >> h & 1) == 0)
			continue;
		if ((plan.fresh || defect == NO_REMOTE) && h != this_hart())
			continue;
		kind->flush(rig.mmu, h, gather, id_of(s));
	}
}

static void flush(struct vmm_space *space, const struct vmm_tlb_gather *gather)
{
	struct vmm_tlb_gather asked = *gather;

	if (defect == NO_FLUSH)
		return;
	if (defect == ONE_PAGE)
		asked.last = asked.first;
	if (defect == NO_TABLES)
		asked.flags &= ~VMM_TLB_NON_LEAF;
	if (defect == LATE && late_count < 64) {
		late[late_count].space = space_of(space);
		late[late_count++].gather = asked;
		return;
	}
	execute(space_of(space), &asked);
}

static void catch_up(void)
{
	for (unsigned i = 0; i < late_count; i++) {
		if (world.space[late[i].space].open)
			execute(late[i].space, &late[i].gather);
	}
	late_count = 0;
}

static void sync(void)
{
	vmm_mmu_sync(rig.mmu);
}

/* Entries that lead somewhere, in case a walk comes by. */
static void freed(vmm_pa_t pa)
{
	vmm_mmu_freed(rig.mmu, pa, PAGE);
	clean();
	for (unsigned i = 0; i < 512; i++)
		*mmu_word(pa + 8 * i) =
			kind->arch == VMM_MMU_X86_64
				? (MMU_RAM + PAGE * i) | 0x167
				: mmu_pte(MMU_RAM + PAGE * i,
					  E_V | E_R | E_W | E_U | E_G | E_AD);
}

static void opened(unsigned s)
{
	for (unsigned h = 0; h < HARTS; h++) {
		if (running[h] == IDLE && chance(2))
			switch_to(h, s);
	}
}

static void closing(unsigned s)
{
	for (unsigned h = 0; h < HARTS; h++) {
		if (running[h] == s)
			switch_to(h, IDLE);
	}
}

static struct vmm_mmu_result access_once(
	unsigned hart, vmm_va_t va, unsigned how, uint8_t *byte)
{
	const unsigned user = (how & VMM_PT_USER) != 0 ? VMM_MMU_USER : 0;

	if ((how & VMM_PT_WRITE) != 0)
		return vmm_mmu_write(rig.mmu, hart, va, user, byte, 1);
	if ((how & VMM_PT_READ) != 0)
		return vmm_mmu_read(rig.mmu, hart, va, user, byte, 1);
	return vmm_mmu_access(rig.mmu, hart, va, VMM_MMU_EXEC | user);
}

static int access_byte(unsigned s, vmm_va_t va, unsigned how, uint8_t *byte,
	struct vmm_fault *fault_out)
{
	const unsigned hart = this_hart();

	switch_to(hart, s);
	for (unsigned tries = 0; tries < 6; tries++) {
		const struct vmm_mmu_result result =
			access_once(hart, va, how, byte);
		int err;

		clean();
		if (world.spoiled)
			return VMM_OK;
		if (result.status == VMM_MMU_OK) {
			if ((how & VMM_PT_EXEC) != 0)
				*byte = *ram_at(result.pa);
			return VMM_OK;
		}
		CHECK_EQ(result.status, VMM_MMU_PAGE_FAULT);
		err = vmm_space_fault(
			&world.space[s].space, va, how, fault_out);
		if (err != VMM_OK)
			return err;
	}
	if (defect == NONE)
		test_fail(__FILE__, __LINE__, "a fault comes again and again");
	world.spoiled = true;
	return VMM_OK;
}

static void start(const struct mmu_kind *with,
	const struct vmm_pt_format *format, enum defect how, uint64_t seed)
{
	kind = with;
	defect = how;
	late_count = 0;
	mmu_open(&rig, kind->arch, kind->features, HARTS);
	rig.config.seed = seed;
	rig.config.tolerate = 1u << VMM_MMU_SPURIOUS | 1u << VMM_MMU_AD_FAULT;
	rig.loud = defect == NONE;
	mmu_reopen(&rig);
	world_start(format, (uint8_t *)mmu_word(MMU_RAM), seed);
	world.inside_on = true;
	world.inside_once = 3;
	world.sync = sync;
	world.freed = freed;
	world.flush = flush;
	world.opened = opened;
	world.closing = closing;
	world.access = access_byte;
	for (unsigned h = 0; h < HARTS; h++)
		running[h] = IDLE;
}

/* A step, and then nothing may be held that the tables do not say. */
static void step(void)
{
	catch_up();
	base = (unsigned)rng_below(&world.rng, HARTS);
	if (chance(4)) {
		const unsigned s =
			(unsigned)rng_below(&world.rng, WORLD_SPACES);

		switch_to(base, world.space[s].open ? s : IDLE);
	}
	world_step();
	/* It is slow: now and then, and another hart each time. */
	if (chance(AUDITS))
		vmm_mmu_audit(rig.mmu, (unsigned)rng_below(&world.rng, HARTS));
	clean();
	for (unsigned i = 0; i < 4 && !world.spoiled; i++) {
		const unsigned s =
			(unsigned)rng_below(&world.rng, WORLD_SPACES);

		base = (unsigned)rng_below(&world.rng, HARTS);
		if (world.space[s].open)
			do_access(s);
	}
	if (defect == NONE)
		world_check();
}

static void run(const struct mmu_kind *with, const struct vmm_pt_format *format,
	uint64_t seed, uint64_t *did)
{
	start(with, format, NONE, seed);
	for (uint64_t i = 0; i < STEPS * test_factor; i++)
		step();
	world_end();
	clean();
	mmu_close(&rig);
	for (unsigned i = 0; i < DID_COUNTS; i++)
		did[i] += world.did[i];
}

TEST(model_space_mmu_nothing_stale_is_used)
{
	uint64_t did[DID_COUNTS] = {0};

	for (size_t k = 0; k < MMU_KINDS; k++) {
		struct vmm_pt_format tracked;

		if (mmu_kinds[k].guest)
			continue;
		CHECK_EQ(vmm_pt_format_init(
				 &tracked, mmu_kinds[k].format, VMM_PT_TRACK),
			VMM_OK);
		/* In turn, since both for each take too long. */
		run(&mmu_kinds[k], k % 2 == 0 ? mmu_kinds[k].format : &tracked,
			test_seed * 1000 + k, did);
	}
	test_puts("  ");
	for (unsigned i = 0; i < DID_COUNTS; i++) {
		test_puts(" ");
		test_puts(world_counts[i]);
		test_puts(" ");
		test_put_dec(did[i]);
		/* The rarest one may not come in a short run. */
		CHECK(did[i] > 0 || VMM_ASSERT_LEVEL >= 2 || i == DID_LAST);
	}
	test_puts("\n");
}

/* Steps until a defect is reported; 0 if it never is. */
static uint64_t steps_to_report(const struct mmu_kind *with, enum defect how)
{
	uint64_t steps = 0;

	for (uint64_t round = 0; round < 4; round++) {
		start(with, with->format, how, test_seed * 1000 + round);
		for (unsigned i = 0; i < 200 && !world.spoiled; i++) {
			step();
			steps++;
		}
		mmu_close(&rig);
		if (world.spoiled)
			return steps;
	}
	return 0;
}

/*
 * What is left out is reported: each on one kind of machine, as a machine that
 * forgets nothing takes its time. All kinds are among them.
 */
TEST(model_space_mmu_defects_are_reported)
{
	static const struct {
		const char *name;
		unsigned kind;
	} defects[DEFECTS] = {
		[NO_FLUSH] = {"no flush", 0},
		[NO_REMOTE] = {"no remote flush", 1},
		[LATE] = {"flush after the call", 2},
		[ONE_PAGE] = {"one page flushed", 6},
		/*
		 * x86-64 need not be told of tables where addresses are fenced:
		 * INVLPG and the like take all entries that point to tables.
		 */
		[NO_TABLES] = {"tables not told", 0},
		[NO_ENTER] = {"no fence on entry", 7},
		[LEFT_EARLY] = {"a hart not told", 1},
	};

	for (unsigned how = NO_FLUSH; how < DEFECTS; how++) {
		const uint64_t steps = steps_to_report(
			&mmu_kinds[defects[how].kind], (enum defect)how);

		test_puts("   ");
		test_puts(defects[how].name);
		test_puts(": reported after steps ");
		test_put_dec(steps);
		test_puts("\n");
		CHECK(steps > 0);
	}
}
