/* SPDX-License-Identifier: MIT */
/*
 * Peer: two-level segregated fit over external headers, freed by handle, as a
 * library could offer it. Classes, lists and merging are those of tlsf.c. What
 * it has beside them, and ours has too:
 *
 *   - arenas of any quantum, at any 64-bit address; sizes are bytes, rounded up
 *   - headers in donated memory, wherever it lies: links are pointers
 *   - a request without a spare header is refused before anything changes, and
 *     so is one of no bytes or of more than there can be
 *   - a handle is refused if it is none of a used region of this arena, above
 *     all if it was freed before
 *   - the bytes in use, their peak, and the regions, used and free
 *
 * It cannot look up an address, nor place a region at one.
 */
#include "vmem/tlsf.h"

#include <vmm/types.h>

#define FIRST_COUNT (64u - SECOND_SHIFT + 1)

struct header {
	uint64_t base; /* bytes */
	uint64_t size; /* quanta */
	/* By address; a border, which is nobody's and not free, on both ends. */
	struct header *before;
	struct header *after;
	/* Free: in the list of its class. */
	struct header *newer;
	struct header *older;
	const void *owner; /* of a used region; NULL: it is free */
};

struct full {
	unsigned shift;
	uint64_t first;		      /* bit: a class of this first level */
	uint32_t second[FIRST_COUNT]; /* bit: a region in the class */
	struct header *spare;	      /* through after */
	struct header *head[FIRST_COUNT][SECOND_COUNT];
	uint64_t used; /* quanta */
	uint64_t used_peak;
	size_t used_count;
	size_t free_count;
	struct header border;
	_Alignas(64) struct header headers[];
};

static void list_insert(struct full *tlsf, struct header *header)
{
	struct class class = class_of(header->size);
	struct header **head = &tlsf->head[class.first][class.second];

	header->newer = NULL;
	header->older = *head;
	if (*head != NULL)
		(*head)->newer = header;
	*head = header;
	tlsf->first |= UINT64_C(1) << class.first;
	tlsf->second[class.first] |= 1u << class.second;
	tlsf->free_count++;
}

static void head_removed(
	struct full *tlsf, struct class class, struct header *older)
{
	tlsf->head[class.first][class.second] = older;
	if (older != NULL) {
		older->newer = NULL;
		return;
	}
	tlsf->second[class.first] &= ~(1u << class.second);
	if (tlsf->second[class.first] == 0)
		tlsf->first &= ~(UINT64_C(1) << class.first);
}

static void list_remove(struct full *tlsf, struct header *header)
{
	tlsf->free_count--;
	if (header->newer == NULL) {
		head_removed(tlsf, class_of(header->size), header->older);
		return;
	}
	header->newer->older = header->older;
	if (header->older != NULL)
		header->older->newer = header->newer;
}

static void release(struct full *tlsf, struct header *header)
{
	header->owner = NULL;
	header->after = tlsf->spare;
	tlsf->spare = header;
}

/* Cut @header's region after @quanta. Neither part is in a list afterwards.
   Returns the second. */
static struct header *split(
	struct full *tlsf, struct header *header, uint64_t quanta)
{
	struct header *rest = tlsf->spare;

	tlsf->spare = rest->after;
	rest->base = header->base + vmm_shift_left(quanta, tlsf->shift);
	rest->size = header->size - quanta;
	rest->owner = NULL;
	rest->before = header;
	rest->after = header->after;
	rest->after->before = rest;
	header->after = rest;
	header->size = quanta;
	return rest;
}

/* The newest region that surely has @quanta, or NULL. Nothing changes. */
static struct header *choose(const struct full *tlsf, uint64_t quanta)
{
	struct class class = class_for(quanta);
	uint32_t second = tlsf->second[class.first] & (~0u << class.second);

	if (second == 0) {
		uint64_t first = tlsf->first & (~UINT64_C(1) << class.first);

		if (first == 0)
			return NULL;
		class.first = (unsigned)__builtin_ctzll(first);
		second = tlsf->second[class.first];
	}
	class.second = (unsigned)__builtin_ctz(second);
	return tlsf->head[class.first][class.second];
}

/* Bytes as quanta; 0 if they are none, or too many. */
static uint64_t quanta_of(const struct full *tlsf, uint64_t size)
{
	uint64_t quanta = vmm_shift_right(size - 1, tlsf->shift) + 1;

	return size != 0 && quanta < UINT64_C(1) << 63 ? quanta : 0;
}

static struct header *become_used(struct full *tlsf, struct header *header)
{
	header->owner = tlsf;
	tlsf->used_count++;
	tlsf->used += header->size;
	if (tlsf->used > tlsf->used_peak)
		tlsf->used_peak = tlsf->used;
	return header;
}

