/* SPDX-License-Identifier: MIT */
/*
 * Random small layouts against a model that looks at every page. With 16 bits
 * of address each half has eight pages, so the model's world is three short
 * arrays: the lower half, the first and last pages of the hole, the upper half.
 */
#include <vmm/layout.h>

#include "support/test.h"

#define ROUNDS	   200000
#define ROWS_MAX   6
#define HALF	   8 /* pages in each half */
#define SLOTS	   32
#define FAULTS_MAX 64

/* Page number of slot 0 to 15 (low half, hole), 16 to 31 (hole, high half). */
static vmm_va_t slot_va(unsigned slot)
{
	if (slot < SLOTS / 2)
		return (uint64_t)slot << VMM_PAGE_SHIFT;
	return -((uint64_t)(SLOTS - slot) << VMM_PAGE_SHIFT);
}

static bool slot_canonical(unsigned slot)
{
	return slot < HALF || slot >= SLOTS - HALF;
}

struct model {
	struct vmm_layout_area areas[ROWS_MAX];
	uint32_t pages[ROWS_MAX]; /* a bit for each slot */
	size_t count;
	size_t wraps;
};

/* Areas stay on one side of the hole's middle, which the slots leave out. */
static void make(struct model *m, struct rng *rng)
{
	*m = (struct model){.count = rng_below(rng, ROWS_MAX + 1)};
	for (size_t i = 0; i < m->count; i++) {
		unsigned first = (unsigned)rng_below(rng, SLOTS);
		unsigned end = first < SLOTS / 2 ? SLOTS / 2 : SLOTS;
		unsigned pages = (unsigned)rng_below(rng, 5);
		bool wraps = first >= SLOTS / 2 && first + pages > end;

		if (first < SLOTS / 2 && first + pages > end)
			pages = end - first;
		m->areas[i].name[0] = (char)('a' + i);
		m->areas[i].base = slot_va(first);
		m->areas[i].size = (uint64_t)pages << VMM_PAGE_SHIFT;
		m->wraps += wraps;
		for (unsigned s = first; s < first + pages && s < end; s++)
			m->pages[i] |= UINT32_C(1) << s;
	}
}

static unsigned ones(uint32_t x)
{
	unsigned n = 0;

	for (; x != 0; x &= x - 1)
		n++;
	return n;
}

/* Count the findings of each kind, and the pages that they speak of. */
static void check_faults(const struct model *m, const struct vmm_layout *layout)
{
	static struct vmm_layout_fault faults[FAULTS_MAX];
	const uint32_t hole = UINT32_C(0x00ffff00);
	size_t kinds[VMM_LAYOUT_UNCLAIMED + 1] = {0};
	uint64_t shared = 0;
	uint64_t outside = 0;
	size_t empty = 0;
	uint32_t all = 0;
	size_t found;
	int err;

	err = vmm_layout_check(layout, faults, FAULTS_MAX, &found);
	CHECK(found <= FAULTS_MAX);
	for (size_t i = 0; i < found; i++) {
		kinds[faults[i].kind]++;
		if (faults[i].kind == VMM_LAYOUT_OVERLAP)
			shared += faults[i].size >> VMM_PAGE_SHIFT;
		if (faults[i].kind == VMM_LAYOUT_NONCANONICAL)
			outside += faults[i].size >> VMM_PAGE_SHIFT;
	}
	for (size_t i = 0; i < m->count; i++) {
		empty += m->areas[i].size == 0;
		outside -= ones(m->pages[i] & hole);
		all |= m->pages[i];
		for (size_t k = 0; k < i; k++)
			shared -= ones(m->pages[i] & m->pages[k]);
	}
	CHECK_EQ(shared, 0);
	CHECK_EQ(outside, 0);
	CHECK_EQ(kinds[VMM_LAYOUT_EMPTY], empty);
	CHECK_EQ(kinds[VMM_LAYOUT_WRAPS], m->wraps);
	CHECK_EQ(kinds[VMM_LAYOUT_UNCLAIMED],
		(all >> (SLOTS - HALF)) != 0 &&
			(all >> (SLOTS - HALF) & 1) == 0);
	CHECK_EQ(err == VMM_OK, found == kinds[VMM_LAYOUT_UNCLAIMED]);
}

static void check_find(const struct model *m, const struct vmm_layout *layout)
{
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		vmm_va_t va = slot_va(slot) + 5;
		size_t expected = 0;
		uint64_t offset;
		size_t row;
		int err;

		while (expected < m->count &&
			(m->pages[expected] >> slot & 1) == 0)
			expected++;
		err = vmm_layout_find(layout, va, &row, &offset);
		CHECK_EQ(err == VMM_OK, expected < m->count);
		if (err != VMM_OK)
			continue;
		CHECK_EQ(row, expected);
		CHECK_EQ(m->areas[row].base + offset, va);
	}
}

/* The lowest slot where @pages fit, SLOTS if there is none. */
static unsigned model_room(
	const struct model *m, unsigned pages, unsigned align, unsigned from)
{
	for (unsigned slot = from; slot + pages <= SLOTS; slot++) {
		bool room = slot % align == 0;

		for (unsigned s = slot; s < slot + pages; s++) {
			room = room && slot_canonical(s);
			for (size_t i = 0; i < m->count; i++)
				room = room && (m->pages[i] >> s & 1) == 0;
		}
		if (room)
			return slot;
	}
	return SLOTS;
}

static void check_room(
	const struct model *m, const struct vmm_layout *layout, struct rng *rng)
{
	unsigned pages = 1 + (unsigned)rng_below(rng, 9);
	unsigned align = 1u << rng_below(rng, 4);
	unsigned from = (unsigned)rng_below(rng, SLOTS);
	unsigned expected = model_room(m, pages, align, from);
	vmm_va_t va = 0;
	int err;

	err = vmm_layout_find_room(layout, (uint64_t)pages << VMM_PAGE_SHIFT,
		(uint64_t)align << VMM_PAGE_SHIFT, slot_va(from), UINT64_MAX,
		&va);
	CHECK_EQ(err, expected < SLOTS ? VMM_OK : VMM_ENOSPC);
	if (err == VMM_OK)
		CHECK_EQ(va, slot_va(expected));
}

static void null_write(void *ctx, const char *text, size_t size)
{
	(void)text;
	*(size_t *)ctx += size;
}

/* Checker, look-up, search and dump of many random tables. */
TEST(model_layout_agrees)
{
	struct rng rng = {test_seed};

	for (uint64_t round = 0; round < ROUNDS * test_factor; round++) {
		size_t written = 0;
		struct vmm_sink sink = {null_write, &written};
		struct vmm_layout layout;
		struct model m;

		make(&m, &rng);
		layout = vmm_layout_make(m.areas, m.count, 16);
		check_faults(&m, &layout);
		check_find(&m, &layout);
		for (unsigned i = 0; i < 4; i++)
			check_room(&m, &layout, &rng);
		vmm_layout_dump(&layout, &sink);
		CHECK(written > 0);
	}
}
