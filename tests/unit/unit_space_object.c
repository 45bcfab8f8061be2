/* SPDX-License-Identifier: MIT */
/*
 * Objects alone, on a few pages of a static array. The hooks count holders,
 * fail on demand, and look whether the object's lock is free when they are
 * called; at the end of each test every page is back.
 */
#include <vmm/space_object.h>

#include "support/test.h"

#define PAGE  VMM_PAGE_SIZE
#define RAM   UINT64_C(0x80000000)
#define PAGES 64

static _Alignas(4096) uint8_t ram[PAGES * PAGE];
static uint64_t holders[PAGES]; /* 0: free */
static bool is_table[PAGES];
static bool locked;
static long fail_in;   /* calls until one fails; negative: never */
static uint64_t limit; /* of holders */
static unsigned ended;
static unsigned filled;

static void acquire(void *ctx)
{
	(void)ctx;
	CHECK(!locked);
	locked = true;
}

static void release(void *ctx)
{
	(void)ctx;
	CHECK(locked);
	locked = false;
}

static bool fails(void)
{
	CHECK(!locked);
	if (fail_in == 0) {
		fail_in = -1;
		return true;
	}
	fail_in -= fail_in > 0 ? 1 : 0;
	return false;
}

static uint8_t *bytes(vmm_pa_t pa)
{
	CHECK(pa >= RAM && pa < RAM + sizeof(ram));
	return &ram[pa - RAM];
}

static uint64_t *holders_of(vmm_pa_t pa)
{
	CHECK(pa % PAGE == 0 && pa >= RAM && pa < RAM + sizeof(ram));
	return &holders[(pa - RAM) / PAGE];
}

static int take(vmm_pa_t *pa_out, bool table)
{
	if (fails())
		return -1234;
	for (unsigned i = 0; i < PAGES; i++) {
		if (holders[i] != 0)
			continue;
		holders[i] = 1;
		is_table[i] = table;
		for (unsigned j = 0; j < PAGE; j++)
			ram[i * PAGE + j] = 0xa5;
		*pa_out = RAM + i * PAGE;
		return 0;
	}
	return -1234;
}

static int page_alloc(void *ctx, vmm_pa_t *pa_out)
{
	(void)ctx;
	return take(pa_out, true);
}

static void page_free(void *ctx, vmm_pa_t pa)
{
	(void)ctx;
	CHECK(!locked);
	CHECK_EQ(*holders_of(pa), 1);
	CHECK(is_table[(pa - RAM) / PAGE]);
	*holders_of(pa) = 0;
}

static int frame_alloc(void *ctx, uint64_t count, bool zero, vmm_pa_t *pa_out)
{
	int err = take(pa_out, false);

	(void)ctx;
	CHECK(count == 1 && zero);
	for (unsigned j = 0; err == 0 && j < PAGE; j++)
		bytes(*pa_out)[j] = 0;
	return err;
}

static int frame_get(void *ctx, vmm_pa_t pa, uint64_t count)
{
	(void)ctx;
	CHECK_EQ(count, 1);
	CHECK(*holders_of(pa) != 0 && !is_table[(pa - RAM) / PAGE]);
	if (fails() || *holders_of(pa) == limit)
		return -99;
	++*holders_of(pa);
	return 0;
}

static void frame_put(void *ctx, vmm_pa_t pa, uint64_t count)
{
	(void)ctx;
	CHECK(!locked);
	for (uint64_t i = 0; i < count; i++) {
		CHECK(*holders_of(pa + i * PAGE) != 0);
		CHECK(!is_table[(pa - RAM) / PAGE + i]);
		--*holders_of(pa + i * PAGE);
	}
}

static int fill(
	void *ctx, struct vmm_object *object, uint64_t offset, vmm_pa_t pa)
{
	(void)ctx;
	if (fails())
		return -77;
	CHECK_EQ(bytes(pa)[PAGE - 1], 0);
	*(uint64_t *)(void *)bytes(pa) = offset;
	CHECK(object->user == &filled);
	filled++;
	return 0;
}

static void end(void *ctx, struct vmm_object *object)
{
	(void)ctx;
	(void)object;
	CHECK(!locked);
	ended++;
}

static const struct vmm_pages pages = {page_alloc, page_free, NULL};
static const struct vmm_frames frames = {
	.alloc = frame_alloc, .get = frame_get, .put = frame_put};
