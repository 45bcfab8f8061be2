/* SPDX-License-Identifier: MIT */
/*
 * Choosing a place: by size, or by address. By size, the free regions that are
 * large enough are looked at from the smallest up. By address, the nearest one
 * that is large enough is found through the summaries of the used tree, for
 * sizes that have bins, and of the free tree by base, for the others.
 *
 * A region that is large enough need not have an aligned place. How many are
 * tried is bounded (VMM_VMEM_PROBES); then only a region so large that it has
 * a place wherever it begins will do.
 */
#include "vmem/vmem_runs.h"
#include "vmem/vmem_store.h"
#include "vmem/vmem_want.h"

/* The free region behind @member, if its size is at least @size. */
static struct vmm_vmem_region *behind(
	const struct vmm_vmem_region *member, uint64_t size)
{
	struct vmm_vmem_region *region = member->link[AFTER];

	if (region->state != VMM_VMEM_FREE || region->size < size ||
		(region->flags & VMM_VMEM_IS_HELD) != 0)
		return NULL;
	return region;
}

/* Is @base at @addr or beyond it? */
static bool is_ahead(vmm_va_t base, vmm_va_t addr, unsigned dir)
{
	return dir == AFTER ? base >= addr : base <= addr;
}

/* From @member on, in its run, the first gap of @size whose base is ahead. */
static struct vmm_vmem_region *run_scan(struct vmm_vmem_region *member,
	vmm_va_t addr, unsigned dir, uint64_t size)
{
	const struct vmm_vmem_run *run = member->as.used.run;

	do {
		struct vmm_vmem_region *region = behind(member, size);

		if (region != NULL && is_ahead(region->base, addr, dir))
			return region;
		member = vmm_vmem_member_step(member, dir);
	} while (member->state != VMM_VMEM_HEAD && member->as.used.run == run);
	return NULL;
}

/* The first gap of @size from @member on whose base is ahead of @addr. */
static struct vmm_vmem_region *gap_from(const struct vmm_vmem *arena,
	struct vmm_vmem_region *member, vmm_va_t addr, unsigned dir,
	uint64_t size)
{
	while (member->state != VMM_VMEM_HEAD) {
		struct vmm_vmem_region *region =
			run_scan(member, addr, dir, size);
		const struct vmm_vmem_run *run;

		if (region != NULL)
			return region;
		/* The second turn finds one, in the run that has it. */
		run = vmm_vmem_run_seek(
			member->as.used.run, dir, vmm_vmem_bin_of(arena, size));
		if (run == NULL)
			return NULL;
		member = vmm_vmem_run_end(run, !dir);
	}
	return NULL;
}

/* The nearest binned region of at least @size whose base is ahead of @addr. */
static struct vmm_vmem_region *gap_seek(const struct vmm_vmem *arena,
	vmm_va_t addr, unsigned dir, uint64_t size)
{
	struct vmm_vmem_region *member;

	if (vmm_vmem_bin_of(arena, size) == 0)
		return NULL;
	member = vmm_vmem_member_floor(arena, addr);
	if (member == NULL)
		member = arena->head.link[AFTER];
	if (dir == BEFORE && member->base > addr)
		return NULL;
	return gap_from(arena, member, addr, dir, size);
}

/*
 * Free regions of at least a size, the nearest first: of those in the runs and
 * of those in the tree, the next one each.
 */
struct stream {
	uint64_t size;
	struct vmm_vmem_region *gap;
	struct vmm_vmem_region *tree;
};

static VMM_NOINLINE void stream_start(const struct vmm_vmem *arena,
	struct stream *stream, vmm_va_t addr, unsigned dir, uint64_t size)
{
	stream->size = size;
	stream->gap = gap_seek(arena, addr, dir, size);
	stream->tree = vmm_vmem_store_seek(arena, addr, dir, size);
}

static struct vmm_vmem_region *stream_next(
	const struct vmm_vmem *arena, struct stream *stream, unsigned dir)
{
	struct vmm_vmem_region *a = stream->gap;
	struct vmm_vmem_region *b = stream->tree;

	if (b == NULL || (a != NULL && (a->base < b->base) == (dir == AFTER))) {
		if (a != NULL)
			stream->gap = gap_from(arena,
				vmm_vmem_member_step(a->link[BEFORE], dir),
				a->base, dir, stream->size);
		return a;
	}
	stream->tree = vmm_vmem_store_beyond(b, dir, stream->size);
	return b;
}

