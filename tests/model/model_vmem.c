/* SPDX-License-Identifier: MIT */
/*
 * Random requests to an arena and to a model: a sorted array that is searched
 * from end to end. The model decides by the words of vmem.h alone, so every
 * result must agree exactly: the address chosen among all that fit, the error,
 * the regions and their order, the look-ups, the number of spare nodes.
 *
 * The arenas are small and the node supply is short, so that every refusal
 * happens often.
 */
#include "support/test.h"

#include <vmm/vmem.h>

#define SEGS_MAX  256
#define SPANS_MAX 5

struct seg {
	uint64_t base;
	uint64_t size;
	uint64_t owner;
	bool used;
};

struct span {
	uint64_t base;
	uint64_t size;
	bool in;
};

static struct vmm_vmem arena;
static uint64_t memory[VMM_VMEM_NODES_SIZE(SEGS_MAX) / 8];

static struct seg segs[SEGS_MAX];
static size_t seg_count;
static struct span spans[SPANS_MAX];
static uint64_t quantum;
static uint64_t node_count;
static uint64_t reserve;
static struct rng rng;

/* The model: what vmem.h says, by exhaustive search. */

static uint64_t last_of(uint64_t base, uint64_t size)
{
	return base + size - 1;
}

static size_t spans_in(void)
{
	size_t count = 0;

	for (size_t i = 0; i < SPANS_MAX; i++)
		count += spans[i].in;
	return count;
}

static uint64_t spare(void)
{
	return node_count - seg_count - spans_in();
}

static bool has_nodes(uint64_t count, unsigned flags)
{
	uint64_t keep = flags & VMM_VMEM_USE_RESERVE ? 0 : reserve;

	return count == 0 || spare() >= count + keep;
}

static const struct span *span_of(uint64_t addr)
{
	for (size_t i = 0; i < SPANS_MAX; i++) {
		if (spans[i].in && addr >= spans[i].base &&
			addr <= last_of(spans[i].base, spans[i].size))
			return &spans[i];
	}
	return NULL;
}

/* The segment that holds @addr, or SEGS_MAX. */
static size_t seg_of(uint64_t addr)
{
	for (size_t i = 0; i < seg_count; i++) {
		if (addr >= segs[i].base &&
			addr <= last_of(segs[i].base, segs[i].size))
			return i;
	}
	return SEGS_MAX;
}

static void seg_insert(size_t at, struct seg seg)
{
	CHECK(seg_count < SEGS_MAX);
	for (size_t i = seg_count++; i > at; i--)
		segs[i] = segs[i - 1];
	segs[at] = seg;
}

static void seg_remove(size_t at)
{
	seg_count--;
	for (size_t i = at; i < seg_count; i++)
		segs[i] = segs[i + 1];
}

/* The free segment that follows (@size, @base) in the order of the keys. */
static size_t free_above(uint64_t size, uint64_t base, bool or_equal)
{
	size_t best = SEGS_MAX;

	for (size_t i = 0; i < seg_count; i++) {
		const struct seg *s = &segs[i];

		if (s->used || s->size < size ||
			(s->size == size && s->base < base) ||
			(s->size == size && s->base == base && !or_equal))
			continue;
		/* The array ascends by base: the first of equals is lowest. */
		if (best == SEGS_MAX || s->size < segs[best].size)
			best = i;
	}
	return best;
}

/* Try every aligned place in a segment, lowest first. */
static bool model_place(
	const struct seg *s, uint64_t size, uint64_t align, uint64_t *base_out)
{
	bool any = false;

	for (uint64_t skip = 0; skip + size <= s->size; skip += quantum) {
		uint64_t base = s->base + skip;

		if (base % align != 0)
			continue;
		if (!any || skip + size == s->size) {
			if (any && *base_out == s->base)
				break;
			*base_out = base;
		}
		any = true;
	}
	return any;
}

