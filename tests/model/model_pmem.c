/* SPDX-License-Identifier: MIT */
/*
 * The frame allocator against a shadow map: a byte for each frame, and loops
 * that anyone can see to be right. Random calls of every kind, good and bad, on
 * windows of many shapes; after each the answer, the counts and the zone's own
 * check must agree with the shadow. An allocation may fail only if the shadow
 * has no such run, and must fail then; an error must leave no trace.
 */
#include <vmm/pmem.h>

#include "support/pmem_hotplug.h"
#include "support/pmem_shape.h"
#include "support/test.h"

#define LIVE_MAX 2048

static uint64_t used_now;
static uint64_t used_peak;

/* Allocations, some of which may have been freed in part since. */
static struct {
	vmm_pfn_t pfn;
	uint64_t count;
} live[LIVE_MAX];
static size_t live_count;

static void remember(vmm_pa_t pa, uint64_t count)
{
	const vmm_pfn_t pfn = vmm_pa_to_pfn(pa);

	CHECK_EQ(pa % PAGE, 0);
	CHECK(pfn >= first && pfn - first < frames);
	CHECK(count <= frames - (pfn - first));
	CHECK(shadow_all(pfn, count, FREE));
	shadow_set(pfn, count, USED);
	used_now += count;
	used_peak = used_now > used_peak ? used_now : used_peak;
	if (live_count < LIVE_MAX) {
		live[live_count].pfn = pfn;
		live[live_count++].count = count;
	}
}

/* Small ones more often. */
static unsigned random_order(unsigned max)
{
	return (unsigned)rng_below(&rng, 1 + rng_below(&rng, max + 1));
}

/* A number of frames: mostly few, sometimes up to all. */
static uint64_t random_count(void)
{
	switch (rng_below(&rng, 4)) {
	case 0:
		return 1 + rng_below(&rng, frames + 2);
	default:
		return 1 + rng_below(&rng, rng_below(&rng, 3) == 0 ? 700 : 40);
	}
}

static void do_alloc(const struct shape *shape)
{
	const unsigned order = random_order(shape->order_max);
	vmm_pa_t pa = 1;
	int err = vmm_pmem_alloc(&zone, order, &pa);

	if (err == VMM_OK) {
		CHECK_EQ(pa & ((PAGE << order) - 1), 0);
		remember(pa, UINT64_C(1) << order);
		return;
	}
	CHECK_EQ(err, VMM_ENOMEM);
	CHECK_EQ(pa, 1);
	CHECK(!shadow_has(UINT64_C(1) << order, order));
}

static void do_alloc_run(const struct shape *shape)
{
	const uint64_t count = random_count();
	const unsigned order =
		rng_below(&rng, 2) == 0 ? 0 : random_order(shape->order_max);
	vmm_pa_t pa = 1;
	int err = vmm_pmem_alloc_run(&zone, count, order, &pa);

	if (err == VMM_OK) {
		CHECK_EQ(pa & ((PAGE << order) - 1), 0);
		remember(pa, count);
		return;
	}
	CHECK_EQ(err, VMM_ENOMEM);
	CHECK_EQ(pa, 1);
	CHECK(!shadow_has(count, order));
}

static void do_alloc_up_to(void)
{
	const uint64_t count = random_count();
	vmm_pa_t pa = 1;
	uint64_t got = 1;
	int err = vmm_pmem_alloc_up_to(&zone, count, &pa, &got);

	if (err == VMM_OK) {
		CHECK(got >= 1 && got <= count);
		if (got < count)
			CHECK_EQ(got, shadow_longest());
		remember(pa, got);
		return;
	}
	CHECK_EQ(err, VMM_ENOMEM);
	CHECK_EQ(count_of(FREE), 0);
}

