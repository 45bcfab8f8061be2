/* SPDX-License-Identifier: MIT */
/* The memory of spaces, and the hooks that give it. */
#include "support/space_rig.h"

enum use { FREE, PAGE, FRAME };

/* Aligned for a guest stage's root, for which there are four pages each. */
#define ROOT_PAGES 4
static _Alignas(4096 * ROOT_PAGES) uint8_t ram[SPACE_PAGES * 4096];

static size_t index_of(vmm_pa_t pa)
{
	CHECK(pa % 4096 == 0);
	CHECK(pa >= SPACE_RAM && (pa - SPACE_RAM) / 4096 < SPACE_PAGES);
	return (size_t)((pa - SPACE_RAM) / 4096);
}

static void fill(size_t page, size_t count, uint8_t byte)
{
	uint64_t word = byte * UINT64_C(0x0101010101010101);
	uint64_t *at = (uint64_t *)(void *)&ram[page * 4096];

	for (size_t i = 0; i < count * 512; i++)
		at[i] = word;
}

/* Every hook begins with this: no lock is held; another hart has its turn. */
static void enter(struct space_rig *rig)
{
	CHECK(!rig->is_locked);
	if (rig->other == NULL || rig->is_other)
		return;
	rig->is_other = true;
	rig->other(rig);
	rig->is_other = false;
	CHECK(!rig->is_locked);
}

static bool fails(struct space_rig *rig, struct space_failing *failing)
{
	/* Calls of the other hart are not what fails. */
	if (rig->is_other)
		return false;
	failing->calls++;
	if (failing->in < 0)
		return false;
	if (failing->in > 0) {
		failing->in--;
		return false;
	}
	if (!failing->sticky)
		failing->in = -1;
	return true;
}

/* @count free pages from a multiple of @align on; SPACE_PAGES: none. */
static size_t find(const struct space_rig *rig, size_t count, size_t align)
{
	for (size_t at = 0; at + count <= SPACE_PAGES; at += align) {
		size_t n = 0;

		while (n < count && rig->use[at + n] == FREE)
			n++;
		if (n == count)
			return at;
	}
	return SPACE_PAGES;
}

static void take(struct space_rig *rig, size_t at, size_t count, enum use use)
{
	for (size_t i = at; i < at + count; i++)
		rig->use[i] = (uint8_t)use;
}

/* Nothing in the TLB leads through a page or to it. */
static void check_unseen(const struct space_rig *rig, vmm_pa_t pa)
{
	for (size_t i = 0; i < SPACE_SEEN; i++) {
		const struct space_seen *seen = &rig->seen[i];

		if (seen->pt == NULL)
			continue;
		CHECK(seen->pa != pa);
		for (unsigned l = 0; l < VMM_PT_LEVELS_MAX; l++)
			CHECK(seen->tables[l] != pa);
	}
}

static int page_alloc(void *ctx, vmm_pa_t *pa_out)
{
	struct space_rig *rig = ctx;
	size_t at;

	enter(rig);
	at = find(rig, 1, 1);
	if (fails(rig, &rig->fail_pages) || at == SPACE_PAGES)
		return SPACE_ERR;
	take(rig, at, 1, PAGE);
	rig->pages_live++;
	fill(at, 1, 0xa5);
	*pa_out = SPACE_RAM + at * 4096;
	return 0;
}

static void page_free(void *ctx, vmm_pa_t pa)
{
	struct space_rig *rig = ctx;
	size_t at = index_of(pa);

	enter(rig);
	CHECK_EQ(rig->use[at], PAGE);
	check_unseen(rig, pa);
	rig->use[at] = FREE;
	rig->pages_live--;
	fill(at, 1, 0x5a);
}

static int frames_alloc(void *ctx, uint64_t count, bool zero, vmm_pa_t *pa_out)
{
	struct space_rig *rig = ctx;
	size_t align = 1;
	size_t at;

	enter(rig);
	CHECK(count != 0);
	while (align < count)
		align *= 2;
	at = count <= SPACE_PAGES ? find(rig, count, align) : SPACE_PAGES;
	if (fails(rig, &rig->fail_frames) || at == SPACE_PAGES)
		return SPACE_ERR;
	take(rig, at, count, FRAME);
	for (size_t i = at; i < at + count; i++)
		rig->holders[i] = 1;
	rig->frames_live += (long)count;
	fill(at, count, zero ? 0 : 0xa5);
	*pa_out = SPACE_RAM + at * 4096;
	return 0;
}

