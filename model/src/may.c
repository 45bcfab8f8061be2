/* SPDX-License-Identifier: MIT */
/*
 * What a hart may hold, level by level; mmu_internal.h has the rules. A node is
 * a table that walks could read at some time, for addresses from a certain one
 * on. Nodes wait in a list until they have been looked into; since each leads
 * one level down, the list comes to an end.
 */
#include "mmu_internal.h"

#include <stdlib.h>

struct node {
	const struct space *space;
	uint64_t table; /* guest-physical in the first stage of a guest */
	unsigned level;
	uint64_t va;	   /* first address below this table */
	struct entry path; /* what the entries above gave and took */
	bool now;	   /* the tables lead here now */
	uint32_t blame;	   /* first stale entry above */
	unsigned blame_level;
	bool blame_leaf;
	struct spans reach;
};

struct nodes {
	struct node *item;
	size_t count;
	size_t room;
};

struct search {
	const struct vmm_mmu *mmu;
	const struct hart *hart;
	const struct question *question;
	const struct space *active; /* of the stage */
	struct candidates *out;
	struct nodes nodes;
};

/* One look at one entry: when, and of which value. */
struct look {
	const struct node *node;
	uint64_t va; /* first address of the entry */
	uint64_t entry_pa;
	unsigned index;
	bool now; /* the address is where the tables lead now */
	uint32_t blame;
	unsigned blame_level;
	bool blame_leaf;
	struct spans reach;
};

void candidates_free(struct candidates *list)
{
	for (size_t i = 0; i < list->count; i++)
		spans_free(&list->item[i].held);
	free(list->item);
	*list = (struct candidates){0};
}

bool mmu_usable(const struct vmm_mmu *mmu, const struct hart *hart,
	const struct candidate *candidate)
{
	const struct space *space =
		mmu_space_active(hart, candidate->space->stage);

	if (space == NULL || space->format != candidate->space->format ||
		(space->asid != candidate->space->asid && !candidate->entry.g))
		return false;
	return spans_has(&candidate->held, mmu->epoch);
}

/* The epochs in which an entry with this tag could be used to walk on. */
static void usable_in(const struct search *search, const struct space *space,
	bool global, struct spans *into)
{
	into->count = 0;
	for (size_t i = 0; i < search->hart->spaces.count; i++) {
		const struct space *other = search->hart->spaces.item[i];

		if (other->stage == space->stage &&
			other->format == space->format &&
			other->vmid == space->vmid &&
			(global || other->asid == space->asid))
			spans_or(into, &other->active_in);
	}
}

static struct candidate *add_candidate(struct search *search,
	const struct look *look, const struct entry *entry, uint64_t raw)
{
	struct candidate *candidate;

	GROW(search->out);
	candidate = &search->out->item[search->out->count++];
	*candidate = (struct candidate){
		.space = look->node->space,
		.va = look->va,
		.entry_pa = look->entry_pa,
		.raw = raw,
		.level = look->node->level,
		.entry = *entry,
		.now = look->now,
		.blame = look->blame,
		.blame_level = look->blame_level,
		.blame_leaf = look->blame_leaf,
	};
	return candidate;
}

/*
 * Does a fence by address reach the entry? Leaf entries, and absent ones of
 * the last level: they are what a leaf was or will be.
 */
static bool is_leaf(
	const struct search *search, const struct entry *entry, unsigned level)
{
	if (entry->kind == ENTRY_LEAF)
		return true;
	if (entry->kind == ENTRY_TABLE)
		return false;
	return level == 0 ||
	       (search->mmu->config.features & VMM_MMU_ABSENT_IS_LEAF) != 0;
}

/*
 * May the entry be cached at all? x86-64 caches nothing that is not present,
 * has a reserved bit set, or has A clear on its path (SDM 3A, 4.10.2.3). With
 * Svvptc an absent entry that became valid is not held for long.
 */
static bool cacheable(const struct search *search, const struct look *look,
	const struct entry *entry, const struct segment *segment)
{
	if (look->node->space->format->x86)
		return (entry->kind == ENTRY_LEAF ||
			       entry->kind == ENTRY_TABLE) &&
		       entry->a;
	if (entry->kind == ENTRY_ABSENT && segment->ended_by != NO_CHANGE &&
		(search->mmu->config.features & VMM_MMU_SVVPTC) != 0)
		return (search->mmu->changes.item[segment->ended_by].to & 1) ==
		       0;
	return true;
}

static void descend(struct search *search, const struct look *look,
	const struct entry *entry, const struct spans *held)
{
	struct spans active = {0};
	struct node *child;

	GROW(&search->nodes);
	child = &search->nodes.item[search->nodes.count];
	*child = (struct node){
		.space = look->node->space,
		.table = entry->pa,
		.level = look->node->level - 1,
		.va = look->va,
		.path = *entry,
		.now = look->now,
		.blame = look->blame,
		.blame_level = look->blame_level,
		.blame_leaf = look->blame_leaf,
	};
	usable_in(search, child->space, entry->g, &active);
	spans_and(&child->reach, held, &active);
	spans_free(&active);
	if (child->reach.count > 0)
		search->nodes.count++;
	else
		spans_free(&child->reach);
}

