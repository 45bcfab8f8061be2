/* SPDX-License-Identifier: MIT */
/*
 * Random placement has the distribution that vmem.h states. The draws are the
 * same in each run, so the statistics are, too: a fair source exceeds the
 * limits once in a thousand sets of draws, and this set is none of these.
 */
#include "support/vmem_rig.h"

#define PLACES_MAX 64
#define DRAWS	   200 /* for each unit of weight */

static _Alignas(16) uint64_t memory[VMM_VMEM_NODES_SIZE(40) / 8];

static const struct vmem_config plain;

static void open_arena(
	const struct vmem_config *config, vmm_va_t base, uint64_t size)
{
	arena_init(config, PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, base, size), VMM_OK);
}

/* Where the request is placed; the arena stays as it is. */
static vmm_va_t draw(struct vmm_vmem_request *request, uint64_t entropy)
{
	const struct vmm_vmem_region *region = NULL;
	vmm_va_t base;

	request->flags = VMM_VMEM_RANDOM;
	request->entropy = entropy;
	CHECK_EQ(vmm_vmem_xalloc(&arena, request, &region), VMM_OK);
	base = vmm_vmem_region_base(region);
	CHECK_EQ(vmm_vmem_free_region(&arena, region), VMM_OK);
	return base;
}

/*
 * Pearson's test: the places @first, @first + @step, ... have the @weights, and
 * no other place is ever taken. The limit is that of one in a thousand for up to
 * 63 degrees of freedom, by Wilson and Hilferty with a little room:
 * n + 4.4 sqrt(n) + 6 with the root from above.
 */
static void expect_weights(struct vmm_vmem_request *request, vmm_va_t first,
	uint64_t step, const unsigned *weights, unsigned places)
{
	uint64_t seen[PLACES_MAX] = {0};
	struct rng rng = {42};
	uint64_t sum = 0;
	uint64_t chi = 0; /* in thousandths */
	uint64_t root = 1;

	for (unsigned i = 0; i < places; i++)
		sum += weights[i];
	for (uint64_t i = 0; i < sum * DRAWS; i++) {
		vmm_va_t at = draw(request, rng_next(&rng)) - first;

		CHECK_EQ(at % step, 0);
		CHECK(at / step < places);
		seen[at / step]++;
	}
	for (unsigned i = 0; i < places; i++) {
		uint64_t expected = weights[i] * (uint64_t)DRAWS;
		uint64_t off = seen[i] > expected ? seen[i] - expected
						  : expected - seen[i];

		if (expected == 0)
			CHECK_EQ(seen[i], 0);
		else
			chi += off * off * 1000 / expected;
	}
	while (root * root < places)
		root++;
	CHECK(chi <= 1000 * places + 4400 * root + 6000);
	/* Too good is no random either: the same once in a thousand. */
	CHECK(places < 16 || chi >= 1000 * places / 4);
}

static void expect_even(struct vmm_vmem_request *request, vmm_va_t first,
	uint64_t step, unsigned places)
{
	static unsigned weights[PLACES_MAX];

	for (unsigned i = 0; i < places; i++)
		weights[i] = 1;
	expect_weights(request, first, step, weights, places);
}

/* "In an empty arena of one span all places are equally likely." */
TEST(unit_vmem_random_even_in_an_empty_span)
{
	struct vmm_vmem_request request = {.size = PAGE};

	for (unsigned config = 0; config < VMEM_CONFIGS; config++) {
		if (vmem_configs[config].bins &&
			!vmem_configs[config].by_address)
			continue;
		open_arena(&vmem_configs[config], 0, 64 * PAGE);
		expect_even(&request, 0, PAGE, 64);
	}
	request.size = 20 * PAGE;
	open_arena(&plain, -(64 * PAGE), 64 * PAGE);
	expect_even(&request, -(64 * PAGE), PAGE, 45);
	request.size = 64 * PAGE;
	expect_even(&request, -(64 * PAGE), PAGE, 1);
}

/*
 * The span begins and ends off the alignment, with every remainder: the first
 * aligned place is not where the span begins.
 */
TEST(unit_vmem_random_even_with_alignment)
{
	struct vmm_vmem_request request = {.size = PAGE, .align = 4 * PAGE};

	for (unsigned i = 0; i < 16; i++) {
		uint64_t base = 64 + i / 4;
		uint64_t pages = 33 + i % 4;
		uint64_t first = (base + 3) / 4 * 4;
		uint64_t last = (base + pages - 1) / 4 * 4;

		request.phase = 0;
		open_arena(&plain, base * PAGE, pages * PAGE);
		expect_even(&request, first * PAGE, 4 * PAGE,
			(unsigned)((last - first) / 4 + 1));
		/* A phase shifts all places as it would shift the span. */
		request.phase = 3 * PAGE;
		open_arena(&plain, (base + 3) * PAGE, pages * PAGE);
		expect_even(&request, (first + 3) * PAGE, 4 * PAGE,
			(unsigned)((last - first) / 4 + 1));
	}
}

