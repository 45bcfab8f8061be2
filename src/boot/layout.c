/* SPDX-License-Identifier: MIT */
/*
 * Layouts: theory of operation
 *
 * 1. The space. With b bits of address there are two halves and a hole:
 *
 *	0           2^(b-1)                    2^64 - 2^(b-1)        2^64
 *	|-- lower --|.......... hole ..........|------- upper --------|
 *
 *    The upper half is the lower one's complement, so one number describes
 *    both. With b = 64 the hole is empty, and every comparison below still
 *    holds.
 *
 * 2. Ends. An area that runs past 2^64 is a fault, and exactly one: for all
 *    other tests it ends at 2^64. Ends are last bytes, never sums.
 *
 * 3. The checker looks at each row by itself, then at each pair. It has no
 *    memory to sort in; n^2 / 2 comparisons of a table of tens are nothing.
 *    Row by row also means that findings come in an order people can follow.
 *
 * 4. Finding room. The candidate starts low and is pushed upwards by whatever
 *    it collides with, an area or the hole. Each push goes beyond the end of
 *    one of them for good, so there are at most n + 1.
 */
#include "boot/layout_internal.h"

/* The findings of a check: counted all, stored as far as there is room. */
struct report {
	struct vmm_layout_fault *faults;
	size_t max;
	size_t count;
	bool bad; /* something worse than a remark */
};

static void add(struct report *report, struct vmm_layout_fault fault)
{
	if (report->count < report->max)
		report->faults[report->count] = fault;
	report->count++;
	report->bad |= fault.kind < VMM_LAYOUT_UNCLAIMED;
}

/* A finding about one row. */
static void add_row(struct report *report, uint32_t kind, size_t row,
	vmm_va_t address, uint64_t size)
{
	struct vmm_layout_fault fault = {
		.kind = kind,
		.row = (uint32_t)row,
		.other = (uint32_t)row,
		.address = address,
		.size = size,
	};

	add(report, fault);
}

static void check_align(
	const struct vmm_layout *layout, size_t row, struct report *report)
{
	const struct vmm_layout_area *area = &layout->areas[row];
	uint64_t align = area->align != 0 ? area->align : VMM_PAGE_SIZE;

	if (!vmm_is_pow2(align) || align < VMM_PAGE_SIZE) {
		add_row(report, VMM_LAYOUT_BAD_ALIGN, row, area->base, 0);
		return;
	}
	if (!vmm_is_aligned(area->base, align))
		add_row(report, VMM_LAYOUT_MISALIGNED, row, area->base, 0);
	else if (!vmm_is_aligned(area->size, align))
		add_row(report, VMM_LAYOUT_MISALIGNED, row,
			area->base + area->size, 0);
	if ((area->flags & VMM_AREA_LINEAR) != 0 &&
		!vmm_is_aligned(area->pa, align))
		add_row(report, VMM_LAYOUT_PA_MISALIGNED, row, area->pa, 0);
}

/* base + size, modulo 2^64, is how far a range that wraps goes beyond. */
static void check_wraps(
	const struct vmm_layout *layout, size_t row, struct report *report)
{
	const struct vmm_layout_area *area = &layout->areas[row];

	if (!vmm_range_ok(area->base, area->size))
		add_row(report, VMM_LAYOUT_WRAPS, row, area->base,
			area->base + area->size);
	if ((area->flags & VMM_AREA_LINEAR) != 0 &&
		!vmm_range_ok(area->pa, area->size))
		add_row(report, VMM_LAYOUT_PA_WRAPS, row, area->pa,
			area->pa + area->size);
}

/* The part of an area that lies in the hole is one piece, if any. */
static void check_canonical(
	const struct vmm_layout *layout, size_t row, struct report *report)
{
	const struct vmm_layout_area *area = &layout->areas[row];
	vmm_va_t first = vmm_layout_low_last(layout) + 1;
	vmm_va_t last = vmm_layout_high_first(layout) - 1;

	if (first < area->base)
		first = area->base;
	if (last > vmm_layout_last(area))
		last = vmm_layout_last(area);
	if (layout->va_bits < 64 && first <= last)
		add_row(report, VMM_LAYOUT_NONCANONICAL, row, first,
			last - first + 1);
}

static void check_overlaps(
	const struct vmm_layout *layout, size_t row, struct report *report)
{
	const struct vmm_layout_area *area = &layout->areas[row];

	for (size_t i = 0; i < row; i++) {
		const struct vmm_layout_area *other = &layout->areas[i];
		vmm_va_t first = area->base;
		vmm_va_t last = vmm_layout_last(area);
		struct vmm_layout_fault fault = {
			.kind = VMM_LAYOUT_OVERLAP,
			.row = (uint32_t)row,
			.other = (uint32_t)i,
		};

		if (other->size == 0)
			continue;
		if (first < other->base)
			first = other->base;
		if (last > vmm_layout_last(other))
			last = vmm_layout_last(other);
		if (first > last)
			continue;
		fault.address = first;
		fault.size = last - first + 1;
		add(report, fault);
	}
}