static const struct vmm_lock lock = {acquire, release, NULL};
static struct vmm_object_config config;
static struct vmm_object object;

static uint64_t in_use(void)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < PAGES; i++)
		count += holders[i] != 0 ? 1 : 0;
	return count;
}

static void open(uint64_t size)
{
	config = (struct vmm_object_config){.name = "object",
		.pages = &pages,
		.frames = &frames,
		.lock = &lock,
		.offset = (uint64_t)(uintptr_t)ram - RAM,
		.end = end};
	fail_in = -1;
	limit = 1000;
	ended = 0;
	filled = 0;
	CHECK_EQ(in_use(), 0);
	CHECK_EQ(vmm_object_init(&object, &config, size), VMM_OK);
	CHECK_EQ(in_use(), 1);
	CHECK_EQ(vmm_object_check(&object), VMM_OK);
}

static void close(void)
{
	CHECK_EQ(vmm_object_check(&object), VMM_OK);
	CHECK_EQ(ended, 0);
	vmm_object_put(&object);
	CHECK_EQ(ended, 1);
	CHECK_EQ(in_use(), 0);
}

/* A size that is none is refused; so is a page that cannot be had. */
TEST(unit_space_object_sizes)
{
	open(PAGE);
	close();
	CHECK_EQ(vmm_object_init(&object, &config, 0), VMM_EINVAL);
	CHECK_EQ(vmm_object_init(&object, &config, PAGE + 1), VMM_EINVAL);
	CHECK_EQ(vmm_object_init(&object, &config, VMM_TIB(128) + PAGE),
		VMM_EINVAL);
	fail_in = 0;
	CHECK_EQ(vmm_object_init(&object, &config, PAGE), -1234);
	CHECK_EQ(in_use(), 0);
}

/*
 * The first and the last page of objects of all numbers of levels: as many
 * tables as that takes, and not one more; past the end there is nothing.
 */
TEST(unit_space_object_levels)
{
	static const struct {
		uint64_t size;
		unsigned levels;
	} cases[] = {{PAGE, 2}, {VMM_GIB(1), 2}, {VMM_GIB(1) + PAGE, 3},
		{VMM_GIB(512), 3}, {VMM_GIB(512) + PAGE, 4}, {VMM_TIB(128), 4}};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint64_t last = cases[i].size - PAGE;
		vmm_pa_t first_pa;
		vmm_pa_t pa;

		open(cases[i].size);
		CHECK_EQ(object.format.levels, cases[i].levels);
		CHECK_EQ(vmm_object_page(&object, last, &pa), VMM_OK);
		/* Tables on one path, and the frame. */
		CHECK_EQ(in_use(), cases[i].levels + 1);
		CHECK_EQ(*holders_of(pa), 2);
		CHECK_EQ(vmm_object_page(&object, 0, &first_pa), VMM_OK);
		CHECK_EQ(vmm_object_resident(&object),
			last == 0 ? PAGE : 2 * PAGE);
		CHECK_EQ(first_pa == pa, last == 0);
		CHECK_EQ(vmm_object_page(&object, cases[i].size, &pa),
			VMM_ERANGE);
		CHECK_EQ(vmm_object_page(&object, UINT64_MAX - PAGE + 1, &pa),
			VMM_ERANGE);
		CHECK_EQ(vmm_object_check(&object), VMM_OK);
		frame_put(NULL, pa, 1);
		frame_put(NULL, first_pa, 1);
		close();
	}
}

/* A page is filled once, at its first touch, and is the same for all. */
TEST(unit_space_object_fills_once)
{
	vmm_pa_t pa;
	vmm_pa_t again;

	open(VMM_MIB(4));
	config.fill = fill;
	object.user = &filled;
	CHECK_EQ(vmm_object_page(&object, 0x7000, &pa), VMM_OK);
	CHECK_EQ(*(uint64_t *)(void *)bytes(pa), 0x7000);
	CHECK_EQ(vmm_object_page(&object, 0x7000, &again), VMM_OK);
	CHECK_EQ(again, pa);
	CHECK_EQ(filled, 1);
	CHECK_EQ(*holders_of(pa), 3);
	frame_put(NULL, pa, 1);
	frame_put(NULL, pa, 1);
	/* The object still has it. */
	CHECK_EQ(*holders_of(pa), 1);
	close();
}

