/* SPDX-License-Identifier: MIT */
/* Frames with notes: owners, shares, poison, and every hook. */
#include <vmm/pmem_frames.h>

#include "support/test.h"

#define PAGE   VMM_PAGE_SIZE
#define BASE   UINT64_C(0x80000000)
#define FRAMES 1024
#define POISON 0x5a

static struct vmm_mem_range ranges[8];
static struct vmm_pmem pmem;
static struct vmm_pmem_cache cache;
static _Alignas(64) unsigned char meta[8192];
static _Alignas(64) unsigned char memory[32768];
static _Alignas(8) uint8_t marks[8192];
static struct vmm_pmem_zones set;
static struct vmm_pmem_zone zones[1];
static uint32_t order[1];
static uint32_t owners[FRAMES];
static uint32_t shares[FRAMES];
static struct vmm_pmem_frames frames;

/* What the hooks saw: the first byte of each frame, as the fill left it. */
static uint8_t content[FRAMES];
static struct vmm_pmem_report last;
static unsigned reports;
static unsigned reclaims;
static vmm_pa_t hoard[8];
static unsigned hoarded;
static int fail_in = -1;

static void on_report(void *ctx, const struct vmm_pmem_report *report)
{
	CHECK(ctx == &frames);
	last = *report;
	reports++;
}

static void on_fill(void *ctx, vmm_pa_t pa, uint64_t size, uint8_t byte)
{
	CHECK(ctx == &frames);
	CHECK(size % PAGE == 0);
	for (uint64_t i = 0; i < size / PAGE; i++)
		content[(pa - BASE) / PAGE + i] = byte;
}

static bool on_verify(void *ctx, vmm_pa_t pa, uint64_t size, uint8_t byte)
{
	CHECK(ctx == &frames);
	CHECK_EQ(size, PAGE);
	return content[(pa - BASE) / PAGE] == byte;
}

/* Gives two frames of a hoard back at a time. */
static uint64_t on_reclaim(void *ctx, uint64_t count)
{
	uint64_t given = 0;

	CHECK(ctx == &frames);
	CHECK_EQ(count, 1);
	reclaims++;
	while (hoarded > 0 && given < 2) {
		CHECK_EQ(vmm_pmem_frames_free(&frames, 0, hoard[--hoarded], 0),
			VMM_OK);
		given++;
	}
	return given;
}

static bool on_inject(void *ctx, unsigned n)
{
	CHECK(ctx == &frames);
	CHECK(n <= VMM_PMEM_ORDER_MAX);
	return fail_in >= 0 && fail_in-- == 0;
}

static struct vmm_pmem_hooks hooks;

static void open(bool with_arrays)
{
	const struct vmm_pmem_cache_config config = {.cpus = 2};
	struct vmm_pmem_zone zone = {.cache = &cache};
	struct vmm_pmem_cache_sizes sizes;
	struct vmm_memmap map;

	vmm_memmap_init(&map, ranges, 8);
	CHECK_EQ(vmm_memmap_add(&map, BASE, FRAMES * PAGE), VMM_OK);
	CHECK_EQ(vmm_memmap_reserve(
			 &map, BASE + 300 * PAGE, PAGE, VMM_MEM_LOADER),
		VMM_OK);
	CHECK_EQ(vmm_pmem_init(&pmem, &map, NULL, meta, sizeof(meta)), VMM_OK);
	CHECK_EQ(vmm_pmem_cache_size(&pmem, &config, &sizes), VMM_OK);
	CHECK(sizes.memory <= sizeof(memory) && sizes.marks <= sizeof(marks));
	CHECK_EQ(vmm_pmem_cache_init(&cache, &pmem, &config, memory, marks),
		VMM_OK);
	for (unsigned i = 0; i < FRAMES; i++)
		owners[i] = shares[i] = content[i] = 0;
	if (with_arrays) {
		zone.owners = owners;
		zone.shares = shares;
	}
	vmm_pmem_zones_init(&set, zones, 1, order, 1, NULL);
	CHECK_EQ(vmm_pmem_zones_add(&set, &zone), VMM_OK);
	hooks = (struct vmm_pmem_hooks){.report = on_report,
		.fill = on_fill,
		.verify = on_verify,
		.reclaim = on_reclaim,
		.inject = on_inject,
		.ctx = &frames,
		.poison = POISON,
		.poison_freed = true};
	vmm_pmem_frames_init(&frames, &set, &hooks);
	reports = reclaims = hoarded = 0;
	fail_in = -1;
}