/* Demands of every kind, contradictions included. */
static void do_xalloc(const struct shape *shape)
{
	const uint64_t size = frames * PAGE;
	struct vmm_pmem_request request = {.count = 1 + rng_below(&rng, 40)};
	vmm_pa_t pa = 1;
	uint64_t got = 0;
	uint64_t most;
	int err;

	if (rng_below(&rng, 2) == 0)
		request.count_least = 1 + rng_below(&rng, request.count);
	if (rng_below(&rng, 2) == 0)
		request.align_order = random_order(shape->order_max);
	if (rng_below(&rng, 2) == 0)
		request.min = vmm_pfn_to_pa(first) + rng_below(&rng, size);
	if (rng_below(&rng, 2) == 0)
		request.last = vmm_pfn_to_pa(first) + rng_below(&rng, size);
	if (rng_below(&rng, 2) == 0)
		request.nocross = PAGE << rng_below(&rng, 10);
	err = vmm_pmem_xalloc(&zone, &request, &pa, &got);
	if (request.last != 0 && request.min > request.last) {
		CHECK_EQ(err, VMM_EINVAL);
		return;
	}
	most = request.count_least != 0 ? request.count_least : request.count;
	if (request.nocross != 0 && most * PAGE > request.nocross) {
		CHECK_EQ(err, VMM_EINVAL);
		return;
	}
	if (err == VMM_OK) {
		CHECK_EQ(got, shadow_most(&request));
		CHECK_EQ(shadow_at(&request, vmm_pa_to_pfn(pa) - first), got);
		CHECK(got >= most);
		remember(pa, got);
		return;
	}
	CHECK_EQ(err, VMM_ENOMEM);
	CHECK(shadow_most(&request) < most);
}

static void forget(vmm_pa_t pa, uint64_t count)
{
	shadow_free(vmm_pa_to_pfn(pa), count);
	used_now -= count;
}

/* Free frames by range, or as an order where they are a run of one. */
static void free_some(vmm_pa_t pa, uint64_t count)
{
	const int want = expected(pa, count, USED);
	unsigned order = 0;
	int err;

	while (order < VMM_PMEM_ORDER_MAX && UINT64_C(1) << order < count)
		order++;
	if (UINT64_C(1) << order == count && pa % (PAGE << order) == 0 &&
		rng_below(&rng, 4) != 0)
		err = vmm_pmem_free(&zone, pa, order);
	else
		err = vmm_pmem_free_range(&zone, pa, count);
	CHECK_EQ(err, want);
	if (err == VMM_OK)
		forget(pa, count);
}

static void do_free(void)
{
	size_t i;

	if (live_count == 0)
		return;
	i = rng_below(&rng, live_count);
	free_some(vmm_pfn_to_pa(live[i].pfn), live[i].count);
	live[i] = live[--live_count];
}

static void do_free_part(void)
{
	uint64_t skip;
	size_t i;

	if (live_count == 0)
		return;
	i = rng_below(&rng, live_count);
	skip = rng_below(&rng, live[i].count);
	free_some(vmm_pfn_to_pa(live[i].pfn + skip),
		1 + rng_below(&rng, live[i].count - skip));
}

/* Any place, any length, right or wrong. */
static void do_free_anything(void)
{
	const vmm_pa_t pa = random_place();
	const uint64_t count = rng_below(&rng, 20);
	const unsigned order = random_order(VMM_PMEM_ORDER_MAX + 1);
	int want;

	if (rng_below(&rng, 2) == 0) {
		free_some(pa, count);
		return;
	}
	want = order > VMM_PMEM_ORDER_MAX || pa % (PAGE << order) != 0
		       ? VMM_EINVAL
		       : expected(pa, UINT64_C(1) << order, USED);
	CHECK_EQ(vmm_pmem_free(&zone, pa, order), want);
	if (want == VMM_OK)
		forget(pa, UINT64_C(1) << order);
}

static void do_claim(void)
{
	const vmm_pa_t pa = random_place();
	const uint64_t count = rng_below(&rng, 30);
	const int want = expected(pa, count, FREE);

	CHECK_EQ(vmm_pmem_claim(&zone, pa, count), want);
	if (want == VMM_OK)
		remember(pa, count);
}

