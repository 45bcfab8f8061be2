/* SPDX-License-Identifier: MIT */
#include "support/vmem_model.h"
#include "support/test.h"

size_t model_spans_in(const struct model *model)
{
	size_t count = 0;

	for (size_t i = 0; i < MODEL_SPANS; i++)
		count += model->spans[i].in;
	return count;
}

const struct model_span *model_span_of(const struct model *model, uint64_t addr)
{
	for (size_t i = 0; i < MODEL_SPANS; i++) {
		const struct model_span *span = &model->spans[i];

		if (span->in && addr >= span->base &&
			addr - span->base < span->size)
			return span;
	}
	return NULL;
}

size_t model_seg_of(const struct model *model, uint64_t addr)
{
	for (size_t i = 0; i < model->count; i++) {
		if (addr >= model->segs[i].base &&
			addr <= seg_last(&model->segs[i]))
			return i;
	}
	return NO_SEG;
}

size_t model_place_of(const struct model *model, uint64_t base)
{
	size_t at = model_seg_of(model, base);

	if (at == NO_SEG || !model->segs[at].used ||
		seg_place(&model->segs[at]) != base)
		return NO_SEG;
	return at;
}

size_t model_free_beside(const struct model *model, size_t at, bool above)
{
	size_t near = above ? at + 1 : at - 1;

	if ((!above && at == 0) || near >= model->count ||
		model->segs[near].used ||
		model_span_of(model, model->segs[near].base) !=
			model_span_of(model, model->segs[at].base))
		return NO_SEG;
	return near;
}

static void insert(struct model *model, size_t at, struct seg seg)
{
	CHECK(model->count < MODEL_SEGS);
	for (size_t i = model->count++; i > at; i--)
		model->segs[i] = model->segs[i - 1];
	model->segs[at] = seg;
}

void model_erase(struct model *model, size_t at)
{
	model->count--;
	for (size_t i = at; i < model->count; i++)
		model->segs[i] = model->segs[i + 1];
}

void model_add(struct model *model, size_t i)
{
	struct model_span *span = &model->spans[i];
	size_t at = 0;

	while (at < model->count && model->segs[at].base < span->base)
		at++;
	span->in = true;
	insert(model, at,
		(struct seg){.base = span->base,
			.size = span->size,
			.held = span->held});
}

void model_remove(struct model *model, size_t i)
{
	model_erase(model, model_seg_of(model, model->spans[i].base));
	model->spans[i].in = false;
}

size_t model_take(struct model *model, size_t at, uint64_t base, uint64_t size)
{
	const struct seg from = model->segs[at];
	uint64_t before = base - from.base;
	uint64_t after = from.size - before - size;

	CHECK(!from.used);
	model->segs[at] = (struct seg){
		.base = base, .size = size, .used = true, .held = from.held};
	if (after != 0)
		insert(model, at + 1,
			(struct seg){.base = base + size,
				.size = after,
				.held = from.held});
	if (before == 0)
		return at;
	insert(model, at,
		(struct seg){
			.base = from.base, .size = before, .held = from.held});
	return at + 1;
}

void model_release(struct model *model, size_t at)
{
	struct seg *seg = &model->segs[at];

	CHECK(seg->used);
	*seg = (struct seg){
		.base = seg->base, .size = seg->size, .held = seg->held};
	if (model_free_beside(model, at, true) != NO_SEG) {
		seg->size += seg[1].size;
		model_erase(model, at + 1);
	}
	if (model_free_beside(model, at, false) != NO_SEG) {
		seg[-1].size += seg->size;
		model_erase(model, at);
	}
}

void model_split(struct model *model, size_t at, uint64_t where)
{
	struct seg upper = model->segs[at];
	struct seg *lower = &model->segs[at];

	upper.base = where;
	upper.size -= where - lower->base;
	upper.guard[0] = 0;
	upper.handle = NULL;
	upper.embedded = false;
	lower->size = where - lower->base;
	lower->guard[1] = 0;
	insert(model, at + 1, upper);
}

void model_join(struct model *model, size_t at)
{
	struct seg *lower = &model->segs[at];

	lower->size += lower[1].size;
	lower->guard[1] = lower[1].guard[1];
	model_erase(model, at + 1);
}