/* Could the entry ever be used in the space that is active? */
static bool could_match(const struct search *search, const struct node *node,
	const struct entry *entry)
{
	return entry->g || search->active == NULL ||
	       search->active->asid == node->space->asid;
}

/* A value of an entry, in the epochs in which it was there. */
static void look_value(struct search *search, const struct look *at,
	const struct segment *segment)
{
	const struct node *node = at->node;
	const struct format *format = node->space->format;
	struct look look = *at;
	struct held held = {.space = node->space, .va = look.va};
	struct spans loaded = {0};
	struct spans kept = {0};
	struct entry entry;

	spans_copy(&loaded, &at->reach);
	spans_clip(&loaded, segment->span.first, segment->span.last);
	if (loaded.count == 0)
		goto out;
	mmu_decode(format, mmu_features(search->mmu, search->hart), node->level,
		segment->raw, &entry);
	mmu_inherit(format, &node->path, &entry);
	if (entry.kind != ENTRY_TABLE && !could_match(search, node, &entry))
		goto out;
	held.leaf = is_leaf(search, &entry, node->level);
	held.global = entry.g;
	held.last = held.va + (mmu_span(&entry, node->level) - 1);
	look.now = at->now && segment->ended_by == NO_CHANGE;
	if (look.blame == NO_CHANGE) {
		look.blame = segment->ended_by;
		look.blame_level = node->level;
		look.blame_leaf = held.leaf;
	}
	if (cacheable(search, &look, &entry, segment))
		mmu_hold(search->hart, &held, &loaded, &kept);
	else if (look.now)
		spans_push(&kept, search->mmu->epoch, FOREVER);
	if (kept.count == 0)
		goto out;
	if (entry.kind == ENTRY_TABLE)
		descend(search, &look, &entry, &kept);
	if (entry.kind != ENTRY_TABLE || search->question->tables) {
		struct candidate *candidate =
			add_candidate(search, &look, &entry, segment->raw);

		candidate->leaf = held.leaf;
		candidate->held = kept;
		kept = (struct spans){0};
	}
out:
	spans_free(&loaded);
	spans_free(&kept);
}

/*
 * In a search for stale entries over all addresses: one that is what the tables
 * say, and has been nothing else while they could be read, is none.
 */
static bool skips(const struct search *search, const struct look *look,
	const struct segment *segment)
{
	return search->question->first != search->question->last && look->now &&
	       (segment->raw & 1) == 0 &&
	       segment->span.first <= look->reach.item[0].first;
}

/* All values of the entry at a physical address. */
static void look_entry(struct search *search, struct look *look)
{
	/* Watching is the only thing that a search changes. */
	struct vmm_mmu *mmu = (struct vmm_mmu *)(uintptr_t)search->mmu;
	const struct page *page = mmu_watch(mmu, look->entry_pa);
	const unsigned index = (unsigned)(look->entry_pa & (PAGE - 1)) / 8;
	struct segment segment;

	if (page == NULL) {
		const struct entry hole = {.kind = ENTRY_HOLE,
			.reason = VMM_MMU_NO_MEMORY,
			.g = look->node->path.g};
		struct candidate *candidate =
			add_candidate(search, look, &hole, 0);

		spans_copy(&candidate->held, &look->reach);
		return;
	}
	mmu_segment_newest(mmu, page, index, &segment);
	if (skips(search, look, &segment))
		return;
	do {
		look_value(search, look, &segment);
		/* What ended before the table could be read is of no use. */
	} while (segment.span.first > look->reach.item[0].first &&
		 mmu_segment_older(mmu, page, &segment));
}

/*
 * The entry of a guest's table, wherever the second stage has it. What is held
 * of the second stage limits when the entry can have been read there.
 */
static void look_behind(struct search *search, struct look *look)
{
	const uint64_t gpa = look->entry_pa;
	const struct spans reach = look->reach;
	const struct look before = *look;
	struct candidates second = {0};
	const struct question question = {.stage = STAGE_TWO,
		.vmid = look->node->space->vmid,
		.first = gpa,
		.last = gpa};

	mmu_may(search->mmu, search->hart, &question, &second);
	for (size_t i = 0; i < second.count; i++) {
		const struct candidate *c = &second.item[i];
		struct entry refused = {.kind = c->entry.kind == ENTRY_HOLE
							? ENTRY_HOLE
							: ENTRY_GUEST,
			.reason = c->entry.reason,
			.g = look->node->path.g};

		*look = before;
		look->reach = (struct spans){0};
		spans_and(&look->reach, &reach, &c->held);
		look->now = before.now && c->now;
		if (look->blame == NO_CHANGE) {
			look->blame = c->blame;
			look->blame_level = c->blame_level;
			look->blame_leaf = c->blame_leaf;
		}
		if (c->entry.kind == ENTRY_LEAF)
			refused.reason = mmu_permit(c->space->format,
				search->mmu->config.features, &c->entry,
				VMM_MMU_READ);
		if (look->reach.count > 0 &&
			refused.reason == VMM_MMU_NO_REASON) {
			look->entry_pa = mmu_leaf_pa(&c->entry, c->level, gpa);
			look_entry(search, look);
		} else if (look->reach.count > 0) {
			struct candidate *candidate =
				add_candidate(search, look, &refused, c->raw);

			spans_copy(&candidate->held, &look->reach);
		}
		spans_free(&look->reach);
	}
	candidates_free(&second);
	*look = before;
}