static bool model_anywhere(
	uint64_t size, uint64_t align, size_t *seg_out, uint64_t *base_out)
{
	size_t at = free_above(size, 0, true);

	for (unsigned i = 0; at != SEGS_MAX && i < VMM_VMEM_PROBES; i++) {
		*seg_out = at;
		if (model_place(&segs[at], size, align, base_out))
			return true;
		at = free_above(segs[at].size, segs[at].base, false);
	}
	*seg_out = free_above(size + align - quantum, 0, true);
	return *seg_out != SEGS_MAX &&
	       model_place(&segs[*seg_out], size, align, base_out);
}

static bool model_at(uint64_t base, uint64_t size, size_t *seg_out)
{
	size_t at = seg_of(base);

	if (at == SEGS_MAX || segs[at].used ||
		base - segs[at].base + size > segs[at].size)
		return false;
	*seg_out = at;
	return true;
}

/* The nodes that a cut out of segment @at takes. */
static uint64_t model_need(size_t at, uint64_t base, uint64_t size)
{
	return (uint64_t)(base != segs[at].base) +
	       (uint64_t)(base - segs[at].base + size != segs[at].size);
}

static int model_choose(const struct vmm_vmem_request *request, size_t *seg_out,
	uint64_t *base_out)
{
	uint64_t size = (request->size + quantum - 1) / quantum * quantum;
	uint64_t align = request->align > quantum ? request->align : quantum;
	const struct span *span = span_of(request->where);

	if (request->size == 0)
		return VMM_EINVAL;
	*base_out = request->where;
	if (request->flags & VMM_VMEM_FIXED) {
		if (request->where % align != 0)
			return VMM_EINVAL;
		if (model_at(request->where, size, seg_out))
			return VMM_OK;
		if (span == NULL ||
			size > span->size - (request->where - span->base))
			return VMM_ERANGE;
		return VMM_EEXIST;
	}
	if ((request->flags & VMM_VMEM_HINT) && request->where % align == 0 &&
		model_at(request->where, size, seg_out) &&
		has_nodes(model_need(*seg_out, request->where, size),
			request->flags))
		return VMM_OK;
	return model_anywhere(size, align, seg_out, base_out) ? VMM_OK
							      : VMM_ENOSPC;
}

static int model_alloc(
	const struct vmm_vmem_request *request, uint64_t *base_out)
{
	uint64_t size = (request->size + quantum - 1) / quantum * quantum;
	uint64_t before;
	uint64_t after;
	size_t at;
	int err = model_choose(request, &at, base_out);

	if (err)
		return err;
	before = *base_out - segs[at].base;
	after = segs[at].size - before - size;
	if (!has_nodes(model_need(at, *base_out, size), request->flags))
		return VMM_ENOMEM;
	segs[at] = (struct seg){*base_out, size, request->tags.owner, true};
	if (after != 0)
		seg_insert(at + 1,
			(struct seg){*base_out + size, after, 0, false});
	if (before != 0)
		seg_insert(
			at, (struct seg){*base_out - before, before, 0, false});
	return VMM_OK;
}

static int model_free(uint64_t base)
{
	size_t at = seg_of(base);

	if (at == SEGS_MAX || !segs[at].used || segs[at].base != base)
		return VMM_ENOENT;
	segs[at].used = false;
	if (at + 1 < seg_count && !segs[at + 1].used &&
		span_of(segs[at + 1].base) == span_of(base)) {
		segs[at].size += segs[at + 1].size;
		seg_remove(at + 1);
	}
	if (at > 0 && !segs[at - 1].used &&
		span_of(segs[at - 1].base) == span_of(base)) {
		segs[at - 1].size += segs[at].size;
		seg_remove(at);
	}
	return VMM_OK;
}

/* The arena and the model, side by side. */

static uint64_t any_addr(void)
{
	const struct span *span = &spans[rng_below(&rng, SPANS_MAX)];

	/* One quantum further on either side, where the next span may be. */
	return span->base - quantum + rng_below(&rng, span->size + 2 * quantum);
}

