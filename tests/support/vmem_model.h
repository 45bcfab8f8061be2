/* SPDX-License-Identifier: MIT */
/*
 * A model of an arena: a sorted array of segments that is searched from end to
 * end. It decides by the words of the headers alone. Where these leave a choice
 * to the arena (which of equal sizes, with bins; what is passed over behind
 * VMM_VMEM_PROBES misses), it lists all that would be right.
 *
 * It does not know how the used tree divides into runs, only that a new region
 * may take one node for it: so with just as many nodes to spare as the
 * cut needs, success and VMM_ENOMEM are both right. That the count is exact
 * is for fault_vmem_calls.c to say.
 */
#ifndef VMEM_MODEL_H
#define VMEM_MODEL_H

#include <vmm/vmem.h>

#define MODEL_SEGS  6000
#define MODEL_SPANS 6

struct seg {
	uint64_t base; /* guards included */
	uint64_t size;
	uint64_t guard[2];
	uint64_t owner;
	const struct vmm_vmem_region *handle; /* used */
	unsigned use;
	bool used;
	bool held;
	bool embedded;
};

struct model_span {
	uint64_t base;
	uint64_t size;
	bool in;
	bool held;
};

struct model {
	struct seg segs[MODEL_SEGS];
	size_t count;
	struct model_span spans[MODEL_SPANS];
	uint64_t quantum;
	uint64_t cursor;
	bool bins;
	bool by_address;
};

#define NO_SEG ((size_t)-1)

/* The list. */

static inline uint64_t seg_last(const struct seg *seg)
{
	return seg->base + (seg->size - 1);
}

/* The first address between the guards, and the size there. */
static inline uint64_t seg_place(const struct seg *seg)
{
	return seg->base + seg->guard[0];
}

static inline uint64_t seg_body(const struct seg *seg)
{
	return seg->size - seg->guard[0] - seg->guard[1];
}

size_t model_spans_in(const struct model *model);
const struct model_span *model_span_of(
	const struct model *model, uint64_t addr);
/* The segment that holds @addr, or NO_SEG. */
size_t model_seg_of(const struct model *model, uint64_t addr);
/* The used segment whose place is @base, or NO_SEG. */
size_t model_place_of(const struct model *model, uint64_t base);
/* The free segment before (@above false) or after a segment in its span. */
size_t model_free_beside(const struct model *model, size_t at, bool above);

void model_add(struct model *model, size_t span);
void model_remove(struct model *model, size_t span);
/* Use [base, base + size) of the free segment @at. The new used segment. */
size_t model_take(struct model *model, size_t at, uint64_t base, uint64_t size);
/* Free the used segment @at. */
void model_release(struct model *model, size_t at);
/* Take segment @at, which is empty, out of the list. */
void model_erase(struct model *model, size_t at);
/* Cut the used segment @at in two. */
void model_split(struct model *model, size_t at, uint64_t where);
/* Make @at and the segment after it one. */
void model_join(struct model *model, size_t at);

/* Requests. */

struct want {
	uint64_t size; /* between the guards */
	uint64_t guard[2];
	uint64_t total;
	uint64_t align;
	uint64_t phase;
	uint64_t nocross;
	uint64_t min;
	uint64_t max;
	uint64_t certain; /* a place, wherever it begins */
};

struct outcome {
	size_t seg;
	uint64_t base; /* guards included */
};

/* All that the arena may answer. */
struct outcomes {
	int err;      /* not VMM_OK: this, unless a place is taken */
	bool any;     /* every place that suits: a random one */
	size_t count; /* else one of these */
	struct outcome at[MODEL_SEGS];
	struct want want;
};

/* @avail is the number of nodes that the request may take. */
void model_outcomes(const struct model *model,
	const struct vmm_vmem_request *request, size_t avail,
	struct outcomes *out);
/* Is @err, with a region at @base including guards, one of them? */
bool model_accepts(const struct model *model, const struct outcomes *out,
	size_t avail, int err, uint64_t base);

/* The arena beside the model. */

/* Regions, handles, tags, statistics, the count of nodes, and the check. */
void model_compare(const struct model *model, const struct vmm_vmem *arena);
/* All look-ups of one address. */
void model_compare_lookups(
	const struct model *model, const struct vmm_vmem *arena, uint64_t addr);

#endif /* VMEM_MODEL_H */
