/* SPDX-License-Identifier: MIT */
/*
 * The model's choice of a place, sentence by sentence after the description of
 * vmm_vmem_xalloc().
 */
#include "support/test.h"
#include "support/vmem_model.h"

/* Is it well formed? */

static bool round_up(uint64_t bytes, uint64_t quantum, uint64_t *out)
{
	uint64_t over = bytes % quantum;

	*out = over == 0 ? bytes : bytes - over + quantum;
	return *out >= bytes;
}

static bool add(uint64_t *sum, uint64_t more)
{
	*sum += more;
	return *sum >= more;
}

/* Is a multiple of the boundary inside, behind the first byte? */
static bool crosses(const struct want *want, uint64_t body)
{
	return want->nocross != 0 &&
	       want->nocross - body % want->nocross < want->size;
}

/* One of the places modulo the boundary keeps from crossing. */
static bool boundary_ok(const struct want *want)
{
	for (uint64_t k = 0; k < 64; k++) {
		if (!crosses(want, want->phase + k * want->align))
			return true;
	}
	return false;
}

static bool is_pow2(uint64_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

static int want_of(const struct model *model,
	const struct vmm_vmem_request *request, struct want *want)
{
	const uint64_t quantum = model->quantum;
	bool fits;

	want->align = request->align > quantum ? request->align : quantum;
	want->phase = request->phase;
	want->nocross = request->nocross;
	want->min = request->min;
	want->max = request->max == 0 ? UINT64_MAX : request->max;
	if (request->size == 0 || want->min > want->max ||
		(request->align != 0 && !is_pow2(request->align)) ||
		(request->nocross != 0 && !is_pow2(request->nocross)) ||
		want->phase >= want->align || want->phase % quantum != 0)
		return VMM_EINVAL;
	fits = round_up(request->size, quantum, &want->size);
	for (unsigned i = 0; i < 2; i++)
		fits &= round_up(request->guard[i], quantum, &want->guard[i]) &&
			want->guard[i] / quantum <= UINT32_MAX;
	if (!fits)
		return VMM_ENOSPC;
	if (!boundary_ok(want))
		return VMM_EINVAL;
	want->total = want->size;
	if (!add(&want->total, want->guard[0]) ||
		!add(&want->total, want->guard[1]))
		return VMM_ENOSPC;
	want->certain = want->total;
	fits = add(&want->certain, want->align - quantum);
	if (want->nocross != 0)
		fits = add(&want->certain, want->size) &&
		       add(&want->certain, want->align) && fits;
	if (!fits)
		want->certain = UINT64_MAX;
	return VMM_OK;
}

/* Places in one segment. */

/* The bodies that the window and the guards leave of [low, high]. */
static bool bodies(const struct want *want, uint64_t *low, uint64_t *high)
{
	*low = *low > want->min ? *low : want->min;
	*high = *high < want->max ? *high : want->max;
	if (*low > *high || *high - *low < want->total - 1)
		return false;
	*low += want->guard[0];
	*high -= want->size + want->guard[1] - 1;
	return true;
}

/* The lowest place whose region begins at or above @from. */
static bool lowest(const struct want *want, const struct seg *seg,
	uint64_t from, uint64_t *base)
{
	uint64_t low = seg->base > from ? seg->base : from;
	uint64_t high = seg_last(seg);
	uint64_t skip;

	if (low > high || !bodies(want, &low, &high))
		return false;
	skip = (want->phase - low) % want->align;
	while (skip <= high - low) {
		*base = low + skip - want->guard[0];
		if (!crosses(want, low + skip))
			return true;
		if (want->align > high - low - skip)
			return false;
		skip += want->align;
	}
	return false;
}

static bool highest(
	const struct want *want, const struct seg *seg, uint64_t *base)
{
	uint64_t low = seg->base;
	uint64_t high = seg_last(seg);
	uint64_t skip;

	if (!bodies(want, &low, &high))
		return false;
	skip = (high - want->phase) % want->align;
	while (skip <= high - low) {
		*base = high - skip - want->guard[0];
		if (!crosses(want, high - skip))
			return true;
		if (want->align > high - low - skip)
			return false;
		skip += want->align;
	}
	return false;
}

/*
 * "The first one; in one of those tried, the one that ends with the region if
 * the first is not at its start." One that fits for certain is not tried.
 */
static bool best_place(
	const struct want *want, const struct seg *seg, uint64_t *base)
{
	uint64_t high;

	if (!lowest(want, seg, 0, base))
		return false;
	if (*base != seg->base && seg->size < want->certain &&
		highest(want, seg, &high) &&
		high + (want->total - 1) == seg_last(seg))
		*base = high;
	return true;
}

static bool is_candidate(const struct want *want, const struct seg *seg)
{
	return !seg->used && !seg->held && seg->size >= want->total;
}

static void note(struct outcomes *out, size_t seg, uint64_t base)
{
	CHECK(out->count < MODEL_SEGS);
	out->at[out->count++] = (struct outcome){seg, base};
}

/* By address. Whether one of the places is certainly found. */
static bool search(const struct model *model, struct outcomes *out,
	uint64_t from, bool down)
{
	const struct want *want = &out->want;
	size_t missed = 0;

	for (size_t i = 0; i < model->count; i++) {
		size_t at = down ? model->count - 1 - i : i;
		const struct seg *seg = &model->segs[at];
		uint64_t base;

		if (!is_candidate(want, seg))
			continue;
		if (down ? seg->base > from : seg_last(seg) < from)
			continue;
		if (down ? highest(want, seg, &base)
			 : lowest(want, seg, from, &base)) {
			note(out, at, base);
			if (missed < VMM_VMEM_PROBES / 4 ||
				seg->size >= want->certain)
				return true;
		}
		missed++;
	}
	return false;
}

/* By size. */

/* Is (size, base) of @a before that of @b? */
static bool key_before(const struct seg *a, const struct seg *b)
{
	return a->size < b->size || (a->size == b->size && a->base < b->base);
}

/* The candidate with the smallest key above that of @last, or NO_SEG. */
static size_t next_by_size(const struct model *model, const struct want *want,
	const struct seg *last, uint64_t at_least)
{
	size_t best = NO_SEG;

	for (size_t i = 0; i < model->count; i++) {
		const struct seg *seg = &model->segs[i];

		if (!is_candidate(want, seg) || seg->size < at_least ||
			(last != NULL && !key_before(last, seg)))
			continue;
		if (best == NO_SEG || key_before(seg, &model->segs[best]))
			best = i;
	}
	return best;
}

static bool has_bin(const struct model *model, const struct seg *seg)
{
	return model->bins && seg->size / model->quantum <= VMM_VMEM_BINS;
}

/*
 * Note what may be taken of the segments that stand for one try: @at alone, or
 * with bins all of its size. Sets @at to the last of them. Whether the
 * try certainly succeeds.
 */
static bool one_try(const struct model *model, struct outcomes *out, size_t *at)
{
	bool all = true;
	size_t first = *at;

	for (size_t i = first; i < model->count; i++) {
		const struct seg *seg = &model->segs[i];
		uint64_t base;

		if (i != first && (!has_bin(model, seg) ||
					  !is_candidate(&out->want, seg) ||
					  seg->size != model->segs[first].size))
			continue;
		*at = i;
		if (best_place(&out->want, seg, &base))
			note(out, i, base);
		else
			all = false;
		if (!has_bin(model, seg))
			break;
	}
	return all;
}

/* A look at a bin counts 1, a step in a tree 4. */
static bool best_fit(const struct model *model, struct outcomes *out)
{
	const struct want *want = &out->want;
	size_t at = next_by_size(model, want, NULL, 0);
	unsigned left = VMM_VMEM_PROBES;

	while (at != NO_SEG) {
		unsigned cost = has_bin(model, &model->segs[at]) ? 1 : 4;

		if (left == 0)
			break;
		left -= cost < left ? cost : left;
		if (one_try(model, out, &at))
			return true;
		at = next_by_size(model, want, &model->segs[at], 0);
	}
	at = next_by_size(model, want, NULL, want->certain);
	return at != NO_SEG && one_try(model, out, &at);
}

static bool has_window(const struct vmm_vmem_request *request)
{
	return request->min != 0 ||
	       (request->max != 0 && request->max != UINT64_MAX);
}

/* Not fixed. */
static bool choose(const struct model *model,
	const struct vmm_vmem_request *request, struct outcomes *out)
{
	const struct want *want = &out->want;
	uint64_t from = want->min;

	switch (request->flags & VMM_VMEM_POLICIES) {
	case VMM_VMEM_LAST_FIT:
		return search(model, out, want->max, true);
	case VMM_VMEM_NEXT_FIT:
		if (model->cursor > from && model->cursor <= want->max)
			from = model->cursor;
		return (from != want->min && search(model, out, from, false)) ||
		       search(model, out, want->min, false);
	case VMM_VMEM_RANDOM:
		/* Wherever it starts, in the end it starts at the bottom. */
		out->any = true;
		return search(model, out, want->min, false);
	case VMM_VMEM_FIRST_FIT:
		return search(model, out, want->min, false);
	default:
		return best_fit(model, out) ||
		       (has_window(request) &&
			       search(model, out, want->min, false));
	}
}

static int fixed(const struct model *model,
	const struct vmm_vmem_request *request, const struct want *want,
	struct outcome *at)
{
	const struct model_span *span;
	uint64_t base = request->where - want->guard[0];
	const struct seg *seg;

	if ((request->where - want->phase) % want->align != 0 ||
		crosses(want, request->where))
		return VMM_EINVAL;
	if (request->where < want->guard[0] || base < want->min ||
		base > want->max || want->max - base < want->total - 1)
		return VMM_ERANGE;
	span = model_span_of(model, base);
	if (span == NULL || want->total > span->size - (base - span->base))
		return VMM_ERANGE;
	at->base = base;
	at->seg = model_seg_of(model, base);
	seg = &model->segs[at->seg];
	if (seg->used || want->total > seg->size - (base - seg->base))
		return VMM_EEXIST;
	return VMM_OK;
}

/* Nodes that a cut takes but for the used tree, which may take one more. */
static size_t need_of(const struct model *model, const struct want *want,
	const struct outcome *at)
{
	const struct seg *seg = &model->segs[at->seg];
	uint64_t before = at->base - seg->base;

	return (size_t)(before != 0) +
	       (size_t)(seg->size - before != want->total);
}

static bool flags_ok(unsigned flags)
{
	unsigned ways = 0;

	for (unsigned bit = 1; bit != 0; bit <<= 1) {
		if ((flags & bit) == 0)
			continue;
		if ((bit & VMM_VMEM_FLAGS) == 0)
			return false;
		ways += (bit & (VMM_VMEM_POLICIES | VMM_VMEM_FIXED)) != 0;
	}
	return ways <= 1 && (flags & (VMM_VMEM_FIXED | VMM_VMEM_HINT)) !=
				    (VMM_VMEM_FIXED | VMM_VMEM_HINT);
}

void model_outcomes(const struct model *model,
	const struct vmm_vmem_request *request, size_t avail,
	struct outcomes *out)
{
	const unsigned flags = request->flags;
	struct outcome at;

	out->any = false;
	out->count = 0;
	out->err = VMM_EINVAL;
	if (!flags_ok(flags))
		return;
	out->err = want_of(model, request, &out->want);
	if (out->err == VMM_ENOSPC && (flags & VMM_VMEM_FIXED))
		out->err = VMM_ERANGE;
	if (out->err)
		return;
	if (flags & VMM_VMEM_FIXED) {
		out->err = fixed(model, request, &out->want, &at);
		if (!out->err)
			note(out, at.seg, at.base);
		return;
	}
	if ((flags & VMM_VMEM_HINT) &&
		fixed(model, request, &out->want, &at) == VMM_OK &&
		!model->segs[at.seg].held &&
		need_of(model, &out->want, &at) <= avail) {
		note(out, at.seg, at.base);
		if (need_of(model, &out->want, &at) < avail)
			return;
	}
	if ((has_window(request) || (flags & VMM_VMEM_POLICIES)) &&
		model->bins && !model->by_address)
		out->err = VMM_ENOTSUP;
	else if (!choose(model, request, out))
		out->err = VMM_ENOSPC;
}

/* Any place that satisfies the request. */
static bool suits(const struct model *model, const struct want *want,
	uint64_t base, struct outcome *at)
{
	uint64_t found;

	at->base = base;
	at->seg = model_seg_of(model, base);
	return at->seg != NO_SEG && is_candidate(want, &model->segs[at->seg]) &&
	       lowest(want, &model->segs[at->seg], base, &found) &&
	       found == base;
}

bool model_accepts(const struct model *model, const struct outcomes *out,
	size_t avail, int err, uint64_t base)
{
	struct outcome at;
	bool tight = out->any && out->count != 0 && avail < 3;

	for (size_t i = 0; i < out->count; i++) {
		size_t need = need_of(model, &out->want, &out->at[i]);

		/* The one more of the used tree may be missing. */
		tight = tight || need >= avail;
		if (err == VMM_OK && !out->any && out->at[i].base == base)
			return need <= avail;
	}
	if (err == VMM_OK && out->any)
		return suits(model, &out->want, base, &at) &&
		       need_of(model, &out->want, &at) <= avail;
	if (err == VMM_ENOMEM)
		return tight;
	return err != VMM_OK && err == out->err;
}
