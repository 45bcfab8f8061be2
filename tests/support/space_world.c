/* SPDX-License-Identifier: MIT */
/* The world of space_world.h: its pool, its hooks, its spaces and objects. */
#include "support/space_world.h"

/* For whoever looks for a bug: print each call. */
#ifndef WORLD_LOUD
#define WORLD_LOUD false
#endif

struct world world;
const char *const world_counts[DID_COUNTS] = {"map", "replace", "unmap",
	"discard", "protect", "move", "fork", "clear", "read", "write",
	"denied", "copied", "last", "inside", "refused"};
const char *const world_names[] = {NULL, "heap", "data"};

/* The pool. */

static bool pool_take(enum world_use use, uint64_t count, vmm_pa_t *pa_out)
{
	const size_t start = rng_below(&world.rng, WORLD_PAGES);

	if (world.pool_used + count > world.pool_limit)
		return false;
	for (size_t i = 0; i < WORLD_PAGES; i++) {
		const size_t at = (start + i) % WORLD_PAGES;
		uint64_t n = 0;

		while (n < count && at + n < WORLD_PAGES &&
			world.use[at + n] == POOL_FREE)
			n++;
		if (n < count)
			continue;
		for (n = 0; n < count; n++) {
			world.use[at + n] = (uint8_t)use;
			world.holders[at + n] = 1;
		}
		world.pool_used += count;
		*pa_out = WORLD_RAM + PAGE * at;
		return true;
	}
	return false;
}

static void fill(vmm_pa_t pa, uint8_t byte)
{
	uint8_t *at = ram_at(pa);

	for (size_t i = 0; i < PAGE; i++)
		at[i] = byte;
}

static void pool_give(vmm_pa_t pa, enum world_use use)
{
	const size_t at = pool_index(pa);

	CHECK_EQ(world.use[at], use);
	fill(pa, 0xdb);
	if (world.freed != NULL)
		world.freed(pa);
	world.use[at] = POOL_FREE;
	world.holders[at] = 0;
	world.pool_used--;
}

/* Hooks. */

/* Other harts run. */
static void others(void)
{
	const uint64_t refused = world.refused;
	const uint64_t fail_after = world.fail_after;

	CHECK(!world.held);
	if (!world.inside_on || world.spoiled || world.calls == 0 ||
		world.calls == CALLS_MAX || !chance(world.inside_once))
		return;
	world.fail_after = 0;
	world.refused = 0;
	world_step();
	world.did[DID_INSIDE]++;
	world.refused = refused;
	world.fail_after = fail_after;
}

static bool refuses(void)
{
	if (world.fail_after == 0)
		return false;
	if (world.fail_after > 1) {
		world.fail_after--;
		return false;
	}
	if (!world.fail_on)
		world.fail_after = 0;
	world.refused++;
	return true;
}

static int page_alloc(void *ctx, vmm_pa_t *pa_out)
{
	(void)ctx;
	others();
	if (refuses())
		return HOOK_ERROR;
	if (pool_take(POOL_TABLE, 1, pa_out))
		return 0;
	world.refused++;
	return VMM_ENOMEM;
}

static void page_free(void *ctx, vmm_pa_t pa)
{
	(void)ctx;
	others();
	pool_give(pa, POOL_TABLE);
}

static int frames_alloc(void *ctx, uint64_t count, bool zero, vmm_pa_t *pa_out)
{
	(void)ctx;
	CHECK(count > 0);
	others();
	if (refuses())
		return HOOK_ERROR;
	if (!pool_take(POOL_FRAME, count, pa_out)) {
		world.refused++;
		return VMM_ENOMEM;
	}
	for (uint64_t i = 0; i < count; i++)
		fill(*pa_out + i * PAGE, zero ? 0 : 0xa5);
	return 0;
}

static int frames_get(void *ctx, vmm_pa_t pa, uint64_t count)
{
	(void)ctx;
	others();
	if (refuses())
		return HOOK_ERROR;
	for (uint64_t i = 0; i < count; i++) {
		const size_t at = pool_index(pa + i * PAGE);

		CHECK_EQ(world.use[at], POOL_FRAME);
		CHECK(world.holders[at] > 0);
		world.holders[at]++;
	}
	return 0;
}

