/* SPDX-License-Identifier: MIT */
/* Random calls that change regions, for the world of space_world.h. */
#include "support/space_world.h"

#define R VMM_PT_READ
#define W VMM_PT_WRITE
#define X VMM_PT_EXEC
#define U VMM_PT_USER

static unsigned some_prot(void)
{
	static const unsigned prots[] = {R | W | U, R | W | U, R | W | U, R | U,
		R | X | U, R | W | X | U, R | W, 0};

	return prots[rng_below(&world.rng, 8)];
}

/* Up to @most pages in a window. */
static uint32_t some_range(uint32_t most, uint32_t *count_out)
{
	const uint32_t window = (uint32_t)rng_below(&world.rng, WINDOWS);
	uint32_t count = 1 + (uint32_t)rng_below(&world.rng, most);
	const uint32_t at =
		(uint32_t)rng_below(&world.rng, WINDOW_PAGES - count + 1);

	*count_out = count;
	return window * WINDOW_PAGES + at;
}

/* The same, mostly of pages that are used and no guards. */
static uint32_t some_used_range(unsigned s, uint32_t most, uint32_t *count_out)
{
	uint32_t first = some_range(most, count_out);
	uint32_t count;

	for (unsigned tries = 0; tries < 8; tries++) {
		for (count = 0; count < *count_out; count++) {
			const struct model_page *page =
				model_at(s, first + count);

			if (!page->used || page->guard != 0)
				break;
		}
		if (count > 0) {
			*count_out = chance(8) ? *count_out : count;
			return first;
		}
		first = some_range(most, count_out);
	}
	return first;
}

static struct model_page *used_at(unsigned s, uint32_t i)
{
	struct model_page *page = model_at(s, i);

	return page->used ? page : NULL;
}

/* Is a guard cut off from its region at an end of the range? */
static bool cuts_guard(unsigned s, uint32_t first, uint32_t count)
{
	const struct model_page *low = model_at(s, first);
	const struct model_page *high = model_at(s, first + count - 1);

	return (low->used && low->guard == 2) ||
	       (high->used && high->guard == 1);
}

/* Is a ring in the range; whole, if it is? */
static bool has_ring(unsigned s, uint32_t first, uint32_t count, bool *cut)
{
	bool any = false;

	*cut = false;
	for (uint32_t i = first; i < first + count; i++) {
		const struct model_page *page = used_at(s, i);

		if (page == NULL || page->kind != VMM_SPACE_RING ||
			page->guard != 0)
			continue;
		any = true;
		if (page->twin < first || page->twin >= first + count)
			*cut = true;
	}
	return any;
}

/* Mapping. */

struct want {
	struct vmm_space_request request;
	uint32_t count;
	uint32_t guard[2];
	uint32_t where;	 /* FIXED, HINT: the page */
	uint32_t window; /* of the request, or NO_PAGE */
	unsigned object;
	uint8_t name;
	int error;
};

