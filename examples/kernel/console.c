/* SPDX-License-Identifier: MIT */
#include "console.h"

#include "machine.h"

#include <stdarg.h>

static void put(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		machine_put(text[i]);
}

static void put_string(const char *text)
{
	for (; *text != '\0'; text++)
		machine_put(*text);
}

static void put_number(uint64_t value)
{
	char out[20];
	size_t at = sizeof(out);

	do {
		out[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	put(out + at, sizeof(out) - at);
}

static void put_address(uint64_t value)
{
	put_string("0x");
	for (int shift = 60; shift >= 0; shift -= 4)
		machine_put("0123456789abcdef"[(value >> shift) & 15]);
}

static void print_list(const char *format, va_list list)
{
	for (; *format != '\0'; format++) {
		if (*format != '%') {
			machine_put(*format);
			continue;
		}
		format++;
		if (*format == 's')
			put_string(va_arg(list, const char *));
		else if (*format == 'u')
			put_number(va_arg(list, uint64_t));
		else if (*format == 'x')
			put_address(va_arg(list, uint64_t));
		else
			machine_put('%');
	}
}

void print(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	print_list(format, list);
	va_end(list);
}

void fail(const char *format, ...)
{
	va_list list;

	print("kernel: FAILED: ");
	va_start(list, format);
	print_list(format, list);
	va_end(list);
	print("\n");
	machine_off(false);
}

void succeed(const char *mode, bool hold)
{
	print("kernel: %s ok\n", mode);
	if (hold)
		machine_hold();
	machine_off(true);
}

static void sink_write(void *ctx, const char *text, size_t size)
{
	(void)ctx;
	put(text, size);
}

struct vmm_sink console(void)
{
	struct vmm_sink sink;

	sink.write = sink_write;
	sink.ctx = NULL;
	return sink;
}
