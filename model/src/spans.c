/* SPDX-License-Identifier: MIT */
/* Sets of epochs, as ascending spans. */
#include "mmu_internal.h"

#include <stdio.h>
#include <stdlib.h>

static void *checked(void *memory)
{
	if (memory == NULL) {
		fputs("vmm_mmu: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	return memory;
}

/* Zeroed. */
void *mmu_alloc(size_t count, size_t size)
{
	return checked(calloc(count, size));
}

/* Room for one more item than @count. */
void *mmu_grow(void *array, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return array;
	*room = *room == 0 ? 4 : *room * 2;
	return checked(realloc(array, *room * size));
}

void spans_free(struct spans *spans)
{
	free(spans->item);
	*spans = (struct spans){0};
}

void spans_push(struct spans *spans, uint64_t first, uint64_t last)
{
	struct span *end;

	if (first > last)
		return;
	end = spans->count == 0 ? NULL : &spans->item[spans->count - 1];
	/* Joined if it overlaps the last one or follows it at once. */
	if (end != NULL && (end->last == FOREVER || first <= end->last + 1)) {
		end->last = last > end->last ? last : end->last;
		return;
	}
	GROW(spans);
	spans->item[spans->count++] = (struct span){first, last};
}

void spans_copy(struct spans *into, const struct spans *from)
{
	into->count = 0;
	for (size_t i = 0; i < from->count; i++)
		spans_push(into, from->item[i].first, from->item[i].last);
}

void spans_clip(struct spans *spans, uint64_t first, uint64_t last)
{
	size_t kept = 0;

	for (size_t i = 0; i < spans->count; i++) {
		struct span span = spans->item[i];

		span.first = span.first < first ? first : span.first;
		span.last = span.last > last ? last : span.last;
		if (span.first <= span.last)
			spans->item[kept++] = span;
	}
	spans->count = kept;
}

void spans_and(struct spans *into, const struct spans *a, const struct spans *b)
{
	size_t i = 0;
	size_t j = 0;

	into->count = 0;
	while (i < a->count && j < b->count) {
		const struct span *x = &a->item[i];
		const struct span *y = &b->item[j];

		spans_push(into, x->first > y->first ? x->first : y->first,
			x->last < y->last ? x->last : y->last);
		if (x->last < y->last)
			i++;
		else
			j++;
	}
}

void spans_or(struct spans *into, const struct spans *other)
{
	struct spans merged = {0};
	size_t i = 0;
	size_t j = 0;

	while (i < into->count || j < other->count) {
		const struct span *next;

		if (j == other->count ||
			(i < into->count &&
				into->item[i].first <= other->item[j].first))
			next = &into->item[i++];
		else
			next = &other->item[j++];
		spans_push(&merged, next->first, next->last);
	}
	spans_free(into);
	*into = merged;
}

bool spans_has(const struct spans *spans, uint64_t epoch)
{
	for (size_t i = 0; i < spans->count; i++) {
		if (spans->item[i].first <= epoch &&
			epoch <= spans->item[i].last)
			return true;
	}
	return false;
}