static void frames_put(void *ctx, vmm_pa_t pa, uint64_t count)
{
	(void)ctx;
	others();
	for (uint64_t i = 0; i < count; i++) {
		const size_t at = pool_index(pa + i * PAGE);

		CHECK_EQ(world.use[at], POOL_FRAME);
		CHECK(world.holders[at] > 0);
		if (--world.holders[at] == 0)
			pool_give(pa + i * PAGE, POOL_FRAME);
	}
}

static uint64_t frames_holders(void *ctx, vmm_pa_t pa)
{
	(void)ctx;
	CHECK_EQ(world.use[pool_index(pa)], POOL_FRAME);
	return world.holders[pool_index(pa)];
}

static void frames_copy(void *ctx, vmm_pa_t to, vmm_pa_t from)
{
	(void)ctx;
	others();
	CHECK_EQ(world.use[pool_index(to)], POOL_FRAME);
	CHECK_EQ(world.holders[pool_index(to)], 1);
	CHECK(world.use[pool_index(from)] == POOL_FRAME ||
		pool_index(from) == WORLD_ZERO);
	for (size_t i = 0; i < PAGE; i++)
		ram_at(to)[i] = ram_at(from)[i];
	others();
}

static void lock_acquire(void *ctx)
{
	(void)ctx;
	CHECK(!world.held);
	world.held = true;
}

static void lock_release(void *ctx)
{
	(void)ctx;
	CHECK(world.held);
	if (world.sync != NULL)
		world.sync();
	world.held = false;
}

static void space_flush(
	void *ctx, struct vmm_space *space, const struct vmm_tlb_gather *gather)
{
	(void)ctx;
	others();
	if (world.flush != NULL)
		world.flush(space, gather);
	others();
}

/* What others do is not at the same pages: nobody ever waits. */
static void space_wait(void *ctx)
{
	(void)ctx;
	test_fail(__FILE__, __LINE__,
		"a call waits for one that does not touch its pages");
}

static int space_policy(
	void *ctx, struct vmm_space *space, struct vmm_fault *fault)
{
	(void)ctx;
	(void)space;
	CHECK(fault->cause != VMM_FAULT_SPURIOUS);
	others();
	return VMM_OK;
}

/* Spaces. */

static vmm_va_t window_base(unsigned w)
{
	const uint64_t span = vmm_pt_root_span(world.format);

	return w == 0	? 16 * PAGE
	       : w == 1 ? span - 18 * PAGE
			: 3 * span + VMM_MIB(2) - 21 * PAGE;
}

vmm_va_t page_va(uint32_t i)
{
	return window_base(i / WINDOW_PAGES) + i % WINDOW_PAGES * PAGE;
}

uint32_t va_page(vmm_va_t va)
{
	for (unsigned w = 0; w < WINDOWS; w++) {
		const uint64_t at = va - window_base(w);

		if (at < WINDOW_PAGES * PAGE)
			return (uint32_t)(w * WINDOW_PAGES + at / PAGE);
	}
	return NO_PAGE;
}

bool in_window(uint32_t i, uint64_t count)
{
	return i < SPACE_PAGES && count > 0 &&
	       i % WINDOW_PAGES + count <= WINDOW_PAGES;
}

void space_open(unsigned s)
{
	struct world_space *it = &world.space[s];
	int err = VMM_OK;

	CHECK(!it->open);
	*it = (struct world_space){.reserved = true};
	vmm_pt_init(&it->live, world.format, NULL,
		(uint64_t)(uintptr_t)world.ram - WORLD_RAM,
		WORLD_RAM + PAGE * s);
	vmm_space_init(&it->space, &it->live, &world.hooks);
	for (unsigned w = 0; w < WINDOWS && err == VMM_OK; w++)
		err = vmm_space_add(
			&it->space, window_base(w), WINDOW_PAGES * PAGE, 0);
	it->open = true;
	if (err != VMM_OK) {
		CHECK_EQ(err, VMM_ENOMEM);
		space_close(s);
		return;
	}
	it->reserved = false;
	if (world.opened != NULL)
		world.opened(s);
}

