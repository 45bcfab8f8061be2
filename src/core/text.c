/* SPDX-License-Identifier: MIT */
#include "core/text.h"

/* 2^64 - 1 has 20 decimal digits; a unit letter makes it 21. */
#define DIGITS_MAX 21

static size_t length(const char *text)
{
	size_t n = 0;

	while (text[n] != '\0')
		n++;
	return n;
}

static void blanks(const struct vmm_sink *sink, size_t count)
{
	for (; count > 0; count--)
		sink->write(sink->ctx, " ", 1);
}

void vmm_text_str(const struct vmm_sink *sink, const char *text)
{
	sink->write(sink->ctx, text, length(text));
}

void vmm_text_pad(const struct vmm_sink *sink, const char *text, size_t width)
{
	size_t n = length(text);

	sink->write(sink->ctx, text, n);
	blanks(sink, n < width ? width - n : 0);
}

void vmm_text_addr(const struct vmm_sink *sink, uint64_t value)
{
	char out[18] = "0x";

	for (unsigned i = 0; i < 16; i++)
		out[2 + i] = "0123456789abcdef"[(value >> (60 - 4 * i)) & 15];
	sink->write(sink->ctx, out, sizeof(out));
}

static void number(
	const struct vmm_sink *sink, uint64_t value, char unit, size_t width)
{
	char out[DIGITS_MAX];
	size_t at = sizeof(out);
	size_t n;

	if (unit != '\0')
		out[--at] = unit;
	do {
		out[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	n = sizeof(out) - at;
	blanks(sink, n < width ? width - n : 0);
	sink->write(sink->ctx, out + at, n);
}

void vmm_text_dec(const struct vmm_sink *sink, uint64_t value, size_t width)
{
	number(sink, value, '\0', width);
}

void vmm_text_size(const struct vmm_sink *sink, uint64_t size, size_t width)
{
	static const char units[] = {'\0', 'K', 'M', 'G', 'T', 'P', 'E'};
	unsigned unit = 0;

	while (size != 0 && size % 1024 == 0 && unit + 1 < sizeof(units)) {
		size /= 1024;
		unit++;
	}
	number(sink, size, units[unit], width);
}

void vmm_text_range(const struct vmm_sink *sink, uint64_t base, uint64_t size)
{
	vmm_text_str(sink, "[");
	vmm_text_addr(sink, base);
	vmm_text_str(sink, "-");
	vmm_text_addr(sink, vmm_range_last(base, size));
	vmm_text_str(sink, "]");
}
