/* SPDX-License-Identifier: MIT */
/*
 * A walk over every entry of every table, broken ones included: it follows
 * what it is told to follow and trusts nothing. Private to src/pt.
 */
#ifndef VMM_PT_WALKER_H
#define VMM_PT_WALKER_H

#include "pt/pt_entry.h"

/* One table on the current path. */
struct vmm_pt_step {
	vmm_pa_t pa;
	vmm_va_t va; /* of its first entry */
	uint64_t at; /* the next entry */
	uint64_t used;
};

struct vmm_pt_walker {
	const struct vmm_pt *pt;
	struct vmm_pt_step path[VMM_PT_LEVELS_MAX]; /* by level */
	unsigned level;
	/* The entry that was found, and its address. */
	uint64_t entry;
	vmm_va_t va;
	uint64_t index;
};

static inline struct vmm_pt_step *vmm_pt_walker_step(struct vmm_pt_walker *w)
{
	return &w->path[w->level];
}

static inline void vmm_pt_walker_init(
	struct vmm_pt_walker *w, const struct vmm_pt *pt)
{
	w->pt = pt;
	w->level = vmm_pt_root_level(pt);
	*vmm_pt_walker_step(w) = (struct vmm_pt_step){pt->root, 0, 0, 0};
}

/* The next entry of the table that the walk is in; false at its end. */
static inline bool vmm_pt_walker_next(struct vmm_pt_walker *w)
{
	const struct vmm_pt_format *format = w->pt->format;
	struct vmm_pt_step *step = vmm_pt_walker_step(w);

	if (step->at == vmm_pt_entries(w->pt, w->level))
		return false;
	w->index = step->at++;
	w->entry = vmm_pt_load(vmm_pt_table(w->pt, step->pa) + w->index);
	w->va = step->va + ((vmm_va_t)w->index << vmm_pt_shift(w->level));
	/* The upper half of the addresses begins in the middle of the root. */
	if (format->sign_extended != 0 && w->va >> (format->va_bits - 1) == 1)
		w->va |= UINT64_MAX << (format->va_bits - 1);
	if (w->entry != 0)
		step->used++;
	return true;
}

/* Go on in the table that the entry just found points to. */
static inline void vmm_pt_walker_enter(struct vmm_pt_walker *w)
{
	vmm_pa_t pa = vmm_pt_entry_pa(w->pt->format, w->entry);

	w->level--;
	*vmm_pt_walker_step(w) = (struct vmm_pt_step){pa, w->va, 0, 0};
}

/* Go back up; false if the walk is over. */
static inline bool vmm_pt_walker_leave(struct vmm_pt_walker *w)
{
	w->level++;
	return w->level <= vmm_pt_root_level(w->pt);
}

#endif /* VMM_PT_WALKER_H */
