/* SPDX-License-Identifier: MIT */
/*
 * Peer: two-level segregated fit (Masmano, Ripoll, Crespo, Real 2004) over
 * external headers, freed by handle. Nothing in it but what such an allocator
 * needs, so that nobody can say it was slow by neglect.
 *
 * A header is 32 bytes, half a cache line, and links are indices of 32 bits.
 * Free regions of a size class (tlsf.h) are in a list, newest first. Two levels
 * of bitmaps find the first class that is large enough for certain and not
 * empty: a request is rounded up to its class's next border, which makes this a
 * good fit and not the best. Headers are also linked by address, for merging,
 * and a spare header is taken from a list. All of it is O(1).
 *
 * It cannot look up an address, nor place a region at one. It also leaves out
 * what anybody who used it would miss: see tlsf_full.c for the same with that.
 */
#include "vmem/tlsf.h"

#define FIRST_COUNT (64u - PAGE_SHIFT - SECOND_SHIFT + 1)

/* No header: index 0 stands before the first region and after the last, and
   ends every list. It is used, so nothing merges with it. */
#define NONE 0u

struct header {
	uint64_t base;	/* pages */
	uint64_t pages; /* twice the size, and 1 if the region is used */
	uint32_t before;
	uint32_t after;
	uint32_t newer; /* in the list of its class; NONE in its head */
	uint32_t older;
};
_Static_assert(sizeof(struct header) == 32, "two in a cache line");

struct tlsf {
	uint64_t first;		      /* bit: a class of this first level */
	uint32_t second[FIRST_COUNT]; /* bit: a region in the class */
	uint32_t spare;		      /* headers, through after */
	uint32_t head[FIRST_COUNT][SECOND_COUNT];
	size_t region_count;
	_Alignas(64) struct header headers[];
};

static void list_insert(struct tlsf *tlsf, uint32_t at)
{
	struct header *header = &tlsf->headers[at];
	struct class class = class_of(header->pages >> 1);
	uint32_t *head = &tlsf->head[class.first][class.second];

	header->newer = NONE;
	header->older = *head;
	tlsf->headers[*head].newer = at; /* of NONE too: no branch */
	*head = at;
	tlsf->first |= UINT64_C(1) << class.first;
	tlsf->second[class.first] |= 1u << class.second;
}

static void head_removed(struct tlsf *tlsf, struct class class, uint32_t older)
{
	tlsf->head[class.first][class.second] = older;
	if (older != NONE)
		return;
	tlsf->second[class.first] &= ~(1u << class.second);
	if (tlsf->second[class.first] == 0)
		tlsf->first &= ~(UINT64_C(1) << class.first);
}

static void list_remove(struct tlsf *tlsf, const struct header *header)
{
	tlsf->headers[header->older].newer = header->newer;
	if (header->newer != NONE)
		tlsf->headers[header->newer].older = header->older;
	else
		head_removed(tlsf, class_of(header->pages >> 1), header->older);
}

static void release(struct tlsf *tlsf, uint32_t at)
{
	tlsf->headers[at].after = tlsf->spare;
	tlsf->spare = at;
	tlsf->region_count--;
}

/* Cut @header's region after @pages. Neither part is in a list afterwards.
   Returns the second. */
static uint32_t split(struct tlsf *tlsf, struct header *header, uint64_t pages)
{
	uint32_t at = tlsf->spare;
	struct header *rest = &tlsf->headers[at];

	tlsf->spare = rest->after;
	tlsf->region_count++;
	rest->base = header->base + pages;
	rest->pages = header->pages - 2 * pages;
	rest->before = (uint32_t)(header - tlsf->headers);
	rest->after = header->after;
	tlsf->headers[rest->after].before = at;
	header->after = at;
	header->pages = 2 * pages;
	return at;
}

/* Take the newest region that surely has @pages out of its list. */
static struct header *take(struct tlsf *tlsf, uint64_t pages)
{
	struct class class = class_for(pages);
	uint32_t second = tlsf->second[class.first] & (~0u << class.second);
	struct header *header;

