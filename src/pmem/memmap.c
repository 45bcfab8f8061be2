/* SPDX-License-Identifier: MIT */
/*
 * The memory map: theory of operation
 *
 * 1. Facts. Every byte has two facts: ram (0 or 1) and kind (weak to strong).
 *    A call raises facts inside one range: add raises ram to 1, reserve raises
 *    kind to its own. Both are a maximum, a maximum does not care for order,
 *    and so neither does the table. A byte with both facts at 0 is not listed.
 *
 * 2. One rewrite. Both calls are the same change (kind, ram), which adds
 *    nothing where the fact is there already. The table is copied through a
 *    writer, entry by entry; an entry that the change overlaps is cut:
 *
 *        table    [----- A -----]      [-- B --]      [- C -]
 *        change           [======================]
 *        result   [- A --][A + c][ c ][B + c][ c ]    [- C -]
 *
 *    The writer holds the last entry back and lengthens it while what comes
 *    next touches it and agrees in both facts, so neighbours merge by
 *    themselves (I3).
 *
 * 3. All or nothing. The first pass only counts. The second moves the table to
 *    the end of the array and rewrites it to the front; the first pass has
 *    shown that no write overtakes the reading. After n calls both the table
 *    and the half-rewritten one are pieces between at most 2 n bounds, and one
 *    bound more where the rewriting stands: hence 2 n + 1 entries suffice.
 *
 * 4. 2^64 bytes do not fit in a size. A map in which all of them agree is kept
 *    as [0, 2^64 - 1) and its last byte; this is the one exception to I3.
 */
#include <vmm/memmap.h>

#include "core/text.h"

/* Columns of the dump: [first-last], a size, a kind. */
#define RANGE_WIDTH 39
#define SIZE_WIDTH  10
#define KIND_WIDTH  10

/* The bytes base to last become RAM (ram 1), or are reserved (kind). */
struct change {
	vmm_pa_t base;
	vmm_pa_t last;
	uint32_t kind;
	uint32_t ram;
};

struct writer {
	struct vmm_mem_range *out;    /* NULL: only count */
	struct vmm_mem_range pending; /* size 0: none */
	size_t used;		      /* entries written */
	size_t limit; /* entries that may be written by now: the free ones and
			 those that have been read */
	bool full;
};

static void flush(struct writer *w)
{
	if (w->pending.size == 0)
		return;
	if (w->used >= w->limit) {
		w->full = true;
		return;
	}
	if (w->out != NULL)
		w->out[w->used] = w->pending;
	w->used++;
}

static void emit(struct writer *w, vmm_pa_t base, vmm_pa_t last, uint32_t kind,
	uint32_t ram)
{
	struct vmm_mem_range *p = &w->pending;

	VMM_ASSERT(base <= last);
	if (p->size != 0 && vmm_range_last(p->base, p->size) == base - 1 &&
		p->kind == kind && p->ram == ram) {
		if (p->base != 0 || last != UINT64_MAX) {
			p->size += last - base + 1;
			return;
		}
		/* The whole of 2^64 bytes: its last byte stands alone. */
		p->size = UINT64_MAX;
		base = UINT64_MAX;
	}
	flush(w);
	*p = (struct vmm_mem_range){base, last - base + 1, kind, ram};
}

static vmm_pa_t smaller(vmm_pa_t a, vmm_pa_t b)
{
	return a < b ? a : b;
}

static vmm_pa_t larger(vmm_pa_t a, vmm_pa_t b)
{
	return a > b ? a : b;
}