static int frames_get(void *ctx, vmm_pa_t pa, uint64_t count)
{
	struct space_rig *rig = ctx;
	size_t at = index_of(pa);

	enter(rig);
	if (fails(rig, &rig->fail_frames))
		return SPACE_ERR;
	for (size_t i = at; i < at + count; i++) {
		CHECK_EQ(rig->use[i], FRAME);
		CHECK(SPACE_RAM + i * 4096 != rig->frames.zero_page);
		rig->holders[i]++;
	}
	return 0;
}

static void frames_put(void *ctx, vmm_pa_t pa, uint64_t count)
{
	struct space_rig *rig = ctx;
	size_t at = index_of(pa);

	enter(rig);
	CHECK(count != 0 && at + count <= SPACE_PAGES);
	for (size_t i = at; i < at + count; i++) {
		CHECK_EQ(rig->use[i], FRAME);
		CHECK(rig->holders[i] > 0);
		CHECK(SPACE_RAM + i * 4096 != rig->frames.zero_page);
		if (--rig->holders[i] > 0)
			continue;
		check_unseen(rig, SPACE_RAM + i * 4096);
		rig->use[i] = FREE;
		rig->frames_live--;
		fill(i, 1, 0x5a);
	}
}

static uint64_t frames_holders(void *ctx, vmm_pa_t pa)
{
	struct space_rig *rig = ctx;

	enter(rig);
	return rig->holders[index_of(pa)];
}

static void frames_copy(void *ctx, vmm_pa_t to, vmm_pa_t from)
{
	struct space_rig *rig = ctx;

	enter(rig);
	CHECK_EQ(rig->use[index_of(to)], FRAME);
	CHECK_EQ(rig->use[index_of(from)], FRAME);
	for (size_t i = 0; i < 4096; i++)
		ram[index_of(to) * 4096 + i] = ram[index_of(from) * 4096 + i];
}

static void lock_acquire(void *ctx)
{
	struct space_rig *rig = ctx;

	CHECK(!rig->is_locked);
	rig->is_locked = true;
	rig->locks++;
}

static void lock_release(void *ctx)
{
	struct space_rig *rig = ctx;

	CHECK(rig->is_locked);
	rig->is_locked = false;
}

static void flush(
	void *ctx, struct vmm_space *space, const struct vmm_tlb_gather *gather)
{
	struct space_rig *rig = ctx;
	const struct vmm_tlb_plan plan = vmm_tlb_plan_make(gather);
	const bool was = rig->is_flush;

	rig->is_flush = !rig->is_other;
	enter(rig);
	rig->is_flush = was;
	CHECK(plan.needed);
	rig->flushed[rig->flushes++ % SPACE_FLUSHES] = *gather;
	/* The TLB is another hart's, which need not hear of more rights. */
	if ((gather->flags & VMM_TLB_RESTRICT) == 0)
		return;
	for (size_t i = 0; i < SPACE_SEEN; i++) {
		struct space_seen *seen = &rig->seen[i];

		if (seen->pt != space->live && !plan.all_spaces)
			continue;
		if (plan.all_addresses ||
			(seen->va >= gather->first && seen->va <= gather->last))
			seen->pt = NULL;
	}
}

static void wait(void *ctx)
{
	struct space_rig *rig = ctx;

	enter(rig);
	/* On one hart nobody else goes on: for ever is a deadlock. */
	CHECK(++rig->waits < 1000);
}

vmm_pa_t space_rig_root(struct space_rig *rig)
{
	size_t at = find(rig, ROOT_PAGES, ROOT_PAGES);

	CHECK(at != SPACE_PAGES);
	take(rig, at, ROOT_PAGES, PAGE);
	return SPACE_RAM + at * 4096;
}

void space_rig_root_put(struct space_rig *rig, vmm_pa_t root)
{
	take(rig, index_of(root), ROOT_PAGES, FREE);
}