/* The place in @region that is nearest to @from in direction @dir. */
static VMM_NOINLINE bool try_region(const struct vmm_vmem_want *want,
	struct vmm_vmem_region *region, vmm_va_t from, unsigned dir,
	struct vmm_vmem_cut *cut)
{
	vmm_va_t first = region->base;
	vmm_va_t last = vmm_vmem_last(region);

	if (dir == AFTER)
		first = first < from ? from : first;
	else
		last = last > from ? from : last;
	cut->from = region;
	cut->size = want->total;
	return vmm_vmem_place(want, first, last, dir, &cut->base);
}

bool vmm_vmem_search(const struct vmm_vmem *arena,
	const struct vmm_vmem_want *want, vmm_va_t from, unsigned dir,
	struct vmm_vmem_cut *cut)
{
	struct vmm_vmem_region *region = vmm_vmem_at(arena, from);
	struct stream stream;

	/* Upwards, the region that lies across the start begins below it. */
	if (dir == AFTER && region != NULL && region->state == VMM_VMEM_FREE &&
		(region->flags & VMM_VMEM_IS_HELD) == 0 &&
		try_region(want, region, from, dir, cut))
		return true;
	stream_start(arena, &stream, from, dir, want->total);
	for (unsigned i = 0; i <= VMM_VMEM_PROBES / 4; i++) {
		region = stream_next(arena, &stream, dir);
		if (region == NULL)
			return false;
		if (try_region(want, region, from, dir, cut))
			return true;
		/* Is the rest of the window behind it? */
		if (dir == AFTER ? region->base >= want->max
				 : region->base <= want->min)
			return false;
		/* The last one is to hold a place for certain. */
		if (i == VMM_VMEM_PROBES / 4 - 1)
			stream_start(arena, &stream,
				dir == AFTER ? region->base + 1
					     : region->base - 1,
				dir, want->certain);
	}
	return false;
}

/*
 * What a request needs of a region if it has neither a window nor a boundary,
 * as most have none: a few instructions for each region that is looked at.
 */
struct need {
	uint64_t first; /* the first base at which the place begins */
	uint64_t mask;	/* there is one every mask + 1 bytes from there */
	uint64_t total;
};

static struct need need_of(const struct vmm_vmem_want *want)
{
	return (struct need){
		want->phase - want->guard[0], want->align - 1, want->total};
}

/* How far behind the base of @region the first place begins. */
static uint64_t skip_of(struct need need, const struct vmm_vmem_region *region)
{
	return (need.first - region->base) & need.mask;
}

/* Is there one? @region is large enough but for that. */
static bool may_fit(struct need need, const struct vmm_vmem_region *region)
{
	return skip_of(need, region) <= region->size - need.total;
}

/*
 * A place in @from, which may_fit(). In a region that is tight, at its end if
 * that saves a cut; in others that would tear the arena apart.
 */
static bool try_best(const struct vmm_vmem_want *want, struct need need,
	struct vmm_vmem_region *from, struct vmm_vmem_cut *cut)
{
	const uint64_t skip = skip_of(need, from);
	const uint64_t end = from->size - need.total;
	vmm_va_t last = vmm_vmem_last(from);
	bool tight = from->size < want->certain;
	vmm_va_t high;

	*cut = (struct vmm_vmem_cut){from, from->base + skip, want->total};
	if (want->nocross == 0 && want->min <= from->base &&
		want->max >= last) {
		if (tight && ((end - skip) & need.mask) == 0)
			cut->base = from->base + end;
		return true;
	}
	if (!vmm_vmem_place(want, from->base, last, AFTER, &cut->base))
		return false;
	if (cut->base != from->base && from->size < want->certain &&
		vmm_vmem_place(want, from->base, last, BEFORE, &high) &&
		last - high == want->total - 1)
		cut->base = high;
	return true;
}

/* In ascending bins, the first whose head has a place; count down *@left. */
static bool best_binned(const struct vmm_vmem *arena,
	const struct vmm_vmem_want *want, uint64_t size, unsigned *left,
	struct vmm_vmem_cut *cut)
{
	const struct vmm_vmem_bins *bins = arena->bins;
	const struct need need = need_of(want);
	uint64_t bin = vmm_vmem_bin_of(arena, size);
	uint64_t word = (bin - 1) / 64;
	struct vmm_vmem_region *const *heads;
	uint64_t bits;

