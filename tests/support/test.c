/* SPDX-License-Identifier: MIT */
#include "support/test.h"

/* The linker makes these two from the name of the section. */
extern const struct test __start_vmm_tests[];
extern const struct test __stop_vmm_tests[];

uint64_t test_seed = 1;
uint64_t test_factor = 1;
static const char *current = "none";

static size_t length(const char *text)
{
	size_t n = 0;

	while (text[n] != '\0')
		n++;
	return n;
}

static bool same(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

void test_puts(const char *text)
{
	test_write(text, length(text));
}

void test_put_dec(uint64_t value)
{
	char out[20];
	size_t at = sizeof(out);

	do {
		out[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	test_write(out + at, sizeof(out) - at);
}

void test_put_hex(uint64_t value)
{
	char out[18];

	out[0] = '0';
	out[1] = 'x';
	for (unsigned i = 0; i < 16; i++)
		out[2 + i] = "0123456789abcdef"[(value >> (60 - 4 * i)) & 15];
	test_write(out, sizeof(out));
}

static void sink_write(void *ctx, const char *text, size_t size)
{
	(void)ctx;
	test_write(text, size);
}

const struct vmm_sink test_sink = {sink_write, NULL};

static void text_write(void *ctx, const char *text, size_t size)
{
	struct test_text *into = ctx;

	CHECK(size < into->size - into->used);
	for (size_t i = 0; i < size; i++)
		into->text[into->used++] = text[i];
	into->text[into->used] = '\0';
}

struct vmm_sink test_text_sink(struct test_text *into, char *text, size_t size)
{
	into->text = text;
	into->size = size;
	into->used = 0;
	text[0] = '\0';
	return (struct vmm_sink){text_write, into};
}

bool test_text_has(const struct test_text *text, const char *needle)
{
	size_t n = length(needle);

	for (size_t at = 0; at + n <= text->used; at++) {
		size_t i = 0;

		while (i < n && text->text[at + i] == needle[i])
			i++;
		if (i == n)
			return true;
	}
	return false;
}

_Noreturn void test_fail(const char *file, int line, const char *text)
{
	test_puts("FAIL ");
	test_puts(current);
	test_puts(": ");
	test_puts(file);
	test_puts(":");
	test_put_dec((uint64_t)line);
	test_puts(": ");
	test_puts(text);
	test_puts(" (seed ");
	test_put_dec(test_seed);
	test_puts(")\n");
	test_exit(1);
}

void test_check_eq(
	uint64_t a, uint64_t b, const char *file, int line, const char *text)
{
	if (a == b)
		return;
	test_put_hex(a);
	test_puts(" != ");
	test_put_hex(b);
	test_puts("\n");
	test_fail(file, line, text);
}

uint64_t test_digest(uint64_t digest, const void *data, size_t size)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < size; i++)
		digest = (digest ^ bytes[i]) * UINT64_C(0x100000001b3);
	return digest;
}

static uint64_t parse(const char *text)
{
	uint64_t value = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		value = value * 10 + (uint64_t)(*text - '0');
	return value;
}

static bool wanted(const char *name, int argc, char **argv)
{
	bool any = false;

	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-') {
			i++;
			continue;
		}
		any = true;
		if (same(argv[i], name))
			return true;
	}
	return !any;
}

int test_main(int argc, char **argv)
{
	uint64_t count = 0;

	for (int i = 1; i + 1 < argc; i++) {
		if (same(argv[i], "-s"))
			test_seed = parse(argv[i + 1]);
		if (same(argv[i], "-n"))
			test_factor = parse(argv[i + 1]);
	}
	for (const struct test *t = __start_vmm_tests; t < __stop_vmm_tests;
		t++) {
		if (!wanted(t->name, argc, argv))
			continue;
		current = t->name;
		t->run();
		count++;
		test_puts("ok ");
		test_puts(t->name);
		test_puts("\n");
	}
	/* A program that ran nothing has shown nothing. */
	if (count == 0)
		test_fail(__FILE__, __LINE__, "no test of that name");
	test_put_dec(count);
	test_puts(" passed, 0 failed\n");
	return 0;
}
