/* SPDX-License-Identifier: MIT */
/*
 * The library's page tables on the adversarial machine, in every format. What a
 * gather asks for is enough:
 *
 *   no hart may hold anything that differs from the tables: the audit says so
 *     without an access, and an access is never reported;
 *   every access ends as vmm_pt_translate() and the protection say;
 *   what is read through a mapping is what the frame's owner wrote;
 *   no page goes back, frame or table, while a hart may still reach it.
 *
 * And none of it is asked in vain: each part that is left out is reported.
 */
#include "support/mmu_world.h"

static void run(const struct mmu_kind *kind, uint64_t seed)
{
	mmu_world_start(kind, NO_DEFECT, seed);
	for (uint64_t i = 0; i < 60 * test_factor; i++)
		mmu_world_step();
	mmu_world_end();
}

static void put(const char *before, uint64_t count)
{
	test_puts(before);
	test_put_dec(count);
}

/* Under sanitizers two rounds of each format, else four. */
#define ROUNDS (VMM_ASSERT_LEVEL < 2 ? 4 : 2)

TEST(model_mmu_pt_gather_is_enough)
{
	for (size_t i = 0; i < MMU_KINDS; i++) {
		mmu_done = (struct mmu_done){0};
		for (uint64_t round = 0; round < ROUNDS; round++)
			run(&mmu_kinds[i], test_seed * 1000 + 3 - round);
		test_puts("   ");
		test_puts(mmu_kinds[i].format->name);
		put(": steps ", mmu_done.steps);
		put(", accesses ", mmu_done.accesses);
		put(", faults ", mmu_done.faults);
		put(", frames freed ", mmu_done.frames);
		put(", tables freed ", mmu_done.tables);
		test_puts("\n");
		CHECK(mmu_done.accesses > mmu_done.steps / 4);
		CHECK(mmu_done.faults > mmu_done.steps / 4);
		CHECK(mmu_done.frames > mmu_done.steps);
		CHECK(mmu_done.tables > mmu_done.steps / 10);
	}
}

/* Steps until a defect is reported; 0 if it never is. */
static uint64_t steps_to_report(
	const struct mmu_kind *kind, enum mmu_defect defect)
{
	const uint64_t before = mmu_done.steps;

	for (uint64_t round = 0; round < 4; round++) {
		bool seen = false;

		mmu_world_start(kind, defect, test_seed * 1000 + round);
		for (unsigned i = 0; i < 60 && !seen; i++) {
			mmu_world_step();
			seen = mmu_world_reports() > 0;
		}
		mmu_world_end();
		if (seen)
			return mmu_done.steps - before;
	}
	return 0;
}

/*
 * Nothing that a gather asks for is asked in vain. Two exceptions are the
 * architecture's: a second stage has no global entries; and INVLPG takes all
 * entries that point to tables, so x86-64 needs to be told of them only where
 * no address is (after a prune), which a run may not come to.
 */
TEST(model_mmu_pt_gather_is_needed)
{
	static const char *const names[] = {
		[NO_FENCE] = "no fence",
		[NO_REMOTE_FENCE] = "no remote fence",
		[NO_NON_LEAF] = "tables not told",
		[NO_GLOBAL] = "global not told",
		[ONE_PAGE] = "one page fenced",
		[FREE_FIRST] = "freed before the fence",
	};

	for (unsigned defect = NO_FENCE; defect <= FREE_FIRST; defect++) {
		test_puts("   ");
		test_puts(names[defect]);
		for (size_t i = 0; i < MMU_KINDS; i++) {
			const bool x86 = mmu_kinds[i].arch == VMM_MMU_X86_64;
			const uint64_t steps = steps_to_report(
				&mmu_kinds[i], (enum mmu_defect)defect);

			put(i == 0 ? ": reported after steps " : " ", steps);
			if (defect == NO_GLOBAL && mmu_kinds[i].guest)
				CHECK_EQ(steps, 0);
			else
				CHECK(steps > 0 ||
					(defect == NO_NON_LEAF && x86));
		}
		test_puts("\n");
	}
}