static void compare_region(
	const struct vmm_vmem_region *region, const struct seg *s)
{
	CHECK(region != NULL);
	CHECK_EQ(vmm_vmem_region_base(region), s->base);
	CHECK_EQ(vmm_vmem_region_size(region), s->size);
	CHECK_EQ(vmm_vmem_region_is_used(region), s->used);
	if (s->used)
		CHECK_EQ(vmm_vmem_region_tags(region)->owner, s->owner);
}

/* Regions, statistics and check. */
static void compare_all(void)
{
	const struct vmm_vmem_region *region = vmm_vmem_region_first(&arena);
	struct vmm_vmem_stat stat;
	uint64_t used = 0;
	uint64_t largest = 0;

	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	for (size_t i = 0; i < seg_count; i++) {
		compare_region(region, &segs[i]);
		region = vmm_vmem_region_next(&arena, region);
		used += segs[i].used ? segs[i].size : 0;
		if (!segs[i].used && segs[i].size > largest)
			largest = segs[i].size;
	}
	CHECK(region == NULL);
	vmm_vmem_stat(&arena, &stat);
	CHECK_EQ(stat.used_count + stat.free_count, seg_count);
	CHECK_EQ(stat.span_count, spans_in());
	CHECK_EQ(stat.used_size, used);
	CHECK_EQ(stat.free_size, stat.size - used);
	CHECK_EQ(stat.largest_free, largest);
	CHECK_EQ(vmm_vmem_spare(&arena), spare());
}

/* All look-ups of one address, by scanning the model. */
static void compare_lookups(uint64_t addr)
{
	const struct vmm_vmem_region *floor = vmm_vmem_floor(&arena, addr);
	const struct vmm_vmem_region *ceiling = vmm_vmem_ceiling(&arena, addr);
	size_t at = seg_of(addr);
	size_t below = SEGS_MAX;
	size_t above = SEGS_MAX;

	for (size_t i = 0; i < seg_count; i++) {
		if (!segs[i].used)
			continue;
		if (segs[i].base <= addr)
			below = i;
		if (segs[i].base >= addr && above == SEGS_MAX)
			above = i;
	}
	CHECK_EQ(floor != NULL, below != SEGS_MAX);
	if (floor != NULL)
		compare_region(floor, &segs[below]);
	CHECK_EQ(ceiling != NULL, above != SEGS_MAX);
	if (ceiling != NULL)
		compare_region(ceiling, &segs[above]);
	if (floor != NULL && ceiling != NULL && floor != ceiling) {
		CHECK(vmm_vmem_next(&arena, floor) == ceiling);
		CHECK(vmm_vmem_prev(&arena, ceiling) == floor);
	}
	CHECK_EQ(vmm_vmem_region_find(&arena, addr) != NULL, at != SEGS_MAX);
	if (at == SEGS_MAX || !segs[at].used) {
		CHECK(vmm_vmem_find_containing(&arena, addr) == NULL);
		CHECK(vmm_vmem_find(&arena, addr) == NULL);
		return;
	}
	compare_region(vmm_vmem_find_containing(&arena, addr), &segs[at]);
	CHECK_EQ(vmm_vmem_find(&arena, addr) != NULL, segs[at].base == addr);
}

static void do_alloc(void)
{
	static const unsigned flags[] = {0, 0, 0, VMM_VMEM_FIXED, VMM_VMEM_HINT,
		VMM_VMEM_USE_RESERVE, VMM_VMEM_FIXED | VMM_VMEM_USE_RESERVE};
	struct vmm_vmem_request request = {
		.size = rng_below(&rng, 6 * quantum),
		.where = any_addr(),
		.flags = flags[rng_below(&rng, 7)],
		.tags = {.owner = rng_next(&rng)},
	};
	const struct vmm_vmem_region *region = NULL;
	uint64_t base;
	int err;

	if (rng_below(&rng, 3) == 0)
		request.align = quantum << rng_below(&rng, 5);
	/* Mostly in quanta; else the call must say that it is misaligned. */
	if (rng_below(&rng, 8) != 0)
		request.where -= request.where % quantum;
	err = model_alloc(&request, &base);
	CHECK_EQ(vmm_vmem_xalloc(&arena, &request, &region), err);
	CHECK_EQ(region != NULL, err == VMM_OK);
	if (err == VMM_OK)
		CHECK_EQ(vmm_vmem_region_base(region), base);
}