	if (bin == 0)
		return false;
	heads = &bins->head[word * 64];
	bits = bins->map[word] & UINT64_MAX << (bin - 1) % 64;
	for (unsigned i = *left; i > 0; i--) {
		struct vmm_vmem_region *from;

		if (bits == 0) {
			uint64_t words = bins->summary & UINT64_MAX << word
								    << 1;

			*left = i;
			if (words == 0)
				return false;
			word = vmm_ctz(words);
			heads = &bins->head[word * 64];
			bits = bins->map[word];
		}
		from = heads[vmm_ctz(bits)];
		bits &= bits - 1;
		if (may_fit(need, from) && try_best(want, need, from, cut))
			return true;
	}
	*left = 0;
	return false;
}

/* Of @left regions of at least @size, the smallest in which there is a place.
   A step in the tree counts for as many as it costs. */
static VMM_NOINLINE bool best_of(const struct vmm_vmem *arena,
	const struct vmm_vmem_want *want, uint64_t size, unsigned left,
	struct vmm_vmem_cut *cut)
{
	const struct need need = need_of(want);
	struct vmm_vmem_region *from;

	if (best_binned(arena, want, size, &left, cut))
		return true;
	if (left == 0)
		return false;
	from = vmm_vmem_trees_best(arena, size);
	for (; from != NULL && left > 0; left -= left > 4 ? 4 : left) {
		if (may_fit(need, from) && try_best(want, need, from, cut))
			return true;
		from = vmm_vmem_trees_larger(from);
	}
	return false;
}

/* The smallest that fits, of those that are tried; or one that fits for
   certain. */
static bool best_fit(const struct vmm_vmem *arena,
	const struct vmm_vmem_want *want, struct vmm_vmem_cut *cut)
{
	return best_of(arena, want, want->total, VMM_VMEM_PROBES, cut) ||
	       best_of(arena, want, want->certain, 1, cut);
}

/*
 * A start for random placement: every place of the window in the right phase,
 * as far as spans reach, is as likely as any other. The remainder favours low
 * ones by less than one in 2^64 / places.
 */
static vmm_va_t random_start(const struct vmm_vmem *arena,
	const struct vmm_vmem_want *want, uint64_t entropy)
{
	const struct vmm_rb_node *first = vmm_rb_first(&arena->spans);
	const struct vmm_rb_node *last = vmm_rb_last(&arena->spans);
	uint64_t last_place;
	vmm_va_t low;
	vmm_va_t high;

	if (first == NULL)
		return want->min;
	low = vmm_vmem_of_span(first)->base;
	high = vmm_vmem_last(vmm_vmem_of_span(last));
	if (!vmm_vmem_place(want, low, high, AFTER, &low) ||
		!vmm_vmem_place(want, low, high, BEFORE, &high))
		return want->min;
	last_place = (high - low) / want->align;
	/* There may be 2^64 of them; then entropy is a number of one. */
	if (last_place != UINT64_MAX)
		entropy %= last_place + 1;
	return low + entropy * want->align;
}

bool vmm_vmem_choose(struct vmm_vmem *arena,
	const struct vmm_vmem_request *request,
	const struct vmm_vmem_want *want, struct vmm_vmem_cut *cut)
{
	vmm_va_t from = want->min;

	switch (request->flags & VMM_VMEM_POLICIES) {
	case VMM_VMEM_LAST_FIT:
		return vmm_vmem_search(arena, want, want->max, BEFORE, cut);
	case VMM_VMEM_NEXT_FIT:
		if (arena->cursor > from && arena->cursor <= want->max)
			from = arena->cursor;
		break;
	case VMM_VMEM_RANDOM:
		from = random_start(arena, want, request->entropy);
		break;
	case VMM_VMEM_FIRST_FIT:
		break;
	default:
		if (best_fit(arena, want, cut))
			return true;
		/* Without a window, nothing else is left. */
		if (want->min == 0 && want->max == UINT64_MAX)
			return false;
	}
	if (vmm_vmem_search(arena, want, from, AFTER, cut))
		return true;
	return from != want->min &&
	       vmm_vmem_search(arena, want, want->min, AFTER, cut);
}