/* Does anything in the upper half lie at its very start? */
static void check_claimed(
	const struct vmm_layout *layout, struct report *report)
{
	vmm_va_t start = vmm_layout_high_first(layout);
	vmm_va_t lowest = UINT64_MAX;
	size_t row = layout->count;

	for (size_t i = 0; i < layout->count; i++) {
		const struct vmm_layout_area *area = &layout->areas[i];

		if (area->size == 0 || vmm_layout_last(area) < start)
			continue;
		if (row == layout->count || area->base < lowest) {
			lowest = area->base;
			row = i;
		}
	}
	if (row < layout->count && lowest > start)
		add_row(report, VMM_LAYOUT_UNCLAIMED, row, start,
			lowest - start);
}

static void assert_layout(const struct vmm_layout *layout)
{
	VMM_ASSERT(layout->areas != NULL || layout->count == 0);
	VMM_ASSERT((uint64_t)layout->count <= UINT32_MAX);
	VMM_ASSERT(layout->va_bits > VMM_PAGE_SHIFT);
	VMM_ASSERT(layout->va_bits <= 64);
}

int vmm_layout_check(const struct vmm_layout *layout,
	struct vmm_layout_fault *faults, size_t max, size_t *count_out)
{
	struct report report = {.faults = faults, .max = max};

	assert_layout(layout);
	VMM_ASSERT(faults != NULL || max == 0);

	for (size_t row = 0; row < layout->count; row++) {
		if (layout->areas[row].size == 0) {
			add_row(&report, VMM_LAYOUT_EMPTY, row,
				layout->areas[row].base, 0);
			continue;
		}
		check_align(layout, row, &report);
		check_wraps(layout, row, &report);
		check_canonical(layout, row, &report);
		check_overlaps(layout, row, &report);
	}
	check_claimed(layout, &report);
	*count_out = report.count;
	return report.bad ? VMM_EINVAL : VMM_OK;
}

int vmm_layout_find(const struct vmm_layout *layout, vmm_va_t va,
	size_t *row_out, uint64_t *offset_out)
{
	assert_layout(layout);

	for (size_t row = 0; row < layout->count; row++) {
		const struct vmm_layout_area *area = &layout->areas[row];

		if (area->size == 0 || va < area->base ||
			va > vmm_layout_last(area))
			continue;
		*row_out = row;
		*offset_out = va - area->base;
		return VMM_OK;
	}
	return VMM_ENOENT;
}

int vmm_layout_find_kind(const struct vmm_layout *layout,
	enum vmm_area_kind kind, size_t *row_out)
{
	assert_layout(layout);

	for (size_t row = 0; row < layout->count; row++) {
		if (layout->areas[row].kind == (uint32_t)kind) {
			*row_out = row;
			return VMM_OK;
		}
	}
	return VMM_ENOENT;
}

int vmm_layout_pa(
	const struct vmm_layout *layout, vmm_va_t va, vmm_pa_t *pa_out)
{
	uint64_t offset;
	size_t row;
	int err;

	err = vmm_layout_find(layout, va, &row, &offset);
	if (err)
		return err;
	if ((layout->areas[row].flags & VMM_AREA_LINEAR) == 0)
		return VMM_ENOTSUP;
	*pa_out = layout->areas[row].pa + offset;
	return VMM_OK;
}

/*
 * What keeps [va, va + size) from being free: the last byte of an area or of
 * the hole, which a candidate has to get behind. False if nothing does.
 */
static bool obstacle(const struct vmm_layout *layout, vmm_va_t va,
	uint64_t size, vmm_va_t *last)
{
	vmm_va_t va_last = vmm_range_last(va, size);

	if (layout->va_bits < 64 && va_last > vmm_layout_low_last(layout) &&
		va < vmm_layout_high_first(layout)) {
		*last = vmm_layout_high_first(layout) - 1;
		return true;
	}
	for (size_t row = 0; row < layout->count; row++) {
		const struct vmm_layout_area *area = &layout->areas[row];

		if (area->size != 0 && va <= vmm_layout_last(area) &&
			va_last >= area->base) {
			*last = vmm_layout_last(area);
			return true;
		}
	}
	return false;
}

int vmm_layout_find_room(const struct vmm_layout *layout, uint64_t size,
	uint64_t align, vmm_va_t first, vmm_va_t last, vmm_va_t *va_out)
{
	assert_layout(layout);

	if (size == 0 || !vmm_is_pow2(align))
		return VMM_EINVAL;
	/* n + 1 pushes at most; the look after the last one finds nothing. */
	for (size_t tries = 0; tries <= layout->count + 1; tries++) {
		vmm_va_t va = vmm_align_up(first, align);
		vmm_va_t end;

		if (va < first || va > last || size - 1 > last - va)
			return VMM_ENOSPC;
		if (!obstacle(layout, va, size, &end)) {
			*va_out = va;
			return VMM_OK;
		}
		if (end == UINT64_MAX)
			return VMM_ENOSPC;
		first = end + 1;
	}
	VMM_ASSERT(false);
	return VMM_ENOSPC;
}