static void object_end(void *ctx, struct vmm_object *object)
{
	struct space_rig *rig = ctx;

	enter(rig);
	rig->ended++;
	rig->last_ended = object;
}

static void set_hooks(struct space_rig *rig)
{
	rig->pages = (struct vmm_pages){page_alloc, page_free, rig};
	rig->frames = (struct vmm_frames){.alloc = frames_alloc,
		.get = frames_get,
		.put = frames_put,
		.holders = frames_holders,
		.copy = frames_copy,
		.ctx = rig};
	rig->lock = (struct vmm_lock){lock_acquire, lock_release, rig};
	rig->hooks = (struct vmm_space_hooks){.pages = &rig->pages,
		.frames = &rig->frames,
		.lock = &rig->lock,
		.flush = flush,
		.wait = wait,
		.ctx = rig};
	rig->object_config = (struct vmm_object_config){.name = "object",
		.pages = &rig->pages,
		.frames = &rig->frames,
		.lock = &rig->lock,
		.offset = rig->offset,
		.end = object_end,
		.ctx = rig};
}

void space_rig_add(
	struct space_rig *rig, struct vmm_space *space, struct vmm_pt *pt)
{
	vmm_pt_init(pt, &rig->format, NULL, rig->offset, space_rig_root(rig));
	vmm_space_init(space, pt, &rig->hooks);
}

void space_rig_open(struct space_rig *rig, const struct vmm_pt_format *format,
	unsigned features)
{
	*rig = (struct space_rig){0};
	rig->offset = (uint64_t)(uintptr_t)ram - SPACE_RAM;
	rig->fail_pages.in = -1;
	rig->fail_frames.in = -1;
	set_hooks(rig);
	CHECK_EQ(vmm_pt_format_init(
			 &rig->format, format, features & ~SPACE_NO_ZERO_PAGE),
		VMM_OK);
	if ((features & SPACE_NO_ZERO_PAGE) == 0) {
		size_t zero = index_of(space_rig_root(rig));

		fill(zero, ROOT_PAGES, 0);
		rig->frames.zero_page = SPACE_RAM + zero * 4096;
		rig->frames.has_zero_page = true;
		rig->use[zero] = FRAME;
	}
	space_rig_add(rig, &rig->space, &rig->pt);
}

void space_rig_drop(
	struct space_rig *rig, struct vmm_space *space, struct vmm_pt *pt)
{
	rig->other = NULL;
	vmm_space_fini(space);
	CHECK_EQ(pt->table_count, 1);
	CHECK_EQ(pt->spare_count, 0);
	for (size_t i = 0; i < SPACE_SEEN; i++) {
		if (rig->seen[i].pt == pt)
			rig->seen[i].pt = NULL;
	}
	vmm_pt_fini(pt);
	space_rig_root_put(rig, pt->root);
}

void space_rig_close(struct space_rig *rig)
{
	space_rig_drop(rig, &rig->space, &rig->pt);
	CHECK_EQ(rig->pages_live, 0);
	CHECK_EQ(rig->frames_live, 0);
	CHECK(!rig->is_locked);
}

void space_rig_user(struct space_rig *rig)
{
	CHECK_EQ(vmm_space_add(&rig->space, 4096,
			 rig_low_end(rig->pt.format) - 4096, 0),
		VMM_OK);
}

void space_rig_open_user(struct space_rig *rig,
	const struct vmm_pt_format *format, unsigned features)
{
	space_rig_open(rig, format, features);
	space_rig_user(rig);
}

void space_rig_open_alone(struct space_rig *rig,
	const struct vmm_pt_format *format, unsigned features)
{
	space_rig_open_user(rig, format, features);
	rig->is_alone = true;
}

uint8_t *space_rig_bytes(const struct space_rig *rig, vmm_pa_t pa)
{
	return (uint8_t *)(uintptr_t)(pa + rig->offset);
}

uint64_t *space_rig_word(const struct space_rig *rig, vmm_pa_t pa)
{
	return (uint64_t *)(void *)space_rig_bytes(rig, pa);
}

uint32_t space_rig_holders(const struct space_rig *rig, vmm_pa_t pa)
{
	return rig->holders[index_of(pa)];
}
