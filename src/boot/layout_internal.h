/* SPDX-License-Identifier: MIT */
/* What the sources of the layout module share. Private to the library. */
#ifndef VMM_BOOT_LAYOUT_INTERNAL_H
#define VMM_BOOT_LAYOUT_INTERNAL_H

#include <vmm/layout.h>

/* The last byte of an area that is not empty, cut off at 2^64. */
static inline vmm_va_t vmm_layout_last(const struct vmm_layout_area *area)
{
	return vmm_range_ok(area->base, area->size)
		       ? vmm_range_last(area->base, area->size)
		       : UINT64_MAX;
}

/* The last address of the lower half; the hole starts behind it. */
static inline vmm_va_t vmm_layout_low_last(const struct vmm_layout *layout)
{
	return (UINT64_C(1) << (layout->va_bits - 1)) - 1;
}

/* The first address of the upper half; with 64 bits there is no hole. */
static inline vmm_va_t vmm_layout_high_first(const struct vmm_layout *layout)
{
	return ~vmm_layout_low_last(layout);
}

/* The name of an area; layout_dump.c. It may fill its array unterminated. */
void vmm_layout_put_name(
	const struct vmm_sink *sink, const struct vmm_layout_area *area);

/*
 * A size as people say it, in at most four digits: exactly, "256 GiB", if some
 * unit allows it, else rounded to a tenth of the largest unit, "~63.8 PiB".
 * Beside it stand the addresses, which are exact. layout_dump.c; returns the
 * width that it took.
 */
size_t vmm_layout_put_size(const struct vmm_sink *sink, uint64_t size);

#endif /* VMM_BOOT_LAYOUT_INTERNAL_H */