static vmm_pa_t get(unsigned n, uint32_t owner)
{
	const struct vmm_pmem_want want = {.order = n, .owner = owner};
	vmm_pa_t pa = 1;

	CHECK_EQ(vmm_pmem_frames_alloc(&frames, &want, &pa), VMM_OK);
	return pa;
}

static int put(vmm_pa_t pa, unsigned n)
{
	return vmm_pmem_frames_free(&frames, 0, pa, n);
}

static void expect_report(int err, vmm_pa_t pa, uint32_t owner, bool freed)
{
	CHECK_EQ(reports, 1);
	CHECK_EQ((unsigned)last.err, (unsigned)err);
	CHECK_EQ(last.pa, pa);
	CHECK(last.known);
	CHECK_EQ(last.owner, owner);
	CHECK_EQ(last.freed, freed);
	reports = 0;
}

/* Every wrong free is refused and comes with the frame and its owner. */
TEST(unit_pmem_owner_wrong_frees)
{
	vmm_pa_t run;
	vmm_pa_t page;

	open(true);
	run = get(2, 7);
	page = get(0, 8);
	CHECK_EQ(put(page, 0), VMM_OK);
	CHECK_EQ(put(page, 0), VMM_EEXIST);
	expect_report(VMM_EEXIST, page, 8, true);
	CHECK_EQ(put(run + 2 * PAGE, 0), VMM_OK);
	CHECK_EQ(put(run, 2), VMM_EEXIST);
	expect_report(VMM_EEXIST, run + 2 * PAGE, 7, true);
	/* The rest is as it was. */
	CHECK_EQ(vmm_pmem_frames_owned(&frames, 7), 3);
	CHECK_EQ(put(run, 1), VMM_OK);
	CHECK_EQ(put(run + 3 * PAGE, 0), VMM_OK);
	CHECK_EQ(put(run + 1, 0), VMM_EINVAL);
	CHECK_EQ(put(run, 28), VMM_EINVAL);
	CHECK_EQ(put(0, 0), VMM_ERANGE);
	CHECK(!last.known);
	CHECK_EQ(put(BASE, 11), VMM_ERANGE);
	CHECK_EQ(reports, 4);
	/* Never managed: the zone says so, and nobody wrote to it. */
	content[300] = 1;
	CHECK_EQ(put(BASE + 300 * PAGE, 0), VMM_ENOENT);
	CHECK_EQ(content[300], 1);
	CHECK_EQ(owners[300], 0);
	/* Free since the beginning. */
	content[900] = 2;
	CHECK_EQ(put(BASE + 900 * PAGE, 0), VMM_EEXIST);
	CHECK_EQ(content[900], 2);
	CHECK_EQ(vmm_pmem_cache_check(&cache), VMM_OK);
}