/* Few, so that the zone does not run dry; the table may be full. */
static void do_reserve(void)
{
	const vmm_pa_t pa = random_place();
	const uint64_t count = rng_below(&rng, 3);
	const int want = expected(pa, count, FREE);
	int err;

	if (rng_below(&rng, 40) != 0)
		return;
	err = vmm_pmem_reserve(&zone, pa, count);
	if (want == VMM_OK && err == VMM_ENOMEM) {
		CHECK(zone.ranges_count + 2 > zone.ranges_max);
		return;
	}
	CHECK_EQ(err, want);
	if (err == VMM_OK)
		shadow_set(vmm_pa_to_pfn(pa), count, PERMANENT);
}

static void do_release(void)
{
	static const struct {
		enum vmm_mem_kind kind;
		enum shadow what;
	} kinds[] = {
		{VMM_MEM_LOADER, LOADER},
		{VMM_MEM_ACPI, ACPI},
		{VMM_MEM_NVRAM, NVRAM},
	};
	const size_t k = rng_below(&rng, 3);
	uint64_t released = 0;

	if (rng_below(&rng, 200) != 0)
		return;
	CHECK_EQ(vmm_pmem_release(&zone, kinds[k].kind, &released), VMM_OK);
	CHECK_EQ(released, count_of(kinds[k].what));
	for (uint64_t i = 0; i < frames; i++) {
		if (shadow[i] == kinds[k].what)
			shadow_free(first + i, 1);
	}
}

/* The metadata moves, and where it was is nothing of use any more. */
static void do_rebase(void)
{
	unsigned char *from = metas[meta_at];
	unsigned char *to = metas[1 - meta_at];

	if (rng_below(&rng, 50) != 0)
		return;
	for (size_t i = 0; i < META_MAX; i++) {
		to[i] = from[i];
		from[i] = 0xa5;
	}
	vmm_pmem_rebase(&zone, to);
	meta_at = 1 - meta_at;
}

static void compare_counts(void)
{
	struct vmm_pmem_stat stat;
	const uint64_t used = count_of(USED);
	const uint64_t free = count_of(FREE);

	CHECK_EQ(used, used_now);
	vmm_pmem_stat(&zone, &stat);
	CHECK_EQ(stat.base, vmm_pfn_to_pa(first));
	CHECK_EQ(stat.count, frames);
	CHECK_EQ(stat.used, used);
	CHECK_EQ(stat.free, free);
	CHECK_EQ(stat.held, count_of(HELD));
	CHECK_EQ(stat.managed, free + stat.held + used);
	CHECK_EQ(stat.used_peak, used_peak);
}

static uint64_t digest(void)
{
	uint64_t d = test_digest(TEST_DIGEST_INIT, &zone, sizeof(zone));

	return test_digest(d, metas[meta_at], zone.meta_size);
}

static void step(const struct shape *shape, bool filling)
{
	const uint64_t dice = rng_below(&rng, 100);

	if (dice < 70) {
		if ((dice < 50) != filling)
			do_free();
		else if (dice % 7 < 3)
			do_alloc(shape);
		else if (dice % 7 < 4)
			do_alloc_run(shape);
		else if (dice % 7 < 6)
			do_xalloc(shape);
		else
			do_alloc_up_to();
	} else if (dice < 80) {
		do_free_part();
	} else if (dice < 86) {
		do_free_anything();
	} else if (dice < 90) {
		do_claim();
	} else if (dice < 92) {
		do_hold();
	} else if (dice < 93) {
		do_offline();
	} else if (dice < 95) {
		do_online();
	} else if (dice < 96) {
		do_reserve();
	} else if (dice < 98) {
		do_release();
	} else {
		do_rebase();
	}
}

/* Whatever is in use is freed, and the zone is as if nothing had been. */
static void drain(void)
{
	for (uint64_t i = 0; i < frames; i++) {
		uint64_t n = 0;

		while (i + n < frames && shadow[i + n] == USED)
			n++;
		if (n > 0)
			free_some(vmm_pfn_to_pa(first + i), n);
	}
	CHECK_EQ(vmm_pmem_unhold(&zone, vmm_pfn_to_pa(first), frames), VMM_OK);
	shadow_hold(first, frames, false);
	CHECK_EQ(zone.free, zone.managed);
	compare_counts();
	shadow_compare_runs(&zone);
	shadow_compare_bits(&zone);
	shadow_compare_used(&zone);
}

