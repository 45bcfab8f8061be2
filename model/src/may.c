/* SPDX-License-Identifier: MIT */
/*
 * What a hart may hold, level by level from the roots of the spaces that it has
 * used.
 */
#include "search.h"

#include <stdlib.h>

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

/*
 * Svnapot: an entry with N may be held for all sixteen pages of its group,
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
		mmu_look_index(search, node, i, &page);
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

/*
 * Absent, never anything else, and either what the tables say or of no use to
 * the space that is active: most entries are, so they are passed in one look.
 */
static bool is_quiet(const struct search *search, const struct node *node,
	const struct page *page, unsigned index)
{
	return (page->copy[index] & 1) == 0 && page->last[index] == NO_CHANGE &&
	       (node->now ||
		       (!node->path.g && search->active != NULL &&
			       search->active->asid != node->space->asid));
}

/* Every entry of a table. */
static void look_all(struct search *search, const struct node *node)
{
	struct vmm_mmu *mmu = (struct vmm_mmu *)(uintptr_t)search->mmu;
	const struct format *format = node->space->format;
	const unsigned bits =
		node->level == format->levels - 1 ? format->root_bits : 9;
	const bool direct = !mmu_has_second(search);
	const struct page *page = NULL;

	for (unsigned index = 0; index < 1u << bits; index++) {
		if (direct && index % ENTRIES == 0)
			page = mmu_watch(
				mmu, node->table + UINT64_C(8) * index);
		if (page == NULL ||
			!is_quiet(search, node, page, index % ENTRIES))
			mmu_look_index(search, node, index, NULL);
	}
}

static void look_into(struct search *search, const struct node *node)
{
	const struct question *question = search->question;
	const struct format *format = node->space->format;

	if (question->first == question->last) {
		const unsigned index =
			mmu_index(format, node->level, question->first);

		mmu_look_index(search, node, index, NULL);
		if (node->level == 0 &&
			(search->mmu->config.features & VMM_MMU_SVNAPOT) != 0)
			look_napot(search, node, index);
		return;
	}
	look_all(search, node);
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
		.blame = {.change = NO_CHANGE}};
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