void space_close(unsigned s)
{
	struct world_space *it = &world.space[s];

	it->reserved = true;
	if (world.closing != NULL)
		world.closing(s);
	vmm_space_fini(&it->space);
	CHECK_EQ(it->live.table_count, 1);
	CHECK_EQ(it->live.spare_count, 0);
	vmm_pt_fini(&it->live);
	it->open = false;
	it->reserved = false;
	for (uint32_t i = 0; i < SPACE_PAGES; i++)
		it->page[i].used = false;
}

/* Objects. */

static int object_fill(
	void *ctx, struct vmm_object *object, uint64_t offset, vmm_pa_t pa)
{
	struct world_object *it = ctx;
	const size_t o = (size_t)(it - world.object);

	CHECK(object == &it->object);
	CHECK(!it->ended);
	CHECK(offset % PAGE == 0 && offset < it->pages * PAGE);
	others();
	if (refuses())
		return HOOK_ERROR;
	for (size_t i = 0; i < PAGE; i++)
		CHECK_EQ(ram_at(pa)[i], 0);
	fill(pa, (uint8_t)(16 * (o + 1) + offset / PAGE % 16));
	return 0;
}

static void object_end(void *ctx, struct vmm_object *object)
{
	struct world_object *it = ctx;

	others();
	CHECK(object == &it->object && it->made && !it->ended);
	it->ended = true;
}

bool object_make(unsigned o)
{
	static const char *const names[] = {"a", "b", "c", "d", "e"};
	struct world_object *it = &world.object[o];
	int err;

	CHECK(!it->made);
	*it = (struct world_object){
		.pages = 1 + (unsigned)rng_below(&world.rng, OBJECT_PAGES),
		.filled = chance(2),
	};
	it->config = (struct vmm_object_config){
		.name = names[o],
		.pages = &world.pages,
		.frames = &world.frames,
		.lock = &world.lock,
		.offset = (uint64_t)(uintptr_t)world.ram - WORLD_RAM,
		.fill = it->filled ? object_fill : NULL,
		.end = object_end,
		.ctx = it,
	};
	err = vmm_object_init(&it->object, &it->config, it->pages * PAGE);
	if (err != VMM_OK) {
		CHECK(err == VMM_ENOMEM || err == HOOK_ERROR);
		return false;
	}
	for (unsigned i = 0; i < it->pages && it->filled; i++)
		it->byte[i][0] = it->byte[i][1] =
			(uint8_t)(16 * (o + 1) + i % 16);
	it->made = true;
	it->owned = true;
	return true;
}

void object_drop(unsigned o)
{
	CHECK(world.object[o].owned);
	world.object[o].owned = false;
	vmm_object_put(&world.object[o].object);
}

void world_start(
	const struct vmm_pt_format *format, uint8_t *ram, uint64_t seed)
{
	world = (struct world){
		.rng = {seed},
		.format = format,
		.ram = ram,
		.lock = {lock_acquire, lock_release, NULL},
		.pages = {page_alloc, page_free, NULL},
		.frames = {frames_alloc, frames_get, frames_put, frames_holders,
			frames_copy, NULL, WORLD_RAM + PAGE * WORLD_ZERO,
			seed % 2 == 0},
		.hooks = {&world.pages, &world.frames, &world.lock, space_flush,
			space_policy, space_wait, NULL},
		.pool_limit = WORLD_PAGES,
		.inside_once = 4,
		.next_byte = 1,
		.loud = WORLD_LOUD,
	};
	for (size_t i = 0; i < WORLD_PAGES; i++) {
		fill(WORLD_RAM + i * PAGE, i < WORLD_FIRST ? 0 : 0xdb);
		world.use[i] = i < WORLD_FIRST ? POOL_OTHER : POOL_FREE;
	}
}

void world_end(void)
{
	world.inside_on = false;
	for (unsigned s = 0; s < WORLD_SPACES; s++) {
		if (world.space[s].open)
			space_close(s);
	}
	for (unsigned o = 0; o < WORLD_OBJECTS; o++) {
		if (world.object[o].owned)
			object_drop(o);
	}
	world_check();
	CHECK_EQ(world.pool_used, 0);
}