	if (second == 0) {
		uint64_t first = tlsf->first & (~UINT64_C(1) << class.first);

		if (first == 0)
			return NULL;
		class.first = (unsigned)__builtin_ctzll(first);
		second = tlsf->second[class.first];
	}
	class.second = (unsigned)__builtin_ctz(second);
	header = &tlsf->headers[tlsf->head[class.first][class.second]];
	tlsf->headers[header->older].newer = NONE;
	head_removed(tlsf, class, header->older);
	return header;
}

static uint64_t alloc(void *arena, uint64_t size)
{
	struct tlsf *tlsf = arena;
	uint64_t pages = size >> PAGE_SHIFT;
	struct header *header = take(tlsf, pages);

	if (header == NULL)
		return 0;
	if (header->pages != 2 * pages)
		list_insert(tlsf, split(tlsf, header, pages));
	header->pages |= 1;
	return (uint64_t)(header - tlsf->headers);
}

/* An aligned place is sure to be in size + align - 1. What lies before it is
   cut off as a free region of its own. */
static uint64_t alloc_aligned(void *arena, uint64_t size, uint64_t align)
{
	struct tlsf *tlsf = arena;
	uint64_t pages = size >> PAGE_SHIFT;
	uint64_t mask = (align >> PAGE_SHIFT) - 1;
	struct header *header = take(tlsf, pages + mask);
	uint64_t before;

	if (header == NULL)
		return 0;
	before = -header->base & mask;
	if (before != 0) {
		uint32_t front = (uint32_t)(header - tlsf->headers);

		header = &tlsf->headers[split(tlsf, header, before)];
		list_insert(tlsf, front);
	}
	if (header->pages != 2 * pages)
		list_insert(tlsf, split(tlsf, header, pages));
	header->pages |= 1;
	return (uint64_t)(header - tlsf->headers);
}

static int free_region(void *arena, uint64_t token, uint64_t size)
{
	struct tlsf *tlsf = arena;
	uint32_t at = (uint32_t)token;
	struct header *header = &tlsf->headers[at];
	struct header *before = &tlsf->headers[header->before];
	struct header *after = &tlsf->headers[header->after];

	(void)size;
	header->pages &= ~UINT64_C(1);
	if ((after->pages & 1) == 0) {
		list_remove(tlsf, after);
		header->pages += after->pages;
		header->after = after->after;
		tlsf->headers[header->after].before = at;
		release(tlsf, (uint32_t)(after - tlsf->headers));
	}
	if ((before->pages & 1) == 0) {
		list_remove(tlsf, before);
		before->pages += header->pages;
		before->after = header->after;
		tlsf->headers[header->after].before = header->before;
		at = header->before;
		release(tlsf, (uint32_t)token);
	}
	list_insert(tlsf, at);
	return 0;
}

static uint64_t base(void *arena, uint64_t token)
{
	struct tlsf *tlsf = arena;

	return tlsf->headers[token].base << PAGE_SHIFT;
}

/* Between used regions at most as many free ones, one at the end, and NONE. */
static size_t memory(size_t regions)
{
	return sizeof(struct tlsf) + (2 * regions + 2) * sizeof(struct header);
}

static void open(void *arena, size_t memory_size)
{
	struct tlsf *tlsf = arena;
	uint32_t count = (uint32_t)((memory_size - sizeof(struct tlsf)) /
				    sizeof(struct header));

	*tlsf = (struct tlsf){.region_count = 1, .spare = 2};
	for (uint32_t i = 2; i < count; i++)
		tlsf->headers[i].after = i + 1;
	tlsf->headers[NONE] = (struct header){.pages = 1};
	tlsf->headers[1] = (struct header){
		.base = VMEM_BASE >> PAGE_SHIFT,
		.pages = VMEM_SPAN >> (PAGE_SHIFT - 1),
	};
	list_insert(tlsf, 1);
}

static void footprint(void *arena, struct vmem_footprint *footprint_out)
{
	struct tlsf *tlsf = arena;

	*footprint_out = (struct vmem_footprint){
		.regions = tlsf->region_count,
		.nodes = tlsf->region_count * sizeof(struct header),
		.fixed = sizeof(*tlsf),
	};
}

const struct vmem_peer vmem_tlsf = {
	.name = "tlsf/handle",
	.memory = memory,
	.open = open,
	.alloc = alloc,
	.free = free_region,
	.base = base,
	.footprint = footprint,
	.alloc_aligned = alloc_aligned,
};
