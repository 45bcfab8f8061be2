/* SPDX-License-Identifier: MIT */
/* Is what can be seen of the spaces what the model of space_world.h says? */
#include "support/space_world.h"

static uint64_t expected[WORLD_PAGES]; /* holders */

static bool lookup(const struct vmm_pt *pt, vmm_va_t va, vmm_pa_t *pa_out)
{
	return vmm_pt_translate(pt, va, pa_out, NULL) == VMM_OK;
}

static bool frame_of(unsigned s, uint32_t i, vmm_pa_t *pa_out)
{
	const struct world_space *it = &world.space[s];

	if (lookup(&it->live, page_va(i), pa_out))
		return true;
	return it->space.has_store &&
	       lookup(&it->space.store, page_va(i), pa_out);
}

uint8_t *peek(unsigned s, uint32_t i)
{
	vmm_pa_t pa;

	return frame_of(s, i, &pa) ? ram_at(pa) : NULL;
}

static void check_region(unsigned s, const struct vmm_space_region *region)
{
	const uint32_t first = va_page(region->base);
	const uint64_t count = region->size / PAGE;

	CHECK(first != NO_PAGE && in_window(first, count));
	for (uint32_t i = first; i < first + count; i++) {
		const struct model_page *page = model_at(s, i);
		const char *name;

		CHECK(page->used && page->guard == 0);
		CHECK_EQ(region->kind, page->kind);
		CHECK_EQ(region->prot, page->prot);
		CHECK_EQ(region->flags, page->flags);
		name = page->kind == VMM_SPACE_OBJECT
			       ? world.object[page->object].config.name
			       : world_names[page->name];
		CHECK(region->name == name);
		if (page->kind == VMM_SPACE_OBJECT) {
			CHECK(region->object ==
				&world.object[page->object].object);
			CHECK_EQ(region->offset / PAGE + (i - first), page->at);
			world.object[page->object].regions += i == first;
		} else {
			CHECK(region->object == NULL);
		}
		if (page->kind == VMM_SPACE_PHYS)
			CHECK_EQ(region->pa + (i - first) * PAGE,
				WORLD_RAM + (WORLD_DEVICE + page->at) * PAGE);
		CHECK(!region->unloaded);
	}
}

/* How many pages of the model has a region, its guards too? */
static uint32_t check_guards(unsigned s, const struct vmm_space_region *region)
{
	const uint32_t first = va_page(region->base);
	const uint64_t below = region->guard[0] / PAGE;
	const uint64_t above = region->guard[1] / PAGE;
	const uint64_t count = region->size / PAGE;

	for (uint32_t i = 1; i <= below; i++)
		CHECK(model_at(s, first - i)->used &&
			model_at(s, first - i)->guard == 1);
	for (uint64_t i = 0; i < above; i++) {
		const struct model_page *page =
			model_at(s, (uint32_t)(first + count + i));

		CHECK(page->used && page->guard == 2);
	}
	return (uint32_t)(below + count + above);
}

/* A space as the model and the library see it, for whoever looks for a bug. */
void world_print(unsigned s)
{
	struct vmm_space *space = &world.space[s].space;
	struct vmm_space_region region;
	vmm_va_t va = 0;

	test_puts("space ");
	test_put_dec(s);
	for (uint32_t i = 0; i < SPACE_PAGES; i++) {
		const struct model_page *page = model_at(s, i);

		if (i % WINDOW_PAGES == 0)
			test_puts("\n  ");
		if (!page->used)
			test_puts(".");
		else if (page->guard != 0)
			test_puts(page->guard == 1 ? "(" : ")");
		else
			test_write(&"RZSGOPC"[page->kind], 1);
	}
	test_puts("\n");
	while (vmm_space_find(space, va, true, &region) == VMM_OK) {
		test_puts("  page ");
		test_put_dec(va_page(region.base));
		test_puts(" count ");
		test_put_dec(region.size / PAGE);
		test_puts(" guards ");
		test_put_dec(region.guard[0] / PAGE);
		test_puts(" ");
		test_put_dec(region.guard[1] / PAGE);
		test_puts(" kind ");
		test_put_dec(region.kind);
		test_puts(" prot ");
		test_put_hex(region.prot);
		test_puts(" flags ");
		test_put_dec(region.flags);
		test_puts("\n");
		va = region.base + region.size + region.guard[1];
	}
}

static void compare_regions(unsigned s)
{
	struct vmm_space *space = &world.space[s].space;
	struct vmm_space_region region;
	uint32_t seen = 0;
	uint32_t used = 0;
	vmm_va_t va = 0;

	while (vmm_space_find(space, va, true, &region) == VMM_OK) {
		check_region(s, &region);
		seen += check_guards(s, &region);
		va = region.base + region.size + region.guard[1];
	}
	for (uint32_t i = 0; i < SPACE_PAGES; i++)
		used += model_at(s, i)->used;
	if (seen != used)
		world_print(s);
	CHECK_EQ(seen, used);
}