/* Copy @count entries of @in through the writer with the change applied. */
static void rewrite(const struct vmm_mem_range *in, size_t count,
	const struct change *c, struct writer *w)
{
	vmm_pa_t at = c->base; /* the change is written up to here */
	bool done = false;     /* ... or entirely; at may then be 2^64 */

	for (size_t i = 0; i < count; i++) {
		/* A copy: the entry itself may be overwritten from here on. */
		const struct vmm_mem_range r = in[i];
		const vmm_pa_t last = vmm_range_last(r.base, r.size);
		const vmm_pa_t low = larger(r.base, c->base);
		const vmm_pa_t high = smaller(last, c->last);

		w->limit++;
		if (r.base < c->base)
			emit(w, r.base, smaller(last, c->base - 1), r.kind,
				r.ram);
		if (!done && at < r.base) {
			vmm_pa_t end = smaller(r.base - 1, c->last);

			emit(w, at, end, c->kind, c->ram);
			done = end == c->last;
			at = end + 1;
		}
		if (low <= high) {
			emit(w, low, high, r.kind > c->kind ? r.kind : c->kind,
				r.ram | c->ram);
			done = high == c->last;
			at = high + 1;
		}
		if (last > c->last)
			emit(w, larger(r.base, c->last + 1), last, r.kind,
				r.ram);
	}
	if (!done)
		emit(w, at, c->last, c->kind, c->ram);
	flush(w);
}

static int apply(struct vmm_memmap *map, const struct change *c)
{
	const size_t spare = map->max - map->count;
	struct writer plan = {.out = NULL, .limit = spare};
	struct writer commit = {.out = map->ranges, .limit = spare};

	VMM_ASSERT(map->count <= map->max);
	rewrite(map->ranges, map->count, c, &plan);
	if (plan.full)
		return VMM_ENOMEM;

	for (size_t i = map->count; i-- > 0;)
		map->ranges[spare + i] = map->ranges[i];
	rewrite(map->ranges + spare, map->count, c, &commit);
	VMM_ASSERT(!commit.full);
	VMM_ASSERT(commit.used == plan.used);
	map->count = commit.used;
	VMM_ASSERT_SLOW(vmm_memmap_check(map) == VMM_OK);
	return VMM_OK;
}

void vmm_memmap_init(
	struct vmm_memmap *map, struct vmm_mem_range *ranges, size_t max)
{
	VMM_ASSERT(ranges != NULL);
	VMM_ASSERT(max >= 1);
	map->ranges = ranges;
	map->count = 0;
	map->max = max;
}

int vmm_memmap_add(struct vmm_memmap *map, vmm_pa_t base, uint64_t size)
{
	struct change c = {.base = base, .kind = VMM_MEM_FREE, .ram = 1};

	if (!vmm_range_ok(base, size))
		return VMM_EINVAL;
	c.last = vmm_range_last(base, size);
	return apply(map, &c);
}

int vmm_memmap_reserve(struct vmm_memmap *map, vmm_pa_t base, uint64_t size,
	enum vmm_mem_kind kind)
{
	struct change c = {.base = base, .kind = (uint32_t)kind, .ram = 0};

	if (!vmm_range_ok(base, size))
		return VMM_EINVAL;
	if (c.kind == VMM_MEM_FREE || c.kind >= VMM_MEM_KIND_COUNT)
		return VMM_EINVAL;
	c.last = vmm_range_last(base, size);
	return apply(map, &c);
}

/*
 * An entry ends only where some range ends. The entries at hand have
 * count + gaps + 1 ends and each new range adds at most two. m ends make at
 * most m - 1 entries: count + gaps + 2 n. One more while the table is being
 * rewritten (3).
 */
size_t vmm_memmap_room(const struct vmm_memmap *map)
{
	size_t need = map->count + 1;

	VMM_ASSERT(map->count <= map->max);
	for (size_t i = 1; i < map->count; i++) {
		const struct vmm_mem_range *before = &map->ranges[i - 1];

		if (map->ranges[i].base - before->base != before->size)
			need++;
	}
	return need < map->max ? (map->max - need) / 2 : 0;
}

int vmm_memmap_find_free(const struct vmm_memmap *map, uint64_t size,
	uint64_t align, vmm_pa_t min, vmm_pa_t last, vmm_pa_t *base_out)
{
	if (size == 0 || !vmm_is_pow2(align))
		return VMM_EINVAL;

	for (size_t i = 0; i < map->count; i++) {
		const struct vmm_mem_range *r = &map->ranges[i];
		const vmm_pa_t low = larger(r->base, min);
		const vmm_pa_t high =
			smaller(vmm_range_last(r->base, r->size), last);
		const vmm_pa_t base = vmm_align_up(low, align);

		if (r->ram == 0 || r->kind != VMM_MEM_FREE)
			continue;
		/* base < low: rounding up went past 2^64. */
		if (base < low || base > high || size - 1 > high - base)
			continue;
		*base_out = base;
		return VMM_OK;
	}
	return VMM_ENOMEM;
}

