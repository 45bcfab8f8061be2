/* SPDX-License-Identifier: MIT */
/*
 * A search for what may be held. A node is a table that walks could read at some
 * time, for addresses from a certain one on. Nodes wait in a list until they
 * have been looked into; each leads one level down, so the list comes to an
 * end.
 */
#ifndef VMM_MODEL_SEARCH_H
#define VMM_MODEL_SEARCH_H

#include "mmu_internal.h"

struct node {
	const struct space *space;
	uint64_t table; /* guest-physical in the first stage of a guest */
	unsigned level;
	uint64_t va;	    /* first address below this table */
	struct entry path;  /* what the entries above gave and took */
	bool now;	    /* the tables lead here now */
	struct blame blame; /* for the first stale entry above */
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

/* Is there a second stage to pass on the way to a table? */
bool mmu_has_second(const struct search *search);
/*
 * All values of one entry: candidates, and nodes for the tables that they point
 * to. @held_at is the page that it is held for, or NULL: its own.
 */
void mmu_look_index(struct search *search, const struct node *node,
	unsigned index, const uint64_t *held_at);

#endif /* VMM_MODEL_SEARCH_H */