static void want_kind(struct want *want)
{
	struct vmm_space_request *request = &want->request;
	const unsigned o = (unsigned)rng_below(&world.rng, WORLD_OBJECTS);

	want->count = 1 + (uint32_t)rng_below(&world.rng, 12);
	request->prot = some_prot();
	request->kind =
		(enum vmm_space_kind)rng_below(&world.rng, VMM_SPACE_KINDS);
	if (chance(2) && world.object[o].owned)
		request->kind = VMM_SPACE_OBJECT;
	if (request->kind == VMM_SPACE_OBJECT && !world.object[o].owned)
		request->kind = VMM_SPACE_ZERO;
	if (request->kind == VMM_SPACE_RESERVED)
		request->prot = 0;
	if (request->kind == VMM_SPACE_RING)
		want->count += want->count % 2;
	if (request->kind == VMM_SPACE_CONTIGUOUS)
		want->count = 1 + want->count % 5;
	if (request->kind == VMM_SPACE_PHYS) {
		want->count = 1 + want->count % DEVICE_PAGES;
		request->pa =
			WORLD_RAM +
			PAGE * (WORLD_DEVICE +
				       rng_below(&world.rng,
					       DEVICE_PAGES + 1 - want->count));
	}
	if (request->kind == VMM_SPACE_OBJECT) {
		const struct world_object *object = &world.object[o];
		const uint64_t at = rng_below(&world.rng, object->pages);

		want->object = o;
		request->object = &world.object[o].object;
		request->offset = at * PAGE;
		if (want->count > object->pages - at && !chance(8))
			want->count = (uint32_t)(object->pages - at);
		if (want->count > object->pages - at)
			want->error = VMM_ERANGE;
		request->flags |= chance(2) ? VMM_SPACE_SHARED : 0;
	} else {
		want->name = (uint8_t)rng_below(&world.rng, WORLD_NAMES);
		request->name = world_names[want->name];
	}
	request->flags |= chance(6) ? VMM_SPACE_KEEP : 0;
	request->flags |= chance(6) ? VMM_SPACE_NO_FORK : 0;
	if (chance(6) && request->kind != VMM_SPACE_RESERVED &&
		(request->prot & VMM_PT_READ) != 0)
		request->flags |= VMM_SPACE_EAGER;
}

static void want_place(struct want *want)
{
	static const unsigned policies[] = {0, 0, VMM_VMEM_FIRST_FIT,
		VMM_VMEM_LAST_FIT, VMM_VMEM_NEXT_FIT, VMM_VMEM_RANDOM};
	struct vmm_vmem_request *place = &want->request.place;
	const uint32_t window = (uint32_t)rng_below(&world.rng, WINDOWS);

	place->size = want->count * PAGE;
	for (unsigned i = 0; i < 2; i++) {
		want->guard[i] = chance(5) ? 1 : 0;
		place->guard[i] = want->guard[i] * PAGE;
	}
	place->entropy = rng_next(&world.rng);
	want->window = NO_PAGE;
	want->where = (uint32_t)(window * WINDOW_PAGES +
				 rng_below(&world.rng, WINDOW_PAGES));
	if (chance(2)) {
		place->flags = VMM_VMEM_FIXED;
		want->request.replace =
			chance(2) &&
			(want->request.flags & VMM_SPACE_EAGER) == 0;
		place->where = page_va(want->where);
		return;
	}
	if (chance(4)) {
		place->flags = VMM_VMEM_HINT;
		place->where = page_va(want->where);
		return;
	}
	place->flags = policies[rng_below(&world.rng, 6)];
	if (chance(3)) {
		want->window = window * WINDOW_PAGES;
		place->min = page_va(want->window);
		place->max = place->min + (WINDOW_PAGES * PAGE - 1);
	}
	if (chance(4))
		place->align = 4 * PAGE;
}

/* What must come of a fixed place. */
static int judge_fixed(unsigned s, const struct want *want)
{
	const uint32_t total = want->guard[0] + want->count + want->guard[1];
	const uint32_t first = want->where - want->guard[0];
	bool cut;

	if (want->error != VMM_OK)
		return want->error;
	if (want->where < want->guard[0] ||
		first / WINDOW_PAGES != want->where / WINDOW_PAGES ||
		!in_window(first, total))
		return VMM_ERANGE;
	for (uint32_t i = first; i < first + total; i++) {
		if (used_at(s, i) != NULL && !want->request.replace)
			return VMM_EEXIST;
	}
	has_ring(s, first, total, &cut);
	return cut ? VMM_EBUSY : VMM_OK;
}

/* Is there a free run of that many pages? With an alignment: nobody asks. */
static bool has_room(unsigned s, const struct want *want)
{
	const uint32_t total = want->guard[0] + want->count + want->guard[1];
	uint32_t run = 0;

	for (uint32_t i = 0; i < SPACE_PAGES; i++) {
		if (i % WINDOW_PAGES == 0)
			run = 0;
		run = used_at(s, i) != NULL ? 0 : run + 1;
		if (run >= total &&
			(want->window == NO_PAGE ||
				i / WINDOW_PAGES ==
					want->window / WINDOW_PAGES))
			return true;
	}
	return false;
}

