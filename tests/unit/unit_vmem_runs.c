/* SPDX-License-Identifier: MIT */
/*
 * The used tree is never sparse: whatever the history, all nodes in use are no
 * more than VMM_VMEM_NODES_FOR() says for the regions and spans there are. The
 * histories here are those that would leave runs of one member each.
 */
#include "support/vmem_rig.h"

/* Where each call is followed by a whole check, fewer. */
#if VMM_ASSERT_LEVEL >= 2
#define COUNT 200
#else
#define COUNT 2000
#endif

static _Alignas(16)
	uint64_t memory[VMM_VMEM_NODES_SIZE(VMM_VMEM_NODES_FOR(3 * COUNT)) / 8];

static void open_arena(unsigned config)
{
	arena_init(&vmem_configs[config], PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
}

static void expect_dense(void)
{
	struct vmm_vmem_stat stat;
	size_t regions;

	vmm_vmem_stat(&arena, &stat);
	regions = stat.span_count + stat.used_count + stat.free_count;
	CHECK(regions + stat.run_count <= VMM_VMEM_NODES_FOR(regions));
	CHECK(stat.run_count <= (stat.span_count + stat.used_count) / 2 + 1);
	CHECK_EQ(stat.node_count - stat.spare_count, regions + stat.run_count);
}

static void alloc_at(uint64_t page)
{
	CHECK_EQ(vmm_vmem_alloc_at(&arena, page * PAGE, PAGE), VMM_OK);
}

static void free_at(uint64_t page)
{
	CHECK_EQ(vmm_vmem_free(&arena, page * PAGE), VMM_OK);
}

/* Up, down, and from both ends to the middle; touching and with holes. */
TEST(unit_vmem_runs_filled_in_order)
{
	for (unsigned i = 0; i < VMEM_CONFIGS * 6; i++) {
		uint64_t step = 1 + i / 3 % 2;

		open_arena(i / 6);
		CHECK_EQ(vmm_vmem_add(&arena, 0, 2 * COUNT * PAGE), VMM_OK);
		for (uint64_t k = 0; k < COUNT; k++) {
			uint64_t at = i % 3 == 2 ? k / 2 : k;

			if (i % 3 == 1 || (i % 3 == 2 && k % 2 == 1))
				at = COUNT - 1 - at;
			alloc_at(at * step);
			expect_dense();
		}
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	}
}

/*
 * A full run at the bottom, then downwards from the top: each new region comes
 * directly behind the last member of the full run.
 */
TEST(unit_vmem_runs_top_down_behind_a_full_one)
{
	for (unsigned config = 0; config < VMEM_CONFIGS; config++) {
		open_arena(config);
		CHECK_EQ(vmm_vmem_add(&arena, 0, 2 * COUNT * PAGE), VMM_OK);
		for (unsigned k = 0; k < VMM_VMEM_RUN_MAX - 1; k++)
			alloc_at(k);
		CHECK_EQ(arena.run_count, 1);
		for (unsigned k = 0; k < COUNT; k++) {
			alloc_at(2 * COUNT - 1 - k);
			expect_dense();
		}
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	}
}

/* Every used region takes the free one behind it: only used ones are left. */
static void grow_all(void)
{
	const struct vmm_vmem_region *region = vmm_vmem_ceiling(&arena, 0);

	for (; region != NULL; region = vmm_vmem_next(&arena, region))
		CHECK_EQ(vmm_vmem_resize(&arena, region, vmm_vmem_room(region)),
			VMM_OK);
	CHECK(arena.free_count <= 1);
	expect_dense();
}

/* Of a full arena, all but every @keep-th region is freed, from either side. */
static void thin_out(unsigned config, unsigned keep, bool down)
{
	open_arena(config);
	CHECK_EQ(vmm_vmem_add(&arena, 0, COUNT * PAGE), VMM_OK);
	for (unsigned k = 0; k < COUNT; k++)
		alloc_at(k);
	for (unsigned k = 0; k < COUNT; k++) {
		unsigned at = down ? COUNT - 1 - k : k;

		if (at % keep != 0)
			free_at(at);
		expect_dense();
	}
	/* A run is looked after when it has few members, not when it has one. */
	CHECK(arena.run_count <= (1 + arena.used_count) / 4 + 1);
	grow_all();
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	CHECK_EQ(arena.used_count, (COUNT + keep - 1) / keep);
}

TEST(unit_vmem_runs_thinned_out)
{
	static const unsigned keep[] = {2, 3, 4, 5, 15, 16, 17, 100, COUNT};

	for (unsigned i = 0; i < VMEM_CONFIGS * 9; i++) {
		thin_out(i / 9, keep[i % 9], false);
		thin_out(i / 9, keep[i % 9], true);
	}
}

/*
 * Every second run is thinned to one member while its neighbours are full,
 * then these to four, at which none looks round. The free regions between are
 * taken by growing the used ones over them, so that only used ones are left.
 */
TEST(unit_vmem_runs_thinned_in_turns)
{
	for (unsigned config = 0; config < VMEM_CONFIGS; config++) {
		const unsigned full = VMM_VMEM_RUN_MAX;

		open_arena(config);
		CHECK_EQ(vmm_vmem_add(&arena, 0, COUNT * PAGE), VMM_OK);
		for (unsigned k = 0; k < COUNT; k++)
			alloc_at(k);
		/* The marker is the first member of the first run. */
		for (unsigned turn = 0; turn < 2; turn++) {
			for (unsigned k = 0; k + 1 < COUNT; k++) {
				unsigned slot = (k + 1) % full;

				if ((k + 1) / full % 2 != turn)
					continue;
				if (slot >= (turn == 0 ? 1 : 4))
					free_at(k);
			}
			expect_dense();
		}
		grow_all();
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	}
}

/*
 * A run that has three members left joins a neighbour if together they are at
 * most three quarters of a full one; with four it does not ask.
 */
TEST(unit_vmem_runs_thin_and_sparse)
{
	const unsigned full = VMM_VMEM_RUN_MAX;
	const unsigned most = full * 3 / 4;

	for (unsigned i = 0; i < VMEM_CONFIGS * 2; i++) {
		const unsigned others = i % 2 ? most - 2 : most - 3;

		open_arena(i / 2);
		CHECK_EQ(vmm_vmem_add(&arena, 0, COUNT * PAGE), VMM_OK);
		/* The marker and all but one; a full one. */
		for (unsigned k = 0; k < 2 * full - 1; k++)
			alloc_at(k);
		CHECK_EQ(arena.run_count, 2);
		for (unsigned k = 2 * full - 2; k >= full - 1 + others; k--)
			free_at(k);
		for (unsigned k = full - 2; k >= 3; k--)
			free_at(k);
		CHECK_EQ(arena.run_count, 2);
		free_at(2);
		CHECK_EQ(arena.run_count, i % 2 ? 2 : 1);
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	}
}

/*
 * The marker of a span, alone in its run, and the span's first region, which is
 * the first of the next one, have the same base. The one joins the other, and
 * the other way round: the marker remains the first.
 */
TEST(unit_vmem_runs_marker_and_first_region)
{
	const unsigned full = VMM_VMEM_RUN_MAX;
	const uint64_t x = 4 * COUNT;

	for (unsigned i = 0; i < VMEM_CONFIGS * 2; i++) {
		bool marker_joins = i % 2;

		open_arena(i / 2);
		CHECK_EQ(
			vmm_vmem_add(&arena, 0, (2 * full - 2) * PAGE), VMM_OK);
		for (unsigned k = 0; k < 2 * full - 2; k++)
			alloc_at(k);
		CHECK_EQ(vmm_vmem_add(&arena, x * PAGE, COUNT * PAGE), VMM_OK);
		for (unsigned k = 0; k < full; k++)
			alloc_at(x + k);
		/* The second run: one of the lower pages, and the marker. */
		for (unsigned k = 2 * full - 3; k >= full; k--)
			free_at(k);
		CHECK_EQ(arena.run_count, 3);
		if (marker_joins) {
			for (unsigned k = full / 2; k < full; k++)
				free_at(x + k);
			free_at(full - 1);
		} else {
			free_at(full - 1);
			CHECK_EQ(arena.run_count, 3);
			for (unsigned k = 1; k < full - 2; k++)
				free_at(x + k);
		}
		CHECK_EQ(arena.run_count, 2);
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
		CHECK(vmm_vmem_find(&arena, x * PAGE) != NULL);
		free_at(x);
		alloc_at(x);
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	}
}

/* Spans are members too: added downwards, upwards, and taken out in turns. */
TEST(unit_vmem_runs_of_spans)
{
	for (unsigned i = 0; i < VMEM_CONFIGS * 2; i++) {
		open_arena(i / 2);
		for (uint64_t k = 0; k < COUNT; k++) {
			uint64_t at = i & 1 ? COUNT - 1 - k : k;

			CHECK_EQ(vmm_vmem_add(&arena, at * PAGE, PAGE), VMM_OK);
			expect_dense();
		}
		for (uint64_t k = 0; k < COUNT; k++) {
			if (k % 16 == 7)
				continue;
			CHECK_EQ(vmm_vmem_remove(&arena, k * PAGE), VMM_OK);
			expect_dense();
		}
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	}
}

/* Whoever comes and goes at random. */
TEST(unit_vmem_runs_random)
{
	static bool used[3 * COUNT];
	struct rng rng = {test_seed};

	for (unsigned config = 0; config < VMEM_CONFIGS; config++) {
		open_arena(config);
		CHECK_EQ(vmm_vmem_add(&arena, 0, COUNT * PAGE), VMM_OK);
		for (unsigned k = 0; k < COUNT; k++)
			used[k] = false;
		for (unsigned step = 0; step < 10 * COUNT; step++) {
			unsigned k = (unsigned)rng_below(&rng, COUNT);

			if (used[k])
				free_at(k);
			else
				alloc_at(k);
			used[k] = !used[k];
			expect_dense();
		}
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	}
}