static void compare_content(unsigned s, uint32_t i)
{
	const struct model_page *page = model_at(s, i);
	uint8_t bytes[2];
	vmm_pa_t pa;
	vmm_pa_t object_pa;

	if (!frame_of(s, i, &pa)) {
		/* What was written is somewhere; a ring's at either place. */
		CHECK(!page->used || page->guard != 0 || !page->own ||
			(page->kind == VMM_SPACE_RING &&
				frame_of(s, page->twin, &pa)));
		return;
	}
	CHECK(page->used && page->guard == 0);
	CHECK(page->kind != VMM_SPACE_RESERVED);
	model_bytes(s, i, bytes);
	CHECK_EQ(ram_at(pa)[0], bytes[0]);
	CHECK_EQ(ram_at(pa)[PAGE - 1], bytes[1]);
	if (page->kind == VMM_SPACE_PHYS) {
		CHECK_EQ(pa, WORLD_RAM + (WORLD_DEVICE + page->at) * PAGE);
		return;
	}
	if (page->kind != VMM_SPACE_OBJECT || page->own)
		return;
	/* What others write to the object is seen here. */
	CHECK(lookup(&world.object[page->object].object.table, page->at * PAGE,
		&object_pa));
	CHECK_EQ(pa, object_pa);
}

/* What hardware may do with an entry, whoever looks or not. */
static void compare_entry(unsigned s, uint32_t i)
{
	const struct model_page *page = model_at(s, i);
	vmm_pa_t pa;
	unsigned prot;
	uint64_t alone;

	if (vmm_pt_translate(&world.space[s].live, page_va(i), &pa, &prot) !=
		VMM_OK)
		return;
	CHECK(page->prot != 0);
	CHECK_EQ(prot & ~page->prot &
			 (VMM_PT_READ | VMM_PT_WRITE | VMM_PT_EXEC |
				 VMM_PT_USER | VMM_PT_GLOBAL),
		0);
	if ((prot & VMM_PT_WRITE) == 0 || page->kind == VMM_SPACE_PHYS ||
		(page->flags & VMM_SPACE_SHARED) != 0)
		return;
	/* Nobody else sees what is written here. */
	alone = 1;
	if (page->kind == VMM_SPACE_RING) {
		vmm_pa_t twin;

		if (frame_of(s, page->twin, &twin) && twin == pa)
			alone = 2;
	}
	CHECK_EQ(world.holders[pool_index(pa)], alone);
}

void compare_space(unsigned s)
{
	CHECK_EQ(vmm_space_check(&world.space[s].space), VMM_OK);
	compare_regions(s);
	for (uint32_t i = 0; i < SPACE_PAGES; i++) {
		compare_content(s, i);
		compare_entry(s, i);
	}
}

static void expect_of(const struct vmm_pt *pt)
{
	struct vmm_pt_cursor cursor = vmm_pt_cursor_all();
	struct vmm_pt_run run;

	while (vmm_pt_next(pt, &cursor, &run)) {
		for (uint64_t at = 0; at < run.size; at += PAGE)
			expected[pool_index(run.pa + at)]++;
	}
}

static uint64_t pages_of(const struct vmm_pt *pt)
{
	return pt->table_count + pt->spare_count;
}

/* Nothing is lost, nothing is held too often. */
static void compare_pool(void)
{
	uint64_t tables = 0;
	uint64_t in_use = 0;

	for (size_t i = 0; i < WORLD_PAGES; i++)
		expected[i] = 0;
	for (unsigned s = 0; s < WORLD_SPACES; s++) {
		const struct world_space *it = &world.space[s];

		if (!it->open)
			continue;
		expect_of(&it->live);
		tables += pages_of(&it->live) - 1 + it->space.node_pages;
		if (!it->space.has_store)
			continue;
		expect_of(&it->space.store);
		tables += pages_of(&it->space.store);
	}
	for (unsigned o = 0; o < WORLD_OBJECTS; o++) {
		const struct world_object *it = &world.object[o];

		if (!it->made)
			continue;
		expect_of(&it->object.table);
		tables += pages_of(&it->object.table);
	}
	for (size_t i = WORLD_FIRST; i < WORLD_PAGES; i++) {
		if (world.use[i] != POOL_FREE)
			in_use++;
		if (world.use[i] == POOL_FRAME)
			CHECK_EQ(world.holders[i], expected[i]);
		else
			CHECK_EQ(expected[i], 0);
		tables -= world.use[i] == POOL_TABLE;
	}
	CHECK_EQ(tables, 0);
	CHECK_EQ(in_use, world.pool_used);
	/* And nobody writes to the page of zeros. */
	for (size_t i = 0; i < PAGE; i++)
		CHECK_EQ(ram_at(WORLD_RAM + WORLD_ZERO * PAGE)[i], 0);
}

void world_check(void)
{
	CHECK_EQ(world.calls, 0);
	for (unsigned o = 0; o < WORLD_OBJECTS; o++) {
		struct world_object *it = &world.object[o];

		it->regions = 0;
		if (!it->made)
			continue;
		CHECK_EQ(it->ended, !it->owned && !model_shows(o));
		it->made = !it->ended;
		if (it->made)
			CHECK_EQ(vmm_object_check(&it->object), VMM_OK);
	}
	for (unsigned s = 0; s < WORLD_SPACES; s++) {
		if (world.space[s].open)
			compare_space(s);
	}
	for (unsigned o = 0; o < WORLD_OBJECTS; o++) {
		const struct world_object *it = &world.object[o];

		if (it->made)
			CHECK_EQ(it->object.users, it->regions + it->owned);
	}
	for (unsigned i = 0; i < DEVICE_PAGES; i++) {
		const uint8_t *at =
			ram_at(WORLD_RAM + (WORLD_DEVICE + i) * PAGE);

		CHECK_EQ(at[0], world.device[i][0]);
		CHECK_EQ(at[PAGE - 1], world.device[i][1]);
	}
	compare_pool();
}
