/* SPDX-License-Identifier: MIT */
/*
 * Text for the dump functions: numbers and padded words into a vmm_sink, with
 * no buffer and no format strings. Private to the library.
 */
#ifndef VMM_CORE_TEXT_H
#define VMM_CORE_TEXT_H

#include <vmm/port.h>

void vmm_text_str(const struct vmm_sink *sink, const char *text);
/* @text, then blanks up to @width. */
void vmm_text_pad(const struct vmm_sink *sink, const char *text, size_t width);
/* 0x and sixteen digits. */
void vmm_text_addr(const struct vmm_sink *sink, uint64_t value);
/* Decimal, right-justified in @width; 0 for no padding. */
void vmm_text_dec(const struct vmm_sink *sink, uint64_t value, size_t width);
/* A size in the largest unit that divides it: "64K", "2M", "1G", "300". */
void vmm_text_size(const struct vmm_sink *sink, uint64_t size, size_t width);
/* [first-last] of a range in hexadecimal. */
void vmm_text_range(const struct vmm_sink *sink, uint64_t base, uint64_t size);

#endif /* VMM_CORE_TEXT_H */
