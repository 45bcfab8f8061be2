/* SPDX-License-Identifier: MIT */
/* Random calls about whole regions and spaces: move, fork, life and death. */
#include "support/space_world.h"

/* Moving. */

struct move {
	uint32_t from;
	uint32_t count; /* pages now */
	uint32_t size;	/* pages wanted */
	bool may_move;
	bool fixed;
	uint32_t where;
	bool guarded;
	enum vmm_space_kind kind;
};

/* A region that begins at a page; false: there is none near by. */
static bool some_region(unsigned s, struct move *move)
{
	struct vmm_space_region region;
	const uint32_t i = (uint32_t)rng_below(&world.rng, SPACE_PAGES);

	if (vmm_space_find(&world.space[s].space, page_va(i), true, &region) !=
		VMM_OK)
		return false;
	move->from = va_page(region.base);
	move->count = (uint32_t)(region.size / PAGE);
	move->kind = region.kind;
	move->guarded = region.guard[0] != 0 || region.guard[1] != 0;
	CHECK(move->from != NO_PAGE);
	return true;
}

static bool all_free(unsigned s, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++) {
		if (model_at(s, i)->used)
			return false;
	}
	return true;
}

/* Can it stay, and be as large as that? */
static bool can_stay(unsigned s, const struct move *move)
{
	const uint32_t more = move->size - move->count;

	if (move->size <= move->count)
		return true;
	return in_window(move->from, move->size) &&
	       all_free(s, move->from + move->count, more);
}

static bool grows_past(unsigned s, const struct move *move)
{
	const struct model_page *page = model_at(s, move->from);

	return page->kind == VMM_SPACE_OBJECT && move->size > move->count &&
	       page->at + move->size > world.object[page->object].pages;
}

static int judge_move(unsigned s, const struct move *move)
{
	if (move->size > move->count &&
		(move->kind == VMM_SPACE_RING ||
			move->kind == VMM_SPACE_STACK ||
			move->kind == VMM_SPACE_PHYS ||
			move->kind == VMM_SPACE_CONTIGUOUS))
		return VMM_ENOTSUP;
	if (grows_past(s, move))
		return VMM_ERANGE;
	if (move->fixed) {
		if (!in_window(move->where, move->size))
			return VMM_ERANGE;
		return all_free(s, move->where, move->size) ? VMM_OK
							    : VMM_EEXIST;
	}
	if (can_stay(s, move))
		return VMM_OK;
	if (!move->may_move)
		return VMM_ENOSPC;
	for (uint32_t i = 0; i < SPACE_PAGES; i++) {
		if (in_window(i, move->size) && all_free(s, i, move->size))
			return VMM_OK;
	}
	return VMM_ENOSPC;
}

static void model_move(unsigned s, const struct move *move, uint32_t to)
{
	static struct model_page moved[SPACE_PAGES];
	const struct model_page last =
		*model_at(s, move->from + move->count - 1);

	for (uint32_t i = 0; i < move->count; i++) {
		moved[i] = *model_at(s, move->from + i);
		moved[i].twin += to - move->from;
		model_at(s, move->from + i)->used = false;
	}
	for (uint32_t i = move->count; i < move->size; i++) {
		moved[i] = last;
		moved[i].own = false;
		moved[i].at = (uint16_t)(last.at + i - (move->count - 1));
	}
	for (uint32_t i = 0; i < move->size; i++)
		*model_at(s, to + i) = moved[i];
}

void do_move(unsigned s)
{
	struct world_call call = {.space = s, .last = SPACE_PAGES - 1};
	struct move move = {0};
	struct vmm_vmem_request place = {0};
	vmm_va_t va = 1;
	int want;
	int err;

	if (!call_begin(&call))
		return;
	if (!some_region(s, &move) || move.guarded) {
		call_end();
		return;
	}
	move.size = move.count;
	if (move.kind != VMM_SPACE_RING && move.kind != VMM_SPACE_STACK)
		move.size = 1 + (uint32_t)rng_below(&world.rng, move.count + 6);
	move.may_move = chance(2);
	move.fixed = move.may_move && chance(2);
	move.where = (uint32_t)rng_below(&world.rng, SPACE_PAGES);
	if (move.fixed) {
		place.flags = VMM_VMEM_FIXED;
		place.where = page_va(move.where);
	}
	want = judge_move(s, &move);
	refuse_maybe();
	world_say("move", s, move.from, move.size);
	err = vmm_space_move(&world.space[s].space, page_va(move.from),
		move.size * PAGE, move.may_move ? VMM_SPACE_MAY_MOVE : 0,
		move.fixed ? &place : NULL, &va);
	if (call_worked(err, want)) {
		const uint32_t to = va_page(va);

		CHECK(to != NO_PAGE && in_window(to, move.size));
		CHECK(!move.fixed || to == move.where);
		CHECK(move.fixed || !can_stay(s, &move) || to == move.from);
		CHECK(to == move.from || all_free(s, to, move.size));
		model_move(s, &move, to);
		world.did[DID_MOVE]++;
	} else {
		CHECK(va == 1 || world.spoiled);
	}
	call_end();
}

