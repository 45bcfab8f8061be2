/* SPDX-License-Identifier: MIT */
#include "support/trace_model.h"

#include <stdlib.h>
#include <string.h>

#define SPAN (CHUNK_PAGES * PAGE)

static struct trace_chunk **chunk_link(
	struct trace_process *process, vmm_va_t base)
{
	struct trace_chunk **link = &process->chunks;

	if (process->last != NULL && process->last->base < base)
		link = &process->last->next;
	while (*link != NULL && (*link)->base < base)
		link = &(*link)->next;
	return link;
}

struct trace_page *trace_look(struct trace_process *process, vmm_va_t va)
{
	const vmm_va_t base = va - va % SPAN;
	struct trace_chunk *chunk = process->last;

	if (chunk == NULL || chunk->base != base)
		chunk = *chunk_link(process, base);
	if (chunk == NULL || chunk->base != base)
		return NULL;
	process->last = chunk;
	return &chunk->page[va % SPAN / PAGE];
}

struct trace_page *trace_page(struct trace_process *process, vmm_va_t va)
{
	const vmm_va_t base = va - va % SPAN;
	struct trace_page *page = trace_look(process, va);
	struct trace_chunk **link;
	struct trace_chunk *chunk;

	if (page != NULL)
		return page;
	link = chunk_link(process, base);
	chunk = calloc(1, sizeof(*chunk));
	CHECK(chunk != NULL);
	chunk->base = base;
	chunk->next = *link;
	*link = chunk;
	return trace_look(process, va);
}

void trace_unmap(struct trace_process *process, vmm_va_t va, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += PAGE) {
		struct trace_page *page = trace_look(process, va + at);

		if (page == NULL || !page->used)
			continue;
		page->used = false;
		process->used--;
	}
}

uint64_t trace_used(struct trace_process *process, vmm_va_t va, uint64_t size)
{
	uint64_t used = 0;

	for (uint64_t at = 0; at < size; at += PAGE) {
		const struct trace_page *page = trace_look(process, va + at);

		used += page != NULL && page->used;
	}
	return used;
}

void trace_clear(struct trace_process *process)
{
	while (process->chunks != NULL) {
		struct trace_chunk *chunk = process->chunks;

		process->chunks = chunk->next;
		free(chunk);
	}
	process->last = NULL;
	process->used = 0;
}

void trace_copy(struct trace_process *to, const struct trace_process *from)
{
	struct trace_chunk **link = &to->chunks;
	const struct trace_chunk *chunk;

	CHECK(to->chunks == NULL);
	for (chunk = from->chunks; chunk != NULL; chunk = chunk->next) {
		*link = malloc(sizeof(*chunk));
		CHECK(*link != NULL);
		memcpy(*link, chunk, sizeof(*chunk));
		(*link)->next = NULL;
		link = &(*link)->next;
	}
	to->used = from->used;
}