/*
 * A step that leaves the shadow as it was, which is what an error does, leaves
 * every byte of the zone as it was.
 */
static void step_and_compare(const struct shape *shape, bool filling)
{
	const uint64_t before = digest();
	const uint64_t shadow_before = shadow_digest();
	const unsigned at = meta_at;

	step(shape, filling);
	if (meta_at != at)
		return;
	if (shadow_digest() == shadow_before)
		CHECK_EQ(digest(), before);
}

static void start(const struct shape *shape)
{
	used_now = 0;
	used_peak = 0;
	live_count = 0;
	open_zone(shape);
}

/*
 * Run a shape: filling and draining in turns, so that both the empty and the
 * full zone are seen.
 */
static void run(const struct shape *shape)
{
	const bool small = shape->frames < 3000;

	rng.state = test_seed * 1000 + shape->frames;
	start(shape);
	for (unsigned i = 0; i < shape->steps * test_factor; i++) {
		if (small && i % 4 == 0)
			step_and_compare(shape, i / 256 % 2 == 0);
		else
			step(shape, i / 256 % 2 == 0);
		if (small || i % 64 == 0) {
			CHECK_EQ(vmm_pmem_check(&zone), VMM_OK);
			compare_counts();
		}
		if (i % (small ? 128 : 1024) == 0) {
			shadow_compare_runs(&zone);
			shadow_compare_bits(&zone);
			shadow_compare_used(&zone);
		}
		if (i % 5000 == 4999) {
			drain();
			start(shape);
		}
	}
	drain();
}

/* One frame: every tree is one word, every run is a fragment of a line. */
TEST(model_pmem_single_frame)
{
	run(&(struct shape){0x80005, 1, 100000, 2, 0, 0});
}

/* Less than two words, from the middle of a word to the middle of the next. */
TEST(model_pmem_part_of_a_block)
{
	run(&(struct shape){0x80000 + 37, 70, 200000, 8, 6, 0});
}

/* From the middle of a block to the middle of another, whole ones between. */
TEST(model_pmem_odd_ends)
{
	run(&(struct shape){0x80000 + 300, 1800, 60000, 11, 0, 0});
}

/* The same with holes and every kind of reservation inside. */
TEST(model_pmem_holes_and_kinds)
{
	run(&(struct shape){0x7fe00 + 100, 2600, 60000, 10, 12, 0});
}

/* Two pages above address 0. */
TEST(model_pmem_bottom)
{
	run(&(struct shape){2, 1100, 40000, 10, 3, 0});
}

/* The last frames that have an address: the range ends at 2^64. */
TEST(model_pmem_top)
{
	run(&(struct shape){(UINT64_C(1) << 52) - 1500, 1500, 40000, 10, 3, 0});
}

/*
 * 215 blocks across the borders of words in the sets, so that two levels are
 * in use and runs above order 15 exist.
 */
TEST(model_pmem_two_levels)
{
	run(&(struct shape){0x88000 - 5000, 110000, 6000, 17, 0, 0});
}

TEST(model_pmem_two_levels_with_holes)
{
	run(&(struct shape){0x80000 - 20000, 100000, 6000, 16, 20, 0});
}

/*
 * A window cut out of the middle of RAM by a min and a last that lie inside
 * frames, in a map whose every end is unaligned: outside nothing is touched.
 */
TEST(model_pmem_window_of_an_unaligned_map)
{
	run(&(struct shape){0x80000 + 77, 1400, 12000, 10, 9, 300});
}

/* The same with a window smaller than a word. */
TEST(model_pmem_small_window_of_an_unaligned_map)
{
	run(&(struct shape){0x80000 + 61, 50, 30000, 6, 5, 1});
}

/* And one without holes, from a block's first frame to a block's last. */
TEST(model_pmem_window_of_blocks)
{
	run(&(struct shape){0x80000, 1024, 8000, 10, 0, 2000});
}