static void do_simple_alloc(void)
{
	struct vmm_vmem_request request = {
		.size = 1 + rng_below(&rng, 3 * quantum)};
	vmm_va_t got = 42;
	uint64_t base;
	int err = model_alloc(&request, &base);

	CHECK_EQ(vmm_vmem_alloc(&arena, request.size, &got), err);
	CHECK_EQ(got, err == VMM_OK ? base : 42);
}

static void do_free(void)
{
	size_t at = rng_below(&rng, seg_count + 1);
	uint64_t base = at < seg_count ? segs[at].base : any_addr();
	const struct vmm_vmem_region *region = vmm_vmem_find(&arena, base);
	int err = model_free(base);

	CHECK_EQ(region != NULL, err == VMM_OK);
	if (region != NULL && (rng_next(&rng) & 1))
		CHECK_EQ(vmm_vmem_free_region(&arena, region), err);
	else
		CHECK_EQ(vmm_vmem_free(&arena, base), err);
	CHECK_EQ(vmm_vmem_free(&arena, base), VMM_ENOENT);
}

/* Add a span that is out, or remove one that is in. */
static void do_span(void)
{
	struct span *span = &spans[rng_below(&rng, SPANS_MAX)];
	size_t at = 0;
	int err = VMM_OK;

	while (at < seg_count && segs[at].base < span->base)
		at++;
	if (!span->in) {
		if (!has_nodes(2, 0))
			err = VMM_ENOMEM;
		CHECK_EQ(vmm_vmem_add(&arena, span->base, span->size), err);
		if (err != VMM_OK)
			return;
		span->in = true;
		seg_insert(at, (struct seg){span->base, span->size, 0, false});
		return;
	}
	CHECK_EQ(vmm_vmem_add(&arena, span->base, span->size), VMM_EEXIST);
	if (segs[at].used || segs[at].size != span->size)
		err = VMM_EBUSY;
	CHECK_EQ(vmm_vmem_remove(&arena, span->base), err);
	if (err != VMM_OK)
		return;
	span->in = false;
	seg_remove(at);
	CHECK_EQ(vmm_vmem_remove(&arena, span->base), VMM_ENOENT);
}

static void run(uint64_t steps)
{
	seg_count = 0;
	reserve = 0;
	vmm_vmem_init(&arena, quantum);
	CHECK_EQ(vmm_vmem_donate(&arena, memory,
			 VMM_VMEM_NODES_SIZE((size_t)node_count)),
		VMM_OK);
	for (uint64_t step = 0; step < steps; step++) {
		unsigned what = (unsigned)rng_below(&rng, 100);

		if (what < 25)
			do_simple_alloc();
		else if (what < 50)
			do_alloc();
		else if (what < 90)
			do_free();
		else if (what < 97)
			compare_lookups(any_addr());
		else if (what < 99)
			do_span();
		else
			vmm_vmem_set_reserve(
				&arena, (size_t)(reserve = rng_below(&rng, 4)));
		compare_all();
	}
}

/*
 * Five spans: at 0; two that touch; a small one; and one that ends at 2^64. A
 * long supply, then a short one.
 */
TEST(model_vmem_random_requests)
{
	static const unsigned shifts[] = {12, 0, 21};

	rng.state = test_seed;
	for (unsigned i = 0; i < 12; i++) {
		quantum = UINT64_C(1) << shifts[i % 3];
		node_count = i & 1 ? 24 + rng_below(&rng, 30) : SEGS_MAX;
		spans[0] = (struct span){0, 20 * quantum, false};
		spans[1] = (struct span){33 * quantum, 31 * quantum, false};
		spans[2] = (struct span){64 * quantum, 48 * quantum, false};
		spans[3] = (struct span){200 * quantum, quantum, false};
		spans[4] = (struct span){-(25 * quantum), 25 * quantum, false};
		run(20000 * test_factor);
	}
}
