/* SPDX-License-Identifier: MIT */
/*
 * One entry: all the values that it has had while walks could read it, and how
 * long each may be held. mmu_internal.h has the rules.
 */
#include "search.h"

/* One look at one entry: when, and of which value. */
struct look {
	const struct node *node;
	uint64_t va; /* first address of the entry */
	uint64_t entry_pa;
	unsigned index;
	bool now; /* the address is where the tables lead now */
	struct blame blame;
	struct spans reach;
};

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
	};
	return candidate;
}

/*
 * How fences see a value. What is held is judged by itself; but a fence also has
 * to order the store that replaced it, and that is judged by what was stored.
 * 12.2.1, in the list of common situations: a change of a non-leaf entry needs
 * rs1 = x0, and one of a global entry rs2 = x0. An absent entry takes after the
 * other of the two; where both are absent, after its level.
 */
static void classify(const struct search *search, const struct node *node,
	const struct entry *entry, const struct segment *segment,
	struct held *held)
{
	const bool lenient = (search->mmu->config.features &
				     VMM_MMU_ADDRESS_ORDERS_LINKS) != 0;
	struct entry next = {.kind = ENTRY_ABSENT};

	held->leaf = entry->kind != ENTRY_TABLE &&
		     (entry->kind == ENTRY_LEAF || node->level == 0 || lenient);
	held->global = entry->g;
	held->leaf_after = held->leaf;
	held->global_after = held->global;
	held->until = segment->span.last;
	/* What x86-64 takes and orders depends on what is held alone. */
	if (node->space->format->x86 || segment->ended_by == NO_CHANGE)
		return;
	mmu_decode(node->space->format, search->mmu->config.features,
		node->level, search->mmu->changes.item[segment->ended_by].to,
		&next);
	held->global_after = held->global || next.g;
	if (next.kind == ENTRY_TABLE && !lenient)
		held->leaf_after = false;
	else if (next.kind == ENTRY_LEAF && entry->kind != ENTRY_TABLE)
		held->leaf_after = true;
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
	classify(search, node, &entry, segment, &held);
	held.last = held.va + (mmu_span(&entry, node->level) - 1);
	look.now = at->now && segment->ended_by == NO_CHANGE;
	if (look.blame.change == NO_CHANGE)
		look.blame = (struct blame){segment->ended_by, node->level,
			held.leaf_after, held.global_after};
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
		if (look->blame.change == NO_CHANGE)
			look->blame = c->blame;
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

bool mmu_has_second(const struct search *search)
{
	return search->question->stage == STAGE_GUEST &&
	       mmu_format_riscv(search->hart->regs.hgatp, true) != NULL;
}

void mmu_look_index(struct search *search, const struct node *node,
	unsigned index, const uint64_t *held_at)
{
	const unsigned shift = mmu_shift(node->level);
	struct look look = {.node = node,
		.va = node->va + ((uint64_t)index << shift),
		.entry_pa = node->table + 8 * (uint64_t)index,
		.index = index,
		.now = node->now,
		.blame = node->blame,
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
	if (mmu_has_second(search))
		look_behind(search, &look);
	else
		look_entry(search, &look);
}