/* Users come and go; what was there stays until the last one leaves. */
TEST(unit_space_object_outlives_its_creator)
{
	vmm_pa_t pa;

	open(VMM_MIB(1));
	vmm_object_get(&object);
	vmm_object_put(&object); /* whoever made it */
	CHECK_EQ(ended, 0);
	CHECK_EQ(vmm_object_page(&object, 0, &pa), VMM_OK);
	frame_put(NULL, pa, 1);
	close();
}

/* Frames that are there already become pages, and are put at the end. */
TEST(unit_space_object_give)
{
	vmm_pa_t pa;
	vmm_pa_t first;

	open(VMM_MIB(4));
	/* 3 frames in a row: nothing else was taken. */
	CHECK_EQ(take(&first, false), 0);
	CHECK_EQ(take(&pa, false), 0);
	CHECK_EQ(take(&pa, false), 0);
	CHECK_EQ(pa, first + 2 * PAGE);
	CHECK_EQ(vmm_object_give(&object, 1, first, PAGE), VMM_EINVAL);
	CHECK_EQ(vmm_object_give(&object, 0, first + 1, PAGE), VMM_EINVAL);
	CHECK_EQ(vmm_object_give(&object, 0, first, 0), VMM_EINVAL);
	CHECK_EQ(vmm_object_give(&object, VMM_MIB(4) - PAGE, first, 2 * PAGE),
		VMM_ERANGE);
	CHECK_EQ(vmm_object_give(&object, VMM_MIB(4), first, PAGE), VMM_ERANGE);
	/* Across two tables. */
	CHECK_EQ(vmm_object_give(&object, VMM_MIB(2) - PAGE, first, 3 * PAGE),
		VMM_OK);
	CHECK_EQ(vmm_object_resident(&object), 3 * PAGE);
	CHECK_EQ(vmm_object_give(&object, VMM_MIB(2), first, PAGE), VMM_EEXIST);
	CHECK_EQ(vmm_object_page(&object, VMM_MIB(2), &pa), VMM_OK);
	CHECK_EQ(pa, first + PAGE);
	CHECK_EQ(*holders_of(pa), 2);
	frame_put(NULL, pa, 1);
	close();
}

/*
 * Every call of a hook fails once, in a page's first touch and when frames are
 * given: the hook's code comes out, and nothing stays behind.
 */
TEST(unit_space_object_fails_cleanly)
{
	/* A frame, its content, a holder, and a table of each level. */
	static const int codes[] = {-1234, -77, -99, -1234, -1234, -1234};
	vmm_pa_t pa = 1;

	open(VMM_TIB(1));
	config.fill = fill;
	object.user = &filled;
	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		int err;

		fail_in = i;
		err = vmm_object_page(&object, VMM_GIB(700), &pa);
		CHECK_EQ(err, codes[i]);
		CHECK_EQ(pa, 1);
		CHECK_EQ(in_use(), 1);
		CHECK_EQ(vmm_object_resident(&object), 0);
		CHECK_EQ(vmm_object_check(&object), VMM_OK);
	}
	fail_in = 6;
	CHECK_EQ(vmm_object_page(&object, VMM_GIB(700), &pa), VMM_OK);
	CHECK_EQ(fail_in, 0);
	fail_in = -1;
	/* Nobody can hold it any more: nothing happens. */
	limit = 2;
	CHECK_EQ(vmm_object_page(&object, VMM_GIB(700), &pa), -99);
	CHECK_EQ(*holders_of(pa), 2);
	limit = 1000;
	frame_put(NULL, pa, 1);
	/* Two tables for the two frames. */
	holders[PAGES - 1] = 1;
	holders[PAGES - 2] = 1;
	for (unsigned i = 0; i < 2; i++) {
		const uint64_t before = in_use();

		fail_in = i;
		CHECK_EQ(vmm_object_give(&object, VMM_GIB(1) - PAGE,
				 RAM + (PAGES - 2) * PAGE, 2 * PAGE),
			-1234);
		CHECK_EQ(in_use(), before);
		CHECK_EQ(vmm_object_check(&object), VMM_OK);
	}
	fail_in = -1;
	CHECK_EQ(vmm_object_give(&object, VMM_GIB(1) - PAGE,
			 RAM + (PAGES - 2) * PAGE, 2 * PAGE),
		VMM_OK);
	close();
}