/* Who leaks what: in one call, and as a text. */
TEST(unit_pmem_owner_leaks)
{
	static char buffer[1024];
	struct test_text text;
	struct vmm_sink sink = test_text_sink(&text, buffer, sizeof(buffer));
	vmm_pa_t pa = 1;

	open(true);
	CHECK_EQ(get(3, 5), BASE);
	CHECK_EQ(put(get(0, 6), 0), VMM_OK);
	CHECK_EQ(vmm_pmem_cache_claim(&cache, BASE + 64 * PAGE, 2), VMM_OK);
	CHECK_EQ(vmm_pmem_cache_claim(&cache, BASE + 70 * PAGE, 2), VMM_OK);
	CHECK_EQ(
		vmm_pmem_frames_adopt(&frames, BASE + 64 * PAGE, 2, 9), VMM_OK);
	CHECK_EQ(vmm_pmem_frames_adopt(&frames, BASE + PAGE, 1, 9), VMM_OK);
	CHECK_EQ(vmm_pmem_frames_owned(&frames, 5), 7);
	CHECK_EQ(vmm_pmem_frames_owned(&frames, 6), 0);
	CHECK_EQ(vmm_pmem_frames_owned(&frames, 9), 3);
	vmm_pmem_frames_leaks(&frames, &sink);
	CHECK(test_text_has(&text,
		"[0x0000000080000000-0x0000000080000fff]         4K  owner 5\n"
		"[0x0000000080001000-0x0000000080001fff]         4K  owner 9\n"
		"[0x0000000080002000-0x0000000080007fff]        24K  owner 5\n"
		"[0x0000000080040000-0x0000000080041fff]         8K  owner 9\n"
		"[0x0000000080046000-0x0000000080047fff]         8K  "
		"owner unknown\n"));
	CHECK_EQ(vmm_pmem_frames_adopt(&frames, BASE + 1, 1, 9), VMM_EINVAL);
	CHECK_EQ(vmm_pmem_frames_adopt(&frames, BASE, 0, 9), VMM_EINVAL);
	CHECK_EQ(
		vmm_pmem_frames_adopt(&frames, BASE, 1, VMM_PMEM_OWNER_MAX + 1),
		VMM_EINVAL);
	CHECK_EQ(vmm_pmem_frames_adopt(&frames, BASE, FRAMES + 1, 9),
		VMM_ERANGE);
	(void)pa;
}

/* More sharers than a byte or a short can count, and the last one of all. */
TEST(unit_pmem_owner_shares)
{
	vmm_pa_t pa;
	bool freed = true;

	open(true);
	pa = get(1, 3);
	CHECK_EQ(vmm_pmem_frames_shares(&frames, pa), 1);
	for (unsigned i = 0; i < 70000; i++)
		CHECK_EQ(vmm_pmem_frames_get(&frames, pa), VMM_OK);
	CHECK_EQ(vmm_pmem_frames_shares(&frames, pa), 70001);
	CHECK_EQ(put(pa, 1), VMM_EBUSY);
	expect_report(VMM_EBUSY, pa, 3, false);
	for (unsigned i = 0; i < 70000; i++) {
		CHECK_EQ(
			vmm_pmem_frames_put(&frames, 0, pa, 1, &freed), VMM_OK);
		CHECK(!freed);
	}
	CHECK_EQ(vmm_pmem_frames_put(&frames, 0, pa, 1, &freed), VMM_OK);
	CHECK(freed);
	CHECK_EQ(vmm_pmem_frames_shares(&frames, pa), 0);
	CHECK_EQ(vmm_pmem_frames_put(&frames, 0, pa, 1, &freed), VMM_EEXIST);
	CHECK_EQ(vmm_pmem_frames_get(&frames, pa), VMM_ENOENT);

	/* A count does not wrap: the share that would is refused. */
	pa = get(0, 3);
	shares[(pa - BASE) / PAGE] = VMM_PMEM_SHARES_MAX - 1;
	CHECK_EQ(vmm_pmem_frames_get(&frames, pa), VMM_OK);
	CHECK_EQ(vmm_pmem_frames_get(&frames, pa), VMM_ENOSPC);
	CHECK_EQ(vmm_pmem_frames_shares(&frames, pa), UINT32_MAX);
	CHECK_EQ(vmm_pmem_frames_get(&frames, pa + 1), VMM_EINVAL);
	CHECK_EQ(vmm_pmem_frames_get(&frames, 0), VMM_ERANGE);
}

/* Zeros when they are wanted; junk in what is freed, and who wrote over it. */
TEST(unit_pmem_owner_fill)
{
	struct vmm_pmem_want want = {.owner = 4, .zero = true};
	vmm_pa_t pa;
	uint64_t at;

	open(true);
	pa = get(0, 4);
	at = (pa - BASE) / PAGE;
	content[at] = 77;
	CHECK_EQ(put(pa, 0), VMM_OK);
	CHECK_EQ(content[at], POISON);
	CHECK_EQ(vmm_pmem_frames_alloc(&frames, &want, &pa), VMM_OK);
	CHECK_EQ((pa - BASE) / PAGE, at);
	CHECK_EQ(content[at], 0);
	CHECK_EQ(reports, 0);
	CHECK_EQ(put(pa, 0), VMM_OK);
	content[at] = 1; /* a write after the free */
	want.owner = 5;
	CHECK_EQ(vmm_pmem_frames_alloc(&frames, &want, &pa), VMM_OK);
	expect_report(VMM_ECORRUPT, pa, 4, true);
	hooks.fill = NULL;
	CHECK_EQ(vmm_pmem_frames_alloc(&frames, &want, &pa), VMM_ENOTSUP);
}