static void check_place(unsigned s, const struct want *want, uint32_t at)
{
	const uint32_t total = want->guard[0] + want->count + want->guard[1];

	CHECK(at != NO_PAGE && in_window(at, want->count));
	CHECK(in_window(at - want->guard[0], total));
	for (uint32_t i = 0; i < total; i++)
		CHECK(used_at(s, at - want->guard[0] + i) == NULL);
	if (want->window != NO_PAGE)
		CHECK_EQ(at / WINDOW_PAGES, want->window / WINDOW_PAGES);
	if (want->request.place.align != 0)
		CHECK_EQ(page_va(at) % want->request.place.align, 0);
}

static void model_map(unsigned s, const struct want *want, uint32_t at)
{
	const struct vmm_space_request *request = &want->request;
	const uint32_t total = want->guard[0] + want->count + want->guard[1];

	for (uint32_t k = 0; k < total; k++) {
		const uint32_t i = at - want->guard[0] + k;
		const uint32_t in = i - at;
		struct model_page *page = model_at(s, i);

		*page = (struct model_page){.used = true,
			.kind = request->kind,
			.prot = request->prot,
			.flags = request->flags,
			.name = want->name,
			.object = (uint8_t)want->object};
		if (k < want->guard[0] || in >= want->count) {
			page->guard = k < want->guard[0] ? 1 : 2;
			continue;
		}
		page->own = request->kind == VMM_SPACE_CONTIGUOUS;
		if (request->kind == VMM_SPACE_OBJECT)
			page->at = (uint16_t)(request->offset / PAGE + in);
		if (request->kind == VMM_SPACE_PHYS)
			page->at = (uint16_t)(pool_index(request->pa) -
					      WORLD_DEVICE + in);
		if (request->kind == VMM_SPACE_RING)
			page->twin = in < want->count / 2 ? i + want->count / 2
							  : i - want->count / 2;
	}
}

static void map_fixed(unsigned s, struct want *want)
{
	const uint32_t total = want->guard[0] + want->count + want->guard[1];
	const uint32_t first = want->where - want->guard[0];
	struct world_call call = {.space = s, .first = 1, .last = 0};
	int error = judge_fixed(s, want);
	vmm_va_t va = 1;
	int err;

	if (error != VMM_ERANGE) {
		if (cuts_guard(s, first, total))
			return;
		call.first = first;
		call.last = first + total - 1;
		model_widen(s, &call.first, &call.last);
	}
	call.reads =
		want->request.kind == VMM_SPACE_OBJECT ? 1u << want->object : 0;
	if (!call_begin(&call))
		return;
	world_say(want->request.replace ? "replace" : "map", s, want->where,
		want->count);
	refuse_maybe();
	err = vmm_space_map(&world.space[s].space, &want->request, &va);
	if (call_worked(err, error)) {
		CHECK_EQ(va, page_va(want->where));
		model_unmap(s, first, total);
		model_map(s, want, want->where);
		world.did[want->request.replace ? DID_REPLACE : DID_MAP]++;
	} else {
		CHECK(va == 1 || world.spoiled);
	}
	if ((want->request.flags & VMM_SPACE_EAGER) != 0 && err == VMM_OK)
		model_learn(s, want->where, want->count);
	call_end();
}

