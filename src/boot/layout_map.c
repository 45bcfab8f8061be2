/* SPDX-License-Identifier: MIT */
/*
 * A layout as a picture in text.
 *
 * The picture is drawn downwards from the top of the address space. Areas and
 * gaps become boxes between rulers, and each ruler carries the first address
 * of the box above it. Where areas have kilobytes and petabytes in one space,
 * heights can only be logarithmic.
 */
#include "boot/layout_internal.h"

#include "core/bits.h"
#include "core/text.h"

#define ADDRESS_WIDTH 19 /* 0x, sixteen digits and a blank */
#define BOX_WIDTH     18 /* a name and a blank on either side */

enum box { BOX_AREA, BOX_FREE, BOX_HOLE };

static void put_blanks(const struct vmm_sink *sink, size_t count)
{
	vmm_text_pad(sink, "", count);
}

static void put_ruler(const struct vmm_sink *sink, vmm_va_t va)
{
	vmm_text_addr(sink, va);
	vmm_text_str(sink, " +------------------+\n");
}

/* One of the two sides of a box. */
static void put_edge(const struct vmm_sink *sink, enum box box)
{
	vmm_text_str(sink, box == BOX_AREA ? "|" : ":");
}

/* The line with the name in the middle and the size behind the box. */
static void put_label(const struct vmm_sink *sink, enum box box,
	const struct vmm_layout_area *area, uint64_t size)
{
	static const char hole[VMM_LAYOUT_NAME_SIZE] = "no addresses";
	const char *name = box == BOX_HOLE ? hole : "";
	size_t width = 0;

	if (box == BOX_AREA)
		name = area->name;
	while (width < VMM_LAYOUT_NAME_SIZE && name[width] != '\0')
		width++;
	put_edge(sink, box);
	put_blanks(sink, (BOX_WIDTH - width) / 2);
	sink->write(sink->ctx, name, width);
	put_blanks(sink, BOX_WIDTH - width - (BOX_WIDTH - width) / 2);
	put_edge(sink, box);
	if (box != BOX_HOLE) {
		vmm_text_str(sink, " ");
		(void)vmm_layout_put_size(sink, size);
	}
	if (box == BOX_FREE)
		vmm_text_str(sink, " free");
	if (box == BOX_AREA && (area->flags & VMM_AREA_LINEAR) != 0) {
		vmm_text_str(sink, " -> pa ");
		vmm_text_addr(sink, area->pa);
	}
	vmm_text_str(sink, "\n");
}

/* A box and the ruler below it. */
static void put_box(const struct vmm_sink *sink, enum box box,
	const struct vmm_layout_area *area, vmm_va_t first, vmm_va_t last)
{
	uint64_t size = last - first + 1; /* 0 for all of 64 bits */
	unsigned log2 = size != 0 ? vmm_log2(size) : 63;
	unsigned height = 1;

	/* A line more for each factor of 256 beyond a MiB. */
	if (box == BOX_AREA && log2 > 20)
		height += (log2 - 20) / 8;
	for (unsigned line = 0; line < height; line++) {
		put_blanks(sink, ADDRESS_WIDTH);
		if (line == (height - 1) / 2) {
			put_label(sink, box, area, size);
			continue;
		}
		put_edge(sink, box);
		put_blanks(sink, BOX_WIDTH);
		put_edge(sink, box);
		vmm_text_str(sink, "\n");
	}
	put_ruler(sink, first);
}

/* [first, last], which no area claims, downwards and with the hole apart. */
static void put_gap(const struct vmm_layout *layout,
	const struct vmm_sink *sink, vmm_va_t first, vmm_va_t last)
{
	vmm_va_t low_last = vmm_layout_low_last(layout);
	vmm_va_t high_first = vmm_layout_high_first(layout);

	for (;;) {
		bool hole = last > low_last && last < high_first;
		vmm_va_t from = first;

		if (last >= high_first && from < high_first)
			from = high_first;
		else if (hole && from <= low_last)
			from = low_last + 1;
		put_box(sink, hole ? BOX_HOLE : BOX_FREE, NULL, from, last);
		if (from == first)
			return;
		last = from - 1;
	}
}

/*
 * The row that comes after @after on the way down; count stands for the start
 * and the end. The order is that of the last bytes: of areas that overlap, by
 * mistake, the one that ends higher comes first and hides no gap.
 */
static size_t row_down(const struct vmm_layout *layout, size_t after)
{
	const struct vmm_layout_area *areas = layout->areas;
	size_t best = layout->count;

	for (size_t i = 0; i < layout->count; i++) {
		vmm_va_t last = vmm_layout_last(&areas[i]);

		if (areas[i].size == 0)
			continue;
		if (after != layout->count &&
			(last > vmm_layout_last(&areas[after]) ||
				(last == vmm_layout_last(&areas[after]) &&
					i <= after)))
			continue;
		if (best == layout->count ||
			last > vmm_layout_last(&areas[best]))
			best = i;
	}
	return best;
}

void vmm_layout_map_dump(
	const struct vmm_layout *layout, const struct vmm_sink *sink)
{
	vmm_va_t at = UINT64_MAX; /* the highest address not drawn yet */
	bool bottom = false;	  /* ... or none is left */
	size_t row = row_down(layout, layout->count);

	put_ruler(sink, UINT64_MAX);
	while (row != layout->count) {
		const struct vmm_layout_area *area = &layout->areas[row];
		vmm_va_t last = vmm_layout_last(area);

		if (!bottom && last < at)
			put_gap(layout, sink, last + 1, at);
		put_box(sink, BOX_AREA, area, area->base, last);
		if (area->base == 0)
			bottom = true;
		else if (area->base - 1 < at)
			at = area->base - 1;
		row = row_down(layout, row);
	}
	if (!bottom)
		put_gap(layout, sink, 0, at);
}