/* Guards lie inside of the span; the window cuts places off on both sides. */
TEST(unit_vmem_random_even_with_guards_and_window)
{
	struct vmm_vmem_request request = {
		.size = 2 * PAGE, .align = 2 * PAGE, .guard = {PAGE, 2 * PAGE}};

	open_arena(&plain, 0, 64 * PAGE);
	/* The place is at 2, 4, ..., 60: up to 64 with the guard above. */
	expect_even(&request, 2 * PAGE, 2 * PAGE, 30);
	request.min = 9 * PAGE + 1;
	request.max = 43 * PAGE;
	expect_even(&request, 12 * PAGE, 2 * PAGE, 14);
}

/*
 * "A place behind a stretch in use has the chances of the stretch, too", and
 * what finds none starts from the bottom.
 */
TEST(unit_vmem_random_behind_what_is_used)
{
	static const unsigned weights[] = {4, 1, 0, 0, 0, 4, 1, 1, 1, 0, 0, 0};
	static const unsigned two[] = {4, 0, 0, 0, 0, 5, 1, 1, 0, 0, 0};
	struct vmm_vmem_request request = {.size = PAGE};

	open_arena(&plain, 0, 12 * PAGE);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, 2 * PAGE, 3 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, 9 * PAGE, 3 * PAGE), VMM_OK);
	expect_weights(&request, 0, PAGE, weights, 12);
	/* Of 11 starts, one for each place in a span that were empty. */
	request.size = 2 * PAGE;
	open_arena(&plain, 0, 12 * PAGE);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, 2 * PAGE, 3 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, 9 * PAGE, 3 * PAGE), VMM_OK);
	expect_weights(&request, 0, PAGE, two, 11);
}

/* Equal entropy, equal arena: equal place. Otherwise, mostly, another. */
TEST(unit_vmem_random_repeats_with_its_entropy)
{
	struct vmm_vmem_request request = {.size = PAGE};
	struct rng rng = {7};
	unsigned equal = 0;

	open_arena(&plain, 0, VMM_GIB(1));
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t entropy = rng_next(&rng);
		vmm_va_t at = draw(&request, entropy);

		CHECK_EQ(draw(&request, entropy), at);
		equal += draw(&request, rng_next(&rng)) == at;
	}
	CHECK(equal <= 2);
}

/* Every address is a place: as many as 2^64, which no number holds. */
TEST(unit_vmem_random_in_all_there_is)
{
	const uint64_t half = UINT64_C(1) << 63;
	struct vmm_vmem_request request = {.size = 1};
	struct rng rng = {3};
	unsigned upper = 0;

	arena_init(&plain, 1);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, 0, half), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, half, half), VMM_OK);
	for (unsigned i = 0; i < 1000; i++)
		upper += draw(&request, rng_next(&rng)) >= half;
	CHECK(upper >= 450 && upper <= 550);
	CHECK_EQ(draw(&request, UINT64_MAX), UINT64_MAX);
	CHECK_EQ(draw(&request, 0), 0);
}

/* No place, or only one, or a window without spans. */
TEST(unit_vmem_random_without_a_choice)
{
	struct vmm_vmem_request request = {
		.size = PAGE, .flags = VMM_VMEM_RANDOM, .entropy = 12345};
	const struct vmm_vmem_region *region = NULL;

	arena_init(&plain, PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
	CHECK_EQ(vmm_vmem_xalloc(&arena, &request, &region), VMM_ENOSPC);
	CHECK_EQ(vmm_vmem_add(&arena, 8 * PAGE, 8 * PAGE), VMM_OK);
	request.max = 8 * PAGE - 1;
	CHECK_EQ(vmm_vmem_xalloc(&arena, &request, &region), VMM_ENOSPC);
	request.min = 16 * PAGE;
	request.max = 0;
	CHECK_EQ(vmm_vmem_xalloc(&arena, &request, &region), VMM_ENOSPC);
	request.min = 0;
	request.size = 9 * PAGE;
	CHECK_EQ(vmm_vmem_xalloc(&arena, &request, &region), VMM_ENOSPC);
	request.size = 1;
	request.align = 32 * PAGE;
	CHECK_EQ(vmm_vmem_xalloc(&arena, &request, &region), VMM_ENOSPC);
	request.align = 16 * PAGE;
	request.phase = 10 * PAGE;
	CHECK(region == NULL);
	for (uint64_t i = 0; i < 20; i++)
		CHECK_EQ(draw(&request, i), 10 * PAGE);
}
