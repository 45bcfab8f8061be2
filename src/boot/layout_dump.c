/* SPDX-License-Identifier: MIT */
/*
 * Layouts in words: the faults of one, and its table by address.
 */
#include "boot/layout_internal.h"

#include "core/bits.h"
#include "core/text.h"

void vmm_layout_put_name(
	const struct vmm_sink *sink, const struct vmm_layout_area *area)
{
	size_t size = 0;

	while (size < VMM_LAYOUT_NAME_SIZE && area->name[size] != '\0')
		size++;
	sink->write(sink->ctx, area->name, size);
}

/* A number and its unit; returns their width. */
static size_t put_number(
	const struct vmm_sink *sink, uint64_t number, const char *unit)
{
	size_t width = 1;

	vmm_text_dec(sink, number, 0);
	vmm_text_str(sink, unit);
	for (; number >= 10; number /= 10)
		width++;
	for (; *unit != '\0'; unit++)
		width++;
	return width;
}

static const char units[][8] = {
	" bytes", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};

/* The largest unit that divides a size. */
static unsigned exact_unit(uint64_t size)
{
	return size == 0 ? 0 : vmm_ctz(size) / 10;
}

/* A size exactly, "256 GiB". */
static size_t put_size(const struct vmm_sink *sink, uint64_t size)
{
	unsigned unit = exact_unit(size);

	return put_number(sink, size >> (10 * unit), units[unit]);
}

size_t vmm_layout_put_size(const struct vmm_sink *sink, uint64_t size)
{
	unsigned unit = 1;
	uint64_t tenths;
	size_t width;

	if (size >> (10 * exact_unit(size)) < 10000)
		return put_size(sink, size);
	/* What counts is at least 10000 bytes: there is a unit below it. */
	while (unit < 6 && size >> (10 * unit + 10) != 0)
		unit++;
	tenths = ((size >> (10 * unit - 10)) * 10 + 512) / 1024;
	vmm_text_str(sink, "~");
	if (tenths % 10 == 0)
		return 1 + put_number(sink, tenths / 10, units[unit]);
	width = 1 + put_number(sink, tenths / 10, ".");
	return width + put_number(sink, tenths % 10, units[unit]);
}

/* "userspace: 256 GiB at 0x..." */
static void put_area(
	const struct vmm_sink *sink, const struct vmm_layout_area *area)
{
	vmm_layout_put_name(sink, area);
	vmm_text_str(sink, ": ");
	(void)put_size(sink, area->size);
	vmm_text_str(sink, " at ");
	vmm_text_addr(sink, area->base);
}

static void put_align(
	const struct vmm_sink *sink, const struct vmm_layout_area *area)
{
	(void)put_size(sink, area->align != 0 ? area->align : VMM_PAGE_SIZE);
}

/* Faults of an area's ends, and of how it is aligned. */
static void put_alignment(const struct vmm_layout_area *area,
	const struct vmm_layout_fault *fault, const struct vmm_sink *sink)
{
	if (fault->kind == VMM_LAYOUT_EMPTY) {
		vmm_text_str(sink, " is empty");
		return;
	}
	if (fault->kind == VMM_LAYOUT_BAD_ALIGN) {
		vmm_text_str(sink, " asks for an alignment of ");
		put_align(sink, area);
		vmm_text_str(sink, ", no power of two from a page up");
		return;
	}
	if (fault->kind == VMM_LAYOUT_PA_MISALIGNED) {
		vmm_text_str(sink, " maps physical ");
		vmm_text_addr(sink, fault->address);
		vmm_text_str(sink, ", no multiple of ");
	} else if (fault->address == area->base) {
		vmm_text_str(sink, " does not start at a multiple of ");
	} else {
		vmm_text_str(sink, " does not end at a multiple of ");
	}
	put_align(sink, area);
}

static void put_wraps(
	const struct vmm_layout_fault *fault, const struct vmm_sink *sink)
{
	if (fault->kind == VMM_LAYOUT_PA_WRAPS) {
		vmm_text_str(sink, " maps physical ");
		vmm_text_addr(sink, fault->address);
		vmm_text_str(sink, " and on, which");
	}
	vmm_text_str(sink, " runs past 2^64 by ");
	(void)put_size(sink, fault->size);
}

static void put_noncanonical(const struct vmm_layout *layout,
	const struct vmm_layout_fault *fault, const struct vmm_sink *sink)
{
	vmm_text_str(sink, " has ");
	(void)put_size(sink, fault->size);
	vmm_text_str(sink, " from ");
	vmm_text_addr(sink, fault->address);
	vmm_text_str(sink, " on that are no ");
	vmm_text_dec(sink, layout->va_bits, 0);
	vmm_text_str(sink, "-bit addresses");
}

static void put_overlap(const struct vmm_layout *layout,
	const struct vmm_layout_fault *fault, const struct vmm_sink *sink)
{
	vmm_text_str(sink, " shares ");
	(void)put_size(sink, fault->size);
	vmm_text_str(sink, " from ");
	vmm_text_addr(sink, fault->address);
	vmm_text_str(sink, " on with ");
	vmm_layout_put_name(sink, &layout->areas[fault->other]);
}