static struct header *full_alloc(struct full *tlsf, uint64_t size)
{
	uint64_t quanta = quanta_of(tlsf, size);
	struct header *header;

	if (quanta == 0)
		return NULL;
	header = choose(tlsf, quanta);
	if (header == NULL || (header->size != quanta && tlsf->spare == NULL))
		return NULL;
	list_remove(tlsf, header);
	if (header->size != quanta)
		list_insert(tlsf, split(tlsf, header, quanta));
	return become_used(tlsf, header);
}

/* An aligned place is sure to be in size + align - 1. What lies before it is
   cut off as a free region of its own. */
static struct header *full_alloc_aligned(
	struct full *tlsf, uint64_t size, uint64_t align)
{
	uint64_t quanta = quanta_of(tlsf, size);
	uint64_t mask = vmm_shift_right(align, tlsf->shift) - 1;
	struct header *header;
	uint64_t before;

	if (quanta == 0 || (align & (align - 1)) != 0)
		return NULL;
	header = choose(tlsf, quanta + mask);
	if (header == NULL || tlsf->spare == NULL || tlsf->spare->after == NULL)
		return NULL;
	list_remove(tlsf, header);
	before = -vmm_shift_right(header->base, tlsf->shift) & mask;
	if (before != 0) {
		struct header *front = header;

		header = split(tlsf, header, before);
		list_insert(tlsf, front);
	}
	if (header->size != quanta)
		list_insert(tlsf, split(tlsf, header, quanta));
	return become_used(tlsf, header);
}

static int full_free(struct full *tlsf, struct header *header)
{
	struct header *before;
	struct header *after;

	if (header == NULL || header->owner != tlsf)
		return -1;
	before = header->before;
	after = header->after;
	header->owner = NULL;
	tlsf->used_count--;
	tlsf->used -= header->size;
	if (after->owner == NULL) {
		list_remove(tlsf, after);
		header->size += after->size;
		header->after = after->after;
		header->after->before = header;
		release(tlsf, after);
	}
	if (before->owner == NULL) {
		list_remove(tlsf, before);
		before->size += header->size;
		before->after = header->after;
		before->after->before = before;
		release(tlsf, header);
		header = before;
	}
	list_insert(tlsf, header);
	return 0;
}

static uint64_t token_of(const struct header *header)
{
	return (uint64_t)(uintptr_t)header;
}

static struct header *header_of(uint64_t token)
{
	return (struct header *)(uintptr_t)token;
}

static uint64_t alloc(void *arena, uint64_t size)
{
	return token_of(full_alloc(arena, size));
}

static uint64_t alloc_aligned(void *arena, uint64_t size, uint64_t align)
{
	return token_of(full_alloc_aligned(arena, size, align));
}

static int free_region(void *arena, uint64_t token, uint64_t size)
{
	(void)size;
	return full_free(arena, header_of(token));
}

static uint64_t base(void *arena, uint64_t token)
{
	(void)arena;
	return header_of(token)->base;
}

/* Between used regions at most as many free ones, one at the end, and what an
   aligned request may need. */
static size_t memory(size_t regions)
{
	return sizeof(struct full) + (2 * regions + 4) * sizeof(struct header);
}

static void open(void *arena, size_t memory_size)
{
	struct full *tlsf = arena;
	size_t count =
		(memory_size - sizeof(struct full)) / sizeof(struct header);
	struct header *all = tlsf->headers;

	*tlsf = (struct full){.shift = PAGE_SHIFT};
	/* Of no arena that a caller could name. */
	tlsf->border.owner = &tlsf->border;
	for (size_t i = count - 1; i > 0; i--)
		release(tlsf, &tlsf->headers[i]);
	*all = (struct header){
		.base = VMEM_BASE,
		.size = VMEM_SPAN >> PAGE_SHIFT,
		.before = &tlsf->border,
		.after = &tlsf->border,
	};
	list_insert(tlsf, all);
}

static void footprint(void *arena, struct vmem_footprint *footprint_out)
{
	const struct full *tlsf = arena;
	size_t regions = tlsf->used_count + tlsf->free_count;

	*footprint_out = (struct vmem_footprint){
		.regions = regions,
		.used = tlsf->used_count,
		.nodes = regions * sizeof(struct header),
		.fixed = sizeof(*tlsf),
	};
}

const struct vmem_peer vmem_tlsf_full = {
	.name = "tlsf-full/handle",
	.memory = memory,
	.open = open,
	.alloc = alloc,
	.free = free_region,
	.base = base,
	.footprint = footprint,
	.alloc_aligned = alloc_aligned,
};