/* Is there a second stage to pass? */
static bool has_second(const struct search *search)
{
	return search->question->stage == STAGE_GUEST &&
	       mmu_format_riscv(search->hart->regs.hgatp, true) != NULL;
}

/* @held_at: the page that the entry is held for, or NULL: its own. */
static void look_index(struct search *search, const struct node *node,
	unsigned index, const uint64_t *held_at)
{
	const unsigned shift = mmu_shift(node->level);
	struct look look = {.node = node,
		.va = node->va + ((uint64_t)index << shift),
		.entry_pa = node->table + 8 * (uint64_t)index,
		.index = index,
		.now = node->now,
		.blame = node->blame,
		.blame_level = node->blame_level,
		.blame_leaf = node->blame_leaf,
		.reach = node->reach};

	/* Bits above the format's repeat the highest, or are 0. */
	if (node->space->format->sign &&
		node->level == node->space->format->levels - 1u) {
		const unsigned above = 64 - node->space->format->va_bits;

		look.va = (uint64_t)((int64_t)(look.va << above) >> above);
	}
	if (held_at != NULL) {
		look.va = *held_at;
		look.now = false;
	}
	if (has_second(search))
		look_behind(search, &look);
	else
		look_entry(search, &look);
}

/*
 * Chapter 13: an entry with N may be held for all sixteen pages of its group,
 * whatever the entries of the others say.
 */
static void look_napot(
	struct search *search, const struct node *node, unsigned index)
{
	const uint64_t page = search->question->first & ~(PAGE - 1);
	size_t kept = search->out->count;

	for (unsigned i = index & ~15u; i <= (index | 15u); i++) {
		size_t next = kept;

		if (i == index)
			continue;
		look_index(search, node, i, &page);
		for (; next < search->out->count; next++) {
			struct candidate *c = &search->out->item[next];

			if (c->entry.napot && c->entry.kind == ENTRY_LEAF)
				search->out->item[kept++] = *c;
			else
				spans_free(&c->held);
		}
		search->out->count = kept;
	}
}

static void look_into(struct search *search, const struct node *node)
{
	const struct question *question = search->question;
	const struct format *format = node->space->format;
	const unsigned root = format->levels - 1;
	const unsigned bits = node->level == root ? format->root_bits : 9;

	if (question->first == question->last) {
		const unsigned index =
			mmu_index(format, node->level, question->first);

		look_index(search, node, index, NULL);
		if (node->level == 0 &&
			(search->mmu->config.features & VMM_MMU_SVNAPOT) != 0)
			look_napot(search, node, index);
		return;
	}
	for (unsigned index = 0; index < 1u << bits; index++)
		look_index(search, node, index, NULL);
}

static void start(struct search *search, const struct space *space)
{
	struct node *node;

	GROW(&search->nodes);
	node = &search->nodes.item[search->nodes.count];
	*node = (struct node){.space = space,
		.table = space->root,
		.level = space->format->levels - 1,
		.now = space->active,
		.blame = NO_CHANGE};
	mmu_path_start(&node->path);
	spans_copy(&node->reach, &space->active_in);
	if (node->reach.count > 0)
		search->nodes.count++;
	else
		spans_free(&node->reach);
}

void mmu_may(const struct vmm_mmu *mmu, const struct hart *hart,
	const struct question *question, struct candidates *out)
{
	const struct space *active = mmu_space_active(hart, question->stage);
	struct search search = {mmu, hart, question, active, out, {0}};

	/* The active space last, so that it is looked into first. */
	for (size_t i = 0; i < hart->spaces.count; i++) {
		const struct space *space = hart->spaces.item[i];

		if (space != active && space->stage == question->stage &&
			space->vmid == question->vmid &&
			(question->first != question->last ||
				mmu_canonical(space->format, question->first)))
			start(&search, space);
	}
	if (active != NULL &&
		(question->first != question->last ||
			mmu_canonical(active->format, question->first)))
		start(&search, active);
	while (search.nodes.count > 0) {
		struct node node = search.nodes.item[--search.nodes.count];

		look_into(&search, &node);
		spans_free(&node.reach);
	}
	free(search.nodes.item);
}