static void put_unclaimed(
	const struct vmm_layout_fault *fault, const struct vmm_sink *sink)
{
	vmm_text_str(sink, " is the lowest area of the upper half, which"
			   " starts ");
	(void)put_size(sink, fault->size);
	vmm_text_str(sink, " below, at ");
	vmm_text_addr(sink, fault->address);
}

void vmm_layout_fault_dump(const struct vmm_layout *layout,
	const struct vmm_layout_fault *fault, const struct vmm_sink *sink)
{
	const struct vmm_layout_area *area;

	VMM_ASSERT(fault->row < layout->count);
	VMM_ASSERT(fault->other < layout->count);

	area = &layout->areas[fault->row];
	put_area(sink, area);
	if (fault->kind <= VMM_LAYOUT_PA_MISALIGNED)
		put_alignment(area, fault, sink);
	else if (fault->kind <= VMM_LAYOUT_PA_WRAPS)
		put_wraps(fault, sink);
	else if (fault->kind == VMM_LAYOUT_NONCANONICAL)
		put_noncanonical(layout, fault, sink);
	else if (fault->kind == VMM_LAYOUT_OVERLAP)
		put_overlap(layout, fault, sink);
	else
		put_unclaimed(fault, sink);
	vmm_text_str(sink, "\n");
}

/* The same for the size that does not fit in 64 bits. */
static size_t put_everything(const struct vmm_sink *sink)
{
	static const char text[] = "16 EiB";

	vmm_text_str(sink, text);
	return sizeof(text) - 1;
}

/*
 * One line of the table, up to where the name stands. Names line up behind all
 * usual sizes; the hole's is no use to anybody and left out.
 */
static void put_range(
	const struct vmm_sink *sink, vmm_va_t first, vmm_va_t last, bool sized)
{
	const size_t width = 9;
	uint64_t size = last - first + 1; /* 0: all 2^64 */
	size_t used = 0;

	vmm_text_range(sink, first, size);
	vmm_text_str(sink, " ");
	if (sized && size != 0)
		used = vmm_layout_put_size(sink, size);
	else if (sized)
		used = put_everything(sink);
	vmm_text_pad(sink, "", used < width ? width - used : 0);
	vmm_text_str(sink, " ");
}

/*
 * Print [first, last], which no area claims, with the hole set apart. With 64
 * bits there is none, and no halves to cut the gap into.
 */
static void put_gap(const struct vmm_layout *layout,
	const struct vmm_sink *sink, vmm_va_t first, vmm_va_t last)
{
	vmm_va_t low_last = vmm_layout_low_last(layout);
	vmm_va_t high_first = vmm_layout_high_first(layout);

	while (first <= last) {
		bool hole = first > low_last && first < high_first;
		vmm_va_t end = last;

		if (layout->va_bits < 64 && first <= low_last && end > low_last)
			end = low_last;
		else if (hole && end >= high_first)
			end = high_first - 1;
		put_range(sink, first, end, !hole);
		vmm_text_str(sink, hole ? "(no address)\n" : "(free)\n");
		if (end == UINT64_MAX)
			return;
		first = end + 1;
	}
}

static void put_row(
	const struct vmm_sink *sink, const struct vmm_layout_area *area)
{
	put_range(sink, area->base, vmm_layout_last(area), true);
	vmm_layout_put_name(sink, area);
	if ((area->flags & VMM_AREA_LINEAR) != 0) {
		vmm_text_str(sink, " -> ");
		vmm_text_addr(sink, area->pa);
	}
	if (!vmm_range_ok(area->base, area->size))
		vmm_text_str(sink, " (runs past 2^64)");
	vmm_text_str(sink, "\n");
}

/*
 * The row that comes after (base, row) in the order of bases, of rows where
 * bases are equal; count if there is none. Empty areas are no part of it.
 */
static size_t next_row(
	const struct vmm_layout *layout, const size_t *after, vmm_va_t base)
{
	size_t best = layout->count;

	for (size_t i = 0; i < layout->count; i++) {
		const struct vmm_layout_area *area = &layout->areas[i];

		if (area->size == 0)
			continue;
		if (after != NULL &&
			(area->base < base ||
				(area->base == base && i <= *after)))
			continue;
		if (best == layout->count ||
			area->base < layout->areas[best].base)
			best = i;
	}
	return best;
}

void vmm_layout_dump(
	const struct vmm_layout *layout, const struct vmm_sink *sink)
{
	vmm_va_t at = 0;  /* printed up to here */
	bool top = false; /* ... or all */
	size_t row = next_row(layout, NULL, 0);

	vmm_text_dec(sink, layout->va_bits, 0);
	vmm_text_str(sink, "-bit addresses, ");
	vmm_text_dec(sink, layout->count, 0);
	vmm_text_str(sink, layout->count == 1 ? " area\n" : " areas\n");
	while (row < layout->count) {
		const struct vmm_layout_area *area = &layout->areas[row];

		if (!top && area->base > at)
			put_gap(layout, sink, at, area->base - 1);
		put_row(sink, area);
		if (vmm_layout_last(area) == UINT64_MAX)
			top = true;
		else if (vmm_layout_last(area) + 1 > at)
			at = vmm_layout_last(area) + 1;
		row = next_row(layout, &row, area->base);
	}
	if (!top)
		put_gap(layout, sink, at, UINT64_MAX);
}