static void map_anywhere(unsigned s, struct want *want)
{
	const struct world_call call = {.space = s,
		.first = 1,
		.last = 0,
		.free_too = true,
		.reads = want->request.kind == VMM_SPACE_OBJECT
				 ? 1u << want->object
				 : 0};
	const bool room = has_room(s, want);
	vmm_va_t va = 1;
	int err;

	if (!call_begin(&call))
		return;
	world_say(want->request.replace ? "replace" : "map", s, want->where,
		want->count);
	refuse_maybe();
	err = vmm_space_map(&world.space[s].space, &want->request, &va);
	if (want->error == VMM_OK && err == VMM_ENOSPC) {
		CHECK(!room || want->request.place.align != 0);
		want->error = VMM_ENOSPC;
	} else if (want->error == VMM_OK && err == VMM_OK) {
		/* Room at first, or since another call has made it. */
		CHECK(room || has_room(s, want));
	}
	if (call_worked(err, want->error)) {
		check_place(s, want, va_page(va));
		model_map(s, want, va_page(va));
		if ((want->request.flags & VMM_SPACE_EAGER) != 0)
			model_learn(s, va_page(va), want->count);
		world.did[DID_MAP]++;
	} else {
		CHECK(va == 1 || world.spoiled);
	}
	call_end();
}

void do_map(unsigned s)
{
	struct want want = {.error = VMM_OK};

	want_kind(&want);
	want_place(&want);
	if ((want.request.place.flags & VMM_VMEM_FIXED) != 0)
		map_fixed(s, &want);
	else
		map_anywhere(s, &want);
}

/* Ranges. */

static bool range_begin(
	unsigned s, uint32_t first, uint32_t count, const char *what)
{
	struct world_call call = {
		.space = s, .first = first, .last = first + count - 1};

	model_widen(s, &call.first, &call.last);
	if (!call_begin(&call))
		return false;
	world_say(what, s, first, count);
	refuse_maybe();
	return true;
}

void do_unmap(unsigned s)
{
	uint32_t count;
	const uint32_t first = chance(2) ? some_range(16, &count)
					 : some_used_range(s, 16, &count);
	bool cut;
	int err;

	if (cuts_guard(s, first, count) ||
		!range_begin(s, first, count, "unmap"))
		return;
	has_ring(s, first, count, &cut);
	err = vmm_space_unmap(
		&world.space[s].space, page_va(first), count * PAGE);
	if (call_worked(err, cut ? VMM_EBUSY : VMM_OK)) {
		model_unmap(s, first, count);
		world.did[DID_UNMAP]++;
	}
	call_end();
}

void do_discard(unsigned s)
{
	uint32_t count;
	const uint32_t first = some_used_range(s, 16, &count);

	if (!range_begin(s, first, count, "discard"))
		return;
	CHECK_EQ(vmm_space_discard(
			 &world.space[s].space, page_va(first), count * PAGE),
		VMM_OK);
	model_discard(s, first, count);
	world.did[DID_DISCARD]++;
	call_end();
}

void do_protect(unsigned s)
{
	const unsigned prot = some_prot();
	int want = VMM_OK;
	uint32_t count;
	const uint32_t first = some_used_range(s, 8, &count);
	bool cut;
	int err;

	if (!range_begin(s, first, count, "protect"))
		return;
	has_ring(s, first, count, &cut);
	for (uint32_t i = first; i < first + count; i++) {
		const struct model_page *page = used_at(s, i);

		if (page == NULL || page->guard != 0)
			want = VMM_ENOENT;
	}
	err = vmm_space_protect(
		&world.space[s].space, page_va(first), count * PAGE, prot);
	if (cut && (want == VMM_OK || err == VMM_EBUSY))
		want = VMM_EBUSY; /* one of two that are right */
	if (call_worked(err, want)) {
		for (uint32_t i = first; i < first + count; i++)
			model_protect(s, i, prot);
		world.did[DID_PROTECT]++;
	}
	call_end();
}

void do_clear(unsigned s)
{
	const bool all = chance(4);

	if (!chance(3) || !range_begin(s, 0, SPACE_PAGES, "clear"))
		return;
	world.fail_after = 0;
	if (all)
		vmm_space_purge(&world.space[s].space);
	else
		vmm_space_clear(&world.space[s].space);
	for (uint32_t i = 0; i < SPACE_PAGES; i++) {
		struct model_page *page = model_at(s, i);

		if (all || (page->flags & VMM_SPACE_KEEP) == 0)
			page->used = false;
	}
	world.did[DID_CLEAR]++;
	call_end();
}