uint64_t vmm_memmap_ram(const struct vmm_memmap *map, enum vmm_mem_kind kind)
{
	uint64_t total = 0;

	for (size_t i = 0; i < map->count; i++) {
		const struct vmm_mem_range *r = &map->ranges[i];

		if (r->ram == 0 || r->kind != (uint32_t)kind)
			continue;
		total = total > UINT64_MAX - r->size ? UINT64_MAX
						     : total + r->size;
	}
	return total;
}

const char *vmm_mem_kind_name(unsigned kind)
{
	static const char names[VMM_MEM_KIND_COUNT][12] = {
		[VMM_MEM_FREE] = "free",
		[VMM_MEM_LOADER] = "loader",
		[VMM_MEM_ACPI] = "acpi",
		[VMM_MEM_NVRAM] = "nvram",
		[VMM_MEM_PERMANENT] = "permanent",
		[VMM_MEM_NOMAP] = "no-map",
		[VMM_MEM_MMIO] = "mmio",
	};

	return kind < VMM_MEM_KIND_COUNT ? names[kind] : "unknown";
}

/* I1 for one entry. */
static bool entry_ok(const struct vmm_mem_range *r)
{
	if (!vmm_range_ok(r->base, r->size))
		return false;
	if (r->kind >= VMM_MEM_KIND_COUNT || r->ram > 1)
		return false;
	return r->ram == 1 || r->kind != VMM_MEM_FREE;
}

/* I2 and I3 for two entries in a row. */
static bool neighbours_ok(
	const struct vmm_mem_range *a, const struct vmm_mem_range *b)
{
	const vmm_pa_t last = vmm_range_last(a->base, a->size);

	if (b->base <= last)
		return false;
	if (b->base - 1 != last || a->kind != b->kind || a->ram != b->ram)
		return true;
	return a->base == 0 && b->base == UINT64_MAX;
}

int vmm_memmap_check(const struct vmm_memmap *map)
{
	if (map->ranges == NULL || map->count > map->max)
		return VMM_ECORRUPT;
	for (size_t i = 0; i < map->count; i++) {
		if (!entry_ok(&map->ranges[i]))
			return VMM_ECORRUPT;
		if (i > 0 &&
			!neighbours_ok(&map->ranges[i - 1], &map->ranges[i]))
			return VMM_ECORRUPT;
	}
	return VMM_OK;
}

/* A line of the sums, in the columns of the entries. */
static void dump_sum(
	const struct vmm_sink *sink, uint64_t size, const char *name)
{
	vmm_text_pad(sink, "sum", RANGE_WIDTH + 1);
	vmm_text_size(sink, size, SIZE_WIDTH);
	vmm_text_str(sink, "  ");
	vmm_text_pad(sink, name, KIND_WIDTH);
	vmm_text_str(sink, "ram\n");
}

void vmm_memmap_dump(const struct vmm_memmap *map, const struct vmm_sink *sink)
{
	uint64_t total = 0;

	for (size_t i = 0; i < map->count; i++) {
		const struct vmm_mem_range *r = &map->ranges[i];

		vmm_text_range(sink, r->base, r->size);
		vmm_text_str(sink, " ");
		vmm_text_size(sink, r->size, SIZE_WIDTH);
		vmm_text_str(sink, "  ");
		vmm_text_pad(sink, vmm_mem_kind_name(r->kind), KIND_WIDTH);
		vmm_text_str(sink, r->ram != 0 ? "ram\n" : "not ram\n");
	}
	for (unsigned kind = 0; kind < VMM_MEM_KIND_COUNT; kind++) {
		const uint64_t ram =
			vmm_memmap_ram(map, (enum vmm_mem_kind)kind);

		total = total > UINT64_MAX - ram ? UINT64_MAX : total + ram;
		if (ram != 0)
			dump_sum(sink, ram, vmm_mem_kind_name(kind));
	}
	dump_sum(sink, total, "all");
}