/* Forks. */

/* Room for a child; somebody may have to die for it. */
static unsigned child_space(unsigned parent)
{
	const unsigned any = (unsigned)rng_below(&world.rng, WORLD_SPACES);

	for (unsigned s = 0; s < WORLD_SPACES; s++) {
		if (!world.space[s].open && !world.space[s].reserved)
			return s;
	}
	if (world.calls > 0 || any == parent)
		return WORLD_SPACES;
	space_close(any);
	return any;
}

void do_fork(unsigned s)
{
	const unsigned child = child_space(s);
	struct world_call call = {
		.space = s, .last = SPACE_PAGES - 1, .reads = DEVICE_BIT - 1};
	struct world_space *it = &world.space[child % WORLD_SPACES];
	int err;

	if (child == WORLD_SPACES || !call_begin(&call))
		return;
	*it = (struct world_space){.reserved = true};
	vmm_pt_init(&it->live, world.format, NULL,
		(uint64_t)(uintptr_t)world.ram - WORLD_RAM,
		WORLD_RAM + PAGE * child);
	vmm_space_init(&it->space, &it->live, &world.hooks);
	refuse_maybe();
	world_say("fork", s, child, 0);
	err = vmm_space_fork(&it->space, &world.space[s].space,
		chance(3) ? VMM_FORK_COPY : VMM_FORK_COW);
	if (call_worked(err, VMM_OK)) {
		model_fork(child, s);
		it->open = true;
		it->reserved = false;
		for (uint32_t i = 0; i < SPACE_PAGES; i++)
			model_learn(child, i, 1);
		if (world.opened != NULL)
			world.opened(child);
		world.did[DID_FORK]++;
	} else {
		vmm_space_fini(&it->space);
		CHECK_EQ(it->live.table_count, 1);
		vmm_pt_fini(&it->live);
		it->reserved = false;
	}
	call_end();
}

/* Life and death. */

void do_life(unsigned s)
{
	const struct world_call call = {.space = s, .last = SPACE_PAGES - 1};
	struct world_space *it = &world.space[s];

	if (!it->open && !it->reserved && chance(6)) {
		space_open(s);
		return;
	}
	/* Some room for forks, but not always. */
	if (!chance(2) || !call_begin(&call))
		return;
	world_say("close", s, 0, 0);
	space_close(s);
	call_end();
}

void do_trim(unsigned s)
{
	const struct world_call call = {.space = s, .last = SPACE_PAGES - 1};

	if (!call_begin(&call))
		return;
	vmm_space_trim(&world.space[s].space);
	call_end();
}

void do_objects(void)
{
	const unsigned o = (unsigned)rng_below(&world.rng, WORLD_OBJECTS);
	struct world_object *it = &world.object[o];

	/* A slot is free again when the model has seen that it ended. */
	if (!it->made)
		object_make(o);
	else if (it->owned && chance(2))
		object_drop(o);
}

/* An object's user is not to leave while a call is about to be another one. */
static bool is_quiet(void)
{
	return world.calls == 0;
}

/* Less than half full, at times: so that there is something. */
static bool is_empty(unsigned s)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < SPACE_PAGES; i++)
		used += model_at(s, i)->used;
	return used < SPACE_PAGES / 2 && chance(3);
}

void world_step(void)
{
	const unsigned s = (unsigned)rng_below(&world.rng, WORLD_SPACES);
	const uint64_t what = rng_below(&world.rng, 40);

	if (!world.space[s].open || world.space[s].reserved || what >= 39) {
		do_life(s);
	} else if (what < 4 || is_empty(s)) {
		do_map(s);
	} else if (what < 7) {
		do_unmap(s);
	} else if (what < 8) {
		do_discard(s);
	} else if (what < 11) {
		do_protect(s);
	} else if (what < 13) {
		do_move(s);
	} else if (what < 15) {
		do_fork(s);
	} else if (what < 16) {
		do_clear(s);
	} else if (what < 17) {
		if (is_quiet())
			do_objects();
	} else if (what < 18) {
		do_trim(s);
	} else if (what < 24) {
		do_bytes(s);
	} else {
		do_access(s);
	}
}