/* Under pressure the hook gives frames back, as often as it can. */
TEST(unit_pmem_owner_reclaim)
{
	const struct vmm_pmem_want want = {.owner = 1};
	vmm_pa_t pa = 1;
	unsigned n;

	open(true);
	for (n = 0; n < 5; n++)
		hoard[hoarded++] = get(0, 2);
	for (n = 5; n < FRAMES - 1; n++)
		(void)get(0, 1);
	CHECK_EQ(reclaims, 0);
	for (n = 0; n < 5; n++)
		CHECK_EQ(vmm_pmem_frames_alloc(&frames, &want, &pa), VMM_OK);
	CHECK_EQ(reclaims, 3);
	CHECK_EQ(hoarded, 0);
	pa = 1;
	CHECK_EQ(vmm_pmem_frames_alloc(&frames, &want, &pa), VMM_ENOMEM);
	CHECK_EQ(pa, 1);
	CHECK_EQ(reclaims, 4);
	CHECK_EQ(vmm_pmem_frames_owned(&frames, 1), FRAMES - 1);
}

/* The n-th allocation fails, for each n, and nothing changes. */
TEST(unit_pmem_owner_inject)
{
	for (int n = 0; n < 8; n++) {
		const struct vmm_pmem_want want = {.order = 2, .owner = 1};
		vmm_pa_t pa = 1;
		int err = VMM_OK;

		open(true);
		fail_in = n;
		for (int i = 0; i < 8; i++) {
			err = vmm_pmem_frames_alloc(&frames, &want, &pa);
			CHECK_EQ((unsigned)err,
				(unsigned)(i == n ? VMM_ENOMEM : VMM_OK));
		}
		CHECK_EQ(vmm_pmem_frames_owned(&frames, 1), 7 * 4);
		CHECK_EQ(vmm_pmem_cache_check(&cache), VMM_OK);
	}
}

/* Without arrays and hooks it is a set of zones. */
TEST(unit_pmem_owner_bare)
{
	struct vmm_pmem_want want = {.owner = 1, .zero = true};
	vmm_pa_t pa = 1;
	bool freed = false;

	open(false);
	vmm_pmem_frames_init(&frames, &set, NULL);
	CHECK_EQ(vmm_pmem_frames_alloc(&frames, &want, &pa), VMM_ENOTSUP);
	want.zero = false;
	CHECK_EQ(vmm_pmem_frames_alloc(&frames, &want, &pa), VMM_OK);
	CHECK_EQ(vmm_pmem_frames_get(&frames, pa), VMM_ENOTSUP);
	CHECK_EQ(vmm_pmem_frames_adopt(&frames, pa, 1, 1), VMM_ENOTSUP);
	CHECK_EQ(vmm_pmem_frames_shares(&frames, pa), 1);
	CHECK_EQ(vmm_pmem_frames_put(&frames, 0, pa, 0, &freed), VMM_OK);
	CHECK(freed);
	CHECK_EQ(put(pa, 0), VMM_EEXIST);
	want.owner = VMM_PMEM_OWNER_MAX + 1;
	CHECK_EQ(vmm_pmem_frames_alloc(&frames, &want, &pa), VMM_EINVAL);
	want.owner = 0;
	want.node = 1;
	CHECK_EQ(vmm_pmem_frames_alloc(&frames, &want, &pa), VMM_EINVAL);
	want.node = 0;
	want.order = 28;
	CHECK_EQ(vmm_pmem_frames_alloc(&frames, &want, &pa), VMM_EINVAL);
	CHECK_EQ(vmm_pmem_frames_shares(&frames, 0), 0);
}
