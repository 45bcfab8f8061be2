/* SPDX-License-Identifier: MIT */
/*
 * What is at an address, in the words of the layout.
 */
#include "boot/layout_internal.h"

#include "core/text.h"

/* A number as people write addresses that are not full: 0x1234. */
static void put_hex(const struct vmm_sink *sink, uint64_t value)
{
	char digits[18];
	size_t at = sizeof(digits);

	do {
		unsigned digit = (unsigned)value & 15;

		digits[--at] =
			(char)(digit < 10 ? '0' + digit : 'a' + digit - 10);
		value >>= 4;
	} while (value != 0);
	digits[--at] = 'x';
	digits[--at] = '0';
	sink->write(sink->ctx, digits + at, sizeof(digits) - at);
}

/* The row that ends last below @va, or the count if nothing is below. */
static size_t row_below(const struct vmm_layout *layout, vmm_va_t va)
{
	size_t best = layout->count;

	for (size_t i = 0; i < layout->count; i++) {
		const struct vmm_layout_area *area = &layout->areas[i];

		if (area->size == 0 || vmm_layout_last(area) >= va)
			continue;
		if (best == layout->count ||
			vmm_layout_last(area) >
				vmm_layout_last(&layout->areas[best]))
			best = i;
	}
	return best;
}

/* Nothing is there. Most such pointers have run off the end of something. */
static void describe_gap(const struct vmm_layout *layout, vmm_va_t va,
	const struct vmm_sink *sink)
{
	const struct vmm_layout_area *area;
	size_t row = row_below(layout, va);

	vmm_text_str(sink, "nothing");
	if (row == layout->count)
		return;
	area = &layout->areas[row];
	/* What is below, but in the other half, has nothing to do with it. */
	if (va >= vmm_layout_high_first(layout) &&
		area->base < vmm_layout_high_first(layout))
		return;
	vmm_text_str(sink, ", ");
	put_hex(sink, va - vmm_layout_last(area) - 1);
	vmm_text_str(sink, " behind ");
	vmm_layout_put_name(sink, area);
}

void vmm_layout_describe(const struct vmm_layout *layout, vmm_va_t va,
	const struct vmm_sink *sink)
{
	const struct vmm_layout_area *area;
	uint64_t offset;
	size_t row;

	if (layout->va_bits < 64 && va > vmm_layout_low_last(layout) &&
		va < vmm_layout_high_first(layout)) {
		vmm_text_str(sink, "no ");
		vmm_text_dec(sink, layout->va_bits, 0);
		vmm_text_str(sink, "-bit address");
		return;
	}
	if (vmm_layout_find(layout, va, &row, &offset) != VMM_OK) {
		describe_gap(layout, va, sink);
		return;
	}
	area = &layout->areas[row];
	vmm_layout_put_name(sink, area);
	vmm_text_str(sink, " + ");
	put_hex(sink, offset);
	if ((area->flags & VMM_AREA_LINEAR) != 0) {
		vmm_text_str(sink, " = pa ");
		put_hex(sink, area->pa + offset);
	}
}
